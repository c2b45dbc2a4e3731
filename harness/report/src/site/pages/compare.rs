//! The comparison of baseline and run: every verdict with its sentence, changes first.

use askama::Template;
use highwater_judge::{Comparison, FamilyComparison, Kind, NoBaseline, Verdict};
use highwater_model::CaseId;

use super::{CaseLink, Frame, Tone, family::NotRun, verdict_row::VerdictRow};
use crate::{
    comparison_text::{altered, part},
    counted::{counted, grouped},
    escape,
    site::format,
    site::{Material, SiteError, names},
    verdict_groups::{VerdictGroup, worst_first},
};

#[derive(Debug, Template)]
#[template(path = "site/compare.html")]
pub(super) struct Compare {
    frame: Frame,
    before: String,
    now: String,
    /// The reasons of the baselines, each with the families that share it.
    blessings: Vec<String>,
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
    not_run: Vec<NotRun>,
    changed: Vec<VerdictRow>,
    /// Cases or values without a baseline.
    new: Vec<VerdictRow>,
    reported: Vec<VerdictRow>,
    unchanged: Vec<UnchangedCase>,
    unchanged_count: String,
    reported_unchanged: String,
}

/// The gated verdicts of a case that are within the tolerance. Verdicts without any change are only counted; the
/// page of the case has the values.
#[derive(Debug)]
struct UnchangedCase {
    case: CaseLink,
    count: usize,
    /// The precision: `exact, n = 20 against 20`.
    precision: String,
    /// Changes within the tolerance: a sentence for each metric, and the other aspects that it covers.
    changed: Vec<(String, String)>,
}

/// Renders a comparison as a stand-alone page, for example of two revisions. `before` and `now` are the names of
/// the two sides.
///
/// # Errors
/// Returns [`SiteError`] if the page cannot be rendered, which is a bug.
pub fn comparison_page(comparison: &Comparison, before: &str, now: &str) -> Result<String, SiteError> {
    let title = format!("{before} against {now}");
    let compare = Compare::of(comparison, Frame::alone(&title), before, now, |_| false);
    Ok(escape::page(&compare.render()?))
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
            label: id.within_family().to_owned(),
            href: has_page(id).then(|| names::address(&names::case_page(id))),
        };
        Self {
            frame,
            before: before.to_owned(),
            now: now.to_owned(),
            blessings: blessings(comparison, before),
            families: comparison.families.iter().map(|family| group(family, before, &link)).collect(),
            without: comparison.without_baseline.iter().map(without).collect(),
        }
    }
}

fn group(family: &FamilyComparison, before: &str, link: &dyn Fn(&CaseId) -> CaseLink) -> Group {
    let is_same = |verdict: &&Verdict| verdict.kind == Kind::Same;
    let row = |group: VerdictGroup<'_>| {
        let case = link(&group.verdict.case);
        VerdictRow::of(group, Some(case))
    };
    let changed = |gated: bool| family.verdicts.iter().filter(move |it| it.gated == gated && is_changed(it));
    let reported = worst_first(changed(false)).into_iter().map(|lead| VerdictRow { others: Vec::new(), ..row(lead) });
    let unchanged: Vec<&Verdict> = family.verdicts.iter().filter(|verdict| verdict.gated).filter(is_same).collect();
    let fails = family.verdicts.iter().filter(|verdict| verdict.fails()).count();
    let gated = family.verdicts.iter().filter(|verdict| verdict.gated).count();
    let reported_unchanged = family.verdicts.iter().filter(|verdict| !verdict.gated).filter(is_same).count();
    Group {
        family: family.family.clone(),
        anchor: names::slug(&family.family),
        tone: if fails > 0 { super::BAD } else { super::GOOD },
        summary: match fails {
            0 => format!("{} passed", counted(gated, "gated verdict")),
            _ => format!("{} of {} failed", grouped(fails), counted(gated, "gated verdict")),
        },
        conditions: conditions(family, before),
        differences: family.differences.clone(),
        not_run: not_run(family, link),
        changed: worst_first(changed(true).filter(|it| it.kind != Kind::New)).into_iter().map(row).collect(),
        new: worst_first(changed(true).filter(|it| it.kind == Kind::New)).into_iter().map(row).collect(),
        reported: reported.collect(),
        unchanged_count: grouped(unchanged.len()),
        unchanged: unchanged.chunk_by(|a, b| a.case == b.case).map(|verdicts| unchanged_case(verdicts, link)).collect(),
        reported_unchanged: counted(reported_unchanged, "verdict"),
    }
}

