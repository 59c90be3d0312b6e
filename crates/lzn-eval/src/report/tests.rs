//! What a page must keep to, whatever is put into it.

use image::RgbImage;
use ndarray::Array4;

use super::*;
use crate::grid::{GridOptions, image_grid};
use crate::plot::{Bars, Curves, Panel};

const HOSTILE: &str = "<script>alert(1)</script> & \"quotes\" 'single'";

fn drawing() -> Drawing {
    Curves::new(HOSTILE).panel(Panel::new(HOSTILE, HOSTILE).line(HOSTILE, [(0.0, 1.0), (1.0, 2.0)])).draw().unwrap()
}

/// Something of every kind, with text that would break a page that did not escape it.
fn hostile() -> Report {
    let table = Table::new(HOSTILE)
        .column(HOSTILE)
        .numbers("N")
        .row([Cell::text(HOSTILE), Cell::number(Number::new(10.0))])
        .row([Cell::text(HOSTILE), Cell::number(Number::new(20.0))])
        .mark_best(1, Better::Higher);
    let images = Array4::from_elem((2, 1, 4, 4), 7);
    let labels = [HOSTILE.to_owned()];
    let options = GridOptions { row_labels: Some(&labels), title: Some(HOSTILE), ..GridOptions::default() };
    let grid = image_grid(images.view(), 2, &options).unwrap();
    let picture = Picture::new(RgbImage::new(8, 8));
    let figure = |stem: &str, content: Content| Figure::new(stem, HOSTILE, content).caption(HOSTILE).alt(HOSTILE);
    Report::new(HOSTILE).subtitle(HOSTILE).card(HOSTILE, HOSTILE, HOSTILE).section(
        Section::new(HOSTILE)
            .prose(HOSTILE)
            .figure(figure("drawing", drawing().into()))
            .figure(figure("grid", grid.into()))
            .figure(figure("picture", picture.into()))
            .table(table)
            .table(Table::of_pairs(HOSTILE, [(HOSTILE, HOSTILE)]))
            .text(HOSTILE, HOSTILE),
    )
}

#[test]
fn no_text_becomes_markup() {
    let html = hostile().to_html().unwrap();
    assert!(!html.contains("<script"), "markup from outside");
    // An attribute that ended early would leave the rest of the text as names of attributes.
    assert!(!html.contains("\"quotes\""), "a quote that ends an attribute");
    assert!(html.matches("&lt;script&gt;").count() > 20, "the text is there, as text");
}

#[test]
fn nothing_on_the_page_is_elsewhere() {
    let html = hostile().to_html().unwrap();
    let addresses = ["src=\"", "href=\"", "url("].into_iter().flat_map(|attribute| {
        html.match_indices(attribute).map(|(at, found)| &html[at + found.len()..]).collect::<Vec<_>>()
    });
    let mut seen = 0;
    for address in addresses {
        assert!(address.starts_with("data:") || address.starts_with('#'), "{}", &address[..address.len().min(60)]);
        seen += 1;
    }
    assert!(seen >= 5, "only {seen} addresses looked at");
    assert!(!html.contains("@import") && !html.contains("<link rel=\"stylesheet"));
    assert!(html.contains(&html::POLICY.replace('\'', "&#39;")) || html.contains(html::POLICY));
}

#[test]
fn every_figure_can_be_read_aloud_and_linked_to() {
    let report = Report::new("r")
        .section(Section::new("s").figure(Figure::new("a", "Loss", drawing()).alt("Loss falls from 2 to 1")))
        .section(Section::new("t").figure(Figure::new("b", "Pixels", Picture::new(RgbImage::new(8, 8)))));
    let html = report.to_html().unwrap();
    assert!(html.contains("aria-label=\"Loss falls from 2 to 1\"") && html.contains("alt=\"Pixels\""));
    for place in ["figure-a", "figure-b", "section-1", "section-2"] {
        assert!(html.contains(&format!("id=\"{place}\"")), "{place}");
    }
}

#[test]
fn figures_are_saved_whole_with_the_page_and_again_over_the_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("new/report");
    let report = hostile();
    report.save(&place).unwrap();
    report.save(&place).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(place.join("figures"))
        .unwrap()
        .chain(std::fs::read_dir(&place).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["drawing.png", "drawing.svg", "figures", "grid.png", "grid.svg", "picture.png", "report.html"]);
    assert_eq!(std::fs::read_to_string(place.join("report.html")).unwrap(), report.to_html().unwrap());
    let png = std::fs::read(place.join("figures/drawing.png")).unwrap();
    assert_eq!(image::load_from_memory(&png).unwrap().width(), drawing().width());
}

#[test]
fn a_report_that_cannot_be_written_leaves_no_pieces() {
    let folder = tempfile::tempdir().unwrap();
    // A folder where the page should be: the last step fails.
    std::fs::create_dir_all(folder.path().join("report.html/occupied")).unwrap();
    let error = hostile().save(folder.path()).unwrap_err();
    assert!(matches!(&error, EvalError::Write { path, .. } if path.ends_with("report.html")), "{error}");
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["figures", "report.html"]);
}

#[test]
fn names_that_are_no_files_and_names_that_are_taken_are_refused() {
    let bars = || Bars::new("", "").bar("a", &[1.0]).draw().unwrap();
    for stems in [["a", "a"], ["", "a"], ["../a", "b"], ["a b", "c"]] {
        let section =
            stems.iter().fold(Section::new("s"), |section, stem| section.figure(Figure::new(*stem, "", bars())));
        let report = Report::new("r").section(section);
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(report.save(folder.path()), Err(EvalError::Setting { argument: "stem", .. })), "{stems:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
