//! `highwater compare`: judges a run against the baselines.

use std::{
    collections::BTreeMap,
    env, io,
    path::{Path, PathBuf},
};

use super::{CliError, again, baselines, default_run, output::Output, read_run};
use crate::{
    judge::{Comparison, NoBaseline, Policy, PolicyError, compare_family},
    model::MachineClass,
    report::export::Results,
};

/// Judge a run against the baselines kept in git
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Folder of the run [default: target/highwater]
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Folder of the baselines
    #[arg(long, value_name = "DIR", default_value = "baselines")]
    baselines: PathBuf,
    /// The policy [default: policy.toml in the folder of the baselines, if there is one]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
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
    let policy = read_policy(arguments.policy.as_deref(), &arguments.baselines)?;
    let folder = arguments.run.clone().unwrap_or_else(default_run);
    let runs = read_run(Some(&folder))?;
    let mut comparison = Comparison { strict: arguments.strict, ..Comparison::default() };
    let mut files = BTreeMap::new();
    for run in &runs {
        let baseline = baselines::find(&arguments.baselines, run)?;
        let class = baseline.as_ref().map_or(&run.fingerprint.class, |baseline| &baseline.fingerprint.class);
        files.insert(run.family.clone(), file(&arguments.baselines, class, &run.family));
        match baseline {
            Some(baseline) => comparison.families.push(match arguments.no_confirm {
                true => compare_family(&baseline, run, &policy),
                false => again::judge(&folder, &baseline, run, &policy)?,
            }),
            None => comparison.without_baseline.push(NoBaseline {
                other_classes: baselines::classes(&arguments.baselines, &run.family),
                class: run.fingerprint.class.clone(),
                family: run.family.clone(),
            }),
        }
    }
    let results = Results { comparison: &comparison, runs: &runs, policy: &policy, baselines: &files };
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

/// The named policy, or the one beside the baselines, or the defaults.
pub(super) fn read_policy(named: Option<&Path>, baselines: &Path) -> Result<Policy, CliError> {
    let beside = baselines.join("policy.toml");
    match named {
        Some(path) => Ok(Policy::read(path)?),
        None => match Policy::read(&beside) {
            // A link that leads nowhere was meant to be a policy.
            Err(PolicyError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && beside.symlink_metadata().is_err() =>
            {
                Ok(Policy::default())
            }
            policy => Ok(policy?),
        },
    }
}
