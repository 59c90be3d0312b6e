//! The pictures that a run leaves.

use std::io::{BufRead, BufReader};
use std::path::Path;

use lzn_eval::Drawing;
use lzn_eval::grid::{GridOptions, image_grid};
use lzn_eval::plot::{Curves, Panel, Range};
use lzn_flow::Sampler;
use ndarray::{Array4, ArrayView4, Axis};
use tch::{Device, Tensor};

use crate::TaskError;
use crate::config::EvaluateConfig;
use crate::model::{IMAGE, LABEL, Lzn};
use crate::run::RunError;
use crate::task::{Task, TaskOptions};

/// Samples of every class, one row each, as PNG; draws from the prior if the model knows no labels.
///
/// # Errors
/// [`TaskError`] if the model cannot draw.
pub fn sample_grid(model: &Lzn, names: &[String], config: &EvaluateConfig, seed: u64) -> Result<Vec<u8>, TaskError> {
    let sampler = Sampler::Heun { steps: config.sampler_steps };
    let options = TaskOptions { seed, batch_size: 40, sampler, ..TaskOptions::default() };
    if !by_label(model) {
        let images = model.run(&Task::drawing(), &[(config.samples * 10).into()], &options)?;
        return grid(array(images.rows()?)?.view(), config.samples, &[]);
    }
    let labels: Vec<i64> =
        (0..names.len() as i64).flat_map(|label| std::iter::repeat_n(label, config.samples)).collect();
    let images = model.run(&Task::from_to(LABEL, IMAGE), &[labels.as_slice().into()], &options)?;
    grid(array(images.rows()?)?.view(), config.samples, names)
}

/// Whether what a model draws can be asked for by label.
pub fn by_label(model: &Lzn) -> bool {
    model.label_conditional() || model.labels().is_some()
}

/// Images `[n, C, H, W]` in rows of `columns`, as PNG; `names` label the rows unless there are none.
///
/// # Errors
/// [`TaskError::Eval`] if there are no images, or other than grey or colour ones.
pub fn grid(images: ArrayView4<'_, u8>, columns: usize, names: &[String]) -> Result<Vec<u8>, TaskError> {
    let size = images.shape()[3] as u32;
    let row_labels = (!names.is_empty()).then_some(names);
    let options = GridOptions { row_labels, ..GridOptions::for_size(size) };
    Ok(image_grid(images, columns, &options)?.to_png()?)
}

/// Writes every image to a file of its own, `CLASS-NUMBER.png`, numbered from `first` in each row of `columns`.
///
/// # Errors
/// [`TaskError`] names the file that cannot be written.
pub fn files(
    folder: &Path,
    images: ArrayView4<'_, u8>,
    columns: usize,
    names: &[String],
    first: u64,
) -> Result<(), TaskError> {
    std::fs::create_dir_all(folder).map_err(RunError::io(folder))?;
    let options = GridOptions { gap: 0, scale: 1, ..GridOptions::default() };
    for (i, image) in images.axis_iter(Axis(0)).enumerate() {
        let row = names.get(i / columns).map_or_else(|| (i / columns).to_string(), |name| file_name(name));
        let path = folder.join(format!("{row}-{:04}.png", first + (i % columns) as u64));
        write(&path, &image_grid(image.insert_axis(Axis(0)), 1, &options)?.to_png()?)?;
    }
    Ok(())
}

fn file_name(class: &str) -> String {
    class.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// Writes bytes to a file.
///
/// # Errors
/// [`TaskError::Run`] names it.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), TaskError> {
    Ok(std::fs::write(path, bytes).map_err(RunError::io(path))?)
}

/// Draws the losses and accuracies in a run's records to `curves.png`; nothing if there are none yet.
///
/// # Errors
/// [`TaskError`] if the records cannot be read or the picture cannot be written.
pub fn curves(run: &Path) -> Result<(), TaskError> {
    match training_curves(run)? {
        Some(drawing) => write(&run.join("curves.png"), &drawing.to_png()?),
        None => Ok(()),
    }
}

/// The losses and accuracies in a run's records; none if there are no records yet.
///
/// # Errors
/// [`TaskError`] if the records cannot be read.
pub fn training_curves(run: &Path) -> Result<Option<Drawing>, TaskError> {
    let records = records(run)?;
    let series = |name: &str| -> Vec<(f64, f64)> {
        records.iter().filter_map(|r| Some((r.get("step")?.as_f64()?, r.get(name)?.as_f64()?))).collect()
    };
    let mut picture = None;
    for (title, axis, names) in [
        ("Rectified Flow", "mean squared error", ["train/rectified_flow"].as_slice()),
        ("Alignment of images with labels", "loss", ["train/align/image-label"].as_slice()),
        ("Alignment of two views", "loss", &["train/align/image-view"]),
        ("Accuracy", "share of images", ["train/accuracy/batch", "test/accuracy"].as_slice()),
    ] {
        let lines = names.iter().map(|name| (*name, series(name))).filter(|(_, points)| !points.is_empty());
        let mut panel = Panel::new(title, axis);
        let mut drawn = false;
        for (name, points) in lines {
            panel = panel.line(label(name), points);
            drawn = true;
        }
        if title == "Accuracy" {
            panel = panel.range(Range::Fixed(0.0, 1.0));
        }
        if drawn {
            picture = Some(picture.unwrap_or_else(|| Curves::new("training step")).panel(panel));
        }
    }
    Ok(picture.map(|picture| picture.draw()).transpose()?)
}

fn label(name: &str) -> &str {
    match name {
        "train/accuracy/batch" => "training batches",
        "test/accuracy" => "test images",
        _ => "training batches ",
    }
}

/// The newest value of a name in a run's records.
///
/// # Errors
/// [`TaskError::Run`] if the records cannot be read.
pub fn last_value(run: &Path, name: &str) -> Result<Option<f64>, TaskError> {
    Ok(records(run)?.iter().rev().find_map(|record| record.get(name)?.as_f64()))
}

/// All records of a run, in their order; lines that were cut off are left out.
pub(crate) fn records(run: &Path) -> Result<Vec<serde_json::Value>, TaskError> {
    let path = run.join("metrics.jsonl");
    let file = std::fs::File::open(&path).map_err(RunError::io(&path))?;
    let lines = BufReader::new(file).lines().collect::<Result<Vec<_>, _>>().map_err(RunError::io(&path))?;
    Ok(lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// Images `[n, C, H, W]` uint8 of a tensor as an array.
///
/// # Errors
/// [`TaskError::Tch`] for a tensor of another kind or shape.
pub fn array(images: &Tensor) -> Result<Array4<u8>, TaskError> {
    let (n, c, h, w) = images.size4()?;
    let bytes: Vec<u8> = images.to_device(Device::Cpu).contiguous().view([-1]).try_into()?;
    let shape = (n as usize, c as usize, h as usize, w as usize);
    // The length is the product of the shape, both taken from one tensor.
    Ok(Array4::from_shape_vec(shape, bytes).unwrap_or_else(|_| Array4::zeros(shape)))
}
