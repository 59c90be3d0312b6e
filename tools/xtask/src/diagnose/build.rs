//! Failures while the bridge to libtorch (torch-sys) compiles.

use super::{Diagnosis, Rule, between};
use crate::libtorch::WANTED;

pub(super) const RULES: &[Rule] = &[
    version_mismatch,
    no_torch_module,
    no_python,
    no_libtorch,
    no_compiler,
    old_compiler,
    no_headers,
    other_headers,
    out_of_memory,
];

/// #949, #742, #918: the version check of torch-sys.
fn version_mismatch(text: &str) -> Option<Diagnosis> {
    let wanted = between(text, "this tch version expects PyTorch ", ",")?;
    let line = text.lines().find(|line| line.contains("this tch version expects PyTorch"))?;
    let got = line.split("got ").nth(1)?.split(',').next()?.trim();
    Some(Diagnosis::new(
        format!("the libtorch in use is {got}, and this workspace is bound to {wanted}"),
        format!(
            "unset LIBTORCH and LIBTORCH_USE_PYTORCH and run `cargo xtask setup`, or bring your own to {wanted} \
             (`pip install torch=={wanted}`). LIBTORCH_BYPASS_VERSION_CHECK only moves the failure to a later place"
        ),
    ))
}

/// #843: LIBTORCH_USE_PYTORCH with a Python that has no torch, or one that does not start.
fn no_torch_module(text: &str) -> Option<Diagnosis> {
    if !text.contains("no cxx11 abi returned by python") {
        return None;
    }
    let missing = text.contains("No module named 'torch'");
    let cause = if missing { "has no torch module" } else { "cannot import its torch module" };
    Some(Diagnosis::new(
        format!("LIBTORCH_USE_PYTORCH is set, but the Python that the build calls {cause}"),
        format!(
            "activate the environment that has torch, or `python3 -m pip install torch=={WANTED}`; \
             or unset LIBTORCH_USE_PYTORCH and run `cargo xtask setup`"
        ),
    ))
}

/// LIBTORCH_USE_PYTORCH without any Python.
fn no_python(text: &str) -> Option<Diagnosis> {
    let failed = text.contains("error running \"python3\"") || text.contains("error running \"python\"");
    failed.then(|| {
        Diagnosis::new(
            "LIBTORCH_USE_PYTORCH is set, but there is no Python to ask",
            "unset LIBTORCH_USE_PYTORCH and run `cargo xtask setup`, or put your Python on the PATH",
        )
    })
}

/// torch-sys outside this workspace's configuration of cargo.
fn no_libtorch(text: &str) -> Option<Diagnosis> {
    text.contains("Cannot find a libtorch install").then(|| {
        Diagnosis::new(
            "the build does not know where libtorch is: it does not see this workspace's .cargo/config.toml",
            "run cargo inside the repository, or set LIBTORCH to its folder .lzn/libtorch",
        )
    })
}

/// Message of the cc crate.
fn no_compiler(text: &str) -> Option<Diagnosis> {
    let tool = between(text, "failed to find tool \"", "\"")?;
    Some(Diagnosis::new(
        format!("there is no C++ compiler: `{tool}` was not found"),
        "install one: `apt-get install g++` (Debian, Ubuntu), `dnf install gcc-c++` (Fedora), \
         `pacman -S gcc` (Arch), `xcode-select --install` (macOS); or set CXX to yours",
    ))
}

/// Checks in the headers of libtorch, and the option that old compilers do not know.
fn old_compiler(text: &str) -> Option<Diagnosis> {
    let marks = [
        "C++17 or later compatible compiler is required",
        "unrecognized command line option '-std=c++17'",
        "unrecognized command line option ‘-std=c++17’",
    ];
    marks.iter().any(|mark| text.contains(mark)).then(|| {
        Diagnosis::new(
            "the C++ compiler is too old for the headers of libtorch, which need C++17",
            "install GCC 11 or newer (or Clang 14 or newer) and set CXX to it",
        )
    })
}

/// LIBTORCH points to a folder that is not there, or that holds libraries only.
fn no_headers(text: &str) -> Option<Diagnosis> {
    let missing =
        ["torch/torch.h: No such file", "'torch/torch.h' file not found", "ATen/autocast_mode.h: No such file"];
    missing.iter().any(|mark| text.contains(mark)).then(|| {
        Diagnosis::new(
            "the headers of libtorch are not where LIBTORCH points",
            "without a LIBTORCH of your own: `cargo xtask setup`. With one: it must be the folder that holds `include` and `lib`",
        )
    })
}

