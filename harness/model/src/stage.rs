//! Stages: the named points at which a worker pauses and the parent takes a snapshot, such as `loaded` or `live@100`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The name of the stage that follows those of the case, where everything that it used has been dropped.
pub const END_STAGE: &str = "end";

/// The number of units (sandboxes, plugins, documents, executions) at a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Scale(pub u32);

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Scale {
    type Err = ScaleError;

    fn from_str(text: &str) -> Result<Self, ScaleError> {
        match text.parse() {
            Ok(scale @ 1..=1_000_000) => Ok(Self(scale)),
            _ => Err(ScaleError),
        }
    }
}

/// The text is not a valid scale.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("a scale is a whole number from 1 to 1000000")]
pub struct ScaleError;

/// A named point in the run of a worker, `name` or `name@scale`. Serialised as that text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
pub struct Stage {
    name: String,
    scale: Option<Scale>,
}

/// The text is not a valid stage.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a stage: expected name or name@scale, with a name of lower case letters, digits and -")]
pub struct StageParseError(String);

impl Stage {
    /// The name without the scale: `live` of `live@100`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The scale, if the stage is a rung of a ladder.
    #[must_use]
    pub fn scale(&self) -> Option<Scale> {
        self.scale
    }
}

impl FromStr for Stage {
    type Err = StageParseError;

    fn from_str(text: &str) -> Result<Self, StageParseError> {
        let bad = || StageParseError(text.to_owned());
        let (name, scale) = match text.split_once('@') {
            None => (text, None),
            Some((name, scale)) => (name, Some(Scale(scale.parse().map_err(|_| bad())?))),
        };
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(allowed) {
            return Err(bad());
        }
        let stage = Self { name: name.to_owned(), scale };
        // Each stage has exactly one spelling: `live@010` is rejected.
        if stage.to_string() == text { Ok(stage) } else { Err(bad()) }
    }
}

impl TryFrom<String> for Stage {
    type Error = StageParseError;

    fn try_from(text: String) -> Result<Self, StageParseError> {
        text.parse()
    }
}

impl TryFrom<&str> for Stage {
    type Error = StageParseError;

    fn try_from(text: &str) -> Result<Self, StageParseError> {
        text.parse()
    }
}

/// A rung of a ladder: `("live", 100)`.
impl TryFrom<(&str, u32)> for Stage {
    type Error = StageParseError;

    fn try_from((name, scale): (&str, u32)) -> Result<Self, StageParseError> {
        format!("{name}@{scale}").parse()
    }
}

impl From<Stage> for String {
    fn from(stage: Stage) -> Self {
        stage.to_string()
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scale {
            None => f.write_str(&self.name),
            Some(scale) => write!(f, "{}@{scale}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_round_trips_through_text() {
        for text in ["start", "live@1", "called@1000", "first-call"] {
            assert_eq!(text.parse::<Stage>().map(|s| s.to_string()), Ok(text.to_owned()));
        }
        for text in
            ["", "@1", "live@", "live@x", "live@-1", "live@+1", "live@01", "live@4294967296", "Live", "a b", "live@1@2"]
        {
            assert!(text.parse::<Stage>().is_err(), "{text}");
        }
    }
}
