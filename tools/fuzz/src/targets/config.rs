//! Configurations of runs.

use std::path::Path;

use lzn_tasks::config::RunConfig;

use super::answer;
use crate::{Seed, Target};

pub(super) const TARGET: Target = Target {
    name: "config",
    seeds,
    words: &[
        b"[",
        b"]",
        b"[[",
        b"{",
        b"}",
        b"=",
        b"\"",
        b"'''",
        b"\n",
        b".",
        b"true",
        b"[data]",
        b"[model.labels]",
        b"[[objective]]",
        b"inf",
        b"\\u0000",
        b"\"dpm-solver\"",
        b"\"view\"",
        b"\"image\"",
        b"1979-05-27",
    ],
    read,
};

fn seeds() -> Vec<Seed> {
    let texts = [
        include_str!("../../../configs/cifar10-joint.toml"),
        include_str!("../../../configs/imagenet-representation.toml"),
        include_str!("../../../configs/lsun-bedroom.toml"),
        include_str!("../../../configs/quickstart.toml"),
    ];
    texts.into_iter().map(|text| Seed::plain(text.as_bytes().to_vec())).collect()
}

/// As read from the file, and once more with an override, which takes another way and can only mend; what was read must come back from its
/// resolved form.
fn read(path: &Path) -> String {
    let plain = RunConfig::load(path, &[]);
    let set = "train.iterations=7"
        .parse()
        .map(|set| RunConfig::load(path, &[set]).map(drop).map_err(|error| error.to_string()));
    assert!(plain.is_err() || matches!(set, Ok(Ok(()))), "refused with an override alone: {set:?}");
    answer(plain, |config| {
        let again = RunConfig::parse(&config.to_toml(), path, &[]);
        assert!(again.as_ref().is_ok_and(|again| again.to_toml() == config.to_toml()), "{again:?}");
        format!("{} objectives, {:?}", config.objectives.len(), config.data.source)
    })
}
