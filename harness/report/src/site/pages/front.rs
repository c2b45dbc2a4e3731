//! The front page: the outcome, what changed and where, one chart per family with its conclusion, the claims, the
//! machine, and how to reproduce the run.

use std::collections::BTreeMap;

use askama::Template;
use highwater_judge::Kind;
use highwater_model::{CaseId, Record, exit};

use super::{
    Frame, Tone,
    claims::counts,
    context::{Fact, facts, unusual},
    family::{lede, status},
    findings::{Finding, worst},
    tone,
};
use crate::{
    counted::{counted, grouped},
    site::answers::{Answer, first_answer},
    site::{Material, SiteError, names},
};

/// Maximum number of changes shown on the front page, for the better and for the worse.
const MOST_CHANGES: usize = 4;

#[derive(Debug, Template)]
#[template(path = "site/front.html")]
pub(super) struct Front {
    frame: Frame,
    banner: Banner,
    /// What fails the gate or may do so.
    changes: Vec<Finding>,
    more_changes: usize,
    improved: Vec<Finding>,
    improved_count: String,
    /// Cases with values that have no baseline.
    new: String,
    not_run: String,
    families: Vec<FamilyCard>,
    claims: Vec<ClaimGroup>,
    facts: Vec<Fact>,
    commands: Vec<(&'static str, &'static str)>,
}

#[derive(Debug)]
struct Banner {
    tone: Tone,
    word: &'static str,
    sentence: String,
    counts: Vec<(Tone, String)>,
}

/// A family: its most important question, answered.
#[derive(Debug)]
struct FamilyCard {
    name: String,
    href: String,
    summary: String,
    unusual: Vec<String>,
    status: Option<(Tone, String)>,
    answer: Option<Answer>,
}

/// The claims of a family, counted by decision.
#[derive(Debug)]
struct ClaimGroup {
    family: String,
    href: String,
    counts: Vec<(Tone, String)>,
}

impl Front {
    pub(super) fn new(material: &Material) -> Result<Self, SiteError> {
        let not_run = material.comparison.verdicts().filter(|verdict| verdict.kind == Kind::NotRun).count();
        let mut changes = worst(material, None, "");
        let mut of_kind = |is_it: fn(Kind) -> bool| {
            let (found, rest) = std::mem::take(&mut changes).into_iter().partition(|finding| is_it(finding.kind));
            changes = rest;
            found
        };
        let mut improved: Vec<Finding> = of_kind(|kind| matches!(kind, Kind::Improved | Kind::Moved));
        let new: Vec<Finding> = of_kind(|kind| kind == Kind::New);
        let (all, improved_count) = (changes.len(), counted(improved.len(), "quantity"));
        changes.truncate(MOST_CHANGES);
        improved.truncate(MOST_CHANGES);
        Ok(Self {
            frame: Frame::new(material, "Highwater report", "index.html"),
            banner: banner(material),
            more_changes: all - changes.len(),
            changes,
            improved_count,
            improved,
            new: match new.len() {
                0 => String::new(),
                1 => "1 case has".to_owned(),
                many => format!("{} have", counted(many, "case")),
            },
            not_run: match not_run {
                0 => String::new(),
                1 => "1 case was".to_owned(),
                many => format!("{} were", counted(many, "case")),
            },
            families: material
                .records
                .iter()
                .enumerate()
                .map(|(index, record)| card(material, index, record))
                .collect::<Result<_, _>>()?,
            claims: claims(material),
            facts: facts(&material.records.iter().collect::<Vec<_>>()),
            commands: commands(),
        })
    }
}

fn commands() -> Vec<(&'static str, &'static str)> {
    vec![
        ("cargo bench", "measure memory and time of all families and write this report"),
        ("cargo bench -- --memory-only", "measure memory only"),
        (
            "cargo run -q --release --bin highwater -- compare",
            "compare the run with the baselines; exits with status 3 on a regression",
        ),
        ("cargo run -q --release --bin highwater -- report", "write this report from stored records"),
        ("cargo run -q --release --bin highwater -- bless --reason TEXT", "accept the run as the new baseline"),
    ]
}

fn banner(material: &Material) -> Banner {
    let comparison = &material.comparison;
    let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
    for verdict in comparison.verdicts().filter(|verdict| verdict.gated) {
        *counts.entry(verdict.kind).or_default() += 1;
    }
    let cases: usize = material.records.iter().map(|record| record.cases.len()).sum();
    let status = comparison.exit_status();
    let fails = counts.iter().filter(|(kind, _)| kind.is_failure()).map(|(_, count)| count).sum::<usize>();
    let all: usize = counts.values().sum();
    let (tone_class, word, sentence) = if material.records.is_empty() {
        (super::WARN, "Nothing measured", "There is no record yet: run cargo bench.".to_owned())
    } else {
        match status {
            exit::PASSED => (
                super::GOOD,
                "Passed",
                format!("All {} gated verdicts of {} passed.", grouped(all), counted(cases, "case")),
            ),
            exit::REGRESSED => {
                let sentence = format!(
                    "{} of {} gated verdicts failed, in {}.",
                    grouped(fails),
                    grouped(all),
                    failing_cases(material)
                );
                (super::BAD, "Failed", sentence)
            }
            exit::UNCONFIRMED => (
                super::WARN,
                "Unconfirmed",
                "A significant increase has not been confirmed by fresh workers.".to_owned(),
            ),
            _ => {
                let families: Vec<&str> = comparison.without_baseline.iter().map(|it| it.family.as_str()).collect();
                (
                    super::WARN,
                    "No baseline",
                    format!("There is no baseline of {} for this machine class.", families.join(", ")),
                )
            }
        }
    };
    let counts = counts.into_iter().rev().map(|(kind, count)| (tone(kind), format!("{} {kind}", grouped(count))));
    let status = (Tone { class: "", sign: "" }, format!("exit status {status}"));
    let counts = if material.records.is_empty() { Vec::new() } else { counts.chain([status]).collect() };
    Banner { tone: tone_class, word, sentence, counts }
}

fn failing_cases(material: &Material) -> String {
    let mut cases: Vec<&CaseId> = material.comparison.verdicts().filter(|it| it.fails()).map(|it| &it.case).collect();
    cases.sort_unstable();
    cases.dedup();
    counted(cases.len(), "case")
}

fn card(material: &Material, index: usize, record: &Record) -> Result<FamilyCard, SiteError> {
    Ok(FamilyCard {
        name: record.family.clone(),
        href: names::address(&names::family_page(&record.family)),
        summary: lede(record),
        unusual: unusual(record),
        status: status(material, &record.family),
        answer: first_answer(record, "", &format!("family-{index}-"))?,
    })
}

/// The claims of each family, counted by decision.
fn claims(material: &Material) -> Vec<ClaimGroup> {
    let group = |record: &Record| ClaimGroup {
        family: record.family.clone(),
        href: format!("claims.html#{}", names::address(&names::slug(&record.family))),
        counts: counts(record.claims.iter()),
    };
    material.records.iter().filter(|record| !record.claims.is_empty()).map(group).collect()
}
