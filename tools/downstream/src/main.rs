//! Three kinds of weather share one Gaussian: draws days of each kind, and tells the kind of a day again.
//!
//! Written as somebody would who knows `lzn-latent` from its documentation alone. The kinds have anchors and frequencies; a
//! "day" is a latent. Drawing from a zone gives a day of that kind, drawing from the whole Gaussian gives kinds as often as
//! they are.

mod noise;

use std::error::Error;

use lzn_latent::ndarray::{Array1, Array2, ArrayView2, array};
use lzn_latent::{Anchors, LatentError, Solver, ZoneFlow, nearest};
use noise::Noise;

/// Kinds and how often they are.
const KINDS: [(&str, f64); 3] = [("sun", 0.5), ("cloud", 0.3), ("rain", 0.2)];

/// The zones of all kinds.
struct Weather {
    anchors: Anchors<f64>,
    flow: ZoneFlow,
}

impl Weather {
    fn new() -> Result<Self, LatentError> {
        let anchors = array![[1.0, 0.0, 0.0, 0.2], [-0.4, 0.9, 0.0, 0.0], [-0.5, -0.6, 0.7, 0.0]];
        let frequencies = Array1::from_iter(KINDS.map(|(_, frequency)| frequency));
        Ok(Self { anchors: Anchors::new(anchors)?.with_weights(frequencies)?, flow: ZoneFlow::new(Solver::dpm(60))? })
    }

    /// `count` days of one kind, `[count, 4]`.
    fn draw(&self, kind: usize, count: usize, noise: &mut Noise) -> Result<Array2<f64>, LatentError> {
        self.flow.to_latents(&self.anchors, &vec![kind; count], noise.normal(count, self.anchors.dim()).view())
    }

    /// The kind of every day.
    fn kinds(&self, days: ArrayView2<'_, f64>) -> Result<Vec<usize>, LatentError> {
        nearest(self.flow.to_anchors(days, &self.anchors, None)?.end_points.view(), &self.anchors)
    }
}

/// How many of `found` are each kind.
fn count(found: &[usize]) -> [usize; 3] {
    [0, 1, 2].map(|kind| found.iter().filter(|found| **found == kind).count())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (weather, mut noise) = (Weather::new()?, Noise::new(11));
    println!("a thousand days of each kind, and what they are taken for");
    for (kind, (name, _)) in KINDS.iter().enumerate() {
        let found = count(&weather.kinds(weather.draw(kind, 1000, &mut noise)?.view())?);
        println!("  {name:6} {found:?}");
    }
    let found = count(&weather.kinds(noise.normal(10_000, weather.anchors.dim()).view())?);
    println!("ten thousand days of any kind: {found:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_drawn_from_a_kind_is_of_that_kind() -> Result<(), LatentError> {
        let (weather, mut noise) = (Weather::new()?, Noise::new(1));
        for (kind, (name, _)) in KINDS.iter().enumerate() {
            let found = count(&weather.kinds(weather.draw(kind, 2000, &mut noise)?.view())?);
            assert!(found[kind] >= 1990, "{name} is taken for {found:?}");
        }
        Ok(())
    }

    #[test]
    fn kinds_are_as_frequent_in_the_gaussian_as_their_weights_say() -> Result<(), LatentError> {
        let (weather, days) = (Weather::new()?, 20_000);
        let found = count(&weather.kinds(Noise::new(2).normal(days, weather.anchors.dim()).view())?);
        for (found, (name, frequency)) in found.iter().zip(KINDS) {
            let (share, n) = (*found as f64 / days as f64, days as f64);
            // Five standard errors of the count, and the error of the solver.
            let allowed = 5.0 * (frequency * (1.0 - frequency) / n).sqrt() + 2e-3;
            assert!((share - frequency).abs() < allowed, "{name}: {share}");
        }
        Ok(())
    }

    #[test]
    fn days_of_all_kinds_together_are_standard_normal() -> Result<(), LatentError> {
        let (weather, mut noise) = (Weather::new()?, Noise::new(3));
        let (mut squares, mut days) = (0.0, 0.0);
        for (kind, (_, frequency)) in KINDS.iter().enumerate() {
            let drawn = weather.draw(kind, (frequency * 20_000.0) as usize, &mut noise)?;
            squares += drawn.iter().map(|x| x * x).sum::<f64>();
            days += drawn.nrows() as f64;
        }
        let per_coordinate = squares / (days * weather.anchors.dim() as f64);
        assert!((per_coordinate - 1.0).abs() < 0.03, "mean square {per_coordinate}");
        Ok(())
    }

    #[test]
    fn a_mistake_is_an_error_that_says_what_to_change() -> Result<(), LatentError> {
        let weather = Weather::new()?;
        let error = weather.kinds(Array2::zeros((5, 3)).view()).expect_err("days have four numbers");
        assert_eq!(error.to_string(), "to_anchors: `latents` has shape [5, 3], expected [5, 4]");
        Ok(())
    }
}
