//! The report as a folder of web pages. It opens from disk without a network; scripts are only used for
//! sorting and filtering.
//!
//! ```text
//!  material   the input of the pages, read from disk
//!  history    the blessings of a baseline, read from git
//!  ladder     the rungs of a ladder, and the names of ranges of stages
//!  answers    what the charts of a family's questions show, with the conclusion in a sentence
//!  panel      which cases are shown side by side
//!  format     numbers with units and precision
//!  names      file names, URLs, anchors
//!  chart      charts as inline SVG, drawn by plotters, and flame graphs
//!  pages      one file per kind of page; their templates are in harness/report/templates/site
//!  write      writes the pages to disk
//! ```
//!
//! The output is deterministic: the same material produces the same bytes. Nothing is measured or judged
//! here, and data that was not measured is not shown.

pub(crate) mod answers;
mod chart;
mod format;
mod history;
mod ladder;
mod material;
mod names;
mod pages;
mod panel;
mod style;
mod write;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use chart::ChartError;
pub use history::{Blessed, History, history};
pub use material::{GatherError, Material, Sources};
pub use pages::comparison_page;
pub use write::{write, write_styles};

/// A page of the site.
#[derive(Clone, Debug)]
pub struct Page {
    /// Path relative to the root of the site.
    pub path: String,
    /// The complete document.
    pub html: String,
}

/// An error while generating the site.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A template could not be rendered.
    #[error("cannot render a page: {0}")]
    Page(#[from] askama::Error),
    /// A chart could not be drawn.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// A file could not be written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system error.
        source: io::Error,
    },
}

/// Renders all pages. `root` is the folder they will be written to, if known; links to criterion's
/// reports are relative to it.
///
/// # Errors
/// Returns [`SiteError`] if a page cannot be rendered, which is a bug.
pub fn pages(material: &Material, root: Option<&Path>) -> Result<Vec<Page>, SiteError> {
    pages::all(material, root)
}
