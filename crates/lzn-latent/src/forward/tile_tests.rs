//! Gradients against differences, on schedules that stay as they are: the starts depend on anchors and noise, but gradients
//! take them as constants.

use ndarray::{Array1, Array2};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::*;
use crate::{Horizon, Parallel, Scheme, Solver};

const SAMPLES: usize = 11;
const DIM: usize = 3;

fn normal(seed: u64, rows: usize, columns: usize) -> Array2<f64> {
    let mut draws = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((rows, columns), || StandardNormal.sample(&mut draws))
}

/// Anchors, noise and log-weights.
#[derive(Clone)]
struct Inputs(Array2<f64>, Array2<f64>, Array1<f64>);

impl Inputs {
    fn draw(seed: u64) -> Self {
        Self(
            normal(seed, SAMPLES, DIM),
            normal(seed + 1, SAMPLES, DIM),
            normal(seed + 2, 1, SAMPLES).row(0).mapv(|w| 0.4 * w),
        )
    }

    /// Half of the anchors beside the others, so that their rows have to catch up.
    fn in_pairs(seed: u64, apart: f64) -> Self {
        let mut this = Self::draw(seed);
        for i in SAMPLES / 2..SAMPLES {
            let moved = &this.0.row(i - SAMPLES / 2) + &(&normal(seed + 3, 1, DIM).row(0) * apart);
            this.0.row_mut(i).assign(&moved);
        }
        this
    }

    fn moved(&self, direction: &Self, step: f64) -> Self {
        Self(&self.0 + &(&direction.0 * step), &self.1 + &(&direction.1 * step), &self.2 + &(&direction.2 * step))
    }

    fn anchors(&self) -> Anchors<f64> {
        Anchors::new(self.0.clone()).unwrap().with_weights(self.2.mapv(f64::exp)).unwrap()
    }

    fn tile(&self, plan: &Plan, schedule: Option<&Schedule<f64>>) -> Tile<f64> {
        let (anchors, owners) = (self.anchors(), (0..SAMPLES).collect::<Vec<_>>());
        let bases = Bases::new(Parallel::No, &anchors, owners);
        let mut scratch = Scratch::alone();
        let schedule = match schedule {
            Some(schedule) => Schedule { has_products: false, ..schedule.clone() },
            None => {
                let merged = match plan.unit() {
                    Unit::Horizon(horizon) => horizon.merging(anchors.len(), anchors.spread()),
                    Unit::Tau => 0.0,
                };
                super::super::start::schedule(plan, &anchors, &bases, &self.1, merged, &mut scratch)
            }
        };
        Tile::follow(plan, &anchors, bases, 0..SAMPLES, self.1.clone(), schedule, Keep::States, &mut scratch)
    }
}

#[test]
fn gradients_of_our_solver_match_differences_also_for_rows_that_catch_up() {
    let mut catching_up = 0;
    for (seed, apart) in [(0, None), (10, None), (20, Some(1e-1)), (30, Some(1e-2)), (40, Some(1e-3))] {
        let inputs = apart.map_or_else(|| Inputs::draw(seed), |apart| Inputs::in_pairs(seed, apart));
        let direction = Inputs::draw(seed + 5);
        let g = normal(seed + 8, SAMPLES, DIM);
        for evaluations in [1, 2, 5, 8] {
            let plan = Solver::multistep(evaluations).to_latents().unwrap();
            let tile = inputs.tile(&plan, None);
            catching_up += tile.catch_ups.len();
            let anchors = inputs.anchors();
            let mut sink = Sink::new(&anchors);
            let noise = tile.pull(&plan, &anchors, g.view(), &mut sink, &mut Scratch::alone());
            let collected = sink.finish(&anchors);
            let along = (&collected.anchors * &direction.0).sum()
                + (&noise * &direction.1).sum()
                + collected.log_weights.dot(&direction.2);
            let value = |h: f64| (&inputs.moved(&direction, h).tile(&plan, Some(&tile.schedule)).latents * &g).sum();
            let difference = |h: f64| (8.0 * (value(h) - value(-h)) - (value(2.0 * h) - value(-2.0 * h))) / (12.0 * h);
            // Pairs bend within their distance.
            let scale = apart.unwrap_or(1.0);
            let error = [1e-3, 1e-4, 1e-5].map(|h| (difference(h * scale) - along).abs() / along.abs().max(1.0));
            let error = error.into_iter().fold(f64::INFINITY, f64::min);
            assert!(error < 1e-8, "{evaluations} evaluations, pairs {apart:?} apart: {error:e}");
        }
    }
    assert!(catching_up > 20, "{catching_up} rows caught up");
}

#[test]
fn beyond_its_horizon_a_row_is_where_it_began() {
    // The other zones weigh the horizon's mass of the own one at the start; ten times farther out nothing at all.
    let plan = Solver::default().to_latents().unwrap();
    let Unit::Horizon(Horizon { mass, .. }) = plan.unit() else { panic!("our solver has horizons") };
    let inputs = Inputs::draw(50);
    let anchors = inputs.anchors();
    let bases = Bases::new(Parallel::No, &anchors, (0..SAMPLES).collect());
    let schedule = super::super::start::schedule(&plan, &anchors, &bases, &inputs.1, f64::MAX, &mut Scratch::alone());
    let weight_of_others = |i: usize, tau: f64| -> f64 {
        let logit = |j: usize| {
            let b = &inputs.0.row(j) - &inputs.0.row(i);
            tau * inputs.1.row(i).dot(&b) - 0.5 * tau * tau * b.dot(&b) + inputs.2[j] - inputs.2[i]
        };
        (0..SAMPLES).filter(|j| *j != i).map(|j| logit(j).exp()).sum()
    };
    assert!(schedule.rests.is_empty());
    for (i, unit) in schedule.units.iter().enumerate() {
        let there = weight_of_others(i, *unit);
        assert!(there <= mass && there > 0.9 * mass, "row {i}: {there}");
        assert!(weight_of_others(i, 10.0 * unit) < 1e-12);
    }
}
