//! Failures when a program starts, or first uses libtorch.

use super::{Diagnosis, Rule, between};

pub(super) const RULES: &[Rule] =
    &[old_system, broken_library, library_not_found, symbol_not_found, driver_too_old, no_cuda_kernels];

/// A C or C++ library older than the one libtorch was built for.
fn old_system(text: &str) -> Option<Diagnosis> {
    let line = text.lines().find(|line| line.contains("version `GLIBC") && line.contains("not found"))?;
    let version = between(line, "version `", "'")?;
    Some(Diagnosis::new(
        format!("libtorch needs {version}, which the C or C++ library of this system does not have"),
        "use a newer system (Debian 10, Ubuntu 20.04 or later), or take an older libstdc++ out of LD_LIBRARY_PATH (Conda puts one there)",
    ))
}

/// A download or copy that was cut short.
fn broken_library(text: &str) -> Option<Diagnosis> {
    let marks = ["file too short", "invalid ELF header", "ELF load command past end of file"];
    marks.iter().any(|mark| text.contains(mark)).then(|| {
        Diagnosis::new("a library file is damaged: it was cut short or is not a library", "`cargo xtask setup --force`")
    })
}

/// #442, #806, #824, #740: the loader does not know the folder, or a part of it is missing.
fn library_not_found(text: &str) -> Option<Diagnosis> {
    let line =
        text.lines().find(|line| line.contains(": cannot open shared object file: No such file or directory"))?;
    let name = line.split(": cannot open shared object file").next()?.rsplit([' ', '/']).next()?;
    let library = |prefix: &str| name.starts_with(prefix);
    if ["libtorch", "libc10"].into_iter().any(library) {
        return Some(Diagnosis::new(
            format!(
                "the program does not find {name}: libtorch was moved or removed since it was built, or its crate misses our build script"
            ),
            "`cargo xtask setup`, then build again. A crate of your own that links libtorch needs `build = \".../crates/lzn-torch/link.rs\"` \
             in its Cargo.toml; outside cargo, add libtorch's `lib` folder to LD_LIBRARY_PATH",
        ));
    }
    ["libcu", "libnv", "libnccl", "libgomp"].into_iter().any(library).then(|| {
        Diagnosis::new(format!("{name}, which libtorch needs, is missing beside it"), "`cargo xtask setup --force`")
    })
}

/// #671: another libtorch is loaded than the one that was linked.
fn symbol_not_found(text: &str) -> Option<Diagnosis> {
    let line =
        text.lines().find(|line| line.contains("undefined symbol: _ZN") || line.contains("undefined symbol: at_"))?;
    let symbol = line.split("undefined symbol: ").nth(1)?.split([',', ' ']).next()?;
    Some(Diagnosis::new(
        format!("another libtorch is loaded than the one that the program was built with: it has no {symbol}"),
        "take other libtorch folders out of LD_LIBRARY_PATH (`cargo xtask doctor` names them), then build again",
    ))
}

/// Messages of the CUDA runtime and of libtorch.
fn driver_too_old(text: &str) -> Option<Diagnosis> {
    let marks =
        ["CUDA driver version is insufficient for CUDA runtime version", "The NVIDIA driver on your system is too old"];
    marks.iter().any(|mark| text.contains(mark)).then(|| {
        Diagnosis::new(
            "the NVIDIA driver is older than the CUDA version of this libtorch",
            "update the driver, or do without the GPU: `cargo xtask setup --cpu`",
        )
    })
}

/// #923, #907, #980: a CPU build of libtorch, or one whose CUDA library the linker dropped.
fn no_cuda_kernels(text: &str) -> Option<Diagnosis> {
    let asked = text.contains("Could not run 'aten::") && text.contains("with arguments from the 'CUDA' backend");
    asked.then(|| {
        Diagnosis::new(
            "the program asked for a GPU, but libtorch_cuda is not loaded: this libtorch is a CPU build, or the linker dropped its CUDA library",
            "where there is an NVIDIA GPU, `cargo xtask setup` installs the CUDA build; a crate of your own that links libtorch needs \
             our build script crates/lzn-torch/link.rs, which keeps the library",
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnose::recognise;

    fn cause(text: &str) -> String {
        recognise(text).expect("a known failure").cause
    }

    #[test]
    fn a_libtorch_that_the_loader_does_not_find_is_named() {
        let text = "target/debug/examples/basics: error while loading shared libraries: libtorch_cpu.so: cannot open shared object \
                    file: No such file or directory";
        assert!(cause(text).contains("libtorch_cpu.so"), "{}", cause(text));
    }

    #[test]
    fn a_missing_companion_of_libtorch_is_named() {
        let text = "OSError: libcudart.so.13: cannot open shared object file: No such file or directory";
        let found = recognise(text).expect("known");
        assert!(found.cause.contains("libcudart.so.13") && found.remedy.contains("--force"));
    }

    #[test]
    fn a_library_of_something_else_is_not_ours_to_explain() {
        assert_eq!(
            recognise(
                "lzn: error while loading shared libraries: libfoo.so.1: cannot open shared object file: No such file or directory"
            ),
            None
        );
    }

    #[test]
    fn a_symbol_missing_at_start_points_to_a_second_libtorch() {
        let text = "target/debug/lzn: symbol lookup error: target/debug/lzn: undefined symbol: _ZN3c106detail14torchCheckFailEPKcS2_jS2_";
        assert!(cause(text).contains("_ZN3c106detail14torchCheckFailEPKcS2_jS2_"));
    }

    #[test]
    fn a_system_library_that_is_too_old_is_named() {
        let text = "/lib64/libstdc++.so.6: version `GLIBCXX_3.4.26' not found (required by libtorch_cpu.so)";
        assert!(cause(text).contains("GLIBCXX_3.4.26"));
        let text = "/lib64/libm.so.6: version `GLIBC_2.23' not found (required by libtorch_cpu.so)";
        assert!(cause(text).contains("GLIBC_2.23"));
    }

    #[test]
    fn a_truncated_library_is_recognised() {
        assert!(cause("OSError: .lzn/libtorch/lib/libc10.so: file too short").contains("damaged"));
    }

    #[test]
    fn a_cpu_build_asked_for_a_gpu_is_recognised() {
        let text = "called `Result::unwrap()` on an `Err` value: Torch(\"Could not run 'aten::empty_strided' with arguments from the \
                    'CUDA' backend. This could be because the operator doesn't exist for this backend";
        assert!(cause(text).contains("CPU build"));
    }

    #[test]
    fn an_old_driver_is_recognised() {
        assert!(cause("CUDA error: CUDA driver version is insufficient for CUDA runtime version").contains("driver"));
    }
}
