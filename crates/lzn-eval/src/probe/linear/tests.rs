//! The probe against the same training written out in float64.

use lzn_random::{Purpose, Stream};
use ndarray::{Array1, Array2, array};

use super::*;

/// Three clouds around corners of a triangle, wide enough to overlap.
fn clouds(rows: usize, d: usize, index: u64) -> (Array2<f32>, Vec<i64>) {
    let mut stream = Stream::new(2, Purpose::new("test"), [index, 0, 0]);
    let labels: Vec<i64> = (0..rows).map(|_| stream.below(3) as i64).collect();
    let mut features = Array2::from_shape_vec((rows, d), stream.normals(rows * d)).unwrap();
    for (mut row, &label) in features.outer_iter_mut().zip(&labels) {
        row[label as usize] += 1.5;
    }
    (features, labels)
}

fn config() -> LinearProbeConfig {
    LinearProbeConfig { epochs: 20, batch: 1 << 20, learning_rate: 0.03, ..LinearProbeConfig::published(3) }
}

/// Weights, bias and losses after training in float64 with whole-set batches from the weights of `start`.
fn by_definition(
    features: &Array2<f32>,
    labels: &[i64],
    start: &LinearProbe,
    config: &LinearProbeConfig,
) -> (Array2<f64>, Array1<f64>, Vec<f64>) {
    let (n, k) = (features.nrows(), start.bias.len());
    let x = features.mapv(f64::from);
    // The bias as the weight of one more feature that is always 1.
    let x = ndarray::concatenate![ndarray::Axis(1), x, Array2::ones((n, 1))];
    let bias = start.bias.mapv(f64::from).insert_axis(ndarray::Axis(0));
    let mut w = ndarray::concatenate![ndarray::Axis(0), start.weights.mapv(f64::from), bias];
    let (mut m, mut v) = (Array2::<f64>::zeros(w.raw_dim()), Array2::<f64>::zeros(w.raw_dim()));
    let mut losses = Vec::new();
    for step in 0..config.epochs {
        let mut gradient = Array2::<f64>::zeros(w.raw_dim());
        let mut loss = 0.0;
        for (row, &label) in x.outer_iter().zip(labels) {
            let exp = row.dot(&w).mapv(f64::exp);
            let p = &exp / exp.sum();
            loss -= p[label as usize].ln() / n as f64;
            for class in 0..k {
                let error = p[class] - f64::from(u8::from(class as i64 == label));
                gradient.column_mut(class).scaled_add(error / n as f64, &row);
            }
        }
        losses.push(loss);
        let rate = match config.schedule {
            Schedule::Constant => config.learning_rate,
            Schedule::Cosine => {
                config.learning_rate * (1.0 + (std::f64::consts::PI * step as f64 / config.epochs as f64).cos()) / 2.0
            }
        };
        let t = step as i32 + 1;
        w = &w * (1.0 - rate * config.weight_decay);
        m = &m * 0.9 + &gradient * 0.1;
        v = &v * 0.999 + (&gradient * &gradient) * 0.001;
        w = &w - &((&m / (1.0 - 0.9f64.powi(t))) / ((&v / (1.0 - 0.999f64.powi(t))).mapv(f64::sqrt) + 1e-8) * rate);
    }
    let d = features.ncols();
    (w.slice(ndarray::s![..d, ..]).to_owned(), w.row(d).to_owned(), losses)
}

#[test]
fn training_is_that_of_the_definition_in_float64() {
    let (features, labels) = clouds(700, 5, 0);
    let train = LabelledFeatures::new(features.view(), &labels, 3).unwrap();
    for (schedule, weight_decay) in [(Schedule::Constant, 0.0), (Schedule::Cosine, 0.1)] {
        let config = LinearProbeConfig { schedule, weight_decay, ..config() };
        // A step of length 0 shows where training starts from.
        let standing = LinearProbeConfig { epochs: 1, learning_rate: 1e-300, ..config };
        let start = LinearProbe::train(&train, &train, &standing).unwrap().probe;
        let report = LinearProbe::train(&train, &train, &config).unwrap();
        let (weights, bias, losses) = by_definition(&features, &labels, &start, &config);
        let close = |found: f64, expected: f64| (found - expected).abs() < 2e-5;
        assert!(report.probe.weights.iter().zip(&weights).all(|(&found, &expected)| close(found.into(), expected)));
        assert!(report.probe.bias.iter().zip(&bias).all(|(&found, &expected)| close(found.into(), expected)));
        assert!(report.curve.iter().zip(&losses).all(|(point, &loss)| close(point.train_loss, loss)));
    }
}

