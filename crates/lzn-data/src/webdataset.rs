//! WebDataset shards: tar files whose members belong together by their names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::decode::{has_image_ending, io_error};
use crate::encoded::EncodedImages;
use crate::tar::{Depth, Image, Member, Members, TarFile};
use crate::{DataError, ImageConfig, Split};

/// Images in tar shards, read in place.
///
/// Members `KEY.jpg` (`.jpeg`, `.png`) are images. `KEY.cls` has the label as a number; without it, a field `label` or `cls` of `KEY.json`
/// is the label. Either all images have a label or none has, unless there are texts: then samples may lack one or the other. `KEY.txt` is
/// the text; in shards without any, the field `text` or `caption` of `KEY.json` is. `KEY` ends at the first point after the last slash. A
/// file `classes.txt` beside the shards names the classes, one a line; without it they
/// are called by their numbers.
pub type WebDataset = EncodedImages<Members>;

/// Largest label or caption, in bytes.
const TEXT: u64 = 1 << 20;

/// The shards of a folder, sorted by name, or one shard.
///
/// # Errors
/// [`DataError::Missing`], [`DataError::Io`]; [`DataError::Empty`] when there is no shard or no image; [`DataError::Damaged`] names a shard
/// that is no tar file, or a sample whose label is missing or no number.
pub fn open(path: &Path, config: ImageConfig) -> Result<WebDataset, DataError> {
    let shards = shards(path)?;
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
    let tars = shards.iter().map(|shard| TarFile::open(shard, Depth::Flat)).collect::<Result<Vec<_>, _>>()?;
    let source = text_source(&tars)?;
    let mut images = Vec::new();
    for (number, tar) in tars.iter().enumerate() {
        of_shard(number as u32, tar, source, &mut images)?;
    }
    let labels = images.iter().filter_map(|image| image.label).count();
    if images.is_empty() {
        return Err(DataError::Empty { path: path.to_owned(), remedy: "shards hold members `KEY.jpg` or `KEY.png`" });
    }
    if labels != 0 && labels != images.len() && source.is_none() {
        let reason = format!("{labels} of {} images have a label", images.len());
        let remedy = "give every image a `.cls` member, or none, or texts to those without";
        return Err(DataError::Damaged { path: path.to_owned(), reason, remedy });
    }
    let classes = class_names(folder, images.iter().filter_map(|image| image.label).max())?;
    WebDataset::new(Members::new(tars, images), classes, config)
}

/// The ending of the members that hold texts: `txt` if there is any such member, else `json` if the first of these has a text.
fn text_source(tars: &[TarFile]) -> Result<Option<&'static str>, DataError> {
    let mut members = tars.iter().flat_map(|tar| tar.members().iter().map(move |member| (tar, member)));
    if members.clone().any(|(_, member)| key(&member.name).1 == "txt") {
        return Ok(Some("txt"));
    }
    let first = members.find(|(_, member)| key(&member.name).1 == "json");
    Ok(match first {
        Some((tar, member)) => fields(tar, member)?.text().map(|_| "json"),
        None => None,
    })
}

/// The text of a `.txt` or `.json` member, without blanks around it; `None` if it has none.
pub(crate) fn caption(tar: &TarFile, member: &Member) -> Result<Option<String>, DataError> {
    let text = match key(&member.name).1 {
        "json" => fields(tar, member)?.text(),
        _ => Some(text(tar, member)?),
    };
    Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// The tar files of a folder, or the file itself.
pub(crate) fn shards(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    let remedy = "give a tar file or a folder of tar files";
    if !path.exists() {
        return Err(DataError::Missing { path: path.to_owned(), remedy: remedy.to_owned() });
    }
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |source| io_error(path, source, remedy);
    let mut shards = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tar")) {
            shards.push(path);
        }
    }
    shards.sort();
    match shards.is_empty() {
        true => Err(DataError::Empty { path: path.to_owned(), remedy: "put shards there that end in `.tar`" }),
        false => Ok(shards),
    }
}

/// The folder of a part: `train`, and `test` or `val` beside it, if there are shards. A folder without such parts, or a single shard, is all
/// to learn from.
pub fn part(path: &Path, split: Split) -> Option<PathBuf> {
    let find = |split: Split| {
        split.folders().iter().map(|name| path.join(name)).find(|folder| folder.is_dir() && shards(folder).is_ok())
    };
    match (split, find(Split::Train)) {
        (Split::Train, train) => Some(train.unwrap_or_else(|| path.to_owned())),
        (Split::Test, Some(_)) => find(Split::Test),
        (Split::Test, None) => None,
    }
}

