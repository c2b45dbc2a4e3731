//! `highwater schema`: prints the JSON schema of records.

use highwater_model::{self as model, exit};

use highwater_report::terminal::print_as_it_is;

use super::CliError;

/// Print the JSON schema of records
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(_arguments: &Arguments) -> Result<u8, CliError> {
    print_as_it_is(&format!("{:#}", model::json_schema()));
    Ok(exit::PASSED)
}
