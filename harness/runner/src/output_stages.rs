//! The stages of a program that lines of its output begin.

use std::collections::VecDeque;

use highwater_model::Stage;
use highwater_worker::OutputStage;
use regex::bytes::Regex;

/// The stages that are still to come, and those that a line has begun and that were not read yet.
#[derive(Debug, Default)]
pub(super) struct OutputStages {
    to_come: Vec<(Stage, Regex)>,
    due: VecDeque<Stage>,
}

impl OutputStages {
    /// # Errors
    /// If a pattern is not a regular expression.
    pub(super) fn new(stages: &[OutputStage]) -> Result<Self, regex::Error> {
        let compiled = stages.iter().map(|it| Ok((it.stage.clone(), Regex::new(&it.pattern)?)));
        Ok(Self { to_come: compiled.collect::<Result<_, _>>()?, due: VecDeque::new() })
    }

    /// Takes a line of the output. It begins the first stage to come whose pattern it matches, if any.
    pub(super) fn see(&mut self, line: &[u8]) {
        if let Some(index) = self.to_come.iter().position(|(_, pattern)| pattern.is_match(line)) {
            self.due.push_back(self.to_come.remove(index).0);
        }
    }

    /// Adds a stage that no line begins.
    pub(super) fn add_due(&mut self, stage: Stage) {
        self.due.push_back(stage);
    }

    /// Removes a stage that is to be read. Returns whether it was one.
    pub(super) fn cancel_due(&mut self, stage: &Stage) -> bool {
        let count = self.due.len();
        self.due.retain(|due| due != stage);
        self.due.len() < count
    }

    /// Whether a stage is to be read.
    pub(super) fn are_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Takes the next stage that is to be read.
    pub(super) fn next_due(&mut self) -> Option<Stage> {
        self.due.pop_front()
    }

    /// The stages that no line has begun.
    pub(super) fn missing(&self) -> impl Iterator<Item = &Stage> {
        self.to_come.iter().map(|(stage, _)| stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages(list: &[(&str, &str)]) -> OutputStages {
        let stage = |(name, pattern): &(&str, &str)| OutputStage {
            stage: name.parse().expect("a stage"),
            pattern: (*pattern).to_owned(),
        };
        OutputStages::new(&list.iter().map(stage).collect::<Vec<_>>()).expect("patterns")
    }

    #[test]
    fn a_line_begins_the_first_stage_that_it_matches_once() {
        let mut stages = stages(&[("first", "^ready"), ("second", "ready"), ("third", "never")]);
        for line in [&b"not rea\xffdy"[..], b"ready", b"ready again", b"ready"] {
            stages.see(line);
        }
        let due: Vec<String> = std::iter::from_fn(|| stages.next_due()).map(|stage| stage.to_string()).collect();
        assert_eq!(due, ["first", "second"]);
        assert_eq!(stages.missing().map(ToString::to_string).collect::<Vec<_>>(), ["third"]);
    }

    #[test]
    fn an_invalid_pattern_is_an_error() {
        let stage = OutputStage { stage: "a".parse().expect("a stage"), pattern: "(".to_owned() };
        assert!(OutputStages::new(&[stage]).is_err());
    }
}
