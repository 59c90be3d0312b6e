//! `preprocess` and `resize_filters`: images on their way into networks, and floats on their way to bytes.

use anyhow::{Context, Result, bail};
use lzn_resize::{Filter, Protocol, Resampler, Resize, Rounding, centre_crop};
use ndarray::{Array3, s};
use serde::Deserialize;

use super::generator;
use crate::{Case, Checks, Line};

/// Largest difference of a level of 0..=255 that the order of float32 sums explains.
const LEVEL: f64 = 1e-3;

/// Rows and columns that are stored of each result.
const STRIDE: isize = 26;

/// Every protocol of Inception, DINOv2 and CLIP, and every rounding.
pub(super) fn protocols(case: &Case) -> Result<Line> {
    let mut checks = Checks::new("host");
    let cases: [(&str, &str, Protocol, f64); 5] = [
        ("clean299", "clean299", Protocol::CLEAN_FID, LEVEL),
        ("tf1bilinear299", "tf1bilinear299", Protocol::TORCH_FIDELITY, 0.0),
        // Stored as levels of 0 to 1.
        ("torchbilinear299", "pytorchfid_bilinear299_0_1", Protocol::PYTORCH_FID, LEVEL / 255.0),
        ("pilu8bicubic224", "pilu8bicubic224", Protocol::DINO, 0.0),
        ("cmmd336", "cmmd336", Protocol::CMMD_336, 0.0),
    ];
    for image in ["g28", "c32", "c64x48", "c512x400"] {
        let pixels = generator::image(case, image)?;
        let totals: std::collections::BTreeMap<String, serde_json::Value> = case.get(image)?;
        for (tensor, key, protocol, limit) in &cases {
            let levels = protocol.levels(pixels.view())?.mapv(f64::from);
            let levels = if protocol.name == "pytorch-fid" { levels / 255.0 } else { levels };
            let whole = levels.broadcast((3, levels.dim().1, levels.dim().2)).context("1 or 3 channels")?.to_owned();
            let tensor = format!("{image}_{tensor}_s26");
            let got = whole.slice(s![.., ..;STRIDE, ..;STRIDE]).permuted_axes([1, 2, 0]).to_owned();
            checks.note(&tensor, largest(&got.view().into_dyn(), &case.numbers(&tensor)?), *limit);
            let stored: [f64; 4] = serde_json::from_value(totals[*key].clone()).context(*key)?;
            let squares = whole.iter().map(|x| x * x).sum();
            checks.compare(key, &[whole.sum(), squares], &stored[..2], 1e-6);
        }
    }
    roundings(case, &mut checks)?;
    Ok(checks.line(&case.family, &case.name))
}

fn roundings(case: &Case, checks: &mut Checks) -> Result<()> {
    let stored: std::collections::BTreeMap<String, Vec<f32>> = case.get("to_uint8")?;
    for (key, rounding) in [
        ("lzn_round_half_even", Rounding::HalfEven),
        ("rf_trunc", Rounding::Truncate),
        ("cm_th", Rounding::Truncate),
        ("stylegan", Rounding::StyleGan),
    ] {
        let got: Vec<i64> = stored["in"].iter().map(|x| i64::from(rounding.byte(*x))).collect();
        let expected: Vec<i64> = stored[key].iter().map(|x| *x as i64).collect();
        checks.equal(key, &got, &expected);
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
struct Resized {
    name: String,
    resize: String,
    filter: String,
    size: [usize; 2],
    stride: isize,
    /// Top, left, height and width of what is cut out first.
    crop: [usize; 4],
}

/// Pillow's filters on bytes and floats.
pub(super) fn filters(case: &Case) -> Result<Line> {
    let input = bytes(case, "input")?;
    let mut checks = Checks::new("host");
    for Resized { name, resize, filter, size, stride, crop } in case.get::<Vec<Resized>>("cases")? {
        let filter = match filter.as_str() {
            "bilinear" => Filter::Bilinear,
            "bicubic" => Filter::Bicubic,
            "lanczos" => Filter::Lanczos,
            other => bail!("`{name}`: there is no filter `{other}`"),
        };
        let [top, left, height, width] = crop;
        let image = input.slice(s![.., top..top + height, left..left + width]);
        let (resize, limit) = match resize.as_str() {
            "pillow_bytes" => (Resize::PillowBytes(filter), 0.0),
            _ => (Resize::PillowFloat(filter), LEVEL),
        };
        let resampler = Resampler::new(resize, [height, width], size)?;
        let got = resampler.floats(image.mapv(f32::from).view())?.mapv(f64::from);
        let got = got.slice(s![.., ..;stride, ..;stride]).permuted_axes([1, 2, 0]).to_owned();
        checks.note(&name, largest(&got.view().into_dyn(), &case.numbers(&name)?), limit);
    }
    let crop = centre_crop(input.view(), [28, 28]).mapv(f64::from).permuted_axes([1, 2, 0]);
    checks.note("center_crop_28", largest(&crop.view().into_dyn(), &case.numbers("center_crop_28")?), 0.0);
    Ok(checks.line(&case.family, &case.name))
}

/// An image that the case stores as `[H, W, C]`, as `[C, H, W]`.
fn bytes(case: &Case, name: &str) -> Result<Array3<u8>> {
    let image = case.numbers(name)?.into_dimensionality::<ndarray::Ix3>()?;
    Ok(image.mapv(|x| x as u8).permuted_axes([2, 0, 1]))
}

/// The largest difference, infinite for other shapes.
fn largest(got: &ndarray::ArrayViewD<'_, f64>, expected: &ndarray::ArrayD<f64>) -> f64 {
    if got.shape() != expected.shape() {
        return f64::INFINITY;
    }
    got.iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |worst, error| if error > worst || error.is_nan() { error } else { worst })
}
