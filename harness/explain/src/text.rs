//! A profile as text for people, as folded stacks for flame graphs, and as JSON. Names come from the worker's files, so
//! they are escaped.

use std::fmt::Write;

use highwater_model::Moment;
use highwater_report::{counted, escape, signed, stack_line};

use crate::profile::{Coverage, Losses, Profile};

/// How to get line tables.
const LINE_TABLES: &str = "for them, set `debug = \"line-tables-only\"` in [profile.release] and measure again";

/// The text of a profile, or of the difference since the revision `base`, with at most `most` stacks.
#[must_use]
pub fn text(profile: &Profile, base: Option<&str>, most: usize) -> String {
    let moment = if profile.moment == Moment::Peak { "peak of the heap before" } else { "memory at" };
    let since = base.map_or_else(|| "the baseline stage".to_owned(), escape::line);
    let head = format!("{}: {moment} {}, growth since {since}", escape::line(profile.case.as_str()), profile.stage);
    let mut lines = vec![head];
    lines.extend(profile.rows.iter().take(most).map(|row| stack_line(row, &profile.unit)));
    let rest = profile.rows.iter().skip(most);
    if rest.len() > 0 {
        let bytes = rest.clone().map(|row| row.bytes).sum();
        lines.push(format!("{} B in {}", signed(bytes), counted(rest.len(), "more stack")));
    }
    if profile.rows.is_empty() {
        lines.push("no stack holds more than before".to_owned());
    }
    lines.extend(remarks(profile));
    lines.join("\n  ")
}

/// What is not attributed, and what was lost.
fn remarks(profile: &Profile) -> Vec<String> {
    let coverage = |what: &str, coverage: Option<Coverage>| {
        let Coverage { measured, attributed } = coverage?;
        let (measured, unattributed) = (signed(measured), signed(measured - attributed));
        Some(format!("{what}: {measured} B measured, of which {unattributed} B are unattributed"))
    };
    let Losses { allocations, deep_stacks, faults, incomplete_stacks, refused } = &profile.losses;
    let lost = |count: u64, word: &str, what: &str| {
        (count > 0).then(|| format!("{} {what}", counted(usize::try_from(count).unwrap_or(usize::MAX), word)))
    };
    let without_lines = lost(profile.without_lines as u64, "stack", "without file and line");
    let lines = [
        coverage("heap", profile.heap),
        coverage("anonymous memory", profile.anonymous),
        lost(*allocations, "allocation", "lost"),
        lost(*deep_stacks, "allocation", "with deeper stacks than are kept"),
        lost(*faults, "page fault", "lost"),
        lost(*incomplete_stacks, "page", "whose outermost functions are unknown"),
        refused.as_deref().map(escape::line),
        without_lines.map(|stacks| format!("{stacks}: their functions have no line tables; {LINE_TABLES}")),
    ];
    lines.into_iter().flatten().collect()
}

/// Folded stacks, outermost function first and the bytes last, the input of flame graph tools. Only growth is in it.
#[must_use]
pub fn folded(profile: &Profile) -> String {
    let mut text = String::new();
    for row in profile.rows.iter().filter(|row| row.bytes > 0) {
        let functions = row.frames.iter().rev().map(|frame| frame.function.replace(';', ":"));
        // Pages are below a frame of their own, so that they are not summed with blocks.
        let kind = row.category.map(|category| format!("[pages of {category}]"));
        let functions: Vec<String> = functions.chain(kind).collect();
        let _ = writeln!(text, "{} {}", escape::line(&functions.join(";")), row.bytes);
    }
    text
}

/// One JSON object per profile.
#[must_use]
pub fn json(profile: &Profile, base: Option<&str>) -> serde_json::Value {
    let coverage = |coverage: Option<Coverage>| {
        coverage.map(|it| serde_json::json!({"measured_bytes": it.measured, "attributed_bytes": it.attributed}))
    };
    serde_json::json!({
        "case": profile.case,
        "stage": profile.stage,
        "moment": if profile.moment == Moment::Peak { "peak" } else { "reached" },
        "base": base,
        "unit": profile.unit,
        "heap": coverage(profile.heap),
        "anonymous": coverage(profile.anonymous),
        "lost_allocations": profile.losses.allocations,
        "deep_stacks": profile.losses.deep_stacks,
        "lost_faults": profile.losses.faults,
        "incomplete_stacks": profile.losses.incomplete_stacks,
        "refused": profile.losses.refused,
        "stacks_without_lines": profile.without_lines,
        "rows": profile.rows,
    })
}
