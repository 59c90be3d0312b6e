//! The field of the zones against its definition, written out plainly in double precision.

use lzn_latent::field::{FieldAt, FieldCotangents, ZoneField};
use lzn_latent::{Anchors, LatentError, Parallel, Real, Solver};
use ndarray::{Array1, Array2, ArrayView1, Axis, array, concatenate, s};

use crate::common::{anchors, distance, each, flow, normal, relative_error};
use crate::converged::{clusters, duplicates};

const N: usize = 24;
const DIM: usize = 6;

fn weights(n: usize) -> Array1<f64> {
    let mut weights = normal(700, 1, n).row(0).mapv(|x| (0.7 * x).exp());
    weights[3] = 0.0;
    weights
}

/// Points on the way from anchors to noise: where a flow would be at `t`.
fn on_the_way(points: &Array2<f64>, t: f64, seed: u64) -> Array2<f64> {
    points * (1.0 - t) + normal(seed, points.nrows(), points.ncols()) * t
}

/// Weights, mean, velocity, log-partition, by their definitions.
struct Plain {
    weights: Array2<f64>,
    mean: Array2<f64>,
    velocity: Array2<f64>,
    log_partition: Array1<f64>,
}

fn plain(set: &Array2<f64>, weights: &Array1<f64>, x: &Array2<f64>, t: f64) -> Plain {
    let logit = |x: ArrayView1<'_, f64>, j: usize| {
        let apart = &x - &(&set.row(j) * (1.0 - t));
        weights[j].ln() - apart.dot(&apart) / (2.0 * t * t)
    };
    let mut all = Array2::zeros((x.nrows(), set.nrows()));
    let mut log_partition = Array1::zeros(x.nrows());
    for (i, x) in x.rows().into_iter().enumerate() {
        let logits: Array1<f64> = (0..set.nrows()).map(|j| logit(x, j)).collect();
        let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        log_partition[i] = most + logits.mapv(|l| (l - most).exp()).sum().ln();
        all.row_mut(i).assign(&logits.mapv(|l| (l - log_partition[i]).exp()));
    }
    let mean = all.dot(set);
    Plain { velocity: (x - &mean) / t, weights: all, mean, log_partition }
}

#[test]
fn the_field_is_what_its_definition_says() {
    for (k, points) in
        [normal(701, N, DIM), clusters(702, N, DIM, 0.01), duplicates(704, N, DIM, 1e-3), normal(706, N, DIM) + 50.0]
            .iter()
            .enumerate()
    {
        let set = anchors(points).with_weights(weights(N)).unwrap();
        for t in [1e-4, 1e-3, 0.05, 0.4, 0.9, 1.0] {
            let x = on_the_way(points, t, 707);
            let at = ZoneField::new(&set, t).unwrap().at(x.view()).unwrap();
            let expected = plain(points, &weights(N), &x, t);
            // The plain form divides differences of points by t; they are known to 1e-14, far from the origin.
            let limit = 1e-14 / t + 1e-12;
            let got = at.weights();
            assert!(distance(&got, &expected.weights) < 1e3 * limit, "set {k}, t = {t}: weights");
            assert!(got.sum_axis(ndarray::Axis(1)).iter().all(|sum| (sum - 1.0).abs() < 1e-12));
            assert!(distance(&at.mean().to_owned(), &expected.mean) < 1e3 * limit, "set {k}, t = {t}: mean");
            let error = relative_error(&at.velocity().to_owned(), expected.velocity.view());
            assert!(error < 1e2 * limit, "set {k}, t = {t}: velocity {error:e}");
            let error = relative_error(&at.log_partition().to_owned(), expected.log_partition.view());
            assert!(error < 1e2 * limit, "set {k}, t = {t}: log-partition {error:e}");
        }
    }
}

/// Everything that a field depends on, and one function of all that it gives.
#[derive(Clone)]
struct Inputs(Array2<f64>, Array2<f64>, Array1<f64>);

impl Inputs {
    fn moved(&self, direction: &Self, step: f64) -> Self {
        Self(&self.0 + &(&direction.0 * step), &self.1 + &(&direction.1 * step), &self.2 + &(&direction.2 * step))
    }

