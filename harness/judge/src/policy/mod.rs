//! `baselines/policy.toml`: which aspects of which metrics of which cases are gated, with what
//! tolerance, and under what budget. Rules are layered: a later one overrides what it names.

use std::{
    io,
    path::{Path, PathBuf},
};

use globset::{Glob, GlobSet, GlobSetBuilder};
use highwater_model::{Aspect, Bytes, CaseId, Metric, Quantity};
use highwater_store::{one_line, read_file};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// The version of the policy's shape.
const SCHEMA: u32 = 1;

/// Why a policy could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It could not be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It says something that makes no sense.
    #[error("{path}: {problem}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What and where.
        problem: String,
    },
}

/// How exactly a peak is known: the kernel folds its per-CPU counters of anonymous and of file pages
/// into the high-water mark in batches of 32 pages each (`percpu_counter_batch`).
const PEAK_GRAIN: f64 = (2 * 32 * 4096) as f64;

/// How exactly growth of page tables is known across builds. A page of them serves 2 MiB of addresses,
/// and the heap begins where the program ends: a program that is a little longer has its heap cross a
/// 2 MiB border a rung earlier or later. Two pages: one for the heap, one for another growing region.
const BORDERS: f64 = (2 * 4096) as f64;
/// The same in a slope: such a page spread over a ladder's lower rungs, far below one per unit.
const BORDER_PER_UNIT: f64 = 256.0;

/// How far growth of heap pages moves with the layout alone, between the samples of one that layouts do not part more:
/// the most that eight layouts moved any rung of a ladder of sandbox-scaling and yaml-parse, two pages. Where layouts
/// move more (after a trim, for example), the range of the baseline's workers says so.
const HEAP_LAYOUT: f64 = (2 * 4096) as f64;
/// The same for malloc's bytes in use: it rounds blocks to 16 bytes and keeps remainders below 32, by layout. The most
/// that eight layouts moved any growth was 1,840 bytes.
const MALLOC_ROUNDING: f64 = 2048.0;

/// What becomes of an aspect that moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It fails the gate.
    Gate,
    /// It is reported and fails nothing.
    Report,
    /// It is not looked at.
    Ignore,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// Glob on the case id.
    #[serde(default, deserialize_with = "glob")]
    case: Option<GlobSet>,
    /// Glob on the quantity: `anon`, `anon.*`.
    #[serde(default, deserialize_with = "metric_glob")]
    metric: Option<GlobSet>,
    aspect: Option<AspectWord>,
    mode: Option<Mode>,
    #[serde(default, deserialize_with = "bytes")]
    tolerance: Option<f64>,
    #[serde(default, deserialize_with = "percent")]
    tolerance_percent: Option<f64>,
    #[serde(default, deserialize_with = "bytes")]
    budget: Option<f64>,
    /// The cases are gone on purpose: that a run has them no longer fails nothing.
    #[serde(default)]
    gone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AspectWord {
    Level,
    Growth,
    Slope,
}

impl AspectWord {
    fn is(self, aspect: &Aspect) -> bool {
        matches!(
            (self, aspect),
            (Self::Level, Aspect::Level(_)) | (Self::Growth, Aspect::Growth(_)) | (Self::Slope, Aspect::Slope(_))
        )
    }
}

/// Longest glob in bytes: the matcher goes one call deeper with each brace.
const LONGEST_GLOB: usize = 500;

fn glob<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<GlobSet>, D::Error> {
    matcher(&String::deserialize(deserializer)?).map(Some)
}

/// A name without wildcards that no quantity has makes a rule that never holds.
fn metric_glob<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<GlobSet>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if !text.contains(['*', '?', '[', '{', '\\']) {
        text.parse::<Quantity>().map_err(D::Error::custom)?;
    }
    matcher(&text).map(Some)
}

fn matcher<E: serde::de::Error>(text: &str) -> Result<GlobSet, E> {
    if text.len() > LONGEST_GLOB {
        return Err(E::custom(format!("a glob of {} bytes, {LONGEST_GLOB} at most", text.len())));
    }
    let glob = Glob::new(text).map_err(E::custom)?;
    // A set of one: building it returns an error where `Glob::compile_matcher` panics.
    GlobSetBuilder::new().add(glob).build().map_err(E::custom)
}

