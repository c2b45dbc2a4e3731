//! The policy (`baselines/policy.toml`): which aspects of which metrics of which cases are gated, with what tolerance
//! and under what budget. A later rule overrides the settings that it names.

mod defaults;
mod file;

use std::{
    io,
    path::{Path, PathBuf},
};

use file::Rule;
use globset::GlobSet;
use highwater_model::{Aspect, Bytes, CaseId, Quantity};
use highwater_store::{one_line, read_file};
use serde::{Deserialize, Serialize};

/// The largest policy that is read.
const MAX_SIZE: Bytes = Bytes(1 << 20);

/// Why a policy could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file could not be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The file is not a valid policy.
    #[error("{path}: {problem}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The problem and its line.
        problem: String,
    },
}

/// What happens if an aspect changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A rise fails the gate.
    Gate,
    /// A change is reported and fails nothing. The values are kept in the baseline, as if they were gated.
    Watch,
    /// A change is reported where the other side has the value, and fails nothing. Baselines do not keep it.
    Report,
    /// The aspect is not judged.
    Ignore,
}

/// The rules in force.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    rules: Vec<Rule>,
    /// Ignore aspects that would only be reported.
    only_gated: bool,
}

/// The settings for one aspect of one quantity of one case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Applied {
    /// Gate, report or ignore.
    pub mode: Mode,
    /// A rise of at most this many bytes (or counts) is tolerated.
    pub tolerance: f64,
    /// A rise of at most this percentage of the baseline is tolerated.
    pub tolerance_percent: f64,
    /// The largest value that the run may have, whatever the baseline.
    pub budget: Option<f64>,
}

impl Applied {
    /// The largest rise over `baseline` that is tolerated: the larger of the two tolerances.
    #[must_use]
    pub fn allowed(&self, baseline: f64) -> f64 {
        self.tolerance.max(baseline.abs() * self.tolerance_percent / 100.0)
    }
}

/// Whether an aspect is gated where no rule of a policy says otherwise.
pub(super) fn is_gated_by_default(quantity: Quantity, aspect: &Aspect) -> bool {
    defaults::mode(quantity, aspect) == Mode::Gate
}

/// The largest value of a quantity that counts as 0 in a baseline, in either direction.
pub(super) fn negligible(quantity: Quantity) -> f64 {
    defaults::negligible(quantity)
}

impl Policy {
    /// Whether a run must have this case of the baseline. Cases that a rule marks as gone are not expected.
    #[must_use]
    pub fn expects(&self, case: &CaseId) -> bool {
        !self.rules.iter().any(|rule| rule.gone && rule.case.as_ref().is_none_or(|glob| glob.is_match(case.as_str())))
    }

    /// Whether a case of the baseline may be left unmeasured for this reason: some machines cannot run it.
    #[must_use]
    pub fn allows_not_run(&self, case: &CaseId, reason: &str) -> bool {
        self.rules.iter().any(|rule| {
            rule.not_run.as_ref().is_some_and(|glob| glob.is_match(reason))
                && rule.case.as_ref().is_none_or(|glob| glob.is_match(case.as_str()))
        })
    }

    /// Who answers for a value of a case, or for the case as a whole: the last rule that names an owner decides.
    #[must_use]
    pub fn owner(&self, case: &CaseId, subject: Option<(Quantity, &Aspect)>) -> Option<&str> {
        let matches = |rule: &&Rule| {
            let of_subject = match subject {
                Some((quantity, aspect)) => {
                    rule.metric.as_ref().is_none_or(|glob| glob.is_match(quantity.to_string()))
                        && rule.aspect.is_none_or(|word| word.matches(aspect))
                }
                None => rule.metric.is_none() && rule.aspect.is_none(),
            };
            of_subject && rule.case.as_ref().is_none_or(|glob| glob.is_match(case.as_str()))
        };
        self.rules.iter().rev().filter(|rule| rule.owner.is_some()).find(matches)?.owner.as_deref()
    }

