//! What was measured and drawn, on one page that opens anywhere.
//!
//! A [`Report`] has a heading, cards with its main numbers, and [`Section`]s of prose, [`Figure`]s and [`Table`]s.
//! [`Report::to_html`] makes one file of it, which loads nothing: pictures are data URIs, style and drawings stand in the
//! page, and its policy forbids the browser to fetch anything. [`Report::save`] also writes every figure as a file.
//!
//! ```
//! use lzn_eval::plot::{Curves, Panel};
//! use lzn_eval::report::{Cell, Figure, Number, Report, Section, Table};
//!
//! let loss = Curves::new("training step").panel(Panel::new("loss", "nats").line("flow", [(0.0, 1.0), (9.0, 0.2)]));
//! let table = Table::new("Every number with its protocol.").column("metric").numbers("value").column("protocol");
//! let table = table.row([
//!     Cell::text("FD-LeNet128"),
//!     Cell::number(Number::new(18.21).spread(0.4).digits(1)),
//!     Cell::text("Euler-10, 10,000 images"),
//! ]);
//! let report = Report::new("Joint model")
//!     .section(Section::new("Training").figure(Figure::new("loss", "Loss", loss.draw()?)))
//!     .section(Section::new("Measurements").table(table));
//! let html = report.to_html()?;
//! assert!(html.contains("FD-LeNet128") && html.contains("18.2"));
//! # Ok::<(), lzn_eval::EvalError>(())
//! ```

mod html;
mod save;
mod table;
#[cfg(test)]
mod tests;
mod theme;

pub use table::{Better, Cell, Number, Table};

use crate::{Drawing, EvalError, Picture};

/// A page about one run or one comparison.
#[derive(Debug, Clone, Default)]
pub struct Report {
    title: String,
    subtitle: String,
    cards: Vec<Card>,
    sections: Vec<Section>,
}

/// One of the numbers that a reader came for, with what it is and how it was measured.
#[derive(Debug, Clone)]
struct Card {
    label: String,
    value: String,
    note: String,
}

/// A part of a report with its own entry in the table of contents: prose, then figures, tables and texts.
#[derive(Debug, Clone, Default)]
pub struct Section {
    heading: String,
    prose: Vec<String>,
    figures: Vec<Figure>,
    tables: Vec<Table>,
    texts: Vec<(String, String)>,
}

/// A picture with its name and what it shows.
#[derive(Debug, Clone)]
pub struct Figure {
    stem: String,
    title: String,
    caption: String,
    alt: String,
    content: Content,
}

/// What a figure shows.
#[derive(Debug, Clone)]
pub enum Content {
    /// A drawing: shapes on the page, and both shapes and pixels as files.
    Drawing(Drawing),
    /// Pixels alone.
    Picture(Picture),
}

impl From<Drawing> for Content {
    fn from(drawing: Drawing) -> Self {
        Self::Drawing(drawing)
    }
}

impl From<Picture> for Content {
    fn from(picture: Picture) -> Self {
        Self::Picture(picture)
    }
}

impl Report {
    /// An empty report.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Adds a line below the title, such as the run, the step and the date.
    #[must_use]
    pub fn subtitle(mut self, subtitle: impl Into<String>) -> Self {
        self.subtitle = subtitle.into();
        self
    }

    /// Adds a number that a reader came for at the top: what it is, its value with the unit, and in a few words how it was
    /// measured, or nothing.
    #[must_use]
    pub fn card(mut self, label: impl Into<String>, value: impl Into<String>, note: impl Into<String>) -> Self {
        self.cards.push(Card { label: label.into(), value: value.into(), note: note.into() });
        self
    }

    /// Adds a section at the end.
    #[must_use]
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.sections.iter().flat_map(|section| &section.figures)
    }

    /// Checks that every figure has a name that can be a file's, and no other has.
    fn check(&self) -> Result<(), EvalError> {
        let mut known = std::collections::BTreeSet::new();
        for Figure { stem, .. } in self.figures() {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
            if stem.is_empty() || !stem.chars().all(plain) || !known.insert(stem) {
                let (argument, rule) =
                    ("stem", "of lower-case letters, digits, `-` and `_`, and not that of another figure");
                return Err(EvalError::Setting { operation: "report", argument, rule, got: format!("`{stem}`") });
            }
        }
        Ok(())
    }
}

impl Section {
    /// An empty section.
    #[must_use]
    pub fn new(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), ..Self::default() }
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn prose(mut self, paragraph: impl Into<String>) -> Self {
        self.prose.push(paragraph.into());
        self
    }

    /// Adds a figure.
    #[must_use]
    pub fn figure(mut self, figure: Figure) -> Self {
        self.figures.push(figure);
        self
    }

    /// Adds a table.
    #[must_use]
    pub fn table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    /// Adds a text as it is, such as a configuration file, below a name.
    #[must_use]
    pub fn text(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.texts.push((name.into(), text.into()));
        self
    }
}

impl Figure {
    /// A figure; `stem` names its files and its place on the page, `#figure-STEM`: lower-case letters, digits, `-` and `_`, unlike any other.
    #[must_use]
    pub fn new(stem: impl Into<String>, title: impl Into<String>, content: impl Into<Content>) -> Self {
        let title = title.into();
        let (alt, caption, content) = (title.clone(), String::new(), content.into());
        Self { stem: stem.into(), title, caption, alt, content }
    }

    /// Says what is to be seen, below the figure.
    #[must_use]
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    /// Says what is to be seen to those who do not see it; the title, unless set.
    #[must_use]
    pub fn alt(mut self, alt: impl Into<String>) -> Self {
        self.alt = alt.into();
        self
    }
}
