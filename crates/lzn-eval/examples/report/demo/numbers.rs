//! Numbers such as training and evaluation give.

use lzn_eval::plot::{Bars, Curves, Panel, Range, Scatter, ZoneMap};
use lzn_eval::{Calibration, Confusion, ConfusionMatrix, Drawing, EvalError, Metric, Reliability, projection};
use lzn_random::{Purpose, Stream};
use ndarray::{Array2, ArrayView1, Axis};

/// Latents, and their dimensions.
const COUNT: usize = 800;
const DIMENSIONS: usize = 12;

pub(crate) fn curves() -> Curves {
    let noise = |step: f64| (step * step * 12.9898).sin();
    let steps = || (1..1500).map(|step| 10.0 * f64::from(step));
    let flow = steps().map(move |step| (step, 0.2 + 30.0 / (step + 80.0) + 0.02 * noise(step)));
    let align = steps().map(move |step| (step, -0.9 + 0.8 * (-step / 4000.0).exp() + 0.04 * noise(step + 0.5)));
    let accuracy = |limit: f64| {
        let at = move |step: u32| (f64::from(step), limit - (limit - 0.1) * (-f64::from(step) / 3000.0).exp());
        (0..=15).map(move |index| at(1000 * index))
    };
    let losses = Panel::new("Training loss", "loss per batch").line("rectified flow", flow).line("alignment", align);
    let test = Panel::new("Test accuracy", "fraction")
        .range(Range::Fixed(0.0, 1.0))
        .line("averaged weights", accuracy(0.86))
        .line("raw weights", accuracy(0.8));
    Curves::new("training step").panel(losses).panel(test)
}

pub(crate) fn matrix() -> Result<ConfusionMatrix, EvalError> {
    let labels: Vec<i64> = (0..10_000).map(|index| index % 10).collect();
    let wrong = |index: i64| (index * 7919) % 100 < 14;
    let predicted =
        labels.iter().zip(0..).map(|(label, index)| if wrong(index) { (label + index / 10 % 4) % 10 } else { *label });
    let mut metric = Confusion::new(10)?;
    metric.update((&predicted.collect::<Vec<_>>(), &labels))?;
    metric.finish()
}

/// A classifier of two classes that is less often right than it says.
pub(crate) fn calibration() -> Result<Reliability, EvalError> {
    let mut metric = Calibration::new(2, 15)?;
    let confidence = |row: usize| 0.5 + 0.5 * (row as f32 / 2000.0).sqrt();
    let probabilities =
        Array2::from_shape_fn((2000, 2), |(row, class)| [confidence(row), 1.0 - confidence(row)][class]);
    let right = |row: usize| (row * 7919 % 2000) as f32 / 2000.0 < confidence(row).powf(1.4);
    let labels: Vec<_> = (0..2000).map(|row| i64::from(!right(row))).collect();
    metric.update((probabilities.view(), &labels))?;
    metric.finish()
}

pub(crate) fn bars() -> Bars {
    Bars::new("Test accuracy", "fraction of images")
        .bar("joint", &[0.861, 0.858, 0.866])
        .bar("alignment alone", &[0.872, 0.878, 0.869])
        .bar("linear probe", &[0.812, 0.801, 0.822])
        .reference("supervised encoder", 0.902)
}

/// Latents around a centre for each class, on their first two principal components, over the classes of the nearest centre.
pub(crate) fn map(names: &[String]) -> Result<Drawing, EvalError> {
    let mut stream = Stream::new(7, Purpose::new("demonstration-latents"), [0; 3]);
    let mut normals = |rows: usize| {
        let draws = stream.normals(rows * DIMENSIONS);
        Array2::from_shape_fn((rows, DIMENSIONS), |(row, column)| f64::from(draws[row * DIMENSIONS + column]))
    };
    let centres = 2.2 * normals(names.len());
    let labels: Vec<_> = (0..COUNT).map(|row| row % names.len()).collect();
    let latents = normals(COUNT) + centres.select(Axis(0), &labels);
    let plane = projection::pca(latents.view(), 2)?;
    let labels: Vec<_> = labels.iter().map(|&label| label as i64).collect();
    let points = plane.project(latents.view())?;
    let share = |axis: usize| format!("component {} ({:.0} % of the variance)", axis + 1, 100.0 * plane.shares()[axis]);
    let map = Scatter::new("Latents", names, points.view(), &labels)?.axes(share(0), share(1));
    let (x, y) = map.ranges()?;
    let nearest = |latent: ArrayView1<'_, f64>| {
        let distance = |class: usize| (&latent - &centres.row(class)).mapv(|value| value * value).sum();
        (0..names.len()).min_by(|&a, &b| f64::total_cmp(&distance(a), &distance(b))).unwrap_or(0) as i64
    };
    let zones = ZoneMap::decided(x, y, (120, 140), |cells| {
        Ok::<_, EvalError>(plane.lift(cells.view())?.rows().into_iter().map(nearest).collect())
    })?;
    map.zones(zones)?.draw()
}
