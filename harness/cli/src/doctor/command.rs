//! The command line of `highwater doctor`.

use std::path::PathBuf;

use highwater_report::terminal::{self, next, print_as_it_is};

use super::{diagnose, table};
use crate::{CliError, Format, baselines, print};

/// Check what this machine supports, and how to fix what it does not
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folder of the baselines
    #[arg(long, value_name = "DIR", default_value = "baselines")]
    baselines: PathBuf,
    /// Format of the output
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let diagnosis = diagnose(|class| baselines::families(&arguments.baselines, class));
    match arguments.format {
        Format::Table => {
            print(&table::diagnosis_table(&diagnosis, terminal::width()));
            next("cargo bench -- --memory-only", "measure the memory of all families");
        }
        Format::Json => print_as_it_is(&table::diagnosis_json(&diagnosis)),
    }
    Ok(diagnosis.exit_status())
}
