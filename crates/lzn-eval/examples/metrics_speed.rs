//! How long metrics of features take, and how much memory: the side of this crate in `benches/distribution_rivals.py`, which
//! compares it with scipy and prdc.
//!
//! `metrics_speed make FOLDER ROWS DIMENSION` writes two sets of features, `metrics_speed fid FOLDER` and `metrics_speed prdc FOLDER` measure
//! on them and print one line of JSON. Files are read before the clock starts.

#![expect(clippy::print_stdout, reason = "a program talks to people")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use lzn_eval::distribution::{NeighbourRule, frechet_distance, neighbour_metrics};
use lzn_random::{Purpose, Stream};
use ndarray::Array2;

const USAGE: &str = "metrics_speed make FOLDER ROWS DIMENSION | metrics_speed fid|prdc FOLDER";

/// Directions that all features of a set share, as classes and styles of images do.
const SHARED: usize = 32;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", folder, rows, dimension] => make(Path::new(folder), rows.parse()?, dimension.parse()?),
        [metric @ ("fid" | "prdc"), folder] => measure(metric, Path::new(folder)),
        _ => Err(USAGE.into()),
    }
}

fn make(folder: &Path, rows: usize, dimension: usize) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    for (index, (name, scale)) in [("real", 1.0), ("generated", 1.1)].into_iter().enumerate() {
        ndarray_npy::write_npy(folder.join(format!("{name}.npy")), &features(index as u64, rows, dimension, scale))?;
    }
    Ok(())
}

/// Like the last features of a network: not negative, many near zero, variances over some orders of magnitude, correlated.
fn features(index: u64, rows: usize, dimension: usize, scale: f32) -> Array2<f32> {
    let normals =
        |purpose: &str, at: u64, count: usize| Stream::new(0, Purpose::new(purpose), [at, 0, 0]).normals(count);
    let own: Vec<f32> = normals("speed/scale", 0, dimension).iter().map(|x| 0.1 * x.exp() * scale).collect();
    let mix = normals("speed/mix", 0, SHARED * dimension);
    let mut values = Vec::with_capacity(rows * dimension);
    for row in 0..rows {
        let at = index * rows as u64 + row as u64;
        let (noise, shared) = (normals("speed/noise", at, dimension), normals("speed/shared", at, SHARED));
        for (j, noise) in noise.into_iter().enumerate() {
            let common: f32 = shared.iter().zip(&mix[j * SHARED..]).map(|(s, m)| s * m).sum();
            values.push((own[j] * (1.0 + noise + 0.2 * common)).max(0.0));
        }
    }
    Array2::from_shape_fn((rows, dimension), |(i, j)| values[i * dimension + j])
}

fn measure(metric: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let read = |name: &str| ndarray_npy::read_npy::<_, Array2<f32>>(folder.join(format!("{name}.npy")));
    let (real, generated) = (read("real")?, read("generated")?);
    let start = Instant::now();
    let values = match metric {
        "fid" => vec![frechet_distance(real.view(), generated.view())?.value],
        _ => {
            let found = neighbour_metrics(real.view(), generated.view(), &[NeighbourRule::PRDC])?.remove(0);
            vec![found.precision, found.recall, found.density, found.coverage]
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    let features = (real.len() + generated.len()) * size_of::<f32>();
    println!("{}", serde_json::json!({ "values": values, "seconds": seconds, "peak": peak(), "features": features }));
    Ok(())
}

/// Most bytes that this process had in memory, where the kernel tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?)
}
