//! Compiles the C++ halves of `src/autograd`, `src/dist` and `src/precision.rs` against the headers of libtorch, then does what every crate does that links libtorch.

#![expect(clippy::print_stdout, reason = "a build script talks to cargo on standard output")]

#[path = "link.rs"]
mod link;
#[path = "nccl.rs"]
mod nccl;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

const SHIMS: [&str; 3] = ["src/autograd/shim.cpp", "src/autograd/generator.cpp", "src/precision.cpp"];
const DIST: &str = "src/dist/shim.cpp";
/// Stand-ins for headers of gloo, which libtorch needs and does not ship.
const STUBS: &str = "src/dist/stubs";

/// What torch-sys asks of a torch module too; one answer a line.
const ASK_PYTHON: &str = "\
import torch
from torch.utils import cpp_extension
print('abi', int(torch._C._GLIBCXX_USE_CXX11_ABI))
for path in cpp_extension.include_paths():
    print('include', path)
";

/// How to compile against the libtorch that torch-sys found.
#[derive(Default)]
struct Libtorch {
    includes: Vec<PathBuf>,
    /// Whether strings are those of C++11: 1 or 0.
    abi: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    link::main();
    ["compile.rs", "nccl.rs"].iter().for_each(|path| println!("cargo:rerun-if-changed={path}"));
    SHIMS.iter().chain(&[DIST, STUBS]).for_each(|path| println!("cargo:rerun-if-changed={path}"));
    let libtorch = if setting("LIBTORCH_USE_PYTORCH").is_some() { of_python()? } else { of_folder()? };
    compiler(&libtorch).files(SHIMS).try_compile("lzn_autograd")?;
    let mut dist = compiler(&libtorch);
    // As libtorch itself is built: without the first its header of gloo is empty.
    dist.define("USE_C10D_GLOO", None).define("NDEBUG", None).include(STUBS);
    if std::env::var_os("CARGO_FEATURE_NCCL").is_some() {
        let include = libtorch.includes.first().ok_or("libtorch has no headers")?;
        nccl::add(&mut dist, include, setting)?;
        nccl::link();
    }
    dist.file(DIST).try_compile("lzn_dist")?;
    Ok(())
}

/// A compiler of C++ that sees the headers of libtorch.
fn compiler(libtorch: &Libtorch) -> cc::Build {
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").debug(false).define("_GLIBCXX_USE_CXX11_ABI", libtorch.abi.as_str());
    for include in &libtorch.includes {
        // As headers of the system, so that warnings are about our files only.
        build.flag("-isystem").flag(include);
    }
    build
}

/// The value of an environment variable, which cargo then watches.
fn setting(name: &str) -> Option<String> {
    println!("cargo:rerun-if-env-changed={name}");
    std::env::var(name).ok()
}

/// torch-sys passes the folder of the libraries on, but not that of the headers, so its rules are repeated here: headers are in
/// LIBTORCH_INCLUDE or LIBTORCH, or beside the libraries that it found or downloaded without these.
fn of_folder() -> Result<Libtorch, Box<dyn Error>> {
    let beside = std::env::var("DEP_TCH_LIBTORCH_LIB").ok().and_then(|lib| Some(Path::new(&lib).parent()?.to_owned()));
    let (include, folder) = (setting("LIBTORCH_INCLUDE"), setting("LIBTORCH"));
    let root = include.or(folder).map(PathBuf::from).or(beside).ok_or("set LIBTORCH to the folder of libtorch")?;
    let includes = vec![root.join("include"), root.join("include/torch/csrc/api/include")];
    Ok(Libtorch { includes, abi: setting("LIBTORCH_CXX11_ABI").unwrap_or_else(|| "1".to_owned()) })
}

fn of_python() -> Result<Libtorch, Box<dyn Error>> {
    let python = if std::env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" };
    let answer =
        Command::new(python).args(["-c", ASK_PYTHON]).output().map_err(|error| format!("{python}: {error}"))?;
    if !answer.status.success() {
        return Err(format!("{python} has no usable torch: {}", String::from_utf8_lossy(&answer.stderr)).into());
    }
    let mut libtorch = Libtorch::default();
    for line in String::from_utf8_lossy(&answer.stdout).lines() {
        match line.split_once(' ') {
            Some(("abi", abi)) => libtorch.abi = abi.to_owned(),
            Some(("include", path)) => libtorch.includes.push(path.into()),
            _ => {}
        }
    }
    Ok(libtorch)
}
