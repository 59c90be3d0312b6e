//! The processor, what it can do, and how many threads libtorch uses on it.

use std::fs;
use std::thread;

use super::Finding;

/// Processor and threads.
pub(super) fn findings() -> Vec<Finding> {
    let variable = |name: &str| std::env::var(name).ok();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = usize::try_from(tch::get_num_threads()).unwrap_or_default();
    let mut findings = vec![Finding::good("processor", format!("{}: {}", model(), features().join(", ")))];
    findings.extend(capability(variable("ATEN_CPU_CAPABILITY").as_deref()));
    findings.push(judge_threads(threads, cores, variable));
    findings
}

/// Instruction sets that libtorch has kernels for, of those that this processor has.
#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let known = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512vnni", is_x86_feature_detected!("avx512vnni")),
        ("avx512bf16", is_x86_feature_detected!("avx512bf16")),
    ];
    let found: Vec<&str> = known.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    if found.is_empty() { vec!["no avx2, so libtorch runs its slow kernels"] } else { found }
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<&'static str> {
    vec![std::env::consts::ARCH]
}

fn model() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    line.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.to_owned())
}

/// A variable of libtorch that holds it back on purpose, easily forgotten.
fn capability(set: Option<&str>) -> Option<Finding> {
    let set = set?;
    let what = format!("ATEN_CPU_CAPABILITY={set} limits libtorch to these kernels");
    Some(Finding::bad("processor", what, "unset ATEN_CPU_CAPABILITY"))
}

/// `threads` of libtorch against the `cores` that this process may use.
fn judge_threads(threads: usize, cores: usize, variable: impl Fn(&str) -> Option<String>) -> Finding {
    const TOPIC: &str = "threads";
    let what = format!("libtorch uses {threads}, this process may use {cores}");
    // More threads than cores wait for each other: a container with a quota is the usual reason.
    if threads > cores {
        return Finding::bad(TOPIC, what, format!("set OMP_NUM_THREADS={cores}"));
    }
    let limit = ["OMP_NUM_THREADS", "MKL_NUM_THREADS"].into_iter().find_map(|name| Some((name, variable(name)?)));
    match limit {
        // Hyper-threads count as cores here, and libtorch takes one thread for each real core: half is as it should be.
        Some((name, value)) if threads * 2 < cores => Finding::bad(
            TOPIC,
            format!("{what}, held back by {name}={value}"),
            format!("unset {name} to use the whole machine"),
        ),
        _ => Finding::good(TOPIC, what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_for_each_core_or_each_pair_of_hyper_threads_is_right() {
        assert_eq!(judge_threads(8, 8, |_| None).remedy, None);
        assert_eq!(judge_threads(4, 8, |_| None).remedy, None);
    }

    #[test]
    fn too_many_threads_and_forgotten_limits_are_wrong() {
        assert_eq!(judge_threads(64, 4, |_| None).remedy.as_deref(), Some("set OMP_NUM_THREADS=4"));
        let limited = judge_threads(1, 8, |name| (name == "OMP_NUM_THREADS").then(|| "1".to_owned()));
        assert!(limited.what.contains("OMP_NUM_THREADS=1") && limited.remedy.is_some());
    }

    #[test]
    fn a_limited_instruction_set_is_wrong() {
        assert!(capability(Some("default")).is_some_and(|finding| finding.remedy.is_some()));
        assert_eq!(capability(None), None);
    }
}
