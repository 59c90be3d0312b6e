//! `lzn eval images REAL GENERATED`.

use anyhow::{Result, bail};

use crate::cli::CompareArgs;

/// Compares two sets of images.
pub(super) fn run(args: &CompareArgs) -> Result<()> {
    bail!("{}", args.real.display())
}
