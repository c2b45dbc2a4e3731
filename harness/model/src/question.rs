//! Questions: what the report of a family answers, each with one chart and one sentence from the run. A family declares
//! them as data, and its records carry them.

use std::{fmt::Display, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{CaseId, Quantity, Stage};

/// A question about a family: a heading, the cases that it compares, and the measure that it compares them by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The heading: `What does one sandbox cost?`.
    pub title: String,
    /// What the cases are compared by. It decides the kind of chart.
    pub measure: Measure,
    /// The cases, in the order of the chart. Those that a run lacks are left out.
    pub cases: Vec<ComparedCase>,
    /// Whether more is better, as for calls per second. Otherwise less is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more_is_better: bool,
}

/// A case of a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ComparedCase {
    /// Its id without the family: `on-demand/cow=on,guest=tiny`.
    pub case: String,
    /// Its name in the chart and in the sentence: `on demand`.
    pub label: String,
    /// Whether it is what users get who choose nothing. The sentence names it first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_default: bool,
}

/// What a question compares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Measure {
    /// The marginal cost of a unit in anonymous memory and page tables, summed over the ladders: stacked bars by where
    /// it is.
    Cost {
        /// The ladders, of which each case climbs some; all ladders of a case if empty.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ladders: Vec<String>,
    },
    /// The growth of a quantity since the baseline stage: stacked bars by category of mapping.
    Growth {
        /// A metric that is read by category: `anon`, `pss` or `rss`.
        quantity: Quantity,
        /// The stage; the fullest stage of each case if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<Stage>,
    },
    /// Several quantities of one unit at a stage: stacked bars.
    Sum {
        /// The quantities.
        quantities: Vec<Quantity>,
        /// The stage.
        stage: Stage,
    },
    /// A quantity at a stage, or its change since an earlier one: dots with the range over workers.
    Value {
        /// The quantity.
        quantity: Quantity,
        /// The stage.
        stage: Stage,
        /// The stage that the change is measured from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Stage>,
    },
    /// Criterion's estimate of a routine: dots with its confidence interval.
    Time {
        /// The routine.
        routine: String,
    },
    /// The growth of a quantity along a ladder: lines.
    Scale {
        /// The quantity.
        quantity: Quantity,
        /// The ladder.
        ladder: String,
    },
}

impl Question {
    /// A question without cases.
    pub fn new(title: impl Into<String>, measure: Measure) -> Self {
        Self { title: title.into(), measure, cases: Vec::new(), more_is_better: false }
    }

    /// Adds a case: its id without the family, and its name in the chart.
    #[must_use]
    pub fn case(self, case: impl Into<String>, label: impl Into<String>) -> Self {
        self.with(case.into(), label.into(), false)
    }

    /// Adds the case that users get who choose nothing.
    #[must_use]
    pub fn default_case(self, case: impl Into<String>, label: impl Into<String>) -> Self {
        self.with(case.into(), label.into(), true)
    }

    fn with(mut self, case: String, label: String, is_default: bool) -> Self {
        self.cases.push(ComparedCase { case, label, is_default });
        self
    }

    /// The same question, where more is better.
    #[must_use]
    pub fn more_is_better(self) -> Self {
        Self { more_is_better: true, ..self }
    }
}

/// The cases that the questions compare and the family does not have, for a test of the family: a report leaves them out.
#[must_use]
pub fn unknown_cases(questions: &[Question], family: &[CaseId]) -> Vec<String> {
    let compared = questions.iter().flat_map(|question| &question.cases).map(|compared| &compared.case);
    compared.filter(|case| family.iter().all(|id| id.within_family() != case.as_str())).cloned().collect()
}

impl Measure {
    /// The marginal cost of a unit over these ladders; over all of a case if there are none.
    #[must_use]
    pub fn cost(ladders: &[&str]) -> Self {
        Self::Cost { ladders: ladders.iter().map(|ladder| (*ladder).to_owned()).collect() }
    }

    /// The growth of a quantity up to a stage, by category.
    ///
    /// # Panics
    /// If a name is malformed.
    #[must_use]
    pub fn growth(quantity: &str, stage: &str) -> Self {
        Self::Growth { quantity: parsed(quantity), stage: Some(parsed(stage)) }
    }

    /// Several quantities at a stage.
    ///
    /// # Panics
    /// If a name is malformed.
    #[must_use]
    pub fn sum(quantities: &[&str], stage: &str) -> Self {
        Self::Sum { quantities: quantities.iter().map(|quantity| parsed(quantity)).collect(), stage: parsed(stage) }
    }

    /// A quantity at a stage.
    ///
    /// # Panics
    /// If a name is malformed.
    #[must_use]
    pub fn value(quantity: &str, stage: &str) -> Self {
        Self::Value { quantity: parsed(quantity), stage: parsed(stage), since: None }
    }

    /// The change of a quantity from one stage to another.
    ///
    /// # Panics
    /// If a name is malformed.
    #[must_use]
    pub fn change(quantity: &str, since: &str, stage: &str) -> Self {
        Self::Value { quantity: parsed(quantity), stage: parsed(stage), since: Some(parsed(since)) }
    }

    /// Criterion's estimate of a routine.
    #[must_use]
    pub fn time(routine: &str) -> Self {
        Self::Time { routine: routine.to_owned() }
    }

    /// The growth of a quantity along a ladder.
    ///
    /// # Panics
    /// If the quantity is malformed.
    #[must_use]
    pub fn scale(quantity: &str, ladder: &str) -> Self {
        Self::Scale { quantity: parsed(quantity), ladder: ladder.to_owned() }
    }
}

/// Parses a name in the source of a family. A malformed one is a bug there, which its first run reveals.
fn parsed<T: FromStr<Err: Display>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("in the questions of the family: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_round_trips_through_json() {
        let measures = [
            Measure::cost(&["live", "called"]),
            Measure::cost(&[]),
            Measure::growth("rss", "walked"),
            Measure::sum(&["figure.job_ns", "figure.reset_ns"], "jobs"),
            Measure::value("figure.commit_ns", "committed"),
            Measure::change("anon", "loaded", "live@100"),
            Measure::time("call"),
            Measure::scale("anon", "live"),
        ];
        for measure in measures {
            let question = Question::new("What?", measure)
                .default_case("on-demand/guest=tiny", "on demand")
                .case("pooling/guest=tiny", "pooling")
                .more_is_better();
            let text = serde_json::to_string(&question).expect("JSON");
            assert_eq!(serde_json::from_str::<Question>(&text).ok(), Some(question), "{text}");
        }
    }

    #[test]
    fn cases_that_a_family_lacks_are_named() {
        let questions = [Question::new("What?", Measure::time("call")).case("a/b=1", "one").case("a/b=2", "two")];
        let family = ["f/a/b=2", "f/a/b=3"].map(|id| id.parse().expect("an id"));
        assert_eq!(unknown_cases(&questions, &family), ["a/b=1"]);
    }

    #[test]
    #[should_panic(expected = "unknown word `anno`")]
    fn a_malformed_name_is_a_bug_of_the_family() {
        let _ = Measure::value("anno", "live");
    }
}
