//! `highwater report`: writes the report's pages from stored records.

use std::path::PathBuf;

use super::{CliError, default_run};
use crate::{
    exit,
    report::site::{self, Material, Sources},
};

/// Write the report's pages from stored records
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
    /// Folder to write to
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let sources = Sources {
        run: arguments.run.clone().unwrap_or_else(default_run),
        baselines: arguments.baselines.clone(),
        policy: arguments.policy.clone(),
    };
    let front = site::write(&Material::gather(&sources)?, &arguments.out)?;
    println!("{}", front.display());
    Ok(exit::HELD)
}
