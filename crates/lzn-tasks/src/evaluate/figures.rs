//! The pictures of a report.

use lzn_eval::grid::{self, GridOptions, image_grid};
use lzn_eval::plot::{Curves, Panel, Scatter, ZoneMap};
use lzn_eval::projection::pca;
use lzn_eval::report::Figure;
use ndarray::{Array2, ArrayView4, s};
use tch::{Device, Tensor};

use super::accuracy::{SweepPoint, weighing};
use super::generate::{Generated, NamedSampler};
use super::interpolate::interpolate;
use super::reconstruct::Reconstructions;
use super::{ClassWeights, Encoded};
use crate::TaskError;
use crate::config::Decision;
use crate::data::matrix;
use crate::model::{Lzn, Weights};

/// Images of a row of samples, and rows where there are no classes.
const COLUMNS: usize = 10;

/// Test images on the map of latents.
const POINTS: usize = 1_500;

/// Rows and columns of the map of zones.
const CELLS: (usize, usize) = (70, 110);

/// Drawn images, a row for each class.
pub(super) fn samples(weights: &Weights, generated: &Generated, sampler: NamedSampler) -> Result<Figure, TaskError> {
    let shape = generated.images.dim();
    let options = GridOptions::for_size(shape.3 as u32);
    let (images, rows) = match &generated.labels {
        Some(labels) => {
            let of_class = |class: usize| {
                let mine = labels.iter().enumerate().filter(move |(_, label)| **label == class as i64);
                mine.map(|(index, _)| index).take(COLUMNS).collect::<Vec<_>>()
            };
            let chosen: Vec<Vec<usize>> = (0..weights.class_names.len()).map(of_class).collect();
            let full = chosen.iter().all(|row| row.len() == COLUMNS);
            (chosen.concat(), full.then_some(weights.class_names.as_slice()))
        }
        None => ((0..shape.0.min(COLUMNS * COLUMNS)).collect(), None),
    };
    let chosen = generated.images.select(ndarray::Axis(0), &images);
    let options = GridOptions { row_labels: rows, ..options };
    let caption = format!(
        "Drawn with {}; not chosen: the first of each class in the order in which they were drawn.",
        sampler.name()
    );
    Ok(Figure::new("samples", "Samples", image_grid(chosen.view(), COLUMNS, &options)?).caption(caption))
}

/// Paths between latents.
pub(super) fn interpolations(model: &Lzn, sampler: NamedSampler, seed: u64) -> Result<Figure, TaskError> {
    let images = interpolate(model, (6, COLUMNS), &sampler.0, seed)?;
    let options = GridOptions::for_size(images.dim().3 as u32);
    let what = if model.encoder().is_some() {
        "Each row goes from one latent to another along a great circle; the noise of the image stays the same."
    } else {
        "Each row goes from one noise to another along a great circle; the model has no latents."
    };
    let figure = Figure::new("interpolations", "Interpolations", image_grid(images.view(), COLUMNS, &options)?);
    Ok(figure.caption(what))
}

/// Originals above what came back.
pub(super) fn reconstructions(found: &Reconstructions) -> Result<Figure, TaskError> {
    let [originals, back] = [found.first.shown[0].images(), found.first.shown[1].images()];
    let drawing = grid::reconstructions(originals.view(), back.view(), 12)?;
    let caption = "Test images, and below each what the decoder makes of its latent and its inverted noise.";
    Ok(Figure::new("reconstructions", "Reconstructions", drawing).caption(caption))
}

