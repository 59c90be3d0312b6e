//! What gradients are collected in while tiles of rows are pulled back.

use std::ops::AddAssign;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use crate::kernels::panels::{Panels, WIDTH};
use crate::kernels::vectorised;
use crate::kernels::vectors::add_scaled;
use crate::tiles::{map, part};
use crate::{Anchors, Parallel, Real};

/// Gradients of anchors and log-weights from the rows of some tiles: those of one lane, or all.
#[derive(Debug)]
pub(crate) struct Sink<F> {
    /// Gradients of the anchors in the role of other zones, transposed `[d, N]`: so the products that fill it are fastest.
    transposed: Panels<F>,
    /// `sum_i tau_i^2 S_ij`: how often each anchor itself is to be subtracted.
    pull: Array1<F>,
    /// Gradient of the mean of all anchors under their weights, `[d]`.
    prior_mean: Array1<F>,
    /// Gradients of single anchors, `[N, d]`; made when the first arrives.
    single: Option<Array2<F>>,
    /// `[N]`.
    log_weights: Array1<F>,
}

/// Gradients with respect to all anchors and their log-weights.
#[derive(Debug)]
pub(crate) struct Collected<F> {
    /// `[N, d]`.
    pub(crate) anchors: Array2<F>,
    /// `[N]`.
    pub(crate) log_weights: Array1<F>,
}

impl<F: Real> Sink<F> {
    pub(crate) fn new(anchors: &Anchors<F>) -> Self {
        let (n, d) = (anchors.len(), anchors.dim());
        Self {
            transposed: Panels::zeros(d, n),
            pull: Array1::zeros(n),
            prior_mean: Array1::zeros(d),
            single: None,
            log_weights: Array1::zeros(n),
        }
    }

    /// Adds what rows with the weights `W` and logit cotangents `S` say: `factors weights` for the cotangents and levers
    /// `factors [d, 2 r]` and `weights [2 r, N]`, which are `W` and `S`; `squares [r]` are the rows' `tau^2`.
    pub(crate) fn add_products(
        &mut self,
        parallel: Parallel,
        factors: ArrayView2<'_, F>,
        weights: ArrayView2<'_, F>,
        squares: &[F],
    ) {
        let columns = part(parallel, weights.ncols(), WIDTH);
        let ends = self.pull.axis_chunks_iter_mut(Axis(0), columns);
        let ends = ends.zip(self.log_weights.axis_chunks_iter_mut(Axis(0), columns));
        let parts = self.transposed.parts_mut(columns).zip(weights.axis_chunks_iter(Axis(1), columns)).zip(ends);
        map(parallel, parts.collect(), |((mut transposed, weights), (mut pull, mut log_weights))| {
            transposed.add_product(factors, weights);
            let pull = pull.as_slice_mut().unwrap_or_default();
            let log_weights = log_weights.as_slice_mut().unwrap_or_default();
            let cotangents = weights.slice(s![squares.len().., ..]);
            vectorised(
                #[inline(always)]
                || {
                    for (row, square) in cotangents.rows().into_iter().zip(squares) {
                        let row = row.to_slice().unwrap_or_default();
                        for ((pull, log_weight), s) in pull.iter_mut().zip(log_weights.iter_mut()).zip(row) {
                            *pull += *square * *s;
                            *log_weight += *s;
                        }
                    }
                },
            );
        });
    }

    /// Adds to the gradient of the mean of all anchors.
    pub(crate) fn add_prior_mean(&mut self, gradient: &[F]) {
        self.prior_mean.scaled_add(F::one(), &ArrayView1::from(gradient));
    }

    /// Adds to the gradients of one anchor and its log-weight.
    #[inline(always)]
    pub(crate) fn add_single(&mut self, anchor: usize, gradient: &[F], log_weight: F) {
        let shape = (self.pull.len(), self.prior_mean.len());
        let all = self.single.get_or_insert_with(|| Array2::zeros(shape));
        if let Some(all) = all.as_slice_mut() {
            add_scaled(&mut all[anchor * shape.1..(anchor + 1) * shape.1], F::one(), gradient);
        }
        self.log_weights[anchor] += log_weight;
    }

    /// Adds `rows [r, d]` to the gradients of the anchors `index`.
    pub(crate) fn add_rows(&mut self, index: &[usize], rows: ArrayView2<'_, F>) {
        self.transposed.add_columns(index, rows);
    }

    /// Adds to the gradient of one log-weight.
    pub(crate) fn add_log_weight(&mut self, anchor: usize, gradient: F) {
        self.log_weights[anchor] += gradient;
    }

    /// All gradients.
    pub(crate) fn finish(self, anchors: &Anchors<F>) -> Collected<F> {
        let Self { transposed, pull, prior_mean, single, mut log_weights } = self;
        let mut gradients = transposed.into_rows();
        if let Some(single) = single {
            gradients += &single;
        }
        for ((mut row, anchor), pull) in gradients.rows_mut().into_iter().zip(anchors.centred().rows()).zip(&pull) {
            row.scaled_add(-*pull, &anchor);
        }
        if prior_mean.iter().any(|g| *g != F::zero()) {
            spread_over_prior(anchors, &prior_mean, &mut gradients, &mut log_weights);
        }
        Collected { anchors: gradients, log_weights }
    }
}

/// The gradient of `abar = sum_j c_j a_j` with shares `c`: `c_j g` for anchor `j`, `c_j (a_j - abar).g` for its log-weight.
fn spread_over_prior<F: Real>(
    anchors: &Anchors<F>,
    gradient: &Array1<F>,
    gradients: &mut Array2<F>,
    log_weights: &mut Array1<F>,
) {
    let wide = gradient.mapv(Real::wide);
    let of_mean = anchors.prior_mean().dot(&wide);
    for (j, share) in anchors.shares().into_iter().enumerate() {
        gradients.row_mut(j).scaled_add(F::of(share), gradient);
        let product: f64 = anchors.precise(j).zip(&wide).map(|(a, g)| a * g).sum();
        log_weights[j] += F::of(share * (product - of_mean));
    }
}

impl<F: Real> AddAssign for Sink<F> {
    fn add_assign(&mut self, other: Self) {
        self.transposed += &other.transposed;
        self.pull += &other.pull;
        self.prior_mean += &other.prior_mean;
        self.log_weights += &other.log_weights;
        match (&mut self.single, other.single) {
            (Some(single), Some(other)) => *single += &other,
            (single @ None, other) => *single = other,
            (Some(_), None) => {}
        }
    }
}
