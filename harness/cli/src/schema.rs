//! `highwater schema`: prints the JSON schema of records.

use highwater_model::{self as model, exit};

use super::{CliError, print};

/// Print the JSON schema of records
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(_arguments: &Arguments) -> Result<u8, CliError> {
    print(&format!("{:#}", model::json_schema()))?;
    Ok(exit::PASSED)
}
