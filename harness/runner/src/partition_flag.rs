//! The value of `--partition`: a partition, or `slice:env` and `hash:env`, for which the engine that distributes the run
//! says which part this is.

use std::env;

use highwater_model::{Partition, PartitionError, PartitionKind};

/// The word in place of the numbers.
const FROM_ENVIRONMENT: &str = "env";

/// An engine that starts the same job several times, and the variables by which a job knows its number.
struct Engine {
    name: &'static str,
    number: &'static str,
    first: Bound,
    count: &'static str,
    /// The largest number, for engines whose numbers may have gaps.
    last: Option<&'static str>,
}

/// The number of the first job.
enum Bound {
    Always(u32),
    Variable(&'static str),
}

/// Kubernetes sets no variable with the number of completions: the manifest has to.
const ENGINES: [Engine; 4] = [
    Engine { name: "GitLab", number: "CI_NODE_INDEX", first: Bound::Always(1), count: "CI_NODE_TOTAL", last: None },
    Engine {
        name: "Buildkite",
        number: "BUILDKITE_PARALLEL_JOB",
        first: Bound::Always(0),
        count: "BUILDKITE_PARALLEL_JOB_COUNT",
        last: None,
    },
    Engine {
        name: "Kubernetes",
        number: "JOB_COMPLETION_INDEX",
        first: Bound::Always(0),
        count: "JOB_COMPLETIONS",
        last: None,
    },
    Engine {
        name: "Slurm",
        number: "SLURM_ARRAY_TASK_ID",
        first: Bound::Variable("SLURM_ARRAY_TASK_MIN"),
        count: "SLURM_ARRAY_TASK_COUNT",
        last: Some("SLURM_ARRAY_TASK_MAX"),
    },
];

/// Why the value of `--partition` cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PartitionFlagError {
    /// It is not a partition.
    #[error("{0}, or slice:env or hash:env")]
    Partition(#[from] PartitionError),
    /// No engine set its variables.
    #[error(
        "none of {variables} is set: run this as one of several jobs of such an engine, or give the numbers (slice:M/N)"
    )]
    NoEngine {
        /// The variables.
        variables: String,
    },
    /// Several engines did.
    #[error("both {0} and {1} are set: give the numbers (slice:M/N)")]
    SeveralEngines(&'static str, &'static str),
    /// A variable is missing.
    #[error("{engine} set {present} but not {missing}; set that too")]
    Missing {
        /// The engine.
        engine: &'static str,
        /// The variable that is set.
        present: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
    /// A variable is not a number.
    #[error("{variable} is `{value}`, which is not a whole number")]
    NotANumber {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// The variables contradict each other.
    #[error(
        "{engine}: {number} is {value}, but the {count} jobs are numbered from {first} to {last}; use a range without gaps"
    )]
    Inconsistent {
        /// The engine.
        engine: &'static str,
        /// The variable with the number of the job.
        number: &'static str,
        /// Its value.
        value: u32,
        /// The number of jobs.
        count: u32,
        /// The number of the first one.
        first: u32,
        /// The number of the last one.
        last: u32,
    },
}

/// Parses the value of `--partition`.
///
/// # Errors
/// If it is not a partition, or the environment does not say which part this is.
pub fn partition_flag(text: &str) -> Result<Partition, PartitionFlagError> {
    parse(text, |name| env::var(name).ok().filter(|value| !value.is_empty()))
}

fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Partition, PartitionFlagError> {
    match text.split_once(':') {
        Some((kind, FROM_ENVIRONMENT)) => {
            let kind = kind.parse().map_err(|_| PartitionError::Syntax(text.to_owned()))?;
            from_environment(kind, variable)
        }
        _ => Ok(text.parse()?),
    }
}

