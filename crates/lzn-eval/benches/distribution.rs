//! Metrics of distributions over features.
//!
//! Names are `distribution/<function>/<real rows>x<generated rows>x<dimension>`. `cargo bench -p lzn-eval` measures every size; under
//! `cargo test`, which runs each bench once, only the first of each is there.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lzn_eval::Metric;
use lzn_eval::distribution::{
    FeatureMoments, Gaussian, NeighbourRule, Splits, cmmd, frechet_distance, inception_score, kid, kid_blocks,
    neighbour_metrics,
};
use lzn_random::{Purpose, Stream};
use ndarray::{Array2, Axis};

const VALID: &str = "the features of the benches are valid";

/// Whether criterion measures; otherwise everything runs once, and has to be small.
fn measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// Real and generated rows and dimension: all, or the first.
fn sizes(all: &[[usize; 3]]) -> impl Iterator<Item = [usize; 3]> {
    all.iter().copied().take(if measuring() { usize::MAX } else { 1 })
}

/// Two sets that differ in scale and place.
struct Sets {
    real: Array2<f32>,
    generated: Array2<f32>,
}

impl Sets {
    fn new([n, m, d]: [usize; 3]) -> Self {
        let draw = |index: u64, rows: usize| {
            let values = Stream::new(1, Purpose::new("bench-features"), [index, 0, 0]).normals(rows * d);
            Array2::from_shape_vec((rows, d), values).expect(VALID)
        };
        Self { real: draw(0, n), generated: draw(1, m) * 1.1 + 0.1 }
    }

    fn id(&self, function: &str) -> BenchmarkId {
        let ((n, d), m) = (self.real.dim(), self.generated.nrows());
        BenchmarkId::new(function, format!("{n}x{m}x{d}"))
    }
}

fn group<'a>(criterion: &'a mut Criterion) -> BenchmarkGroup<'a, WallTime> {
    criterion.benchmark_group("distribution")
}

fn moments(criterion: &mut Criterion) {
    let mut group = group(criterion);
    for size @ [n, ..] in sizes(&[[600, 2, 64], [10_000, 2, 2048]]) {
        let sets = Sets::new(size);
        let run = || {
            let mut moments = FeatureMoments::new(sets.real.ncols()).expect(VALID);
            for batch in sets.real.axis_chunks_iter(Axis(0), 100) {
                moments.update(batch).expect(VALID);
            }
            moments.finish().expect(VALID)
        };
        let found = run();
        // Standard normal numbers, five standard errors.
        let (mean, trace) = (found.mean.mean().unwrap_or(1.0), found.covariance.diag().mean().unwrap_or(0.0));
        let numbers = (sets.real.len() as f64).sqrt();
        assert!(mean.abs() < 5.0 / numbers && (trace - 1.0).abs() < 5.0 * 2_f64.sqrt() / numbers, "{mean} {trace}");
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(sets.id("moments"), |bencher| bencher.iter(run));
    }
}

fn frechet(criterion: &mut Criterion) {
    let mut group = group(criterion);
    // More rows than dimensions, and fewer.
    for size @ [n, ..] in sizes(&[[600, 500, 64], [4000, 4000, 1024], [1000, 1000, 2048]]) {
        let sets = Sets::new(size);
        let run = || frechet_distance(sets.real.view(), sets.generated.view()).expect(VALID);
        let found = run();
        assert!(found.value > 0.0 && found.real_rank_deficient == (n <= found.dimension), "{found:?}");
        group.bench_function(sets.id("frechet_rows"), |bencher| bencher.iter(run));
        let gaussians = [&sets.real, &sets.generated].map(|set| Gaussian::of(set.view()).expect(VALID));
        let run = || frechet_distance(&gaussians[0], &gaussians[1]).expect(VALID);
        assert!((run().value / found.value - 1.0).abs() < 1e-6);
        group.bench_function(sets.id("frechet_statistics"), |bencher| bencher.iter(run));
    }
}

fn kernels(criterion: &mut Criterion) {
    let mut group = group(criterion);
    for size @ [n, m, _] in sizes(&[[600, 500, 64], [4000, 4000, 2048]]) {
        let sets = Sets::new(size);
        group.throughput(Throughput::Elements(((n + m) * (n + m)) as u64));
        let run = || kid(sets.real.view(), sets.generated.view()).expect(VALID).value;
        assert!(run() > 0.0);
        group.bench_function(sets.id("kid"), |bencher| bencher.iter(run));
        let run = || kid_blocks(sets.real.view(), sets.generated.view(), 100).expect(VALID).mean;
        assert!(run() > 0.0);
        group.bench_function(sets.id("kid_blocks_of_100"), |bencher| bencher.iter(run));
        let run = || cmmd(sets.real.view(), sets.generated.view()).expect(VALID).value;
        assert!(run() > 0.0);
        group.bench_function(sets.id("cmmd"), |bencher| bencher.iter(run));
    }
}

fn neighbours(criterion: &mut Criterion) {
    let mut group = group(criterion);
    for size @ [n, m, _] in sizes(&[[600, 500, 64], [4000, 4000, 2048], [10_000, 10_000, 64]]) {
        let sets = Sets::new(size);
        group.throughput(Throughput::Elements(((n + m) * (n + m)) as u64));
        let rules = [NeighbourRule::KYNKAANNIEMI, NeighbourRule::PRDC];
        let run = || neighbour_metrics(sets.real.view(), sets.generated.view(), &rules).expect(VALID);
        for found in run() {
            assert!(found.counts.precise > 0 && found.counts.covered <= n as u64, "{found:?}");
        }
        group.bench_function(sets.id("neighbours_two_rules"), |bencher| bencher.iter(run));
    }
}

fn scores(criterion: &mut Criterion) {
    let mut group = group(criterion);
    for size @ [_, m, classes] in sizes(&[[2, 500, 10], [2, 10_000, 1008]]) {
        let sets = Sets::new(size);
        group.throughput(Throughput::Elements(m as u64));
        let run = || inception_score(sets.generated.view(), Splits::Number(10)).expect(VALID).mean;
        assert!(run() > 1.0 && run() < classes as f64);
        group.bench_function(sets.id("inception_score"), |bencher| bencher.iter(run));
    }
}

criterion_group! {
    name = distribution;
    config = Criterion::default().sample_size(10);
    targets = moments, frechet, kernels, neighbours, scores
}
criterion_main!(distribution);
