//! Claims of a family: published statements about its subject, and how a run decides them.

use highwater_model::{CaseId, ClaimRecord, Decision, Record};

/// A statement that a run can confirm or refute.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// A stable name within the family: `code-is-shared`.
    pub id: &'static str,
    /// The statement, as it is made.
    pub statement: &'static str,
    /// Who makes the statement, or where.
    pub source: &'static str,
    /// The condition under which it is refuted.
    pub refuted_if: &'static str,
    /// Decides the claim from a run, which may contain only some of the cases.
    pub decide: fn(&Record) -> Finding,
}

/// The verdict of a run on a claim.
#[derive(Clone, Debug)]
pub struct Finding {
    decision: Decision,
    figures: String,
    rests_on: Vec<CaseId>,
}

impl Finding {
    /// The claim is confirmed (`true`) or refuted by these figures.
    #[must_use]
    pub fn holds(holds: bool, figures: impl Into<String>) -> Self {
        let decision = if holds { Decision::Confirmed } else { Decision::Refuted };
        Self { decision, figures: figures.into(), rests_on: Vec::new() }
    }

    /// The run cannot decide the claim: a required case was not selected, could not run or failed.
    #[must_use]
    pub fn undecided(why: impl Into<String>) -> Self {
        Self { decision: Decision::Undecided, figures: why.into(), rests_on: Vec::new() }
    }

    /// Adds the cases that the figures are from.
    #[must_use]
    pub fn on<'a>(mut self, cases: impl IntoIterator<Item = &'a CaseId>) -> Self {
        self.rests_on.extend(cases.into_iter().cloned());
        self
    }
}

impl Claim {
    /// Decides the claim from a run.
    #[must_use]
    pub fn decided(&self, record: &Record) -> ClaimRecord {
        let Finding { decision, figures, rests_on } = (self.decide)(record);
        ClaimRecord {
            id: self.id.to_owned(),
            statement: self.statement.to_owned(),
            source: self.source.to_owned(),
            refuted_if: self.refuted_if.to_owned(),
            decision,
            figures,
            rests_on,
        }
    }
}
