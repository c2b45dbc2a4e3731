//! `highwater bless`: makes a run the baseline of its machine class, after printing what that changes.

use std::{collections::BTreeMap, fs, path::PathBuf, time::SystemTime};

use globset::{Glob, GlobMatcher};
use highwater_judge::{FamilyComparison, Keep, Policy, compare_family};
use highwater_model::{Baseline, Blessing, CaseId, Record};
use highwater_report as report;
use highwater_store::{FolderLock, Staged, StoreError, stage_baseline};

use super::{
    CliError, baselines,
    objections::Allowed,
    places::{Rules, RunFolder},
    say,
};

/// Make the run the baseline of this machine class, with a reason for those who read the diff
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Update only cases whose id matches this glob, and leave the rest of the baseline as it is
    #[arg(value_name = "CASE-GLOB", value_parser = Glob::new)]
    cases: Option<Glob>,
    /// Why memory is now what it is
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    run: RunFolder,
    #[command(flatten)]
    rules: Rules,
    /// Print what would change, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    allowed: Allowed,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let reason = arguments.reason.trim();
    if reason.is_empty() {
        return Err(CliError::NotBlessed("the reason is empty".into()));
    }
    let folder = &arguments.rules.baselines;
    let waiting = |line: &str| eprintln!("{line}");
    // Two that bless at once each see what they replace. Before the folder is made there is nothing to see.
    let lock = if folder.is_dir() && !arguments.dry_run { Some(FolderLock::take(folder, waiting)?) } else { None };
    let policy = arguments.rules.policy()?;
    let part = arguments.cases.as_ref().map(Part::new);
    let mut candidates = Vec::new();
    for run in arguments.run.last_run()? {
        if part.as_ref().is_none_or(|part| run.cases.iter().any(|case| part.has(&case.id))) {
            candidates.push(Candidate::new(run, arguments, part.as_ref(), &policy)?);
        }
    }
    if let (Some(part), true) = (&part, candidates.is_empty()) {
        return Err(CliError::NotBlessed(format!("no case of the run matches `{}`", part.text)));
    }

    // All are checked before the first is written.
    let runs: Vec<&Record> = candidates.iter().map(|candidate| &candidate.run).collect();
    let objection = candidates.iter().find_map(|candidate| candidate.objection(arguments.allowed, part.as_ref()));
    if let Some(objection) = objection.or_else(|| arguments.allowed.objection_to_sources(&runs, folder)) {
        return Err(CliError::NotBlessed(objection));
    }
    for candidate in &candidates {
        say(&report::blessing_table(&candidate.run, &candidate.changes))?;
    }
    if arguments.dry_run {
        return Ok(highwater_model::exit::HELD);
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
    let blessing = Blessing { reason: reason.to_owned(), at, cases: part.map(|part| part.text) };
    for path in candidates.iter().filter_map(|candidate| candidate.path.parent()) {
        lock.sweep(path);
    }
    let staged: Vec<(PathBuf, PathBuf, Staged)> =
        candidates.into_iter().map(|candidate| candidate.stage(&blessing)).collect::<Result<_, _>>()?;
    for (path, old, staged) in staged {
        staged.commit()?;
        say(&format!("written to {}", path.display()))?;
        if old.is_file() {
            fs::remove_file(&old).map_err(|source| CliError::Io { path: old.clone(), source })?;
            say(&format!("removed {}, a baseline of the form before", old.display()))?;
        }
    }
    Ok(highwater_model::exit::HELD)
}

/// The cases of a partial bless.
pub(super) struct Part {
    text: String,
    glob: GlobMatcher,
}

impl Part {
    fn new(glob: &Glob) -> Self {
        Self { text: glob.glob().to_owned(), glob: glob.compile_matcher() }
    }

    pub(super) fn has(&self, case: &CaseId) -> bool {
        self.glob.is_match(case.as_str())
    }
}

/// One family's run on its way to become a baseline.
struct Candidate {
    path: PathBuf,
    old: PathBuf,
    run: Record,
    present: Option<Baseline>,
    /// The baseline that it would be.
    next: Baseline,
    changes: FamilyComparison,
}

impl Candidate {
    fn new(mut run: Record, arguments: &Arguments, part: Option<&Part>, policy: &Policy) -> Result<Self, CliError> {
        let folder = &arguments.rules.baselines;
        let class = &run.fingerprint.class;
        let path = baselines::path(folder, class, &run.family);
        let old = baselines::old_path(folder, class, &run.family);
        let present = match baselines::read(folder, class, &run.family) {
            // What it replaces is no reason to refuse.
            Err(StoreError::OldBaseline { .. }) if part.is_none() => None,
            present => present?,
        };
        if let Some(part) = part {
            if present.is_none() {
                let problem = format!("{}: there is no baseline to update a part of; bless the family", run.family);
                return Err(CliError::NotBlessed(problem));
            }
            if let Some(present) = present.as_ref().filter(|present| present.reference != run.reference) {
                return Err(CliError::NotBlessed(format!(
                    "{}: growth is measured from {}, and from {} in the baseline; bless the family",
                    run.family, run.reference, present.reference
                )));
            }
            run.cases.retain(|case| part.has(&case.id));
        }
        let measured = baselines::of_run(&run, policy, Keep::Gated);
        let nothing = Baseline { cases: BTreeMap::new(), ..measured.clone() };
        let known = present.as_ref().unwrap_or(&nothing);
        let mut compared = known.clone();
        if let Some(part) = part {
            compared.cases.retain(|id, _| part.has(id));
        }
        let changes = compare_family(&compared, &run, policy);
        // A case that cannot run here keeps what is known of it; so does what a partial bless leaves out, or the filter
        // of its run.
        let is_filtered = run.selection.filter.is_some();
        let not_run = |id: &CaseId| run.case(id.as_str()).map_or(is_filtered, |case| case.not_run.is_some());
        let is_left = |id: &CaseId| not_run(id) || part.is_some_and(|part| !part.has(id));
        let header = if part.is_some() { known } else { &measured };
        let mut next = Baseline { cases: BTreeMap::new(), ..header.clone() };
        next.cases =
            known.cases.iter().filter(|(id, _)| is_left(id)).map(|(id, case)| (id.clone(), case.clone())).collect();
        next.cases.extend(measured.cases);
        Ok(Self { path, old, run, present, next, changes })
    }

    fn objection(&self, allowed: Allowed, part: Option<&Part>) -> Option<String> {
        allowed.objection(&self.run, self.present.as_ref(), &self.changes, part.is_some())
    }

    fn stage(mut self, blessing: &Blessing) -> Result<(PathBuf, PathBuf, Staged), StoreError> {
        self.next.blessings.push(blessing.clone());
        Ok((self.path.clone(), self.old, stage_baseline(&self.path, &self.next)?))
    }
}
