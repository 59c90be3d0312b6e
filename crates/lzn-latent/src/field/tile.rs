//! The field on a tile of rows, and its vector-Jacobian product.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis, concatenate, s};

use super::FieldCotangents;
use crate::bases::Bases;
use crate::kernels::gemm::product;
use crate::kernels::lanes::sum_of;
use crate::kernels::logits::{to_exponentials, to_logits};
use crate::kernels::vectorised;
use crate::kernels::vectors::{add_scaled, difference_dot, subtract};
use crate::point::Scratch;
use crate::sink::Sink;
use crate::{Anchors, Parallel, Real, team};

/// Anchors whose half squared distance from the base is below this share of the base's half square are seen by differences: their
/// products differ in the last digits only.
const NEAR: f64 = 0.01;

/// The latent time of a field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) t: f64,
}

impl Clock {
    fn tau(self) -> f64 {
        (1.0 - self.t) / self.t
    }
}

/// What a field has at some rows.
#[derive(Debug)]
pub(super) struct Values<F> {
    /// `[rows, d]`.
    pub(super) mean: Array2<F>,
    /// `[rows, d]`.
    pub(super) velocity: Array2<F>,
    /// `[rows]`.
    pub(super) log_partition: Array1<F>,
}

impl<F: Real> Values<F> {
    fn zeros(rows: usize, dim: usize) -> Self {
        let matrix = || Array2::zeros((rows, dim));
        Self { mean: matrix(), velocity: matrix(), log_partition: Array1::zeros(rows) }
    }

    /// Puts tiles back together.
    pub(super) fn stack(parts: Vec<Self>, dim: usize) -> Self {
        let matrix = |of: fn(&Self) -> ArrayView2<'_, F>| {
            concatenate(Axis(0), &parts.iter().map(of).collect::<Vec<_>>()).unwrap_or_else(|_| Array2::zeros((0, dim)))
        };
        let log_partition = parts.iter().flat_map(|part| part.log_partition.iter().copied()).collect();
        Self { mean: matrix(|part| part.mean.view()), velocity: matrix(|part| part.velocity.view()), log_partition }
    }
}

/// Cotangents of the rows of a tile.
pub(super) struct TileCotangents<'a, F> {
    /// `G = g - v / t`, of the mean of the anchors, `[rows, d]`.
    of_mean: Array2<F>,
    velocity: Option<ArrayView2<'a, F>>,
    log_partition: Option<ArrayView1<'a, F>>,
    weights: Option<ArrayView2<'a, F>>,
}

impl<'a, F: Real> TileCotangents<'a, F> {
    pub(super) fn new(all: &FieldCotangents<'a, F>, rows: Range<usize>, dim: usize, clock: Clock) -> Self {
        let part = |all: Option<ArrayView2<'a, F>>| all.map(|all| all.slice_move(s![rows.clone(), ..]));
        let velocity = part(all.velocity);
        let mut of_mean = part(all.mean).map_or_else(|| Array2::zeros((rows.len(), dim)), |mean| mean.to_owned());
        if let Some(velocity) = &velocity {
            of_mean.scaled_add(-F::of(1.0 / clock.t), velocity);
        }
        let log_partition = all.log_partition.map(|all| all.slice_move(s![rows.clone()]));
        Self { of_mean, velocity, log_partition, weights: part(all.weights) }
    }
}

/// Rows relative to their most probable anchors.
#[derive(Debug)]
pub(super) struct Tile<F> {
    rows: Range<usize>,
    bases: Vec<usize>,
    /// `z = (x - (1 - t) a_base) / t`, `[rows, d]`.
    z: Array2<F>,
}

/// A row's anchors near its base, the base itself among them.
fn near<'a, F: Real>(anchors: &Anchors<F>, bases: &'a Bases<F>, i: usize) -> impl Iterator<Item = usize> + use<'a, F> {
    let base = bases.index[i];
    let limit = F::of(NEAR) * anchors.half_squares()[base];
    let is_near = move |(j, half): (usize, &F)| (*half < limit || *half == F::zero() || j == base).then_some(j);
    bases.half_distances.row(i).into_iter().enumerate().filter_map(is_near)
}

