//! Arrays of NumPy: images, features, statistics.

use std::io::Cursor;
use std::path::Path;

use lzn_eval::arrays::{Layout, read_features, read_images};
use lzn_eval::reference::read_statistics;
use ndarray::{Array1, Array2, Array4};
use ndarray_npy::{NpzWriter, WriteNpyExt, WriteNpzError};

use super::answer;
use crate::{Envelope, Seed, Target};

pub(super) const TARGET: Target = Target {
    name: "npz",
    seeds,
    words: &[
        b"\x93NUMPY",
        b"\x01\0",
        b"\x02\0",
        b"\x03\0",
        b"PK\x03\x04",
        b"PK\x01\x02",
        b"PK\x05\x06",
        b"'descr'",
        b"'<f4'",
        b"'|u1'",
        b"'>f8'",
        b"True",
        b"'shape': (",
        b", ",
        b"(",
        b")",
        b"99999999999999999999",
        b"mu.npy",
        b"sigma.npy",
        b"\x08\0",
    ],
    read,
};

fn npy(array: &impl WriteNpyExt) -> Vec<u8> {
    let mut file = Vec::new();
    // Into memory, of arrays of ours.
    let _ = array.write_npy(&mut file);
    file
}

fn npz(compressed: bool) -> Result<Vec<u8>, WriteNpzError> {
    let file = Cursor::new(Vec::new());
    let mut archive = if compressed { NpzWriter::new_compressed(file) } else { NpzWriter::new(file) };
    archive.add_array("mu", &Array1::<f64>::zeros(2))?;
    archive.add_array("sigma", &Array2::<f64>::eye(2))?;
    Ok(archive.finish()?.into_inner())
}

fn seeds() -> Vec<Seed> {
    let images = npy(&Array4::<u8>::from_shape_fn((2, 3, 4, 5), |(n, c, h, w)| (n * 60 + c * 20 + h * 5 + w) as u8));
    let features = npy(&Array2::<f32>::from_shape_fn((3, 2), |(i, j)| (i * 2 + j) as f32));
    let wide = npy(&Array2::<f64>::eye(3));
    let mean = npy(&Array1::<f64>::zeros(2));
    let inside = |name, others| Envelope::Zip { name, others };
    let mut seeds: Vec<Seed> = [&images, &features, &wide].into_iter().cloned().map(Seed::plain).collect();
    seeds.extend([npz(false), npz(true)].into_iter().flatten().map(Seed::plain));
    seeds.push(Seed::inside(inside("arr_0.npy", vec![]), images));
    seeds.push(Seed::inside(inside("sigma.npy", vec![("mu.npy", mean)]), npy(&Array2::<f64>::eye(2))));
    seeds
}

fn read(path: &Path) -> String {
    let images = answer(read_images(path, Layout::Detect), |images| format!("images of {} axes", images.ndim()));
    let features = answer(read_features(path), |features| format!("features of {} axes", features.ndim()));
    let statistics = answer(read_statistics(path), |_| "statistics".to_owned());
    let answers = [images, features, statistics];
    // One of the three is right.
    match answers.iter().find(|answer| answer.starts_with("read")) {
        Some(read) => format!("{read}; {}", answers.join("; ")),
        None => answers.join("; "),
    }
}
