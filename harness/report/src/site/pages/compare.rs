//! Baseline against run: every verdict with its sentence, what moved first.

use askama::Template;
use highwater_judge::{Comparison, FamilyComparison, Kind, NoBaseline, Verdict};
use highwater_model::CaseId;

use super::{CaseLink, Frame, Tone, short, tone};
use crate::{
    comparison_text::altered,
    leads::{Lead, worst_first},
    site::words::{self, counted, grouped},
    site::{Material, SiteError, names},
};

#[derive(Debug, Template)]
#[template(path = "site/compare.html")]
pub(super) struct Compare {
    frame: Frame,
    before: String,
    now: String,
    families: Vec<Group>,
    without: Vec<String>,
}

#[derive(Debug)]
struct Group {
    family: String,
    anchor: String,
    tone: Tone,
    summary: String,
    conditions: Vec<String>,
    differences: Vec<(String, String, String)>,
    moved: Vec<Row>,
    reported: Vec<Row>,
    held: Vec<HeldCase>,
    held_count: String,
    quiet: String,
}

#[derive(Debug)]
struct Row {
    tone: Tone,
    kind: String,
    case: CaseLink,
    sentence: String,
    /// Of further aspects of the same.
    others: Vec<String>,
    /// How many those are.
    more: String,
}

/// The gated verdicts of a case that hold. What did not change at all is counted: the values stand on
/// the page of the case.
#[derive(Debug)]
struct HeldCase {
    case: CaseLink,
    count: usize,
    /// How sure that is: `exact, n = 20 against 20`.
    sureness: String,
    /// What changed by no more than is allowed: a sentence for each metric, and what it speaks for.
    changed: Vec<(String, String)>,
}

/// A comparison as a page that stands alone: of two revisions, say. `before` and `now` name its sides.
///
/// # Errors
/// [`SiteError`] where the page cannot be made: a fault of the program.
pub fn comparison_page(comparison: &Comparison, before: &str, now: &str) -> Result<String, SiteError> {
    let title = format!("{before} against {now}");
    Ok(Compare::of(comparison, Frame::alone(&title), before, now, |_| false).render()?)
}

impl Compare {
    pub(super) fn new(material: &Material) -> Self {
        let has_page =
            |id: &CaseId| material.records.iter().any(|record| record.cases.iter().any(|case| case.id == *id));
        let frame = Frame::new(material, "Compare", "compare.html");
        Self::of(&material.comparison, frame, "baseline", "run", has_page)
    }

    fn of(comparison: &Comparison, frame: Frame, before: &str, now: &str, has_page: impl Fn(&CaseId) -> bool) -> Self {
        let link = |id: &CaseId| CaseLink {
            label: short(id),
            href: has_page(id).then(|| names::address(&names::case_page(id))),
        };
        Self {
            frame,
            before: before.to_owned(),
            now: now.to_owned(),
            families: comparison.families.iter().map(|family| group(family, before, &link)).collect(),
            without: comparison.without_baseline.iter().map(without).collect(),
        }
    }
}

fn group(family: &FamilyComparison, before: &str, link: &dyn Fn(&CaseId) -> CaseLink) -> Group {
    let is_same = |verdict: &&Verdict| verdict.kind == Kind::Same;
    let row = |Lead { verdict, others }: Lead<'_>| Row {
        tone: tone(verdict.kind),
        kind: verdict.kind.to_string(),
        case: link(&verdict.case),
        sentence: verdict.sentence.clone(),
        others: others.iter().map(|other| format!("{}: {}", other.kind, other.sentence)).collect(),
        more: counted(others.len(), "more aspect"),
    };
    let moved = |gated: bool| family.verdicts.iter().filter(move |it| it.gated == gated && it.kind != Kind::Same);
    let reported = worst_first(moved(false)).into_iter().map(|lead| Row { others: Vec::new(), ..row(lead) });
    let held: Vec<&Verdict> = family.verdicts.iter().filter(|verdict| verdict.gated).filter(is_same).collect();
    let fails = family.verdicts.iter().filter(|verdict| verdict.fails()).count();
    let gated = family.verdicts.iter().filter(|verdict| verdict.gated).count();
    let quiet = family.verdicts.iter().filter(|verdict| !verdict.gated).filter(is_same).count();
    Group {
        family: family.family.clone(),
        anchor: names::slug(&family.family),
        tone: if fails > 0 { super::BAD } else { super::GOOD },
        summary: match fails {
            0 => format!("{} hold", counted(gated, "gated verdict")),
            _ => format!("{} of {} fail", grouped(fails), counted(gated, "gated verdict")),
        },
        conditions: conditions(family, before),
        differences: family.differences.clone(),
        moved: worst_first(moved(true)).into_iter().map(row).collect(),
        reported: reported.collect(),
        held_count: grouped(held.len()),
        held: held.chunk_by(|a, b| a.case == b.case).map(|verdicts| held_case(verdicts, link)).collect(),
        quiet: counted(quiet, "verdict"),
    }
}

fn held_case(verdicts: &[&Verdict], link: &dyn Fn(&CaseId) -> CaseLink) -> HeldCase {
    let change = |verdict: &Verdict| verdict.subject.as_ref().map_or(0.0, |it| it.run - it.baseline.unwrap_or(it.run));
    let (changed, unchanged): (Vec<&Verdict>, Vec<&Verdict>) = verdicts.iter().partition(|it| change(it) != 0.0);
    // A sentence is `what: from -> to (change); how sure; tolerance`.
    let mut sureness: Vec<&str> = unchanged.iter().filter_map(|it| it.sentence.split("; ").nth(1)).collect();
    sureness.sort_unstable();
    sureness.dedup();
    let other = |verdict: &Verdict| {
        let subject = verdict.subject.as_ref()?;
        Some(format!("{} {}", subject.aspect, words::change(subject.quantity.unit(), change(verdict))))
    };
    let told = |Lead { verdict, others }: Lead<'_>| {
        let others: Vec<String> = others.into_iter().filter_map(other).collect();
        (verdict.sentence.clone(), others.join(", "))
    };
    HeldCase {
        case: link(&verdicts[0].case),
        count: unchanged.len(),
        sureness: sureness.join("; "),
        changed: worst_first(changed.into_iter()).into_iter().map(told).collect(),
    }
}

fn conditions(family: &FamilyComparison, before: &str) -> Vec<String> {
    let mut told = vec![format!("machine class {}", family.class)];
    if let Some(blessed) = &family.blessed {
        told.push(format!("{before} of {}: {}", blessed.at, blessed.reason));
    }
    if family.class != family.baseline_class {
        told.push(format!(
            "the {before} is of {}: only growth of anon_mapped and of heap bytes is judged",
            family.baseline_class
        ));
    }
    told.extend(altered(family));
    if family.not_selected > 0 {
        told.push(format!("{} of the {before} left out by the run's filter", counted(family.not_selected, "case")));
    }
    told
}

fn without(absent: &NoBaseline) -> String {
    let others: Vec<String> = absent.other_classes.iter().map(ToString::to_string).collect();
    let others = match others.len() {
        0 => "there is none for any other either".to_owned(),
        _ => format!("there is one for {}", others.join(", ")),
    };
    format!("{}: no baseline for machine class {}; {others}", absent.family, absent.class)
}