fn from_environment(
    kind: PartitionKind,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Partition, PartitionFlagError> {
    let mut present = ENGINES.iter().filter(|engine| variable(engine.number).is_some());
    let Some(engine) = present.next() else {
        let variables = ENGINES.map(|engine| engine.number).join(", ");
        return Err(PartitionFlagError::NoEngine { variables });
    };
    if let Some(other) = present.next() {
        return Err(PartitionFlagError::SeveralEngines(engine.number, other.number));
    }
    let read = |name: &'static str| {
        let missing = PartitionFlagError::Missing { engine: engine.name, present: engine.number, missing: name };
        let value = variable(name).ok_or(missing)?;
        value.parse::<u32>().map_err(|_| PartitionFlagError::NotANumber { variable: name, value })
    };
    let (value, count) = (read(engine.number)?, read(engine.count)?);
    let first = match engine.first {
        Bound::Always(first) => first,
        Bound::Variable(name) => read(name)?,
    };
    // With no jobs at all, the last number is below the first.
    let expected = u64::from(first) + u64::from(count);
    let last = engine.last.map_or(Ok(expected.saturating_sub(1)), |name| read(name).map(u64::from))?;
    let is_consistent = last + 1 == expected && (u64::from(first)..=last).contains(&u64::from(value));
    if !is_consistent {
        let last = u32::try_from(last).unwrap_or(u32::MAX);
        let (engine, number) = (engine.name, engine.number);
        return Err(PartitionFlagError::Inconsistent { engine, number, value, count, first, last });
    }
    Ok(Partition::new(kind, value - first + 1, count)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
        parse(text, variable).map(|partition| partition.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_engine_says_which_part_this_is() {
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "12"),
            ("SLURM_ARRAY_TASK_MIN", "10"),
            ("SLURM_ARRAY_TASK_MAX", "13"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
        ];
        for (variables, expected) in [
            (&[("CI_NODE_INDEX", "3"), ("CI_NODE_TOTAL", "4")][..], "3/4"),
            (&[("BUILDKITE_PARALLEL_JOB", "2"), ("BUILDKITE_PARALLEL_JOB_COUNT", "4")], "3/4"),
            (&[("JOB_COMPLETION_INDEX", "0"), ("JOB_COMPLETIONS", "1")], "1/1"),
            (&slurm, "3/4"),
        ] {
            assert_eq!(with("slice:env", variables), Ok(format!("slice:{expected}")));
            assert_eq!(with("hash:env", variables), Ok(format!("hash:{expected}")));
            assert_eq!(with("hash:1/9", variables), Ok("hash:1/9".to_owned()), "numbers that are given count");
        }
    }

    #[test]
    fn an_environment_that_does_not_say_it_is_refused() {
        let slurm = |id: &'static str, min, max, count| {
            [
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_MIN", min),
                ("SLURM_ARRAY_TASK_MAX", max),
                ("SLURM_ARRAY_TASK_COUNT", count),
            ]
        };
        let two = [("CI_NODE_INDEX", "1"), ("SLURM_ARRAY_TASK_ID", "1")];
        for (variables, part) in [
            (
                &[][..],
                "none of CI_NODE_INDEX, BUILDKITE_PARALLEL_JOB, JOB_COMPLETION_INDEX, SLURM_ARRAY_TASK_ID is set",
            ),
            (&two, "both CI_NODE_INDEX and SLURM_ARRAY_TASK_ID are set"),
            (&[("JOB_COMPLETION_INDEX", "0")], "Kubernetes set JOB_COMPLETION_INDEX but not JOB_COMPLETIONS"),
            (&[("CI_NODE_INDEX", "x"), ("CI_NODE_TOTAL", "4")], "CI_NODE_INDEX is `x`"),
            (&[("CI_NODE_INDEX", "5"), ("CI_NODE_TOTAL", "4")], "numbered from 1 to 4"),
            (&[("CI_NODE_INDEX", "0"), ("CI_NODE_TOTAL", "4")], "CI_NODE_INDEX is 0"),
            (&[("JOB_COMPLETION_INDEX", "0"), ("JOB_COMPLETIONS", "0")], "JOB_COMPLETION_INDEX is 0"),
            // `--array=0-6:2`
            (&slurm("2", "0", "6", "4"), "use a range without gaps"),
            (&slurm("9", "0", "3", "4"), "SLURM_ARRAY_TASK_ID is 9"),
        ] {
            let problem = with("slice:env", variables).expect_err("refused");
            assert!(problem.contains(part) && !problem.contains('\n'), "{problem}");
        }
        for text in ["env", "count:env", "slice:env/4", "slice:4"] {
            let problem = with(text, &two).expect_err("refused");
            assert!(problem.ends_with("expected slice:M/N or hash:M/N, or slice:env or hash:env"), "{problem}");
        }
    }
}
