//! Measures one revision: checks it out, builds its benches, runs them into a folder for this purpose, and stores what
//! they recorded. What they print is in a log file.

use std::{
    fs::{self, File},
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use highwater_judge::Policy;
use highwater_model::{Record, SCHEMA_VERSION};
use highwater_report::terminal::{ProgressLine, note};
use highwater_runner::{Interrupt, RunnerError, run_id};
use highwater_store::{FolderLock, StoreError, one_line};
use rustix::process::{Pid, Signal, kill_process};

use super::{Arguments, revisions::Revision};
use crate::{
    CliError,
    ab::{Checkout, Workspace, benches},
    paths::RunFolder,
    record,
};

/// How often a running program is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// On a terminal, Ctrl-C reaches the programs too. Elsewhere they are asked to stop after this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why there is no run of a revision.
pub(super) enum Unmeasurable {
    /// It cannot be measured. The others can.
    Revision(String),
    /// The whole command ends.
    Command(CliError),
}

impl From<CliError> for Unmeasurable {
    fn from(error: CliError) -> Self {
        Self::Command(error)
    }
}

/// What was stored of a revision.
pub(super) struct Stored {
    pub(super) values: usize,
    pub(super) cases: usize,
    /// What of it could not be measured.
    pub(super) problem: Option<String>,
}

/// What is measured of each revision, and where.
pub(super) struct Measurement<'a> {
    workspace: &'a Workspace,
    folder: &'a Path,
    arguments: &'a Arguments,
    policy: &'a Policy,
    interrupt: &'a Interrupt,
}

impl<'a> Measurement<'a> {
    pub(super) fn new(
        workspace: &'a Workspace,
        folder: &'a Path,
        arguments: &'a Arguments,
        policy: &'a Policy,
        interrupt: &'a Interrupt,
    ) -> Self {
        Self { workspace, folder, arguments, policy, interrupt }
    }

    /// Measures and stores a revision.
    pub(super) fn of(&self, revision: &Revision, progress: &ProgressLine) -> Result<Stored, Unmeasurable> {
        let label = revision.label();
        progress.at(&label, "building", 0.0);
        let checkout = Checkout::at(&revision.commit, self.workspace, &self.folder.join("worktree"))?;
        if !checkout.folder.join("Cargo.toml").is_file() {
            return Err(Unmeasurable::Revision("it has no Cargo.toml".to_owned()));
        }
        let mut log = self.log(&label)?;
        let benches = self.build(&checkout, &mut log, progress)?;
        // Another run would affect the results.
        let _lock =
            FolderLock::take(&self.workspace.target.join("highwater"), |line| note(line)).map_err(CliError::from)?;
        let (mut records, mut problems) = (Vec::new(), Vec::new());
        let count = benches.len();
        for (index, (name, program)) in benches.into_iter().enumerate() {
            progress.at(&label, format_args!("measuring {name}"), 0.8 + 0.2 * index as f64 / count as f64);
            match self.run(&name, &program, &checkout, &mut log, progress) {
                Ok(of_bench) => records.extend(of_bench),
                Err(Unmeasurable::Revision(problem)) => problems.push(problem),
                Err(error) => return Err(error),
            }
        }
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        if records.is_empty() {
            let nothing = || match &self.arguments.filter {
                Some(filter) => format!("no case matches {filter}"),
                None => "its benches have no case".to_owned(),
            };
            return Err(Unmeasurable::Revision(problem.unwrap_or_else(nothing)));
        }
        for record in &mut records {
            // The worktree is clean, but cargo may have changed its lock file.
            let context = &mut record.fingerprint.context;
            context.insert("commit".to_owned(), label.clone());
            // Two revisions may be measured within a second.
            context.insert("run_id".to_owned(), format!("{}-{label}", run_id()));
        }
        let stored = record::store(&self.arguments.store, records, self.policy).map_err(|error| match error {
            CliError::Usage(problem) => Unmeasurable::Revision(problem),
            error => error.into(),
        })?;
        let sum = |of: fn(&record::StoredRun) -> usize| stored.iter().map(of).sum();
        Ok(Stored { values: sum(|run| run.values), cases: sum(|run| run.cases), problem })
    }

    /// The file with the output of cargo and of the benches of a revision.
    pub(super) fn log_path(&self, label: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{label}.txt"))
    }

    /// Creates the file for the output of cargo and of the benches.
    fn log(&self, label: &str) -> Result<Log, CliError> {
        let path = self.log_path(label);
        let created = path.parent().map_or(Ok(()), fs::create_dir_all);
        let file = created.and_then(|()| File::create(&path));
        let file = file.map_err(|source| CliError::Io { path: path.clone(), source })?;
        Ok(Log { path, file })
    }

