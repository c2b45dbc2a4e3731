//! The text format of baselines: a short header, then one line for each gated quantity of each case, sorted. A change
//! of ten pages in one case is about ten lines of a diff.
//!
//! ```text
//! highwater baseline 3
//! family sandbox-scaling
//! class linux-x86_64-4k-thp_madvise-glibc-aslr_off
//! unit sandbox
//! baseline_stage loaded
//! context kernel 6.18.44
//! blessed 2026-11-26T21:00:00Z all: first measurement
//!
//! case sandbox-scaling/on-demand/cow=on,guest=tiny n=20
//! stages loaded live@10 live@100 end
//! without kernel
//! growth live@10 anon_mapped 40KiB linear_memory=40KiB
//! growth live@10 anon_heap 60KiB 56KiB..
//! slope live heap_live 4873.2B
//! ```
//!
//! Workers that failed are counted in the line of the case (`n=16 failed=4`), with a line `fails OUTCOME` for each
//! outcome. A line consists of the aspect, its stage (or ladder), the quantity, the median, the range if the workers differ (an
//! omitted end equals the median), and the medians by category of mapping. Numbers of bytes are exact: in KiB if that
//! is a whole number, otherwise in bytes.
//!
//! **What has no line was 0.** A quantity that the default policy gates needs a line only where it is not 0. A baseline
//! therefore expects 0 of it at each stage in the line `stages`, and a new kind of memory fails at once. The exceptions
//! are the metrics in the line `without`: they were not read in this case (no cgroup, no counting allocator) or not
//! gated, so nothing is expected of them. Figures, and metrics that only a rule gates, always have a line. A file of
//! format 2 is read too: it has no `stages`, so nothing is expected to be 0 in it.

use std::fmt::Write;

use highwater_model::{Baseline, Blessing, Unit, is_raw, round_for_baseline};

/// The first line, with the version of the format.
pub(super) const HEAD: &str = "highwater baseline 3";

/// Formats a baseline.
#[must_use]
pub fn baseline_text(baseline: &Baseline) -> String {
    let Baseline { family, class, unit, baseline_stage, context, blessings, cases } = baseline;
    let mut text = format!("{HEAD}\nfamily {family}\nclass {class}\nunit {unit}\nbaseline_stage {baseline_stage}\n");
    // Writing to a `String` cannot fail.
    for (name, value) in context {
        let _ = writeln!(text, "context {name} {}", single_line(value));
    }
    for Blessing { reason, at, cases } in blessings {
        let _ =
            writeln!(text, "blessed {at} {}: {}", single_line(cases.as_deref().unwrap_or("all")), single_line(reason));
    }
    for (id, case) in cases {
        let failed = if case.failed > 0 { format!(" failed={}", case.failed) } else { String::new() };
        let _ = writeln!(text, "\ncase {id} n={}{failed}", case.samples);
        for failure in &case.failures {
            let _ = writeln!(text, "fails {}", single_line(failure));
        }
        let mut list = |word: &str, names: Vec<String>| {
            if !names.is_empty() {
                let _ = writeln!(text, "{word} {}", names.join(" "));
            }
        };
        list("stages", case.stages.iter().map(ToString::to_string).collect());
        list("without", case.without.iter().map(ToString::to_string).collect());
        for ((quantity, aspect), summary) in &case.values {
            let unit = quantity.unit();
            let value = |value| exact(unit, value);
            let _ = write!(text, "{} {} {quantity} {}", aspect.word(), aspect.place(), value(summary.median));
            if summary.width() > 0.0 {
                let end = |end: f64| if end == summary.median { String::new() } else { value(end) };
                let _ = write!(text, " {}..{}", end(summary.low), end(summary.high));
            }
            for (category, part) in &summary.parts {
                let _ = write!(text, " {category}={}", value(*part));
            }
            text.push('\n');
        }
    }
    text
}

/// Replaces whitespace and raw characters by single spaces, so that the text is one line, and reads in a review as it
/// is.
fn single_line(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || is_raw(c)).filter(|w| !w.is_empty()).collect();
    words.join(" ")
}

/// Formats a value so that the parser reads the same number: `40KiB`, `4873.2B`, `12`.
pub(super) fn exact(unit: Unit, value: f64) -> String {
    let value = round_for_baseline(value);
    match unit {
        Unit::Bytes if value != 0.0 && value % 1024.0 == 0.0 => format!("{}KiB", value / 1024.0),
        Unit::Bytes => format!("{value}B"),
        Unit::Count | Unit::Nanoseconds => format!("{value}"),
    }
}
