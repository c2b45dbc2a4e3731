//! The page of claims: statements about the systems under test, their sources, and what the run shows.

use askama::Template;
use highwater_model::{CaseId, ClaimRecord, Record};

use super::{CaseLink, Frame, Tone, decision_tone};
use crate::site::{Material, names};

#[derive(Debug, Template)]
#[template(path = "site/claims.html")]
pub(super) struct Claims {
    frame: Frame,
    families: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    family: String,
    claims: Vec<Claim>,
}

#[derive(Debug)]
struct Claim {
    anchor: String,
    tone: Tone,
    decision: String,
    statement: String,
    source: String,
    /// The URL of the source, if it is one.
    source_href: Option<String>,
    refuted_if: String,
    figures: String,
    cases: Vec<CaseLink>,
}

impl Claims {
    pub(super) fn new(material: &Material) -> Self {
        let with_claims = material.records.iter().filter(|record| !record.claims.is_empty());
        let group = |record: &Record| Group {
            family: record.family.clone(),
            claims: record.claims.iter().map(|it| claim(record, it)).collect(),
        };
        Self { frame: Frame::new(material, "Claims", "claims.html"), families: with_claims.map(group).collect() }
    }
}

fn claim(record: &Record, claim: &ClaimRecord) -> Claim {
    let link = |id: &CaseId| {
        let is_there = record.cases.iter().any(|case| case.id == *id);
        CaseLink { label: id.within_family().to_owned(), href: is_there.then(|| names::address(&names::case_page(id))) }
    };
    // Only web URLs become links, never `javascript:`.
    let is_address = ["https://", "http://"].iter().any(|scheme| claim.source.starts_with(scheme));
    Claim {
        anchor: anchor(&record.family, &claim.id),
        tone: decision_tone(claim.decision),
        decision: claim.decision.to_string(),
        statement: claim.statement.clone(),
        source: claim.source.clone(),
        source_href: is_address.then(|| claim.source.clone()),
        refuted_if: claim.refuted_if.clone(),
        figures: claim.figures.clone(),
        cases: claim.rests_on.iter().map(link).collect(),
    }
}

/// The anchor of a claim on the page.
pub(super) fn anchor(family: &str, id: &str) -> String {
    format!("{}+{}", names::slug(family), names::slug(id))
}
