//! The search itself: bounds by tiles, the rest row by row.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, s};
use rayon::prelude::*;

use super::measure::Side;
use super::{Neighbours, Table, in_standard_layout, row};

/// Queries of a tile, which one thread takes, and rows of the table that it meets at once.
const QUERIES: usize = 256;
const ROWS: usize = 1024;
/// Pairs to collect at least before they are measured.
const PENDING: usize = 32;

/// The `k` nearest so far of one query.
struct Best {
    k: usize,
    /// Keys and rows in order, at most `k`.
    found: Vec<(f64, usize)>,
    /// Rows that no bound excludes, yet to be measured.
    pending: Vec<usize>,
    /// Bounds above this exclude.
    threshold: f32,
}

pub(super) fn search(table: &Table<'_>, queries: ArrayView2<'_, f32>, k: usize) -> Neighbours {
    let mut indices = Array2::zeros((queries.nrows(), k));
    let mut distances = Array2::zeros((queries.nrows(), k));
    let tiles = queries.axis_chunks_iter(Axis(0), QUERIES);
    let out = indices.axis_chunks_iter_mut(Axis(0), QUERIES).zip(distances.axis_chunks_iter_mut(Axis(0), QUERIES));
    let work: Vec<_> = tiles.zip(out).collect();
    work.into_par_iter().for_each(|(queries, (mut indices, mut distances))| {
        for (row, best) in search_tile(table, queries, k).into_iter().enumerate() {
            for (rank, (key, index)) in best.into_iter().enumerate() {
                indices[[row, rank]] = index;
                distances[[row, rank]] = table.measure.distance(key);
            }
        }
    });
    Neighbours { indices, distances }
}

fn search_tile(table: &Table<'_>, queries: ArrayView2<'_, f32>, k: usize) -> Vec<Vec<(f64, usize)>> {
    let side = Side::new(queries, table.measure, &table.centre);
    let queries = in_standard_layout(queries);
    let key = |query: usize, index: usize| table.measure.key(row(&queries, query), row(&table.rows, index));
    let mut best: Vec<_> = (0..queries.nrows()).map(|_| Best::new(k)).collect();
    let mut products = Array2::zeros((queries.nrows(), ROWS));
    for (chunk, rows) in table.side.rows.axis_chunks_iter(Axis(0), ROWS).enumerate() {
        let start = chunk * ROWS;
        let mut products = products.slice_mut(s![.., ..rows.nrows()]);
        general_mat_mul(1.0, &side.rows, &rows.t(), 0.0, &mut products);
        let bases = &table.side.base[start..start + rows.nrows()];
        for (query, best) in best.iter_mut().enumerate() {
            let products = products.row(query);
            best.meet(start, side.base[query], bases, products, table.measure.factor(), |index| key(query, index));
        }
    }
    let finish = |(query, mut best): (usize, Best)| {
        best.settle(|index| key(query, index));
        best.found
    };
    best.into_iter().enumerate().map(finish).collect()
}

impl Best {
    fn new(k: usize) -> Self {
        Self { k, found: Vec::with_capacity(k + 1), pending: Vec::new(), threshold: f32::INFINITY }
    }

    /// Meets the rows from `start` on: measures those whose bound does not exclude them.
    fn meet(
        &mut self,
        start: usize,
        own: f32,
        bases: &[f32],
        products: ArrayView1<'_, f32>,
        factor: f32,
        key: impl Fn(usize) -> f64,
    ) {
        for (offset, (base, product)) in bases.iter().zip(products).enumerate() {
            let excluded = own + base - factor * product > self.threshold;
            // A bound that is not a number excludes nothing.
            if !excluded {
                self.pending.push(start + offset);
                if self.pending.len() >= self.k.max(PENDING) {
                    self.settle(&key);
                }
            }
        }
    }

    /// Measures what is pending.
    fn settle(&mut self, key: impl Fn(usize) -> f64) {
        for index in self.pending.drain(..) {
            let entry = (key(index), index);
            let before = |a: &(f64, usize)| a.0.total_cmp(&entry.0).then(a.1.cmp(&entry.1)).is_lt();
            let place = self.found.partition_point(before);
            if place < self.k {
                self.found.insert(place, entry);
                self.found.truncate(self.k);
            }
        }
        if let Some((worst, _)) = self.found.get(self.k - 1) {
            // Rounded up, and by more than all that underflow can hide.
            self.threshold = (*worst as f32).next_up() + f32::MIN_POSITIVE;
        }
    }
}
