//! The page of claims: statements about the systems under test, their sources, and what the run shows.

use askama::Template;
use highwater_model::{CaseId, ClaimRecord, Decision, Record};

use super::{CaseLink, Frame, Tone, decision_tone};
use crate::{
    counted::counted,
    site::{Material, names},
};

#[derive(Debug, Template)]
#[template(path = "site/claims.html")]
pub(super) struct Claims {
    frame: Frame,
    summary: String,
    families: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    family: String,
    anchor: String,
    counts: Vec<(Tone, String)>,
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
    based_on: String,
    cases: Vec<CaseLink>,
}

impl Claims {
    pub(super) fn new(material: &Material) -> Self {
        let with_claims = material.records.iter().filter(|record| !record.claims.is_empty());
        let all = material.records.iter().flat_map(|record| &record.claims);
        let counts: Vec<String> = counts(all).into_iter().map(|(_, text)| text).collect();
        Self {
            frame: Frame::new(material, "Claims", "claims.html"),
            summary: if counts.is_empty() { String::new() } else { format!("In all: {}.", counts.join(", ")) },
            families: with_claims.map(group).collect(),
        }
    }
}

fn group(record: &Record) -> Group {
    // Those that the run does not confirm first.
    let mut claims: Vec<&ClaimRecord> = record.claims.iter().collect();
    claims.sort_by_key(|claim| order(claim.decision));
    Group {
        family: record.family.clone(),
        anchor: names::slug(&record.family),
        counts: counts(record.claims.iter()),
        claims: claims.into_iter().map(|it| claim(record, it)).collect(),
    }
}

/// Counts of claims by decision, of those that occur.
pub(super) fn counts<'a>(claims: impl Iterator<Item = &'a ClaimRecord>) -> Vec<(Tone, String)> {
    let decisions: Vec<Decision> = claims.map(|claim| claim.decision).collect();
    let count = |decision: Decision| decisions.iter().filter(|it| **it == decision).count();
    let mut all = [Decision::Confirmed, Decision::Refuted, Decision::Undecided];
    all.sort_by_key(|decision| order(*decision));
    let counted = all.into_iter().map(|decision| (decision, count(decision))).filter(|(_, count)| *count > 0);
    counted.map(|(decision, count)| (decision_tone(decision), format!("{count} {decision}"))).collect()
}

fn order(decision: Decision) -> u8 {
    match decision {
        Decision::Refuted => 0,
        Decision::Undecided => 1,
        Decision::Confirmed => 2,
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
        based_on: format!("based on {}", counted(claim.rests_on.len(), "case")),
        cases: claim.rests_on.iter().map(link).collect(),
    }
}

/// The anchor of a claim on the page.
pub(super) fn anchor(family: &str, id: &str) -> String {
    format!("{}+{}", names::slug(family), names::slug(id))
}
