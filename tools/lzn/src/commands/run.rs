//! `lzn run`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use lzn_tasks::data::matrix;
use lzn_tasks::task::{Input, Source, Target, Task, TaskOptions};
use lzn_tasks::types::{Ranked, Samples, Typed};
use lzn_tasks::{Lzn, Weights};
use ndarray::Array2;
use tch::Tensor;

use crate::cli::{RunArgs, SourceArg};
use crate::say::say;
use crate::{images, model};

/// Runs the task that was typed, and writes or prints what it makes.
pub(crate) fn run(args: &RunArgs) -> Result<()> {
    if let Some(out) = args.out.as_ref().filter(|out| out.extension().is_some()) {
        images::check_place(out)?;
    }
    let mut weights = model::load(&args.model)?;
    if let Some(file) = &args.texts {
        weights.model.set_texts(&lines(file)?)?;
    }
    let from = args.from.iter().map(|from| source(&weights, from, args.count)).collect::<Result<Vec<_>>>()?;
    let until = args.until.iter().map(|until| source(&weights, until, args.count)).collect::<Result<Vec<_>>>()?;
    let (task, inputs, names) = task(args, from, until)?;
    let options = TaskOptions {
        first: args.first,
        noise_scale: args.noise_scale,
        temperature: args.temperature,
        ..model::drawing(&args.draw)
    };
    if let Some(most) = args.top {
        let ranked = weights.model.rank(&task, &inputs, most, &options)?;
        return list(&weights.model, &task.target, &ranked, args.out.as_deref(), &names);
    }
    let made = weights.model.run(&task, &inputs, &options)?;
    deliver(&weights.model, &task.target, &made, args.out.as_deref(), &names)
}

/// A source with its input, and what to call its samples.
type Bound = (Source, Input, Vec<String>);

fn source(weights: &Weights, from: &SourceArg, count: usize) -> Result<Bound> {
    Ok(match from {
        SourceArg::Prior => (Source::Prior, Input::Count(count), numbers(count)),
        SourceArg::Latent(file) => {
            let rows: Array2<f32> =
                ndarray_npy::read_npy(file).with_context(|| format!("cannot read {} as latents", file.display()))?;
            let shape = [rows.nrows() as i64, rows.ncols() as i64];
            let rows = Tensor::from_slice(&rows.iter().copied().collect::<Vec<f32>>()).view(shape);
            let names = numbers(rows.size()[0] as usize);
            (Source::Latent, Samples::Rows(rows).repeat_each(count).into(), repeated(names, count))
        }
        SourceArg::Data { name, value } => {
            let typed = typed(&weights.model, name, value)?;
            if name == lzn_tasks::IMAGE {
                images::note_company(&weights.model);
            }
            (Source::data(name), typed.samples.repeat_each(count).into(), repeated(typed.names, count))
        }
    })
}

/// The samples that a value means; of `@FILE`, those of all its lines.
fn typed(model: &Lzn, name: &str, value: &str) -> Result<Typed> {
    let format = model.data_type(name)?.format()?;
    if value.is_empty() {
        bail!("`{name}:` needs a value: {}", format.hint());
    }
    let Some(file) = value.strip_prefix('@') else { return Ok(format.parse(value)?) };
    let all = lines(Path::new(file))?.iter().map(|line| format.parse(line)).collect::<Result<Vec<_>, _>>()?;
    let (samples, names): (Vec<_>, Vec<_>) = all.into_iter().map(|typed| (typed.samples, typed.names)).unzip();
    Ok(Typed { samples: Samples::cat(&samples)?, names: names.concat() })
}

/// The lines of a file that are not blank.
fn lines(file: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    if lines.is_empty() {
        bail!("{} has no lines: write one value in each", file.display());
    }
    Ok(lines)
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|i| i.to_string()).collect()
}

fn repeated(names: Vec<String>, count: usize) -> Vec<String> {
    names.into_iter().flat_map(|name| std::iter::repeat_n(name, count)).collect()
}

