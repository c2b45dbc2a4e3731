//! One command that is measured: its flags, which are also the keys of a suite in `highwater.toml`.

use std::{ffi::OsString, os::unix::ffi::OsStrExt, path::Path, time::Duration};

use highwater_model::{MAX_SAMPLES, is_id_part};
use highwater_runner::Plan;

use super::{
    jobs::{self, Common},
    matrix::{Parameter, combinations, id_part},
    stage_flag::{StageFlag, stages},
};
use crate::CliError;

/// The default time limit of a worker, beyond the time that `--for` gives it.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// One command and how it is measured.
#[derive(Debug, clap::Args)]
pub(super) struct Suite {
    /// The program and its arguments; `{name}` is replaced by the value of --param
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(super) command: Vec<OsString>,
    /// Name of the record and its baseline [default: the file name of the program]
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Number of runs per case [default: up to 20 within 1 s, at least 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MAX_SAMPLES as i64))]
    pub(super) samples: Option<u32>,
    /// Measure the program after this time and kill it, instead of waiting for its exit; for servers
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    pub(super) stop_after: Option<Duration>,
    /// Measure when a line of the output matches; may be repeated
    #[arg(long = "stage", value_name = "NAME=REGEX")]
    pub(super) stages: Vec<StageFlag>,
    /// Read the memory at this interval, too, for a chart of it over time; at least 1ms. It is not judged
    #[arg(long = "every", value_name = "TIME", value_parser = interval)]
    pub(super) read_every: Option<Duration>,
    /// Values for `{name}` in the command. Every combination is a case; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE,...")]
    pub(super) parameters: Vec<Parameter>,
    /// Time limit of each run [default: 60s, or that much longer than --for]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) timeout: Option<Duration>,
}

/// The shortest interval of readings, each of which takes about as long.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// Parses the interval of readings.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    match time(text)? {
        time if time < SHORTEST_INTERVAL => {
            Err(format!("it must be at least {}", humantime::format_duration(SHORTEST_INTERVAL)))
        }
        time => Ok(time),
    }
}

/// Parses `10s` or `500ms`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err("it must be a time with its unit, as in 10s or 500ms".to_owned()),
    }
}

impl Suite {
    fn family(&self) -> Result<String, CliError> {
        match &self.name {
            Some(name) if !is_id_part(name) || name.contains(['=', ',']) => Err(CliError::Usage(format!(
                "--name: `{name}` is not a name: expected lower case letters, digits and - _ ."
            ))),
            Some(name) => Ok(name.clone()),
            None => {
                let program = self.command.first().map(Path::new).and_then(Path::file_name).unwrap_or_default();
                Ok(id_part(&program.to_string_lossy()))
            }
        }
    }

    /// The plan of its cases, which run in `folder`.
    ///
    /// # Errors
    /// [`CliError::Usage`] if its flags contradict each other.
    pub(super) fn plan(&self, folder: &Path) -> Result<Plan, CliError> {
        let has_name = self.command.first().is_some_and(|name| !name.is_empty());
        if !has_name || self.command.iter().any(|word| word.as_bytes().contains(&0)) {
            return Err(CliError::Usage("the command has no program".to_owned()));
        }
        let family = self.family()?;
        let cases = combinations(&family, &self.parameters, &self.command)?;
        let time_limit = self.timeout.unwrap_or(TIME_LIMIT.saturating_add(self.stop_after.unwrap_or_default()));
        if self.stop_after.is_some_and(|time| time >= time_limit) {
            return Err(CliError::Usage("--timeout: it must be longer than --for".to_owned()));
        }
        let stages = stages(&self.stages)?;
        let (stop_after, read_every) = (self.stop_after, self.read_every);
        let common = Common { family: &family, stages: &stages, stop_after, read_every, time_limit };
        jobs::plan(&common, folder, &self.command, cases)
    }
}
