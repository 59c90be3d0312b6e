//! The demonstration's report in a real browser: nothing is complained about, everything is shown, nothing is fetched.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../examples/report/demo/mod.rs"]
mod demo;
#[path = "browser/driver.rs"]
mod driver;

use driver::{assert_whole, browser_or_word, list, verdict, verdict_in};
use serde_json::Value;

#[test]
fn the_report_opens_without_complaint_shows_all_and_fetches_nothing() {
    let Some(browser) = browser_or_word() else { return };
    let html = demo::report().unwrap().to_html().unwrap();
    let (images, _) = assert_whole(&browser, &html);
    assert!(images > 100, "{images}");
}

/// A drawing that were no well-formed document would be no image.
#[test]
fn saved_figures_are_images_by_themselves() {
    let Some(browser) = browser_or_word() else { return };
    let folder = tempfile::tempdir().unwrap();
    demo::report().unwrap().save(folder.path()).unwrap();
    let names = std::fs::read_dir(folder.path().join("figures")).unwrap();
    let images: Vec<_> = names
        .map(|entry| format!("<img src=\"figures/{}\" alt=\"\">", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    let page = format!("<!DOCTYPE html><html><head></head><body>{}</body></html>", images.concat());
    let (verdict, console) = verdict_in(folder.path(), &browser, &page, 1360);
    assert!(console.is_empty() && list(&verdict, "complaints").is_empty(), "{console:#?} {verdict:#}");
    assert_eq!(list(&verdict, "shown").len(), images.len());
    assert!(images.len() > 10 && list(&verdict, "shown").iter().all(|shown| shown == true), "{images:#?} {verdict:#}");
}

/// The positive control: the same eyes see a page on which everything is wrong.
#[test]
fn a_broken_page_would_be_noticed() {
    let Some(browser) = browser_or_word() else { return };
    let html = demo::report().unwrap().to_html().unwrap();
    let broken =
        "<img src=\"data:image/png;base64,AAAA\" alt=\"\"><img src=\"https://example.invalid/a.png\" alt=\"\"></main>";
    let (verdict, console) = verdict(&browser, &html.replacen("</main>", broken, 1), 1360);
    assert_eq!(list(&verdict, "shown").iter().filter(|shown| *shown == false).count(), 2, "{verdict:#}");
    let complaints: String = list(&verdict, "complaints").iter().map(Value::to_string).collect();
    assert!(complaints.contains("policy: img-src https://example.invalid"), "{complaints}");
    assert!(console.iter().any(|line| line.contains("example.invalid")), "{console:#?}");
}