impl<F: Real> Tile<F> {
    pub(super) fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// Evaluates the field at `points [rows, d]`; `precise [N, d]` are the anchors without their mean.
    pub(super) fn evaluate(
        anchors: &Anchors<F>,
        precise: &Array2<f64>,
        clock: Clock,
        rows: Range<usize>,
        points: ArrayView2<'_, F>,
    ) -> (Self, Values<F>) {
        let index = most_probable(anchors, precise, clock, points);
        let mut z = Array2::zeros(points.raw_dim());
        for ((mut z, x), base) in z.rows_mut().into_iter().zip(points.rows()).zip(&index) {
            let z = z.iter_mut().zip(x).zip(anchors.point(*base));
            z.for_each(|((z, x), a)| *z = F::of((x.wide() - (1.0 - clock.t) * a.wide()) / clock.t));
        }
        let this = Self { rows, bases: index, z };
        let (bases, mut scratch) = (Bases::new(Parallel::No, anchors, this.bases.clone()), Scratch::alone());
        let mut weights = this.logits(anchors, &bases, clock, &mut scratch);
        let mut values = Values::zeros(points.nrows(), points.ncols());
        let mut rates = Array2::zeros(points.raw_dim());
        let mut difference = vec![F::zero(); anchors.dim()];
        let mut far = Vec::with_capacity(points.nrows());
        vectorised(
            #[inline(always)]
            || {
                for (i, mut row) in weights.rows_mut().into_iter().enumerate() {
                    let row = row.as_slice_mut().unwrap_or_default();
                    let sums = to_exponentials(row, bases.half_distances.row(i).to_slice().unwrap_or_default());
                    row.iter_mut().for_each(|w| *w *= sums.scale);
                    let mut rate = rates.row_mut(i);
                    let rate = rate.as_slice_mut().unwrap_or_default();
                    for j in near(anchors, &bases, i) {
                        subtract(&mut difference, anchors.point(j), anchors.point(this.bases[i]));
                        add_scaled(rate, row[j], &difference);
                        row[j] = F::zero();
                    }
                    far.push(sum_of(row, row, |w, _| w));
                    values.log_partition[i] = this.log_partition(anchors, i, sums.log_norm);
                }
            },
        );
        let mut of_far = Array2::zeros(points.raw_dim());
        product(weights.view(), anchors.centred().view(), of_far.view_mut());
        rates += &of_far;
        for (i, mut rate) in rates.rows_mut().into_iter().enumerate() {
            rate.scaled_add(-far[i], &bases.points.row(i));
            let base = anchors.point(this.bases[i]);
            for (k, rate) in rate.iter().enumerate() {
                let (x, base, rate) = (points[[i, k]].wide(), base[k].wide(), rate.wide());
                values.mean[[i, k]] = F::of(base + rate);
                values.velocity[[i, k]] = F::of(((x - base) - rate) / clock.t);
            }
        }
        (this, values)
    }

    /// `log c_base - |z|^2 / 2 + log sum_j exp(l_j)`.
    fn log_partition(&self, anchors: &Anchors<F>, i: usize, log_norm: F) -> F {
        let half_square: f64 = self.z.row(i).iter().map(|z| 0.5 * z.wide() * z.wide()).sum();
        F::of(anchors.log_weight(self.bases[i]).wide() + log_norm.wide() - half_square)
    }

