//! One evaluation of the zones on a tile of rows, and its vector-Jacobian product.
//!
//! Each row has a *base*: the anchor relative to which it is written, `z = u - tau a_base`. In exact arithmetic the base is a
//! free choice. In floating point it decides everything: relative to a near base no term is large, and the weight of the
//! base is never obtained as one minus something. On the way to the prior the base is the row's own anchor, on the way to the
//! anchors one of the most probable ones.

use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis, s};

use crate::bases::Bases;
use crate::kernels::cotangents::to_cotangents;
use crate::kernels::gemm::add_product;
use crate::kernels::lanes::sum_of;
use crate::kernels::logits::{RowSums, to_exponentials};
use crate::kernels::vectorised;
use crate::kernels::vectors::{add_scaled, difference_dot, subtract};
use crate::sink::Sink;
use crate::tiles::{map, part};
use crate::{Anchors, Parallel, Real, team};

/// What the evaluations of a tile work with: memory, so that they do not ask for it one by one, and threads.
#[derive(Debug)]
pub(crate) struct Scratch<F> {
    memory: Vec<F>,
    parallel: Parallel,
}

impl<F: Real> Scratch<F> {
    /// For a tile that is worked on by the threads that `parallel` says.
    pub(crate) fn new(parallel: Parallel) -> Self {
        Self { memory: Vec::new(), parallel }
    }

    /// For a tile that has one thread, among others.
    pub(crate) fn alone() -> Self {
        Self::new(Parallel::No)
    }

    pub(crate) fn parallel(&self) -> Parallel {
        self.parallel
    }

    /// A matrix with whatever is in it.
    pub(crate) fn matrix(&mut self, rows: usize, columns: usize) -> ArrayViewMut2<'_, F> {
        if self.memory.len() < rows * columns {
            self.memory.resize(rows * columns, F::zero());
        }
        let part = &mut self.memory[..rows * columns];
        ArrayViewMut2::from_shape((rows, columns), part).expect("as many elements as were asked for")
    }
}

/// Whether the base of a row is a choice of coordinates, or the anchor that the row starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// `u` is the state; the base drops out of the result.
    Coordinates,
    /// `z` is the state and `ahat - a_base` the rate, so the base acts through both.
    Own,
}

/// Some rows of a tile at one evaluation: `r` of them.
#[derive(Clone, Copy)]
pub(crate) struct Point<'a, F> {
    pub(crate) anchors: &'a Anchors<F>,
    pub(crate) bases: &'a Bases<F>,
    /// Which rows of the tile, `[r]`.
    pub(crate) rows: &'a [usize],
    /// Their clocks, `[r]`.
    pub(crate) taus: &'a [F],
    /// Their states, `[r, d]`.
    pub(crate) z: ArrayView2<'a, F>,
}

impl<F: Real> Point<'_, F> {
    /// The products `z.a_j`, `[r, N]`.
    pub(crate) fn products<'s>(&self, scratch: &'s mut Scratch<F>) -> ArrayViewMut2<'s, F> {
        let parallel = scratch.parallel();
        let mut products = scratch.matrix(self.rows.len(), self.anchors.len());
        team::product(parallel, self.z, self.anchors.transposed(), products.view_mut());
        products
    }

    /// `ahat - a_base = sum_j w_j (a_j - a_base)`, `[r, d]`, from exponentials `[r, N]`, their sums, and what near-duplicates bring
    /// to the mean, `[r, d]`.
    pub(crate) fn rates(
        &self,
        exponentials: ArrayView2<'_, F>,
        sums: &[RowSums<F>],
        of_duplicates: Array2<F>,
    ) -> Array2<F> {
        let mut rates = of_duplicates;
        add_product(exponentials, self.anchors.centred().view(), rates.view_mut());
        for ((mut rate, row), sums) in rates.rows_mut().into_iter().zip(self.rows).zip(sums) {
            let base = self.bases.points.row(*row);
            rate.zip_mut_with(&base, |rate, base| *rate = sums.scale * *rate - sums.omega * *base);
        }
        rates
    }

    /// Evaluates the zones: the rates `[r, d]`.
    pub(crate) fn evaluate(&self, scratch: &mut Scratch<F>) -> Array2<F> {
        self.evaluate_products(self.products(scratch))
    }

    /// The same from the products `z.a_j [r, N]`, which need only hold up to a constant per row.
    pub(crate) fn evaluate_products(&self, mut weights: ArrayViewMut2<'_, F>) -> Array2<F> {
        let mut all = Vec::with_capacity(self.rows.len());
        let mut of_duplicates = Array2::zeros(self.z.raw_dim());
        vectorised(
            #[inline(always)]
            || {
                let rows = weights.rows_mut().into_iter().zip(of_duplicates.rows_mut());
                for (i, (mut row, mut mean)) in rows.enumerate() {
                    let row = row.as_slice_mut().unwrap_or_default();
                    let zones = self.bases.to_logits(self.anchors, self.rows[i], (self.taus[i], self.z.row(i)), row);
                    let mut sums = to_exponentials(row, zones.half_distances);
                    let mean = mean.as_slice_mut().unwrap_or_default();
                    self.bases.set_duplicates_aside(self.anchors, self.rows[i], (row, &mut sums), mean);
                    all.push(sums);
                }
            },
        );
        self.rates(weights.view(), &all, of_duplicates)
    }
}

