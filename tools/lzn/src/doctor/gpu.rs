//! Whether there is a GPU, and whether libtorch can use it.

use std::process::Command;

use lzn_torch::install::Loaded;

use super::Finding;

const TOPIC: &str = "gpu";

/// What the system and libtorch say about GPUs.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// What the NVIDIA driver lists, one entry for each GPU; empty without a driver.
    listed: Vec<String>,
    /// How many of them libtorch can use.
    usable: i64,
    /// Whether libtorch finds cuDNN.
    cudnn: bool,
    cuda_loaded: bool,
    cuda_present: bool,
    /// The value of CUDA_VISIBLE_DEVICES, if set.
    visible: Option<String>,
}

impl Facts {
    pub(super) fn gather(loaded: &Loaded) -> Self {
        let listed = Command::new("nvidia-smi").arg("-L").output().map(|output| output.stdout).unwrap_or_default();
        let listed = String::from_utf8_lossy(&listed)
            .lines()
            .filter(|line| line.starts_with("GPU "))
            .map(str::to_owned)
            .collect();
        let usable = if tch::Cuda::is_available() { tch::Cuda::device_count() } else { 0 };
        Self {
            listed,
            usable,
            cudnn: tch::Cuda::cudnn_is_available(),
            cuda_loaded: loaded.cuda_loaded,
            cuda_present: loaded.cuda_present,
            visible: std::env::var("CUDA_VISIBLE_DEVICES").ok(),
        }
    }
}

/// The usual ways in which a GPU goes unused, told apart (tch-rs #907, #904, #980).
pub(super) fn finding(facts: &Facts) -> Finding {
    let Facts { listed, usable, cudnn, .. } = facts;
    if *usable > 0 && !cudnn {
        let what = format!("libtorch can use {usable}, but finds no cuDNN: convolutions will be slow");
        return Finding::bad(TOPIC, what, "`cargo xtask setup --force` installs it beside libtorch");
    }
    if *usable > 0 {
        return Finding::good(TOPIC, format!("libtorch can use {usable}, with cuDNN"));
    }
    if listed.is_empty() {
        return Finding::good(TOPIC, "no NVIDIA GPU (nvidia-smi lists none)");
    }
    let (reason, remedy) = unused(facts);
    Finding::bad(TOPIC, format!("{}; but libtorch cannot use it: {reason}", listed.join(", ")), remedy)
}

fn unused(facts: &Facts) -> (String, &'static str) {
    match &facts.visible {
        Some(visible) if visible.is_empty() || visible == "-1" => {
            return (
                format!("CUDA_VISIBLE_DEVICES is set to `{visible}`, which hides it"),
                "unset CUDA_VISIBLE_DEVICES",
            );
        }
        _ => {}
    }
    let (reason, remedy) = match (facts.cuda_present, facts.cuda_loaded) {
        (false, _) => ("it is a CPU build", "`cargo xtask setup`, which installs the CUDA build, then build again"),
        (true, false) => (
            "the linker dropped its CUDA library, which no symbol refers to",
            "build with our build script crates/lzn-torch/link.rs, which keeps it; `cargo clean --package lzn`, then build again",
        ),
        (true, true) => (
            "the driver is too old for its CUDA version, or the device is in use exclusively",
            "update the NVIDIA driver",
        ),
    };
    (reason.to_owned(), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_gpu() -> Facts {
        Facts { listed: vec!["GPU 0: NVIDIA A100".to_owned()], ..Facts::default() }
    }

    #[test]
    fn a_machine_without_a_gpu_is_in_order() {
        assert_eq!(finding(&Facts::default()).remedy, None);
    }

    #[test]
    fn a_gpu_that_works_is_in_order_and_one_without_cudnn_is_not() {
        assert_eq!(finding(&Facts { usable: 2, cudnn: true, ..with_gpu() }).remedy, None);
        assert!(finding(&Facts { usable: 2, ..with_gpu() }).what.contains("cuDNN"));
    }

    #[test]
    fn the_reasons_for_an_unused_gpu_are_told_apart() {
        let reason = |facts: Facts| finding(&facts).what;
        assert!(reason(with_gpu()).contains("CPU build"));
        assert!(reason(Facts { cuda_present: true, ..with_gpu() }).contains("linker dropped"));
        assert!(reason(Facts { cuda_present: true, cuda_loaded: true, ..with_gpu() }).contains("driver"));
        let hidden = Facts { cuda_present: true, cuda_loaded: true, visible: Some(String::new()), ..with_gpu() };
        assert!(reason(hidden).contains("CUDA_VISIBLE_DEVICES"));
    }
}
