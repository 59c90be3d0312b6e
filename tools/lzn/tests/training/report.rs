//! The report of a trained run, in a real browser.

use crate::support::{Place, succeed};

#[path = "../../../../crates/lzn-eval/tests/browser/driver.rs"]
mod driver;

#[test]
fn the_report_of_a_run_opens_without_complaint_shows_all_and_fetches_nothing() {
    let Some(browser) = driver::browser_or_word() else { return };
    let place = Place::new();
    succeed(place.train("run", &[]));
    let small = ["--samplers", "euler-2", "--generated", "8", "--reconstructions", "4", "--cache", "cache"];
    let arguments = [&["eval", "run", "--metrics", "all", "--report", "--threads", "1"], &small[..]].concat();
    succeed(place.lzn(&arguments));
    let html = std::fs::read_to_string(place.path("run/evaluation/report.html")).unwrap();
    // Samples, reconstructions, interpolations and neighbours are images; curves and confusion are among the drawings.
    let (images, drawings) = driver::assert_whole(&browser, &html);
    assert!(images > 50 && drawings >= 8, "{images} images in {drawings} drawings");
    for title in ["Samples", "Reconstructions", "Interpolations", "Confusion of classes", "Losses and accuracy"] {
        assert!(html.contains(title), "{title}");
    }
}
