//! The result of measured programs for people, compared with their baselines, and what to do next.

use std::path::Path;

use highwater_judge::{Kind, Policy, baselines, compare_family};
use highwater_model::Record;
use highwater_report::{
    Reference, RunView, escape, program_text,
    terminal::{highwater_command, next},
};

use crate::{
    CliError,
    confirm::command_of,
    paths::{BaselineOptions, RunFolder},
    print, width,
};

/// Where records and baselines are, and how results are printed.
#[derive(Debug, clap::Args)]
pub(super) struct ResultFlags {
    /// Show all columns, figures and reasons
    #[arg(long)]
    verbose: bool,
    #[command(flatten)]
    pub(super) run: RunFolder,
    #[command(flatten)]
    pub(super) baselines: BaselineOptions,
}

/// What was found so far, for the hint at the end.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The first command that failed and has no baseline.
    failed: Option<String>,
    without_baseline: bool,
    flagged: bool,
    /// Whether the system did not permit a case.
    not_run: bool,
}

impl ResultFlags {
    /// Prints the result of one record, which was written to `path`.
    pub(super) fn show(
        &self,
        record: &Record,
        path: &Path,
        policy: &Policy,
        found: &mut Findings,
    ) -> Result<(), CliError> {
        let baseline = baselines::find(&self.baselines.folder, record)?;
        let comparison = baseline.as_ref().map(|baseline| compare_family(baseline, record, policy));
        let against = comparison.as_ref().map(|comparison| Reference { name: "its baseline", comparison });
        print(&program_text(record, against, RunView { width: width(), is_verbose: self.verbose }));
        print(&escape::line(&format!("written to {}", path.display())));
        let failed = record.cases.iter().find(|case| !case.failures.is_empty());
        found.not_run |= record.cases.iter().any(|case| case.not_run.is_some());
        let is_finding = |kind: Kind| kind.is_flagged() || kind == Kind::Failed;
        match &comparison {
            None => {
                found.without_baseline = true;
                let folder = path.parent().unwrap_or(Path::new("."));
                let command = failed.and_then(|case| command_of(folder, &case.id));
                found.failed = found.failed.take().or(command);
            }
            Some(family) => {
                found.flagged |= family.verdicts.iter().any(|verdict| verdict.gated && is_finding(verdict.kind));
            }
        }
        Ok(())
    }

    /// Prints what to do next.
    pub(super) fn hint(&self, found: &Findings) {
        let folders = format!("{}{}", self.run.as_arguments(), self.baselines.as_arguments());
        let highwater = |command: &str| highwater_command(&format!("{command}{folders}"));
        match found {
            Findings { not_run: true, .. } => next(&highwater_command("doctor"), "what this machine permits"),
            Findings { failed: Some(command), .. } => next(command, "run the failed command"),
            Findings { flagged: true, .. } => next(&highwater("compare"), "confirm the findings with fresh workers"),
            Findings { without_baseline: true, .. } => {
                next(&highwater("bless --reason 'first baseline'"), "compare later runs with this one");
            }
            _ => next(&highwater("compare"), "the gate: exit status 3 if memory grew"),
        }
    }
}
