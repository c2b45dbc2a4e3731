//! The filter of a bench binary: which cases and routines the command line selects.

use highwater_worker::Case;
use regex::Regex;

use crate::criterion_flags::CriterionFlags;

/// A filter on ids, with the semantics of criterion.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
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
    pub(super) fn new(filter: Option<&str>, flags: &CriterionFlags) -> Result<Self, regex::Error> {
        if flags.ignored {
            return Ok(Self::Nothing);
        }
        Ok(match filter {
            None => Self::Everything,
            Some(text) if flags.exact => Self::Exactly(text.to_owned()),
            Some(text) => Self::Pattern(Regex::new(text)?),
        })
    }

    pub(super) fn matches(&self, id: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Nothing => false,
            Self::Exactly(text) => text == id,
            Self::Pattern(regex) => regex.is_match(id),
        }
    }

    /// Whether the id of the case or of one of its routines matches.
    pub(super) fn selects(&self, case: &dyn Case) -> bool {
        let id = case.id();
        self.matches(id.as_str()) || case.routines().iter().any(|routine| self.matches(&format!("{id}/{routine}")))
    }
}
