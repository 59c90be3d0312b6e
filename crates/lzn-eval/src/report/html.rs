//! A report as a page.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::table::{Cell, CellContent, Table};
use super::{Card, Content, Figure, Report, Section, theme};
use crate::EvalError;
use crate::drawing::png_uri;

/// What the page may load: pictures and style that stand in it, and nothing else from anywhere.
pub(super) const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Wider figures than this, in pixels, stand alone in their row.
const WIDE: u32 = 440;

/// Pictures up to this width, in pixels, are shown at twice their size or more, with every pixel a square.
const SMALL: u32 = 256;

impl Report {
    /// The report as one HTML file that refers to nothing outside of it.
    ///
    /// # Errors
    /// [`EvalError::Setting`] if two figures have the same name, or one has no name for a file; [`EvalError::Draw`] if a figure cannot be
    /// drawn.
    pub fn to_html(&self) -> Result<String, EvalError> {
        self.check()?;
        let mut numbers = Numbers::default();
        let sections = self.sections.iter().enumerate();
        let sections = sections
            .map(|(index, section)| self::section(index, section, &mut numbers))
            .collect::<Result<Vec<_>, _>>()?;
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    link rel="icon" href="data:,";
                    title { (self.title) }
                    style { (PreEscaped(theme::style())) }
                }
                body {
                    a.skip href="#content" { "Skip to the content" }
                    header {
                        h1 { (self.title) }
                        @if !self.subtitle.is_empty() { p.subtitle { (self.subtitle) } }
                        @if !self.cards.is_empty() { dl.cards { @for card in &self.cards { (self::card(card)) } } }
                    }
                    div.columns {
                        (contents(&self.sections))
                        main #content { @for section in sections { (section) } }
                    }
                }
            }
        };
        Ok(page.into_string())
    }
}

/// How many figures and tables there were.
#[derive(Default)]
struct Numbers {
    figures: usize,
    tables: usize,
}

fn card(card: &Card) -> Markup {
    html! {
        div {
            dt { (card.label) }
            dd.value { (card.value) }
            @if !card.note.is_empty() { dd.note { (card.note) } }
        }
    }
}

fn contents(sections: &[Section]) -> Markup {
    html! {
        nav aria-label="Contents" {
            ol {
                @for (index, section) in sections.iter().enumerate() {
                    li { a href={ "#section-" (index + 1) } { (section.heading) } }
                }
            }
        }
    }
}

fn section(index: usize, section: &Section, numbers: &mut Numbers) -> Result<Markup, EvalError> {
    let mut figures = Vec::with_capacity(section.figures.len());
    for figure in &section.figures {
        numbers.figures += 1;
        figures.push(self::figure(numbers.figures, figure)?);
    }
    let tables = section.tables.iter().map(|table| {
        numbers.tables += 1;
        self::table(numbers.tables, table)
    });
    let tables: Vec<_> = tables.collect();
    Ok(html! {
        section #{ "section-" (index + 1) } {
            h2 { (section.heading) }
            @for paragraph in &section.prose { p { (paragraph) } }
            @if !figures.is_empty() { div.figures { @for figure in figures { (figure) } } }
            @for table in tables { (table) }
            @for (name, text) in &section.texts {
                details open[section.texts.len() == 1] {
                    summary { (name) }
                    pre tabindex="0" { code { (text) } }
                }
            }
        }
    })
}

fn figure(number: usize, figure: &Figure) -> Result<Markup, EvalError> {
    let (shown, width) = match &figure.content {
        Content::Drawing(drawing) => {
            let svg = PreEscaped(drawing.to_svg()?);
            let style = format!("--width:{}px", drawing.width());
            let shown = html! { div.drawing role="img" aria-label=(figure.alt) style=(style) tabindex="0" { (svg) } };
            (shown, drawing.width())
        }
        Content::Picture(picture) => {
            let scale = if picture.width() <= SMALL { SMALL.div_ceil(picture.width().max(1)).max(2) } else { 1 };
            let (width, height) = (picture.width() * scale, picture.height() * scale);
            let source = png_uri(&picture.to_png()?);
            let shown = html! {
                img.pixelated[scale > 1] src=(source) width=(width) height=(height) alt=(figure.alt);
            };
            (shown, width)
        }
    };
    Ok(html! {
        figure.wide[width > WIDE] #{ "figure-" (figure.stem) } {
            figcaption { b { "Figure " (number) ". " (figure.title) } }
            (shown)
            @if !figure.caption.is_empty() { p.caption { (figure.caption) } }
        }
    })
}

fn table(number: usize, table: &Table) -> Markup {
    let headed = table.columns.iter().any(|column| !column.name.is_empty());
    let head = html! {
        thead {
            tr { @for column in &table.columns { th.number[column.numbers] scope="col" { (column.name) } } }
        }
    };
    let body = html! {
        tbody {
            @for row in &table.rows {
                tr {
                    @for (index, column) in table.columns.iter().enumerate() {
                        (cell(index, row.get(index), column.numbers))
                    }
                }
            }
        }
    };
    html! {
        figure.table {
            figcaption #{ "table-" (number) } { b { "Table " (number) ". " } (table.caption) }
            div tabindex="0" role="region" aria-labelledby={ "table-" (number) } {
                table {
                    @if headed { (head) }
                    (body)
                }
            }
        }
    }
}

/// The first cell of a row names it.
fn cell(index: usize, cell: Option<&Cell>, number: bool) -> Markup {
    let content = html! {
        @match cell.map(|cell| &cell.content) {
            None => {},
            Some(CellContent::Text(text)) => { (text) },
            Some(CellContent::Number(value)) => { (value.shown()) },
        }
    };
    let best = cell.is_some_and(|cell| cell.best);
    html! {
        @if index == 0 && !number {
            th.best[best] scope="row" { (content) }
        } @else {
            td.number[number].best[best] { @if best { strong { (content) } } @else { (content) } }
        }
    }
}
