//! What a command is about to run and about how long that takes: from earlier runs where they are known, else a guess.

use std::{fmt, time::Duration};

use super::time::in_words;
use crate::counted::grouped;

/// The steps that a command runs, in any order, with the time that each is expected to take.
#[derive(Clone, Debug, Default)]
pub struct Forecast {
    steps: Vec<(String, Duration)>,
    guessed: usize,
}

impl Forecast {
    /// Adds a step, whose time was measured in an earlier run. Its name is unique.
    pub fn add_known(&mut self, step: impl Into<String>, time: Duration) {
        self.steps.push((step.into(), time));
    }

    /// Adds a step whose time is only a guess.
    pub fn add_guess(&mut self, step: impl Into<String>, time: Duration) {
        self.guessed += 1;
        self.add_known(step, time);
    }

    /// The number of steps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The time of all steps.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.steps.iter().map(|(_, time)| *time).sum()
    }

    pub(super) fn steps(&self) -> &[(String, Duration)] {
        &self.steps
    }
}

/// `about 2 min 10 s`, with what is not known.
impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "about {}", in_words(self.total()))?;
        match (self.guessed, self.steps.len()) {
            (0, _) => f.write_str(", as measured here before"),
            (guessed, all) if guessed == all => f.write_str(" (a guess: nothing of it was measured here before)"),
            (guessed, all) => {
                write!(f, " ({} of {} steps were not measured here before)", grouped(guessed), grouped(all))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_says_what_it_does_not_know() {
        let mut forecast = Forecast::default();
        forecast.add_guess("a", Duration::from_secs(10));
        assert_eq!(forecast.to_string(), "about 10 s (a guess: nothing of it was measured here before)");
        forecast.add_known("b", Duration::from_secs(120));
        assert_eq!(forecast.to_string(), "about 2 min 10 s (1 of 2 steps were not measured here before)");
        let mut known = Forecast::default();
        known.add_known("b", Duration::from_secs(120));
        assert_eq!(known.to_string(), "about 2 min, as measured here before");
    }
}