    fn at(&self, t: f64) -> FieldAt<f64> {
        let set = anchors(&self.0).with_weights(self.2.mapv(f64::exp)).unwrap();
        ZoneField::new(&set, t).unwrap().at(self.1.view()).unwrap()
    }
}

#[test]
fn gradients_match_differences_one_by_one_and_together() {
    let rows = 9;
    let (g, v) = (normal(710, rows, DIM), normal(711, rows, DIM));
    let (l, m) = (normal(712, 1, rows).row(0).to_owned(), normal(713, rows, N));
    let all = FieldCotangents {
        mean: Some(g.view()),
        velocity: Some(v.view()),
        log_partition: Some(l.view()),
        weights: Some(m.view()),
    };
    let none = FieldCotangents::default();
    let cases = [
        FieldCotangents { mean: all.mean, ..none },
        FieldCotangents { velocity: all.velocity, ..none },
        FieldCotangents { log_partition: all.log_partition, ..none },
        FieldCotangents { weights: all.weights, ..none },
        all,
    ];
    for (k, points) in
        [normal(714, N, DIM), duplicates(715, N, DIM, 1e-2), clusters(717, N, DIM, 0.01)].iter().enumerate()
    {
        for t in [0.02, 0.3, 0.8, 1.0] {
            let x = on_the_way(&points.slice(s![..rows, ..]).to_owned(), t, 718);
            let inputs = Inputs(points.clone(), x, normal(719, 1, N).row(0).mapv(|w| 0.5 * w));
            let direction = Inputs(normal(720, N, DIM), normal(721, rows, DIM), normal(722, 1, N).row(0).to_owned());
            for (case, cotangents) in cases.iter().enumerate() {
                let got = inputs.at(t).vjp(cotangents).unwrap();
                let along = (&got.anchors * &direction.0).sum()
                    + (&got.points * &direction.1).sum()
                    + got.log_weights.dot(&direction.2);
                let value = |h: f64| {
                    let at = inputs.moved(&direction, h).at(t);
                    cotangents.mean.map_or(0.0, |g| (&at.mean() * &g).sum())
                        + cotangents.velocity.map_or(0.0, |v| (&at.velocity() * &v).sum())
                        + cotangents.log_partition.map_or(0.0, |l| at.log_partition().dot(&l))
                        + cotangents.weights.map_or(0.0, |m| (&at.weights() * &m).sum())
                };
                let difference =
                    |h: f64| (8.0 * (value(h) - value(-h)) - (value(2.0 * h) - value(-2.0 * h))) / (12.0 * h);
                // The field bends within t^2.
                let errors = [1e-2, 1e-3, 1e-4].map(|h| (difference(h * t * t) - along).abs() / along.abs().max(1.0));
                let error = errors.into_iter().fold(f64::INFINITY, f64::min);
                assert!(error < 2e-8, "set {k}, t = {t}, case {case}: {error:e}");
            }
        }
    }
}

/// It is `(1 - t) / t^2` times the covariance of the anchors under the weights.
#[test]
fn the_jacobian_of_the_mean_is_symmetric_and_never_negative() {
    let points = clusters(730, N, DIM, 0.1);
    for t in [0.1, 0.5, 0.9] {
        let x = on_the_way(&points.slice(s![..1, ..]).to_owned(), t, 731);
        let at = Inputs(points.clone(), x, Array1::zeros(N)).at(t);
        let row = |k: usize| {
            let unit = Array2::from_shape_fn((1, DIM), |(_, j)| f64::from(u8::from(j == k)));
            at.vjp(&FieldCotangents { mean: Some(unit.view()), ..FieldCotangents::default() }).unwrap().points
        };
        let rows: Vec<Array2<f64>> = (0..DIM).map(row).collect();
        let jacobian = concatenate(Axis(0), &rows.iter().map(|row| row.view()).collect::<Vec<_>>()).unwrap();
        let largest = jacobian.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        assert!(distance(&jacobian, &jacobian.t().to_owned()) < 1e-11 * largest, "t = {t}: {jacobian}");
        for v in normal(732, 20, DIM).rows() {
            let square = v.dot(&jacobian.dot(&v));
            assert!(square > -1e-11 * largest * v.dot(&v), "t = {t}: {square:e}");
        }
    }
}

