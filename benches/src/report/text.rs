//! Reports for people.

use std::fmt;

use super::Report;
use crate::contenders::Contender;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let evaluations = self.evaluations;
        writeln!(f, "{}", self.contender)?;
        if let Some(seconds) = &self.seconds {
            writeln!(f, "  forward       {} s", seconds.forward)?;
            writeln!(f, "  backward      {} s", seconds.backward)?;
            writeln!(f, "  both          {} s, {} runs", seconds.total, seconds.runs)?;
        }
        writeln!(f, "  evaluations   {:.1} on average, {} at most", evaluations.mean, evaluations.largest)?;
        if let Some(work) = &self.work {
            let share = 100.0 * work.fraction;
            writeln!(f, "  speed         {:.1} GFLOP/s, {share:.0} % of {:.1}", work.gflops, work.machine_gflops)?;
        }
        self.write_memory(f)?;
        self.write_errors(f)
    }
}

impl Report {
    fn write_memory(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(peak) = self.peak else { return Ok(()) };
        let said = |bytes: Option<u64>| bytes.map_or_else(|| "?".to_owned(), megabytes);
        match peak.allocated {
            Some(_) => {
                writeln!(f, "  peak memory   {} allocated, {} resident", said(peak.allocated), said(peak.resident))
            }
            None => writeln!(f, "  peak memory   {} resident", said(peak.resident)),
        }
    }

    fn write_errors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(errors) = &self.errors else { return Ok(()) };
        writeln!(f, "  latents       rms error {:.2e} ({} samples)", errors.latents_rms, self.checked)?;
        let (relative, cosine) = (errors.gradient_relative, errors.gradient_cosine);
        writeln!(f, "  gradient      relative error {relative:.2e}, cosine {cosine:.5}")?;
        writeln!(f, "  of the noise  relative error {:.2e}", errors.noise_gradient_relative)?;
        writeln!(f, "  zone hits     {:.4}", errors.zone_hit_rate)?;
        if let Some(rate) = self.assignment_rate {
            writeln!(f, "  assignment    {rate:.4} of the exact latents")?;
        }
        if let Some(rounding) = &self.rounding {
            writeln!(f, "  f32 to f64    latents {:.1e}, gradient {:.1e}", rounding.latents, rounding.gradient)?;
        }
        Ok(())
    }
}

/// How ours compare with the rivals of the same measurement, one line per pair.
#[must_use]
pub fn ratios(reports: &[Report]) -> Vec<String> {
    let (ours, rivals): (Vec<_>, Vec<_>) =
        reports.iter().partition(|report| matches!(report.contender, Contender::Ours(_)));
    let pairs = ours.iter().flat_map(|ours| rivals.iter().map(move |rival| (*ours, *rival)));
    pairs.map(|(ours, rival)| ratio(ours, rival)).collect()
}

fn ratio(ours: &Report, rival: &Report) -> String {
    let time = ours.total_seconds().zip(rival.total_seconds()).map(|(a, b)| format!("{:.2} times as fast", b / a));
    let memory = ours.peak_bytes().zip(rival.peak_bytes());
    let memory = memory.map(|(a, b)| format!("1/{:.1} of the memory", b as f64 / a.max(1) as f64));
    let said: Vec<String> = [time, memory].into_iter().flatten().collect();
    format!("{} against {}: {}", ours.contender, rival.contender, said.join(", "))
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
