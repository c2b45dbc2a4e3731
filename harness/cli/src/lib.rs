//! The subcommands of `highwater`, one file each.

/// Shadows `std::println!`, which panics if the reader of a pipe has gone.
macro_rules! println {
    ($($text:tt)*) => { highwater_report::terminal::print(format_args!($($text)*)) };
}

mod ab;
mod archive;
mod backfill;
mod bisect;
mod bless;
mod bless_checks;
mod calibrate;
mod capacity;
mod compare;
mod confirm;
mod doctor;
mod exactness;
mod exec;
mod explain;
mod forecast;
mod git;
mod hints;
mod init;
mod merge;
mod output;
mod paths;
mod record;
mod report;
mod schema;
mod status;
mod trend;

#[doc(hidden)] // For the tests that build a second revision.
pub use ab::bring_dependencies;

use std::{
    env,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{self, ExitCode},
};

use clap::{Parser, Subcommand, ValueEnum};
use highwater_explain::ExplainError;
use highwater_history::HistoryError;
use highwater_judge::{PolicyError, baselines};
use highwater_model::exit;
use highwater_report::{
    site::{GatherError, SiteError},
    terminal::{self, message},
};
use highwater_runner::{PlanError, RunError, RunnerError, report_file_size_limit};
use highwater_store::{MergeError, StoreError};

/// Page-exact memory benchmarks with a regression gate for CI
#[derive(Debug, Parser)]
#[command(
    name = "highwater",
    version,
    after_help = "\
Exit status:
  0  passed
  1  internal error
  2  usage error
  3  regression, or over budget
  4  no baseline for this machine class
  5  unconfirmed regression (compare --strict)"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Compare(compare::Arguments),
    Ab(ab::Arguments),
    Archive(archive::Arguments),
    Bisect(bisect::Arguments),
    Backfill(backfill::Arguments),
    Bless(bless::Arguments),
    Exactness(exactness::Arguments),
    Exec(exec::Arguments),
    Explain(explain::Arguments),
    Init(init::Arguments),
    Calibrate(calibrate::Arguments),
    Capacity(capacity::Arguments),
    Doctor(doctor::command::Arguments),
    Merge(merge::Arguments),
    Record(record::Arguments),
    Report(report::Arguments),
    Run(exec::RunArguments),
    Schema(schema::Arguments),
    Status(status::Arguments),
    Trend(trend::Arguments),
}