/// The task, its inputs, and what to call what it makes.
fn task(args: &RunArgs, from: Vec<Bound>, until: Vec<Bound>) -> Result<(Task, Vec<Input>, Vec<String>)> {
    if !args.weights.is_empty() && args.weights.len() != from.len() {
        bail!("--weights has {} numbers for {} sources: give one for each --from", args.weights.len(), from.len());
    }
    let names = joined(&from);
    let (mut source, mut inputs) = together(from, &args.weights)?;
    let mut all = names;
    if !until.is_empty() {
        let (end, more) = together(until, &[])?;
        source = Source::between(source, end, args.points);
        inputs.extend(more);
        all = repeated(all, args.points);
    }
    let target = match args.to.split_once(':') {
        None if args.to == "latent" => Target::Latent,
        None => Target::data(&args.to),
        Some((name, decoder)) => Target::Data { name: name.to_owned(), decoder: Some(decoder.to_owned()) },
    };
    Ok((Task::new(source, target), inputs, all))
}

/// What to call the samples of several sources together.
fn joined(all: &[Bound]) -> Vec<String> {
    let most = all.iter().map(|(_, _, names)| names.len()).max().unwrap_or(0);
    // A single sample of a source goes with every sample of the others.
    let name = |i: usize, names: &Vec<String>| if names.len() == 1 { names.first() } else { names.get(i) }.cloned();
    let together = |i: usize| all.iter().filter_map(|(_, _, names)| name(i, names)).collect::<Vec<_>>().join(" + ");
    (0..most).map(together).collect()
}

/// One source as it is, several as a mixture.
fn together(mut all: Vec<Bound>, weights: &[f64]) -> Result<(Source, Vec<Input>)> {
    if all.len() == 1 {
        let (source, input, _) = all.remove(0);
        return Ok((source, vec![input]));
    }
    // One sample of a source goes with every sample of another.
    let most = all.iter().map(|(_, _, names)| names.len()).max().unwrap_or(0);
    let (mut parts, mut inputs) = (Vec::new(), Vec::new());
    for (i, (source, input, _)) in all.into_iter().enumerate() {
        let (Source::Data(name), Input::Samples(samples)) = (source, input) else {
            bail!("only samples of data types can be mixed: give `prior` and `latent` as the one --from");
        };
        parts.push((name, weights.get(i).copied().unwrap_or(1.0)));
        inputs.push(if samples.len() == 1 { samples.repeat_each(most) } else { samples }.into());
    }
    Ok((Source::Mixture(parts), inputs))
}

/// Writes what was made, or prints it: one line for each sample, with the name of what it was made of.
fn deliver(model: &Lzn, target: &Target, made: &Samples, out: Option<&Path>, names: &[String]) -> Result<()> {
    let Target::Data { name, .. } = target else {
        let place = out.map_or(PathBuf::from("latents.npy"), Path::to_owned);
        let rows = matrix(made.rows()?)?;
        images::write_array(&place, &rows)?;
        return say!("{} [{}, {}]", place.display(), rows.nrows(), rows.ncols());
    };
    let format = model.data_type(name)?.format()?;
    let place = out.map(Path::to_owned).or_else(|| format.default_place().map(PathBuf::from));
    if let Some(place) = place {
        format.save(made, names, &place)?;
        return say!("{}", place.display());
    }
    let Some(lines) = format.lines(made) else { bail!("samples of `{name}` cannot be printed: give --out") };
    lines?.iter().zip(names).try_for_each(|(line, name)| say!("{name}\t{line}"))
}

/// Prints the likeliest samples of each row, one to a line: what it was made of, the probability, the sample.
fn list(model: &Lzn, target: &Target, ranked: &Ranked, out: Option<&Path>, names: &[String]) -> Result<()> {
    if out.is_some() {
        bail!("--top prints a list: leave out --out");
    }
    let Target::Data { name, .. } = target else { bail!("latents have no order: leave out --top") };
    let Some(lines) = model.data_type(name)?.format()?.lines(&ranked.samples) else {
        bail!("samples of `{name}` cannot be printed: leave out --top");
    };
    let probabilities = matrix(&ranked.probabilities)?;
    let lines = lines?;
    let of_rows = lines.chunks(probabilities.ncols().max(1)).zip(probabilities.rows()).zip(names);
    for ((lines, probabilities), name) in of_rows {
        lines.iter().zip(probabilities).try_for_each(|(line, share)| say!("{name}\t{share:.4}\t{line}"))?;
    }
    Ok(())
}
