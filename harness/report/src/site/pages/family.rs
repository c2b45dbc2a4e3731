//! The page of a family: its questions, each with a sentence and a chart, below what the gate found.

use askama::Template;
use highwater_judge::Kind;
use highwater_model::Record;

use super::{CaseLink, Frame, Tone, context::unusual, findings::Finding, findings::worst};
use crate::{
    counted::{counted, grouped},
    site::answers::{Answer, answers},
    site::{Material, SiteError, names},
};

/// Maximum number of findings on the page.
const MOST_FINDINGS: usize = 3;

#[derive(Debug, Template)]
#[template(path = "site/family.html")]
pub(super) struct Family {
    frame: Frame,
    name: String,
    lede: String,
    unusual: Vec<String>,
    status: Option<(Tone, String)>,
    compare: String,
    findings: Vec<Finding>,
    answers: Vec<Answer>,
    details: String,
    not_run: Vec<NotRun>,
}

/// The cases that were not run for the same reason.
#[derive(Debug)]
pub(super) struct NotRun {
    pub(super) reason: String,
    pub(super) count: String,
    pub(super) cases: Vec<CaseLink>,
}

impl Family {
    pub(super) fn new(material: &Material, record: &Record) -> Result<Self, SiteError> {
        let path = names::family_page(&record.family);
        let mut findings = worst(material, Some(&record.family), "../");
        findings.retain(|finding| !matches!(finding.kind, Kind::Improved | Kind::Moved | Kind::New));
        findings.truncate(MOST_FINDINGS);
        Ok(Self {
            frame: Frame::new(material, record.family.clone(), &path),
            name: record.family.clone(),
            lede: lede(record),
            unusual: unusual(record),
            status: status(material, &record.family),
            compare: format!("../compare.html#{}", names::address(&names::slug(&record.family))),
            findings,
            answers: answers(record, "../", "question-")?,
            details: format!("../{}", names::address(&names::details_page(&record.family))),
            not_run: not_run(record),
        })
    }
}

/// The number of cases, and of those that have no figures.
pub(super) fn lede(record: &Record) -> String {
    let not_run = record.cases.iter().filter(|case| case.not_run.is_some()).count();
    let failed = record.cases.iter().filter(|case| !case.failures.is_empty()).count();
    let mut lede = counted(record.cases.len(), "case");
    for (count, word) in [(not_run, "not run"), (failed, "with failed workers")] {
        if count > 0 {
            lede.push_str(&format!(", {} {word}", grouped(count)));
        }
    }
    lede
}

/// What the gate says about a family. `None` without a baseline.
pub(super) fn status(material: &Material, family: &str) -> Option<(Tone, String)> {
    let comparison = material.comparison.families.iter().find(|it| it.family == family)?;
    let gated = comparison.verdicts.iter().filter(|verdict| verdict.gated).count();
    let fails = comparison.verdicts.iter().filter(|verdict| verdict.fails()).count();
    let unconfirmed = comparison.verdicts.iter().filter(|it| it.gated && it.kind == Kind::Unconfirmed).count();
    Some(match (fails, unconfirmed) {
        (0, 0) => (super::GOOD, format!("{} passed", counted(gated, "gated verdict"))),
        (0, open) => (super::WARN, format!("{} unconfirmed", counted(open, "increase"))),
        _ => (super::BAD, format!("{} of {} failed", grouped(fails), counted(gated, "gated verdict"))),
    })
}

/// The cases of a family that were not run, by reason.
pub(super) fn not_run(record: &Record) -> Vec<NotRun> {
    let mut found: Vec<NotRun> = Vec::new();
    for case in &record.cases {
        let Some(reason) = &case.not_run else { continue };
        let href = Some(format!("../{}", names::address(&names::case_page(&case.id))));
        let link = CaseLink { label: case.id.within_family().to_owned(), href };
        match found.iter_mut().find(|known| known.reason == *reason) {
            Some(known) => known.cases.push(link),
            None => found.push(NotRun { reason: reason.clone(), count: String::new(), cases: vec![link] }),
        }
    }
    for it in &mut found {
        it.count = counted(it.cases.len(), "case");
    }
    found
}
