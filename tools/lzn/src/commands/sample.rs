//! `lzn sample`.

use anyhow::{Result, bail};
use lzn_tasks::pictures;
use lzn_tasks::task::{Source, Target, TaskOptions};

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
    let rows = rows(&args.labels, &weights.class_names)?;
    let mut all = Vec::new();
    for row in &rows {
        let options = TaskOptions { first: args.first, ..model::drawing(&args.draw) };
        let labels = row.map(|label| vec![label as i64; args.count]);
        let source = labels.as_deref().map_or(Source::Prior(args.count), Source::Labels);
        all.push(weights.model.run(source, Target::Image, &options)?);
    }
    let array = pictures::array(&tch::Tensor::cat(&all, 0))?;
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

/// The label of each row; none for draws from the prior.
fn rows(text: &str, names: &[String]) -> Result<Vec<Option<usize>>> {
    match text {
        "none" => return Ok(vec![None]),
        "all" if names.is_empty() => return Ok(vec![None]),
        "all" => return Ok((0..names.len()).map(Some).collect()),
        _ => {}
    }
    let find = |name: &str| {
        let wanted = name.trim().to_lowercase();
        let known = names.iter().position(|known| {
            let known = known.to_lowercase();
            known == wanted || known.split(['/', ' ']).any(|word| word == wanted)
        });
        let index = known.or_else(|| wanted.parse().ok().filter(|index| *index < names.len()));
        match index {
            Some(index) => Ok(Some(index)),
            None => bail!("no class is called `{}`; there are: {}", name.trim(), names.join(", ")),
        }
    };
    text.split(',').map(find).collect()
}

fn row_names(rows: &[Option<usize>], names: &[String]) -> Vec<String> {
    rows.iter().map(|row| row.map_or("prior".to_owned(), |label| names[label].clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_found_by_name_word_or_number() {
        let names = ["T-shirt/top", "Ankle boot", "Bag"].map(String::from);
        assert_eq!(rows("bag, t-shirt,1", &names).unwrap(), [Some(2), Some(0), Some(1)]);
        assert_eq!(rows("all", &names).unwrap(), [Some(0), Some(1), Some(2)]);
        assert_eq!(rows("none", &names).unwrap(), [None]);
        let message = rows("boots", &names).unwrap_err().to_string();
        assert!(message.contains("boots") && message.contains("Ankle boot"), "{message}");
        assert!(rows("3", &names).is_err());
    }
}
