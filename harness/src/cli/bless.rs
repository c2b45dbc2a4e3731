//! `highwater bless`: makes a run the baseline of its machine class, after saying what that changes.

use std::{fs, path::PathBuf, time::SystemTime};

use super::{
    CliError, baselines, calibrate,
    objections::Allowed,
    places::{Rules, RunFolder},
    say,
};
use crate::{
    judge::{FamilyComparison, Policy, compare_family},
    model::{Blessing, FolderLock, Record, Staged, StoreError, stage_record},
    report,
};

/// Make the run the baseline of this machine class, with a reason for those who read the diff
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Why memory is now what it is
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    run: RunFolder,
    #[command(flatten)]
    rules: Rules,
    /// Say what would change, and write nothing
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
    let tell = |line: &str| eprintln!("{line}");
    // Two that bless at once each see what they replace. Before the folder is made there is nothing to see.
    let lock = if folder.is_dir() && !arguments.dry_run { Some(FolderLock::take(folder, tell)?) } else { None };
    let policy = arguments.rules.policy()?;
    let candidates = arguments
        .run
        .records()?
        .into_iter()
        .map(|run| Candidate::new(run, arguments, &policy))
        .collect::<Result<Vec<_>, _>>()?;

    // All are looked at before the first is written.
    let runs: Vec<&Record> = candidates.iter().map(|candidate| &candidate.run).collect();
    let objection = candidates.iter().find_map(|candidate| candidate.objection(arguments.allowed));
    if let Some(objection) = objection.or_else(|| arguments.allowed.objection_to_sources(&runs, folder)) {
        return Err(CliError::NotBlessed(objection));
    }
    for candidate in &candidates {
        say(&report::blessing_table(&candidate.run, &candidate.changes))?;
    }
    if arguments.dry_run {
        return Ok(crate::exit::HELD);
    }

    let lock = match lock {
        Some(lock) => lock,
        None => {
            let io = |source| CliError::Io { path: folder.clone(), source };
            fs::create_dir_all(folder).map_err(io)?;
            FolderLock::take(folder, tell)?
        }
    };
    let at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let blessing = Blessing { reason: reason.to_owned(), at };
    for path in candidates.iter().filter_map(|candidate| candidate.path.parent()) {
        lock.sweep(path);
    }
    let staged: Vec<(PathBuf, Staged)> =
        candidates.into_iter().map(|candidate| candidate.stage(&blessing)).collect::<Result<_, _>>()?;
    for (path, staged) in staged {
        staged.commit()?;
        say(&format!("written to {}", path.display()))?;
    }
    Ok(crate::exit::HELD)
}

/// One family's run on its way to become a baseline.
struct Candidate {
    path: PathBuf,
    run: Record,
    present: Option<Record>,
    changes: FamilyComparison,
}

impl Candidate {
    fn new(run: Record, arguments: &Arguments, policy: &Policy) -> Result<Self, CliError> {
        let class = &run.fingerprint.class;
        let path = baselines::path(&arguments.rules.baselines, class, &run.family);
        let present = baselines::read(&arguments.rules.baselines, class, &run.family)?;
        let folder = arguments.run.path();
        let calibration = calibrate::noise(&folder, &run)?;
        let mut run = run;
        for case in &mut run.cases {
            // As calibrated, or else as it was known.
            case.noise = match &calibration {
                Some(calibration) => calibration.cases.get(&case.id).cloned().unwrap_or_default(),
                None => present
                    .as_ref()
                    .and_then(|known| known.case(case.id.as_str()))
                    .map(|known| known.noise.clone())
                    .unwrap_or_default(),
            };
        }
        let nothing = || Record { cases: Vec::new(), ..run.clone() };
        let changes = compare_family(present.as_ref().unwrap_or(&nothing()), &run, policy);
        Ok(Self { path, run, present, changes })
    }

    fn objection(&self, allowed: Allowed) -> Option<String> {
        allowed.objection(&self.run, self.present.as_ref(), &self.changes)
    }

    fn stage(self, blessing: &Blessing) -> Result<(PathBuf, Staged), StoreError> {
        let staged = stage_record(&self.path, &Record { blessed: Some(blessing.clone()), ..self.run })?;
        Ok((self.path, staged))
    }
}
