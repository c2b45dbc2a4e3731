//! Parses baselines. The format is documented in `baseline_text.rs`, which writes it.

use std::{collections::BTreeMap, path::Path};

use highwater_model::{
    Aspect, Baseline, BaselineCase, Blessing, CaseId, Category, ClassParseError, IdError, Quantity, QuantityError,
    StageParseError, Summary, is_id_part, round_for_baseline,
};

use crate::{StoreError, baseline_text::HEAD, one_line};

/// The format before: without `stages` and `without`.
const HEAD_2: &str = "highwater baseline 2";

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
            Some((_, HEAD | HEAD_2)) => {}
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
                    "stages" => {
                        let stage = |word: &str| word.parse().map_err(|error: StageParseError| error.to_string());
                        case.stages = rest.split_ascii_whitespace().map(stage).collect::<Result<_, _>>()?;
                    }
                    "without" => {
                        let metric = |word: &str| word.parse().map_err(|_| format!("`{word}` is not a metric"));
                        case.without = rest.split_ascii_whitespace().map(metric).collect::<Result<_, _>>()?;
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
    use std::{collections::BTreeMap, path::Path};

    use highwater_model::{
        Aspect, Baseline, BaselineCase, Blessing, Category, Metric, Stage, Summary, Unit, round_for_baseline,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::baseline_text::{HEAD, baseline_text, exact};

    fn sample() -> Baseline {
        let stage = |text: &str| text.parse::<Stage>().expect("a stage");
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
        let case = BaselineCase {
            samples: 20,
            failed: 4,
            failures: vec!["out of memory".into()],
            stages: ["loaded", "live@10", "dropped", "end"].map(stage).into(),
            without: [Metric::Kernel].into(),
            values: values.into(),
        };
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
                "stages loaded live@10 dropped end",
                "without kernel",
                "growth live@10 anon_mapped 40KiB linear_memory=36KiB other=4KiB",
                "growth live@10 anon_heap 60KiB 56KiB..",
                "growth dropped vmas -2 ..-1",
                "slope live heap_live 4873.2B",
                "level live@10 figure.kept_bytes 0B",
            ]
        );
    }

    #[test]
    fn a_baseline_of_the_format_before_expects_nothing_to_be_zero() {
        let text = baseline_text(&sample()).replace("baseline 3", "baseline 2");
        let old: String =
            text.lines().filter(|line| !line.starts_with("stages")).map(|line| format!("{line}\n")).collect();
        let read = parse_baseline(Path::new("x"), &old).expect("reads");
        assert!(read.cases.values().all(|case| case.stages.is_empty()));
    }

    #[test]
    fn an_invalid_line_is_reported_with_its_number() {
        let text = baseline_text(&sample());
        for (from, to, line) in [
            ("baseline 3", "baseline 4", 1),
            ("class linux-", "class ", 1),
            ("live@10 anon_heap 60KiB", "live@10 anon_heap sixty", 15),
            ("live@10 anon_heap 60KiB", "live@10 anon_heap infB", 15),
            ("56KiB..", "56KiB..58KiB", 15),
            ("growth dropped", "rise dropped", 16),
            ("linear_memory=36KiB", "linear=36KiB", 14),
            ("n=20", "n=many", 10),
            ("failed=4", "failed=some", 10),
            ("unit buffer", "family toy", 4),
            ("dropped end", "dropped END", 12),
            ("without kernel", "without kernels", 13),
            ("vmas -2 ..-1", "vmas -2\ngrowth dropped vmas -2", 17),
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
