//! Claims about the memory cost of parsing YAML, and how a run confirms or refutes them.

use highwater_judge::{CaseView, Claim, Finding};
use highwater_model::{CaseId, Metric, Record};

use crate::{generate::SIZE, growth};

/// The source of most claims.
const REPORT: &str = "memory analysis of libfyaml's Python bindings";

/// The commit that gave libfyaml's Python bindings `trim()`, which 1.0.0-beta1 calls by default.
const TRIM: &str = "libfyaml, message of commit 4f76111";

/// All claims. Those about libfyaml are decided on libfyaml if it was measured (the feature `libfyaml`), and otherwise
/// on an equivalent strategy of this family.
pub const CLAIMS: [Claim; 11] = [
    Claim {
        id: "total-is-3.52",
        statement: "A queryable document in memory takes about 3.52 times the file size, which is reasonable",
        source: REPORT,
        refuted_if: "a document that supports the same queries takes less than half of that",
        decide: |record| {
            let own = one(record, FY_KEPT, Metric::Rss).map(|own| format!("; libfyaml with its string: {own:.2}x"));
            ratio(
                record,
                TAPE_MAP,
                Metric::Rss,
                |total| total > 3.52 / 2.0,
                |total| {
                    let own = own.unwrap_or_default();
                    format!("lazy tape over a mapping, all resident memory included: {total:.2}x{own}")
                },
            )
        },
    },
    Claim {
        id: "mmap-saves-27.7-percent",
        statement: "Mapping the file instead of reading it saves 27.7 %, which is the size of the file",
        source: REPORT,
        refuted_if: "the saving of resident memory is not within a third of that",
        decide: |record| {
            let saves = |what: &str, string: f64, map: f64| {
                let saved = 100.0 * (1.0 - map / string);
                let figures = format!("{what}: resident {string:.2}x read, {map:.2}x mapped: {saved:.1} % saved");
                (within_a_third(saved, 27.7), figures)
            };
            if let Some(own) = pair(record, (FY_KEPT, FY_DOUBLED), Metric::Rss) {
                let (holds, figures) = saves("libfyaml", own.0, own.1);
                let why = "; when reading, it keeps the string and a copy of it in its arena";
                return Finding::holds(holds, figures + why).on(&ids(&[FY_KEPT, FY_DOUBLED]));
            }
            two(record, (TAPE_STRING, Metric::Rss), (TAPE_MAP, Metric::Rss), |string, map| {
                let (holds, figures) = saves("tape", string, map);
                let why = "; the pages of a mapping are not anonymous, but they are resident too";
                Finding::holds(holds, figures + why)
            })
        },
    },
    Claim {
        id: "zero-copy-keeps-the-source",
        statement: "Zero copy keeps the source resident, because the document needs it",
        source: REPORT,
        refuted_if: "a document that refers to the source works with less than a tenth of it resident",
        decide: |record| {
            two(record, (TAPE_WINDOW, Metric::Rss), (TAPE_WINDOW, Metric::Anon), |rss, anon| {
                let source = rss - anon;
                let figures = format!("{source:.2}x of the source is resident after a walk over it in windows");
                Finding::holds(source >= 0.1, figures)
            })
        },
    },
    Claim {
        id: "best-is-2.45",
        statement: "With all optimizations turned on, the lowest achievable memory is 2.45 times the file size",
        source: REPORT,
        refuted_if: "any document takes less",
        decide: |record| {
            let own = one(record, FY_PLAIN, Metric::Rss)
                .map(|own| format!("; libfyaml, mapped and without deduplication: {own:.2}x"));
            ratio(
                record,
                TAPE_WINDOW,
                Metric::Rss,
                |best| best >= 2.45,
                |best| format!("lazy tape over a sliding window: {best:.2}x resident{}", own.unwrap_or_default()),
            )
        },
    },
    Claim {
        id: "dedup-off-saves-4.2-percent",
        statement: "Turning deduplication off saves 4.2 %",
        source: REPORT,
        refuted_if: "the saving is not within a third of that, either with repeated texts or with unique texts",
        decide: |record| {
            let saved = |(on, off): (f64, f64)| 100.0 * (1.0 - off / on);
            let both = |repeat: [Key; 2], unique: [Key; 2]| {
                let of = |[on, off]: [Key; 2]| pair(record, (on, off), Metric::Anon).map(saved);
                let cases = ids(&[repeat, unique].concat());
                of(repeat).zip(of(unique)).map(|saved| (saved, cases))
            };
            let own = both([FY_DOUBLED, FY_PLAIN], [FY_UNIQUE, FY_UNIQUE_PLAIN]);
            let what = if own.is_some() { "libfyaml" } else { "reference-counted tree" };
            match own.or_else(|| both(RC_REPEAT, RC_UNIQUE)) {
                Some(((repeat, unique), cases)) => {
                    let holds = within_a_third(repeat, 4.2) && within_a_third(unique, 4.2);
                    let figures =
                        format!("{what}: off saves {repeat:.1} % with repeated texts, {unique:.1} % with unique ones");
                    Finding::holds(holds, figures).on(&cases)
                }
                None => Finding::undecided("a case of tree-rc was not measured"),
            }
        },
    },
    Claim {
        id: "malloc-saves-31-percent",
        statement: "Using malloc instead of the doubling arena saves 31 %",
        source: REPORT,
        refuted_if: "it saves less than 10 %",
        decide: |record| {
            arenas(record, (FY_DOUBLED, FY_MALLOC), (ARENA_DOUBLED, ARENA_MALLOC), |what, doubled, malloc| {
                let saved = 100.0 * (1.0 - malloc / doubled);
                let figures =
                    format!("{what}: anonymous {doubled:.2}x doubled, {malloc:.2}x malloc: {saved:.1} % saved");
                Finding::holds(saved >= 10.0, figures)
            })
        },
    },
    Claim {
        id: "excess-is-unused-arena",
        statement: "The unexplained memory is unused arena capacity left over from doubling",
        source: REPORT,
        refuted_if: "trimming the arena to its used size changes resident memory by less than 5 %",
        decide: |record| {
            arenas(record, (FY_DOUBLED, FY_TRIMMED), (ARENA_DOUBLED, ARENA_TRIMMED), |what, doubled, trimmed| {
                let unused = 100.0 * (1.0 - trimmed / doubled);
                let figures = format!(
                    "{what}: anonymous {doubled:.2}x doubled, {trimmed:.2}x trimmed: {unused:.1} % was resident and \
                     unused; untouched pages take no memory"
                );
                Finding::holds(unused >= 5.0, figures)
            })
        },
    },
    Claim {
        id: "trim-saves-45-percent",
        statement: "Trimming the arena after parsing takes it from 4.09 to 2.24 times the file size and saves 45 %",
        source: TRIM,
        refuted_if: "the saving of resident memory is not within a third of that",
        decide: |record| trimming_saves(record, Metric::Rss, "resident"),
    },
    Claim {
        id: "control-trim-saves-45-percent",
        statement: "The same for address space, which the statement measured",
        source: "control: must be confirmed",
        refuted_if: "the saving of address space is not within a third of that",
        decide: |record| trimming_saves(record, Metric::Vsize, "address space"),
    },
    Claim {
        id: "pyyaml-4.8-ruamel-7.1",
        statement: "libfyaml takes 3.60 times the file size, PyYAML 4.8 times that and ruamel.yaml 7.1 times that",
        source: REPORT,
        refuted_if: "their multiples of the file are not within a fifth of 17.3 and 25.7",
        decide: |record| {
            let pyyaml: Key = ("peer-python", &[("parser", "pyyaml")]);
            let ruamel: Key = ("peer-python", &[("parser", "ruamel")]);
            two(record, (pyyaml, Metric::Rss), (ruamel, Metric::Rss), |pyyaml, ruamel| {
                let near = |is: f64, said: f64| (is / said - 1.0).abs() <= 0.2;
                let figures = format!("PyYAML (pure) {pyyaml:.1}x, ruamel.yaml {ruamel:.1}x of this file");
                Finding::holds(near(pyyaml, 17.3) && near(ruamel, 25.7), figures)
            })
        },
    },
    Claim {
        id: "grows-in-a-line",
        statement: "Memory and time of the lazy tape grow linearly with the file size, from 1 to 64 MiB",
        source: "this project",
        refuted_if: "memory deviates from a straight line by more than 5 %, or time by more than 25 %",
        decide: growth::decide,
    },
];

