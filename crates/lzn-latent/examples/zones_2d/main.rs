//! Draws the zones of a handful of anchors in the plane.
//!
//! ```sh
//! cargo run --release -p lzn-latent --example zones_2d -- zones.png
//! ```
//!
//! Every anchor owns a zone of the standard normal distribution. There are two ways to see it, and the picture shows both:
//!
//! * **Left, towards the anchors.** Each point of the plane is a latent. [`ZoneFlow::to_anchors`] carries it to an anchor, and
//!   the colour says to which. The lines go the other way: they are the paths of noise from its anchor (large) to its latent
//!   (small). A path is straight as long as only its own anchor is felt, and bends where the others come in.
//! * **Right, towards the prior.** The same circles and rays of noise are carried into every zone by
//!   [`ZoneFlow::to_latents`]. Each zone is the whole normal distribution once more, bent into a part of the plane.
//!
//! How much of the Gaussian a zone holds is exactly its anchor's share of the weights, wherever the anchors lie. The example
//! measures that on the pixels, checks that every latent lies in its own zone, and fails if one of them is not so.

#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

mod picture;

use std::error::Error;
use std::f64::consts::TAU;

use lzn_latent::{Anchors, LatentError, Solver, ZoneFlow, nearest};
use ndarray::{Array1, Array2, arr2};

use picture::{Canvas, Plane};

/// Where the anchors are. Any scale and any shift of them all would give the same zones.
const ANCHORS: [[f64; 2]; 7] =
    [[-1.45, 0.35], [-0.55, 1.35], [0.25, 0.15], [0.95, 1.15], [1.55, -0.35], [0.35, -1.25], [-0.85, -1.05]];

/// Their weights: the third zone holds twice as much of the Gaussian as any other.
const WEIGHTS: [f64; 7] = [1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 1.0];

/// Latent times at which a path is drawn.
const PATH_POINTS: usize = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "zones.png".to_owned());
    let anchors = Anchors::new(arr2(&ANCHORS))?.with_weights(Array1::from(WEIGHTS.to_vec()))?;

    let plane = Plane::new(640, 3.1);
    let owners = owners_of_plane(&plane, &anchors)?;
    check_shares(&plane, &owners);
    let (start, paths) = paths(&anchors)?;
    check_latents(&anchors, &start, &paths)?;

    let mut left = Canvas::of_zones(&plane, &owners, true);
    for (owner, path) in start.owners.iter().zip(&paths) {
        left.path(path, *owner);
    }
    for (owner, path) in start.owners.iter().zip(&paths) {
        left.latent(path[path.len() - 1], *owner);
    }
    ANCHORS.iter().enumerate().for_each(|(owner, at)| left.anchor(*at, owner));

    let mut right = Canvas::of_zones(&plane, &owners, false);
    for owner in 0..ANCHORS.len() {
        for curve in circles().into_iter().chain(rays()) {
            right.grid_line(&into_zone(&anchors, owner, &curve)?, owner);
        }
        right.latent(into_zone(&anchors, owner, &[[0.0, 0.0]])?[0], owner);
    }
    Canvas::beside(&left, &right).save(&file)?;
    println!("wrote {file}");
    Ok(())
}

/// Rows of `[B, 2]`.
fn rows(points: &[[f64; 2]]) -> Array2<f64> {
    arr2(points)
}

fn points(array: &Array2<f64>) -> Vec<[f64; 2]> {
    array.rows().into_iter().map(|row| [row[0], row[1]]).collect()
}

/// The zone of each latent: follow the flow to its end, and see which anchor is there.
fn owners(latents: &[[f64; 2]], anchors: &Anchors<f64>) -> Result<Vec<usize>, LatentError> {
    let flow = ZoneFlow::new(Solver::dpm(60))?;
    nearest(flow.to_anchors(rows(latents).view(), anchors, None)?.end_points.view(), anchors)
}

/// One owner for every pixel, and where neighbours differ one for every part of a pixel, so that borders are smooth.
fn owners_of_plane(plane: &Plane, anchors: &Anchors<f64>) -> Result<Vec<usize>, LatentError> {
    let coarse = owners(&plane.pixels(), anchors)?;
    let mut fine = plane.refine(&coarse);
    let parts = plane.parts_near_borders(&coarse);
    let places: Vec<[f64; 2]> = parts.iter().map(|part| plane.place_of_part(*part)).collect();
    for (part, owner) in parts.into_iter().zip(owners(&places, anchors)?) {
        fine[part] = owner;
    }
    Ok(fine)
}

