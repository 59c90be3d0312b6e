//! The program `zoning`, as a person or a script runs it.

use std::process::Command;

use serde_json::Value;

fn run(line: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_zoning")).args(line.split_whitespace()).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn every_contender_is_an_object_with_its_numbers() {
    let text = run("--anchors 256 --dim 8 --solver euler-20,dpm-20 --rivals --repeats 1 --checked 16 --json");
    let reports: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = reports.iter().map(|report| report["contender"].as_str().unwrap()).collect();
    assert_eq!(names, ["euler-20", "dpm-20", "gemm", "naive"]);
    for report in &reports {
        assert_eq!((report["anchors"].as_u64(), report["dtype"].as_str()), (Some(256), Some("f32")));
        let seconds = |part: &str, which: &str| report["seconds"][part][which].as_f64().unwrap();
        for part in ["forward", "backward", "total"] {
            assert!(0.0 < seconds(part, "min") && seconds(part, "min") <= seconds(part, "median"));
        }
        assert!(report["work"]["gflops"].as_f64().unwrap() > 0.0);
    }
    let number = |place: usize, part: &str, name: &str| reports[place][part][name].as_f64().unwrap();
    // Euler with twenty steps is wrong by some hundredths, whoever computes it.
    for place in [0, 2] {
        assert!((1e-3..1e-1).contains(&number(place, "errors", "latents_rms")), "{}", reports[place]);
    }
    assert!((number(0, "errors", "zone_hit_rate") - number(2, "errors", "zone_hit_rate")).abs() < 0.13);
    // The gradients alone are [N, d] and [B, d].
    assert!(number(0, "peak", "allocated") >= 2.0 * 4.0 * 256.0 * 8.0);
}

/// The graph holds twenty matrices [B, N] of weights.
#[test]
fn memory_of_libtorch_is_seen_where_the_kernel_tells() {
    let text = run("--anchors 1024 --dim 2 --rivals gemm --repeats 1 --checked 0 --json");
    let gemm: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    if let Some(bytes) = gemm["peak"]["resident"].as_f64() {
        let matrix = 4.0 * 1024.0 * 1024.0;
        assert!((20.0 * matrix..32.0 * matrix).contains(&bytes), "{bytes}");
    }
}

#[test]
fn a_person_reads_one_block_per_contender_and_the_ratios() {
    let text = run("--anchors 32 --dim 4 --rivals gemm --repeats 1 --family clusters.1 --seed 3");
    for part in ["N = 32, B = 32, d = 4, clusters.1, f32", "seed 3", "\n  zone hits ", "multistep-6 against gemm: "] {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
}
