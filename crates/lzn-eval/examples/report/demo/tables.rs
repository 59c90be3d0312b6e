//! Tables such as an evaluation leaves.

use lzn_eval::report::{Better, Cell, MetricRow, Number, Section, Table};

const CONFIG: &str = "[data]\nname = \"fashion-mnist\"\n\n[model]\nlatent_dim = 64\nencoder = { kind = \"resnet\", width = 32 }\n\n\
    [train]\nsteps = 15000\nbatch_size = 256\nlearning_rate = 2e-4\nema_decay = 0.9999\n\n[evaluate]\nsamples = 10000\nsampler_steps = 10\n";

fn row(metric: &str, value: Number, better: Better, protocol: &str, samples: u64, features: bool) -> MetricRow {
    let digest = || "5d41402abc4b2a76b9719d911017c592".repeat(2);
    let extractor = features.then(|| ("LeNet128".to_owned(), digest()));
    MetricRow { metric: metric.to_owned(), value, better, protocol: protocol.to_owned(), samples, extractor }
}

/// Measured values, and a comparison of models.
pub(crate) fn measurements() -> Section {
    let number = |value: f64, spread: f64, digits: usize| Number::new(value).spread(spread).digits(digits);
    let generation = [
        row("FD-LeNet128", number(18.2, 0.4, 1), Better::Lower, "Euler-10, averaged weights, 28 px", 10_000, true),
        row("KID-LeNet128 × 1000", number(3.41, 0.22, 2), Better::Lower, "100 subsets of 1 000", 10_000, true),
        row("precision (k = 3)", number(0.713, 0.006, 3), Better::Higher, "Euler-10", 10_000, true),
        row("recall (k = 3)", number(0.584, 0.009, 3), Better::Higher, "Euler-10", 10_000, true),
        row(
            "test accuracy",
            number(86.2, 0.4, 1).unit("%"),
            Better::Higher,
            "1 000 at a time, noise scale 0",
            10_000,
            false,
        ),
        row(
            "reconstruction PSNR",
            number(21.7, 0.1, 1).unit("dB"),
            Better::Higher,
            "inverted noise, 20 draws",
            1_000,
            false,
        ),
    ];
    let models = [
        ("rectified flow", 21.4, f64::NAN),
        ("RF + latents", 19.0, f64::NAN),
        ("conditional RF", 18.4, f64::NAN),
        ("joint", 18.2, 86.2),
    ];
    let comparison = Table::new("Equal training budget, mean of three seeds. The best of a column is marked.")
        .column("model")
        .numbers("FD-LeNet128")
        .numbers("test accuracy")
        .numbers("minutes");
    let comparison = models.iter().fold(comparison, |table, &(name, distance, accuracy)| {
        let accuracy = Number::new(accuracy).digits(1).unit("%");
        let cells = [Number::new(distance).digits(1), accuracy, Number::new(25.0)].map(Cell::number);
        table.row(std::iter::once(Cell::text(name)).chain(cells))
    });
    Section::new("Measurements")
        .prose("A distance is named after the network whose features it compares; only one on the FID Inception network is called FID.")
        .table(Table::of_metrics("Every value with its protocol and the number of samples N.", &generation))
        .table(comparison.mark_best(1, Better::Lower).mark_best(2, Better::Higher))
}

/// What it was run with.
pub(crate) fn conditions() -> Section {
    let environment = [
        ("seed", "7"),
        ("weights", "step 15 000, moving average with decay 0.9999"),
        ("device", "processor, 2 threads"),
        ("libtorch", "2.13.0"),
        ("time", "training 25 min, evaluation 6 min"),
    ];
    Section::new("Configuration and environment")
        .table(Table::of_pairs("Environment", environment))
        .text("config.toml", CONFIG)
}
