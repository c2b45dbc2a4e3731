//! The flag `--stage NAME=REGEX`.

use std::{collections::BTreeSet, str::FromStr};

use highwater_model::Stage;
use highwater_runner::limits::MAX_STAGE_NAME;
use highwater_worker::OutputStage;
use regex::bytes::Regex;

use crate::CliError;

/// The stages that are read without a flag.
const OWN_STAGES: [&str; 3] = ["start", "exit", "stopped"];

/// One `--stage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StageFlag(OutputStage);

impl FromStr for StageFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, pattern) = text.split_once('=').ok_or("expected NAME=REGEX, as in ready='^listening'")?;
        let stage: Stage = name.parse().map_err(|error| format!("{error}"))?;
        if name.len() > MAX_STAGE_NAME {
            return Err(format!("a stage name is longer than {MAX_STAGE_NAME} bytes"));
        }
        if OWN_STAGES.contains(&stage.name()) {
            return Err(format!("`{name}` is read without a flag; choose another name"));
        }
        match Regex::new(pattern) {
            Ok(_) => Ok(Self(OutputStage { stage, pattern: pattern.to_owned() })),
            Err(_) => Err(format!("`{pattern}` is not a regular expression")),
        }
    }
}

/// The stages of all flags.
///
/// # Errors
/// [`CliError::Usage`] if a name is given twice.
pub(super) fn stages(flags: &[StageFlag]) -> Result<Vec<OutputStage>, CliError> {
    let mut names = BTreeSet::new();
    match flags.iter().find(|flag| !names.insert(&flag.0.stage)) {
        Some(twice) => Err(CliError::Usage(format!("--stage: {} is given twice", twice.0.stage))),
        None => Ok(flags.iter().map(|flag| flag.0.clone()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_a_name_and_a_regular_expression() {
        let flag: StageFlag = "ready=^listening on port=[0-9]+".parse().expect("valid");
        assert_eq!(
            (flag.0.stage.to_string().as_str(), flag.0.pattern.as_str()),
            ("ready", "^listening on port=[0-9]+")
        );
        assert!("live@10=10 live".parse::<StageFlag>().is_ok());
        for text in ["ready", "Ready=x", "=x", "start=x", "exit=x", "stopped=x", "exit@1=x", "ready=(", "a b=x"] {
            assert!(text.parse::<StageFlag>().is_err(), "{text}");
        }
        assert!(format!("{}=x", "a".repeat(65)).parse::<StageFlag>().is_err());
    }

    #[test]
    fn a_stage_is_given_once() {
        let flags = ["a=x", "b=x", "a=y"].map(|text| text.parse().expect("valid"));
        assert!(stages(&flags).is_err());
        assert_eq!(stages(&flags[..2]).expect("valid").len(), 2);
    }
}
