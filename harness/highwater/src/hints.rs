//! What to do after a run that failed.

use highwater_report::terminal::{bench_command, highwater_command, quoted};
use highwater_runner::{RunError, RunnerError};
use highwater_store::StoreError;

use crate::options::Options;

/// What to do after an error, and what for.
pub(super) fn after_error(error: &RunError, family: &str, options: &Options) -> Option<(String, &'static str)> {
    let filter = options.filter.as_ref().map(|filter| format!(" {}", quoted(filter))).unwrap_or_default();
    Some(match error {
        RunError::Runner(RunnerError::Interrupted) => {
            (bench_command(family, &own_arguments()).trim_end_matches(" -- ").to_owned(), "measure again")
        }
        RunError::Criterion(_) => (bench_command(family, &format!("--verbose{filter}")), "all output of criterion"),
        RunError::Prepare { case, .. } => {
            (bench_command(family, &format!("--test --exact {}", quoted(case))), "run this case once")
        }
        RunError::Store(StoreError::Missing(_)) => {
            let name = options.criterion.baseline.as_deref().unwrap_or("NAME");
            (bench_command(family, &format!("--save-baseline {}{filter}", quoted(name))), "save a run to compare with")
        }
        RunError::TestsFailed { first, .. } => {
            let arguments = format!("--test --memory-only --exact {}", quoted(first.as_str()));
            (bench_command(family, &arguments), "run a failed case again")
        }
        // Only a change of the source helps, and the message names it.
        RunError::DuplicateCase { .. } | RunError::Store(_) => return None,
        RunError::Runner(_) | RunError::Machine(_) | RunError::Io { .. } | RunError::Plan(_) => {
            (highwater_command("doctor"), "what this machine permits")
        }
    })
}

/// The arguments of this program as for a shell, without what cargo adds.
fn own_arguments() -> String {
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    arguments.filter(|argument| argument != "--bench").map(|it| quoted(&it)).collect::<Vec<_>>().join(" ")
}