/// Output formats.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// An error of a subcommand, with a message of one line.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A record could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A history store could not be read or written.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The policy could not be read or is invalid.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Workers could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The harness failed.
    #[error(transparent)]
    Isolate(#[from] RunnerError),
    /// A bench binary did not return a plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A folder could not be read, or output could not be written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system error.
        source: io::Error,
    },
    /// There is no run.
    #[error("{0}: no run found; run `cargo bench` or `cargo bench -- --memory-only` first")]
    NoRun(PathBuf),
    /// There is no bench binary, or no case matches.
    #[error("nothing to calibrate: {0}; run `cargo bench -- --memory-only` first")]
    NoProgram(String),
    /// A revision cannot be measured.
    #[error(transparent)]
    Untestable(#[from] ab::Untestable),
    /// A case could not be explained.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// There is nothing with which a case could be explained.
    #[error("cannot explain: {0}")]
    NotExplained(String),
    /// The command line is invalid.
    #[error("{0}")]
    Usage(String),
    /// The input of the report could not be read.
    #[error(transparent)]
    Gather(#[from] GatherError),
    /// The report could not be written.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The parts of a run cannot be merged.
    #[error("not merged: {0}")]
    NotMerged(#[from] MergeError),
    /// An archive could not be written or read.
    #[error(transparent)]
    Archive(#[from] archive::ArchiveError),
    /// The run did not pass the checks for a baseline.
    #[error("not blessed: {0}")]
    NotBlessed(String),
}

impl CliError {
    /// Whether the user interrupted it.
    fn is_interrupt(&self) -> bool {
        let error = match self {
            Self::Run(RunError::Runner(error)) | Self::Explain(ExplainError::Run(RunError::Runner(error))) => error,
            Self::Isolate(error) => error,
            _ => return false,
        };
        matches!(error, RunnerError::Interrupted)
    }

    /// Whether it says of a revision that it cannot be measured.
    fn is_about_a_revision(&self) -> bool {
        match self {
            Self::Untestable(_) | Self::Plan(_) => true,
            Self::Run(_) => !self.is_interrupt(),
            _ => false,
        }
    }

    /// The exit status of the error.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::NoRun(_)
            | Self::Usage(_)
            | Self::NoProgram(_)
            | Self::NotBlessed(_)
            | Self::NotMerged(_)
            | Self::NotExplained(_)
            | Self::Policy(PolicyError::Malformed { .. })
            | Self::Gather(GatherError::Policy(PolicyError::Malformed { .. })) => exit::USAGE,
            error if error.is_interrupt() => exit::INTERRUPTED,
            Self::Archive(error) if error.is_unfit() => exit::USAGE,
            Self::Untestable(_) => exit::UNTESTABLE,
            Self::Store(_)
            | Self::History(_)
            | Self::Policy(_)
            | Self::Io { .. }
            | Self::Run(_)
            | Self::Isolate(_)
            | Self::Plan(_)
            | Self::Explain(_)
            | Self::Archive(_)
            | Self::Gather(_)
            | Self::Site(_) => exit::INTERNAL,
        }
    }
}

/// The whole program: runs the command line, and prints an error and what to do about it.
#[must_use]
pub fn main() -> ExitCode {
    // `highwater doctor` starts this program as a worker.
    if let Some(status) = doctor::as_worker() {
        return status;
    }
    match run() {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            terminal::note(format_args!("error: {error}"));
            error.print_hint();
            ExitCode::from(error.exit_status())
        }
    }
}

/// Runs the command line and returns the exit status. An invalid command line exits the process with status 2.
fn run() -> Result<u8, CliError> {
    report_file_size_limit().map_err(|source| RunnerError::System { what: "watch for SIGXFSZ", source })?;
    match parse().command {
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Ab(arguments) => ab::run(&arguments),
        Command::Archive(arguments) => archive::run(&arguments),
        Command::Bisect(arguments) => bisect::run(&arguments),
        Command::Backfill(arguments) => backfill::run(&arguments),
        Command::Bless(arguments) => bless::run(&arguments),
        Command::Exactness(arguments) => exactness::run(&arguments),
        Command::Exec(arguments) => exec::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Calibrate(arguments) => calibrate::run(&arguments),
        Command::Capacity(arguments) => capacity::run(&arguments),
        Command::Doctor(arguments) => doctor::command::run(&arguments),
        Command::Merge(arguments) => merge::run(&arguments),
        Command::Record(arguments) => record::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Run(arguments) => exec::run_file(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Trend(arguments) => trend::run(&arguments),
    }
}

/// Parses the command line. The message about an invalid one quotes it, so it is escaped.
fn parse() -> Arguments {
    Arguments::try_parse_from(command_line()).unwrap_or_else(|error| {
        if error.use_stderr() {
            message(error.render());
            process::exit(error.exit_code());
        }
        error.exit()
    })
}

/// The arguments of this process, with the name of the program. Cargo runs `cargo-highwater highwater ARGUMENTS`.
fn command_line() -> Vec<OsString> {
    let mut arguments: Vec<OsString> = env::args_os().collect();
    let is_for_cargo =
        arguments.first().and_then(|program| Path::new(program).file_name()) == Some("cargo-highwater".as_ref());
    if is_for_cargo && arguments.get(1).is_some_and(|argument| argument == "highwater") {
        arguments.remove(1);
    }
    arguments
}

/// Prints a result for people to stdout.
fn print(text: &str) {
    terminal::print(format_args!("{text}"));
}

/// The width of tables: that of lines on stdout.
fn width() -> Option<usize> {
    Some(terminal::width())
}
