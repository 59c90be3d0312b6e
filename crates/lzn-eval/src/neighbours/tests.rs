//! The search against brute force.

use lzn_random::{Purpose, Stream};
use ndarray::{Array2, ArrayView1, array, s};
use proptest::prelude::*;

use super::*;

fn normals(rows: usize, d: usize, index: u64) -> Array2<f32> {
    let values = Stream::new(5, Purpose::new("test"), [index, 0, 0]).normals(rows * d);
    Array2::from_shape_vec((rows, d), values).unwrap()
}

/// All distances in float64, sorted.
fn brute_force(queries: &Array2<f32>, rows: &Array2<f32>, k: usize, measure: Measure) -> Neighbours {
    let (mut indices, mut distances) = (Array2::zeros((queries.nrows(), k)), Array2::zeros((queries.nrows(), k)));
    for (q, query) in queries.rows().into_iter().enumerate() {
        let key = |row: ArrayView1<f32>| measure.key(&query.to_vec(), &row.to_vec());
        let mut all: Vec<_> = rows.rows().into_iter().enumerate().map(|(i, row)| (key(row), i)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (rank, &(key, index)) in all[..k].iter().enumerate() {
            indices[[q, rank]] = index;
            distances[[q, rank]] = measure.distance(key);
        }
    }
    Neighbours { indices, distances }
}

fn nearest(queries: &Array2<f32>, rows: &Array2<f32>, k: usize, measure: Measure) -> Neighbours {
    Table::new(rows.view(), measure).unwrap().nearest(queries.view(), k).unwrap()
}

proptest! {
    #[test]
    fn distances_are_those_of_the_definition(
        pairs in prop::collection::vec((-9.0f32..9.0, -9.0f32..9.0), 1..40),
    ) {
        let (u, v): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
        let sum = |term: &dyn Fn(f64, f64) -> f64| -> f64 {
            u.iter().zip(&v).map(|(&a, &b)| term(a.into(), b.into())).sum()
        };
        let euclidean = sum(&|a, b| (a - b).powi(2)).sqrt();
        let cosine = 1.0 - sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt();
        let row = |row: &[f32]| Array2::from_shape_vec((1, row.len()), row.to_vec()).unwrap();
        let found = |measure| nearest(&row(&u), &row(&v), 1, measure).distances[[0, 0]];
        prop_assert!((found(Measure::Euclidean) - euclidean).abs() <= 1e-14 * euclidean);
        prop_assert!((found(Measure::Cosine) - cosine.clamp(0.0, 2.0)).abs() <= 1e-14);
    }

    #[test]
    fn ties_and_duplicates_are_those_of_brute_force(
        rows in prop::collection::vec(-2i8..3, 40 * 3), queries in prop::collection::vec(-2i8..3, 5 * 3), k in 1usize..40,
    ) {
        let table = |values: Vec<i8>| {
            Array2::from_shape_vec((values.len() / 3, 3), values).unwrap().mapv(f32::from)
        };
        let (rows, queries) = (table(rows), table(queries));
        for measure in [Measure::Euclidean, Measure::Cosine] {
            prop_assert_eq!(nearest(&queries, &rows, k, measure), brute_force(&queries, &rows, k, measure));
        }
    }
}

#[test]
fn many_rows_over_several_tiles_are_those_of_brute_force() {
    let (queries, rows) = (normals(300, 24, 0), normals(2500, 24, 1));
    for measure in [Measure::Euclidean, Measure::Cosine] {
        assert_eq!(nearest(&queries, &rows, 50, measure), brute_force(&queries, &rows, 50, measure));
    }
}

/// Rows that differ in the last digits, far from the origin: float32 products alone would order them at random.
#[test]
fn neighbours_closer_than_rounding_are_told_apart() {
    let mut rows = normals(400, 64, 2) * 1e-3;
    rows.iter_mut().for_each(|value| *value += 50.0);
    rows[[7, 3]] += 1000.0;
    let queries = rows.slice(s![..20, ..]).to_owned();
    for measure in [Measure::Euclidean, Measure::Cosine] {
        let found = nearest(&queries, &rows, 5, measure);
        assert_eq!(found, brute_force(&queries, &rows, 5, measure));
    }
    let found = nearest(&queries, &rows, 1, Measure::Euclidean);
    assert!(found.indices.column(0).iter().copied().eq(0..20), "a row is its own nearest neighbour");
    assert!(found.distances.iter().all(|&distance| distance == 0.0));
}

#[test]
fn numbers_at_both_ends_of_float32_are_compared() {
    for scale in [1e-38f32, 1e-25, 1e19, 1e37] {
        let (queries, rows) = (normals(3, 8, 3) * scale, normals(60, 8, 4) * scale);
        for measure in [Measure::Euclidean, Measure::Cosine] {
            let found = nearest(&queries, &rows, 4, measure);
            assert_eq!(found, brute_force(&queries, &rows, 4, measure), "{scale}");
        }
    }
}

#[test]
fn batches_and_threads_do_not_matter() {
    let (queries, rows) = (normals(270, 16, 5), normals(1100, 16, 6));
    let whole = nearest(&queries, &rows, 3, Measure::Euclidean);
    let part = nearest(&queries.slice(s![100..130, ..]).to_owned(), &rows, 3, Measure::Euclidean);
    assert_eq!(part.indices, whole.indices.slice(s![100..130, ..]));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(|| nearest(&queries, &rows, 3, Measure::Euclidean)), whole);
}

#[test]
fn columns_in_any_memory_order_are_the_same_rows() {
    let (queries, rows) = (normals(10, 16, 7), normals(50, 16, 8));
    let columns = rows.t().as_standard_layout().into_owned();
    let table = Table::new(columns.t(), Measure::Cosine).unwrap();
    assert_eq!(table.nearest(queries.view(), 2).unwrap(), nearest(&queries, &rows, 2, Measure::Cosine));
}

#[test]
fn a_row_of_zeros_is_at_cosine_distance_one() {
    let found = nearest(&array![[1.0, 0.0]], &array![[0.0, 0.0], [-1.0, 0.0], [2.0, 0.0]], 3, Measure::Cosine);
    assert_eq!((found.indices, found.distances), (array![[2, 0, 1]], array![[0.0, 1.0, 2.0]]));
}

#[test]
fn what_has_no_neighbours_is_refused() {
    let rows = normals(4, 3, 9);
    let table = Table::new(rows.view(), Measure::Euclidean).unwrap();
    assert!(table.nearest(rows.view(), 5).unwrap_err().to_string().contains("5 for 4 rows"));
    assert!(matches!(table.nearest(rows.view(), 0), Err(EvalError::Setting { .. })));
    assert!(table.nearest(rows.slice(s![.., ..2]), 1).unwrap_err().to_string().contains("[Q, 3]"));
    let mut bad = rows.clone();
    bad[[2, 1]] = f32::INFINITY;
    assert!(matches!(table.nearest(bad.view(), 1), Err(EvalError::NotANumber { row: 2, .. })));
    assert!(matches!(Table::new(bad.view(), Measure::Cosine), Err(EvalError::NotANumber { row: 2, .. })));
    assert!(matches!(Table::new(rows.slice(s![..0, ..]), Measure::Cosine), Err(EvalError::Empty { .. })));
    assert_eq!(table.nearest(rows.slice(s![..0, ..]), 1).unwrap().indices.dim(), (0, 1));
}
