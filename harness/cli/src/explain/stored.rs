//! Stores call stacks in the folder of a run, where `highwater report` finds them.

use std::path::Path;

use highwater_model::{CaseId, CaseStacks, Record, RunKey, STACKS_VERSION, StageStacks};
use highwater_report::terminal::note;
use highwater_store::write_stacks;

/// Stores the stacks of a case of a run, instead of those of an earlier explanation. What cannot be written is a note,
/// because the explanation is complete without the report.
pub(super) fn store(folder: &Path, run: &Record, case: &CaseId, unit: &str, stages: Vec<StageStacks>) {
    let (run, case, unit) = (RunKey::of(run), case.clone(), unit.to_owned());
    if let Err(error) = write_stacks(folder, &CaseStacks { version: STACKS_VERSION, run, case, unit, stages }) {
        note(format_args!("note: the call stacks will not be in the report: {error}"));
    }
}
