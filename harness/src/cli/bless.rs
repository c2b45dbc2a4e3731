//! `highwater bless`: makes a run the baseline of its machine class.

use std::{path::PathBuf, time::SystemTime};

use super::{CliError, baselines, read_run};
use crate::model::{Blessing, Record, write_record};

/// Fewest completed workers per case of a baseline (design §4).
const FEWEST_SAMPLES: usize = 5;

/// Make the run the baseline of this machine class, with a reason for those who read the diff
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Why memory is now what it is
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Folder of the run [default: target/highwater]
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Folder of the baselines
    #[arg(long, value_name = "DIR", default_value = "baselines")]
    baselines: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let reason = arguments.reason.trim();
    if reason.is_empty() {
        return Err(CliError::NotBlessed("the reason is empty".into()));
    }
    let runs = read_run(arguments.run.as_deref())?;
    // All are looked at before the first is written.
    if let Some(objection) = runs.iter().find_map(objection) {
        return Err(CliError::NotBlessed(objection));
    }
    let at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    for run in runs {
        let path = baselines::path(&arguments.baselines, &run.fingerprint.class, &run.family);
        let blessed = Some(Blessing { reason: reason.to_owned(), at: at.clone() });
        write_record(&path, &Record { blessed, ..run })?;
        println!("{}", path.display());
    }
    Ok(crate::exit::HELD)
}

/// Why a run cannot be a baseline.
fn objection(run: &Record) -> Option<String> {
    let family = &run.family;
    if run.selection.inject.is_some() {
        return Some(format!("{family}: the run was made to dirty more memory (--inject)"));
    }
    if !run.selection.is_everything() {
        return Some(format!("{family}: the run holds only a part (filter or --ladder); measure the whole family"));
    }
    run.cases.iter().filter(|case| case.not_run.is_none()).find_map(|case| {
        let id = &case.id;
        match (case.died.len(), case.samples) {
            (0, samples) if samples < FEWEST_SAMPLES => {
                Some(format!("{id}: {samples} samples, and a baseline needs {FEWEST_SAMPLES}"))
            }
            (0, _) => None,
            (died, _) => Some(format!("{id}: {died} of its workers died")),
        }
    })
}
