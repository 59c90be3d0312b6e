//! Tables such as an evaluation leaves.

use lzn_eval::report::{Better, Cell, Number, Section, Table};

const CONFIG: &str = "[data]\nname = \"fashion-mnist\"\n\n[model]\nlatent_dim = 64\nencoder = { kind = \"resnet\", width = 32 }\n\n\
    [train]\nsteps = 15000\nbatch_size = 256\nlearning_rate = 2e-4\nema_decay = 0.9999\n\n[evaluate]\nsamples = 10000\nsampler_steps = 10\n";

/// Measured values, and a comparison of models.
pub(crate) fn measurements() -> Section {
    let measured = [
        ("FD-LeNet128", 18.2, 0.4, 1, "", "lower", 10_000, "LeNet128 5d41402abc4b, Euler-10, averaged weights"),
        ("KID-LeNet128 × 1000", 3.41, 0.22, 2, "", "lower", 10_000, "LeNet128 5d41402abc4b, 100 subsets of 1,000"),
        ("precision (k = 3)", 0.713, 0.006, 3, "", "higher", 10_000, "LeNet128 5d41402abc4b, Euler-10"),
        ("recall (k = 3)", 0.584, 0.009, 3, "", "higher", 10_000, "LeNet128 5d41402abc4b, Euler-10"),
        ("test accuracy", 86.2, 0.4, 1, "%", "higher", 10_000, "zoned 1,000 at a time, noise scale 0"),
        ("reconstruction PSNR", 21.7, 0.1, 1, "dB", "higher", 1_000, "inverted noise, 20 draws"),
    ];
    let metrics = Table::new("Every value with its protocol and the number of images N.")
        .column("metric")
        .numbers("value")
        .column("better")
        .numbers("N")
        .column("protocol");
    let metrics =
        measured.iter().fold(metrics, |table, &(metric, value, spread, digits, unit, better, count, protocol)| {
            let value = Number::new(value).spread(spread).digits(digits).unit(unit);
            let count = Cell::number(Number::new(f64::from(count)));
            table.row([Cell::text(metric), Cell::number(value), Cell::text(better), count, Cell::text(protocol)])
        });
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
        .table(metrics)
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
