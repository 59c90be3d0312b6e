//! `lzn data info`.

use std::collections::BTreeMap;
use std::fmt::Display;

use anyhow::Result;
use lzn_data::{DataSummary, Kind, PackedImages, Survey};
use lzn_tasks::evaluate::Progress;

use super::{Found, find};
use crate::cli::InfoArgs;
use crate::say::say;
use crate::stages::Stages;

/// Classes, sizes and bad files that are named; of more, the number is said.
const NAMED: usize = 20;

/// Says what a data set is.
pub(super) fn run(args: &InfoArgs) -> Result<()> {
    let Found { kind, config, parts } = find(&args.path, None, None, 3)?;
    say!("path       {}", args.path.display())?;
    say!("kind       {kind}")?;
    if kind == Kind::Packed {
        packed(args)?;
    }
    let mut all = Survey::default();
    for (name, data) in &parts {
        let summary = DataSummary::of(data.as_ref())?;
        let progress = Stages::default();
        progress.begin(&format!("looking at {name}"), data.len().min(args.check));
        let survey = Survey::of(data.as_ref(), args.check, || progress.advance(1))?;
        drop(progress);
        say!("\n{name:<10} {} images, {} looked at", summary.samples, survey.looked_at)?;
        match summary.per_class.len() {
            0 => say!("classes    none")?,
            count => {
                say!("classes    {count}: {}", listed(summary.per_class.iter().map(|(name, n)| format!("{name} {n}"))))?
            }
        }
        let labelled: usize = summary.per_class.iter().map(|(_, count)| count).sum();
        if data.partly_labelled() {
            say!("labelled   {labelled} of {}", summary.samples)?;
        }
        if let Some(texts) = &summary.texts {
            say!("texts      {texts}")?;
        }
        say!("sizes      {}", most(&survey.sizes, |[height, width]| format!("{height} x {width}")))?;
        say!("modes      {}", most(&survey.modes, |mode| (*mode).to_owned()))?;
        say!("bad files  {}", survey.bad.len())?;
        for message in survey.bad.iter().take(NAMED) {
            say!("           {message}")?;
        }
        all.sizes.extend(survey.sizes);
        all.modes.extend(survey.modes);
        all.bad.extend(survey.bad);
    }
    let fixed = matches!(kind, Kind::FashionMnist | Kind::Cifar10) || kind == Kind::Packed && is_prepared(args)?;
    let size = if fixed { config.image_size } else { suggested(&all) };
    let channels = if fixed || !all.is_grey() { config.channels } else { 1 };
    say!("\n[data]\nsource = \"{}\"\npath = {:?}", kind.source(), args.path.display().to_string())?;
    say!("image_size = {size}\nchannels = {channels}")?;
    if let Some(resize) = config.resize {
        say!("resize = {resize}")?;
    }
    if let Some(background) = config.background {
        say!("background = {background:?}")?;
    }
    if !all.bad.is_empty() {
        say!("skip_bad = true")?;
    }
    Ok(())
}

fn packed(args: &InfoArgs) -> Result<()> {
    let info = PackedImages::info(&args.path)?;
    say!("made of    {}", info.source.display())?;
    if !info.left_out.is_empty() {
        say!("left out   {}: {}", info.left_out.len(), listed(info.left_out.iter()))?;
    }
    Ok(())
}

fn is_prepared(args: &InfoArgs) -> Result<bool> {
    Ok(PackedImages::info(&args.path)?.prepared.is_some())
}

/// The largest power of two that no image has to be enlarged for.
fn suggested(survey: &Survey) -> usize {
    match (survey.sizes.len(), survey.sizes.keys().next()) {
        (1, Some([height, width])) if height == width => *height,
        _ => survey.shorter_side().map_or(256, |side| 1 << side.max(1).ilog2()),
    }
}

fn listed(items: impl Iterator<Item = impl Display>) -> String {
    let mut words: Vec<String> = items.map(|item| item.to_string()).collect();
    let count = words.len();
    words.truncate(NAMED);
    if count > NAMED {
        words.push(format!("and {} more", count - NAMED));
    }
    words.join(", ")
}

/// The most frequent first.
fn most<K>(counts: &BTreeMap<K, usize>, name: impl Fn(&K) -> String) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    match counts.is_empty() {
        true => "unknown".to_owned(),
        false => listed(counts.into_iter().map(|(key, count)| format!("{} ({count})", name(key)))),
    }
}
