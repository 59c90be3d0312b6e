//! Zoning on the host: latents, gradients, both beside the rivals, and alignment.
//!
//! Names are `zoning/<operation>/<contender>/<samples>x<anchors>x<dimension>`. `cargo bench` measures every size; under `cargo
//! test`, which runs each bench once, only those of at most 512 anchors are there.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lzn_benches::contenders::{Contender, Precision};
use lzn_benches::families::Family;
use lzn_benches::problem::{Problem, Setting};
use lzn_benches::rivals::Form;
use lzn_benches::solvers::NamedSolver;
use lzn_latent::{Anchors, ZoneFlow, alignment};
use ndarray::Array2;

const VALID: &str = "the problems of the benches are valid";

/// Anchors (as many samples) and dimension: label-like, of the demonstrations, published.
const BATCHES: &[[usize; 2]] = &[
    [256, 16],
    [1024, 16],
    [4096, 16],
    [256, 200],
    [512, 200],
    [1024, 200],
    [2048, 200],
    [4096, 200],
    [1024, 256],
    [8192, 256],
];

/// All solvers, up to [`EVERY`] anchors; above, the last alone.
const SOLVERS: &[&str] = &["dpm-20", "euler-20", "multistep-6"];
const EVERY: usize = 2048;

/// The largest batch of a rival: its time, or its memory, allows no more.
const GEMM: usize = 4096;
const NAIVE: [usize; 2] = [256, 16];

/// Whether criterion measures; otherwise everything runs once, and has to be small.
fn measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

fn batches() -> impl Iterator<Item = [usize; 2]> {
    let largest = if measuring() { usize::MAX } else { 512 };
    BATCHES.iter().copied().filter(move |[anchors, _]| *anchors <= largest)
}

/// Every batch with its solvers.
fn cases() -> Vec<Case> {
    let solvers = |anchors| if anchors <= EVERY { SOLVERS } else { &SOLVERS[SOLVERS.len() - 1..] };
    batches()
        .flat_map(|[anchors, dim]| {
            let setting = Setting::batch(Family::Normal, anchors, dim);
            solvers(anchors).iter().map(move |solver| Case::new(solver, &setting))
        })
        .collect()
}

/// A problem in single precision with its solver.
struct Case {
    solver: &'static str,
    flow: ZoneFlow,
    anchors: Anchors<f32>,
    owners: Vec<usize>,
    noise: Array2<f32>,
    cotangent: Array2<f32>,
}

impl Case {
    fn new(solver: &'static str, setting: &Setting) -> Self {
        let Problem { anchors, owners, noise, cotangent } = setting.problem();
        let single = |array: Array2<f64>| array.mapv(|x| x as f32);
        Self {
            solver,
            flow: solver.parse::<NamedSolver>().and_then(|solver| solver.flow()).expect(VALID),
            anchors: Anchors::new(single(anchors)).expect(VALID),
            owners,
            noise: single(noise),
            cotangent: single(cotangent),
        }
    }

    fn id(&self) -> BenchmarkId {
        let (samples, dim) = self.noise.dim();
        BenchmarkId::new(self.solver, format!("{samples}x{}x{dim}", self.anchors.len()))
    }

    /// Pairs of sample and anchor that the solver looks at.
    fn pairs(&self) -> Throughput {
        let trace = self.flow.trace_latents(&self.anchors, &self.owners, self.noise.view()).expect(VALID);
        Throughput::Elements((self.anchors.len() * trace.work().evaluations) as u64)
    }

    /// Benches `run`, whose result was looked at.
    fn bench<R>(&self, group: &mut BenchmarkGroup<'_, WallTime>, run: impl FnMut() -> R) {
        let mut run = run;
        group.throughput(self.pairs()).bench_function(self.id(), |bencher| bencher.iter(&mut run));
    }
}

/// Latents are near the unit Gaussian.
fn assert_gaussian(mean_square: f64) {
    assert!((mean_square - 1.0).abs() < 0.15, "mean square {mean_square}");
}

