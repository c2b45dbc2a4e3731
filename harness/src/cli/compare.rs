//! `highwater compare`: judges a run against the baselines.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

use super::{
    CliError, again, baselines,
    output::Output,
    places::{Rules, RunFolder},
};
use crate::{
    judge::{Comparison, NoBaseline, compare_family},
    model::MachineClass,
    report::export::Results,
};

/// Judge a run against the baselines kept in git
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunFolder,
    #[command(flatten)]
    rules: Rules,
    /// Fail on what is unconfirmed too (exit status 5)
    #[arg(long)]
    strict: bool,
    /// Judge the records as they are: measure nothing again to confirm what was found
    #[arg(long)]
    no_confirm: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    arguments.output.check()?;
    let policy = arguments.rules.policy()?;
    let folder = arguments.run.path();
    let runs = arguments.run.records()?;
    let mut comparison = Comparison { strict: arguments.strict, ..Comparison::default() };
    let mut files = BTreeMap::new();
    for run in &runs {
        let baseline = baselines::find(&arguments.rules.baselines, run)?;
        let class = baseline.as_ref().map_or(&run.fingerprint.class, |baseline| &baseline.fingerprint.class);
        files.insert(run.family.clone(), file(&arguments.rules.baselines, class, &run.family));
        match baseline {
            Some(baseline) => comparison.families.push(match arguments.no_confirm {
                true => compare_family(&baseline, run, &policy),
                false => again::judge(&folder, &baseline, run, &policy)?,
            }),
            None => comparison.without_baseline.push(NoBaseline {
                other_classes: baselines::classes(&arguments.rules.baselines, &run.family),
                class: run.fingerprint.class.clone(),
                family: run.family.clone(),
            }),
        }
    }
    let results = Results { comparison: &comparison, runs: &runs, policy: &policy, files: &files };
    arguments.output.deliver(&results)?;
    Ok(comparison.exit_status())
}

/// The file of a baseline, seen from the working directory where it is below it.
fn file(baselines: &Path, class: &MachineClass, family: &str) -> PathBuf {
    let path = baselines::path(baselines, class, family);
    match env::current_dir() {
        Ok(here) => path.strip_prefix(here).map(Path::to_owned).unwrap_or(path),
        Err(_) => path,
    }
}
