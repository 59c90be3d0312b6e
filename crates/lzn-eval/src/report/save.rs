//! A report as files.

use std::io::Write;
use std::path::Path;

use super::{Content, Report};
use crate::EvalError;

impl Report {
    /// Writes `report.html` into `folder`, which is made if need be, and every figure into its folder `figures`: pixels as
    /// `STEM.png`, shapes as `STEM.svg`. Everything is rendered before anything is written, and a file appears whole or not at
    /// all; the page comes last.
    ///
    /// # Errors
    /// As [`Report::to_html`]; [`EvalError::Write`] names the file that could not be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), EvalError> {
        let folder = folder.as_ref();
        let html = self.to_html()?;
        let mut files = Vec::new();
        for figure in self.figures() {
            let name = |ending: &str| format!("figures/{}.{ending}", figure.stem);
            match &figure.content {
                Content::Picture(picture) => files.push((name("png"), picture.to_png()?)),
                Content::Drawing(drawing) => {
                    files.push((name("png"), drawing.to_png()?));
                    files.push((name("svg"), drawing.to_svg()?.into_bytes()));
                }
            }
        }
        files.push(("report.html".to_owned(), html.into_bytes()));
        let figures = folder.join("figures");
        std::fs::create_dir_all(&figures).map_err(|source| EvalError::Write { path: figures.clone(), source })?;
        files.iter().try_for_each(|(name, bytes)| write_whole(&folder.join(name), bytes))
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), EvalError> {
    let failed = |source| EvalError::Write { path: path.to_owned(), source };
    lzn_files::replace(path, failed, |file| file.write_all(bytes).map_err(failed))
}
