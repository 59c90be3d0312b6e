//! `lzn export`.

use anyhow::{Result, bail};
use lzn_tasks::{hub, published};

use crate::cli::{ExportArgs, ExportFormat};
use crate::images::check_place;
use crate::say::say;

/// Writes a run in a format that others read.
pub(crate) fn run(args: &ExportArgs) -> Result<()> {
    match args.format {
        ExportFormat::Published => {
            if args.raw {
                bail!("--raw is for --format safetensors; a published checkpoint holds raw weights and averages");
            }
            check_place(&args.out)?;
            let step = published::export(&args.run, &args.out)?;
            say!("{} (iteration {step})", args.out.display())
        }
        ExportFormat::Safetensors => {
            hub::export(&args.run, &args.out, args.raw)?;
            say!("{0}/model.safetensors\n{0}/config.toml\n{0}/README.md", args.out.display())
        }
    }
}
