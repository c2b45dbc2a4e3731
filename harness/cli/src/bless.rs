//! `highwater bless`: makes a run the baseline of its machine class, after printing the changes.

use std::{collections::BTreeMap, fs, path::PathBuf, time::SystemTime};

use globset::{Glob, GlobMatcher};
use highwater_judge::{FamilyComparison, Keep, Policy, compare_family, unresolved};
use highwater_model::{Baseline, Blessing, CaseId, Record};
use highwater_report::{
    self as report, escape,
    terminal::{highwater_command, next, note, quoted},
};
use highwater_store::{FolderLock, Staged, StoreError, stage_baseline};

use super::{
    CliError, baselines,
    bless_checks::Overrides,
    paths::{BaselineOptions, RunFolder},
    print,
};

/// Make a run the new baseline of this machine class
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Update only the cases that match this glob, and keep the rest of the baseline
    #[arg(value_name = "CASE-GLOB", value_parser = Glob::new)]
    cases: Option<Glob>,
    /// Why memory changed; recorded in the baseline
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    run: RunFolder,
    #[command(flatten)]
    baselines: BaselineOptions,
    /// Print the changes without writing the baseline
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    overrides: Overrides,
}

impl Arguments {
    /// The same command, but one that writes the baseline.
    fn without_dry_run(&self) -> String {
        let cases = self.cases.as_ref().map_or(String::new(), |glob| format!(" {}", quoted(glob.glob())));
        let (run, baselines) = (self.run.as_arguments(), self.baselines.as_arguments());
        format!("bless{cases} --reason {}{run}{baselines}{}", quoted(self.reason.trim()), self.overrides.as_arguments())
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let reason = arguments.reason.trim();
    if reason.is_empty() {
        return Err(CliError::NotBlessed("the reason is empty".into()));
    }
    let folder = &arguments.baselines.folder;
    let waiting = |line: &str| note(line);
    // Concurrent processes must see the baseline that they replace. Without the folder there is nothing to replace.
    let lock = if folder.is_dir() && !arguments.dry_run { Some(FolderLock::take(folder, waiting)?) } else { None };
    let policy = arguments.baselines.policy()?;
    let filter = arguments.cases.as_ref().map(CaseFilter::new);
    let mut candidates = Vec::new();
    for run in arguments.run.last_run()? {
        if filter.as_ref().is_none_or(|filter| run.cases.iter().any(|case| filter.contains(&case.id))) {
            candidates.push(Candidate::new(run, arguments, filter.as_ref(), &policy)?);
        }
    }
    if let (Some(filter), true) = (&filter, candidates.is_empty()) {
        return Err(CliError::NotBlessed(format!("no case of the run matches `{}`", filter.text)));
    }

    // Check all families before writing the first.
    let runs: Vec<&Record> = candidates.iter().map(|candidate| &candidate.run).collect();
    let refusal = candidates.iter().find_map(|candidate| candidate.refusal(arguments.overrides, filter.as_ref()));
    if let Some(reason) = refusal.or_else(|| arguments.overrides.refuse_sources(&runs, folder)) {
        return Err(CliError::NotBlessed(reason));
    }
    for candidate in &candidates {
        print(&report::blessing_text(&candidate.run, &candidate.changes));
        for unresolved in unresolved(&candidate.run, &policy) {
            note(format_args!("warning: {unresolved}"));
        }
    }
    if arguments.dry_run {
        next(&highwater_command(&arguments.without_dry_run()), "write the baseline");
        return Ok(highwater_model::exit::PASSED);
    }

    let lock = match lock {
        Some(lock) => lock,
        None => {
            let io = |source| CliError::Io { path: folder.clone(), source };
            fs::create_dir_all(folder).map_err(io)?;
            FolderLock::take(folder, waiting)?
        }
    };
    let at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let blessing = Blessing { reason: reason.to_owned(), at, cases: filter.map(|filter| filter.text) };
    for path in candidates.iter().filter_map(|candidate| candidate.path.parent()) {
        lock.sweep(path);
    }
    let staged: Vec<(PathBuf, PathBuf, Staged)> =
        candidates.into_iter().map(|candidate| candidate.stage(&blessing)).collect::<Result<_, _>>()?;
    for (path, old, staged) in staged {
        staged.commit()?;
        print(&escape::line(&format!("written to {}", path.display())));
        if old.is_file() {
            fs::remove_file(&old).map_err(|source| CliError::Io { path: old.clone(), source })?;
            print(&escape::line(&format!("removed {}, a baseline in the old format", old.display())));
        }
    }
    next(
        &format!("git diff -U0 {}", quoted(&folder.display().to_string())),
        "review it, and commit it with the change",
    );
    Ok(highwater_model::exit::PASSED)
}

/// The cases selected for a partial bless.
pub(super) struct CaseFilter {
    text: String,
    glob: GlobMatcher,
}

impl CaseFilter {
    fn new(glob: &Glob) -> Self {
        Self { text: glob.glob().to_owned(), glob: glob.compile_matcher() }
    }

