//! Quantities: a `Metric` of the whole process, its part in one `Category` of mapping, a figure that the worker reports
//! about itself, or time. Records, policies and tables write them as `anon`, `anon.linear_memory`,
//! `figure.uncommitted_bytes` and `time.cpu`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Category, FigureName, FigureNameError, Metric, Unit, words::words};

words! {
    /// A clock that times the worker's stages.
    Clock {
        /// CPU time of all threads.
        Cpu = "cpu",
        /// Wall time.
        Wall = "wall",
    }
}

/// What a number measures. Serialised as `anon`, `anon.linear_memory` or `figure.uncommitted_bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
pub enum Quantity {
    /// A metric of the whole process.
    Process(Metric),
    /// The part of a metric in one category of mapping.
    Within(Metric, Category),
    /// A number that the worker reports about itself.
    Figure(FigureName),
    /// Time since the previous stage, without pauses. Records store it in separate columns.
    Time(Clock),
}

/// The prefix of a figure.
const FIGURE: &str = "figure";
/// The prefix of a time.
const TIME: &str = "time";

impl Quantity {
    /// The metric, of the whole process or of one category.
    #[must_use]
    pub fn metric(self) -> Option<Metric> {
        match self {
            Self::Process(metric) | Self::Within(metric, _) => Some(metric),
            Self::Figure(_) | Self::Time(_) => None,
        }
    }

    /// The category, if it is limited to one.
    #[must_use]
    pub fn category(self) -> Option<Category> {
        match self {
            Self::Within(_, category) => Some(category),
            Self::Process(_) | Self::Figure(_) | Self::Time(_) => None,
        }
    }

    /// The unit.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::Process(metric) | Self::Within(metric, _) => metric.unit(),
            Self::Figure(name) => name.unit(),
            Self::Time(_) => Unit::Nanoseconds,
        }
    }

    /// The quantum of its values for a page size of `page` bytes: a page for memory, otherwise 1.
    #[must_use]
    pub fn quantum(self, page: u64) -> f64 {
        self.metric().map_or(1.0, |metric| metric.quantum(page))
    }
}

impl From<Metric> for Quantity {
    fn from(metric: Metric) -> Self {
        Self::Process(metric)
    }
}

/// The text is not a valid quantity.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum QuantityError {
    /// A word that is not in the list.
    #[error("unknown word `{text}`: expected one of {known}")]
    Unknown {
        /// The word.
        text: String,
        /// The valid words.
        known: String,
    },
    /// Not a valid name of a figure.
    #[error(transparent)]
    Figure(#[from] FigureNameError),
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        match text.split_once('.') {
            None => Ok(text.parse::<Metric>()?.into()),
            Some((FIGURE, name)) => Ok(Self::Figure(name.parse()?)),
            Some((TIME, clock)) => Ok(Self::Time(clock.parse()?)),
            Some((metric, category)) => Ok(Self::Within(metric.parse()?, category.parse()?)),
        }
    }
}

impl TryFrom<String> for Quantity {
    type Error = QuantityError;

    fn try_from(text: String) -> Result<Self, QuantityError> {
        text.parse()
    }
}

impl From<Quantity> for String {
    fn from(quantity: Quantity) -> Self {
        quantity.to_string()
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(metric) => f.write_str(metric.as_str()),
            Self::Within(metric, category) => write!(f, "{metric}.{category}"),
            Self::Figure(name) => write!(f, "{FIGURE}.{name}"),
            Self::Time(clock) => write!(f, "{TIME}.{clock}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quantity_round_trips_through_text() {
        for &metric in Metric::ALL {
            assert_eq!(metric.as_str().parse(), Ok(Quantity::from(metric)));
            for &category in Category::ALL {
                let quantity = Quantity::Within(metric, category);
                assert_eq!(quantity.to_string().parse(), Ok(quantity));
            }
        }
    }

    #[test]
    fn the_suffix_of_a_figure_is_its_unit() {
        for (text, unit) in [
            ("figure.uncommitted_bytes", Unit::Bytes),
            ("figure.reset_ns", Unit::Nanoseconds),
            ("figure.runs", Unit::Count),
        ] {
            let quantity: Quantity = text.parse().expect("a figure");
            assert_eq!((quantity.to_string().as_str(), quantity.unit()), (text, unit));
        }
    }

    #[test]
    fn an_unknown_word_is_reported_with_the_known_ones() {
        let error = "anno".parse::<Quantity>().expect_err("no such metric");
        assert!(error.to_string().contains("anon, anon_mapped, anon_heap, rss, pss"), "{error}");
    }
}
