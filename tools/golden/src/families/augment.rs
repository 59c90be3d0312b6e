//! `augment/`: operations on images with fixed parameters, as torchvision and PIL do them.

use anyhow::{Context, Result, bail, ensure};
use lzn_data::transform::{self, Rectangle};
use lzn_resize::{Filter, Resampler, Resize};
use ndarray::{Array3, ArrayViewMut3, Ix3};
use serde::Deserialize;

use super::text::number_after;
use crate::{Case, Checks, Family, Line};

/// How far floats may be off, in levels of 0..=255.
const LEVELS: f64 = 1e-3;

/// The share of bytes that may be off by one level; none may by more.
const SHARE: f64 = 0.05;

/// The family of this file.
#[derive(Debug)]
pub(super) struct Augment;

/// One operation and its parameters.
#[derive(Debug, Deserialize)]
struct Operation {
    /// Name of the tensor that holds the result.
    name: String,
    op: String,
    #[serde(flatten)]
    parameters: serde_json::Map<String, serde_json::Value>,
}

impl Family for Augment {
    fn name(&self) -> &'static str {
        "augment"
    }

    fn run(&self, case: &Case) -> Result<Vec<Line>> {
        let input = image(case, "input")?.mapv(|level| level as u8);
        let operations: Vec<Operation> = case.get("cases")?;
        let line = |operation: &Operation| {
            let outcome = operation.compare(case, &input);
            outcome.unwrap_or_else(|error| Line::broken(self.name(), &operation.name, format!("{error:#}")))
        };
        Ok(operations.iter().map(line).collect())
    }
}

enum Output {
    Bytes(Array3<u8>),
    Floats(Array3<f32>),
}

impl Operation {
    fn get<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<T> {
        let value = self.parameters.get(key).with_context(|| format!("no key `{key}`"))?;
        serde_json::from_value(value.clone()).with_context(|| format!("key `{key}`"))
    }

    fn compare(&self, case: &Case, input: &Array3<u8>) -> Result<Line> {
        let expected = image(case, &self.name)?;
        let mut checks = Checks::new("host");
        match self.apply(input)? {
            Output::Bytes(got) => checks.note("bytes", share_off(&got, &expected), SHARE),
            Output::Floats(got) => checks.note("levels", largest(&got.mapv(f64::from), &expected), LEVELS),
        }
        Ok(checks.line(&case.family, &self.name))
    }

    fn apply(&self, input: &Array3<u8>) -> Result<Output> {
        let (_, height, width) = input.dim();
        let changed = |change: &dyn Fn(ArrayViewMut3<'_, u8>)| {
            let mut image = input.clone();
            change(image.view_mut());
            image
        };
        let factor = || self.get::<f64>("factor");
        let side = |before| Ok::<usize, anyhow::Error>(number_after(&self.op, before)? as usize);
        Ok(Output::Bytes(match self.op.as_str() {
            "brightness" => factor().map(|factor| changed(&|image| transform::brightness(image, factor)))?,
            "contrast" => factor().map(|factor| changed(&|image| transform::contrast(image, factor)))?,
            "saturation" => factor().map(|factor| changed(&|image| transform::saturation(image, factor)))?,
            "hue" => factor().map(|factor| changed(&|image| transform::hue(image, factor)))?,
            "grey to 3 channels" => changed(&transform::grey),
            "flip" => changed(&transform::flip_horizontally),
            "gaussian blur" => {
                let (kernel, sigma) = (self.get("kernel")?, self.get("sigma")?);
                changed(&|image| transform::gaussian_blur(image, kernel, sigma))
            }
            "crop then PIL bilinear resize" => {
                let [top, left, height, width] =
                    [self.get("top")?, self.get("left")?, self.get("height")?, self.get("width")?];
                let part = Rectangle { top, left, height, width };
                transform::resized_crop(input.view(), part, [self.get("size")?; 2])?
            }
            op if op.starts_with("Resize(") => transform::resize_shorter_side(input.view(), side("Resize(")?)?,
            op if op.starts_with("CenterCrop(") => {
                transform::centre_crop(input.view(), [side("CenterCrop(")?; 2]).to_owned()
            }
            "PIL resize uint8" => {
                let resize = Resize::PillowBytes(filter(&self.get::<String>("filter")?)?);
                Resampler::new(resize, [height, width], [self.get("height")?, self.get("width")?])?
                    .bytes(input.view())?
            }
            op if op.starts_with("clean-fid style") => {
                ensure!(op.contains("bicubic"), "`{op}` names no filter that is known here");
                let size = [self.get("height")?, self.get("width")?];
                let resampler = Resampler::new(Resize::PillowFloat(Filter::Bicubic), [height, width], size)?;
                return Ok(Output::Floats(resampler.floats(input.mapv(f32::from).view())?));
            }
            op => bail!("there is no operation `{op}`"),
        }))
    }
}

fn filter(name: &str) -> Result<Filter> {
    Ok(match name {
        "box" => Filter::Box,
        "bilinear" => Filter::Bilinear,
        "bicubic" => Filter::Bicubic,
        "lanczos" => Filter::Lanczos,
        other => bail!("there is no filter `{other}`"),
    })
}

/// An image that the case stores as `[H, W, C]`, as `[C, H, W]`.
fn image(case: &Case, name: &str) -> Result<Array3<f64>> {
    let stored = case.numbers(name)?;
    let shape = stored.shape().to_vec();
    let image = stored.into_dimensionality::<Ix3>().with_context(|| format!("`{name}` has shape {shape:?}"))?;
    Ok(image.permuted_axes([2, 0, 1]).as_standard_layout().into_owned())
}

/// The share of bytes that are not as expected; infinite when one is off by more than a level, or the shapes differ.
fn share_off(got: &Array3<u8>, expected: &Array3<f64>) -> f64 {
    let got = got.mapv(f64::from);
    if largest(&got, expected) > 1.0 {
        return f64::INFINITY;
    }
    let off = got.iter().zip(expected).filter(|(got, expected)| got != expected).count();
    off as f64 / expected.len().max(1) as f64
}

/// The largest difference; infinite when the shapes differ.
fn largest(got: &Array3<f64>, expected: &Array3<f64>) -> f64 {
    if got.dim() != expected.dim() {
        return f64::INFINITY;
    }
    got.iter().zip(expected).map(|(got, expected)| (got - expected).abs()).fold(0.0, f64::max)
}
