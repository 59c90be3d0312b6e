//! A report with everything that one can hold. Nothing in it was measured.

mod images;
mod numbers;
mod tables;

use lzn_eval::grid::{self, GridOptions, Neighbours, image_grid};
use lzn_eval::plot::{confusion, reliability};
use lzn_eval::report::{Figure, Report, Section};
use lzn_eval::{Drawing, EvalError};
use ndarray::{Array2, Array4, Array5, s};

const CLASSES: [&str; 10] =
    ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

/// Samples of each class in the grid, and training images beside a sample.
const SAMPLES: usize = 10;
const NEAR: usize = 6;

/// The whole report.
pub(crate) fn report() -> Result<Report, EvalError> {
    Ok(Report::new("Fashion-MNIST, joint training")
        .subtitle("A demonstration: all numbers and images are made up. Run joint-7, step 15 000, averaged weights.")
        .card("FD-LeNet128", "18.2 ± 0.4", "lower is better; N = 10 000, Euler-10, 3 seeds")
        .card("test accuracy", "86.2 %", "10 000 images, zoned 1 000 at a time, noise scale 0")
        .card("reconstruction", "21.7 dB PSNR", "inverted noise, 20 draws")
        .card("parameters", "4.1 M", "encoder 1.2 M, decoder 2.9 M")
        .section(generation()?)
        .section(reconstruction()?)
        .section(latents()?)
        .section(classification()?)
        .section(training()?)
        .section(memorisation()?)
        .section(tables::measurements())
        .section(tables::conditions()))
}

fn names() -> Vec<String> {
    CLASSES.map(str::to_owned).to_vec()
}

fn generation() -> Result<Section, EvalError> {
    let samples = images::stack(10 * SAMPLES, |n| images::shape((n / SAMPLES) as f64, n as f64));
    let names = names();
    let options = GridOptions { row_labels: Some(&names), ..GridOptions::for_size(28) };
    let grid = image_grid(samples.view(), SAMPLES, &options)?;
    Ok(Section::new("Samples")
        .prose("Every row is one class: latents are drawn from the zone of its label, and the decoder turns them into images.")
        .figure(
            Figure::new("samples", "Samples of every class", grid)
                .caption("Euler-10 with averaged weights; the first ten samples of seed 7, none left out.")
                .alt("Ten samples of each of ten classes, one row for each class"),
        )
        .figure(
            Figure::new("interpolations", "Interpolations between two latents", interpolations()?)
                .caption("On the great circle between the latents of the images at both ends; the noise is the same in a row.")
                .alt("Four rows of images that change from one class to another"),
        ))
}

fn interpolations() -> Result<Drawing, EvalError> {
    let pairs = [(0, 9), (1, 5), (8, 3), (7, 2)];
    let images = images::stack(pairs.len() * SAMPLES, |n| {
        let (from, to) = pairs[n / SAMPLES];
        let weight = (n % SAMPLES) as f64 / (SAMPLES - 1) as f64;
        images::shape(f64::from(from) * (1.0 - weight) + f64::from(to) * weight, 3.0 * (n / SAMPLES) as f64)
    });
    let weights: Vec<_> = (0..SAMPLES).map(|n| format!("{:.2}", n as f64 / (SAMPLES - 1) as f64)).collect();
    let rows: Vec<_> =
        pairs.map(|(from, to)| format!("{} to {}", CLASSES[from as usize], CLASSES[to as usize])).to_vec();
    let options = GridOptions { row_labels: Some(&rows), column_labels: Some(&weights), ..GridOptions::for_size(28) };
    image_grid(images.view(), SAMPLES, &options)
}

fn reconstruction() -> Result<Section, EvalError> {
    let originals = images::stack(20, |n| images::shape((n % 10) as f64, 100.0 + n as f64));
    let copies = images::stack(20, |n| images::shape((n % 10) as f64 + 0.06, 100.1 + n as f64));
    let drawing = grid::reconstructions(originals.view(), copies.view(), 10)?;
    Ok(Section::new("Reconstructions").figure(
        Figure::new("reconstructions", "Reconstructions below their originals", drawing)
            .caption("Test images through encoder and decoder, with their own noise found by inverting the sampler."),
    ))
}

fn latents() -> Result<Section, EvalError> {
    Ok(Section::new("Latents and zones").figure(
        Figure::new("latents", "Latents of test images among the zones of labels", numbers::map(&names())?)
            .caption(
                "The first two principal components of 800 latents. The ground is coloured by the label whose zone the latent \
                 below the cell lies in; what other components add is not seen here.",
            )
            .alt("A map of ten groups of points, each mostly on ground of its own colour"),
    ))
}

fn classification() -> Result<Section, EvalError> {
    let matrix = numbers::matrix()?;
    Ok(Section::new("Classification")
        .figure(
            Figure::new("confusion", "Which class is taken for which", confusion(&matrix, Some(&names()))?)
                .caption("Rows are true classes. Shades follow the square root, so that rare confusions show.")
                .alt("A confusion matrix of ten classes with most of each row on its diagonal"),
        )
        .figure(
            Figure::new("calibration", "Confidence and accuracy", reliability(&numbers::calibration()?)?).caption(
                "Predictions of a classifier of two classes in fifteen bins by confidence. On the diagonal, the model is right as often as it says.",
            ),
        )
        .figure(
            Figure::new("accuracy-by-model", "Accuracy by training", numbers::bars().draw()?)
                .caption("Mean and standard deviation over three seeds; each dot is a seed."),
        ))
}

fn training() -> Result<Section, EvalError> {
    Ok(Section::new("Training").figure(
        Figure::new("curves", "Losses and accuracy", numbers::curves().draw()?)
            .caption("Strong lines are smoothed, faint ones are single batches.")
            .alt("Both losses fall and level off; accuracy rises to 86 percent"),
    ))
}

fn memorisation() -> Result<Section, EvalError> {
    let samples = images::stack(5, |n| images::shape((2 * n) as f64, 7.0 * n as f64));
    let nearest = Array5::from_shape_fn((5, NEAR, 1, 28, 28), |(n, k, _, y, x)| {
        images::shape((2 * n) as f64 + 0.02 * k as f64, 7.0 * n as f64 + 0.15 + 0.12 * k as f64)(y, x)
    });
    let distances = Array2::from_shape_fn((5, NEAR), |(n, k)| {
        let pair = (samples.slice(s![n, .., .., ..]), nearest.slice(s![n, k, .., .., ..]));
        let squares = pair.0.iter().zip(pair.1).map(|(&a, &b)| ((f64::from(a) - f64::from(b)) / 255.0).powi(2));
        squares.sum::<f64>().sqrt()
    });
    let samples: Array4<u8> = samples;
    let panel =
        Neighbours { name: "sample", samples: samples.view(), nearest: nearest.view(), distances: distances.view() };
    Ok(Section::new("Nearest training images")
        .prose("A model that learned by heart would draw images that are already in the training set.")
        .figure(
            Figure::new("neighbours", "Samples and the training images nearest to them", grid::neighbours(&panel)?)
                .caption("Below each training image its distance from the sample (L2, pixels from 0 to 1)."),
        ))
}