/// A case: its strategy and its parameters.
type Key = (&'static str, &'static [(&'static str, &'static str)]);

const FY_KEPT: Key =
    ("libfyaml", &[("arena", "doubled"), ("dedup", "on"), ("file", "repeat"), ("input", "string-kept")]);
const FY_DOUBLED: Key = ("libfyaml", &[("arena", "doubled"), ("dedup", "on"), ("file", "repeat"), ("input", "map")]);
const FY_PLAIN: Key = ("libfyaml", &[("arena", "doubled"), ("dedup", "off"), ("file", "repeat"), ("input", "map")]);
const FY_TRIMMED: Key = ("libfyaml", &[("arena", "trimmed"), ("dedup", "on"), ("file", "repeat"), ("input", "map")]);
const FY_MALLOC: Key = ("libfyaml", &[("arena", "malloc"), ("dedup", "on"), ("file", "repeat"), ("input", "map")]);
const FY_UNIQUE: Key = ("libfyaml", &[("arena", "doubled"), ("dedup", "on"), ("file", "unique"), ("input", "map")]);
const FY_UNIQUE_PLAIN: Key =
    ("libfyaml", &[("arena", "doubled"), ("dedup", "off"), ("file", "unique"), ("input", "map")]);
const RC_REPEAT: [Key; 2] =
    [("tree-rc", &[("dedup", "on"), ("file", "repeat")]), ("tree-rc", &[("dedup", "off"), ("file", "repeat")])];
