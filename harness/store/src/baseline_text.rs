//! The text format of baselines: a short header, then one line for each gated quantity of each case, sorted. A change
//! of ten pages in one case is about ten lines of a diff.
//!
//! ```text
//! highwater baseline 2
//! family sandbox-scaling
//! class linux-x86_64-4k-thp_madvise-glibc-aslr_off
//! unit sandbox
//! baseline_stage loaded
//! context kernel 6.18.44
//! blessed 2026-11-26T21:00:00Z all: first measurement
//!
//! case sandbox-scaling/on-demand/cow=on,guest=tiny n=20
//! growth live@10 anon_mapped 40KiB linear_memory=40KiB
//! growth live@10 anon_heap 60KiB 56KiB..
//! slope live heap_live 4873.2B
//! ```
//!
//! Workers that failed are counted in the line of the case (`n=16 failed=4`), with a line `fails OUTCOME` for each
//! outcome. A line consists of the aspect, its stage (or ladder), the quantity, the median, the range if the workers differ (an
//! omitted end equals the median), and the medians by category of mapping. Numbers of bytes are exact: in KiB if that
//! is a whole number, otherwise in bytes.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use highwater_model::{
    Aspect, Baseline, BaselineCase, Blessing, CaseId, Category, ClassParseError, IdError, Quantity, QuantityError,
    StageParseError, Summary, Unit, is_id_part, is_raw, round_for_baseline,
};

use crate::{StoreError, one_line};

/// The first line, with the version of the format.
const HEAD: &str = "highwater baseline 2";

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

/// Formats a value so that [`number`] parses it to the same number: `40KiB`, `4873.2B`, `12`.
fn exact(unit: Unit, value: f64) -> String {
    let value = round_for_baseline(value);
    match unit {
        Unit::Bytes if value != 0.0 && value % 1024.0 == 0.0 => format!("{}KiB", value / 1024.0),
        Unit::Bytes => format!("{value}B"),
        Unit::Count | Unit::Nanoseconds => format!("{value}"),
    }
}

fn number(text: &str) -> Option<f64> {
    let (digits, factor) = match (text.strip_suffix("KiB"), text.strip_suffix('B')) {
        (Some(kib), _) => (kib, 1024.0),
        (None, Some(bytes)) => (bytes, 1.0),
        (None, None) => (text, 1.0),
    };
    // `parse` also accepts words such as `inf`.
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-');
    digits
        .parse::<f64>()
        .ok()
        .filter(|value| plain && value.is_finite())
        .map(|value| round_for_baseline(value * factor))
}

/// Parses a baseline; `path` is only used in errors.
///
/// # Errors
/// [`StoreError::BaselineLine`] with the number of the invalid line.
pub fn parse_baseline(path: &Path, text: &str) -> Result<Baseline, StoreError> {
    Reader::default().read(text).map_err(|(line, problem)| StoreError::BaselineLine {
        path: path.to_owned(),
        line,
        problem: one_line(&problem),
    })
}

#[derive(Default)]
struct Reader {
    header: BTreeMap<&'static str, String>,
    context: BTreeMap<String, String>,
    blessings: Vec<Blessing>,
    cases: BTreeMap<CaseId, BaselineCase>,
    current: Option<CaseId>,
}

/// The keywords of the header that must occur exactly once.
const ONCE: [&str; 4] = ["family", "class", "unit", "baseline_stage"];

