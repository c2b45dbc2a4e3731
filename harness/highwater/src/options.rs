//! The command line of a bench binary: criterion's flags with the same meaning, and those of Highwater. All arguments
//! are checked before anything runs.

use std::{num::NonZeroUsize, path::PathBuf, str::FromStr};

use clap::{Arg, ArgMatches, Command, FromArgMatches, Parser, ValueEnum, builder::ValueParser};
use highwater_model::{Bytes, MAX_SAMPLES, ParameterFilter, Partition, Scale, Selection, WorkerOption, WorkerOptions};
use highwater_runner::partition_flag;

use crate::{criterion_flags::CriterionFlags, matcher::Matcher};

/// The options of a bench binary.
#[derive(Clone, Debug, Parser)]
#[command(
    about = "A Highwater bench: measures memory in isolated workers, and time with criterion",
    after_help = "Memory is written to target/highwater/<family>.json; compare it with the baseline: highwater compare\n\
                  Exit status: 0 measured, 1 internal error, 2 usage, 130 interrupted."
)]
pub(super) struct Options {
    /// Run only cases (or routines) whose id matches this regular expression
    pub(super) filter: Option<String>,

    /// Run only cases whose parameter has this value, or one of these values separated by commas. All conditions hold
    #[arg(long = "param", value_name = "NAME=VALUE", help_heading = "Highwater")]
    pub(super) parameters: Vec<ParameterFilter>,
    /// Run only part M of N of these cases: slice:M/N takes every N-th one, hash:M/N those whose id has such a hash. With
    /// slice:env or hash:env, GitLab, Buildkite, Kubernetes or Slurm gives the numbers
    #[arg(long, value_name = "KIND:M/N", value_parser = partition_flag, help_heading = "Highwater")]
    pub(super) partition: Option<Partition>,
    /// Measure memory only, without criterion
    #[arg(long, help_heading = "Highwater")]
    pub(super) memory_only: bool,
    /// Number of workers per case [default: up to 20 within 1 s, at least 5]
    #[arg(long, value_name = "N", help_heading = "Highwater", value_parser = clap::value_parser!(u32).range(1..=MAX_SAMPLES as i64))]
    pub(super) samples: Option<u32>,
    /// Stop a case after 5 workers if it starts no threads and they agree on all gated values, else continue up to 20
    #[arg(long, conflicts_with = "samples", help_heading = "Highwater")]
    pub(super) until_decided: bool,
    #[command(flatten)]
    pub(super) worker: WorkerFlags,
    /// Scales to measure instead of those of the cases, such as 1,10,100
    #[arg(long, value_name = "N,N,...", value_delimiter = ',', help_heading = "Highwater")]
    pub(super) ladder: Option<Vec<Scale>>,
    /// Number of cases to measure at the same time, each on its own CPU, or num-cpus. Times are less exact with more
    /// than one
    #[arg(long, value_name = "N", default_value = "1", help_heading = "Highwater")]
    pub(super) jobs: Jobs,
    /// Address space layout randomisation of the workers
    #[arg(long, value_name = "WHEN", default_value = "off", help_heading = "Highwater")]
    pub(super) aslr: Switch,

    /// Write the jobs of the workers to a file, for `highwater`, without measuring
    #[arg(long, value_name = "FILE", hide = true, help_heading = "Highwater")]
    pub(super) plan: Option<PathBuf>,

    #[command(flatten)]
    pub(super) criterion: CriterionFlags,
}

/// The flags for [`WorkerOption`], generated from its table.
#[derive(Clone, Debug)]
pub(super) struct WorkerFlags(pub(super) WorkerOptions);

impl clap::Args for WorkerFlags {
    fn augment_args(command: Command) -> Command {
        WorkerOption::ALL.into_iter().fold(command, |command, option| {
            let (value, parser) = match option.is_bytes() {
                true => ("BYTES", ValueParser::new(|text: &str| text.parse::<Bytes>().map(|bytes| bytes.0))),
                false => ("N", clap::value_parser!(u64).range(1..).into()),
            };
            let flag = Arg::new(option.name()).long(option.name()).help(option.help());
            command.arg(flag.value_name(value).value_parser(parser).help_heading("Highwater"))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for WorkerFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self(WorkerOptions::default());
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for option in WorkerOption::ALL {
            if let Some(value) = matches.get_one::<u64>(option.name()) {
                self.0.set(option, *value);
            }
        }
        Ok(())
    }
}

/// The number of cases that are measured at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Jobs(pub(super) NonZeroUsize);

impl FromStr for Jobs {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let count = match text {
            "num-cpus" => Some(NonZeroUsize::MAX),
            number => number.parse().ok(),
        };
        count.map(Self).ok_or("expected a number from 1 or `num-cpus`")
    }
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Switch {
    On,
    Off,
}

/// The flags of Highwater, which are not forwarded to criterion, and whether they take a value.
const OWN_FLAGS: [(&str, bool); 9] = [
    ("--param", true),
    ("--partition", true),
    ("--memory-only", false),
    ("--samples", true),
    ("--until-decided", false),
    ("--ladder", true),
    ("--jobs", true),
    ("--aslr", true),
    ("--plan", true),
];

fn own_flags() -> impl Iterator<Item = (String, bool)> {
    let options = WorkerOption::ALL.map(|option| (format!("--{option}"), true));
    OWN_FLAGS.map(|(flag, takes_value)| (flag.to_owned(), takes_value)).into_iter().chain(options)
}

/// The arguments for criterion: all but the flags of Highwater.
pub(super) fn for_criterion(args: impl Iterator<Item = String>) -> Vec<String> {
    let mut forwarded = Vec::new();
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        let name = arg.split('=').next().unwrap_or(&arg);
        match own_flags().find(|(flag, _)| flag == name) {
            None => forwarded.push(arg),
            Some((_, true)) if !arg.contains('=') => {
                args.next();
            }
            Some(_) => {}
        }
    }
    forwarded
}

/// The mode of the binary, as in criterion: without cargo's `--bench`, everything runs once as a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Measure,
    Test,
    List,
    /// `--profile-time`, `--load-baseline` or `--ignored`: no memory is measured.
    CriterionOnly,
}