    /// Builds the benches and returns their programs by name.
    fn build(
        &self,
        checkout: &Checkout,
        log: &mut Log,
        progress: &ProgressLine,
    ) -> Result<Vec<(String, PathBuf)>, Unmeasurable> {
        let target = self.folder.join("target");
        let mut command = self.workspace.build_command(&checkout.folder, &self.arguments.package, &target);
        let mut output = tempfile::tempfile().map_err(|source| log.error(source))?;
        command.stdout(output.try_clone().map_err(|source| log.error(source))?);
        let status = self.finish(&mut command, log, progress)?;
        let written = log.read()?;
        if !status.success() {
            let error = written.lines().find(|line| line.starts_with("error")).unwrap_or("cargo failed").to_owned();
            let reason = match error.contains("did not match any packages") {
                true => format!("it has no package {}", self.arguments.package.join(" or ")),
                false => format!("it does not build: {}", one_line(&error)),
            };
            return Err(Unmeasurable::Revision(reason));
        }
        let mut text = String::new();
        output.rewind().and_then(|()| output.read_to_string(&mut text)).map_err(|source| log.error(source))?;
        let built = benches(&text).map_err(CliError::from)?;
        match built.is_empty() {
            true => Err(Unmeasurable::Revision("it has no bench".to_owned())),
            false => Ok(built.into_iter().map(|(name, bench)| (name, bench.program)).collect()),
        }
    }

    /// Runs a bench and returns its records; none if it has no case that matches.
    fn run(
        &self,
        name: &str,
        program: &Path,
        checkout: &Checkout,
        log: &mut Log,
        progress: &ProgressLine,
    ) -> Result<Vec<Record>, Unmeasurable> {
        let target = self.folder.join("run");
        let folder = target.join("highwater");
        remove_records(&folder)?;
        let mut command = Command::new(program);
        command.current_dir(&checkout.folder).args(["--bench", "--memory-only", "--quick"]);
        command.args(&self.arguments.filter).env("HIGHWATER_TARGET_DIR", &target);
        command.stdout(log.file.try_clone().map_err(|source| log.error(source))?);
        let before = log.read()?.len();
        let status = self.finish(&mut command, log, progress)?;
        if !status.success() {
            let written = log.read()?;
            let own = written.get(before..).unwrap_or_default();
            let error = own.lines().find(|line| line.starts_with("error")).map_or(status.to_string(), one_line);
            return Err(Unmeasurable::Revision(format!("{name} failed: {error}")));
        }
        match RunFolder::at(&folder).records() {
            Ok(records) => Ok(records),
            Err(CliError::NoRun(_)) => Ok(Vec::new()),
            Err(CliError::Store(StoreError::Older { found, .. } | StoreError::Newer { found, .. })) => {
                let problem = format!("{name} has another Highwater, whose records have schema version {found}");
                Err(Unmeasurable::Revision(format!("{problem}; this command reads version {SCHEMA_VERSION}")))
            }
            Err(CliError::Store(StoreError::Malformed { problem, .. })) => Err(Unmeasurable::Revision(format!(
                "{name} has another Highwater, whose record cannot be read: {problem}"
            ))),
            Err(error) => Err(error.into()),
        }
    }

    /// Runs a program until it ends, or until the user interrupts.
    fn finish(&self, command: &mut Command, log: &Log, progress: &ProgressLine) -> Result<ExitStatus, CliError> {
        command.stdin(Stdio::null()).stderr(log.file.try_clone().map_err(|source| log.error(source))?);
        let name = command.get_program().to_string_lossy().into_owned();
        let error = |source| CliError::Io { path: PathBuf::from(&name), source };
        let mut child = command.spawn().map_err(error)?;
        let mut interrupted: Option<Instant> = None;
        let mut last_tick = Instant::now();
        loop {
            let status = child.try_wait().map_err(error)?;
            if self.interrupt.raised() {
                if status.is_some() {
                    return Err(RunnerError::Interrupted.into());
                }
                let since = interrupted.get_or_insert_with(Instant::now);
                if since.elapsed() > PATIENCE {
                    // It may have ended meanwhile.
                    let _ = Pid::from_raw(child.id() as i32).map(|pid| kill_process(pid, Signal::TERM));
                    child.wait().map_err(error)?;
                    return Err(RunnerError::Interrupted.into());
                }
            } else if let Some(status) = status {
                return Ok(status);
            }
            if last_tick.elapsed() > Duration::from_secs(1) {
                last_tick = Instant::now();
                progress.tick();
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
}

/// The output of cargo and of the benches of a revision.
struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    fn error(&self, source: io::Error) -> CliError {
        CliError::Io { path: self.path.clone(), source }
    }

    fn read(&self) -> Result<String, CliError> {
        let bytes = fs::read(&self.path).map_err(|source| self.error(source))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Removes the records of the revision before, and what the folder knows of its run.
fn remove_records(folder: &Path) -> Result<(), CliError> {
    let error = |source: io::Error| CliError::Io { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(error)?,
    };
    for entry in entries {
        let path = entry.map_err(error)?.path();
        if path.extension().is_some_and(|extension| extension == "json") || path.ends_with("last-run") {
            fs::remove_file(&path).map_err(|source| CliError::Io { path, source })?;
        }
    }
    Ok(())
}
