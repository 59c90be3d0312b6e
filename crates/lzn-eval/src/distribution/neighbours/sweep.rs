//! One pass over all pairs of a real and a generated row: who lies in whose ball.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::Boundary;
use super::tiles::{Set, Sets, TILE};

/// Pairs that are looked at together.
const LANES: usize = 16;

/// Squared radii of both sets, under one rule.
pub(super) struct Balls {
    pub(super) boundary: Boundary,
    pub(super) real: Vec<f64>,
    pub(super) generated: Vec<f64>,
}

/// What the pass counts for one rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tally {
    /// Real balls that each generated row lies in.
    pub(super) real_balls: Vec<u32>,
    /// Whether each real ball holds a generated row.
    pub(super) real_holds: Vec<bool>,
    /// Whether each real row lies in a generated ball.
    pub(super) real_inside: Vec<bool>,
}

/// Counts for every rule.
pub(super) fn sweep(sets: &Sets<'_>, rules: &[Balls]) -> Vec<Tally> {
    let tallies: Vec<Mutex<Tally>> =
        rules.iter().map(|_| Mutex::new(Tally::new(&sets.real, &sets.generated))).collect();
    let pairs: Vec<(usize, usize)> =
        sets.real.tiles().flat_map(|i| sets.generated.tiles().map(move |j| (i, j))).collect();
    pairs.par_iter().for_each(|&(i, j)| {
        let distances = sets.space.distances((&sets.real, i), (&sets.generated, j));
        let mut products = distances.rows();
        let mut tiles: Vec<Tile<'_, '_>> = rules.iter().map(|balls| Tile::new(sets, balls, (i, j))).collect();
        for row in 0..sets.real.squares(i).len() {
            let products = products.next().unwrap_or_default();
            tiles.iter_mut().for_each(|tile| tile.row(row, products));
        }
        for (tally, tile) in tallies.iter().zip(tiles) {
            tally.lock().unwrap_or_else(PoisonError::into_inner).add(&tile.tally, (i, j));
        }
    });
    tallies.into_iter().map(|tally| tally.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

impl Tally {
    fn new(real: &Set<'_>, generated: &Set<'_>) -> Self {
        Self::of_sizes(real.len(), generated.len())
    }

    fn of_sizes(real: usize, generated: usize) -> Self {
        Self { real_balls: vec![0; generated], real_holds: vec![false; real], real_inside: vec![false; real] }
    }

    /// Adds the tally of a tile that starts at these rows.
    fn add(&mut self, tile: &Self, (i, j): (usize, usize)) {
        self.real_balls[j..].iter_mut().zip(&tile.real_balls).for_each(|(sum, balls)| *sum += balls);
        self.real_holds[i..].iter_mut().zip(&tile.real_holds).for_each(|(any, holds)| *any |= holds);
        self.real_inside[i..].iter_mut().zip(&tile.real_inside).for_each(|(any, inside)| *any |= inside);
    }
}

/// A pair of tiles under one rule.
struct Tile<'a, 's> {
    sets: &'a Sets<'s>,
    balls: &'a Balls,
    starts: (usize, usize),
    /// Squared lengths and radii of the generated rows of the tile.
    squares: &'a [f32],
    radii: Vec<f32>,
    tally: Tally,
}

impl<'a, 's> Tile<'a, 's> {
    fn new(sets: &'a Sets<'s>, balls: &'a Balls, starts: (usize, usize)) -> Self {
        let squares = sets.generated.squares(starts.1);
        let radii = balls.generated[starts.1..].iter().take(TILE).map(|radius| *radius as f32).collect();
        let tally = Tally::of_sizes(sets.real.squares(starts.0).len(), squares.len());
        Self { sets, balls, starts, squares, radii, tally }
    }

    /// All pairs of one real row. Where single precision cannot tell for one of [`LANES`] pairs, float64 decides all of them.
    fn row(&mut self, row: usize, products: &[f32]) {
        let square = self.sets.real.squares(self.starts.0)[row];
        let radius = self.balls.real[self.starts.0 + row] as f32;
        for at in (0..products.len()).step_by(LANES) {
            let end = products.len().min(at + LANES);
            let lanes = self.squares[at..end].iter().zip(&products[at..end]).zip(&self.radii[at..end]);
            let mut in_real = [0_u32; LANES];
            let (mut unsure, mut inside) = (false, false);
            for (((other, product), other_radius), in_real) in lanes.zip(&mut in_real) {
                let squares = square + other;
                let (distance, error) = (squares + product, self.sets.space.error(squares));
                unsure |= (distance - radius).abs() <= error || (distance - other_radius).abs() <= error;
                *in_real = u32::from(distance < radius);
                inside |= distance < *other_radius;
            }
            if unsure {
                (at..end).for_each(|column| self.decide(row, column));
            } else {
                self.tally.real_balls[at..end].iter_mut().zip(&in_real).for_each(|(sum, one)| *sum += one);
                self.tally.real_holds[row] |= in_real.contains(&1);
                self.tally.real_inside[row] |= inside;
            }
        }
    }

    fn decide(&mut self, row: usize, column: usize) {
        let (real, generated) = (self.starts.0 + row, self.starts.1 + column);
        let distance = self.sets.real.exact(real, &self.sets.generated, generated);
        let within = |radius: f64| match self.balls.boundary {
            Boundary::Inside => distance <= radius,
            Boundary::Outside => distance < radius,
        };
        if within(self.balls.real[real]) {
            self.tally.real_balls[column] += 1;
            self.tally.real_holds[row] = true;
        }
        self.tally.real_inside[row] |= within(self.balls.generated[generated]);
    }
}
