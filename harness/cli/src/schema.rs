//! `highwater schema`: the JSON schema of records.

use highwater_model::{self as model, exit};

use super::{CliError, say};

/// Print the JSON schema of records and baselines
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(_arguments: &Arguments) -> Result<u8, CliError> {
    say(&format!("{:#}", model::json_schema()))?;
    Ok(exit::HELD)
}