#[test]
fn training_lowers_the_loss_and_reports_what_the_probe_does() {
    let (features, labels) = clouds(600, 5, 1);
    let (test_features, test_labels) = clouds(400, 5, 2);
    let train = LabelledFeatures::new(features.view(), &labels, 3).unwrap();
    let test = LabelledFeatures::new(test_features.view(), &test_labels, 3).unwrap();
    let config = LinearProbeConfig { batch: 64, ..config() };
    let LinearProbeReport { probe, curve } = LinearProbe::train(&train, &test, &config).unwrap();
    assert_eq!(curve.len(), config.epochs);
    let last = curve[curve.len() - 1];
    assert!(last.train_loss < curve[0].train_loss);
    // The best possible rule, nearest corner, knows the corners; a linear probe may miss it by its sampling noise.
    let best = |row: ndarray::ArrayView1<f32>| (1..3).fold(0, |best, c| if row[c] > row[best] { c } else { best });
    let right = test_features.outer_iter().zip(&test_labels).filter(|(row, label)| best(*row) as i64 == **label);
    assert!(last.test_accuracy > right.count() as f64 / 400.0 - 0.03, "{}", last.test_accuracy);
    assert_eq!(last.test_accuracy, probe.accuracy(&test, 1).unwrap());
    assert_eq!(probe.accuracy(&test, 3).unwrap(), 1.0);
}

#[test]
fn the_result_depends_on_the_seed_and_not_on_threads() {
    let (features, labels) = clouds(1500, 4, 3);
    let train = LabelledFeatures::new(features.view(), &labels, 3).unwrap();
    let with = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let config = LinearProbeConfig { batch: 1400, epochs: 3, seed, ..config() };
        pool.install(|| LinearProbe::train(&train, &train, &config).unwrap())
    };
    assert_eq!(with(1, 1), with(3, 1));
    assert_ne!(with(1, 1), with(1, 2));
}

#[test]
fn standardised_features_of_any_size_give_the_same_probe() {
    let (features, labels) = clouds(500, 4, 4);
    // A constant feature, and others shifted and stretched by powers of two.
    let mut wide = ndarray::concatenate![ndarray::Axis(1), features, Array2::from_elem((500, 1), 3.3)];
    let plain = wide.clone();
    wide.column_mut(0).mapv_inplace(|value| value * 1024.0);
    wide.column_mut(1).mapv_inplace(|value| value / 1024.0);
    let config = LinearProbeConfig { standardise: true, ..config() };
    let trained = |rows: &Array2<f32>| {
        let train = LabelledFeatures::new(rows.view(), &labels, 3).unwrap();
        let report = LinearProbe::train(&train, &train, &config).unwrap();
        assert_eq!(report.curve[config.epochs - 1].test_accuracy, report.probe.accuracy(&train, 1).unwrap());
        report.probe
    };
    let (probe, other) = (trained(&wide), trained(&plain));
    assert_eq!(probe.weights, other.weights);
    let scale = probe.standardisation.unwrap().scale;
    assert_eq!((scale[4], scale[0] * 1024.0), (0.0, other.standardisation.unwrap().scale[0]));
}

#[test]
fn impossible_settings_and_other_features_are_refused() {
    let (features, labels) = clouds(20, 4, 5);
    let train = LabelledFeatures::new(features.view(), &labels, 3).unwrap();
    let published = LinearProbeConfig::published(0);
    for config in [
        LinearProbeConfig { epochs: 0, ..published },
        LinearProbeConfig { batch: 0, ..published },
        LinearProbeConfig { learning_rate: 0.0, ..published },
        LinearProbeConfig { learning_rate: f64::NAN, ..published },
        LinearProbeConfig { weight_decay: -1.0, ..published },
    ] {
        assert!(matches!(LinearProbe::train(&train, &train, &config), Err(EvalError::Setting { .. })));
    }
    let narrow = LabelledFeatures::new(features.slice(ndarray::s![.., ..3]), &labels, 3).unwrap();
    assert!(matches!(LinearProbe::train(&train, &narrow, &config()), Err(EvalError::Shape { .. })));
    let probe = LinearProbe::train(&train, &train, &config()).unwrap().probe;
    assert!(probe.scores(array![[1.0, 2.0]].view()).unwrap_err().to_string().contains("[N, 4]"));
    // Scores beyond float32.
    let huge = LabelledFeatures::new(array![[3e38f32, 3e38], [-3e38, 3e38]].view(), &[0, 1], 2)
        .map(|rows| LinearProbe::train(&rows, &rows, &LinearProbeConfig { learning_rate: 1e3, ..config() }));
    assert!(matches!(huge, Ok(Err(EvalError::NotANumber { .. }))));
}
