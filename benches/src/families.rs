//! Families of anchors on which zoning is easy, hard, or like what an encoder gives.
//!
//! | name | what | a neighbour nearer than |
//! |---|---|---|
//! | `randn` | independent standard normal anchors | 15.7 |
//! | `clusters.V` | ten clusters; 0.V of the unit variance is within them (`clusters.1`, `clusters.01`) | 5.1, 1.6 |
//! | `powerlaw` | ten clusters again, half of the variance within them; the variance along the k-th axis is proportional to 1/k | 9.1 |
//! | `encoder` | features of a random network on smooth signals, rms 0.26, like those of an untrained image encoder | 2.2 |
//! | `duplicates.D` | `randn`, but the second half are copies of the first, displaced by 0.D (`duplicates.5`, `duplicates.05`) | 0.D |
//!
//! The last column holds for one in a hundred of 2,048 anchors with `d = 200`.
//! Digits behind the dot are decimals of a number below one. Every value is a function of family, seed, `N` and `d`.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use lzn_random::{Purpose, Stream};
use ndarray::{Array1, Array2, ArrayViewMut1, Axis};
use serde::{Deserialize, Serialize};

/// How anchors lie in space; see the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Family {
    /// `randn`.
    Normal,
    /// `clusters.V`.
    Clusters {
        /// Share of the variance that is within clusters, in (0, 1).
        within: f64,
    },
    /// `powerlaw`.
    PowerLaw,
    /// `encoder`.
    Encoder,
    /// `duplicates.D`.
    Duplicates {
        /// Distance of a copy from its original, in (0, 1).
        distance: f64,
    },
}

/// Clusters of [`Family::Clusters`], as classes of the usual data sets.
const CLUSTERS: usize = 10;

impl Family {
    /// The seven of the study in docs/zoning.md.
    pub const STUDIED: [Self; 7] = [
        Self::Normal,
        Self::Clusters { within: 0.1 },
        Self::Clusters { within: 0.01 },
        Self::PowerLaw,
        Self::Encoder,
        Self::Duplicates { distance: 0.5 },
        Self::Duplicates { distance: 0.05 },
    ];

    /// Anchors `[count, dim]`.
    ///
    /// # Example
    /// ```
    /// use lzn_benches::families::Family;
    ///
    /// let family: Family = "duplicates.05".parse()?;
    /// let anchors = family.anchors(7, 10, 4);
    /// let step = &anchors.row(0) - &anchors.row(5);
    /// assert!((step.dot(&step).sqrt() - 0.05).abs() < 1e-12);
    /// # Ok::<(), anyhow::Error>(())
    /// ```
    #[must_use]
    pub fn anchors(&self, seed: u64, count: usize, dim: usize) -> Array2<f64> {
        match *self {
            Self::Normal => normal(seed, "anchors", count, dim),
            Self::Clusters { within } => clusters(seed, count, dim, within),
            Self::PowerLaw => power_law(seed, count, dim),
            Self::Encoder => encoder(seed, count, dim),
            Self::Duplicates { distance } => duplicates(seed, count, dim, distance),
        }
    }
}

/// Standard normal draws for one purpose.
pub(crate) fn normal(seed: u64, purpose: &str, rows: usize, columns: usize) -> Array2<f64> {
    let mut stream = stream(seed, purpose);
    Array2::from_shape_simple_fn((rows, columns), || stream.normals_f64(1)[0])
}

fn stream(seed: u64, purpose: &str) -> Stream {
    Stream::new(seed, Purpose::new(&format!("bench/{purpose}")), [0; 3])
}

fn clusters(seed: u64, count: usize, dim: usize, within: f64) -> Array2<f64> {
    let centres = normal(seed, "centres", CLUSTERS, dim) * (1.0 - within).sqrt();
    let mut anchors = normal(seed, "anchors", count, dim) * within.sqrt();
    for (i, mut anchor) in anchors.rows_mut().into_iter().enumerate() {
        anchor += &centres.row(i % CLUSTERS);
    }
    anchors
}

/// [`clusters`], stretched along the axes: few directions hold most of the variance, whose mean stays one.
fn power_law(seed: u64, count: usize, dim: usize) -> Array2<f64> {
    let harmonic: f64 = (1..=dim).map(|k| 1.0 / k as f64).sum();
    let deviation = Array1::from_shape_fn(dim, |k| (dim as f64 / (harmonic * (k + 1) as f64)).sqrt());
    clusters(seed, count, dim, 0.5) * &deviation
}

fn duplicates(seed: u64, count: usize, dim: usize, distance: f64) -> Array2<f64> {
    let mut anchors = normal(seed, "anchors", count, dim);
    let steps = normal(seed, "displacements", count, dim);
    let originals = count.div_ceil(2);
    for copy in originals..count {
        let step = steps.row(copy);
        let moved = &anchors.row(copy - originals) + &(&step * (distance / step.dot(&step).sqrt()));
        anchors.row_mut(copy).assign(&moved);
    }
    anchors
}

/// What [`encoder`] is made of. The number of waves is set so that near neighbours are as far as those of a random
/// convolutional network on images: 2.2 for one anchor in a hundred.
const SIGNAL: usize = 64;
const WAVES: usize = 16;
const HIDDEN: usize = 512;
const RMS: f64 = 0.26;

