//! Runs all checks and combines them into a diagnosis.

use highwater_model::{MachineClass, exit};
use highwater_runner as runner;
use serde::Serialize;

use super::{
    call_stacks::CallStacks,
    cgroup::Cgroup,
    check::{Check, Grade},
    environment::Environment,
    gates::Gates,
    kernel::Kernel,
    limits::ResourceLimits,
    memory::Memory,
    tracing::Tracing,
    trial::Trial,
    visibility::Visibility,
    worker,
};

/// The result of all checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Diagnosis {
    /// The machine class of runs on this machine.
    pub(super) machine_class: MachineClass,
    /// All checks.
    pub(super) checks: Vec<Check>,
    /// Which metrics can be gated.
    pub(super) gates: Gates,
}

impl Diagnosis {
    /// [`exit::PASSED`] if Highwater can measure here, even with limitations, otherwise [`exit::INTERNAL`].
    #[must_use]
    pub(super) fn exit_status(&self) -> u8 {
        match self.checks.iter().any(|check| check.grade == Grade::Broken) {
            true => exit::INTERNAL,
            false => exit::PASSED,
        }
    }
}

/// Runs all checks. `baselines` returns the families that have a baseline for a machine class.
pub(super) fn diagnose(baselines: impl Fn(&MachineClass) -> Vec<String>) -> Diagnosis {
    let trial = Trial::run();
    let machine_class = runner::machine_class(trial.aslr_off());
    let mut checks = Environment::read(&machine_class, baselines).checks();
    checks.push(Kernel::read().check());
    checks.extend(worker::checks(&trial, &machine_class.thp));
    checks.extend(Memory::read(&machine_class.thp).checks());
    checks.push(CallStacks::read().check());
    checks.push(Tracing::read().check());
    checks.push(Cgroup::read().check());
    checks.extend(Visibility::read().checks());
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
    fn only_broken_checks_fail() {
        assert_eq!(diagnosis(&[Grade::Good, Grade::Limits]).exit_status(), exit::PASSED);
        assert_eq!(diagnosis(&[Grade::Good, Grade::Broken, Grade::Limits]).exit_status(), exit::INTERNAL);
    }
}