/// What comes out at the points, and the gradients of everything at once, widened.
fn run<F: Real>(points: &Array2<f64>, x: &Array2<f64>, t: f64) -> [Array2<f64>; 6] {
    let set = Anchors::new(points.mapv(F::of)).unwrap();
    let at = ZoneField::new(&set, t).unwrap().at(x.mapv(F::of).view()).unwrap();
    let (g, m) = (normal(730, x.nrows(), x.ncols()).mapv(F::of), normal(731, x.nrows(), points.nrows()).mapv(F::of));
    // Of the size that a velocity's has if the mean's is one, and not in its direction, where the two would cancel.
    let v = normal(742, x.nrows(), x.ncols()).mapv(|v| F::of(t * v));
    let cotangents = FieldCotangents {
        mean: Some(g.view()),
        velocity: Some(v.view()),
        weights: Some(m.view()),
        log_partition: None,
    };
    let gradients = at.vjp(&cotangents).unwrap();
    let column = at.log_partition().to_owned().insert_axis(ndarray::Axis(1));
    [
        at.weights().mapv(Real::wide),
        at.mean().mapv(Real::wide),
        at.velocity().mapv(Real::wide),
        column.mapv(Real::wide),
        gradients.points.mapv(Real::wide),
        gradients.anchors.mapv(Real::wide),
    ]
}