    /// Whether any rule names an owner.
    #[must_use]
    pub fn has_owners(&self) -> bool {
        self.rules.iter().any(|rule| rule.owner.is_some())
    }

    /// Reads a policy. The defaults apply to whatever no rule names; `baselines/policy.toml` of this project lists
    /// them.
    ///
    /// # Errors
    /// One line that names the file and the problem.
    pub fn read(path: &Path) -> Result<Self, PolicyError> {
        let malformed = |problem: String| PolicyError::Malformed { path: path.to_owned(), problem: one_line(&problem) };
        let text = read_file(path, MAX_SIZE).map_err(|source| PolicyError::Io { path: path.to_owned(), source })?;
        let text = String::from_utf8(text).map_err(|error| malformed(error.to_string()))?;
        Ok(Self { rules: file::parse(&text).map_err(malformed)?, only_gated: false })
    }

    /// Reads `given`, or else `policy.toml` in the folder of the baselines. Without either, the policy has no rules.
    ///
    /// # Errors
    /// As [`Policy::read`]; a dangling symbolic link is an error, not a missing policy.
    pub fn find(given: Option<&Path>, baselines: &Path) -> Result<Self, PolicyError> {
        let beside = baselines.join("policy.toml");
        match given {
            Some(path) => Self::read(path),
            None if beside.symlink_metadata().is_ok() => Self::read(&beside),
            None => Ok(Self::default()),
        }
    }

    /// The same policy, but aspects that it would only report are ignored.
    #[must_use]
    pub fn only_gated(self) -> Self {
        Self { only_gated: true, ..self }
    }

    /// The settings that apply to an aspect of a quantity of a case.
    #[must_use]
    pub fn applied(&self, case: &CaseId, quantity: Quantity, aspect: &Aspect) -> Applied {
        let mut applied = Applied {
            mode: defaults::mode(quantity, aspect),
            tolerance: defaults::tolerance(quantity, aspect),
            tolerance_percent: 0.0,
            budget: None,
        };
        let name = quantity.to_string();
        for rule in &self.rules {
            let matches = |glob: &Option<GlobSet>, text: &str| glob.as_ref().is_none_or(|glob| glob.is_match(text));
            let matches = matches(&rule.case, case.as_str())
                && matches(&rule.metric, &name)
                && rule.aspect.is_none_or(|word| word.matches(aspect));
            if matches {
                applied = Applied {
                    mode: rule.mode.unwrap_or(applied.mode),
                    tolerance: rule.tolerance.unwrap_or(applied.tolerance),
                    tolerance_percent: rule.tolerance_percent.unwrap_or(applied.tolerance_percent),
                    // A rule that sets the mode to something else than gate removes earlier budgets.
                    budget: rule.budget.or(applied.budget.filter(|_| rule.mode.is_none_or(|mode| mode == Mode::Gate))),
                };
            }
        }
        if self.only_gated && matches!(applied.mode, Mode::Watch | Mode::Report) {
            applied.mode = Mode::Ignore;
        }
        applied
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn policy(text: &str) -> Result<Policy, PolicyError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("policy.toml");
        fs::write(&path, text).expect("a file");
        Policy::read(&path)
    }

    fn applied(policy: &Policy, case: &str, quantity: &str, aspect: &Aspect) -> Applied {
        policy.applied(&case.parse().expect("id"), quantity.parse().expect("quantity"), aspect)
    }

