//! IDX files with random damage: they are read or refused by name, and nothing panics.

use std::path::Path;

use lzn_data::idx;
use proptest::prelude::*;

/// Three images of 2 x 4 pixels, or three labels.
fn valid(labels: bool) -> Vec<u8> {
    let numbers: &[u32] = if labels { &[0x801, 3] } else { &[0x803, 3, 2, 4] };
    let count = if labels { 3 } else { 24 };
    numbers.iter().flat_map(|number| number.to_be_bytes()).chain((0..count).map(|value| value as u8 % 10)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5000, ..ProptestConfig::default() })]

    #[test]
    fn no_change_of_bytes_makes_the_reader_panic(
        labels in any::<bool>(),
        changes in prop::collection::vec((0.0..1.0f64, any::<u8>()), 0..6),
        cut in 0.0..1.5f64,
    ) {
        let mut bytes = valid(labels);
        for (place, value) in changes {
            let at = (place * bytes.len() as f64) as usize;
            bytes[at] = value;
        }
        bytes.truncate((cut * bytes.len() as f64) as usize);
        let path = Path::new("mutant");
        let refusal = match labels {
            true => idx::labels(path, &bytes).err(),
            false => idx::images(path, &bytes).err(),
        };
        prop_assert!(refusal.is_none_or(|error| error.to_string().contains("mutant")));
    }
}