/// `"64 KiB"` or a plain number (bytes, or a count for metrics that are counts).
fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "it must be a number, or a text such as \"64 KiB\"")]
    enum Value {
        Number(f64),
        Text(String),
    }
    match Value::deserialize(deserializer)? {
        Value::Number(number) => limit(number).map(Some),
        Value::Text(text) => text.parse::<Bytes>().map(|bytes| Some(bytes.0 as f64)).map_err(D::Error::custom),
    }
}

fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    limit(f64::deserialize(deserializer)?).map(Some)
}

/// TOML has `nan` and `inf` too, with which no rise would ever be one.
fn limit<E: serde::de::Error>(number: f64) -> Result<f64, E> {
    match number {
        number if number < 0.0 => Err(E::custom(format!("{number} is below 0"))),
        number if !number.is_finite() => Err(E::custom(format!("{number} is no limit"))),
        number => Ok(number),
    }
}

/// The largest policy that is read.
const LARGEST: Bytes = Bytes(1 << 20);

/// The rules in force.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    rules: Vec<Rule>,
    /// Ignore what would only be reported.
    only_gated: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    #[serde(default)]
    rule: Vec<Rule>,
}

/// What the policy says of one aspect of one quantity of one case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Applied {
    /// Gate, report or ignore.
    pub mode: Mode,
    /// A rise of at most this many bytes (or counts) is none.
    pub tolerance: f64,
    /// A rise of at most this part of the baseline is none.
    pub tolerance_percent: f64,
    /// The run may not be above this, whatever the baseline.
    pub budget: Option<f64>,
}

impl Applied {
    /// The largest rise over `baseline` that is tolerated: the larger of the two tolerances.
    #[must_use]
    pub fn allowed(&self, baseline: f64) -> f64 {
        self.tolerance.max(baseline.abs() * self.tolerance_percent / 100.0)
    }
}

impl Policy {
    /// Whether a run must have this case of the baseline: not where a rule says that it is gone on purpose.
    #[must_use]
    pub fn expects(&self, case: &CaseId) -> bool {
        !self.rules.iter().any(|rule| rule.gone && rule.case.as_ref().is_none_or(|glob| glob.is_match(case.as_str())))
    }

    /// Reads a policy. Without the file the defaults hold: see baselines/policy.toml of this project for a list.
    ///
    /// # Errors
    /// One line that names the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, PolicyError> {
        let malformed = |problem: String| PolicyError::Malformed { path: path.to_owned(), problem: one_line(&problem) };
        let text = read_file(path, LARGEST).map_err(|source| PolicyError::Io { path: path.to_owned(), source })?;
        let text = String::from_utf8(text).map_err(|error| malformed(error.to_string()))?;
        let file: File = toml::from_str(&text).map_err(|error| malformed(located(&text, &error)))?;
        if file.schema != SCHEMA {
            return Err(malformed(format!("schema is {}, this build reads {SCHEMA}", file.schema)));
        }
        Ok(Self { rules: file.rule, only_gated: false })
    }

    /// The same, with no look at what would only be reported.
    #[must_use]
    pub fn only_gated(self) -> Self {
        Self { only_gated: true, ..self }
    }

    /// What holds for an aspect of a quantity of a case.
    #[must_use]
    pub fn applied(&self, case: &CaseId, quantity: Quantity, aspect: &Aspect) -> Applied {
        let tolerance = default_tolerance(quantity, aspect);
        let mode = default_mode(quantity, aspect);
        let mut applied = Applied { mode, tolerance, tolerance_percent: 0.0, budget: None };
        let name = quantity.to_string();
        for rule in &self.rules {
            let fits = |glob: &Option<GlobSet>, text: &str| glob.as_ref().is_none_or(|glob| glob.is_match(text));
            let fits = fits(&rule.case, case.as_str())
                && fits(&rule.metric, &name)
                && rule.aspect.is_none_or(|word| word.is(aspect));
            if fits {
                applied = Applied {
                    mode: rule.mode.unwrap_or(applied.mode),
                    tolerance: rule.tolerance.unwrap_or(applied.tolerance),
                    tolerance_percent: rule.tolerance_percent.unwrap_or(applied.tolerance_percent),
                    // A rule that only reports takes back the budgets before it.
                    budget: rule
                        .budget
                        .or(applied.budget.filter(|_| !matches!(rule.mode, Some(Mode::Report | Mode::Ignore)))),
                };
            }
        }
        if self.only_gated && applied.mode == Mode::Report {
            applied.mode = Mode::Ignore;
        }
        applied
    }
}

