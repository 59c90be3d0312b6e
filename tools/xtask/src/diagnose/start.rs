//! Failures when a program starts, or first uses libtorch.

use super::{Diagnosis, Rule, between};

pub(super) const RULES: &[Rule] = &[
    old_system,
    broken_library,
    library_not_found,
    library_not_loaded,
    static_block_full,
    symbol_not_found,
    driver_too_old,
    other_architecture,
    no_cuda_kernels,
];

/// A C or C++ library older than the one libtorch was built for.
fn old_system(text: &str) -> Option<Diagnosis> {
    let of_system = |line: &&str| line.contains("version `GLIBC") || line.contains("version `CXXABI");
    let line = text.lines().filter(of_system).find(|line| line.contains("not found"))?;
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

/// #442 as macOS and Windows say it.
fn library_not_loaded(text: &str) -> Option<Diagnosis> {
    let named = ["libtorch", "libc10", "torch_cpu.dll", "c10.dll"];
    let complaint = |line: &&str| {
        (line.contains("Library not loaded:") || line.contains("was not found"))
            && named.iter().any(|name| line.contains(name))
    };
    let line = text.lines().find(complaint)?;
    Some(Diagnosis::new(
        format!("the program does not find libtorch, which was moved or removed since it was built: {}", line.trim()),
        "`cargo xtask setup`, then build again; outside cargo, add libtorch's `lib` folder to DYLD_LIBRARY_PATH (macOS) or PATH (Windows)",
    ))
}

/// Met on ARM, where OpenMP comes too late for the room that the loader sets aside.
fn static_block_full(text: &str) -> Option<Diagnosis> {
    let line = text.lines().find(|line| line.contains("cannot allocate memory in static TLS block"))?;
    let name = line.split(": cannot allocate memory").next()?.rsplit([' ', '/']).next()?;
    Some(Diagnosis::new(
        format!("{name} was loaded too late for the memory that the loader sets aside for threads"),
        format!("load it first: set LD_PRELOAD to the full path of {name}"),
    ))
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

/// The kernels of a CUDA build are for a list of architectures.
fn other_architecture(text: &str) -> Option<Diagnosis> {
    text.contains("no kernel image is available for execution on the device").then(|| {
        Diagnosis::new(
            "this libtorch has no kernels for the architecture of this GPU, which is too old or too new for it",
            "do without the GPU: `--device cpu`, or `cargo xtask setup --cpu`",
        )
    })
}

/// #923, #907, #980: a CPU build of libtorch, or one whose CUDA library the linker dropped.
fn no_cuda_kernels(text: &str) -> Option<Diagnosis> {
    let marks = ["PyTorch is not linked with support for cuda devices", "Torch not compiled with CUDA enabled"];
    let asked = text.contains("Could not run 'aten::") && text.contains("with arguments from the 'CUDA' backend");
    let asked = asked || marks.iter().any(|mark| text.contains(mark));
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
        let text = "libstdc++.so.6: version `CXXABI_1.3.13' not found (required by libtorch_cpu.so)";
        assert!(cause(text).contains("CXXABI_1.3.13"));
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
        let text =
            "Torch(\"PyTorch is not linked with support for cuda devices\\nException raised from getDeviceGuardImpl";
        assert!(cause(text).contains("linker dropped"));
    }

    #[test]
    fn what_other_loaders_say_is_recognised() {
        let mac = "dyld[71]: Library not loaded: @rpath/libtorch_cpu.dylib\n  Referenced from: target/debug/lzn";
        assert!(cause(mac).contains("libtorch_cpu.dylib"));
        let windows = "The code execution cannot proceed because torch_cpu.dll was not found.";
        assert!(cause(windows).contains("torch_cpu.dll"));
        assert_eq!(recognise("error: linker `cc` was not found"), None);
        let arm = "OSError: /usr/lib/libgomp.so.1: cannot allocate memory in static TLS block";
        assert!(recognise(arm).expect("known").remedy.contains("LD_PRELOAD to the full path of libgomp.so.1"));
    }

    #[test]
    fn a_gpu_without_kernels_is_recognised() {
        let text = "CUDA error: no kernel image is available for execution on the device";
        assert!(cause(text).contains("architecture"));
    }

    #[test]
    fn an_old_driver_is_recognised() {
        assert!(cause("CUDA error: CUDA driver version is insufficient for CUDA runtime version").contains("driver"));
    }
}
