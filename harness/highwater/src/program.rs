//! The measuring parent of a bench binary, and its other modes; turns errors into exit statuses.

use std::{
    collections::BTreeMap,
    env, fs,
    path::PathBuf,
    process::{self, ExitCode},
    time::Duration,
};

use clap::Parser;
use highwater_judge::{Claim, Finding};
use highwater_model::{Record, exit};
use highwater_report::{
    TimeChanges,
    terminal::{self, message, next, note},
};
use highwater_runner::{self as runner, Interrupt, RunError, RunnerError, Step, report_file_size_limit};
use highwater_store::{FolderLock, LastRun, Progress, read_record, write_record};
use highwater_worker::Dirs;

use crate::{
    hints,
    matcher::Matcher,
    measure,
    options::{Mode, Options, for_criterion},
    outlook::{Outlook, Watcher},
    parts::Parts,
    plan, result,
    timing::{self, CriterionProcess, CriterionRun},
};

/// Runs as the measuring parent or as the criterion benchmark. The family is built after the options are checked.
pub(super) fn main(bench: impl FnOnce() -> Parts) -> ExitCode {
    let mut options = Options::try_parse().unwrap_or_else(|error| {
        if error.use_stderr() {
            // The message quotes the invalid argument.
            message(error.render());
            process::exit(error.exit_code());
        }
        error.exit()
    });
    if timing::is_timing_process() {
        options.parameters = timing::parameters();
        options.partition = timing::partition();
    }
    let matcher = match options.matcher() {
        Ok(matcher) => matcher,
        Err(error) => {
            message(format_args!("error: the filter is not a regular expression: {error}"));
            next("cargo bench -- --list", "print the names of all cases");
            return ExitCode::from(exit::USAGE);
        }
    };
    let prepared =
        report_file_size_limit().map_err(|source| RunnerError::System { what: "watch for SIGXFSZ", source }.into());
    let bench = bench();
    let error = match prepared.and_then(|()| run(&bench, &options, &matcher)) {
        Ok(()) => return ExitCode::from(exit::PASSED),
        Err(error) => error,
    };
    let is_interrupt = matches!(error, RunError::Runner(RunnerError::Interrupted));
    note(format_args!("{}{error}", if is_interrupt { "" } else { "error: " }));
    if !timing::is_timing_process()
        && let Some((command, purpose)) = hints::after_error(&error, bench.family.name, &options)
    {
        next(&command, purpose);
    }
    ExitCode::from(if is_interrupt { exit::INTERRUPTED } else { exit::INTERNAL })
}

/// The folders of a bench binary. `own` is `target/highwater`, which is also the working directory of workers.
pub(super) struct Folders {
    target: PathBuf,
    pub(super) own: PathBuf,
    cache: PathBuf,
}

impl Folders {
    fn find() -> Result<Self, RunError> {
        let target = runner::target_dir()?;
        let own = target.join("highwater");
        let cache = own.join("cache");
        match fs::create_dir_all(&cache) {
            Ok(()) => Ok(Self { target, own, cache }),
            Err(source) => Err(RunError::Io { path: cache, source }),
        }
    }

    pub(super) fn record(&self, family: &str) -> PathBuf {
        self.own.join(format!("{family}.json"))
    }

    fn named(&self, name: &str, family: &str) -> PathBuf {
        self.own.join("named").join(name).join(format!("{family}.json"))
    }
}

fn run(bench: &Parts, options: &Options, matcher: &Matcher) -> Result<(), RunError> {
    let family = &bench.family;
    let folders = Folders::find()?;
    let dirs = Dirs { cache: &folders.cache };
    if timing::is_timing_process() {
        let result = timing::run(family, options, matcher, dirs);
        return result.map_err(|source| RunError::Prepare { case: family.name.to_owned(), source });
    }
    if let Some(path) = &options.plan {
        return Ok(plan::make(bench, options, matcher, dirs, &folders.own, None)?.write(path)?);
    }
    // Simultaneous runs would affect each other's results. The lock is taken before the Ctrl-C handler is installed, so
    // that Ctrl-C terminates a run that waits for it.
    let lock = match options.mode() {
        Mode::List => None,
        _ => Some(FolderLock::take(&folders.own, |line| note(line))?),
    };
    if let Some(lock) = &lock {
        lock.sweep(&folders.own);
    }
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    let criterion = || run_criterion(options, &folders, &interrupt, None);
    match options.mode() {
        Mode::List => {
            for case in matcher.selected(family) {
                terminal::print_as_it_is(&format!("{}: benchmark", case.id()));
            }
            if !options.memory_only {
                criterion()?;
            }
        }
        Mode::Test => {
            measure::test(bench, options, matcher, dirs, &folders.own, &interrupt)?;
            if !options.memory_only {
                criterion()?;
            }
        }
        Mode::CriterionOnly => {
            criterion()?;
        }
        Mode::Measure => measure(bench, options, matcher, &folders, &interrupt)?,
    }
    Ok(())
}