/// Accuracy over noise scales, a line for each number of images that share a zoning.
pub(super) fn sweep(model: &Lzn, points: &[SweepPoint]) -> Result<Figure, TaskError> {
    let mut curves = Curves::new("scale of the latent noise");
    let mut settings: Vec<ClassWeights> = points.iter().map(|point| point.class_weights).collect();
    settings.dedup();
    for weights in settings {
        let mut panel = Panel::new(format!("class weights {}", weighing(model, weights)), "test accuracy");
        let mut sizes: Vec<usize> = points.iter().map(|point| point.batch_size).collect();
        sizes.sort_unstable();
        sizes.dedup();
        for size in sizes {
            let mine = points.iter().filter(|p| p.batch_size == size && p.class_weights == weights);
            panel = panel.line(format!("zoned {size} at a time"), mine.map(|p| (p.noise_scale, p.accuracy)));
        }
        curves = curves.panel(panel);
    }
    let caption = "The narrower the noise and the more images share a zoning, the better (paper, Figure 25).";
    Ok(Figure::new("accuracy-sweep", "Accuracy over noise scale and batch size", curves.draw()?).caption(caption))
}

/// Centres of the zones of test images on the plane in which they spread most, over the zones of the labels; nothing where they span
/// no plane.
pub(super) fn latents(weights: &Weights, encoded: &Encoded) -> Result<Option<Figure>, TaskError> {
    let model = &weights.model;
    let count = (POINTS as i64).min(encoded.anchors.size()[0]);
    let anchors = encoded.anchors.narrow(0, 0, count);
    let zoned = model.labels().is_some() && model.decision() == Decision::Zones;
    let points = match model.decision() {
        Decision::Zones => tch::no_grad(|| model.latents_of_anchors(&anchors, &anchors.zeros_like()))?,
        Decision::Linear => anchors,
    };
    let rows = matrix(&points)?.mapv(f64::from);
    if rows.nrows().min(rows.ncols()) < 2 {
        return Ok(None);
    }
    let projection = pca(rows.view(), 2)?;
    let labels = encoded.labels.get(..count as usize).unwrap_or_default();
    let mut map =
        Scatter::new("Latents of test images", &weights.class_names, projection.project(rows.view())?.view(), labels)?;
    let share = |axis: usize| 100.0 * projection.shares().get(axis).copied().unwrap_or_default();
    map =
        map.axes(format!("first axis ({:.0} % of the variance)", share(0)), format!("second axis ({:.0} %)", share(1)));
    if zoned {
        let (x, y) = map.ranges()?;
        let decide = |centres: &Array2<f64>| decide(model, &projection, centres.view());
        map = map.zones(ZoneMap::decided(x, y, CELLS, decide)?)?;
    }
    let caption = if zoned {
        "Centres of the images' zones, in the plane in which they spread most. Colours behind: whose label's zone the plane lies in there."
    } else {
        "In the plane in which they spread most."
    };
    Ok(Some(Figure::new("latents", "Latents and zones", map.draw()?).caption(caption)))
}

fn decide(
    model: &Lzn,
    projection: &lzn_eval::projection::Projection,
    centres: ndarray::ArrayView2<'_, f64>,
) -> Result<Vec<i64>, TaskError> {
    let latents = projection.lift(centres)?;
    let values: Vec<f32> = latents.iter().map(|x| *x as f32).collect();
    let latents = Tensor::from_slice(&values).view([latents.nrows() as i64, -1]).to_device(model.device());
    let decided = tch::no_grad(|| model.labels_of_latents(&latents))?;
    Ok(decided.to_device(Device::Cpu).try_into()?)
}

/// Samples beside the training images that are nearest in pixels.
pub(super) fn neighbours(
    samples: ArrayView4<'_, u8>,
    nearest: &ndarray::Array5<u8>,
    distances: &Array2<f64>,
) -> Result<Figure, TaskError> {
    let count = nearest.dim().0;
    let samples = samples.slice(s![..count, .., .., ..]);
    let panel = grid::Neighbours { name: "sample", samples, nearest: nearest.view(), distances: distances.view() };
    let caption = "Left: samples. Right: the training images that are nearest in pixels, with their L2 distance over values in [-1, 1]. \
                   A model that learned by heart would show the same image twice.";
    Ok(Figure::new("neighbours", "Nearest training images", grid::neighbours(&panel)?).caption(caption))
}
