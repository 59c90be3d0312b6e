//! `lzn neighbors`.

use std::path::PathBuf;

use anyhow::Result;
use lzn_data::image_files;
use lzn_eval::grid;
use lzn_eval::neighbours::{Measure, Table};
use lzn_tasks::Weights;
use lzn_tasks::data::{matrix, to_tensor};
use lzn_tasks::evaluate::{Progress, Silent};
use ndarray::{Array2, Axis};

use crate::cli::NeighborsArgs;
use crate::say::say;
use crate::stages::Stages;
use crate::{images, model};

/// Files that are read and encoded together.
const CHUNK: usize = 256;

/// Prints the files whose anchors are nearest to those of the queries, and draws them.
pub(crate) fn run(args: &NeighborsArgs) -> Result<()> {
    images::check_place(&args.out)?;
    let weights = model::load(&args.model)?;
    let files = image_files(&args.index)?;
    let index = embed(&weights, &files, &Stages::default())?;
    let queries = embed(&weights, &args.files, &Silent)?;
    let found = Table::new(index.view(), Measure::Cosine)?.nearest(queries.view(), args.count.min(files.len()))?;
    let hits = found.indices.mapv(|index| files[index].clone());
    for ((query, hits), distances) in args.files.iter().zip(hits.rows()).zip(found.distances.rows()) {
        for (hit, distance) in hits.iter().zip(distances) {
            say!("{}\t{distance:.4}\t{}", query.display(), hit.display())?;
        }
    }
    let samples = images::read_bytes(&weights, &args.files)?;
    let shown: Vec<PathBuf> = hits.iter().cloned().collect();
    let nearest = images::read_bytes(&weights, &shown)?;
    let (_, channels, height, width) = nearest.dim();
    let nearest = nearest.into_shape_with_order((hits.nrows(), hits.ncols(), channels, height, width))?;
    let panel = grid::Neighbours {
        name: "query",
        samples: samples.view(),
        nearest: nearest.view(),
        distances: found.distances.view(),
    };
    images::write(&args.out, &grid::neighbours(&panel)?.to_png()?)?;
    say!("{}", args.out.display())
}

/// Anchors of files, `[n, d]`.
fn embed(weights: &Weights, files: &[PathBuf], progress: &dyn Progress) -> Result<Array2<f32>> {
    progress.begin("encoding images", files.len());
    let mut parts = Vec::new();
    for files in files.chunks(CHUNK) {
        let images = to_tensor(&images::read_bytes(weights, files)?, weights.model.device());
        parts.push(matrix(&weights.model.anchors(&images, model::looking().batch_size)?)?);
        progress.advance(files.len());
    }
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    Ok(ndarray::concatenate(Axis(0), &views)?)
}
