//! How good and how fast zones among very many anchors are, exactly and by a sample.
//!
//! ```text
//! cargo run --release -p lzn-latent --example many_anchors -- [family] [anchors] [rows] [count,neighbours ...]
//! ```
//!
//! Families of anchors in 200 dimensions: `normal`, `clusters` (ten, of within-variance 0.1), `tight` (0.01), `duplicates` (half of
//! all anchors copies at distance 0.05). Only as many rows are compared with the exact flow as are asked for.
#![expect(clippy::print_stdout, reason = "a program with output")]

use std::error::Error;
use std::time::Instant;

use lzn_latent::ndarray::{Array2, Axis, Zip};
use lzn_latent::{Anchors, Sampling, Solver, ZoneFlow, nearest};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

const DIM: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let family = arguments.next().unwrap_or_else(|| "normal".into());
    let n: usize = arguments.next().map_or(Ok(65_536), |text| text.parse())?;
    let rows: usize = arguments.next().map_or(Ok(128), |text| text.parse())?;
    let mut samplings: Vec<Sampling> = Vec::new();
    for text in arguments {
        let (count, neighbours) = text.split_once(',').ok_or("a sampling is written count,neighbours")?;
        samplings.push(Sampling { count: count.parse()?, neighbours: neighbours.parse()?, seed: 0 });
    }
    if samplings.is_empty() {
        samplings.push(Sampling::of(n));
    }

    let anchors = Anchors::new(points(&family, n)?)?;
    let owners: Vec<usize> = (0..rows).map(|i| (i * 7919 + 13) % n).collect();
    let noise = normal(2, rows);
    let flow = ZoneFlow::default();
    println!("{family}: {n} anchors, {rows} rows, {} MiB with the anchors alone", peak());

    let (trace, forward) = timed(|| flow.trace_latents(&anchors, &owners, noise.view()))?;
    let exact = trace.latents().to_owned();
    let (of_exact, backward) = timed(|| trace.vjp(exact.view()))?;
    println!("  exact: latents {forward:.2} s, gradients {backward:.2} s, at most {} MiB", peak());
    drop(trace);
    let euler = ZoneFlow::new(Solver::euler(20))?.to_latents(&anchors, &owners, noise.view())?;
    println!("  Euler-20: error {:.1e}", rms(&euler, &exact));
    let found = found(&nearest(flow.to_anchors(exact.view(), &anchors, None)?.end_points.view(), &anchors)?, &owners);
    println!("  exact latents found exactly: {found:.3}");

    for sampling in samplings {
        let sampled = anchors.sampled(sampling)?;
        let (trace, forward) = timed(|| sampled.trace_latents(&flow, &owners, noise.view()))?;
        let error = rms(&trace.latents().to_owned(), &exact);
        let (gradients, backward) = timed(|| trace.vjp(exact.view()))?;
        let cosine = cosine(&gradients.noise, &of_exact.noise);
        println!(
            "  {} sampled, {} neighbours: error {error:.2e}, work {:.3}, latents {forward:.2} s, gradients {backward:.2} s, cosine (noise) {cosine:.4}",
            sampling.count,
            sampling.neighbours,
            trace.share()
        );
        let ends = flow.to_anchors(trace.latents(), &anchors, None)?.end_points;
        let hit = self::found(&nearest(ends.view(), &anchors)?, &owners);
        let (ends, back) = timed(|| sampled.to_anchors(&flow, exact.view(), None))?;
        let found = self::found(&nearest(ends.end_points.view(), &anchors)?, &owners);
        println!("    in the own zone {hit:.3}; exact latents found {found:.3} in {back:.2} s; at most {} MiB", peak());
    }
    Ok(())
}

fn points(family: &str, n: usize) -> Result<Array2<f32>, Box<dyn Error>> {
    let mut points = normal(1, n);
    match family {
        "normal" => {}
        "clusters" | "tight" => {
            let within: f32 = if family == "tight" { 0.01 } else { 0.1 };
            let centres = normal(3, 10) * (1.0 - within).sqrt();
            points *= within.sqrt();
            points.axis_iter_mut(Axis(0)).enumerate().for_each(|(i, mut point)| point += &centres.row(i % 10));
        }
        "duplicates" => {
            let (originals, mut copies) = points.view_mut().split_at(Axis(0), n / 2);
            let shifts = normal(4, n - n / 2);
            for ((mut copy, shift), original) in copies.rows_mut().into_iter().zip(shifts.rows()).zip(originals.rows())
            {
                let norm = shift.dot(&shift).sqrt();
                Zip::from(&mut copy).and(&original).and(&shift).for_each(|c, o, s| *c = o + 0.05 * s / norm);
            }
        }
        other => return Err(format!("no family `{other}`").into()),
    }
    Ok(points)
}

fn normal(seed: u64, rows: usize) -> Array2<f32> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((rows, DIM), || StandardNormal.sample(&mut generator))
}

fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<(T, f64), E> {
    let start = Instant::now();
    Ok((work()?, start.elapsed().as_secs_f64()))
}

fn rms(a: &Array2<f32>, b: &Array2<f32>) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    (sum / a.len() as f64).sqrt()
}

fn cosine(a: &Array2<f32>, b: &Array2<f32>) -> f64 {
    let dot = |a: &Array2<f32>, b: &Array2<f32>| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum() };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn found(got: &[usize], owners: &[usize]) -> f64 {
    got.iter().zip(owners).filter(|(got, owner)| got == owner).count() as f64 / owners.len() as f64
}

/// The most memory that this process has had, in MiB; 0 where the system does not tell.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0) / 1024
}
