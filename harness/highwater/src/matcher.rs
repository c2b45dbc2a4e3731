//! The filter of a bench binary: which cases and routines the command line selects.

use highwater_model::{ParameterFilter, Part, Partition};
use highwater_runner::Sampling;
use highwater_worker::{Case, Family};
use regex::Regex;

use crate::criterion_flags::CriterionFlags;

/// The cases and routines that a command line selects.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    ids: Ids,
    parameters: Vec<ParameterFilter>,
    partition: Option<Partition>,
}

/// A filter on ids, with the semantics of criterion.
#[derive(Clone, Debug)]
enum Ids {
    Everything,
    Nothing,
    Exactly(String),
    Pattern(Regex),
}

impl Matcher {
    /// The filter of a command line.
    ///
    /// # Errors
    /// If the filter is not a regular expression.
    pub(super) fn new(
        filter: Option<&str>,
        parameters: &[ParameterFilter],
        partition: Option<Partition>,
        flags: &CriterionFlags,
    ) -> Result<Self, regex::Error> {
        let ids = match filter {
            _ if flags.ignored => Ids::Nothing,
            None => Ids::Everything,
            Some(text) if flags.exact => Ids::Exactly(text.to_owned()),
            Some(text) => Ids::Pattern(Regex::new(text)?),
        };
        Ok(Self { ids, parameters: parameters.to_owned(), partition })
    }

    fn matches(&self, id: &str) -> bool {
        match &self.ids {
            Ids::Everything => true,
            Ids::Nothing => false,
            Ids::Exactly(text) => text == id,
            Ids::Pattern(regex) => regex.is_match(id),
        }
    }

    /// Whether the id of the case or of one of its routines matches, and its parameters satisfy all conditions.
    fn filters(&self, case: &dyn Case) -> bool {
        let id = case.id();
        if !self.parameters.iter().all(|filter| filter.selects(&id)) {
            return false;
        }
        self.matches(id.as_str()) || case.routines().iter().any(|routine| self.times(case, routine))
    }

    /// Whether criterion times a routine of a selected case: the filter matches its whole name.
    pub(super) fn times(&self, case: &dyn Case, routine: &str) -> bool {
        self.matches(&format!("{}/{routine}", case.id()))
    }

    /// The selected cases of all parts, in the order of the family.
    fn of_all_parts<'a>(&self, family: &'a Family) -> Vec<&'a dyn Case> {
        family.cases.iter().map(AsRef::as_ref).filter(|case| self.filters(*case)).collect()
    }

    /// The selected cases, in the order of the family.
    pub(super) fn selected<'a>(&self, family: &'a Family) -> Vec<&'a dyn Case> {
        let all = self.of_all_parts(family);
        match self.partition {
            None => all,
            Some(partition) => partition.take(all, |case| case.id()),
        }
    }

    /// The part that is measured, for the record; `None` without a partition.
    pub(super) fn part(&self, family: &Family, sampling: Sampling) -> Option<Part> {
        let partition = self.partition?;
        let cases = self.of_all_parts(family).into_iter().map(|case| case.id()).collect();
        Some(Part { partition, samples: sampling.to_string(), cases })
    }
}
