//! Learns to search one table of embeddings with the rows of another.
//!
//! ```sh
//! cargo run --release -p lzn-latent --example align_tables
//! ```
//!
//! Two systems have embedded the same items, each in its own way: the tables have different widths, different directions and
//! different errors. A linear map is to carry rows of the first table to the second, so that the nearest row there is the
//! same item. It is learned by *latent alignment*, with exact gradients all the way:
//!
//! ```text
//! table 1 ──linear map──▶ anchors 1 ──to_latents──▶ latents ──to_anchors over table 2──▶ log-probability of the own item
//!                                ◀── LatentTrace::vjp ──      ◀──── AnchorTrace::vjp ────
//! ```
//!
//! No distance and no temperature appears in this loss: the zones of the items present set the scale. Each update sees a
//! hundred and twenty-eight pairs. The search is measured on items that were in no update.

#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use std::error::Error;

use lzn_latent::{Anchors, LatentError, Solver, ZoneFlow, alignment};
use ndarray::{Array2, ArrayView2, Axis, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// What an item is, which neither table shows.
const HIDDEN: usize = 12;
const WIDTHS: [usize; 2] = [32, 24];
const TRAINING: usize = 1024;
const TEST: usize = 500;
const BATCH: usize = 128;
const UPDATES: usize = 120;
/// Noise of the latents, as a share of the full Gaussian: towards the middle of each zone, as for published embeddings.
const NOISE: f64 = 0.45;

fn main() -> Result<(), Box<dyn Error>> {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let [first, second] = tables(&mut random);
    let test = |table: &Array2<f64>| table.slice(s![TRAINING.., ..]).to_owned();

    // At first the map only mixes columns.
    let mut map = normal(&mut random, WIDTHS[0], WIDTHS[1]) / (WIDTHS[0] as f64).sqrt();
    let before = recall(&test(&first).dot(&map), &test(&second));
    let mut adam = Adam::new(&map);
    for update in 0..UPDATES {
        let rows: Vec<usize> = (0..BATCH).map(|_| random.random_range(0..TRAINING)).collect();
        let noise = NOISE * normal(&mut random, BATCH, WIDTHS[1]);
        let (x, y) = (first.select(Axis(0), &rows), second.select(Axis(0), &rows));
        let (loss, gradient) = loss_and_gradient(&map, &x, &y, noise.view())?;
        adam.step(&mut map, &gradient, 0.02);
        if update % 20 == 0 || update + 1 == UPDATES {
            println!("update {update:3}: alignment loss {loss:.4}");
        }
    }
    let after = recall(&test(&first).dot(&map), &test(&second));
    println!("{TEST} items, found       at rank 1   among 5");
    println!("  before              {:8.1} %  {:6.1} %", 100.0 * before[0], 100.0 * before[1]);
    println!("  after               {:8.1} %  {:6.1} %", 100.0 * after[0], 100.0 * after[1]);
    assert!(before[1] < 0.05, "the map must know nothing at first: {before:?}");
    assert!(after[0] > 0.9 && after[1] > 0.97, "recall: {after:?}");
    Ok(())
}

/// Alignment loss of a batch, and its gradient with respect to the map.
fn loss_and_gradient(
    map: &Array2<f64>,
    x: &Array2<f64>,
    y: &Array2<f64>,
    noise: ArrayView2<'_, f64>,
) -> Result<(f64, Array2<f64>), LatentError> {
    let flow = ZoneFlow::new(Solver::euler(20))?;
    let owners: Vec<usize> = (0..x.nrows()).collect();
    let (anchors, others) = (Anchors::new(x.dot(map))?, Anchors::new(y.clone())?);

    let latents = flow.trace_latents(&anchors, &owners, noise)?;
    let assignment = flow.trace_anchors(latents.latents(), &others, &owners)?;
    let loss = alignment::log_loss(assignment.own_log_probs(), 0.2)?;

    let of_latents = assignment.vjp(None, Some(loss.gradient.view()))?.latents;
    let of_anchors = latents.vjp(of_latents.view())?.anchors;
    Ok((loss.value, x.t().dot(&of_anchors)))
}

/// Two noisy views of the same items, each column of variance one: `[TRAINING + TEST, width]`.
fn tables(random: &mut ChaCha8Rng) -> [Array2<f64>; 2] {
    let items = normal(random, TRAINING + TEST, HIDDEN);
    WIDTHS.map(|width| {
        let view = items.dot(&normal(random, HIDDEN, width)) / (HIDDEN as f64).sqrt();
        view + 0.3 * normal(random, TRAINING + TEST, width)
    })
}

fn normal(random: &mut ChaCha8Rng, rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_simple_fn((rows, columns), || random.sample(StandardNormal))
}

/// How often the right row of `table` is the most similar to a query by cosine, and among the five most similar.
fn recall(queries: &Array2<f64>, table: &Array2<f64>) -> [f64; 2] {
    let unit = |rows: &Array2<f64>| {
        let lengths = rows.mapv(|x| x * x).sum_axis(Axis(1)).mapv(f64::sqrt);
        rows / &lengths.insert_axis(Axis(1))
    };
    let similarity = unit(queries).dot(&unit(table).t());
    let rank = |(i, row): (usize, ndarray::ArrayView1<'_, f64>)| row.iter().filter(|other| **other > row[i]).count();
    let ranks: Vec<usize> = similarity.rows().into_iter().enumerate().map(rank).collect();
    [1, 5].map(|k| ranks.iter().filter(|rank| **rank < k).count() as f64 / ranks.len() as f64)
}

/// The optimiser of Kingma and Ba (2015) for one matrix.
struct Adam {
    updates: i32,
    mean: Array2<f64>,
    square: Array2<f64>,
}

impl Adam {
    fn new(like: &Array2<f64>) -> Self {
        Self { updates: 0, mean: Array2::zeros(like.raw_dim()), square: Array2::zeros(like.raw_dim()) }
    }

    fn step(&mut self, at: &mut Array2<f64>, gradient: &Array2<f64>, rate: f64) {
        self.updates += 1;
        self.mean = 0.9 * &self.mean + 0.1 * gradient;
        self.square = 0.99 * &self.square + 0.01 * gradient * gradient;
        let seen = |beta: f64| 1.0 - beta.powi(self.updates);
        let size = (&self.square / seen(0.99)).mapv(|x| x.sqrt() + 1e-8);
        *at -= &(rate / seen(0.9) * &self.mean / size);
    }
}