/// Whether there are shards in a folder, or in its parts.
pub(crate) fn has_shards(path: &Path) -> bool {
    part(path, Split::Train).is_some_and(|part| shards(&part).is_ok())
}

/// The key of a member and what comes after it.
fn key(name: &str) -> (&str, &str) {
    let start = name.rfind('/').map_or(0, |slash| slash + 1);
    match name[start..].find('.') {
        Some(point) => (&name[..start + point], &name[start + point + 1..]),
        None => (name, ""),
    }
}

/// Adds the images of a shard with their labels and texts, in the order in which they lie.
fn of_shard(number: u32, tar: &TarFile, source: Option<&str>, images: &mut Vec<Image>) -> Result<(), DataError> {
    // Of what carries labels: `.cls` wins over `.json`.
    let mut labels: BTreeMap<&str, (bool, &Member)> = BTreeMap::new();
    let mut texts: BTreeMap<&str, u32> = BTreeMap::new();
    for (position, member) in tar.members().iter().enumerate() {
        let (key, ending) = key(&member.name);
        let is_class = ending == "cls";
        if is_class || ending == "json" && !labels.contains_key(key) {
            labels.insert(key, (is_class, member));
        }
        if Some(ending) == source {
            texts.insert(key, position as u32);
        }
    }
    for (position, member) in tar.members().iter().enumerate() {
        if !has_image_ending(Path::new(&member.name)) {
            continue;
        }
        let key = key(&member.name).0;
        let label = labels.get(key).map(|(is_class, member)| label(tar, member, *is_class)).transpose()?.flatten();
        images.push(Image { tar: number, member: position as u32, label, text: texts.get(key).copied() });
    }
    Ok(())
}

fn text(tar: &TarFile, member: &Member) -> Result<String, DataError> {
    if member.size > TEXT {
        return Err(bad(tar, member, &format!("has {} bytes, more than a text", member.size)));
    }
    String::from_utf8(tar.read(member)?).map_err(|_| bad(tar, member, "is no text in UTF-8"))
}

fn bad(tar: &TarFile, member: &Member, what: &str) -> DataError {
    let reason = format!("its member `{}` {what}", member.name);
    DataError::Damaged { path: tar.path().to_owned(), reason, remedy: "correct the shard or leave it out" }
}

/// What of a `.json` member is looked at.
#[derive(Deserialize)]
struct Fields {
    #[serde(alias = "cls")]
    label: Option<i64>,
    text: Option<String>,
    caption: Option<String>,
}

impl Fields {
    fn text(self) -> Option<String> {
        self.text.or(self.caption)
    }
}

fn fields(tar: &TarFile, member: &Member) -> Result<Fields, DataError> {
    let text = text(tar, member)?;
    serde_json::from_str(&text).map_err(|error| bad(tar, member, &format!("is not as expected ({error})")))
}

/// The label that a member has; `None` of a `.json` member without one.
fn label(tar: &TarFile, member: &Member, is_class: bool) -> Result<Option<i64>, DataError> {
    let label = if is_class {
        Some(text(tar, member)?.trim().parse::<i64>().map_err(|_| bad(tar, member, "is not a whole number"))?)
    } else {
        fields(tar, member)?.label
    };
    match label {
        Some(label) if !(0..MOST_CLASSES).contains(&label) => {
            Err(bad(tar, member, &format!("has the label {label}, which is not in 0..{MOST_CLASSES}")))
        }
        label => Ok(label),
    }
}

/// Names are made for every class up to the largest label, so one wrong label must not ask for billions.
const MOST_CLASSES: i64 = 1 << 20;

fn class_names(folder: &Path, largest: Option<i64>) -> Result<Vec<String>, DataError> {
    let Some(largest) = largest else { return Ok(Vec::new()) };
    let path = folder.join("classes.txt");
    if !path.is_file() {
        return Ok((0..=largest).map(|label| label.to_string()).collect());
    }
    let text = fs::read_to_string(&path).map_err(|source| DataError::Io { path: path.clone(), source })?;
    let names: Vec<String> = text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
    if (names.len() as i64) <= largest {
        let reason = format!("names {} classes, but there is a label {largest}", names.len());
        return Err(DataError::Damaged { path, reason, remedy: "name every class, one a line" });
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_end_at_the_first_point_of_the_name() {
        for (name, expected) in [
            ("a.jpg", ("a", "jpg")),
            ("./d.x/0001.seg.png", ("./d.x/0001", "seg.png")),
            ("none", ("none", "")),
            ("d.x/none", ("d.x/none", "")),
        ] {
            assert_eq!(key(name), expected);
        }
    }
}
