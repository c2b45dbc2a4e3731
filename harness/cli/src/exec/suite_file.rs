//! The file `highwater.toml`: suites of commands that `highwater run` measures.
//!
//! ```toml
//! schema = 1
//!
//! [[suite]]
//! name = "app"
//! command = ["./app", "--engine", "{engine}"]
//! param = ["engine=wasmtime,wasmer"]
//! stage = ["ready=^listening"]
//! for = "10s"
//! ```

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use highwater_model::{Bytes, MAX_SAMPLES};
use highwater_store::{one_line, read_file};
use serde::Deserialize;

use super::suite::{Suite, interval, time};
use crate::CliError;

/// The name of the file.
pub(super) const FILE: &str = "highwater.toml";
/// The version of its format.
const SCHEMA: u32 = 1;
/// The largest file that is read.
const MAX_SIZE: Bytes = Bytes(1 << 20);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    #[serde(default)]
    suite: Vec<Entry>,
}

/// A suite, with the names of the flags of `highwater exec`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    command: Vec<String>,
    samples: Option<u32>,
    r#for: Option<String>,
    timeout: Option<String>,
    every: Option<String>,
    #[serde(default)]
    stage: Vec<String>,
    #[serde(default)]
    param: Vec<String>,
}

/// The nearest file in the present folder and those above it.
///
/// # Errors
/// [`CliError::Usage`] if no file is found.
pub(super) fn find() -> Result<PathBuf, CliError> {
    let here = env::current_dir().map_err(|source| CliError::Io { path: ".".into(), source })?;
    let found = here.ancestors().map(|folder| folder.join(FILE)).find(|path| path.is_file());
    found.ok_or_else(|| CliError::Usage(format!("no {FILE} in {} or above it", here.display())))
}

/// Reads the suites of a file.
///
/// # Errors
/// If it cannot be read, or [`CliError::Usage`] if it is invalid.
pub(super) fn read(path: &Path) -> Result<Vec<Suite>, CliError> {
    let bytes = read_file(path, MAX_SIZE).map_err(|source| CliError::Io { path: path.to_owned(), source })?;
    let text = String::from_utf8_lossy(&bytes);
    parse(&text).map_err(|problem| CliError::Usage(format!("{}: {problem}", path.display())))
}

fn parse(text: &str) -> Result<Vec<Suite>, String> {
    let file: File = toml::from_str(text).map_err(|error| with_line(text, &error))?;
    if file.schema != SCHEMA {
        return Err(format!("schema is {}, this build reads {SCHEMA}", file.schema));
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = file.suite.iter().find(|entry| !names.insert(entry.name.clone())) {
        return Err(format!("two suites have the name {}", twice.name));
    }
    if file.suite.is_empty() {
        return Err("it has no [[suite]]".to_owned());
    }
    file.suite.into_iter().map(suite).collect()
}

/// toml's message with the number of the line, but without the quoted source.
fn with_line(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1);
    let message = one_line(error.message());
    line.map_or(message.clone(), |line| format!("line {line}: {message}"))
}

fn suite(entry: Entry) -> Result<Suite, String> {
    let Entry { name, command, samples, r#for, timeout, every, stage, param } = entry;
    let of = |key: &str, problem: String| format!("{name}: {key}: {problem}");
    let parsed_time = |key: &str, text: Option<String>, parse: fn(&str) -> Result<Duration, String>| {
        text.map(|text| parse(&text)).transpose().map_err(|problem| of(key, problem))
    };
    if samples.is_some_and(|count| count == 0 || count as usize > MAX_SAMPLES) {
        return Err(of("samples", format!("it must be from 1 to {MAX_SAMPLES}")));
    }
    Ok(Suite {
        command: command.into_iter().map(Into::into).collect(),
        samples,
        stop_after: parsed_time("for", r#for, time)?,
        timeout: parsed_time("timeout", timeout, time)?,
        read_every: parsed_time("every", every, interval)?,
        stages: parsed(&stage).map_err(|problem| of("stage", problem))?,
        parameters: parsed(&param).map_err(|problem| of("param", problem))?,
        name: Some(name),
    })
}

fn parsed<T: FromStr<Err = String>>(texts: &[String]) -> Result<Vec<T>, String> {
    texts.iter().map(|text| text.parse()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(suite: &str) -> String {
        format!("schema = 1\n[[suite]]\nname = \"a\"\ncommand = [\"true\", \"{{n}}\"]\n{suite}\n")
    }

    #[test]
    fn a_suite_has_the_flags_of_a_command() {
        let text = file(
            "param = [\"n=1,2\"]\nstage = [\"ready=^ok$\"]\nfor = \"10s\"\nsamples = 7\ntimeout = \"1m\"\nevery = \"5ms\"",
        );
        let suites = parse(&text).expect("valid");
        let plan = suites[0].plan(Path::new("/")).expect("valid");
        let ids: Vec<String> = plan.cases.iter().map(|planned| planned.id().to_string()).collect();
        assert_eq!(ids, ["a/n=1", "a/n=2"]);
        assert_eq!((suites[0].samples, suites[0].stop_after), (Some(7), Some(Duration::from_secs(10))));
        assert_eq!(suites[0].read_every, Some(Duration::from_millis(5)));
    }

    #[test]
    fn an_invalid_file_is_refused_with_the_place() {
        for (text, part) in [
            ("x", "line 1"),
            ("schema = 2", "schema is 2"),
            ("schema = 1", "no [[suite]]"),
            (&file("nope = 1"), "line 5"),
            (&file("for = \"5\""), "a: for: it must be a time"),
            (&file("every = \"1us\""), "a: every: it must be at least 1ms"),
            (&file("stage = [\"exit=x\"]"), "a: stage: "),
            (&file("param = [\"n\"]"), "a: param: "),
            (&file("samples = 0"), "a: samples: "),
            (&file("[[suite]]\nname = \"a\"\ncommand = []"), "two suites have the name a"),
        ] {
            let problem = parse(text).expect_err("invalid");
            assert!(problem.contains(part) && !problem.contains('\n'), "{problem}");
        }
    }
}
