//! Claims of a family (design §7): what people say about its subject, and how a run decides it.

use highwater_model::{CaseId, ClaimRecord, Decision, Record};

/// A statement that a run can bear out or refute.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// A stable name within the family: `code-is-shared`.
    pub id: &'static str,
    /// What is said, as it is said.
    pub statement: &'static str,
    /// Who says so, or where.
    pub source: &'static str,
    /// What would refute it.
    pub refuted_if: &'static str,
    /// Decides it from a run, which may hold a part of the cases only.
    pub decide: fn(&Record) -> Finding,
}

/// What a run says of a claim.
#[derive(Clone, Debug)]
pub struct Finding {
    decision: Decision,
    figures: String,
    rests_on: Vec<CaseId>,
}

impl Finding {
    /// The claim holds, or does not, by these figures.
    #[must_use]
    pub fn holds(holds: bool, figures: impl Into<String>) -> Self {
        let decision = if holds { Decision::Confirmed } else { Decision::Refuted };
        Self { decision, figures: figures.into(), rests_on: Vec::new() }
    }

    /// The run cannot tell: a case it needs was not selected, could not run or died.
    #[must_use]
    pub fn undecided(why: impl Into<String>) -> Self {
        Self { decision: Decision::Undecided, figures: why.into(), rests_on: Vec::new() }
    }

    /// Names the cases that the figures were taken from.
    #[must_use]
    pub fn on<'a>(mut self, cases: impl IntoIterator<Item = &'a CaseId>) -> Self {
        self.rests_on.extend(cases.into_iter().cloned());
        self
    }
}

impl Claim {
    /// Decides the claim by a run.
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