/// Gated: growth and slope of anonymous memory outside the heap and of the heap's live bytes, which are exact; of page
/// tables and VMAs; growth of heap pages and of malloc's bytes, beyond what layout moves; growth of the peaks (without
/// files, and of heap bytes).
/// The level at the reference stage is the size of the program and of what it loads: it moves with any line of code, so
/// it is reported and can have a budget. Other metrics of the process and a worker's own figures are reported;
/// categories only explain.
fn default_mode(quantity: Quantity, aspect: &Aspect) -> Mode {
    use Metric::{AnonHeap, AnonMapped, HeapInUse, HeapLive, HeapPeak, PageTables, PeakAnon, Vmas};
    match (quantity, aspect) {
        (Quantity::Within(..), _) => Mode::Ignore,
        (Quantity::Process(AnonMapped | HeapLive | PageTables | Vmas), Aspect::Growth(_) | Aspect::Slope(_))
        | (Quantity::Process(AnonHeap | HeapInUse | PeakAnon | HeapPeak), Aspect::Growth(_)) => Mode::Gate,
        _ => Mode::Report,
    }
}

/// 0, but for what is not known to the page or byte.
fn default_tolerance(quantity: Quantity, aspect: &Aspect) -> f64 {
    match (quantity.metric(), aspect) {
        (Some(Metric::Peak | Metric::PeakAnon), _) => PEAK_GRAIN,
        (Some(Metric::PageTables), Aspect::Slope(_)) => BORDER_PER_UNIT,
        (Some(Metric::PageTables), _) => BORDERS,
        (Some(Metric::AnonHeap), _) => HEAP_LAYOUT,
        (Some(Metric::HeapInUse), _) => MALLOC_ROUNDING,
        _ => 0.0,
    }
}

