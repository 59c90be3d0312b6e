//! The squared distances from each row of a set to its nearest others.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::tiles::{Set, Space, TILE};

/// Pairs that are looked at together.
const LANES: usize = 16;

/// For every row the `k` smallest squared distances to other rows, rising: the radii for all smaller `k` as well.
///
/// Single precision picks candidates and passes over those alone that are out of reach whatever their rounding; float64 decides.
/// So the result does not depend on tiles, threads or their order.
pub(super) fn nearest(set: &Set<'_>, space: &Space, k: usize) -> Vec<Vec<f64>> {
    let starts: Vec<usize> = set.tiles().collect();
    let lists: Vec<Mutex<Vec<Candidates>>> =
        starts.iter().map(|&start| Mutex::new(vec![Candidates::new(k); set.squares(start).len()])).collect();
    let pairs: Vec<(usize, usize)> = (0..starts.len()).flat_map(|i| (i..starts.len()).map(move |j| (i, j))).collect();
    pairs.par_iter().for_each(|&(i, j)| {
        let mut found =
            Scan { set, space, starts: (i * TILE, j * TILE), left: fresh(&lists[i]), right: fresh(&lists[j]) };
        found.run();
        merge(&lists[i], found.left);
        merge(&lists[j], found.right);
    });
    let rows: Vec<Candidates> =
        lists.into_iter().flat_map(|list| list.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
    rows.into_par_iter().enumerate().map(|(row, candidates)| candidates.decide(set, row)).collect()
}

/// Lists without candidates that know what is out of reach.
fn fresh(lists: &Mutex<Vec<Candidates>>) -> Vec<Candidates> {
    let lists = lists.lock().unwrap_or_else(PoisonError::into_inner);
    lists.iter().map(|list| Candidates { items: Vec::new(), ..*list }).collect()
}

fn merge(lists: &Mutex<Vec<Candidates>>, found: Vec<Candidates>) {
    let mut lists = lists.lock().unwrap_or_else(PoisonError::into_inner);
    for (list, found) in lists.iter_mut().zip(found) {
        found.items.into_iter().for_each(|item| list.offer(item));
        list.prune();
    }
}

/// One pair of tiles.
struct Scan<'a, 's> {
    set: &'a Set<'s>,
    space: &'a Space,
    starts: (usize, usize),
    left: Vec<Candidates>,
    right: Vec<Candidates>,
}

impl Scan<'_, '_> {
    fn run(&mut self) {
        let (set, (left, right)) = (self.set, self.starts);
        let distances = self.space.distances((set, left), (set, right));
        let (rows, columns) = (set.squares(left), set.squares(right));
        let mut limits: Vec<f32> = self.right.iter().map(|list| list.limit).collect();
        for (i, (products, square)) in distances.rows().zip(rows).enumerate() {
            // On the diagonal, pairs above it: the others are the same.
            let first = if left == right { i + 1 } else { 0 };
            let mut at = first;
            while at < columns.len() {
                let end = columns.len().min(at + LANES);
                let limit = self.left[i].limit;
                let mut reached = false;
                for ((product, other), other_limit) in
                    products[at..end].iter().zip(&columns[at..end]).zip(&limits[at..end])
                {
                    let squares = square + other;
                    let least = squares + product - self.space.error(squares);
                    reached |= least <= limit.max(*other_limit);
                }
                if reached {
                    for j in at..end {
                        let squares = square + columns[j];
                        self.offer(i, j, squares + products[j], self.space.error(squares));
                        limits[j] = self.right[j].limit;
                    }
                }
                at = end;
            }
        }
    }

    fn offer(&mut self, i: usize, j: usize, square: f32, error: f32) {
        let (least, most) = (square - error, square + error);
        let other = |start: usize, at: usize| (start + at) as u32;
        self.left[i].offer(Item { least, most, row: other(self.starts.1, j) });
        self.right[j].offer(Item { least, most, row: other(self.starts.0, i) });
    }
}

/// A row that may be among the nearest.
#[derive(Debug, Clone, Copy)]
struct Item {
    /// Bounds of the squared distance.
    least: f32,
    most: f32,
    row: u32,
}

/// What may be among the `k` nearest of one row.
#[derive(Debug, Clone)]
struct Candidates {
    k: usize,
    /// The `k`-th smallest upper bound as of the last pruning: whoever is farther at least is out.
    limit: f32,
    items: Vec<Item>,
}

impl Candidates {
    fn new(k: usize) -> Self {
        Self { k, limit: f32::INFINITY, items: Vec::new() }
    }

    fn offer(&mut self, item: Item) {
        if item.least <= self.limit {
            self.items.push(item);
            if self.items.len() > 4 * self.k + LANES {
                self.prune();
            }
        }
    }

    fn prune(&mut self) {
        if self.items.len() < self.k {
            return;
        }
        let (_, kth, _) = self.items.select_nth_unstable_by(self.k - 1, |a, b| a.most.total_cmp(&b.most));
        self.limit = self.limit.min(kth.most);
        let limit = self.limit;
        self.items.retain(|item| item.least <= limit);
    }

    /// The `k` smallest squared distances, rising.
    fn decide(self, set: &Set<'_>, row: usize) -> Vec<f64> {
        let mut squares: Vec<f64> = self.items.iter().map(|item| set.exact(row, set, item.row as usize)).collect();
        squares.sort_by(f64::total_cmp);
        squares.truncate(self.k);
        squares
    }
}
