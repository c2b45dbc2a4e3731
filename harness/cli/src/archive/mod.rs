//! `highwater archive`: packs benches with everything that they need to measure, for machines without a toolchain, and
//! `highwater run --archive`, which unpacks and runs them.
//!
//! ```text
//!  highwater-archive/   manifest.json, and what the programs ask for: root, commit (see highwater_worker::archive)
//!  bin/highwater        this command
//!  target/release/      the bench binaries and workers, at their places below the target folder
//!  target/highwater/    cache: the files that the cases need, prepared
//!  sources/             files of the workspace that are an input, a program or its argument
//!  baselines/           the baselines and the policy
//! ```

mod contents;
mod manifest;
mod pack;
mod run;
mod unpack;

use std::{io, path::PathBuf};

use highwater_model::exit;
use highwater_report::{
    counted,
    terminal::{next, note, quoted},
};

pub(super) use self::run::{ArchiveFlags, run as run_archive};
use self::{contents::Contents, pack::pack};
use super::{
    CliError,
    ab::{WORKING_TREE, Workspace},
    paths::BaselineOptions,
};

/// Why an archive could not be written or read. Every message is one line.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The archive is truncated or changed.
    #[error("{path}: the archive is damaged ({source}); copy it again, or pack it again")]
    Damaged {
        /// The archive.
        path: PathBuf,
        /// The error of the reader.
        source: io::Error,
    },
    /// It cannot be used here.
    #[error("{path}: {problem}")]
    Unfit {
        /// The archive.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

impl ArchiveError {
    /// Whether another archive is needed.
    pub(super) fn is_unfit(&self) -> bool {
        matches!(self, Self::Unfit { .. })
    }
}

/// Pack the benches, their workers and the files that they need, for machines without a toolchain
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Measure with it: highwater run --archive FILE -- --memory-only

Exit status: 0 packed, 1 a file cannot be read or written, 2 usage error, 125 the benches do not build.")]
pub(super) struct Arguments {
    /// Only benches of this package; may be repeated
    #[arg(short, long, value_name = "NAME")]
    package: Vec<String>,
    /// The archive: its name ends in .tar.zst or .tar.gz
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    baselines: BaselineOptions,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let format = pack::Format::of(&arguments.output)?;
    arguments.baselines.policy()?;
    let workspace = Workspace::find()?;
    note("building the benches, and preparing the files of their cases");
    let benches = workspace.build(WORKING_TREE, &arguments.package)?.benches;
    if benches.is_empty() {
        return Err(CliError::Usage("nothing to pack: there is no bench".to_owned()));
    }
    let contents = Contents::gather(&workspace, &benches, &arguments.baselines)?;
    for missing in &contents.missing {
        note(format_args!("note: {missing}"));
    }
    let size = pack(&contents, &arguments.output, format)?;
    println!(
        "{}: {} of {}, {size}",
        highwater_report::escape::line(&arguments.output.display().to_string()),
        counted(contents.entries.len(), "file"),
        counted(benches.len(), "bench")
    );
    let archive = quoted(&arguments.output.display().to_string());
    next(&format!("highwater run --archive {archive} -- --memory-only"), "measure on a machine without a toolchain");
    Ok(exit::PASSED)
}
