//! Which data sets are at hand.

use std::path::Path;

use lzn_data::{DataError, Dataset, Split, fashion_mnist};

use super::Finding;

const TOPIC: &str = "data";

/// Where Debian's package `dataset-fashion-mnist` puts the full set.
const FULL_SET: &str = "/usr/share/datasets/fashion-mnist";

/// The embedded data set, and the full one where it is installed.
pub(super) fn findings() -> Vec<Finding> {
    let embedded = both(&|split| fashion_mnist::embedded(split));
    vec![
        match embedded {
            Ok(sizes) => Finding::good(TOPIC, format!("Fashion-MNIST, embedded in this program: {sizes}")),
            Err(error) => Finding::bad(TOPIC, error.to_string(), "this program is damaged: build it again"),
        },
        full_set(Path::new(FULL_SET)),
    ]
}

/// The full set is optional; one that is there but cannot be read is wrong.
fn full_set(folder: &Path) -> Finding {
    if !folder.is_dir() {
        let what = format!(
            "the full Fashion-MNIST is not in {} (optional: `apt-get install dataset-fashion-mnist`)",
            folder.display()
        );
        return Finding::good(TOPIC, what);
    }
    match both(&|split| fashion_mnist::folder(folder, split)) {
        Ok(sizes) => Finding::good(TOPIC, format!("Fashion-MNIST in {}: {sizes}", folder.display())),
        Err(error) => Finding::bad(
            TOPIC,
            error.to_string(),
            "install it again: `apt-get install --reinstall dataset-fashion-mnist`",
        ),
    }
}

fn both<D: Dataset>(read: &dyn Fn(Split) -> Result<D, DataError>) -> Result<String, DataError> {
    let (train, test) = (read(Split::Train)?.len(), read(Split::Test)?.len());
    Ok(format!("{train} images to train on, {test} to test on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_set_is_found_with_its_sizes() {
        let finding = &findings()[0];
        assert_eq!(finding.remedy, None);
        assert!(finding.what.contains("10000 images to train on, 10000 to test on"), "{}", finding.what);
    }

    #[test]
    fn a_full_set_that_is_absent_is_optional_and_one_that_is_damaged_is_wrong() {
        assert_eq!(full_set(Path::new("no/such/folder")).remedy, None);
        let damaged = full_set(Path::new(env!("CARGO_MANIFEST_DIR")));
        assert!(damaged.remedy.is_some(), "{}", damaged.what);
    }
}