    pub(super) fn contains(&self, case: &CaseId) -> bool {
        self.glob.is_match(case.as_str())
    }
}

/// A family's run that is to become its baseline.
struct Candidate {
    path: PathBuf,
    old: PathBuf,
    run: Record,
    /// The baseline to be written.
    next: Baseline,
    changes: FamilyComparison,
}

impl Candidate {
    fn new(
        mut run: Record,
        arguments: &Arguments,
        filter: Option<&CaseFilter>,
        policy: &Policy,
    ) -> Result<Self, CliError> {
        let folder = &arguments.baselines.folder;
        let class = &run.fingerprint.class;
        let path = baselines::path(folder, class, &run.family);
        let old = baselines::old_path(folder, class, &run.family);
        let present = match baselines::read(folder, class, &run.family) {
            // A full bless replaces a baseline in the old format.
            Err(StoreError::OldBaseline { .. }) if filter.is_none() => None,
            present => present?,
        };
        if let Some(filter) = filter {
            if present.is_none() {
                let problem = format!("{}: there is no baseline to update; bless the whole family first", run.family);
                return Err(CliError::NotBlessed(problem));
            }
            if let Some(present) = present.as_ref().filter(|present| present.baseline_stage != run.baseline_stage) {
                return Err(CliError::NotBlessed(format!(
                    "{}: the baseline stage is {}, but {} in the baseline; bless the whole family",
                    run.family, run.baseline_stage, present.baseline_stage
                )));
            }
            run.cases.retain(|case| filter.contains(&case.id));
        }
        let measured = baselines::of_run(&run, policy, Keep::Gated);
        let nothing = Baseline { cases: BTreeMap::new(), ..measured.clone() };
        let previous = present.as_ref().unwrap_or(&nothing);
        let mut compared = previous.clone();
        if let Some(filter) = filter {
            compared.cases.retain(|id, _| filter.contains(id));
        }
        let changes = compare_family(&compared, &run, policy);
        // Cases that were not run, that a partial bless does not name, or that the filter of its run excluded keep their
        // baseline.
        let is_filtered = run.selection.is_filtered();
        let not_run = |id: &CaseId| run.case(id.as_str()).map_or(is_filtered, |case| case.not_run.is_some());
        let is_kept = |id: &CaseId| not_run(id) || filter.is_some_and(|filter| !filter.contains(id));
        let header = if filter.is_some() { previous } else { &measured };
        let mut next = Baseline { cases: BTreeMap::new(), ..header.clone() };
        next.cases =
            previous.cases.iter().filter(|(id, _)| is_kept(id)).map(|(id, case)| (id.clone(), case.clone())).collect();
        next.cases.extend(measured.cases);
        Ok(Self { path, old, run, next, changes })
    }

    fn refusal(&self, overrides: Overrides, filter: Option<&CaseFilter>) -> Option<String> {
        overrides.refuse_run(&self.run, &self.changes, filter.is_some())
    }

    fn stage(mut self, blessing: &Blessing) -> Result<(PathBuf, PathBuf, Staged), StoreError> {
        self.next.blessings.push(blessing.clone());
        Ok((self.path.clone(), self.old, stage_baseline(&self.path, &self.next)?))
    }
}
