//! `highwater exactness`: how many different values the workers of a run gave.

use std::path::PathBuf;

use super::{CliError, read_run, say};
use crate::{exit, model::Metric, report};

/// Show how many different values the workers of a run gave, by case and metric (1 is exact)
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Folder of the run [default: target/highwater]
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Metrics to show
    #[arg(
        long,
        value_name = "METRIC,...",
        value_delimiter = ',',
        default_value = "anon,page_tables,vmas,peak_anon,rss"
    )]
    metrics: Vec<Metric>,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    for record in read_run(arguments.run.as_deref())? {
        say(&report::exactness_table(&record, &arguments.metrics))?;
    }
    Ok(exit::HELD)
}