/// Cotangents of the log-probabilities of one anchor per row.
pub(crate) struct LogProbCotangent<'a, F> {
    pub(crate) owners: &'a [usize],
    /// `[r]`.
    pub(crate) values: &'a [F],
}

/// Sums over a row's weights and the cotangents `S` of its logits.
struct RowPull<F> {
    sums: RowSums<F>,
    rho: F,
    /// The part of `rho` that is not near-duplicates'.
    far: F,
}

/// What a pull adds to.
pub(crate) struct Targets<'a, F> {
    pub(crate) sink: &'a mut Sink<F>,
    /// What the bases get in their own role, `[rows of the tile, d]`.
    pub(crate) own: &'a mut Array2<F>,
    pub(crate) scratch: &'a mut Scratch<F>,
}

impl<F: Real> Point<'_, F> {
    /// Pulls cotangents back: adds to the targets, and returns the cotangent of the state, `[r, d]`.
    ///
    /// `g: [r, d]` belongs to the rate, `log_probs` to recorded log-probabilities.
    pub(crate) fn pull(
        &self,
        role: Base,
        g: ArrayView2<'_, F>,
        log_probs: Option<&LogProbCotangent<'_, F>>,
        targets: &mut Targets<'_, F>,
    ) -> Array2<F> {
        let Targets { sink, own, scratch } = targets;
        let (r, n, d) = (g.nrows(), self.anchors.len(), self.anchors.dim());
        // The two products with the anchors are one: [z; g] A', and so are those with the weights: [g; lever]' [W; S].
        let mut factors = Array2::zeros((2 * r, d));
        factors.slice_mut(s![..r, ..]).assign(&self.z);
        factors.slice_mut(s![r.., ..]).assign(&g);
        let parallel = scratch.parallel();
        let mut weights = scratch.matrix(2 * r, n);
        team::product(parallel, factors.view(), self.anchors.transposed(), weights.view_mut());
        let mut state = Array2::zeros((r, d));
        let mut rows = self.cotangents(parallel, weights.view_mut(), g, log_probs);
        self.set_duplicates_aside(weights.view_mut(), g, state.view_mut(), &mut rows, sink);

        team::add_product(parallel, weights.slice(s![r.., ..]), self.anchors.centred().view(), state.view_mut());
        drop(factors);
        let factors = self.levers(g);
        let squares: Vec<F> = self.taus.iter().map(|tau| *tau * *tau).collect();
        sink.add_products(parallel, factors.view(), weights.view(), &squares);
        self.finish(role, g, &rows, state, sink, own)
    }

    /// Turns the products `[z; g] A'` into weights and cotangents of the logits.
    fn cotangents(
        &self,
        parallel: Parallel,
        weights: ArrayViewMut2<'_, F>,
        g: ArrayView2<'_, F>,
        log_probs: Option<&LogProbCotangent<'_, F>>,
    ) -> Vec<RowPull<F>> {
        let (mut of_z, mut of_g) = weights.split_at(Axis(0), self.taus.len());
        let rows = part(parallel, self.taus.len(), 1);
        let parts = of_z.axis_chunks_iter_mut(Axis(0), rows).zip(of_g.axis_chunks_iter_mut(Axis(0), rows));
        let parts = map(parallel, parts.enumerate().collect(), |(part, (mut of_z, mut of_g))| {
            let mut pulls = Vec::with_capacity(of_z.nrows());
            vectorised(
                #[inline(always)]
                || {
                    let pairs = of_z.rows_mut().into_iter().zip(of_g.rows_mut());
                    for (i, (mut w, mut p)) in pairs.enumerate() {
                        let (w, p) = (w.as_slice_mut().unwrap_or_default(), p.as_slice_mut().unwrap_or_default());
                        pulls.push(self.row_cotangents(part * rows + i, w, p, g, log_probs));
                    }
                },
            );
            pulls
        });
        parts.into_iter().flatten().collect()
    }

    /// The same for row `i`: `z A'` in `w`, `g A'` in `p`.
    #[inline(always)]
    fn row_cotangents(
        &self,
        i: usize,
        w: &mut [F],
        p: &mut [F],
        g: ArrayView2<'_, F>,
        log_probs: Option<&LogProbCotangent<'_, F>>,
    ) -> RowPull<F> {
        let zones = self.bases.to_logits(self.anchors, self.rows[i], (self.taus[i], self.z.row(i)), w);
        let sums = to_exponentials(w, zones.half_distances);
        self.duplicate_products(i, g.row(i), p);
        let log_prob = log_probs.map(|all| {
            let owner = all.owners[i];
            (all.values[i], (zones.half_distances[owner] != F::zero()).then_some(owner))
        });
        let rho = to_cotangents(w, p, &sums, zones.base, log_prob);
        RowPull { sums, rho, far: rho }
    }

    /// What near-duplicates get and give goes to `states` and `sink` at once, and out of the weights.
    fn set_duplicates_aside(
        &self,
        weights: ArrayViewMut2<'_, F>,
        g: ArrayView2<'_, F>,
        mut states: ArrayViewMut2<'_, F>,
        rows: &mut [RowPull<F>],
        sink: &mut Sink<F>,
    ) {
        let (mut of_z, mut of_g) = weights.split_at(Axis(0), self.taus.len());
        let has_duplicates = |i: &usize| !self.bases.duplicates[self.rows[*i]].is_empty();
        for i in (0..rows.len()).filter(has_duplicates) {
            let (mut w, mut s, mut state) = (of_z.row_mut(i), of_g.row_mut(i), states.row_mut(i));
            let (w, s) = (w.as_slice_mut().unwrap_or_default(), s.as_slice_mut().unwrap_or_default());
            let state = state.as_slice_mut().unwrap_or_default();
            rows[i].far = self.pull_duplicates(i, g.row(i), (w, s), state, sink);
        }
    }

    /// Makes the products `g.a_j` of a row with near-duplicates relative to the base, theirs by differences.
    #[inline(always)]
    fn duplicate_products(&self, i: usize, g: ArrayView1<'_, F>, products: &mut [F]) {
        let (duplicates, base) = (&self.bases.duplicates[self.rows[i]], self.bases.index[self.rows[i]]);
        if duplicates.is_empty() {
            return;
        }
        let own = products[base];
        products.iter_mut().for_each(|p| *p -= own);
        for &j in duplicates {
            products[j] =
                difference_dot(g.to_slice().unwrap_or_default(), self.anchors.point(j), self.anchors.point(base));
        }
    }

    /// What the near-duplicates of a row get, and what they give to the cotangent of the state; their weights `w` and cotangents
    /// `s` are then done with, and zero. The sum of the other cotangents.
    fn pull_duplicates(
        &self,
        i: usize,
        g: ArrayView1<'_, F>,
        (w, s): (&mut [F], &mut [F]),
        state: &mut [F],
        sink: &mut Sink<F>,
    ) -> F {
        let (duplicates, base) = (&self.bases.duplicates[self.rows[i]], self.bases.index[self.rows[i]]);
        let (tau, z) = (self.taus[i], self.z.row(i));
        let mut difference = vec![F::zero(); state.len()];
        vectorised(
            #[inline(always)]
            || {
                for &j in duplicates {
                    subtract(&mut difference, self.anchors.point(j), self.anchors.point(base));
                    add_scaled(state, s[j], &difference);
                    for ((b, g), z) in difference.iter_mut().zip(g).zip(z) {
                        *b = w[j] * *g + tau * s[j] * (*z - tau * *b);
                    }
                    sink.add_single(j, &difference, s[j]);
                    (w[j], s[j]) = (F::zero(), F::zero());
                }
                sum_of(s, s, |s, _| s)
            },
        )
    }

    /// `[g; tau z + tau^2 a_base]'`, `[d, 2 r]`.
    fn levers(&self, g: ArrayView2<'_, F>) -> Array2<F> {
        let r = g.nrows();
        let mut factors = Array2::zeros((g.ncols(), 2 * r));
        factors.slice_mut(s![.., ..r]).assign(&g.t());
        for (i, mut lever) in factors.slice_mut(s![.., r..]).columns_mut().into_iter().enumerate() {
            let tau = self.taus[i];
            let (z, base) = (self.z.row(i), self.bases.points.row(self.rows[i]));
            lever.iter_mut().zip(z).zip(base).for_each(|((lever, z), base)| *lever = tau * (*z + tau * *base));
        }
        factors
    }

    /// The cotangent of the state from `state = S A`, and what the bases get.
    fn finish(
        &self,
        role: Base,
        g: ArrayView2<'_, F>,
        rows: &[RowPull<F>],
        mut state: Array2<F>,
        sink: &mut Sink<F>,
        own: &mut Array2<F>,
    ) -> Array2<F> {
        for (i, RowPull { sums, rho, far }) in rows.iter().enumerate() {
            let (tau, row) = (self.taus[i], self.rows[i]);
            let (mut state, mut own) = (state.row_mut(i), own.row_mut(row));
            // sum_j S_j (a_j - a_base)
            state.scaled_add(-*far, &self.bases.points.row(row));
            own.scaled_add(-tau * *rho, &self.z.row(i));
            match role {
                Base::Coordinates => own.scaled_add(sums.base, &g.row(i)),
                Base::Own => {
                    own.scaled_add(-sums.omega, &g.row(i));
                    own.scaled_add(tau * tau, &state);
                }
            }
            sink.add_log_weight(self.bases.index[row], -*rho);
            state.mapv_inplace(|x| tau * x);
        }
        state
    }
}