/// toml's message and the line it is about, without its drawing.
fn located(text: &str, error: &toml::de::Error) -> String {
    let before = |end: usize| text.bytes().take(end).filter(|byte| *byte == b'\n').count();
    let line = error.span().map(|span| before(span.start) + 1);
    let message = error.message().replace('\n', " ");
    line.map_or(message.clone(), |line| format!("line {line}: {message}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn policy(text: &str) -> Result<Policy, PolicyError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("policy.toml");
        fs::write(&path, text).expect("a file");
        Policy::read(&path)
    }

    fn applied(policy: &Policy, case: &str, quantity: &str, aspect: &Aspect) -> Applied {
        policy.applied(&case.parse().expect("id"), quantity.parse().expect("quantity"), aspect)
    }

    #[test]
    fn without_rules_the_defaults_hold() {
        let (growth, slope) = (Aspect::Growth("live@1".parse().expect("stage")), Aspect::Slope("live".into()));
        let level = Aspect::Level("loaded".parse().expect("stage"));
        for (quantity, on_growth, on_slope, on_level) in [
            ("anon", Mode::Report, Mode::Report, Mode::Report),
            ("anon_mapped", Mode::Gate, Mode::Gate, Mode::Report),
            ("anon_heap", Mode::Gate, Mode::Report, Mode::Report),
            ("heap_live", Mode::Gate, Mode::Gate, Mode::Report),
            ("heap_peak", Mode::Gate, Mode::Report, Mode::Report),
            ("heap_in_use", Mode::Gate, Mode::Report, Mode::Report),
            ("page_tables", Mode::Gate, Mode::Gate, Mode::Report),
            ("vmas", Mode::Gate, Mode::Gate, Mode::Report),
            ("peak_anon", Mode::Gate, Mode::Report, Mode::Report),
            ("peak", Mode::Report, Mode::Report, Mode::Report),
            ("rss", Mode::Report, Mode::Report, Mode::Report),
            ("anon.host_heap", Mode::Ignore, Mode::Ignore, Mode::Ignore),
        ] {
            let modes =
                [&growth, &slope, &level].map(|aspect| applied(&Policy::default(), "f/c", quantity, aspect).mode);
            assert_eq!(modes, [on_growth, on_slope, on_level], "{quantity}");
        }
    }

    /// A page of page tables more for every unit is far beyond what a border explains.
    #[test]
    fn only_what_depends_on_the_layout_has_a_tolerance_by_default() {
        let (growth, slope) = (Aspect::Growth("live@1".parse().expect("stage")), Aspect::Slope("live".into()));
        for (quantity, on_growth, on_slope) in [
            ("anon_mapped", 0.0, 0.0),
            ("heap_live", 0.0, 0.0),
            ("heap_peak", 0.0, 0.0),
            ("anon_heap", 8192.0, 8192.0),
            ("heap_in_use", 2048.0, 2048.0),
            ("vmas", 0.0, 0.0),
            ("page_tables", 8192.0, 256.0),
            ("peak_anon", 262_144.0, 262_144.0),
        ] {
            let tolerances =
                [&growth, &slope].map(|aspect| applied(&Policy::default(), "f/c", quantity, aspect).tolerance);
            assert_eq!(tolerances, [on_growth, on_slope], "{quantity}");
        }
    }

    #[test]
    fn later_rules_override_what_they_name_and_leave_the_rest() {
        let policy = policy(
            "schema = 1\n[[rule]]\nmetric = \"anon\"\ntolerance = \"4 KiB\"\n\
             [[rule]]\ncase = \"f/pool*\"\nmetric = \"a*\"\naspect = \"slope\"\ntolerance_percent = 2\nbudget = \"24 KiB\"\n",
        )
        .expect("valid");
        let slope = Aspect::Slope("live".into());
        let pooled = applied(&policy, "f/pooling", "anon", &slope);
        assert_eq!((pooled.tolerance, pooled.tolerance_percent, pooled.budget), (4096.0, 2.0, Some(24576.0)));
        assert!((pooled.allowed(1_000_000.0) - 20_000.0).abs() < 1e-9);
        let other = applied(&policy, "f/on-demand", "anon", &slope);
        assert_eq!((other.tolerance, other.budget), (4096.0, None));
    }

    #[test]
    fn only_cases_that_are_gone_on_purpose_are_not_expected() {
        let policy = policy("schema = 1\n[[rule]]\ncase = \"f/old/*\"\ngone = true\n").expect("valid");
        let expects = |case: &str| policy.expects(&case.parse().expect("id"));
        assert_eq!(["f/old/a=1", "f/new/a=1"].map(expects), [false, true]);
        assert!(Policy::default().expects(&"f/old/a=1".parse().expect("id")));
    }

    /// A budget is a gate of its own: it does not make the metric gated by what it was before.
    #[test]
    fn a_budget_leaves_the_mode_and_a_rule_that_only_reports_takes_it_back() {
        let slope = Aspect::Slope("live".into());
        let rules = "schema = 1\n[[rule]]\nmetric = \"anon\"\nbudget = 4096\n";
        let budget = |text: &str| {
            let applied = applied(&policy(text).expect("valid"), "f/c", "anon", &slope);
            (applied.mode, applied.budget)
        };
        assert_eq!(budget(rules), (Mode::Report, Some(4096.0)));
        assert_eq!(budget(&format!("{rules}[[rule]]\nmode = \"report\"\n")), (Mode::Report, None));
    }

    #[test]
    fn a_policy_with_a_mistake_is_refused_in_one_line_that_names_it() {
        for (text, part) in [
            ("", "schema"),
            ("schema = 2", "schema is 2"),
            ("schema = 1\n[[rule]]\ntolerence = 1", "line 3"),
            ("schema = 1\n[[rule]]\ntolerance = \"4 MB\"", "4 MB"),
            ("schema = 1\n[[rule]]\nbudget = -1", "below 0"),
            ("schema = 1\n[[rule]]\ncase = \"[\"", "unclosed"),
            ("schema = 1\n[[rule]]\naspect = \"height\"", "height"),
            ("not toml", "line 1"),
            ("schema = 1\n[[rule]]\ntolerance = inf", "inf is no limit"),
            ("schema = 1\n[[rule]]\ntolerance = true", "a text such as \"64 KiB\""),
            ("schema = 1\n[[rule]]\nbudget = nan", "NaN is no limit"),
            ("schema = 1\n[[rule]]\ntolerance_percent = -2", "below 0"),
            ("schema = 1\n[[rule]]\ntolerance_percent = inf", "inf is no limit"),
            ("schema = 1\n[[rule]]\nmetric = \"anno\"", "unknown word `anno`"),
            (&format!("schema = 1\n[[rule]]\ncase = \"{}\"", "{a,".repeat(200)), "a glob of 600 bytes"),
            (&format!("schema = 1\nx = {}", "[".repeat(10_000)), "line 2"),
            (&format!("schema = 1\n{}x = 1", "a.".repeat(10_000)), "recursion"),
        ] {
            let error = policy(text).expect_err(text).to_string();
            assert!(error.contains(part) && !error.contains('\n'), "{text:?}: {error}");
        }
    }
}
