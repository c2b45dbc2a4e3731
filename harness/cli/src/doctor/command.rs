//! `highwater doctor`: what this machine grants, and what each refusal costs.

use std::path::PathBuf;

use super::{examine, table};
use crate::{CliError, Format, baselines, say};

/// Check what this machine grants, and say what each refusal costs and what helps
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folder of the baselines
    #[arg(long, value_name = "DIR", default_value = "baselines")]
    baselines: PathBuf,
    /// How to print the result
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let diagnosis = examine(|class| baselines::families(&arguments.baselines, class));
    match arguments.format {
        Format::Table => say(&table::diagnosis_table(&diagnosis))?,
        Format::Json => say(&table::diagnosis_json(&diagnosis))?,
    }
    Ok(diagnosis.exit_status())
}
