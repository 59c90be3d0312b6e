//! The field of the zones at one latent time: weights, mean, velocity, log-partition, and their gradients.
//!
//! What a solver evaluates step by step, for those who want to step themselves: guidance, likelihoods, other integrators, or
//! attention over anchors. At the latent time `t` in (0, 1] and a point `x`, with the weights `c_j` of the anchors (1 without),
//!
//! ```text
//! L_j           = log c_j - |x - (1 - t) a_j|^2 / 2t^2
//! log-partition = log sum_j exp(L_j)                     log-density of x, but for its constants
//! weights       w_j = exp(L_j - log-partition)           how much of x belongs to anchor j
//! mean          = sum_j w_j a_j                          the anchor that one would expect at x
//! velocity      = (x - mean) / t                         dx/dt of the flow
//! ```
//!
//! The constant `d log t + (d / 2) log(2 pi) + log sum_j c_j`, subtracted from the log-partition, gives the log-density of the
//! mixture at `t`. Its gradient in `x` is `((1 - t) mean - x) / t^2`.
//!
//! # Precision
//! Every row is written relative to its most probable anchor, and anchors near that one by their exact differences. So weights
//! and velocities keep their digits for small `t`, for anchors that are nearly equal and for anchors far from the origin, also
//! in single precision.
//!
//! # Memory
//! Proportional to points and anchors, `B d + N d`: rows are worked on in tiles, and what is `[tile, N]` is computed again for
//! gradients. Only [`FieldAt::weights`] returns `[B, N]`. Threads change no bit of the results.
//!
//! # Example
//! ```
//! use lzn_latent::Anchors;
//! use lzn_latent::field::{FieldCotangents, ZoneField};
//! use ndarray::array;
//!
//! let anchors = Anchors::new(array![[-1.0], [1.0]])?;
//! let at = ZoneField::new(&anchors, 0.5)?.at(array![[0.0], [0.4]].view())?;
//! // Half-way between two anchors both count the same, and nothing moves.
//! assert_eq!((at.weights()[[0, 0]], at.mean()[[0, 0]], at.velocity()[[0, 0]]), (0.5, 0.0, 0.0));
//! assert!(at.weights()[[1, 1]] > 0.6);
//!
//! // The gradient of the log-partition is the score, ((1 - t) mean - x) / t^2.
//! let ones = array![1.0, 1.0];
//! let gradients = at.vjp(&FieldCotangents { log_partition: Some(ones.view()), ..Default::default() })?;
//! let score: f64 = (0.5 * at.mean()[[1, 0]] - 0.4) / 0.25;
//! assert!((score - gradients.points[[1, 0]]).abs() < 1e-12);
//! # Ok::<(), lzn_latent::LatentError>(())
//! ```

mod tile;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis, concatenate, s};

use crate::anchors::{check_finite, check_result, check_shape};
use crate::{Anchors, LatentError, Parallel, Real, tiles};
use tile::{Clock, Tile, TileCotangents, Values};

const OPERATION: &str = "zone field";

/// The zones at one latent time.
#[derive(Debug, Clone)]
pub struct ZoneField<'a, F> {
    anchors: &'a Anchors<F>,
    clock: Clock,
    parallel: Parallel,
}

impl<'a, F: Real> ZoneField<'a, F> {
    /// The field of these anchors at the latent time `t`: near 0 at the anchors, 1 at the prior.
    ///
    /// # Errors
    /// [`LatentError::Time`] outside (0, 1].
    pub fn new(anchors: &'a Anchors<F>, t: f64) -> Result<Self, LatentError> {
        // Written so that NaN is refused too.
        if t > 0.0 && t <= 1.0 {
            Ok(Self { anchors, clock: Clock { t }, parallel: Parallel::default() })
        } else {
            Err(LatentError::Time { operation: OPERATION, value: t })
        }
    }

    /// The same field with this use of threads; without it the rayon pool is used.
    pub fn with_parallel(mut self, parallel: Parallel) -> Self {
        self.parallel = parallel;
        self
    }

    /// The latent time `t`.
    pub fn time(&self) -> f64 {
        self.clock.t
    }

    /// Evaluates the field at `points: [B, d]`.
    ///
    /// # Errors
    /// [`LatentError::Shape`], [`LatentError::NonFinite`]; [`LatentError::Overflow`] where points are so far from all anchors,
    /// in units of `t`, that the squares leave the range of the type.
    pub fn at(&self, points: ArrayView2<'_, F>) -> Result<FieldAt<F>, LatentError> {
        self.anchors.check_points(OPERATION, "points", points)?;
        let ranges = tiles::ranges(points.nrows(), self.anchors.len());
        let precise = self.anchors.all_precise();
        let (tiles, values): (Vec<_>, Vec<_>) = tiles::map(self.parallel, ranges, |rows| {
            Tile::evaluate(self.anchors, &precise, self.clock, rows.clone(), points.slice(s![rows, ..]))
        })
        .into_iter()
        .unzip();
        let Values { mean, velocity, log_partition } = Values::stack(values, points.ncols());
        let column = log_partition.view().insert_axis(Axis(1));
        [mean.view(), velocity.view(), column].into_iter().try_for_each(|all| check_result(OPERATION, all))?;
        let anchors = self.anchors.clone();
        Ok(FieldAt { anchors, clock: self.clock, parallel: self.parallel, tiles, mean, velocity, log_partition })
    }
}

