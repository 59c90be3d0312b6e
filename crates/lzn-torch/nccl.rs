//! What the feature `nccl` needs besides: the headers of CUDA and NCCL to compile with, the CUDA libraries of libtorch to link.

#![expect(clippy::print_stdout, reason = "a build script talks to cargo on standard output")]

use std::error::Error;
use std::path::{Path, PathBuf};

/// Without these nothing compiles. Those of CUDA's linear algebra have stand-ins of ours, which are looked for last.
const NEEDED: [&str; 4] = ["cuda_runtime_api.h", "crt/host_config.h", "nv/target", "nccl.h"];
const STAND_INS: &str = "src/dist/stubs-cuda";

/// The folders of headers that a user names.
const GIVEN: &str = "LZN_CUDA_INCLUDE";
/// Where toolkits of CUDA say that they are.
const TOOLKITS: [&str; 2] = ["CUDA_HOME", "CUDA_PATH"];

/// Where the compiler looks by itself; told to, it would look there too early.
const SYSTEM: &str = "/usr/include";

/// Lets `build` compile the exchange of tensors of CUDA devices. `include` is the folder of libtorch's headers, `setting` tells the value of an
/// environment variable.
///
/// # Errors
/// Names the header that is nowhere, where it was looked for, and the remedy.
pub(crate) fn add(
    build: &mut cc::Build,
    include: &Path,
    setting: impl Fn(&str) -> Option<String>,
) -> Result<(), Box<dyn Error>> {
    let folders = folders(include, setting);
    for header in NEEDED {
        let there = |folder: &PathBuf| folder.join(header).is_file();
        if !folders.iter().any(there) {
            let looked: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
            let remedy = "on a machine with a GPU `cargo xtask setup` fetches the headers; else put the folders of those of CUDA 13 \
                          and NCCL 2.29.7 into LZN_CUDA_INCLUDE, with `:` between them";
            let problem = format!("the feature `nccl` needs `{header}`, which is in none of: {}", looked.join(", "));
            return Err(format!("{problem}; {remedy}").into());
        }
    }
    build.define("USE_C10D_NCCL", None);
    for folder in folders.iter().filter(|folder| **folder != Path::new(SYSTEM)) {
        build.flag("-isystem").flag(folder);
    }
    println!("cargo:rerun-if-changed={STAND_INS}");
    build.flag("-idirafter").flag(STAND_INS);
    Ok(())
}

/// Folders where headers may be, those that a user names first.
fn folders(include: &Path, setting: impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let given = setting(GIVEN).unwrap_or_default();
    let given = std::env::split_paths(&given).filter(|folder| !folder.as_os_str().is_empty());
    // Of the Python package of torch, packages of NVIDIA that it depends on are beside it.
    let packages = include.canonicalize().ok().and_then(|include| Some(include.parent()?.parent()?.join("nvidia")));
    let packages = packages.iter().flat_map(|all| [all.join("cu13/include"), all.join("nccl/include")]);
    let toolkits = TOOLKITS.iter().filter_map(|name| Some(PathBuf::from(setting(name)?).join("include")));
    let usual = ["/usr/local/cuda/include", SYSTEM].map(PathBuf::from);
    // Toolkits keep some in a folder of their own.
    let with_core = |folder: PathBuf| [folder.join("cccl"), folder];
    let all: Vec<PathBuf> = given.chain(packages).chain(toolkits).chain(usual).flat_map(with_core).collect();
    all.into_iter().filter(|folder| folder.is_dir()).collect()
}

/// Links the CUDA libraries of libtorch, which bring NCCL with them.
pub(crate) fn link() {
    println!("cargo:rustc-link-lib=torch_cuda");
    println!("cargo:rustc-link-lib=c10_cuda");
}
