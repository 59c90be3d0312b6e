//! Which pairs are held out to be judged by.

use std::collections::HashMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::rows::Row;
use crate::DataError;

/// Rows to learn from, and rows to be judged by; none of these without a share.
type Cut = (Vec<Row>, Option<Vec<Row>>);

/// Cuts the rows of a table in two. Whatever is connected by equal texts or equal files is one group. The digest of the smallest word of a
/// group, as a fraction, says on which side it is: no other group changes that, so a table may grow.
pub(super) fn cut(folder: &Path, rows: Vec<Row>, share: Option<f64>) -> Result<Cut, DataError> {
    let Some(share) = share else { return Ok((rows, None)) };
    if !(share > 0.0 && share < 1.0) {
        return Err(DataError::HoldOut { path: folder.to_owned(), rule: "must lie in (0, 1)" });
    }
    let groups = groups(folder, &rows);
    let (held, kept): (Vec<_>, Vec<_>) = rows.into_iter().zip(groups).partition(|(_, group)| fraction(group) < share);
    let rows = |side: Vec<(Row, String)>| side.into_iter().map(|(row, _)| row).collect::<Vec<_>>();
    if held.is_empty() || kept.is_empty() {
        return Err(DataError::HoldOut { path: folder.to_owned(), rule: "leaves one side without pairs" });
    }
    Ok((rows(kept), Some(rows(held))))
}

/// The smallest word of the group of each row. Words are texts and file names, marked so that a text is never a file.
fn groups(folder: &Path, rows: &[Row]) -> Vec<String> {
    let words = |row: &Row| {
        // Relative, so that a folder may be moved.
        let file = row.path.strip_prefix(folder).unwrap_or(&row.path).to_string_lossy().replace('\\', "/");
        let text = row.text.as_ref().map(|text| format!("text {text}"));
        [Some(format!("file {file}")), text].into_iter().flatten().collect::<Vec<_>>()
    };
    let all: Vec<Vec<String>> = rows.iter().map(words).collect();
    let mut forest = Forest::default();
    for words in &all {
        let places: Vec<usize> = words.iter().map(|word| forest.place(word)).collect();
        places.windows(2).for_each(|pair| forest.join(pair[0], pair[1]));
    }
    let mut smallest: HashMap<usize, &String> = HashMap::new();
    for word in all.iter().flatten() {
        let place = forest.place(word);
        let own = smallest.entry(forest.root(place)).or_insert(word);
        *own = (*own).min(word);
    }
    let group = |words: &Vec<String>| {
        let place = words.first().map(|word| forest.place(word)).unwrap_or_default();
        smallest.get(&forest.root(place)).map(|word| (*word).clone()).unwrap_or_default()
    };
    all.iter().map(group).collect()
}

/// Words in groups: disjoint sets.
#[derive(Default)]
struct Forest {
    places: HashMap<String, usize>,
    parents: Vec<usize>,
}

impl Forest {
    fn place(&mut self, word: &str) -> usize {
        if let Some(place) = self.places.get(word) {
            return *place;
        }
        let place = self.parents.len();
        self.places.insert(word.to_owned(), place);
        self.parents.push(place);
        place
    }

    fn root(&mut self, mut place: usize) -> usize {
        while self.parents[place] != place {
            self.parents[place] = self.parents[self.parents[place]];
            place = self.parents[place];
        }
        place
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents[other] = one;
    }
}

/// A number in [0, 1) that a word alone decides: the first 8 bytes of its SHA-256 as a fraction.
fn fraction(word: &str) -> f64 {
    let digest = Sha256::digest(word.as_bytes());
    digest.iter().take(8).rev().fold(0.0, |sum, byte| (sum + f64::from(*byte)) / 256.0)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn row(file: &str, text: &str) -> Row {
        let text = (!text.is_empty()).then(|| text.to_owned());
        Row { path: PathBuf::from("root").join(file), text, label: None }
    }

    #[test]
    fn what_is_connected_by_texts_or_files_is_one_group() {
        // a-b share a text, b-c share a file.
        let rows = [row("1", "x"), row("2", "x"), row("2", "y"), row("3", "z"), row("4", ""), row("3", "w")];
        let groups = groups(Path::new("root"), &rows);
        assert_eq!(groups[0], groups[1]);
        assert_eq!(groups[1], groups[2]);
        assert_eq!(groups[3], groups[5]);
        let different: std::collections::HashSet<_> = groups.iter().collect();
        assert_eq!(different.len(), 3);
    }

    #[test]
    fn the_share_is_kept_and_sides_do_not_change_when_rows_are_added_or_moved() {
        let rows: Vec<Row> = (0..4000).map(|i| row(&format!("{i}.png"), &format!("name {}", i / 2))).collect();
        let side = |rows: Vec<Row>| {
            let (_, held) = cut(Path::new("root"), rows, Some(0.2)).unwrap();
            held.unwrap().into_iter().map(|row| row.path).collect::<std::collections::BTreeSet<_>>()
        };
        let all = side(rows.clone());
        // Five standard errors of 2,000 groups.
        let expected = 0.2f64;
        assert!((all.len() as f64 / 4000.0 - expected).abs() < 5.0 * (expected * 0.8 / 2000.0).sqrt(), "{}", all.len());
        let mut fewer: Vec<Row> = rows.into_iter().take(1000).collect();
        fewer.reverse();
        let of_fewer: std::collections::BTreeSet<PathBuf> = fewer.iter().map(|row| row.path.clone()).collect();
        assert_eq!(side(fewer), all.intersection(&of_fewer).cloned().collect());
    }

    #[test]
    fn shares_that_mean_nothing_are_refused() {
        for share in [0.0, 1.0, -0.5, f64::NAN] {
            let message = cut(Path::new("here"), vec![row("1", "a")], Some(share)).unwrap_err().to_string();
            assert!(message.starts_with("here") && message.contains("hold_out"), "{message}");
        }
        assert!(matches!(cut(Path::new("root"), vec![row("1", "a")], None), Ok((rows, None)) if rows.len() == 1));
    }
}
