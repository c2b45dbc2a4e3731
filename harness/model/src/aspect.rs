//! The aspects of a quantity that are judged: its growth since the baseline stage *in the same worker*, the slope of
//! that growth over a ladder, and its level at a stage.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use super::Stage;

/// What is compared of a quantity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// The value at the baseline stage; for a figure, at the stage it was reported with.
    Level(Stage),
    /// Growth per unit over the rungs with this name.
    Slope(String),
    /// The value at a later stage minus the value at the baseline stage.
    Growth(Stage),
}

impl Aspect {
    /// The keyword in policies and baselines.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Level(_) => "level",
            Self::Growth(_) => "growth",
            Self::Slope(_) => "slope",
        }
    }

    /// The stage, or the stage name of the ladder.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Level(stage) | Self::Growth(stage) => stage.to_string(),
            Self::Slope(name) => name.clone(),
        }
    }

    /// Parses the output of [`Aspect::word`] and [`Aspect::place`].
    #[must_use]
    pub fn parse(word: &str, place: &str) -> Option<Self> {
        let stage = Stage::from_str(place).ok()?;
        match word {
            "level" => Some(Self::Level(stage)),
            "growth" => Some(Self::Growth(stage)),
            "slope" if stage.scale().is_none() => Some(Self::Slope(place.to_owned())),
            _ => None,
        }
    }

    /// The number of units by which a change is divided: 1 for a slope, N (above 0) for growth at `live@N`.
    #[must_use]
    pub fn units(&self) -> Option<f64> {
        match self {
            Self::Slope(_) => Some(1.0),
            Self::Growth(stage) => stage.scale().map(|scale| f64::from(scale.0)).filter(|units| *units > 0.0),
            Self::Level(_) => None,
        }
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(stage) => write!(f, "level at {stage}"),
            Self::Growth(stage) => write!(f, "growth at {stage}"),
            Self::Slope(name) => write!(f, "slope of {name}"),
        }
    }
}

impl Serialize for Aspect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
