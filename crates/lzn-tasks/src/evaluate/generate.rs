//! Images to be judged, drawn piece by piece.

use std::ops::Range;

use lzn_data::Dataset;
use lzn_flow::{ErrorControl, Sampler};
use ndarray::{Array4, Axis};
use serde_json::json;

use super::classify::order;
use super::{Parts, Progress};
use crate::TaskError;
use crate::model::{IMAGE, LABEL, Lzn};
use crate::pictures::{array, by_label};
use crate::task::{Input, Task, TaskOptions, Zoning};

/// Images of one piece: what is lost at most when an evaluation is interrupted.
const PIECE: usize = 500;

/// A sampler under the name that reports give it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NamedSampler(pub Sampler);

impl NamedSampler {
    /// The published pair: Euler with 10 steps, and RK45 with tolerances of 1e-5 (paper, Appendix C.3). Every image has its own step
    /// size here, so that it does not depend on its batch.
    pub const PUBLISHED: [Self; 2] = [
        Self(Sampler::Euler { steps: 10 }),
        Self(Sampler::Rk45 { rtol: 1e-5, atol: 1e-5, control: ErrorControl::PerSample }),
    ];

    /// `euler-10`, `heun-20`, `rk45`, `rk45-1e-3`.
    pub fn name(self) -> String {
        match self.0 {
            Sampler::Euler { steps } => format!("euler-{steps}"),
            Sampler::Heun { steps } => format!("heun-{steps}"),
            Sampler::Rk45 { rtol: 1e-5, .. } => "rk45".to_owned(),
            Sampler::Rk45 { rtol, .. } => format!("rk45-{rtol:e}"),
        }
    }
}

impl std::str::FromStr for NamedSampler {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no sampler: write euler-STEPS, heun-STEPS, rk45 or rk45-TOLERANCE");
        let (method, setting) = text.split_once('-').map_or((text, None), |(method, rest)| (method, Some(rest)));
        let steps = || setting.and_then(|steps| steps.parse().ok()).filter(|steps| *steps > 0).ok_or_else(wrong);
        let tolerance = || match setting {
            None => Ok(1e-5),
            Some(text) => {
                text.parse().ok().filter(|tolerance: &f64| tolerance.is_finite() && *tolerance > 0.0).ok_or_else(wrong)
            }
        };
        Ok(Self(match method {
            "euler" => Sampler::Euler { steps: steps()? },
            "heun" => Sampler::Heun { steps: steps()? },
            "rk45" => {
                let tolerance = tolerance()?;
                Sampler::Rk45 { rtol: tolerance, atol: tolerance, control: ErrorControl::PerSample }
            }
            _ => return Err(wrong()),
        }))
    }
}

/// Images, and the labels that they were asked for.
#[derive(Debug)]
pub struct Generated {
    /// `[n, C, H, W]` uint8.
    pub images: Array4<u8>,
    /// Labels of the images; none when nothing in the model takes labels.
    pub labels: Option<Vec<i64>>,
}

/// How images are drawn.
#[derive(Debug, Clone, Copy)]
pub struct GenerateOptions {
    /// How many.
    pub count: usize,
    /// Integration.
    pub sampler: NamedSampler,
    /// Images that go through the decoder together; changes speed and memory alone.
    pub batch_size: usize,
    /// Seed of all noise.
    pub seed: u64,
}

/// Draws images: image `i` is a function of the seed and `i` alone. A model that knows labels is asked for those of the training
/// images, as published: so many of each class as the data has (paper, Appendix E.3). `model_digest` says whose images the kept pieces
/// are.
///
/// # Errors
/// [`TaskError`] without a decoder, or if a piece cannot be kept.
pub fn generate(
    model: &Lzn,
    train: &dyn Dataset,
    options: &GenerateOptions,
    model_digest: &str,
    parts: &Parts,
    progress: &dyn Progress,
) -> Result<Generated, TaskError> {
    let labels = labels(model, train, options.count)?;
    progress.begin(&format!("drawing images with {}", options.sampler.name()), options.count);
    let mut pieces = Vec::new();
    for first in (0..options.count).step_by(PIECE) {
        let rows = PIECE.min(options.count - first);
        let labels = labels.as_ref().map(|labels| &labels[first..first + rows]);
        let key = json!([model_digest, options.sampler.0, options.seed, first, rows, labels]);
        let name = format!("samples-{}/{first:06}", options.sampler.name());
        pieces.push(parts.images(&name, &key, || draw(model, labels, first..first + rows, options))?);
        progress.advance(rows);
    }
    let views: Vec<_> = pieces.iter().map(|piece| piece.view()).collect();
    // All pieces have the model's shape: they differ in their number of images alone.
    let images = ndarray::concatenate(Axis(0), &views).unwrap_or_else(|_| Array4::zeros((0, 0, 0, 0)));
    Ok(Generated { images, labels })
}

/// Draws the images of these numbers, of these labels if there are any, else from the prior.
pub(super) fn draw(
    model: &Lzn,
    labels: Option<&[i64]>,
    numbers: Range<usize>,
    options: &GenerateOptions,
) -> Result<Array4<u8>, TaskError> {
    let how = TaskOptions {
        seed: options.seed,
        first: numbers.start as u64,
        batch_size: options.batch_size,
        sampler: options.sampler.0,
        noise_scale: 1.0,
        zoning: Zoning::Batch,
        ..TaskOptions::default()
    };
    let (task, input) = match labels {
        Some(labels) => (Task::from_to(LABEL, IMAGE), Input::from(labels)),
        None => (Task::drawing(), Input::from(numbers.len())),
    };
    array(model.run(&task, &[input], &how)?.rows()?)
}

fn labels(model: &Lzn, train: &dyn Dataset, count: usize) -> Result<Option<Vec<i64>>, TaskError> {
    if !by_label(model) {
        return Ok(None);
    }
    let order = order(train);
    let labels = order.iter().cycle().take(count).map(|&index| Ok(train.label(index)?.unwrap_or(0)));
    labels.collect::<Result<_, TaskError>>().map(Some)
}