/// Runs criterion in its own process, and shows its progress instead of its output if there is a display.
fn run_criterion(
    options: &Options,
    folders: &Folders,
    interrupt: &Interrupt,
    progress: Option<&terminal::ProgressLine>,
) -> Result<(CriterionRun, BTreeMap<String, Duration>), RunError> {
    let args = for_criterion(env::args().skip(1));
    let (parameters, partition, target) = (&options.parameters, options.partition, &folders.target);
    timing::spawn(&CriterionProcess { args: &args, parameters, partition, target, interrupt, progress })
}

/// Measures the memory and the time of the selected cases, and prints the result.
fn measure(
    bench: &Parts,
    options: &Options,
    matcher: &Matcher,
    folders: &Folders,
    interrupt: &Interrupt,
) -> Result<(), RunError> {
    let (family, dirs) = (&bench.family, Dirs { cache: &folders.cache });
    let named = requested_baseline(options, folders, family.name)?;
    let record_progress = |progress| {
        LastRun::note(&folders.own, &runner::run_id(), options.conditions().as_deref(), family.name, progress)
    };
    if matcher.selected(family).is_empty() {
        let (name, conditions) = (family.name, options.conditions().unwrap_or_default());
        note(format_args!("{name}: no case matches `{conditions}`; `--list` prints the names of all cases"));
        return Ok(record_progress(Progress::NothingSelected)?);
    }
    record_progress(Progress::Begun)?;
    let outlook = Outlook::new(family, options, measure::sampling(options), matcher, &folders.own);
    outlook.announce();
    let progress = terminal::ProgressLine::new(family.name, &outlook.forecast);
    let watcher = Watcher::new(&progress);
    let watch = |step: Step<'_>| watcher.see(step);
    let display = (&progress, &watch as &runner::StepListener<'_>);
    let mut record = measure::measure(bench, options, matcher, dirs, &folders.own, interrupt, display)?;
    let was_measured = record.cases.iter().any(|case| case.samples > 0 || !case.failures.is_empty());
    if interrupt.raised() && !was_measured {
        // The record of an earlier run is worth more than an empty one.
        return Err(RunnerError::Interrupted.into());
    }
    // Claims are about all cases, so that a part of them decides nothing.
    if !interrupt.raised() {
        decide(&bench.claims, &mut record);
    }
    save(&record, options, folders)?;
    if interrupt.raised() {
        drop(progress);
        note(format_args!("written to {}: the cases so far", folders.record(family.name).display()));
        return Err(RunnerError::Interrupted.into());
    }
    runner::link_program(&folders.own, family.name)?;
    let cases = watcher.into_durations();
    let mut routines = BTreeMap::new();
    let mut times = None;
    if options.memory_only {
        drop(progress);
    } else {
        // Criterion's own output and ours would overwrite each other.
        let shown = (!options.criterion.shows_criterion()).then_some(progress);
        let (criterion, durations) = run_criterion(options, folders, interrupt, shown.as_ref())?;
        drop(shown);
        routines = durations;
        for ((id, routine), time) in criterion.estimates() {
            if let Some(case) = record.cases.iter_mut().find(|case| case.id.as_str() == id) {
                case.time.insert(routine, time);
            }
        }
        let since = options.criterion.compared_with();
        times = Some(TimeChanges { since, noise: options.criterion.noise(), changes: criterion.changes() });
        decide(&bench.claims, &mut record);
        save(&record, options, folders)?;
    }
    outlook.save(&folders.own, cases, routines);
    record_progress(Progress::Measured)?;
    result::print(&record, options, folders, named.as_ref(), times.as_ref());
    Ok(())
}

/// Reads the named record to compare with, before anything runs. As in criterion, `--baseline` fails if it does
/// not exist, and `--baseline-lenient` does not fail.
fn requested_baseline(options: &Options, folders: &Folders, family: &str) -> Result<Option<Record>, RunError> {
    let flags = &options.criterion;
    Ok(match (&flags.baseline, &flags.baseline_lenient) {
        (Some(name), _) => Some(read_record(&folders.named(name, family))?),
        (None, Some(name)) => read_record(&folders.named(name, family)).ok(),
        (None, None) => None,
    })
}

/// Decides the claims from the record so far. They are about all cases, so that one part of several decides nothing.
fn decide(claims: &[Claim], record: &mut Record) {
    let open: Option<fn(&Record) -> Finding> =
        record.selection.part.is_some().then_some(|_| Finding::undecided("the cases were measured in parts"));
    let decided = |claim: &Claim| Claim { decide: open.unwrap_or(claim.decide), ..*claim }.decided(record);
    record.claims = claims.iter().map(decided).collect();
}

/// Writes the record, and a copy under the name of `--save-baseline`.
fn save(record: &Record, options: &Options, folders: &Folders) -> Result<(), RunError> {
    write_record(&folders.record(&record.family), record)?;
    if let Some(name) = &options.criterion.save_baseline {
        write_record(&folders.named(name, &record.family), record)?;
    }
    Ok(())
}
