//! `highwater backfill`: measures revisions that a history store has no run of, newest first. Each is built in one git
//! worktree in the target folder, so that a build is incremental. What is stored is kept, whatever ends the command, and
//! not measured again by the next one.

mod measure;
mod revisions;
mod unmeasured;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use highwater_model::exit;
use highwater_report::{
    Backfilled, BackfilledRevision, backfill_text, counted,
    terminal::{Forecast, ProgressLine, highwater_command, next, note, quoted, width},
};
use highwater_runner::{Interrupt, RunnerError};
use highwater_store::FolderLock;

use self::{
    measure::{Measurement, Unmeasurable},
    revisions::Revision,
    unmeasured::Unmeasured,
};
use super::{CliError, ab::Workspace, paths::BaselineOptions, print};

/// About how long a revision takes, until one was measured.
const GUESS: Duration = Duration::from_secs(60);

/// Measure old revisions, and add them to a history store
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Revisions of the range that the store has no run of are built and measured, memory only and with five workers per case
(as `cargo bench -- --memory-only --quick` does), newest first. Ctrl-C stops; run the same command again to continue.

Exit status:
  0    every revision is in the store, or the summary says why it could not be measured
  1    internal error
  2    usage error
  125  no revision could be measured, and none is in the store
  130  interrupted")]
pub(super) struct Arguments {
    /// Revisions to measure, such as v1.0..main: without the first one, and of merges only the first parent
    #[arg(value_name = "REV..REV")]
    range: String,
    /// Only cases that match this regular expression
    filter: Option<String>,
    /// Only every N-th revision, from the newest
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,
    /// Folder of the history store, which is created if it does not exist
    #[arg(long, value_name = "DIR", default_value = "history")]
    store: PathBuf,
    /// Only benches of this package; may be repeated
    #[arg(short, long, value_name = "NAME")]
    package: Vec<String>,
    /// Only revisions that change a file that matches this glob; may be repeated
    #[arg(long, value_name = "GLOB")]
    path: Vec<String>,
    /// Try revisions again that could not be measured before
    #[arg(long)]
    retry: bool,
    #[command(flatten)]
    baselines: BaselineOptions,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let filter = arguments.filter.as_deref().map(regex::Regex::new).transpose().map_err(|_| {
        let text = arguments.filter.as_deref().unwrap_or_default();
        CliError::Usage(format!("FILTER: `{text}` is not a regular expression"))
    })?;
    let revisions = revisions::of_range(&arguments.range, arguments.every, &arguments.path)?;
    let policy = arguments.baselines.policy()?;
    let workspace = Workspace::find()?;
    let benches = workspace.bench_names(&arguments.package);
    if let (true, [package, ..]) = (benches.is_empty(), arguments.package.as_slice()) {
        return Err(CliError::Usage(format!("{package}: no package of this workspace with a bench")));
    }
    let is_wanted = |case: &str| {
        let is_of_package = arguments.package.is_empty() || benches.contains(case.split('/').next().unwrap_or(case));
        is_of_package && filter.as_ref().is_none_or(|filter| filter.is_match(case))
    };
    let stored = revisions::stored(&arguments.store, &is_wanted)?;

    let folder = workspace.target.join("highwater/backfill");
    fs::create_dir_all(&folder).map_err(|source| CliError::Io { path: folder.clone(), source })?;
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    let _lock = FolderLock::take(&folder, |line| note(line))?;
    let mut unmeasured = Unmeasured::read(&folder, &arguments.package, arguments.filter.as_deref());
    if arguments.retry {
        unmeasured.forget(&revisions);
    }
    let measurement = Measurement::new(&workspace, &folder, arguments, &policy, &interrupt);
    let known = |revision: &Revision| match stored.contains(&revision.commit) {
        true => Some(Backfilled::Stored),
        false => unmeasured.reason(revision).map(Backfilled::Unmeasured),
    };
    let known: Vec<Option<Backfilled>> = revisions.iter().map(known).collect();
    let progress = announce(&revisions, &known);

    let mut done = Vec::new();
    let mut result = Ok(());
    for (revision, known) in revisions.iter().zip(known) {
        let outcome = match known {
            Some(known) => Ok(known),
            None if interrupt.raised() => Err(RunnerError::Interrupted.into()),
            None => measured(&measurement, revision, &mut unmeasured, &progress),
        };
        match outcome {
            Ok(result) => done.push(revision.with(result)),
            Err(error) => {
                result = Err(error);
                break;
            }
        }
    }
    drop(progress);
    print(&backfill_text(&done, revisions.len() - done.len(), width()));
    result?;
    hint(&arguments.store, &done);
    let is_unmeasured = |revision: &BackfilledRevision| matches!(revision.result, Backfilled::Unmeasured(_));
    Ok(if done.iter().all(is_unmeasured) { exit::UNTESTABLE } else { exit::PASSED })
}

/// Says what is about to happen, and shows the progress from now on.
fn announce(revisions: &[Revision], known: &[Option<Backfilled>]) -> ProgressLine {
    let mut forecast = Forecast::default();
    for (revision, _) in revisions.iter().zip(known).filter(|(_, known)| known.is_none()) {
        forecast.add_guess(revision.label(), GUESS);
    }
    let count = |is_it: fn(&Backfilled) -> bool| known.iter().flatten().filter(|it| is_it(it)).count();
    let counts = [
        (forecast.len(), "to measure"),
        (count(|it| *it == Backfilled::Stored), "in the store"),
        (count(|it| matches!(it, Backfilled::Unmeasured(_))), "could not be measured before"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let time = if forecast.is_empty() { String::new() } else { format!("; {forecast}") };
    note(format_args!("backfill: {}, {}{time}", counted(revisions.len(), "revision"), counts.join(", ")));
    ProgressLine::new("backfill", &forecast)
}

/// Measures and stores one revision.
fn measured(
    measurement: &Measurement<'_>,
    revision: &Revision,
    unmeasured: &mut Unmeasured,
    progress: &ProgressLine,
) -> Result<Backfilled, CliError> {
    let started = Instant::now();
    let step = revision.label();
    progress.begin(&step);
    let result = measurement.of(revision, progress);
    progress.end(&step);
    match result {
        Ok(stored) => Ok(Backfilled::Measured {
            values: stored.values,
            cases: stored.cases,
            took: started.elapsed(),
            problem: stored.problem,
        }),
        Err(Unmeasurable::Revision(reason)) => {
            note(format_args!(
                "note: {step} could not be measured: {reason}; see {}",
                measurement.log_path(&step).display()
            ));
            unmeasured.add(revision, &reason)?;
            Ok(Backfilled::Unmeasured(reason))
        }
        Err(Unmeasurable::Command(error)) => Err(error),
    }
}

fn hint(store: &Path, done: &[BackfilledRevision]) {
    let has_runs = done.iter().any(|revision| !matches!(revision.result, Backfilled::Unmeasured(_)));
    if has_runs {
        let store = quoted(&store.display().to_string());
        next(&highwater_command(&format!("trend --store {store}")), "what changed over time");
    } else {
        next(&highwater_command("backfill --help"), "all options");
    }
}