    #[test]
    fn later_rules_override_only_what_they_name() {
        let policy = policy(
            "schema = 1\n[[rule]]\nmetric = \"anon\"\ntolerance = \"4 KiB\"\n\
             [[rule]]\ncase = \"f/pool*\"\nmetric = \"a*\"\naspect = \"slope\"\ntolerance_percent = 2\nbudget = \"24 KiB\"\n",
        )
        .expect("valid");
        let slope = Aspect::Slope("live".into());
        let pooled = applied(&policy, "f/pooling", "anon", &slope);
        assert_eq!((pooled.tolerance, pooled.tolerance_percent, pooled.budget), (4096.0, 2.0, Some(24576.0)));
        assert!((pooled.allowed(1_000_000.0) - 20_000.0).abs() < 1e-9);
        let other = applied(&policy, "f/on-demand", "anon", &slope);
        assert_eq!((other.tolerance, other.budget), (4096.0, None));
    }

    #[test]
    fn cases_that_are_gone_on_purpose_are_not_expected() {
        let policy = policy("schema = 1\n[[rule]]\ncase = \"f/old/*\"\ngone = true\n").expect("valid");
        let expects = |case: &str| policy.expects(&case.parse().expect("id"));
        assert_eq!(["f/old/a=1", "f/new/a=1"].map(expects), [false, true]);
        assert!(Policy::default().expects(&"f/old/a=1".parse().expect("id")));
    }

    #[test]
    fn a_case_may_be_not_run_for_the_reasons_of_its_rule() {
        let policy =
            policy("schema = 1\n[[rule]]\ncase = \"f/limit/*\"\nnot_run = \"no memory cgroup*\"\n").expect("valid");
        let allows = |case: &str, reason: &str| policy.allows_not_run(&case.parse().expect("id"), reason);
        let reason = "no memory cgroup can be made here: /sys/fs/cgroup is {read-only}";
        assert!(allows("f/limit/a=1", reason));
        assert!(!allows("f/other/a=1", reason) && !allows("f/limit/a=1", "the guest cannot be parsed"));
        assert!(!Policy::default().allows_not_run(&"f/limit/a=1".parse().expect("id"), reason));
    }

    #[test]
    fn the_last_rule_with_an_owner_decides() {
        let policy = policy(
            "schema = 1\n[[rule]]\nowner = \"runtime\"\n[[rule]]\ncase = \"f/pool*\"\nmode = \"gate\"\n\
             [[rule]]\ncase = \"f/pool*\"\nmetric = \"heap_*\"\naspect = \"slope\"\nowner = \"pooling\"\n",
        )
        .expect("valid");
        let slope = Aspect::Slope("live".into());
        let growth = Aspect::Growth("live@1".parse().expect("a stage"));
        let owner = |case: &str, subject: Option<(&str, &Aspect)>| {
            let subject = subject.map(|(quantity, aspect)| (quantity.parse().expect("a quantity"), aspect));
            policy.owner(&case.parse().expect("id"), subject).map(str::to_owned)
        };
        assert_eq!(owner("f/pooling", Some(("heap_live", &slope))).as_deref(), Some("pooling"));
        for (case, subject) in [
            ("f/pooling", Some(("heap_live", &growth))),
            ("f/pooling", Some(("vmas", &slope))),
            ("f/on-demand", Some(("heap_live", &slope))),
            ("f/pooling", None),
        ] {
            assert_eq!(owner(case, subject).as_deref(), Some("runtime"), "{case}");
        }
        assert!(policy.has_owners() && !Policy::default().has_owners());
        assert_eq!(Policy::default().owner(&"f/a".parse().expect("id"), None), None);
    }

    /// A budget does not gate changes from the baseline.
    #[test]
    fn a_budget_keeps_the_mode_and_a_report_rule_removes_it() {
        let slope = Aspect::Slope("live".into());
        let rules = "schema = 1\n[[rule]]\nmetric = \"anon\"\nbudget = 4096\n";
        let budget = |text: &str| {
            let applied = applied(&policy(text).expect("valid"), "f/c", "anon", &slope);
            (applied.mode, applied.budget)
        };
        assert_eq!(budget(rules), (Mode::Report, Some(4096.0)));
        assert_eq!(budget(&format!("{rules}[[rule]]\nmode = \"report\"\n")), (Mode::Report, None));
    }
}