impl Options {
    pub(super) fn mode(&self) -> Mode {
        let flags = &self.criterion;
        if flags.list {
            Mode::List
        } else if flags.test || !flags.bench {
            Mode::Test
        } else if flags.profile_time.is_some() || flags.load_baseline.is_some() || flags.ignored {
            Mode::CriterionOnly
        } else {
            Mode::Measure
        }
    }

    /// The selection as stored in the record, with the filter as a regular expression. The part is that of the matcher.
    pub(super) fn selection(&self) -> Selection {
        let exact = |text: &String| format!("^{}$", regex::escape(text));
        let filter = if self.criterion.exact { self.filter.as_ref().map(exact) } else { self.filter.clone() };
        Selection {
            filter,
            parameters: self.parameters.clone(),
            part: None,
            worker_options: self.worker.0.clone(),
            ladder: self.ladder.clone(),
        }
    }

    /// The filter, the conditions on parameters and the partition, for messages; `None` if everything is selected.
    pub(super) fn conditions(&self) -> Option<String> {
        let parameters = self.parameters.iter().map(|filter| format!("--param {filter}"));
        let partition = self.partition.map(|partition| format!("--partition {partition}"));
        let all: Vec<String> = self.filter.clone().into_iter().chain(parameters).chain(partition).collect();
        (!all.is_empty()).then(|| all.join(" "))
    }

    /// The filter on ids and parameters, and the partition.
    ///
    /// # Errors
    /// If the filter is not a regular expression.
    pub(super) fn matcher(&self) -> Result<Matcher, regex::Error> {
        Matcher::new(self.filter.as_deref(), &self.parameters, self.partition, &self.criterion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Options {
        Options::try_parse_from(std::iter::once(&"bench").chain(args)).expect("valid")
    }

    #[test]
    fn only_criterions_flags_are_forwarded() {
        let args = ["--bench", "tiny", "--inject", "4096", "--quick", "--samples=7", "--memory-only", "--aslr", "on"];
        let forwarded = for_criterion(args.iter().map(|arg| (*arg).to_owned()));
        assert_eq!(forwarded, ["--bench", "tiny", "--quick"]);
    }

    /// Otherwise a flag of Highwater would be forwarded to criterion.
    #[test]
    fn the_list_of_own_flags_matches_the_help_page() {
        use clap::CommandFactory;
        let command = Options::command();
        let mut listed: Vec<_> = own_flags().collect();
        let mut own: Vec<(String, bool)> = command
            .get_arguments()
            .filter(|arg| arg.get_help_heading() == Some("Highwater"))
            .map(|arg| (format!("--{}", arg.get_long().expect("long")), arg.get_action().takes_values()))
            .collect();
        listed.sort();
        own.sort();
        assert_eq!(own, listed);
    }

    #[test]
    fn the_mode_follows_criterions_rules() {
        assert_eq!(parse(&[]).mode(), Mode::Test);
        assert_eq!(parse(&["--bench"]).mode(), Mode::Measure);
        assert_eq!(parse(&["--bench", "--test"]).mode(), Mode::Test);
        assert_eq!(parse(&["--bench", "--list"]).mode(), Mode::List);
        assert_eq!(parse(&["--bench", "--profile-time", "5"]).mode(), Mode::CriterionOnly);
    }

    #[test]
    fn an_invalid_flag_or_value_is_rejected() {
        for args in [
            ["--param", "guest"],
            ["--samples", "0"],
            ["--inject", "4MB"],
            ["--ladder", "1,x"],
            ["--nope", "1"],
            ["--aslr", "maybe"],
            ["--partition", "slice:3/2"],
            ["--jobs", "0"],
        ] {
            assert!(Options::try_parse_from(["bench", args[0], args[1]]).is_err(), "{args:?}");
        }
    }
}
