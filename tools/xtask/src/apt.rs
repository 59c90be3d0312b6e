//! Programs that steps need, brought by the package manager of Debian where there is one.

use crate::failure::Failure;
use crate::run::Run;

/// Installs a package, if this is a system with apt whose administrator we are.
pub(crate) fn install(package: &str, wanted_for: &str, remedy: &str) -> Result<(), Failure> {
    if !may_install() {
        return Err(Failure::new(format!("there is no {wanted_for}")).remedy(remedy));
    }
    let apt = || Run::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive");
    let fetched = apt().args(["--quiet", "update"]).show();
    let installed =
        fetched.and_then(|()| apt().args(["--quiet", "--yes", "--no-install-recommends", "install", package]).show());
    installed.map_err(|failure| failure.remedy(remedy))
}

fn may_install() -> bool {
    let root = Run::new("id").arg("-u").quiet().is_ok_and(|user| user.trim() == "0");
    root && Run::new("apt-get").arg("--version").quiet().is_ok()
}
