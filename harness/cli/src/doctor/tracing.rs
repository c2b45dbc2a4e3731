//! Whether this machine permits what `highwater exec` does: it traces this executable, which prints its version, from the
//! first instruction to the exit.

use std::env;

use highwater_model::Outcome;
use highwater_runner::{CpuPlan, Observed, RunnerError};
use highwater_worker::{Layout, Program, UnmodifiedProgram};

use super::{
    check::Check,
    trial::{job, supervisor},
};

/// The stages that every traced program has.
const START: &str = "start";
const EXIT: &str = "exit";

/// What became of the traced program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tracing {
    /// It ran, and was read at these stages.
    Read(Vec<String>),
    /// It was not run, or failed.
    Failed(String),
}

impl Tracing {
    pub(super) fn read() -> Self {
        Self::trace().unwrap_or_else(|error| Self::Failed(error.to_string()))
    }

    fn trace() -> Result<Self, RunnerError> {
        let system = |what| move |source| RunnerError::System { what, source };
        let supervisor = supervisor(CpuPlan::new().map_err(system("choose CPUs"))?)?;
        let path = env::current_exe().map_err(system("find this executable"))?.into_os_string();
        let program = UnmodifiedProgram {
            name: path.clone(),
            path,
            args: vec!["--version".into()],
            folder: "/".into(),
            stages: Vec::new(),
            stop_after: None,
            read_every: None,
        };
        let (observed, _) = supervisor.run(&job(Program::Unmodified(program), START)?, Layout::default())?;
        Ok(match observed {
            Observed::Sample(sample) if sample.outcome == Outcome::Completed => {
                Self::Read(sample.readings.iter().map(|reading| reading.stage.to_string()).collect())
            }
            Observed::Sample(sample) => Self::Failed(sample.outcome.to_string()),
            Observed::NotRun(reason) => Self::Failed(reason),
        })
    }

    pub(super) fn check(&self) -> Check {
        const NAME: &str = "tracing (ptrace)";
        const ALLOW: &str = "permit ptrace: in a container with `--security-opt seccomp=unconfined`; on the machine, \
                             kernel.yama.ptrace_scope must be below 3";
        match self {
            Self::Read(stages) if *stages == [START, EXIT] => {
                Check::good(NAME, "a program is read at its first instruction and before its exit")
            }
            Self::Read(stages) => Check::limits(
                NAME,
                format!("a program is read at: {}", stages.join(", ")),
                "`highwater exec` has no reading before the exit; use `--stage` or `--for`",
                ALLOW,
            ),
            Self::Failed(reason) => Check::limits(NAME, reason, "`highwater exec` and `run` measure nothing", ALLOW),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Grade, *};

    #[test]
    fn only_a_program_that_was_read_at_both_ends_is_good() {
        let read = |stages: &[&str]| Tracing::Read(stages.iter().map(|stage| (*stage).to_owned()).collect());
        assert_eq!(read(&[START, EXIT]).check().grade, Grade::Good);
        let without_exit = read(&[START]).check();
        assert_eq!(without_exit.grade, Grade::Limits);
        assert!(without_exit.cost.contains("--for"), "{without_exit:?}");
        let refused = Tracing::Failed("the system does not permit tracing it".into()).check();
        assert!(refused.grade == Grade::Limits && refused.fix.contains("ptrace"), "{refused:?}");
    }
}