impl Reader {
    fn read(mut self, text: &str) -> Result<Baseline, (usize, String)> {
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
        match lines.next() {
            Some((_, HEAD)) => {}
            Some((_, line)) if line.starts_with("highwater baseline ") => {
                return Err((1, format!("`{line}`: this build reads `{HEAD}`; use the version that wrote it")));
            }
            _ => return Err((1, format!("expected `{HEAD}`"))),
        }
        for (number, line) in lines {
            self.line(line).map_err(|problem| (number, problem))?;
        }
        self.finish().map_err(|problem| (1, problem))
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if let Some(known) = ONCE.into_iter().find(|known| *known == word) {
            return match self.header.insert(known, rest.to_owned()) {
                None => Ok(()),
                Some(_) => Err(format!("duplicate `{known}`")),
            };
        }
        match word {
            "" => Ok(()),
            "context" => {
                let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
                self.context.insert(name.to_owned(), value.to_owned());
                Ok(())
            }
            "blessed" => {
                let blessing = rest.split_once(": ").and_then(|(head, reason)| {
                    let (at, cases) = head.split_once(' ')?;
                    let cases = (cases != "all").then(|| cases.to_owned());
                    Some(Blessing { reason: reason.to_owned(), at: at.to_owned(), cases })
                });
                self.blessings.push(blessing.ok_or("expected `blessed TIME CASES: REASON`")?);
                Ok(())
            }
            "case" => self.case(rest),
            _ => {
                let case = self.current.as_ref().and_then(|id| self.cases.get_mut(id));
                let case = case.ok_or_else(|| format!("`{word}` before the first case"))?;
                match word {
                    "fails" => {
                        case.failures.push(rest.to_owned());
                        // A file without the number has at least one failure of each kind.
                        case.failed = case.failed.max(case.failures.len());
                    }
                    _ => {
                        let (key, summary) = value(line)?;
                        let name = format!("{} {} {}", key.1.word(), key.1.place(), key.0);
                        if case.values.insert(key, summary).is_some() {
                            return Err(format!("duplicate line `{name}`"));
                        }
                    }
                }
                Ok(())
            }
        }
    }

    fn case(&mut self, rest: &str) -> Result<(), String> {
        let (id, samples) = rest.split_once(" n=").ok_or("expected `case ID n=WORKERS`")?;
        let id: CaseId = id.parse().map_err(|error: IdError| error.to_string())?;
        let workers = |text: &str| text.parse().map_err(|_| format!("`{text}` is not a number of workers"));
        let (samples, failed) = match samples.split_once(" failed=") {
            Some((samples, failed)) => (workers(samples)?, workers(failed)?),
            None => (workers(samples)?, 0),
        };
        let case = BaselineCase { samples, failed, ..BaselineCase::default() };
        if self.cases.insert(id.clone(), case).is_some() {
            return Err(format!("duplicate case {id}"));
        }
        self.current = Some(id);
        Ok(())
    }

    fn finish(mut self) -> Result<Baseline, String> {
        let mut field = |name| self.header.remove(name).ok_or_else(|| format!("the header has no `{name}`"));
        let family = field("family")?;
        if !is_id_part(&family) {
            return Err(format!("`{family}` is not a family name"));
        }
        Ok(Baseline {
            family,
            class: field("class")?.parse().map_err(|error: ClassParseError| error.to_string())?,
            unit: field("unit")?,
            baseline_stage: field("baseline_stage")?.parse().map_err(|error: StageParseError| error.to_string())?,
            context: self.context,
            blessings: self.blessings,
            cases: self.cases,
        })
    }
}

type Key = (Quantity, Aspect);

