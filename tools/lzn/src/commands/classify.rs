//! `lzn classify`.

use anyhow::Result;
use lzn_tasks::task::Task;
use lzn_tasks::{IMAGE, LABEL};

use crate::cli::ClassifyArgs;
use crate::say::say;
use crate::{images, model};

/// Latents drawn from an image's zone to see how much of it lies in the zone of each label.
const DRAWS: usize = 100;

/// Names the class of every file: the label that the centre of its zone belongs to, and how much of the zone goes with it.
pub(crate) fn run(args: &ClassifyArgs) -> Result<()> {
    let weights = model::load(&args.model)?;
    let images = images::read(&weights, &args.files)?;
    let options = model::looking();
    let labels: Vec<i64> =
        weights.model.run(&Task::from_to(IMAGE, LABEL), &[(&images).into()], &options)?.rows()?.try_into()?;
    let shares = weights.model.label_shares(&images, DRAWS, &options)?;
    for (i, file) in args.files.iter().enumerate() {
        let row: Vec<f64> = shares.get(i as i64).to_kind(tch::Kind::Double).try_into()?;
        let label = labels[i] as usize;
        let (name, share) = (&weights.class_names[label], row[label]);
        if args.json {
            let object = serde_json::json!({
                "file": file.display().to_string(), "label": label, "class": name, "share": share, "shares": row,
            });
            say!("{object}")?;
        } else {
            say!("{}\t{name}\t{:.0} %", file.display(), 100.0 * share)?;
        }
    }
    Ok(())
}
