//! `lzn sample`.

use anyhow::{Result, bail};
use lzn_tasks::task::{Input, Task, TaskOptions};
use lzn_tasks::types::Samples;
use lzn_tasks::{IMAGE, LABEL, pictures};

use crate::cli::SampleArgs;
use crate::say::say;
use crate::{images, model};

/// Draws images, one row of the picture per class.
pub(crate) fn run(args: &SampleArgs) -> Result<()> {
    // Before the work, not after it.
    [Some(&args.out), args.npy.as_ref()].into_iter().flatten().try_for_each(|path| images::check_place(path))?;
    if args.first.checked_add(args.count as u64).is_none() {
        bail!("--first {} is too large for --count {}: images are numbered up to {}", args.first, args.count, u64::MAX);
    }
    let weights = model::load(&args.model)?;
    let by_label = pictures::by_label(&weights.model);
    let rows: Vec<Option<i64>> = match args.labels.as_str() {
        "all" if !by_label => vec![None],
        "none" => vec![None],
        labels => {
            let labels = weights.model.data_type(LABEL)?.format()?.parse(labels)?.samples;
            Vec::<i64>::try_from(labels.rows()?)?.into_iter().map(Some).collect()
        }
    };
    let mut all = Vec::new();
    for row in &rows {
        let options = TaskOptions { first: args.first, ..model::drawing(&args.draw) };
        let (task, input) = match row {
            Some(label) => (Task::from_to(LABEL, IMAGE), Input::from(vec![*label; args.count].as_slice())),
            None => (Task::drawing(), Input::from(args.count)),
        };
        all.push(weights.model.run(&task, &[input], &options)?);
    }
    let array = pictures::array(Samples::cat(&all)?.rows()?)?;
    let names = row_names(&rows, &weights.class_names);
    images::write(&args.out, &pictures::grid(array.view(), args.count, &names)?)?;
    say!("{}", args.out.display())?;
    if let Some(path) = &args.npy {
        images::write_array(path, &array)?;
        say!("{}", path.display())?;
    }
    if let Some(folder) = &args.folder {
        pictures::files(folder, array.view(), args.count, &names, args.first)?;
        say!("{}", folder.display())?;
    }
    Ok(())
}

fn row_names(rows: &[Option<i64>], names: &[String]) -> Vec<String> {
    rows.iter().map(|row| row.map_or("prior".to_owned(), |label| names[label as usize].clone())).collect()
}
