//! `lzn eval` and `lzn compare` on runs, as a user meets them.

use lzn_tasks::evaluate::Group;
use ndarray::{Array2, Array4};
use tch::{CModule, Device, Kind, Tensor};

use crate::support::{Place, contents, fail, stderr, succeed};

/// A network in the file `mine.pt`, for 16 pixels and more: means of the channels, and three constant features, which keep black images
/// from having no direction.
fn trace_network(place: &Place) {
    let input = Tensor::zeros([1, 3, 16, 16], (Kind::Float, Device::Cpu));
    let mut features = |x: &[Tensor]| {
        let means = x[0].mean_dim(&[2i64, 3][..], false, Kind::Float);
        vec![Tensor::cat(&[means.shallow_clone(), means.ones_like()], 1)]
    };
    CModule::create_by_tracing("Net", "forward", &[input], &mut features).unwrap().save(place.path("mine.pt")).unwrap();
}

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
    trace_network(&place);
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
    let both = ["eval", "run", "--feature-net", "mine.pt", "--protocol", "cmmd-336", "--size", "16"];
    let message = fail(place.lzn(&both));
    assert!(message.contains("--protocol and --size both"), "{message}");
}

#[test]
fn raw_weights_are_called_raw_also_when_they_are_measured_alone() {
    let place = Place::new();
    succeed(place.train("run", &[]));
    succeed(place.lzn(&["eval", "run", "--raw", "--threads", "1"]));
    assert_eq!(groups(&place, "run")[0].title, "Classification, raw weights");
}

/// `lzn eval images` with the network of [`trace_network`]: the one group that it prints as JSON, and what it says beside it.
fn compared(place: &Place, args: &[&str]) -> (Group, String) {
    let output = place.lzn(&arguments(args)).output().unwrap();
    let said = stderr(&output);
    assert!(output.status.success(), "{args:?}: {said}");
    let mut object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    (serde_json::from_value(object["groups"][0].take()).unwrap(), said)
}

fn arguments<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let network = ["--feature-net", "mine.pt", "--size", "16", "--mean", "0.5", "--std", "0.25"];
    let cache = if args.contains(&"--cache") { &[][..] } else { &["--cache", "cache"] };
    [&["eval", "images", "--json", "--threads", "1"], cache, &network[..], args].concat()
}

#[test]
fn folders_of_images_are_compared_by_features_that_are_kept() {
    let place = Place::new();
    trace_network(&place);
    let folders = ["images/train", "images/test"];
    let (first, said) = compared(&place, &folders);
    assert_eq!((first.measures[0].real, first.measures[0].generated), (Some(24), Some(8)));
    assert!(first.measures[0].name == "FD-mine" && first.measures[0].value > 0.0, "{first:?}");
    // Constant features leave the covariance without rank.
    assert!(!first.warnings.is_empty() && said.contains(&format!("warning: {}", first.warnings[0])), "{said}");
    let kept = contents(&place.path("cache"));
    assert!(kept.len() >= 2, "{:?}", kept.keys());
    assert_eq!(compared(&place, &folders).0, first);
    assert_eq!(contents(&place.path("cache")), kept);

    std::fs::write(place.path("images/test/dark/broken.png"), "no picture").unwrap();
    let message = fail(place.lzn(&arguments(&folders)));
    assert!(message.contains("broken.png") && message.contains("--skip-bad"), "{message}");
    let (skipped, said) = compared(&place, &[&folders[..], &["--skip-bad"]].concat());
    assert_eq!(skipped, first);
    assert!(said.contains("broken.png") && said.contains("1 of 9 files left out in images/test"), "{said}");
    assert_eq!(contents(&place.path("cache")), kept);
}

#[test]
fn features_keep_the_order_of_files_of_several_sizes_and_a_blocked_cache_is_only_said() {
    let place = Place::new();
    trace_network(&place);
    std::fs::create_dir(place.path("sizes")).unwrap();
    for index in 0..6_u8 {
        let side = 6 + 2 * u32::from(index % 3);
        let image = image::GrayImage::from_pixel(side, side, image::Luma([40 * index]));
        image.save(place.path("sizes").join(format!("{index}.png"))).unwrap();
    }
    let (first, _) = compared(&place, &["sizes", "images/test"]);
    let brightness = |name: &std::path::PathBuf| {
        let rows = lzn_eval::arrays::read_features(&place.path("cache").join(name)).unwrap();
        (rows.nrows() == 6).then(|| rows.column(0).to_vec())
    };
    let kept = contents(&place.path("cache"));
    let found =
        kept.keys().filter(|name| name.extension().is_some_and(|end| end == "npy")).find_map(brightness).unwrap();
    assert!(found.is_sorted() && found[0] < found[5], "{found:?}");

    std::fs::write(place.path("blocked"), "a file").unwrap();
    let (again, said) = compared(&place, &["sizes", "images/test", "--cache", "blocked"]);
    assert!(said.contains("features are not kept") && said.contains("blocked"), "{said}");
    assert_eq!(again.measures, first.measures);
}

#[test]
fn arrays_of_images_are_read_as_they_are_meant_and_stand_beside_given_features() {
    let place = Place::new();
    trace_network(&place);
    let images = Array4::from_shape_fn((8, 3, 6, 3), |(n, c, y, x)| (29 * n + 50 * c + 7 * y + x) as u8);
    ndarray_npy::write_npy(place.path("images.npy"), &images).unwrap();
    ndarray_npy::write_npy(place.path("float.npy"), &images.mapv(f32::from)).unwrap();
    let given = Array2::from_shape_fn((9, 6), |(i, j)| ((5 * i + j) % 7) as f32);
    ndarray_npy::write_npy(place.path("given.npy"), &given).unwrap();

    let unclear = fail(place.lzn(&arguments(&["images.npy", "images.npy"])));
    assert!(unclear.contains("images.npy") && unclear.contains("--layout"), "{unclear}");
    let value = |layout| compared(&place, &["images.npy", "given.npy", "--layout", layout]).0.measures[0].value;
    assert_ne!(value("nchw"), value("nhwc"));
    let (mixed, _) = compared(&place, &["images.npy", "given.npy", "--layout", "nchw"]);
    assert_eq!(mixed.measures[0].name, "FD-mine+given");
    let message = fail(place.lzn(&arguments(&["images.npy", "float.npy", "--layout", "nchw"])));
    assert!(message.contains("float.npy") && message.contains("must be uint8"), "{message}");
}