/// #875 (blamed on GCC 14 there), #671, #795, #589: headers of a libtorch of another version.
fn other_headers(text: &str) -> Option<Diagnosis> {
    let marks =
        ["invalid initialization of reference", "is not a member of", "no member named", "suggested alternative"];
    let bridge = text.contains("torch_api_generated.cpp") && marks.iter().any(|mark| text.contains(mark));
    bridge.then(|| {
        Diagnosis::new(
            format!(
                "the headers belong to another version of libtorch than {WANTED}: functions have other arguments there"
            ),
            "unset LIBTORCH, LIBTORCH_INCLUDE and LIBTORCH_BYPASS_VERSION_CHECK, then `cargo xtask setup`. \
             Another compiler does not help",
        )
    })
}

/// The bridge is one large C++ file; compiling it needs about 2 GB.
fn out_of_memory(text: &str) -> Option<Diagnosis> {
    let marks = ["Killed signal terminated program cc1plus", "virtual memory exhausted", "ld terminated with signal 9"];
    marks.iter().any(|mark| text.contains(mark)).then(|| {
        Diagnosis::new(
            "the machine ran out of memory while compiling or linking",
            "build with fewer jobs at a time: `cargo build --jobs 1`, or add swap space",
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnose::recognise;

    fn cause_and_remedy(text: &str) -> (String, String) {
        let found = recognise(text).expect("a known failure");
        (found.cause, found.remedy)
    }

    #[test]
    fn a_version_mismatch_names_both_versions() {
        let text = "  --- stderr\n  Error: this tch version expects PyTorch 2.7.0, got 2.2.2, this check can be bypassed by \
                    setting the LIBTORCH_BYPASS_VERSION_CHECK environment variable";
        let (cause, remedy) = cause_and_remedy(text);
        assert!(cause.contains("2.2.2") && cause.contains("2.7.0"), "{cause}");
        assert!(remedy.contains("cargo xtask setup"));
    }

    #[test]
    fn the_older_wording_of_the_version_check_is_known_too() {
        let (cause, _) = cause_and_remedy("  Error: this tch version expects PyTorch 2.0.0, got 2.0.1\n");
        assert!(cause.contains("2.0.1") && cause.contains("2.0.0"), "{cause}");
    }

    #[test]
    fn a_python_without_torch_is_told_from_one_whose_torch_is_broken() {
        let text = r#"Error: no cxx11 abi returned by python Output { status: ExitStatus(unix_wait_status(256)), stdout: "", stderr: "Traceback (most recent call last):\n  File \"<string>\", line 2, in <module>\nModuleNotFoundError: No module named 'torch'\n" }"#;
        assert!(cause_and_remedy(text).0.contains("has no torch module"));
        assert!(cause_and_remedy("no cxx11 abi returned by python Output { ImportError }").0.contains("cannot import"));
    }

    #[test]
    fn headers_of_another_version_are_recognised_behind_the_compilers_words() {
        let gcc_14 = "cargo:warning=libtch/torch_api_generated.cpp:640:104: error: invalid initialization of reference of type \
                      ‘const std::optional<at::Tensor>&’ from expression of type ‘bool’";
        let gcc = "cargo:warning=libtch/torch_api_generated.cpp:451:19: error: ‘_chunk_grad_outputs_efficient_attention’ is not a \
                   member of ‘torch’";
        let clang = "warning: libtch/torch_api_generated.cpp.h:1195:29: error: no member named '_mps_linear_backward_input' in \
                     namespace 'torch'; did you mean 'mkldnn_linear_backward_input'?";
        for text in [gcc_14, gcc, clang] {
            assert!(cause_and_remedy(text).0.contains("another version"), "{text}");
        }
    }

    #[test]
    fn a_libtorch_that_points_nowhere_is_recognised() {
        let text = "libtch/torch_api.h:6:9: fatal error: torch/torch.h: No such file or directory\n    6 | #include<torch/torch.h>";
        assert!(cause_and_remedy(text).0.contains("LIBTORCH points"));
        assert!(
            cause_and_remedy("Error: \nCannot find a libtorch install, you can either:")
                .1
                .contains("inside the repository")
        );
    }

    #[test]
    fn a_missing_and_a_too_old_compiler_are_recognised() {
        let missing = "error occurred in cc-rs: failed to find tool \"c++\": No such file or directory (os error 2)";
        assert!(cause_and_remedy(missing).0.contains("`c++`"));
        let old = "all.h:5:2: error: #error C++17 or later compatible compiler is required to use PyTorch.";
        assert!(cause_and_remedy(old).0.contains("too old"));
    }

    #[test]
    fn a_compiler_killed_for_lack_of_memory_is_recognised() {
        assert!(cause_and_remedy("c++: fatal error: Killed signal terminated program cc1plus").1.contains("--jobs 1"));
    }
}
