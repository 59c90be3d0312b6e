//! Failures while a program is linked with libtorch.

use super::{Diagnosis, Rule};
use crate::libtorch::WANTED;

pub(super) const RULES: &[Rule] = &[no_library, old_system_library, other_abi, other_version];

/// GNU ld, LLVM lld and Apple's ld.
fn no_library(text: &str) -> Option<Diagnosis> {
    let names = ["torch", "torch_cpu", "torch_cuda", "c10"];
    let missing = names.into_iter().find(|name| {
        let exactly = |mark: &str| text.match_indices(mark).any(|(at, _)| !continues(&text[at + mark.len()..]));
        exactly(&format!("cannot find -l{name}"))
            || exactly(&format!("unable to find library -l{name}"))
            || text.contains(&format!("library '{name}' not found"))
    })?;
    Some(Diagnosis::new(
        format!("the library `{missing}` of libtorch is not in the `lib` folder beside the headers"),
        "without a LIBTORCH of your own: `cargo xtask setup`. With one: it must be the folder that holds `include` and `lib`",
    ))
}

fn continues(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// pytorch#101063: the C library is older than the one libtorch was built for.
fn old_system_library(text: &str) -> Option<Diagnosis> {
    let line = text.lines().find(|line| line.contains("undefined reference to") && line.contains("@GLIBC"))?;
    let version = line.split('@').nth(1)?.trim_end_matches(['\'', '`', '"']);
    Some(Diagnosis::new(
        format!("libtorch {WANTED} needs a newer C or C++ library than this system has ({version})"),
        "use a newer system (Debian 10, Ubuntu 20.04 or later) or a container of one",
    ))
}

/// #442, #699, #880: an archive built with the strings of old C++ libraries.
fn other_abi(text: &str) -> Option<Diagnosis> {
    let strings = text
        .lines()
        .any(|line| line.contains("undefined reference to") && line.contains("c10::") && line.contains("__cxx11"));
    strings.then(|| {
        Diagnosis::new(
            "this libtorch was built with the C++ ABI from before C++11, and the compiler uses the one since",
            "unset LIBTORCH and run `cargo xtask setup`; of the official archives take the one with cxx11-abi in its name",
        )
    })
}

/// #671, #483: headers and libraries of different versions.
fn other_version(text: &str) -> Option<Diagnosis> {
    let marks = ["undefined reference to `at::", "undefined reference to `c10::", "undefined reference to `torch::"];
    marks.iter().any(|mark| text.contains(mark)).then(|| {
        Diagnosis::new(
            "the libraries of libtorch do not fit the headers that the bridge was compiled with",
            "look for a second libtorch in LIBTORCH_LIB, LIBRARY_PATH and /usr/lib; then `cargo clean --package torch-sys` and build again",
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
    fn a_library_that_the_linker_does_not_find_is_named() {
        assert!(cause("/usr/bin/ld: cannot find -ltorch: No such file or directory").contains("`torch`"));
        assert!(cause("/usr/bin/ld: cannot find -ltorch_cpu: No such file or directory").contains("`torch_cpu`"));
        assert!(cause("rust-lld: error: unable to find library -lc10").contains("`c10`"));
        assert_eq!(recognise("/usr/bin/ld: cannot find -ltorchvision: No such file or directory"), None);
    }

    #[test]
    fn the_old_string_abi_is_told_from_another_version() {
        let abi = "ivalue_inl.h:154: undefined reference to `c10::detail::torchInternalAssertFail(char const*, char const*, unsigned \
                   int, char const*, std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > const&)'";
        assert!(cause(abi).contains("ABI"));
        let version = "torch_api.o: undefined reference to `c10::intrusive_ptr_target::release_resources()'";
        assert!(cause(version).contains("do not fit"));
    }

    #[test]
    fn a_system_older_than_libtorch_is_recognised() {
        assert!(
            cause("/libtorch/lib/libtorch_cpu.so: undefined reference to `powf@GLIBC_2.27'").contains("GLIBC_2.27")
        );
    }
}