/// The field at some points, with what its gradients need.
#[derive(Debug)]
pub struct FieldAt<F> {
    anchors: Anchors<F>,
    clock: Clock,
    parallel: Parallel,
    tiles: Vec<Tile<F>>,
    mean: Array2<F>,
    velocity: Array2<F>,
    log_partition: Array1<F>,
}

/// Cotangents of what a [`FieldAt`] holds; what is `None` counts as zero.
#[derive(Debug, Clone, Copy)]
pub struct FieldCotangents<'a, F> {
    /// Of the mean, `[B, d]`.
    pub mean: Option<ArrayView2<'a, F>>,
    /// Of the velocity, `[B, d]`.
    pub velocity: Option<ArrayView2<'a, F>>,
    /// Of the log-partition, `[B]`.
    pub log_partition: Option<ArrayView1<'a, F>>,
    /// Of the weights, `[B, N]`.
    pub weights: Option<ArrayView2<'a, F>>,
}

impl<F> Default for FieldCotangents<'_, F> {
    /// None at all.
    fn default() -> Self {
        Self { mean: None, velocity: None, log_partition: None, weights: None }
    }
}

/// Gradients of a function of the field.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldGradients<F> {
    /// With respect to the points: `[B, d]`.
    pub points: Array2<F>,
    /// With respect to the anchors: `[N, d]`.
    pub anchors: Array2<F>,
    /// With respect to the logarithms of the weights `log c_j`: `[N]`.
    pub log_weights: Array1<F>,
}

impl<F: Real> FieldAt<F> {
    /// `sum_j w_j a_j`, `[B, d]`.
    pub fn mean(&self) -> ArrayView2<'_, F> {
        self.mean.view()
    }

    /// `(x - mean) / t`, `[B, d]`; for small `t` more exact than from the mean.
    pub fn velocity(&self) -> ArrayView2<'_, F> {
        self.velocity.view()
    }

    /// `log sum_j c_j exp(-|x - (1 - t) a_j|^2 / 2t^2)`, `[B]`.
    pub fn log_partition(&self) -> ArrayView1<'_, F> {
        self.log_partition.view()
    }

    /// The weights of all zones, `[B, N]`, computed on demand; each row sums to one.
    pub fn weights(&self) -> Array2<F> {
        let tiles: Vec<&Tile<F>> = self.tiles.iter().collect();
        let parts = tiles::map(self.parallel, tiles, |tile| tile.weights(&self.anchors, self.clock));
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        // It only fails without tiles: no points, no weights.
        concatenate(Axis(0), &views).unwrap_or_else(|_| Array2::zeros((0, self.anchors.len())))
    }

    /// The gradients of `sum(mean * g) + sum(velocity * v) + sum(log_partition * l) + sum(weights * m)` for the cotangents.
    ///
    /// With `G = g - v / t`, `b_j = a_j - a_base`, `z = (x - (1 - t) a_base) / t`, `tau = (1 - t) / t`:
    ///
    /// ```text
    /// P_j = G.b_j + m_j,     S_j = w_j (P_j - sum_k w_k P_k + l)
    /// dx  = (v - l z + tau sum_j S_j b_j) / t
    /// da_j = w_j G + tau S_j (z - tau b_j),     dlog c_j = S_j
    /// ```
    ///
    /// # Errors
    /// [`LatentError::Shape`], [`LatentError::NonFinite`] for cotangents that do not fit.
    pub fn vjp(&self, cotangents: &FieldCotangents<'_, F>) -> Result<FieldGradients<F>, LatentError> {
        self.check(cotangents)?;
        let anchors = &self.anchors;
        let mut points = Array2::zeros(self.mean.raw_dim());
        let parts = tiles::split(&mut points, self.tiles.iter().map(|tile| tile.rows().len()));
        let sink = tiles::collect(
            self.parallel,
            anchors,
            self.tiles.iter().zip(parts).collect(),
            |(tile, mut points): (&Tile<F>, ArrayViewMut2<'_, F>), sink, scratch| {
                let given = TileCotangents::new(cotangents, tile.rows(), anchors.dim(), self.clock);
                points.assign(&tile.pull(anchors, self.clock, &given, sink, scratch));
            },
        );
        let collected = sink.finish(anchors);
        Ok(FieldGradients { points, anchors: collected.anchors, log_weights: collected.log_weights })
    }

    fn check(&self, cotangents: &FieldCotangents<'_, F>) -> Result<(), LatentError> {
        const OPERATION: &str = "vjp of the zone field";
        let (b, n) = (self.mean.nrows(), self.anchors.len());
        let FieldCotangents { mean, velocity, log_partition, weights } = cotangents;
        for (argument, columns, cotangent) in
            [("mean", self.anchors.dim(), mean), ("velocity", self.anchors.dim(), velocity), ("weights", n, weights)]
        {
            if let Some(cotangent) = cotangent {
                check_shape(OPERATION, argument, &[b, columns], cotangent.shape())?;
                check_finite(OPERATION, argument, cotangent.view())?;
            }
        }
        if let Some(cotangent) = log_partition {
            check_shape(OPERATION, "log_partition", &[b], cotangent.shape())?;
            check_finite(OPERATION, "log_partition", cotangent.view().insert_axis(Axis(1)))?;
        }
        Ok(())
    }
}