/// Smooth periodic signals through two random layers with a ReLU between, centred and scaled to the rms of 0.26.
fn encoder(seed: u64, count: usize, dim: usize) -> Array2<f64> {
    let mut draws = stream(seed, "signals");
    let mut signals = Array2::zeros((count, SIGNAL));
    signals.rows_mut().into_iter().for_each(|row| signal(&mut draws, row));
    let first = normal(seed, "first layer", SIGNAL, HIDDEN) / (SIGNAL as f64).sqrt();
    let bias: Array1<f64> = stream(seed, "bias").normals_f64(HIDDEN).into_iter().map(|b| 0.5 * b).collect();
    let hidden = (signals.dot(&first) + &bias).mapv(|x| x.max(0.0));
    let mut features = hidden.dot(&normal(seed, "second layer", HIDDEN, dim));
    if let Some(mean) = features.mean_axis(Axis(0)) {
        features -= &mean;
    }
    let square: f64 = features.iter().map(|x| x * x).sum::<f64>() / (count * dim).max(1) as f64;
    // A single anchor is its own mean.
    features * (RMS / square.sqrt().max(f64::MIN_POSITIVE))
}

/// Waves of random amplitude and phase; unit variance on average.
fn signal(draws: &mut Stream, mut row: ArrayViewMut1<'_, f64>) {
    for k in 1..=WAVES {
        let amplitude = draws.normals_f64(1)[0] * (2.0 / WAVES as f64).sqrt();
        let phase = std::f64::consts::TAU * draws.uniform();
        for (x, value) in row.iter_mut().enumerate() {
            *value += amplitude * (std::f64::consts::TAU * (k * x) as f64 / SIGNAL as f64 + phase).cos();
        }
    }
}

impl FromStr for Family {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let (kind, decimals) = name.split_once('.').map_or((name, None), |(kind, decimals)| (kind, Some(decimals)));
        let fraction = || -> Result<f64, anyhow::Error> {
            let digits = decimals.with_context(|| format!("`{name}` needs decimals, as in `{kind}.05`"))?;
            let value = format!("0.{digits}").parse().with_context(|| format!("`{digits}` are not decimals"))?;
            if value > 0.0 { Ok(value) } else { bail!("`{name}`: the number must be above zero") }
        };
        Ok(match (kind, decimals) {
            ("randn", None) => Self::Normal,
            ("powerlaw", None) => Self::PowerLaw,
            ("encoder", None) => Self::Encoder,
            ("clusters", _) => Self::Clusters { within: fraction()? },
            ("duplicates", _) => Self::Duplicates { distance: fraction()? },
            _ => bail!(
                "there is no family `{name}`: try randn, clusters.1, clusters.01, powerlaw, encoder, duplicates.05"
            ),
        })
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = |value: f64| value.to_string().trim_start_matches('0').to_owned();
        match *self {
            Self::Normal => write!(f, "randn"),
            Self::Clusters { within } => write!(f, "clusters{}", decimals(within)),
            Self::PowerLaw => write!(f, "powerlaw"),
            Self::Encoder => write!(f, "encoder"),
            Self::Duplicates { distance } => write!(f, "duplicates{}", decimals(distance)),
        }
    }
}

impl TryFrom<String> for Family {
    type Error = anyhow::Error;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl From<Family> for String {
    fn from(family: Family) -> Self {
        family.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The distance below which one anchor in a hundred has a neighbour.
    fn near(anchors: &Array2<f64>) -> f64 {
        let squares: Vec<f64> = anchors.rows().into_iter().map(|row| row.dot(&row)).collect();
        let products = anchors.dot(&anchors.t());
        let distance = |i: usize, j: usize| (squares[i] + squares[j] - 2.0 * products[[i, j]]).max(0.0).sqrt();
        let all = 0..anchors.nrows();
        let of = |i| all.clone().filter(|&j| j != i).map(|j| distance(i, j)).fold(f64::INFINITY, f64::min);
        let mut nearest: Vec<f64> = all.clone().map(of).collect();
        nearest.sort_by(f64::total_cmp);
        nearest[all.len() / 100]
    }

    #[test]
    fn names_and_families_are_the_same_thing() {
        for family in Family::STUDIED {
            assert_eq!(family.to_string().parse::<Family>().unwrap(), family);
        }
        assert_eq!("duplicates.001".parse::<Family>().unwrap(), Family::Duplicates { distance: 0.001 });
        for wrong in ["randn.5", "clusters", "clusters.x", "duplicates.-1", "duplicates.0", "ring"] {
            assert!(wrong.parse::<Family>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn near_neighbours_are_as_far_as_the_table_says() {
        let expected = [15.7, 5.1, 1.6, 9.1, 2.2, 0.5, 0.05];
        for (family, expected) in Family::STUDIED.into_iter().zip(expected) {
            let got = near(&family.anchors(0, 2048, 200));
            assert!((got / expected - 1.0).abs() < 0.05, "{family}: {got}, expected {expected}");
        }
    }

    #[test]
    fn the_seed_decides_and_the_scale_is_as_stated() {
        for family in Family::STUDIED {
            let anchors = family.anchors(1, 300, 64);
            assert_eq!(anchors, family.anchors(1, 300, 64));
            assert_ne!(anchors, family.anchors(2, 300, 64));
            let rms = (anchors.iter().map(|x| x * x).sum::<f64>() / anchors.len() as f64).sqrt();
            let expected = if family == Family::Encoder { 0.26 } else { 1.0 };
            assert!((rms / expected - 1.0).abs() < 0.15, "{family}: {rms}");
        }
    }
}
