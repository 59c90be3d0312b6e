//! Build script of every crate that links libtorch: cargo passes linker arguments only to the package that prints them.

#![expect(clippy::print_stdout, reason = "a build script talks to cargo on standard output")]

pub(crate) fn main() {
    // Without any such line cargo would watch the whole package. It watches this file, and what torch-sys says, by itself.
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    // Set by torch-sys; absent on platforms where it needs no help.
    let Some(lib) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") else {
        return;
    };
    // With this, programs and tests find libtorch from any folder and without environment variables.
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.to_string_lossy());
    // Keeps libtorch_cuda, which nothing refers to by symbol: without it a CUDA build would see no GPU.
    println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
    println!("cargo:rustc-link-arg=-ltorch");
}
