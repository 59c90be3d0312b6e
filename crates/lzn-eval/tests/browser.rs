//! The demonstration's report in a real browser: nothing is complained about, everything is shown, nothing is fetched.
//!
//! The page runs no script of its own, and its policy forbids any. A copy of it gets one, which looks at the page once it has
//! loaded and writes what it found where the browser prints it.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../examples/report/demo/mod.rs"]
mod demo;

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Names under which browsers of one kind are installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A browser that takes longer for one page hangs.
const PATIENCE: Duration = Duration::from_secs(180);

/// Collects complaints from the first moment, and looks at all images at the end.
const WATCH: &str = r#"<script>
const complaints = [];
addEventListener('error', event => complaints.push('error: ' + (event.message || event.target.outerHTML)), true);
addEventListener('unhandledrejection', event => complaints.push('rejection: ' + event.reason));
addEventListener('securitypolicyviolation', event => complaints.push('policy: ' + event.violatedDirective + ' ' + event.blockedURI));
for (const level of ['error', 'warn']) console[level] = text => complaints.push(level + ': ' + text);
// Images inside of drawings are loaded once more by themselves, which the event `load` waits for: only so do they tell.
const copies = [];
addEventListener('DOMContentLoaded', () => {
  for (const element of document.querySelectorAll('svg image')) {
    const copy = new Image();
    copy.src = element.getAttribute('href');
    copies.push([element, copy]);
  }
});
addEventListener('load', () => {
  const whole = image => image.complete && image.naturalWidth > 0;
  const shown = [...document.images].map(whole);
  for (const [element, copy] of copies) shown.push(whole(copy) && element.getBoundingClientRect().width > 1);
  const drawings = [...document.querySelectorAll('.drawing > svg')].map(svg => {
    const box = svg.getBoundingClientRect();
    return box.width > 100 && box.height > 50 && svg.querySelectorAll('text').length > 0;
  });
  const fetched = performance.getEntriesByType('resource').map(entry => entry.name).filter(name => !name.startsWith('data:'));
  const overflow = document.documentElement.scrollWidth - innerWidth;
  const verdict = document.createElement('pre');
  verdict.id = 'verdict';
  verdict.textContent = btoa(unescape(encodeURIComponent(JSON.stringify({ complaints, shown, drawings, fetched, overflow }))));
  document.body.append(verdict);
});
</script>"#;

/// The browser to use: what LZN_BROWSER names, or the first that is installed.
fn browser() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("LZN_BROWSER").filter(|name| !name.is_empty()) {
        return Some(named.into());
    }
    let folders: Vec<_> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|path| path.is_file())
}

/// The browser; without one, a loud word and `None`, but a failure where tests must not be skipped.
fn browser_or_word() -> Option<PathBuf> {
    let found = browser();
    if found.is_none() {
        let remedy = "install chromium (`cargo xtask ci browser` does on Debian), or name a browser in LZN_BROWSER";
        assert!(std::env::var_os("CI").is_none(), "there is no browser for the test of the report: {remedy}");
        eprintln!("SKIPPED: there is no browser, so nobody looked at the report: {remedy}");
    }
    found
}

/// What the browser prints of a page, on standard output and as complaints.
fn open(browser: &Path, page: &Path, width: u32) -> (String, String) {
    let profile = tempfile::tempdir().unwrap();
    let mut data = OsString::from("--user-data-dir=");
    data.push(profile.path());
    // Files take what it prints, so that it never waits for a reader while we wait for it.
    let [printed, logged] = ["printed", "logged"].map(|name| profile.path().join(name));
    let mut child = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"])
        .args(["--no-first-run", "--disable-extensions", "--disable-background-networking", "--enable-logging=stderr"])
        .arg("--dump-dom")
        .arg(format!("--window-size={width},900"))
        .arg(data)
        .arg(format!("file://{}", page.display()))
        .stdout(File::create(&printed).unwrap())
        .stderr(File::create(&logged).unwrap())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if start.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(50)),
            None => {
                child.kill().unwrap();
                break child.wait().unwrap();
            }
        }
    };
    let [dom, log] = [printed, logged].map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned());
    assert!(status.success(), "{} ended with {status} after {:?}\n{log}", browser.display(), start.elapsed());
    (dom, log)
}

/// Opens a page with the watching script in it and returns what that found, and lines of the browser's console.
fn verdict(browser: &Path, html: &str, width: u32) -> (Value, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    verdict_in(folder.path(), browser, html, width)
}

/// The same for a page in a folder, with what else is there.
fn verdict_in(folder: &Path, browser: &Path, html: &str, width: u32) -> (Value, Vec<String>) {
    let page = folder.join("watched.html");
    let watched = html.replacen("style-src", "script-src 'unsafe-inline'; style-src", 1).replacen(
        "<head>",
        &format!("<head>{WATCH}"),
        1,
    );
    std::fs::write(&page, watched).unwrap();
    let (dom, log) = open(browser, &page, width);
    let found = dom.split_once("<pre id=\"verdict\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let (encoded, _) = found.unwrap_or_else(|| panic!("the page never finished loading\n{log}"));
    let verdict = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded).unwrap();
    let console = log.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    (serde_json::from_slice(&verdict).unwrap(), console)
}

fn list<'a>(verdict: &'a Value, name: &str) -> &'a Vec<Value> {
    verdict[name].as_array().unwrap()
}

#[test]
fn the_report_opens_without_complaint_shows_all_and_fetches_nothing() {
    let Some(browser) = browser_or_word() else { return };
    let html = demo::report().unwrap().to_html().unwrap();
    for width in [1360, 500] {
        let (verdict, console) = verdict(&browser, &html, width);
        assert!(console.is_empty(), "{console:#?}");
        assert!(list(&verdict, "complaints").is_empty(), "{verdict:#}");
        assert!(list(&verdict, "fetched").is_empty(), "{verdict:#}");
        let images = list(&verdict, "shown");
        assert_eq!(images.len(), html.matches("data:image/png").count());
        assert!(images.len() > 100 && images.iter().all(|shown| shown == true), "{verdict:#}");
        assert_eq!(list(&verdict, "drawings").len(), html.matches("class=\"drawing\"").count());
        assert!(list(&verdict, "drawings").iter().all(|shown| shown == true), "{verdict:#}");
        assert!(verdict["overflow"].as_i64().unwrap() <= 0, "the page is wider than a window of {width}");
    }
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
