//! `highwater compare`: judges a run against the baselines.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{CliError, Format, again, baselines, default_run, read_run, say};
use crate::{
    judge::{Comparison, NoBaseline, Policy, PolicyError, compare_family},
    report,
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
    /// How to print the result
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let policy = read_policy(arguments.policy.as_deref(), &arguments.baselines)?;
    let mut comparison = Comparison { strict: arguments.strict, ..Comparison::default() };
    let folder = arguments.run.clone().unwrap_or_else(default_run);
    for run in read_run(Some(&folder))? {
        match baselines::find(&arguments.baselines, &run)? {
            Some(baseline) => comparison.families.push(match arguments.no_confirm {
                true => compare_family(&baseline, &run, &policy),
                false => again::judge(&folder, &baseline, &run, &policy)?,
            }),
            None => comparison.without_baseline.push(NoBaseline {
                other_classes: baselines::classes(&arguments.baselines, &run.family),
                class: run.fingerprint.class,
                family: run.family,
            }),
        }
    }
    match arguments.format {
        Format::Table => say(&report::comparison_text(&comparison))?,
        Format::Json => say(&report::comparison_json(&comparison))?,
    }
    Ok(comparison.exit_status())
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
