//! `lzn import`.

use anyhow::Result;
use lzn_tasks::config::RunConfig;
use lzn_tasks::published::{self, ImportOptions};

use crate::cli::ImportArgs;
use crate::model::device;
use crate::say::{note, say};

/// Makes a run folder out of a published checkpoint.
pub(crate) fn run(args: &ImportArgs) -> Result<()> {
    let config = RunConfig::load(&args.config, &args.sets)?;
    let options = ImportOptions { device: device(&args.compute)?, bank: args.bank };
    let imported = published::import(&args.checkpoint, &config, &args.run, &options)?;
    imported.notes.iter().for_each(|remark| note(format_args!("note: {remark}")));
    let run = args.run.display();
    say!("iteration      {}", imported.step)?;
    for (part, count) in &imported.parts {
        say!("{part:<14} {count} parameters")?;
    }
    if !imported.class_names.is_empty() {
        say!("classes        {}", imported.class_names.join(", "))?;
    }
    say!("anchor bank    {} images", imported.bank)?;
    say!("weights        {run}/weights.safetensors (averages), {run}/checkpoints (all)")?;
    say!("\nTry next:")?;
    if config.model.decoder.is_some() {
        say!("  lzn sample --model {run} --count 4 --out samples.png")?;
    }
    if config.model.labels.is_some() {
        say!("  lzn eval {run}")?;
    }
    if config.model.encoder.is_some() {
        say!("  lzn embed --model {run} IMAGE.png ANOTHER.png")?;
    }
    say!("  lzn resume {run} --set train.iterations={}", config.train.iterations.max(imported.step + 1000))
}