/// The cases that were not run, by reason. Those that fail the gate come first.
fn not_run(family: &FamilyComparison, link: &dyn Fn(&CaseId) -> CaseLink) -> Vec<NotRun> {
    let mut found: Vec<(bool, NotRun)> = Vec::new();
    for verdict in family.verdicts.iter().filter(|verdict| verdict.kind == Kind::NotRun) {
        let case = link(&verdict.case);
        match found.iter_mut().find(|(fails, it)| *fails == verdict.fails() && it.reason == verdict.sentence) {
            Some((_, known)) => known.cases.push(case),
            None => found.push((
                verdict.fails(),
                NotRun { reason: verdict.sentence.clone(), count: String::new(), cases: vec![case] },
            )),
        }
    }
    found.sort_by_key(|(fails, _)| !fails);
    let counted = |(fails, it): (bool, NotRun)| {
        let fails = if fails { ", which fails the gate" } else { "" };
        NotRun { count: format!("{} not run{fails}", counted(it.cases.len(), "case")), ..it }
    };
    found.into_iter().map(counted).collect()
}

/// The reason of each baseline, once for all families that share it.
fn blessings(comparison: &Comparison, before: &str) -> Vec<String> {
    let mut found: Vec<(String, Vec<&str>)> = Vec::new();
    for family in &comparison.families {
        let Some(blessed) = &family.blessed else { continue };
        let text = format!("{before} of {}: {}", blessed.at, blessed.reason);
        match found.iter_mut().find(|(known, _)| *known == text) {
            Some((_, families)) => families.push(&family.family),
            None => found.push((text, vec![&family.family])),
        }
    }
    found.into_iter().map(|(text, families)| format!("{}, {text}", families.join(", "))).collect()
}

/// Whether a verdict is listed. Cases that were not run are listed by reason.
fn is_changed(verdict: &Verdict) -> bool {
    !matches!(verdict.kind, Kind::Same | Kind::NotRun)
}

fn unchanged_case(verdicts: &[&Verdict], link: &dyn Fn(&CaseId) -> CaseLink) -> UnchangedCase {
    let change = |verdict: &Verdict| verdict.subject.as_ref().map_or(0.0, |it| it.run - it.baseline.unwrap_or(it.run));
    let (changed, unchanged): (Vec<&Verdict>, Vec<&Verdict>) = verdicts.iter().partition(|it| change(it) != 0.0);
    // A sentence has the form `what: from -> to (change); precision; tolerance`.
    let mut precision: Vec<&str> = unchanged.iter().filter_map(|it| it.sentence.split("; ").nth(1)).collect();
    precision.sort_unstable();
    precision.dedup();
    let other = |verdict: &Verdict| {
        let subject = verdict.subject.as_ref()?;
        Some(format!("{} {}", subject.aspect, format::change(subject.quantity.unit(), change(verdict))))
    };
    let sentences = |VerdictGroup { verdict, others }: VerdictGroup<'_>| {
        let others: Vec<String> = others.into_iter().filter_map(other).collect();
        (verdict.sentence.clone(), others.join(", "))
    };
    UnchangedCase {
        case: link(&verdicts[0].case),
        count: unchanged.len(),
        precision: precision.join("; "),
        changed: worst_first(changed.into_iter()).into_iter().map(sentences).collect(),
    }
}

fn conditions(family: &FamilyComparison, before: &str) -> Vec<String> {
    let mut conditions = vec![format!("machine class {}", family.class)];
    if family.class != family.baseline_class {
        conditions.push(format!(
            "the {before} is for {}: only growth of anon_mapped and of heap bytes is compared",
            family.baseline_class
        ));
    }
    conditions.extend(family.part.iter().map(part));
    conditions.extend(altered(family));
    if family.not_selected > 0 {
        conditions
            .push(format!("{} of the {before} not selected by the run's filter", counted(family.not_selected, "case")));
    }
    conditions
}

fn without(absent: &NoBaseline) -> String {
    let others: Vec<String> = absent.other_classes.iter().map(ToString::to_string).collect();
    let others = match others.len() {
        0 => "no other machine class has one".to_owned(),
        _ => format!("available for {}", others.join(", ")),
    };
    format!("{}: no baseline for machine class {}; {others}", absent.family, absent.class)
}
