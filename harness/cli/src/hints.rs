//! What to do next, after each command and after an error: a command to paste, and what it is for.

use highwater_judge::{Comparison, Kind, Verdict};
use highwater_model::exit;
use highwater_report::terminal::{bench_command, highwater_command, next, quoted};
use highwater_runner::RunError;
use highwater_store::StoreError;

use super::{
    CliError, command_line,
    confirm::{command_of, is_of_exec},
    paths::{BaselineOptions, RunFolder},
};

/// After `compare`.
pub(super) fn after_compare(comparison: &Comparison, run: &RunFolder, baselines: &BaselineOptions) {
    let folders = format!("{}{}", run.as_arguments(), baselines.as_arguments());
    let bless = |reason: &str| highwater_command(&format!("bless --reason {reason}{folders}"));
    // The cost of a unit says more than growth at one rung.
    let is_slope = |verdict: &Verdict| verdict.subject.as_ref().is_some_and(|it| it.aspect.word() == "slope");
    let failing: Vec<&Verdict> = comparison.verdicts().filter(|verdict| verdict.fails()).collect();
    let key = |verdict: &&&Verdict| (verdict.explanation.is_some(), verdict.kind, is_slope(verdict));
    let worst = failing.iter().rev().max_by_key(key);
    let has_bench = !comparison.families.iter().any(|family| is_of_exec(&run.path(), &family.family));
    let improved = comparison.verdicts().any(|verdict| verdict.gated && verdict.kind == Kind::Improved);
    match (worst, comparison.exit_status()) {
        (Some(verdict), _) => after_failure(verdict, &bless("TEXT"), run),
        (None, exit::NO_BASELINE) => next(&bless("'first baseline'"), "compare later runs with this one"),
        (None, exit::UNCONFIRMED) if has_bench => {
            next("cargo bench -- --memory-only", "measure again what was not confirmed");
        }
        (None, exit::UNCONFIRMED) => next(&highwater_command("exec --help"), "measure again what was not confirmed"),
        (None, _) if improved => next(&bless("TEXT"), "keep what improved: later runs are judged by it"),
        (None, _) if !has_bench => next(&highwater_command(&format!("report{folders}")), "the same as pages"),
        (None, _) => next(&highwater_command("ab HEAD~1"), "compare times too, with interleaved workers"),
    }
}

fn after_failure(verdict: &Verdict, bless: &str, run: &RunFolder) {
    let case = quoted(verdict.case.as_str());
    let command = || command_of(&run.path(), &verdict.case);
    match (&verdict.explanation, verdict.kind) {
        (Some(explanation), _) => {
            let command = explanation.command.strip_prefix("highwater ").unwrap_or(&explanation.command);
            next(&highwater_command(command), "which functions hold it; if it is intended, run `highwater bless`");
        }
        (None, Kind::Failed) => match command() {
            Some(command) => next(&command, "run the failed command"),
            None => {
                let arguments = format!("--test --memory-only --exact {case}");
                next(&bench_command(verdict.case.family(), &arguments), "run the failed case once");
            }
        },
        (None, Kind::Missing | Kind::NotRun) => {
            let command = match is_of_exec(&run.path(), verdict.case.family()) {
                true => highwater_command("exec --help"),
                false => bench_command(verdict.case.family(), "--memory-only"),
            };
            next(&command, "measure what is missing; if it is gone, run `highwater bless`");
        }
        (None, _) => next(bless, "if it is intended"),
    }
}

impl CliError {
    /// Says what to do after this error, if there is something to do.
    pub fn print_hint(&self) {
        let measure = || next("cargo bench -- --memory-only", "measure the memory of all families");
        let doctor = || next(&highwater_command("doctor"), "what this machine permits");
        match self {
            error if error.is_interrupt() => next(&highwater_command(&arguments()), "run it again"),
            Self::NoRun(_) | Self::NoProgram(_) | Self::NotExplained(_) | Self::Store(StoreError::Malformed { .. }) => {
                measure()
            }
            Self::Run(RunError::Store(_)) | Self::Store(_) | Self::History(_) | Self::Gather(_) | Self::Policy(_) => {
                help()
            }
            Self::Run(_) | Self::Isolate(_) | Self::Plan(_) | Self::Explain(_) => doctor(),
            Self::Usage(_)
            | Self::Untestable(_)
            | Self::NotBlessed(_)
            | Self::NotMerged(_)
            | Self::Archive(_)
            | Self::Io { .. }
            | Self::Site(_) => help(),
        }
    }
}

fn help() {
    let subcommand = command_line().get(1).map_or(String::new(), |word| word.to_string_lossy().into_owned());
    next(&highwater_command(&format!("{subcommand} --help")), "all options");
}

/// The arguments of this process, for a shell.
fn arguments() -> String {
    let arguments = command_line();
    let quoted: Vec<String> = arguments.iter().skip(1).map(|argument| quoted(&argument.to_string_lossy())).collect();
    quoted.join(" ")
}