/// `growth live@10 anon_heap 60KiB 56KiB..64KiB arenas=60KiB`
fn value(line: &str) -> Result<(Key, Summary), String> {
    let mut words = line.split_ascii_whitespace();
    let mut next = || words.next().ok_or("expected `ASPECT STAGE QUANTITY MEDIAN ...`".to_owned());
    let (word, place, quantity, median) = (next()?, next()?, next()?, next()?);
    let aspect = Aspect::parse(word, place).ok_or_else(|| {
        format!("`{word} {place}` is not an aspect: expected level STAGE, growth STAGE or slope LADDER")
    })?;
    let quantity: Quantity = quantity.parse().map_err(|error: QuantityError| error.to_string())?;
    let parsed = |text: &str| number(text).ok_or_else(|| format!("`{text}` is not a number such as 40KiB, 12B or 3"));
    let median = parsed(median)?;
    let (mut low, mut high, mut parts) = (median, median, BTreeMap::new());
    for word in words {
        match (word.split_once(".."), word.split_once('=')) {
            (Some((from, to)), _) => {
                let end = |text: &str| if text.is_empty() { Ok(median) } else { parsed(text) };
                (low, high) = (end(from)?, end(to)?);
            }
            (None, Some((category, part))) => {
                let category: Category = category.parse().map_err(|error: QuantityError| error.to_string())?;
                parts.insert(category, parsed(part)?);
            }
            (None, None) => return Err(format!("`{word}` is neither LOW..HIGH nor CATEGORY=VALUE")),
        }
    }
    if !(low <= median && median <= high) {
        return Err(format!("the median {median} is not between {low} and {high}"));
    }
    Ok(((quantity, aspect), Summary { median, low, high, parts }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Baseline {
        let stage = |text: &str| text.parse().expect("a stage");
        let summary = |median: f64, low: f64, high: f64| Summary::new(median, low, high, BTreeMap::new());
        let parts = [(Category::LinearMemory, 36_864.0), (Category::Other, 4096.0)].into();
        let values = [
            (("anon_mapped", Aspect::Growth(stage("live@10"))), Summary::new(40_960.0, 40_960.0, 40_960.0, parts)),
            (("anon_heap", Aspect::Growth(stage("live@10"))), summary(61_440.0, 57_344.0, 61_440.0)),
            (("heap_live", Aspect::Slope("live".into())), summary(4873.2, 4873.2, 4873.2)),
            (("vmas", Aspect::Growth(stage("dropped"))), summary(-2.0, -2.0, -1.0)),
            (("figure.kept_bytes", Aspect::Level(stage("live@10"))), summary(0.0, 0.0, 0.0)),
        ];
        let values = values.map(|((name, aspect), summary)| ((name.parse().expect("a quantity"), aspect), summary));
        let case =
            BaselineCase { samples: 20, failed: 4, failures: vec!["out of memory".into()], values: values.into() };
        Baseline {
            family: "toy".into(),
            class: "linux-x86_64-4k-thp_madvise-glibc-aslr_off".parse().expect("a class"),
            unit: "buffer".into(),
            baseline_stage: stage("loaded"),
            context: [("cpu".to_owned(), "AMD EPYC".to_owned())].into(),
            blessings: vec![
                Blessing { reason: "first".into(), at: "2026-11-26T21:00:00Z".into(), cases: None },
                Blessing { reason: "why: x".into(), at: "2026-11-27T21:00:00Z".into(), cases: Some("toy/*".into()) },
            ],
            cases: [("toy/heap/size=64k".parse().expect("an id"), case)].into(),
        }
    }

    #[test]
    fn a_baseline_round_trips_through_text() {
        let baseline = sample();
        let text = baseline_text(&baseline);
        assert_eq!(parse_baseline(Path::new("x"), &text).expect("reads back"), baseline);
        let lines: Vec<&str> = text.lines().skip(8).collect();
        assert_eq!(
            lines,
            [
                "",
                "case toy/heap/size=64k n=20 failed=4",
                "fails out of memory",
                "growth live@10 anon_mapped 40KiB linear_memory=36KiB other=4KiB",
                "growth live@10 anon_heap 60KiB 56KiB..",
                "growth dropped vmas -2 ..-1",
                "slope live heap_live 4873.2B",
                "level live@10 figure.kept_bytes 0B",
            ]
        );
    }

    #[test]
    fn an_invalid_line_is_reported_with_its_number() {
        let text = baseline_text(&sample());
        for (from, to, line) in [
            ("baseline 2", "baseline 3", 1),
            ("class linux-", "class ", 1),
            ("live@10 anon_heap 60KiB", "live@10 anon_heap sixty", 13),
            ("live@10 anon_heap 60KiB", "live@10 anon_heap infB", 13),
            ("56KiB..", "56KiB..58KiB", 13),
            ("growth dropped", "rise dropped", 14),
            ("linear_memory=36KiB", "linear=36KiB", 12),
            ("n=20", "n=many", 10),
            ("failed=4", "failed=some", 10),
            ("unit buffer", "family toy", 4),
            ("vmas -2 ..-1", "vmas -2\ngrowth dropped vmas -2", 15),
        ] {
            let error = parse_baseline(Path::new("x/toy.txt"), &text.replace(from, to)).expect_err(to).to_string();
            assert!(error.starts_with(&format!("x/toy.txt:{line}: ")) && !error.contains('\n'), "{to}: {error}");
        }
    }

    proptest! {
        #[test]
        fn every_value_round_trips_through_text(bytes in -1e12..1e12_f64, whole in any::<bool>()) {
            let value = if whole { bytes.round() } else { round_for_baseline(bytes) };
            for unit in [Unit::Bytes, Unit::Count] {
                let read = number(&exact(unit, value)).expect("reads back");
                prop_assert!((read - value).abs() <= value.abs() * 1e-12 + 1e-6, "{} {}", read, value);
            }
        }

        #[test]
        fn the_parser_never_panics(lines in prop::collection::vec("(case|growth|slope|fails|blessed|unit)?[ a-z0-9@=.:/-]{0,30}", 0..8)) {
            let _ = parse_baseline(Path::new("x"), &format!("{HEAD}\n{}", lines.join("\n")));
        }
    }
}