#[test]
fn single_precision_keeps_its_digits_where_things_are_small_near_or_far() {
    let (n, dim) = (64, 100);
    let sets = [
        ("randn", normal(732, n, dim)),
        ("duplicates at 1e-1", duplicates(733, n, dim, 1e-1)),
        ("duplicates at 1e-3", duplicates(735, n, dim, 1e-3)),
        ("offset 100", normal(737, n, dim) + 100.0),
        ("norms of 1e5", normal(738, n, dim) * 1e4),
        ("clusters within .01", clusters(739, n, dim, 0.01)),
    ];
    let mut failures = Vec::new();
    for (name, points) in sets {
        let points = points.mapv(|x| f64::from(x as f32));
        for t in [1e-4, 1e-3, 1e-2, 0.1, 0.5, 0.9] {
            let x = on_the_way(&points, t, 741).mapv(|x| f64::from(x as f32));
            let (wide, narrow) = (run::<f64>(&points, &x, t), run::<f32>(&points, &x, t));
            let names = ["weights", "mean", "velocity", "log-partition", "gradient of points", "gradient of anchors"];
            for (k, (what, (wide, narrow))) in names.iter().zip(wide.iter().zip(&narrow)).enumerate() {
                let error = relative_error(narrow, wide.view());
                let limit = if k < 4 { 5e-6 } else { 2e-5 };
                if error > limit {
                    failures.push(format!("{name}, t = {t}: {what} off by {error:e}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn integrating_the_velocity_gives_the_latents_of_the_flow() {
    let (points, noise) = (normal(750, N, DIM), normal(751, N, DIM));
    let set = anchors(&points).with_weights(weights(N).mapv(|w| w + 0.1)).unwrap();
    let (steps, start) = (20, 1e-4);
    let mut x = &points * (1.0 - start) + &noise * start;
    for k in 0..steps {
        let h = (1.0 - start) / f64::from(steps);
        let field = ZoneField::new(&set, start + h * f64::from(k)).unwrap();
        let at = field.at(x.view()).unwrap();
        x.scaled_add(h, &at.velocity());
    }
    let latents = flow(Solver::euler(20)).to_latents(&set, &each(N), noise.view()).unwrap();
    assert!(distance(&x, &latents) < 1e-8, "{:e}", distance(&x, &latents));
}

#[test]
fn at_the_prior_the_weights_are_the_shares_and_points_beyond_all_bounds_have_a_field() {
    let points = normal(752, N, DIM);
    let set = anchors(&points).with_weights(weights(N)).unwrap();
    let at = ZoneField::new(&set, 1.0).unwrap().at(normal(753, 5, DIM).view()).unwrap();
    let shares = weights(N) / weights(N).sum();
    assert!(at.weights().rows().into_iter().all(|row| row.iter().zip(&shares).all(|(w, c)| (w - c).abs() < 1e-15)));
    // Far away one zone holds all; the log-partition is finite where no exponential is.
    let far = array![[1e6, 0.0, 0.0, 0.0, 0.0, 0.0_f64]];
    let at = ZoneField::new(&set, 0.01).unwrap().at(far.view()).unwrap();
    assert!(at.log_partition()[0] < -1e14 && at.log_partition()[0].is_finite());
    assert!((at.weights().sum() - 1.0).abs() < 1e-12);
}

#[test]
fn equal_anchors_share_by_their_weights() {
    let points = Array2::from_elem((3, 2), 0.7);
    let set = anchors(&points).with_weights(array![1.0, 2.0, 5.0]).unwrap();
    for t in [1e-4, 0.3, 1.0] {
        let at = ZoneField::new(&set, t).unwrap().at(array![[0.5, 0.6]].view()).unwrap();
        let got = at.weights();
        assert!(got.iter().zip([0.125, 0.25, 0.625]).all(|(w, c)| (w - c).abs() < 1e-14), "{got}");
        assert!(at.mean().iter().all(|m| (m - 0.7).abs() < 1e-15));
        let cotangent = array![[1.0, -1.0]];
        let gradients = at.vjp(&FieldCotangents { mean: Some(cotangent.view()), ..Default::default() }).unwrap();
        assert!(distance(&gradients.anchors, &array![[0.125, -0.125], [0.25, -0.25], [0.625, -0.625]]) < 1e-14);
        assert!(gradients.points.iter().all(|g| *g == 0.0));
    }
}

#[test]
fn threads_change_no_bit_and_no_points_give_nothing() {
    let (n, rows) = (40, 1000);
    let set = anchors(&duplicates(754, n, DIM, 0.01)).with_weights(weights(n)).unwrap();
    let (x, g, m) = (normal(756, rows, DIM), normal(757, rows, DIM), normal(758, rows, n));
    let run = |parallel| {
        let at = ZoneField::new(&set, 0.4).unwrap().with_parallel(parallel).at(x.view()).unwrap();
        let cotangents = FieldCotangents {
            mean: Some(g.view()),
            velocity: Some(x.view()),
            log_partition: Some(x.column(0)),
            weights: Some(m.view()),
        };
        let values = (at.mean().to_owned(), at.velocity().to_owned(), at.log_partition().to_owned(), at.weights());
        (values, at.vjp(&cotangents).unwrap())
    };
    assert_eq!(run(Parallel::No), run(Parallel::Rayon));
    let at = ZoneField::new(&set, 0.4).unwrap().at(Array2::zeros((0, DIM)).view()).unwrap();
    assert_eq!((at.mean().dim(), at.log_partition().len(), at.weights().dim()), ((0, DIM), 0, (0, n)));
    assert!(at.vjp(&FieldCotangents::default()).unwrap().anchors.iter().all(|g| *g == 0.0));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let set = anchors(&normal(759, 4, 3));
    for t in [0.0, -0.5, 1.5, f64::NAN] {
        assert!(matches!(ZoneField::new(&set, t), Err(LatentError::Time { .. })), "{t}");
    }
    let field = ZoneField::new(&set, 0.5).unwrap();
    assert!(matches!(field.at(normal(760, 2, 4).view()), Err(LatentError::Shape { argument: "points", .. })));
    let mut x = normal(761, 2, 3);
    let at = field.at(x.view()).unwrap();
    x[[1, 0]] = f64::NAN;
    let rows = |error: LatentError| match error {
        LatentError::NonFinite { rows, .. } => rows.first().to_vec(),
        other => panic!("{other}"),
    };
    assert_eq!(rows(field.at(x.view()).unwrap_err()), [1]);
    assert_eq!(rows(at.vjp(&FieldCotangents { mean: Some(x.view()), ..Default::default() }).unwrap_err()), [1]);
    assert_eq!(
        rows(at.vjp(&FieldCotangents { log_partition: Some(x.column(0)), ..Default::default() }).unwrap_err()),
        [1]
    );
    let wrong = at.vjp(&FieldCotangents { weights: Some(x.view()), ..Default::default() });
    assert!(matches!(wrong, Err(LatentError::Shape { argument: "weights", .. })));
    // Squares beyond single precision.
    let narrow = Anchors::new(array![[0.0_f32], [1.0]]).unwrap();
    let far = ZoneField::new(&narrow, 1e-4).unwrap().at(array![[0.0], [1e20]].view());
    assert!(matches!(far, Err(LatentError::Overflow { rows, .. }) if rows.first() == [1]));
}
