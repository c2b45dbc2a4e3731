//! `highwater report`: writes the report's pages from stored records.

use std::path::PathBuf;

use highwater_model::exit;
use highwater_report::site::{self, Material, Sources};

use super::{
    CliError,
    places::{Rules, RunFolder},
};

/// Write the report's pages from stored records
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunFolder,
    #[command(flatten)]
    rules: Rules,
    /// Folder to write to
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let sources = Sources {
        run: arguments.run.path(),
        baselines: arguments.rules.baselines.clone(),
        policy: arguments.rules.policy.clone(),
    };
    let front = site::write(&Material::gather(&sources)?, &arguments.out)?;
    println!("{}", front.display());
    Ok(exit::HELD)
}
