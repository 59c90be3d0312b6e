//! Opens pages in a real browser and says what it saw; tests of other crates include this file, too.
//!
//! Reports run no script of their own, and their policy forbids any. A copy of the page gets one, which looks at the page once it has
//! loaded and writes what it found where the browser prints it.

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
    return box.width > 100 && box.height > 30 && svg.querySelector('text, image') !== null;
  });
  const fetched = performance.getEntriesByType('resource').map(entry => entry.name).filter(name => !name.startsWith('data:'));
  const overflow = document.documentElement.scrollWidth - innerWidth;
  const verdict = document.createElement('pre');
  verdict.id = 'verdict';
  // What HTML would write otherwise, JSON can write as well.
  verdict.textContent = JSON.stringify({ complaints, shown, drawings, fetched, overflow })
    .replace(/[<>&\u00a0]/g, c => '\\u00' + c.charCodeAt(0).toString(16));
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
pub(crate) fn browser_or_word() -> Option<PathBuf> {
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
pub(crate) fn verdict(browser: &Path, html: &str, width: u32) -> (Value, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    verdict_in(folder.path(), browser, html, width)
}

/// The same for a page in a folder, with what else is there.
pub(crate) fn verdict_in(folder: &Path, browser: &Path, html: &str, width: u32) -> (Value, Vec<String>) {
    let page = folder.join("watched.html");
    let watched = html.replacen("style-src", "script-src 'unsafe-inline'; style-src", 1).replacen(
        "<head>",
        &format!("<head>{WATCH}"),
        1,
    );
    std::fs::write(&page, watched).unwrap();
    let (dom, log) = open(browser, &page, width);
    let found = dom.split_once("<pre id=\"verdict\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let (verdict, _) = found.unwrap_or_else(|| panic!("the page never finished loading\n{log}"));
    let console = log.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    (serde_json::from_str(verdict).unwrap(), console)
}

/// A list of what the script found.
pub(crate) fn list<'a>(verdict: &'a Value, name: &str) -> &'a Vec<Value> {
    verdict[name].as_array().unwrap()
}

/// Asserts that a page is opened without complaint, shows all and fetches nothing, in windows wide and narrow; returns the numbers of its
/// images and drawings.
pub(crate) fn assert_whole(browser: &Path, html: &str) -> (usize, usize) {
    let (images, drawings) = (html.matches("data:image/png").count(), html.matches("class=\"drawing\"").count());
    for width in [1360, 500] {
        let (verdict, console) = verdict(browser, html, width);
        assert!(console.is_empty(), "{console:#?}");
        assert!(list(&verdict, "complaints").is_empty(), "{verdict:#}");
        assert!(list(&verdict, "fetched").is_empty(), "{verdict:#}");
        for (name, expected) in [("shown", images), ("drawings", drawings)] {
            assert_eq!(list(&verdict, name).len(), expected, "{name}");
            assert!(list(&verdict, name).iter().all(|shown| shown == true), "{verdict:#}");
        }
        assert!(verdict["overflow"].as_i64().unwrap() <= 0, "the page is wider than a window of {width}");
    }
    (images, drawings)
}
