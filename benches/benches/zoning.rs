//! Zoning on the host: latents, their gradients, and alignment.
//!
//! Names are `zoning/<operation>/<solver>/<samples>x<anchors>x<dimension>`. The sizes are a training batch of the CPU
//! demonstrations, a batch of the published latent dimension, and labels with their hundred steps.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lzn_benches::normal;
use lzn_latent::{Anchors, Solver, ZoneFlow, alignment};
use ndarray::Array2;

/// One problem: samples take their anchors in turn.
struct Setting {
    name: &'static str,
    flow: ZoneFlow,
    anchors: Anchors<f32>,
    owners: Vec<usize>,
    noise: Array2<f32>,
}

impl Setting {
    fn new(name: &'static str, solver: Solver, [samples, anchors, dim]: [usize; 3]) -> Self {
        let refused = "the sizes of the benches are possible";
        Self {
            name,
            flow: ZoneFlow::new(solver).expect(refused),
            anchors: Anchors::new(normal(0, anchors, dim)).expect(refused),
            owners: (0..samples).map(|i| i % anchors).collect(),
            noise: normal(1, samples, dim),
        }
    }

    fn id(&self) -> BenchmarkId {
        let (samples, dim) = self.noise.dim();
        BenchmarkId::new(self.name, format!("{samples}x{}x{dim}", self.anchors.len()))
    }

    /// Pairs of sample and anchor that the solver looks at.
    fn pairs(&self) -> Throughput {
        Throughput::Elements((self.owners.len() * self.anchors.len() * self.flow.solver().steps()) as u64)
    }
}

fn batches() -> Vec<Setting> {
    vec![
        Setting::new("dpm-20", Solver::dpm(20), [128, 128, 64]),
        Setting::new("dpm-20", Solver::dpm(20), [512, 512, 200]),
        Setting::new("euler-20", Solver::euler(20), [512, 512, 200]),
    ]
}

fn forward(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("zoning/to_latents");
    for setting in batches() {
        let Setting { flow, anchors, owners, noise, .. } = &setting;
        let run = || flow.to_latents(anchors, owners, noise.view()).expect("valid input");
        // Latents are near the unit Gaussian.
        let mean_square = run().mapv(|z| z * z).mean().unwrap_or(0.0);
        assert!((mean_square - 1.0).abs() < 0.1, "mean square {mean_square}");
        group.throughput(setting.pairs()).bench_function(setting.id(), |bencher| bencher.iter(run));
    }
}

fn backward(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("zoning/to_latents_and_gradients");
    for setting in batches() {
        let Setting { flow, anchors, owners, noise, .. } = &setting;
        let run = || {
            let trace = flow.trace_latents(anchors, owners, noise.view()).expect("valid input");
            trace.vjp(trace.latents()).expect("valid input")
        };
        // Moving all anchors together changes nothing, so the gradients sum to (almost) zero.
        let gradients = run().anchors;
        assert!(gradients.sum().abs() < 0.01 * gradients.mapv(f32::abs).sum());
        group.throughput(setting.pairs()).bench_function(setting.id(), |bencher| bencher.iter(run));
    }
}

fn align(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("zoning/alignment_and_gradients");
    for setting in [
        Setting::new("euler-100", Solver::euler(100), [128, 10, 64]),
        Setting::new("euler-100", Solver::euler(100), [2000, 10, 200]),
        Setting::new("euler-20", Solver::euler(20), [512, 512, 200]),
    ] {
        let Setting { flow, anchors, owners, noise, .. } = &setting;
        let run = || {
            let trace = flow.trace_anchors(noise.view(), anchors, owners).expect("valid input");
            let loss = alignment::log_loss(trace.own_log_probs(), 0.2).expect("valid input");
            (loss.value, trace.vjp(None, Some(loss.gradient.view())).expect("valid input"))
        };
        let (loss, gradients) = run();
        assert!(loss.is_finite() && loss > 0.0 && gradients.latents.iter().all(|g| g.is_finite()));
        group.throughput(setting.pairs()).bench_function(setting.id(), |bencher| bencher.iter(run));
    }
}

criterion_group! {
    name = zoning;
    config = Criterion::default().sample_size(10);
    targets = forward, backward, align
}
criterion_main!(zoning);