    /// Logits relative to the bases, `[rows, N]`.
    fn logits<'s>(
        &self,
        anchors: &Anchors<F>,
        bases: &Bases<F>,
        clock: Clock,
        scratch: &'s mut Scratch<F>,
    ) -> ArrayViewMut2<'s, F> {
        let parallel = scratch.parallel();
        let mut logits = scratch.matrix(self.z.nrows(), anchors.len());
        team::product(parallel, self.z.view(), anchors.transposed(), logits.view_mut());
        self.products_to_logits(anchors, bases, clock, logits.view_mut());
        logits
    }

    fn products_to_logits(
        &self,
        anchors: &Anchors<F>,
        bases: &Bases<F>,
        clock: Clock,
        mut products: ArrayViewMut2<'_, F>,
    ) {
        let tau = F::of(clock.tau());
        vectorised(
            #[inline(always)]
            || {
                for (i, mut row) in products.rows_mut().into_iter().enumerate() {
                    let row = row.as_slice_mut().unwrap_or_default();
                    let zones = bases.zones(anchors, i, tau);
                    to_logits(row, &zones);
                    let (base, z) = (zones.base, self.z.row(i));
                    for j in near(anchors, bases, i) {
                        let slope =
                            difference_dot(z.to_slice().unwrap_or_default(), anchors.point(j), anchors.point(base));
                        let log_weight = anchors.log_weight(j) - anchors.log_weight(base);
                        row[j] = tau * slope - tau * tau * zones.half_distances[j] + log_weight;
                    }
                }
            },
        );
    }

    /// The weights of all zones, `[rows, N]`.
    pub(super) fn weights(&self, anchors: &Anchors<F>, clock: Clock) -> Array2<F> {
        let (bases, mut scratch) = (Bases::new(Parallel::No, anchors, self.bases.clone()), Scratch::alone());
        let mut weights = self.logits(anchors, &bases, clock, &mut scratch).to_owned();
        to_weights(weights.view_mut(), &bases);
        weights
    }

    /// Pulls cotangents back: adds to the sink, and returns the gradient of the points.
    pub(super) fn pull(
        &self,
        anchors: &Anchors<F>,
        clock: Clock,
        given: &TileCotangents<'_, F>,
        sink: &mut Sink<F>,
        scratch: &mut Scratch<F>,
    ) -> Array2<F> {
        let (r, n, d) = (self.z.nrows(), anchors.len(), anchors.dim());
        let parallel = scratch.parallel();
        let bases = Bases::new(parallel, anchors, self.bases.clone());
        let tau = F::of(clock.tau());
        let mut factors = Array2::zeros((2 * r, d));
        factors.slice_mut(s![..r, ..]).assign(&self.z);
        factors.slice_mut(s![r.., ..]).assign(&given.of_mean);
        // [W; S], once the products [z; G] A' have become weights and cotangents of the logits.
        let mut both = scratch.matrix(2 * r, n);
        team::product(parallel, factors.view(), anchors.transposed(), both.view_mut());
        let (mut weights, mut cotangents) = both.view_mut().split_at(Axis(0), r);
        self.products_to_logits(anchors, &bases, clock, weights.view_mut());
        to_weights(weights.view_mut(), &bases);
        let mut gradient = Array2::zeros((r, d));
        let mut far = Vec::with_capacity(r);
        vectorised(
            #[inline(always)]
            || {
                for (i, mut sum) in gradient.rows_mut().into_iter().enumerate() {
                    let (mut w, mut p) = (weights.row_mut(i), cotangents.row_mut(i));
                    let (w, p) = (w.as_slice_mut().unwrap_or_default(), p.as_slice_mut().unwrap_or_default());
                    self.cotangents(anchors, &bases, given, i, w, p);
                    let sum = sum.as_slice_mut().unwrap_or_default();
                    self.pull_near(anchors, &bases, (given, tau), i, (w, p, sum), sink);
                    far.push(sum_of(p, p, |s, _| s));
                }
            },
        );
        // sum_j S_j (a_j - a_base)
        let mut of_far = Array2::zeros((r, d));
        team::add_product(parallel, cotangents.view(), anchors.centred().view(), of_far.view_mut());
        gradient += &of_far;
        for (i, mut gradient) in gradient.rows_mut().into_iter().enumerate() {
            gradient.scaled_add(-far[i], &bases.points.row(i));
            gradient.mapv_inplace(|g| tau * g);
            if let Some(all) = &given.log_partition {
                gradient.scaled_add(-all[i], &self.z.row(i));
            }
            if let Some(all) = &given.velocity {
                gradient += &all.row(i);
            }
            gradient.mapv_inplace(|g| g * F::of(1.0 / clock.t));
        }
        let levers = (&bases.points * tau + &self.z) * tau;
        let mut factors = Array2::zeros((d, 2 * r));
        factors.slice_mut(s![.., ..r]).assign(&given.of_mean.t());
        factors.slice_mut(s![.., r..]).assign(&levers.t());
        sink.add_products(parallel, factors.view(), both.view(), &vec![tau * tau; r]);
        gradient
    }

    /// Turns the products `G.a_j` of row `i` into cotangents of the logits, `S_j = w_j (P_j - sum_k w_k P_k + l)`.
    #[inline(always)]
    fn cotangents(
        &self,
        anchors: &Anchors<F>,
        bases: &Bases<F>,
        given: &TileCotangents<'_, F>,
        i: usize,
        w: &[F],
        p: &mut [F],
    ) {
        let base = self.bases[i];
        let (own, g) = (p[base], given.of_mean.row(i));
        p.iter_mut().for_each(|p| *p -= own);
        for j in near(anchors, bases, i) {
            p[j] = difference_dot(g.to_slice().unwrap_or_default(), anchors.point(j), anchors.point(base));
        }
        if let Some(all) = &given.weights {
            // Relative to the base as well: only differences count.
            let of_base = all[[i, base]];
            p.iter_mut().zip(all.row(i)).for_each(|(p, m)| *p += *m - of_base);
        }
        let mean = sum_of(w, p, |w, p| w * p) - given.log_partition.as_ref().map_or(F::zero(), |all| all[i]);
        p.iter_mut().zip(w).for_each(|(p, w)| *p = *w * (*p - mean));
    }

    /// What anchors near the base of row `i` get and give, by differences; their weights `w` and cotangents `s` are then done with,
    /// and zero.
    #[inline(always)]
    fn pull_near(
        &self,
        anchors: &Anchors<F>,
        bases: &Bases<F>,
        (given, tau): (&TileCotangents<'_, F>, F),
        i: usize,
        (w, s, sum): (&mut [F], &mut [F], &mut [F]),
        sink: &mut Sink<F>,
    ) {
        let (g, z) = (given.of_mean.row(i), self.z.row(i));
        let mut difference = vec![F::zero(); z.len()];
        let mut single = vec![F::zero(); z.len()];
        for j in near(anchors, bases, i) {
            subtract(&mut difference, anchors.point(j), anchors.point(self.bases[i]));
            add_scaled(sum, s[j], &difference);
            for (k, single) in single.iter_mut().enumerate() {
                *single = w[j] * g[k] + tau * s[j] * (z[k] - tau * difference[k]);
            }
            sink.add_single(j, &single, s[j]);
            (w[j], s[j]) = (F::zero(), F::zero());
        }
    }
}

