//! `lzn eval` and `lzn compare` on runs, as a user meets them.

use lzn_tasks::evaluate::Group;
use tch::{CModule, Device, Kind, Tensor};

use crate::support::{Place, fail, succeed};

/// The groups that the evaluation of a run left.
fn groups(place: &Place, run: &str) -> Vec<Group> {
    let bytes = std::fs::read(place.path(run).join("evaluation/results.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn averages_and_raw_weights_are_measured_side_by_side_and_runs_beside_runs() {
    let place = Place::new();
    for seed in ["0", "1"] {
        let run = format!("tiny-{seed}");
        succeed(place.train(&run, &[&format!("seed={seed}")]));
        succeed(place.lzn(&["eval", &run, "--both", "--threads", "1"]));
    }
    let titles: Vec<String> = groups(&place, "tiny-0").into_iter().map(|group| group.title).collect();
    assert_eq!(titles, ["Classification", "Classification, raw weights"]);

    let output = place.lzn(&["compare", "tiny-0", "tiny-1", "--report", "page"]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let mean = |title: &str| {
        let of = |run| groups(&place, run).into_iter().find(|group| group.title == title).unwrap().measures[0].value;
        format!("| test accuracy, % | {:.2} ± ", 100.0 * (of("tiny-0") + of("tiny-1")) / 2.0)
    };
    assert!(table.contains("| | tiny (2) |") && table.contains(&mean("Classification")), "{table}");
    assert!(table.contains(&mean("Classification, raw weights")), "{table}");
    assert!(place.path("page/report.html").is_file());
    assert!(place.path("page/figures/classification-test-accuracy.svg").is_file());

    let message = fail(place.lzn(&["eval", "tiny-0/weights.safetensors", "--both"]));
    assert!(message.contains("--both needs a run folder"), "{message}");
    std::fs::remove_file(place.path("tiny-1/evaluation/results.json")).unwrap();
    let message = fail(place.lzn(&["compare", "tiny-0", "tiny-1"]));
    assert!(message.contains("lzn eval tiny-1 --metrics all"), "{message}");
}

#[test]
fn any_network_in_a_torchscript_file_judges_a_run_by_a_protocol_of_ones_own_or_a_named_one() {
    let place = Place::new();
    succeed(place.train("run", &[]));
    let input = Tensor::zeros([1, 3, 16, 16], (Kind::Float, Device::Cpu));
    // A constant feature keeps black images from having no direction.
    let mut features = |x: &[Tensor]| {
        let means = x[0].mean_dim(&[2i64, 3][..], false, Kind::Float);
        vec![Tensor::cat(&[means.shallow_clone(), means.ones_like()], 1)]
    };
    CModule::create_by_tracing("Net", "forward", &[input], &mut features).unwrap().save(place.path("mine.pt")).unwrap();
    let measured = |more: &[&str]| {
        let common = ["eval", "run", "--metrics", "generation", "--samplers", "euler-2", "--generated", "8"];
        let more = [&common[..], &["--feature-net", "mine.pt", "--cache", "cache", "--threads", "1"], more].concat();
        succeed(place.lzn(&more));
        groups(&place, "run").remove(0)
    };
    let own = measured(&["--size", "16", "--mean", "0.5", "--std", "0.25"]);
    assert_eq!(own.measures[0].name, "FD-mine");
    let network = own.network.clone().unwrap();
    assert_eq!((network.weights_sha256.len(), network.dimension), (64, 6));
    assert!(network.protocol.starts_with("bicubic-16-mean-0.5-"), "{network:?}");
    assert!(own.measures.iter().all(|measure| !measure.name.starts_with("CMMD")));
    let named = measured(&["--protocol", "cmmd-336"]);
    let cmmd = named.measures.iter().find(|measure| measure.name == "CMMD-mine").unwrap();
    assert!(cmmd.value >= 0.0 && cmmd.protocol.contains("cmmd-336"), "{cmmd:?}");
    let message = fail(place.lzn(&["eval", "run", "--metrics", "generation", "--protocol", "adm-2"]));
    assert!(message.contains("--protocol") && message.contains("clean-fid"), "{message}");
}
