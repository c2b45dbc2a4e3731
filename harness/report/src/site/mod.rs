//! The report as a folder of web pages that opens from disk, without a network and without scripts
//! but for sorting and filtering.
//!
//! ```text
//!  material   what the pages are made of, gathered from disk
//!  history    the blessings of a baseline, from git
//!  look       one case: ladders, fullest stage, cost of a unit
//!  panel      which cases are set side by side
//!  words      numbers with units and limits
//!  names      files, addresses, anchors
//!  chart      plotters to SVG in the page
//!  pages      one file per kind of page; their templates are in harness/report/templates/site
//!  write      page by page to disk
//! ```
//!
//! The same material gives the same bytes. Nothing is measured or judged here, and what was not
//! measured is not shown.

mod chart;
mod history;
mod look;
mod material;
mod names;
mod pages;
mod panel;
mod words;
mod write;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use chart::ChartError;
pub use history::{Blessed, History, history};
pub use material::{GatherError, Material, Sources};
pub use pages::comparison_page;
pub use write::write;

/// A page of the site.
#[derive(Clone, Debug)]
pub struct Page {
    /// Where it is kept, from the root of the site.
    pub path: String,
    /// The whole page.
    pub html: String,
}

/// Why the site could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A page could not be filled in.
    #[error("a page could not be made: {0}")]
    Page(#[from] askama::Error),
    /// A chart could not be drawn.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// A file could not be written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// All pages. `root` is the folder that they will be in, where it is known: criterion's reports are
/// linked from there.
///
/// # Errors
/// [`SiteError`] where a page cannot be made: a fault of the program.
pub fn pages(material: &Material, root: Option<&Path>) -> Result<Vec<Page>, SiteError> {
    pages::all(material, root)
}
