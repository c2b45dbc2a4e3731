//! The subcommands of `highwater`, one file each.

mod ab;
mod again;
mod bless;
mod calibrate;
mod compare;
mod doctor;
mod exactness;
mod git;
mod objections;
mod output;
mod report;
mod schema;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Parser, Subcommand, ValueEnum};

use crate::{
    bench::{PlanError, RunError},
    exit,
    isolate::{self, IsolateError},
    judge::{PolicyError, baselines},
    model::{Record, StoreError, read_record},
    report::site::{GatherError, SiteError},
};

/// Page-exact memory benchmarks for what runs in a process, and a gate that fails when it grows
#[derive(Debug, Parser)]
#[command(
    name = "highwater",
    version,
    after_help = "Exit status: 0 all held, 1 internal error, 2 usage, 3 regression or over budget, \
                  4 no comparable baseline, 5 unconfirmed (compare --strict)."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Compare(compare::Arguments),
    Ab(ab::Arguments),
    Bless(bless::Arguments),
    Exactness(exactness::Arguments),
    Calibrate(calibrate::Arguments),
    Doctor(doctor::Arguments),
    Report(report::Arguments),
    Schema(schema::Arguments),
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// What a subcommand may fail with. One line each.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A record could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The policy makes no sense.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Workers could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The harness failed.
    #[error(transparent)]
    Isolate(#[from] IsolateError),
    /// A bench binary gave no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A folder could not be read, or output not be written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// There is nothing to work on.
    #[error("{0}: no run found; measure first, with `cargo bench` or `cargo bench -- --memory-only`")]
    NoRun(PathBuf),
    /// There are no workers to run.
    #[error("nothing to calibrate: {0}; measure first, with `cargo bench -- --memory-only`")]
    NoProgram(String),
    /// A revision cannot be measured.
    #[error(transparent)]
    Untestable(#[from] ab::Untestable),
    /// The command line asks for something that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// What the report is made of could not be read.
    #[error(transparent)]
    Gather(#[from] GatherError),
    /// The report could not be written.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The run may not become a baseline.
    #[error("not blessed: {0}")]
    NotBlessed(String),
}

impl CliError {
    /// The exit status that says the same.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::NoRun(_)
            | Self::Usage(_)
            | Self::NoProgram(_)
            | Self::NotBlessed(_)
            | Self::Policy(PolicyError::Malformed { .. })
            | Self::Gather(GatherError::Policy(PolicyError::Malformed { .. })) => exit::USAGE,
            Self::Run(RunError::Isolate(IsolateError::Interrupted)) | Self::Isolate(IsolateError::Interrupted) => {
                exit::INTERRUPTED
            }
            Self::Untestable(_) => exit::UNTESTABLE,
            Self::Store(_)
            | Self::Policy(_)
            | Self::Io { .. }
            | Self::Run(_)
            | Self::Isolate(_)
            | Self::Plan(_)
            | Self::Gather(_)
            | Self::Site(_) => exit::INTERNAL,
        }
    }
}

/// Runs the command line and returns the exit status.
///
/// # Errors
/// [`CliError`] with its own exit status. A wrong command line ends the process with status 2.
pub fn run() -> Result<u8, CliError> {
    match Arguments::parse().command {
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Ab(arguments) => ab::run(&arguments),
        Command::Bless(arguments) => bless::run(&arguments),
        Command::Exactness(arguments) => exactness::run(&arguments),
        Command::Calibrate(arguments) => calibrate::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
    }
}

/// Where runs are kept when no folder is named.
fn default_run() -> PathBuf {
    isolate::target_dir().unwrap_or_else(|_| "target".into()).join("highwater")
}

/// The records of a run's folder, by family.
fn read_run(folder: Option<&Path>) -> Result<Vec<Record>, CliError> {
    let folder = folder.map_or_else(default_run, Path::to_owned);
    let paths = json_files(&folder).map_err(|error| match error {
        CliError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => CliError::NoRun(folder.clone()),
        error => error,
    })?;
    if paths.is_empty() {
        return Err(CliError::NoRun(folder));
    }
    paths.iter().map(|path| read_named(path)).collect()
}

/// A record from the file that has its family's name: of two files with one family's records, one
/// would be taken for the other.
fn read_named(path: &Path) -> Result<Record, CliError> {
    let record = read_record(path)?;
    match path.file_stem() == Some(record.family.as_ref()) {
        true => Ok(record),
        false => Err(StoreError::Misplaced { path: path.to_owned(), found: record.family }.into()),
    }
}

/// Prints a result. A full disk behind stdout is an error; a reader that had enough is none.
fn say(text: &str) -> Result<(), CliError> {
    match writeln!(io::stdout(), "{text}").and_then(|()| io::stdout().flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::Io { path: "stdout".into(), source })
        }
        _ => Ok(()),
    }
}

/// What of a folder is called `.json`, sorted: what is no file there is refused when it is read.
fn json_files(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let error = |source| CliError::Io { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in folder.read_dir().map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
