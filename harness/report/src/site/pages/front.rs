//! The front page: the outcome, the largest changes, the headline figures, the claims, the machine, and how to
//! reproduce the run.

use std::collections::BTreeMap;

use askama::Template;
use highwater_judge::{Kind, Verdict};
use highwater_model::{CaseId, ClaimRecord, Decision, Record, exit};

use super::{
    CaseLink, Frame, Tone,
    context::{Fact, facts, unusual},
    decision_tone,
    headline::{Headline, headlines},
    tone,
};
use crate::{
    counted::{counted, grouped},
    site::format::{amount, change, relative},
    site::{Material, names},
    verdict_groups::worst_first,
};

/// Maximum number of changes shown on the front page, for the better and for the worse.
const MOST_CHANGES: usize = 6;
/// Maximum number of claims of a family on the front page.
const MOST_CLAIMS: usize = 3;

#[derive(Debug, Template)]
#[template(path = "site/front.html")]
pub(super) struct Front {
    frame: Frame,
    banner: Banner,
    changes: Vec<Change>,
    more_changes: usize,
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

/// The change of a quantity, represented by its most significant aspect.
#[derive(Debug)]
struct Change {
    tone: Tone,
    kind: String,
    case: CaseLink,
    what: String,
    before: String,
    now: String,
    change: String,
    relative: String,
    category: String,
    sentence: String,
}

#[derive(Debug)]
struct FamilyCard {
    name: String,
    href: String,
    summary: String,
    unusual: Vec<String>,
    headlines: Vec<Headline>,
}

/// The claims of a family: counts by decision, and the first claims.
#[derive(Debug)]
struct ClaimGroup {
    family: String,
    counts: Vec<(Tone, String)>,
    first: Vec<ClaimLine>,
    more: usize,
}

#[derive(Debug)]
struct ClaimLine {
    tone: Tone,
    decision: String,
    statement: String,
    figures: String,
    href: String,
}

impl Front {
    pub(super) fn new(material: &Material) -> Self {
        let is_shown = |verdict: &&Verdict| {
            let is_finding = verdict.fails() || !matches!(verdict.kind, Kind::Same | Kind::NotRun);
            is_finding && (verdict.gated || verdict.subject.is_none())
        };
        let not_run = material.comparison.verdicts().filter(|verdict| verdict.kind == Kind::NotRun).count();
        let leads = worst_first(material.comparison.verdicts().filter(is_shown)).into_iter().map(|lead| lead.verdict);
        let (worse, better): (Vec<&Verdict>, Vec<&Verdict>) = leads.partition(|it| it.kind != Kind::Improved);
        let shown = worse.iter().take(MOST_CHANGES).chain(better.iter().take(MOST_CHANGES));
        let changes: Vec<Change> = shown.map(|verdict| verdict_change(verdict)).collect();
        Self {
            frame: Frame::new(material, "Highwater report", "index.html"),
            banner: banner(material),
            more_changes: worse.len() + better.len() - changes.len(),
            changes,
            not_run: match not_run {
                0 => String::new(),
                1 => "1 case was".to_owned(),
                many => format!("{} were", counted(many, "case")),
            },
            families: material.records.iter().map(card).collect(),
            claims: claims(material),
            facts: facts(&material.records.iter().collect::<Vec<_>>()),
            commands: commands(),
        }
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
    let status = (super::Tone { class: "", sign: "" }, format!("exit status {status}"));
    let counts = if material.records.is_empty() { Vec::new() } else { counts.chain([status]).collect() };
    Banner { tone: tone_class, word, sentence, counts }
}

fn failing_cases(material: &Material) -> String {
    let mut cases: Vec<&CaseId> =
        material.comparison.verdicts().filter(|verdict| verdict.fails()).map(|verdict| &verdict.case).collect();
    cases.sort_unstable();
    cases.dedup();
    counted(cases.len(), "case")
}

fn verdict_change(verdict: &Verdict) -> Change {
    let case = CaseLink {
        label: verdict.case.to_string(),
        href: (verdict.kind != Kind::Missing).then(|| names::address(&names::case_page(&verdict.case))),
    };
    let subject = verdict.subject.as_ref();
    let unit = subject.map(|subject| subject.quantity.unit());
    let text = |value: Option<f64>| value.zip(unit).map_or(String::new(), |(value, unit)| amount(unit, value));
    let before = subject.and_then(|subject| subject.baseline);
    let delta = subject.and_then(|subject| Some(subject.run - subject.baseline?));
    Change {
        tone: tone(verdict.kind),
        kind: verdict.kind.to_string(),
        case,
        what: subject.map_or(String::new(), |subject| format!("{}, {}", subject.quantity, subject.aspect)),
        before: text(before),
        now: text(subject.map(|subject| subject.run)),
        change: delta.zip(unit).map_or(String::new(), |(delta, unit)| change(unit, delta)),
        relative: before.zip(delta).map_or(String::new(), |(before, delta)| relative(before, delta)),
        category: subject.and_then(|it| it.category).map_or(String::new(), |(category, _)| category.to_string()),
        sentence: verdict.sentence.clone(),
    }
}

fn card(record: &Record) -> FamilyCard {
    let not_run = record.cases.iter().filter(|case| case.not_run.is_some()).count();
    let failed = record.cases.iter().filter(|case| !case.failures.is_empty()).count();
    let mut summary = counted(record.cases.len(), "case");
    for (count, word) in [(not_run, "not run"), (failed, "with failed workers")] {
        if count > 0 {
            summary.push_str(&format!(", {count} {word}"));
        }
    }
    FamilyCard {
        name: record.family.clone(),
        href: names::address(&names::family_page(&record.family)),
        summary,
        unusual: unusual(record),
        headlines: headlines(record),
    }
}

/// The claims of each family, refuted ones first.
fn claims(material: &Material) -> Vec<ClaimGroup> {
    let order = [Decision::Refuted, Decision::Undecided, Decision::Confirmed];
    let group = |record: &Record| {
        let of = |decision: Decision| record.claims.iter().filter(move |claim| claim.decision == decision);
        let line = |claim: &ClaimRecord| ClaimLine {
            tone: decision_tone(claim.decision),
            decision: claim.decision.to_string(),
            statement: claim.statement.clone(),
            figures: claim.figures.clone(),
            href: format!("claims.html#{}", names::address(&super::claims::anchor(&record.family, &claim.id))),
        };
        let counts = order.iter().map(|decision| (*decision, of(*decision).count())).filter(|(_, count)| *count > 0);
        ClaimGroup {
            family: record.family.clone(),
            counts: counts.map(|(decision, count)| (decision_tone(decision), format!("{count} {decision}"))).collect(),
            first: order.into_iter().flat_map(of).take(MOST_CLAIMS).map(line).collect(),
            more: record.claims.len().saturating_sub(MOST_CLAIMS),
        }
    };
    material.records.iter().filter(|record| !record.claims.is_empty()).map(group).collect()
}