/// Moving all anchors together changes nothing, so the gradients sum to (almost) zero.
fn assert_balanced<F: ndarray::NdFloat>(gradient: &Array2<F>) {
    let (sum, size) = gradient.iter().fold((0.0, 0.0), |(sum, size), g| {
        let g = g.to_f64().unwrap_or(f64::NAN);
        (sum + g, size + g.abs())
    });
    assert!(size > 0.0 && sum.abs() < 0.01 * size, "sum {sum} of {size}");
}

fn forward(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("zoning/to_latents");
    for case in cases() {
        let run = || case.flow.to_latents(&case.anchors, &case.owners, case.noise.view()).expect(VALID);
        assert_gaussian(run().mapv(|z| f64::from(z).powi(2)).mean().unwrap_or(0.0));
        case.bench(&mut group, run);
    }
}

fn backward(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("zoning/gradients");
    for case in cases() {
        let trace = case.flow.trace_latents(&case.anchors, &case.owners, case.noise.view()).expect(VALID);
        let run = || trace.vjp(case.cotangent.view()).expect(VALID);
        assert_balanced(&run().anchors);
        case.bench(&mut group, run);
    }
}

/// As a training step uses it: new anchors, latents, gradients. The rivals do the same.
fn both(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("zoning/to_latents_and_gradients");
    for case in cases() {
        let run = || {
            let anchors = Anchors::new(case.anchors.points().to_owned()).expect(VALID);
            let trace = case.flow.trace_latents(&anchors, &case.owners, case.noise.view()).expect(VALID);
            trace.vjp(case.cotangent.view()).expect(VALID)
        };
        assert_balanced(&run().anchors);
        case.bench(&mut group, run);
    }
    for [anchors, dim] in batches() {
        for form in Form::ALL {
            let fits = match form {
                Form::Gemm => anchors <= GEMM,
                Form::Naive => [anchors, dim] == NAIVE,
            };
            if fits {
                rival(&mut group, form, &Setting::batch(Family::Normal, anchors, dim));
            }
        }
    }
}

fn rival(group: &mut BenchmarkGroup<'_, WallTime>, form: Form, setting: &Setting) {
    let problem = setting.problem();
    let [samples, anchors, dim] = problem.shape();
    let mut runner = Contender::Rival(form).prepare(&problem, Precision::F32).expect(VALID);
    runner.run().expect(VALID);
    let outcome = runner.outcome().expect(VALID);
    assert_gaussian(outcome.latents.mapv(|z| z * z).mean().unwrap_or(0.0));
    assert_balanced(&outcome.anchors);
    let pairs = samples * anchors * lzn_benches::rivals::STEPS;
    let id = BenchmarkId::new(form.name(), format!("{samples}x{anchors}x{dim}"));
    group
        .throughput(Throughput::Elements(pairs as u64))
        .bench_function(id, |bencher| bencher.iter(|| runner.run().expect(VALID)));
}

fn align(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("zoning/alignment_and_gradients");
    // Images over ten labels, with the hundred steps of training.
    let labels = Setting { samples: 2000, ..Setting::batch(Family::Normal, 10, 200) };
    for case in [Case::new("euler-100", &labels)].into_iter().chain(cases()) {
        let run = || {
            let trace = case.flow.trace_anchors(case.noise.view(), &case.anchors, &case.owners).expect(VALID);
            let loss = alignment::log_loss(trace.own_log_probs(), 0.2).expect(VALID);
            (loss.value, trace.vjp(None, Some(loss.gradient.view())).expect(VALID))
        };
        let (loss, gradients) = run();
        assert!(loss.is_finite() && loss > 0.0 && gradients.latents.iter().all(|g| g.is_finite()));
        case.bench(&mut group, run);
    }
}

criterion_group! {
    name = zoning;
    config = Criterion::default().sample_size(10);
    targets = forward, backward, both, align
}
criterion_main!(zoning);
