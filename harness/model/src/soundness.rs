//! What a record may not say although its JSON is in shape. Readers trust all of it: that columns are
//! as long as stated, that nothing stands twice, that numbers are those of a machine.

use std::{collections::BTreeSet, fmt::Display};

use super::{CaseRecord, Outcome, Record, Series, case_id};

/// Most workers of one case. A column whose workers agree is one number, so that without a limit a few
/// bytes of text could ask for any amount of memory.
pub const MOST_SAMPLES: usize = 10_000;
/// Above this a number is none of a machine: 2^53, up to which `f64` holds whole numbers exactly.
const MOST: u64 = 1 << 53;

impl Record {
    /// Looks for a contradiction: a sign of editing by hand.
    ///
    /// # Errors
    /// One sentence about the first one.
    pub fn check(&self) -> Result<(), String> {
        // It becomes the name of a file.
        if !case_id::is_part(&self.family) {
            return Err(format!("`{}` is no name of a family", self.family));
        }
        if self.unit.is_empty() || self.unit.chars().any(char::is_control) {
            return Err(format!("`{}` is no unit", self.unit));
        }
        let mut ids = BTreeSet::new();
        match self.cases.iter().find(|case| !ids.insert(&case.id)) {
            Some(case) => Err(format!("{} stands twice", case.id)),
            None => self.cases.iter().try_for_each(CaseRecord::check),
        }
    }
}

impl CaseRecord {
    fn check(&self) -> Result<(), String> {
        let (ran, completed) = (self.not_run.is_none(), self.samples > 0);
        let flaws = [
            (self.samples > MOST_SAMPLES, "more samples than any case has"),
            (!ran && completed, "not run, and yet there are samples"),
            (!ran && !self.died.is_empty(), "not run, and yet workers died"),
            (ran && !completed && self.died.is_empty(), "no samples, and no word why"),
            (!completed && !self.stages.is_empty(), "stages without samples"),
            (self.died.iter().any(|death| death.outcome == Outcome::Completed), "a dead worker that completed"),
            (self.time.values().any(|time| time.ns < 0.0), "a time below 0"),
        ];
        if let Some((_, flaw)) = flaws.into_iter().find(|(present, _)| *present) {
            return Err(format!("{}: {flaw}", self.id));
        }
        self.check_column(&self.lifetime_ns, "lifetime_ns")?;
        let mut seen = BTreeSet::new();
        for columns in &self.stages {
            let stage = &columns.stage;
            if !seen.insert(stage) {
                return Err(format!("{}: stage {stage} stands twice", self.id));
            }
            self.check_column(&columns.wall_ns, format_args!("wall_ns at {stage}"))?;
            self.check_column(&columns.cpu_ns, format_args!("cpu_ns at {stage}"))?;
            for (quantity, series) in &columns.memory {
                self.check_column(series, format_args!("{quantity} at {stage}"))?;
            }
        }
        Ok(())
    }

    /// As long as there are samples, and of numbers that a machine has.
    fn check_column(&self, series: &Series, name: impl Display) -> Result<(), String> {
        let Self { id, samples, .. } = self;
        let (fits, most) = match series {
            Series::Same(value) => (*samples > 0, *value),
            Series::Each(values) => (values.len() == *samples, values.iter().copied().max().unwrap_or(0)),
        };
        match () {
            () if !fits => Err(format!("{id}: {name} does not hold {samples} samples")),
            () if most > MOST => Err(format!("{id}: {name} is {most}, beyond any machine")),
            () => Ok(()),
        }
    }
}
