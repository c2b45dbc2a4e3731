//! `highwater trend`: change points and creep in a history store.

mod export;
mod findings;
mod series;

use std::path::{Path, PathBuf};

use highwater_model::exit;
use highwater_report::{
    TrendReport, escape,
    terminal::{highwater_command, next, note, print_as_it_is, quoted},
    trend_json, trend_text,
};
use regex::Regex;

use self::{export::Export, series::Store};
use super::{CliError, Format, paths::BaselineOptions, print};

/// Show where the quantities in a history store changed, and which grow slowly
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status:
  0  success; with --gate, nothing rose since the last blessing
  1  internal error
  2  usage error
  3  a quantity rose, or creeps, and no blessing accepted it (--gate)")]
pub(super) struct Arguments {
    /// Only cases that match this regular expression
    #[arg(value_name = "CASE")]
    case: Option<String>,
    /// Folder of the store that `highwater record` writes to
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Fail if a quantity rose, or creeps, after the last blessing of its case
    #[arg(long)]
    gate: bool,
    /// Show all findings
    #[arg(long)]
    verbose: bool,
    /// Format of the output
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Also write the series for another tool: otava=DIR (Apache Otava) or conbench=FILE (Conbench); may be repeated
    #[arg(long, value_name = "NAME=PATH")]
    export: Vec<Export>,
    #[command(flatten)]
    baselines: BaselineOptions,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let filter = arguments.case.as_deref().map(Regex::new).transpose().map_err(|_| {
        let text = arguments.case.as_deref().unwrap_or_default();
        CliError::Usage(format!("CASE: `{text}` is not a regular expression"))
    })?;
    let store = store(&arguments.store, filter.as_ref())?;
    for export in &arguments.export {
        export.write(&store)?;
    }
    let report = findings::judge(store, &arguments.baselines.folder)?;
    match arguments.format {
        Format::Table => {
            print(&trend_text(&report, arguments.verbose));
            hint(arguments, &report);
        }
        Format::Json => print_as_it_is(&trend_json(&report)),
    }
    let fails = arguments.gate && report.findings.iter().any(|finding| finding.fails());
    Ok(if fails { exit::REGRESSED } else { exit::PASSED })
}

/// Reads a store and judges its series, those of the selected cases. Skipped files are noted.
///
/// # Errors
/// If there is no store, or no run of a selected case in it.
pub(super) fn read(folder: &Path, filter: Option<&Regex>, baselines: &Path) -> Result<TrendReport, CliError> {
    findings::judge(store(folder, filter)?, baselines)
}

/// The series of the selected cases.
fn store(folder: &Path, filter: Option<&Regex>) -> Result<Store, CliError> {
    let empty =
        |what: &str| CliError::Usage(format!("{}: {what}; record a run with `highwater record`", folder.display()));
    if !folder.is_dir() {
        return Err(empty("no history store"));
    }
    let read = series::read(folder, &|case| filter.is_none_or(|filter| filter.is_match(case)))?;
    for skipped in &read.skipped {
        note(format_args!("note: skipping {skipped}"));
    }
    match (read.series.is_empty(), filter) {
        (true, None) => Err(empty("it contains no run")),
        (true, Some(filter)) => Err(empty(&format!("no case in it matches {filter}"))),
        (false, _) => Ok(read),
    }
}

fn hint(arguments: &Arguments, report: &TrendReport) {
    match report.findings.iter().find(|finding| finding.fails()) {
        Some(finding) if finding.creep.is_none() => {
            let commit: String = finding.begin.commit.chars().take(12).collect();
            next(&format!("git show {commit}"), "the change; if it is intended, run `highwater bless`");
        }
        Some(finding) => {
            let commit: String = finding.begin.commit.chars().take(12).collect();
            let case = quoted(&format!("^{}$", finding.case));
            next(&highwater_command(&format!("ab {commit} {case}")), "compare with the revision where it began");
        }
        None => {
            let store = quoted(&escape::line(&arguments.store.display().to_string()));
            next(&highwater_command(&format!("report --store {store}")), "the same as pages");
        }
    }
}
