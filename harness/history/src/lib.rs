//! The history store: the gated values of every run, in a folder of Parquet files that other tools read too.
//!
//! ```text
//!  run      a run and its rows: what one file contains
//!  columns  the columns of a file, as Parquet types
//!  write    writes the file of a run
//!  read     reads all files: rows by series, and the files that were skipped
//! ```
//!
//! A store has one file per run, `class=CLASS/month=YYYY-MM/RUN.parquet`, so that a query of one class or month reads
//! few files. A file is written under a temporary name and renamed: recording a run twice leaves one file, and several
//! writers do not disturb each other. This crate is apart from `highwater-store`, so that programs that only read records
//! and baselines do not link Parquet.

mod columns;
mod quietly;
mod read;
mod run;
mod write;

pub use read::{History, Point, SeriesKey, SkippedFile, read_history};
pub use run::{HistoryRow, HistoryRun};
pub use write::append;

use std::path::PathBuf;

use highwater_store::StoreError;

/// Why a run was not recorded, or a store could not be read. Every message names the file or folder.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A file or folder could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The id of a run is not fit for a file name.
    #[error("`{0}` is not the id of a run: expected letters, digits and - _ .")]
    RunId(String),
    /// The commit time is out of range.
    #[error("run {id}: {time} is not a commit time: expected seconds since 1970")]
    Time {
        /// The run.
        id: String,
        /// The time.
        time: i64,
    },
    /// Parquet refused the values.
    #[error("{path}: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The error.
        source: parquet::errors::ParquetError,
    },
}
