//! Draws one picture of every kind from made-up numbers: `cargo run -p lzn-eval --example pictures FOLDER`.

use std::path::PathBuf;

use lzn_eval::grid::{GridOptions, image_grid};
use lzn_eval::plot::{Curves, Panel, Range, confusion};
use lzn_eval::{Confusion, EvalError, Metric};
use ndarray::Array4;

const CLASSES: [&str; 10] =
    ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

fn main() -> Result<(), EvalError> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_default());
    curves().draw()?.save(folder.join("curves.png"))?;
    let names = CLASSES.map(str::to_owned);
    confusion(&matrix()?, Some(&names))?.save(folder.join("confusion.png"))?;
    let images = Array4::from_shape_fn((100, 1, 28, 28), |(n, _, y, x)| ring(n, y, x));
    let options = GridOptions {
        row_labels: Some(&names),
        title: Some("samples, one row per class"),
        ..GridOptions::for_size(28)
    };
    image_grid(images.view(), 10, &options)?.save(folder.join("grid.png"))
}

fn curves() -> Curves {
    let noise = |step: f64| (step * step * 12.9898).sin();
    let steps = || (1..1500).map(f64::from);
    let flow = steps().map(move |step| (step, 0.2 + 3.0 / (step + 8.0) + 0.02 * noise(step)));
    let align = steps().map(move |step| (step, -0.9 + 0.8 * (-step / 400.0).exp() + 0.04 * noise(step + 0.5)));
    let accuracy = |limit: f64| {
        let at = move |step: u32| (f64::from(step), limit - (limit - 0.1) * (-f64::from(step) / 300.0).exp());
        (0..=15).map(move |index| at(100 * index))
    };
    let losses = Panel::new("Training loss", "loss per batch").line("rectified flow", flow).line("alignment", align);
    let test = Panel::new("Test accuracy", "fraction")
        .range(Range::Fixed(0.0, 1.0))
        .line("EMA weights", accuracy(0.86))
        .line("raw weights", accuracy(0.8));
    Curves::new("training step").title("Fashion-MNIST, joint training").panel(losses).panel(test)
}

fn matrix() -> Result<lzn_eval::ConfusionMatrix, EvalError> {
    let labels: Vec<i64> = (0..10_000).map(|index| index % 10).collect();
    let wrong = |index: i64| (index * 7919) % 100 < 14;
    let predicted =
        labels.iter().zip(0..).map(|(label, index)| if wrong(index) { (label + index / 10 % 4) % 10 } else { *label });
    let mut metric = Confusion::new(10)?;
    metric.update((&predicted.collect::<Vec<_>>(), &labels))?;
    metric.finish()
}

/// A soft ring whose size depends on the class and whose place on the image.
fn ring(image: usize, y: usize, x: usize) -> u8 {
    let (dx, dy) = (x as f64 - 13.5 - (image % 10) as f64 / 4.0, y as f64 - 13.5);
    let distance = dx.hypot(dy) - (image / 10) as f64 - 2.0;
    (255.0 * (-distance * distance / 6.0).exp()) as u8
}