const RC_UNIQUE: [Key; 2] =
    [("tree-rc", &[("dedup", "on"), ("file", "unique")]), ("tree-rc", &[("dedup", "off"), ("file", "unique")])];
const TAPE_STRING: Key = ("tape-lazy", &[("input", "string")]);
const TAPE_MAP: Key = ("tape-lazy", &[("input", "map")]);
const TAPE_WINDOW: Key = ("tape-lazy", &[("input", "map-window")]);
const ARENA_DOUBLED: Key = ("tree-arena", &[("arena", "mremap")]);
const ARENA_TRIMMED: Key = ("tree-arena", &[("arena", "mremap-trim")]);
const ARENA_MALLOC: Key = ("tree-arena", &[("arena", "malloc")]);

fn id((strategy, parameters): Key) -> Option<CaseId> {
    CaseId::new("yaml-parse", strategy, parameters).ok()
}

fn ids(cases: &[Key]) -> Vec<CaseId> {
    cases.iter().filter_map(|case| id(*case)).collect()
}

fn not_measured(case: Key) -> Finding {
    Finding::undecided(id(case).map_or_else(String::new, |id| format!("{id} was not measured")))
}

/// Returns the growth up to `walked`, as a multiple of the file size.
fn one(record: &Record, (strategy, parameters): Key, metric: Metric) -> Option<f64> {
    Some(CaseView::find(record, strategy, parameters)?.growth(metric, "walked")? / SIZE as f64)
}

/// Returns the same for two cases.
fn pair(record: &Record, (first, second): (Key, Key), metric: Metric) -> Option<(f64, f64)> {
    one(record, first, metric).zip(one(record, second, metric))
}

/// Decides what trimming libfyaml's arena saves, in libfyaml's own Python bindings.
fn trimming_saves(record: &Record, metric: Metric, what: &str) -> Finding {
    let untrimmed: Key = ("peer-python", &[("parser", "libfyaml-untrimmed")]);
    let trimmed: Key = ("peer-python", &[("parser", "libfyaml-string")]);
    two(record, (untrimmed, metric), (trimmed, metric), |untrimmed, trimmed| {
        let saved = 100.0 * (1.0 - trimmed / untrimmed);
        let figures =
            format!("libfyaml 1.0.0b2, {what}: {untrimmed:.2}x untrimmed, {trimmed:.2}x trimmed: {saved:.1} % saved");
        Finding::holds(within_a_third(saved, 45.3), figures)
    })
}

fn within_a_third(is: f64, said: f64) -> bool {
    (is / said - 1.0).abs() <= 1.0 / 3.0
}

/// Decides by the anonymous memory of two cases of libfyaml, or of two cases of the linked tree if libfyaml was not
/// measured.
fn arenas(record: &Record, own: (Key, Key), ours: (Key, Key), decide: impl Fn(&str, f64, f64) -> Finding) -> Finding {
    match pair(record, own, Metric::Anon) {
        Some((first, second)) => decide("libfyaml", first, second).on(&ids(&[own.0, own.1])),
        None => two(record, (ours.0, Metric::Anon), (ours.1, Metric::Anon), |first, second| {
            decide("linked tree", first, second)
        }),
    }
}

fn ratio(
    record: &Record,
    case: Key,
    metric: Metric,
    holds: impl Fn(f64) -> bool,
    figures: impl FnOnce(f64) -> String,
) -> Finding {
    match one(record, case, metric) {
        Some(value) => Finding::holds(holds(value), figures(value)).on(&id(case)),
        None => not_measured(case),
    }
}

fn two(
    record: &Record,
    (first, first_metric): (Key, Metric),
    (second, second_metric): (Key, Metric),
    decide: impl Fn(f64, f64) -> Finding,
) -> Finding {
    match (one(record, first, first_metric), one(record, second, second_metric)) {
        (Some(a), Some(b)) => decide(a, b).on(&ids(&[first, second])),
        (None, _) => not_measured(first),
        (_, None) => not_measured(second),
    }
}
