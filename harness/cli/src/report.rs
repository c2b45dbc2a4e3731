//! `highwater report`: writes the HTML report from stored records.

use std::path::PathBuf;

use highwater_model::exit;
use highwater_report::{
    escape,
    site::{self, Material, Sources},
    terminal::{next, note, print_as_it_is, quoted},
};

use super::{
    CliError,
    paths::{BaselineOptions, RunFolder},
    trend,
};

/// Write the HTML report from stored records
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunFolder,
    #[command(flatten)]
    baselines: BaselineOptions,
    /// Folder of a history store, whose findings are shown on the page of trends
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Output folder
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let sources = Sources {
        run: arguments.run.path(),
        baselines: arguments.baselines.folder.clone(),
        policy: arguments.baselines.policy.clone(),
    };
    let mut material = Material::gather(&sources)?;
    if let Some(store) = &arguments.store {
        material.trend = Some(trend::read(store, None, &arguments.baselines.folder)?);
    }
    for ignored in &material.ignored {
        note(format_args!("note: {ignored}"));
    }
    let front = site::write(&material, &arguments.out)?;
    print_as_it_is(&escape::line(&front.display().to_string()));
    next(&format!("xdg-open {}", quoted(&front.display().to_string())), "open it in a browser");
    Ok(exit::PASSED)
}
