//! Images on their way into networks, and floats on their way to bytes.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use lzn_resize::{Filter, Protocol, Resampler, Resize, Rounding, centre_crop};
use ndarray::{Array3, s};
use serde::Deserialize;
use serde_json::Value;

use super::generator;
use crate::{Case, Checks, Line};

/// Largest difference of a level of 0..=255 that the order of float32 sums explains.
const LEVEL: f64 = 1e-3;

/// What follows the names of images in those of tensors, but for the stride.
pub(super) const MARK: &str = "_clean299_s";

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
    for (image, pixels) in generator::images(case, MARK)? {
        let totals: Value = case.get(&image)?;
        for (tensor, key, protocol, limit) in &cases {
            let levels = protocol.levels(pixels.view())?.mapv(f64::from);
            let levels = if protocol.name == "pytorch-fid" { levels / 255.0 } else { levels };
            let whole = levels.broadcast((3, levels.dim().1, levels.dim().2)).context("1 or 3 channels")?.to_owned();
            let (tensor, stride) = strided(case, &format!("{image}_{tensor}_s"))?;
            let got = whole.slice(s![.., ..;stride, ..;stride]).permuted_axes([1, 2, 0]).to_owned();
            checks.note(&tensor, largest(&got.view().into_dyn(), &case.numbers(&tensor)?), *limit);
            let stored: [f64; 4] =
                serde_json::from_value(totals[*key].clone()).with_context(|| format!("key `{image}.{key}`"))?;
            let squares = whole.iter().map(|x| x * x).sum();
            checks.compare(key, &[whole.sum(), squares], &stored[..2], 1e-6);
        }
    }
    roundings(case, &mut checks)?;
    Ok(checks.line(&case.family, &case.name))
}

/// The tensor that is called `start` and a number: every so many rows and columns of a result are stored.
fn strided(case: &Case, start: &str) -> Result<(String, isize)> {
    let stride = |name: &str| name.strip_prefix(start)?.parse::<isize>().ok().filter(|stride| *stride > 0);
    let found = case.names().find_map(|name| Some((name.to_owned(), stride(name)?)));
    found.with_context(|| format!("no tensor `{start}` with a number at its end"))
}

fn roundings(case: &Case, checks: &mut Checks) -> Result<()> {
    let Some(mut stored) = case.find::<BTreeMap<String, Vec<f32>>>("to_uint8")? else { return Ok(()) };
    let input = stored.remove("in").context("key `to_uint8` has no `in`")?;
    for (key, expected) in stored {
        let rounding = match key.as_str() {
            "lzn_round_half_even" => Rounding::HalfEven,
            "rf_trunc" | "cm_th" => Rounding::Truncate,
            "stylegan" => Rounding::StyleGan,
            other => bail!("key `to_uint8`: there is no rounding `{other}`"),
        };
        let got: Vec<i64> = input.iter().map(|x| i64::from(rounding.byte(*x))).collect();
        let expected: Vec<i64> = expected.iter().map(|x| *x as i64).collect();
        checks.equal(&key, &got, &expected);
    }
    Ok(())
}

/// What the names of centres that are cut out start with; their side comes next.
const CROP: &str = "center_crop_";

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
        let (_, rows, columns) = input.dim();
        let inside = top + height <= rows && left + width <= columns;
        ensure!(inside && stride > 0, "`{name}`: a crop beyond the input, or no stride");
        let image = input.slice(s![.., top..top + height, left..left + width]);
        let (resize, limit) = match resize.as_str() {
            "pillow_bytes" => (Resize::PillowBytes(filter), 0.0),
            "pillow_float" => (Resize::PillowFloat(filter), LEVEL),
            other => bail!("`{name}`: there is no way to resize called `{other}`"),
        };
        let resampler = Resampler::new(resize, [height, width], size)?;
        let got = resampler.floats(image.mapv(f32::from).view())?.mapv(f64::from);
        let got = got.slice(s![.., ..;stride, ..;stride]).permuted_axes([1, 2, 0]).to_owned();
        checks.note(&name, largest(&got.view().into_dyn(), &case.numbers(&name)?), limit);
    }
    for name in case.names().filter(|name| name.starts_with(CROP)) {
        let side = name[CROP.len()..].parse::<usize>().with_context(|| format!("no size in `{name}`"))?;
        let crop = centre_crop(input.view(), [side, side]).mapv(f64::from).permuted_axes([1, 2, 0]);
        checks.note(name, largest(&crop.view().into_dyn(), &case.numbers(name)?), 0.0);
    }
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