/// Turns logits into weights, the bases' among them.
fn to_weights<F: Real>(mut logits: ArrayViewMut2<'_, F>, bases: &Bases<F>) {
    vectorised(
        #[inline(always)]
        || {
            for (i, mut row) in logits.rows_mut().into_iter().enumerate() {
                let row = row.as_slice_mut().unwrap_or_default();
                let halves = bases.half_distances.row(i);
                // Anchors in the place of the base are zero among the exponentials.
                let here: Vec<(usize, F)> = halves
                    .iter()
                    .enumerate()
                    .filter(|(_, half)| **half == F::zero())
                    .map(|(j, _)| (j, row[j]))
                    .collect();
                let sums = to_exponentials(row, halves.to_slice().unwrap_or_default());
                row.iter_mut().for_each(|w| *w *= sums.scale);
                here.into_iter().for_each(|(j, logit)| row[j] = (logit - sums.log_norm).exp());
            }
        },
    );
}

/// The anchor of the largest weight for each of the `points`, in double precision. It need not be more than near it.
fn most_probable<F: Real>(
    anchors: &Anchors<F>,
    precise: &Array2<f64>,
    clock: Clock,
    points: ArrayView2<'_, F>,
) -> Vec<usize> {
    let tau = clock.tau();
    let centred = points.mapv(Real::wide) - &anchors.mean().mapv(|m| (1.0 - clock.t) * m);
    let mut products = Array2::zeros((points.nrows(), anchors.len()));
    product(centred.view(), precise.t(), products.view_mut());
    let squares: Vec<f64> = precise.rows().into_iter().map(|row| 0.5 * row.dot(&row)).collect();
    let log_weights: Vec<f64> = (0..anchors.len()).map(|j| anchors.log_weight(j).wide()).collect();
    let score = |row: &ArrayView1<'_, f64>, j: usize| tau / clock.t * row[j] - tau * tau * squares[j] + log_weights[j];
    let best = |row: ArrayView1<'_, f64>| {
        let scores = (0..row.len()).map(|j| score(&row, j)).enumerate();
        scores.fold((0, f64::NEG_INFINITY), |best, (j, score)| if score > best.1 { (j, score) } else { best }).0
    };
    products.rows().into_iter().map(best).collect()
}
