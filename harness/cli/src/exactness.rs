//! `highwater exactness`: prints the number of distinct values across workers.

use highwater_model::{Metric, exit};
use highwater_report::{
    self as report,
    terminal::{highwater_command, next},
};

use super::{CliError, paths::RunFolder, print, width};

/// Show the number of distinct values across workers, by case and metric (1 is exact)
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunFolder,
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
    for record in arguments.run.records()? {
        print(&report::exactness_table(&record, &arguments.metrics, width()));
    }
    next(&highwater_command("calibrate"), "the error rates of the gate on this machine");
    Ok(exit::PASSED)
}
