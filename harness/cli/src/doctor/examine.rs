//! The whole examination: every check in the order of reading, and what they come to.

use highwater_model::{MachineClass, exit};
use highwater_runner as runner;
use serde::Serialize;

use super::{
    cgroup::Cgroup,
    check::{Check, Grade},
    gates::Gates,
    kernel::Kernel,
    limits::ResourceLimits,
    memory::Memory,
    surroundings::Surroundings,
    trial::Trial,
    worker,
};

/// What this machine grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Diagnosis {
    /// The comparability key of runs taken here.
    pub(super) machine_class: MachineClass,
    /// Everything that was looked at.
    pub(super) checks: Vec<Check>,
    /// What may be gated.
    pub(super) gates: Gates,
}

impl Diagnosis {
    /// [`exit::HELD`] where Highwater can measure, with limits or without, else [`exit::INTERNAL`].
    #[must_use]
    pub(super) fn exit_status(&self) -> u8 {
        match self.checks.iter().any(|check| check.grade == Grade::Broken) {
            true => exit::INTERNAL,
            false => exit::HELD,
        }
    }
}

/// Looks at everything. `baselines` tells which families have a baseline for a machine class.
pub(super) fn examine(baselines: impl Fn(&MachineClass) -> Vec<String>) -> Diagnosis {
    let trial = Trial::run();
    let machine_class = runner::machine_class(trial.aslr_off());
    let mut checks = Surroundings::read(&machine_class, baselines).checks();
    checks.extend(Kernel::read().checks());
    checks.extend(worker::checks(&trial, &machine_class.thp));
    checks.extend(Memory::read(&machine_class.thp).checks());
    checks.push(Cgroup::read().check());
    checks.extend(ResourceLimits::read().checks());
    let gates = Gates::of(&checks);
    Diagnosis { machine_class, checks, gates }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnosis(grades: &[Grade]) -> Diagnosis {
        let check = |grade: &Grade| Check { grade: *grade, ..Check::limits("x", "found", "cost", "fix") };
        let checks: Vec<Check> = grades.iter().map(check).collect();
        Diagnosis { machine_class: runner::machine_class(true), gates: Gates::of(&checks), checks }
    }

    #[test]
    fn limits_are_no_failure_and_one_broken_check_is() {
        assert_eq!(diagnosis(&[Grade::Good, Grade::Limits]).exit_status(), exit::HELD);
        assert_eq!(diagnosis(&[Grade::Good, Grade::Broken, Grade::Limits]).exit_status(), exit::INTERNAL);
    }
}