/// The Gaussian measure of every zone, summed over the plane, is the share of its weight.
fn check_shares(plane: &Plane, owners: &[usize]) {
    let mut mass = [0.0; ANCHORS.len()];
    for (part, owner) in owners.iter().enumerate() {
        let [x, y] = plane.place_of_part(part);
        mass[*owner] += (-0.5 * (x * x + y * y)).exp() / TAU * plane.area_of_part();
    }
    // What lies outside of the picture belongs to no counted zone.
    let inside: f64 = mass.iter().sum();
    assert!(inside > 0.995, "the picture holds {inside:.4} of the Gaussian");
    println!("zone  weight  measured");
    for (owner, (mass, weight)) in mass.iter().zip(WEIGHTS).enumerate() {
        let share = weight / WEIGHTS.iter().sum::<f64>();
        println!("{owner:4}  {share:.4}  {mass:.4}");
        assert!((mass - share).abs() < 4e-3, "zone {owner} holds {mass:.4} of the Gaussian, not {share:.4}");
    }
}

/// Points over latent time, from anchor to latent.
type Path = Vec<[f64; 2]>;

/// Noise and whose it is.
struct Start {
    owners: Vec<usize>,
    noise: Array2<f64>,
}

/// A few paths from every anchor.
fn paths(anchors: &Anchors<f64>) -> Result<(Start, Vec<Path>), LatentError> {
    let noise = spread(16);
    let mut start = Start { owners: Vec::new(), noise: Array2::zeros((0, 2)) };
    for owner in 0..anchors.len() {
        start.owners.extend(vec![owner; noise.len()]);
    }
    start.noise = rows(&noise.repeat(anchors.len()));

    let mut paths: Vec<Path> = start.owners.iter().map(|owner| vec![ANCHORS[*owner]]).collect();
    for k in 1..=PATH_POINTS {
        // A solver that stops at latent time t gives the point of the path there.
        let t = (k as f64 / PATH_POINTS as f64).min(1.0 - 1e-4);
        let solver = Solver::DpmSolver { steps: 120, order: 3, start: 2e-3, end: 1.0 - t };
        let at = ZoneFlow::new(solver)?.to_latents(anchors, &start.owners, start.noise.view())?;
        paths.iter_mut().zip(points(&at)).for_each(|(path, point)| path.push(point));
    }
    Ok((start, paths))
}

/// Every latent lies in the zone of the anchor that it came from.
fn check_latents(anchors: &Anchors<f64>, start: &Start, paths: &[Path]) -> Result<(), LatentError> {
    let latents: Vec<[f64; 2]> = paths.iter().map(|path| path[path.len() - 1]).collect();
    let back = owners(&latents, anchors)?;
    let right = back.iter().zip(&start.owners).filter(|(back, owner)| back == owner).count();
    println!("{right} of {} latents lie in the zone of their own anchor", latents.len());
    assert_eq!(right, latents.len());
    Ok(())
}

/// `n` points that cover the normal distribution evenly: equal shares of it in radius, the golden angle in direction.
fn spread(n: usize) -> Vec<[f64; 2]> {
    let golden = TAU * (1.0 - 1.0 / 1.618_033_988_749_895);
    (0..n)
        .map(|k| {
            let radius = (-2.0 * (1.0 - (k as f64 + 0.5) / n as f64).ln()).sqrt();
            let angle = golden * k as f64;
            [radius * angle.cos(), radius * angle.sin()]
        })
        .collect()
}

/// Circles of noise that hold 10, 30, 50, 70, 90 and 98 % of it.
fn circles() -> Vec<Vec<[f64; 2]>> {
    let circle = |share: f64| {
        let radius = (-2.0 * (1.0 - share).ln()).sqrt();
        (0..=240).map(|k| TAU * f64::from(k) / 240.0).map(|a| [radius * a.cos(), radius * a.sin()]).collect()
    };
    [0.1, 0.3, 0.5, 0.7, 0.9, 0.98].map(circle).into()
}

/// Twelve rays out to the last circle.
fn rays() -> Vec<Vec<[f64; 2]>> {
    let end = (-2.0 * 0.02_f64.ln()).sqrt();
    let ray = |k: u32| {
        let (sin, cos) = (TAU * f64::from(k) / 12.0).sin_cos();
        (0..=60).map(|i| end * f64::from(i) / 60.0).map(|radius| [radius * cos, radius * sin]).collect()
    };
    (0..12).map(ray).collect()
}

/// Where noise ends in the zone of one anchor.
fn into_zone(anchors: &Anchors<f64>, owner: usize, noise: &[[f64; 2]]) -> Result<Vec<[f64; 2]>, LatentError> {
    let flow = ZoneFlow::new(Solver::euler(200))?;
    Ok(points(&flow.to_latents(anchors, &vec![owner; noise.len()], rows(noise).view())?))
}
