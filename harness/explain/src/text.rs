//! A profile as text for people, as folded stacks for flame graphs, and as JSON. Names come from the worker's files, so
//! they are escaped.

use std::fmt::Write;

use highwater_report::escape;

use crate::{
    profile::{Moment, Profile, Row},
    symbols::Frame,
};

/// `4,096`, with the sign if `signed`.
fn grouped(bytes: i64, signed: bool) -> String {
    let digits = bytes.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let sign = if bytes < 0 {
        "-"
    } else if signed {
        "+"
    } else {
        ""
    };
    format!("{sign}{text}")
}

fn place(frame: &Frame) -> String {
    frame.place.as_ref().map_or_else(String::new, |(file, line)| format!(" ({}:{line})", file.display()))
}

/// The text of a profile, or of the difference since the revision `base`, with at most `most` stacks.
#[must_use]
pub fn text(profile: &Profile, base: Option<&str>, most: usize) -> String {
    let moment = if profile.moment == Moment::Peak { "peak of the heap before" } else { "heap at" };
    let mut text = format!("{}: {moment} {}", escape::line(profile.case.as_str()), profile.stage);
    let _ = match base {
        Some(base) => write!(text, ", growth since {}", escape::line(base)),
        None => write!(text, ", growth since the baseline stage"),
    };
    for row in profile.rows.iter().take(most) {
        let _ = write!(text, "\n  {}", sentence(row, &profile.unit));
    }
    let rest = profile.rows.iter().skip(most);
    if rest.len() > 0 {
        let bytes = rest.clone().map(|row| row.bytes).sum();
        let _ = write!(text, "\n  {} B in {} more stacks", grouped(bytes, true), rest.len());
    }
    if profile.rows.is_empty() {
        text.push_str("\n  no stack holds more than before");
    }
    if let Some(measured) = profile.measured {
        let unattributed = measured - profile.attributed();
        let (measured, unattributed) = (grouped(measured, true), grouped(unattributed, true));
        let _ = write!(text, "\n  {measured} B measured, of which {unattributed} B are unattributed");
    }
    if profile.lost > 0 {
        let _ = write!(text, "\n  {} allocations were lost", profile.lost);
    }
    if profile.truncated > 0 {
        let _ = write!(text, "\n  {} allocations had deeper stacks than are kept", profile.truncated);
    }
    text
}

/// `+4,096 B per sandbox  cache::insert <- Sandbox::new`, and where.
fn sentence(row: &Row, unit: &str) -> String {
    let bytes = grouped(row.bytes, true);
    let amount = match row.per_unit {
        Some(per_unit) if per_unit.abs() >= 0.5 => {
            let per_unit = grouped(per_unit.round() as i64, true);
            format!("{per_unit} B per {} ({bytes} B)", escape::line(unit))
        }
        _ => format!("{bytes} B"),
    };
    let blocks = grouped(row.blocks, true);
    let functions: Vec<&str> = row.frames.iter().map(|frame| frame.function.as_str()).collect();
    let place = row.frames.first().map_or_else(String::new, place);
    format!("{amount} in {blocks} blocks  {}{}", escape::line(&functions.join(" <- ")), escape::line(&place))
}

/// Folded stacks, outermost function first and the bytes last, the input of flame graph tools. Only growth is in it.
#[must_use]
pub fn folded(profile: &Profile) -> String {
    let mut text = String::new();
    for row in profile.rows.iter().filter(|row| row.bytes > 0) {
        let functions: Vec<String> = row.frames.iter().rev().map(|frame| frame.function.replace(';', ":")).collect();
        let _ = writeln!(text, "{} {}", escape::line(&functions.join(";")), row.bytes);
    }
    text
}

/// One JSON object per profile.
#[must_use]
pub fn json(profile: &Profile, base: Option<&str>) -> serde_json::Value {
    let frame = |frame: &'_ Frame| {
        let place = frame.place.as_ref();
        serde_json::json!({
            "function": frame.function,
            "file": place.map(|(file, _)| file.display().to_string()),
            "line": place.map(|(_, line)| *line),
        })
    };
    let row = |row: &Row| {
        let stack: Vec<_> = row.frames.iter().map(frame).collect();
        serde_json::json!({ "bytes": row.bytes, "blocks": row.blocks, "per_unit": row.per_unit, "stack": stack })
    };
    serde_json::json!({
        "case": profile.case,
        "stage": profile.stage,
        "moment": if profile.moment == Moment::Peak { "peak" } else { "reached" },
        "base": base,
        "unit": profile.unit,
        "measured_bytes": profile.measured,
        "attributed_bytes": profile.attributed(),
        "lost_allocations": profile.lost,
        "truncated_stacks": profile.truncated,
        "rows": profile.rows.iter().map(row).collect::<Vec<_>>(),
    })
}
