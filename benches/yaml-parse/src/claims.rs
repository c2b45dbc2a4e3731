//! What people say about the memory of parsing YAML, and how a run decides it.

use highwater::{
    Claim, Finding,
    judge::{Aspect, View},
    model::{CaseId, Metric, Quantity, Record},
};

use crate::generate::SIZE;

/// Where most of them come from.
const REPORT: &str = "memory analysis of libfyaml's Python bindings, seed 004";

/// All claims.
pub(crate) const CLAIMS: [Claim; 8] = [
    Claim {
        id: "total-is-3.52",
        statement: "A queryable document in memory needs about 3.52 times the file, and that is reasonable",
        source: REPORT,
        refuted_if: "a document that answers the same questions needs less than half of that",
        decide: |record| {
            ratio(
                record,
                TAPE_MAP,
                Metric::Rss,
                |total| total > 3.52 / 2.0,
                |total| format!("lazy tape over a mapping, everything resident counted: {total:.2}x"),
            )
        },
    },
    Claim {
        id: "mmap-saves-27.7-percent",
        statement: "Mapping the file instead of reading it saves 27.7 %: the size of the file",
        source: REPORT,
        refuted_if: "resident memory falls by less than a tenth",
        decide: |record| {
            two(record, (TAPE_STRING, Metric::Rss), (TAPE_MAP, Metric::Rss), |string, map| {
                let saved = 100.0 * (1.0 - map / string);
                let anon = one(record, TAPE_MAP, Metric::Anon).unwrap_or_default();
                let figures = format!(
                    "resident {string:.2}x read, {map:.2}x mapped: {saved:.1} % saved; the pages of a mapping count \
                     as resident too, they are only not anonymous ({anon:.2}x is)"
                );
                Finding::holds(saved >= 10.0, figures)
            })
        },
    },
    Claim {
        id: "zero-copy-keeps-the-source",
        statement: "Zero copy keeps the source resident: it is needed for the document to work",
        source: REPORT,
        refuted_if: "a document that refers to the source works with less than a tenth of it resident",
        decide: |record| {
            two(record, (TAPE_WINDOW, Metric::Rss), (TAPE_WINDOW, Metric::Anon), |rss, anon| {
                let source = rss - anon;
                let figures = format!("of the source {source:.2}x is resident after a walk over all of it in windows");
                Finding::holds(source >= 0.1, figures)
            })
        },
    },
    Claim {
        id: "best-is-2.45",
        statement: "With everything turned on, 2.45 times the file is the best that can be had",
        source: REPORT,
        refuted_if: "any document needs less",
        decide: |record| {
            ratio(
                record,
                TAPE_WINDOW,
                Metric::Rss,
                |best| best >= 2.45,
                |best| format!("lazy tape over a sliding window: {best:.2}x resident"),
            )
        },
    },
    Claim {
        id: "dedup-off-saves-4.2-percent",
        statement: "Turning deduplication off saves 4.2 %",
        source: REPORT,
        refuted_if: "it costs memory where texts repeat, or saves over twice as much where none does",
        decide: |record| {
            let pair = |file: &str, dedup: &str| {
                one(record, &format!("yaml-parse/tree-rc/dedup={dedup},file={file}"), Metric::Anon)
            };
            let saved = |file: &str| Some(100.0 * (1.0 - pair(file, "off")? / pair(file, "on")?));
            match (saved("repeat"), saved("unique")) {
                (Some(repeat), Some(unique)) => {
                    let figures =
                        format!("off saves {repeat:.1} % where texts repeat and {unique:.1} % where none does");
                    let cases = ["on", "off"].into_iter().flat_map(|dedup| {
                        ["repeat", "unique"].map(|file| format!("yaml-parse/tree-rc/dedup={dedup},file={file}"))
                    });
                    let cases: Vec<CaseId> = cases.filter_map(|id| id.parse().ok()).collect();
                    Finding::holds(repeat > 0.0 && unique < 8.4, figures).on(&cases)
                }
                _ => Finding::undecided("a case of tree-rc was not measured"),
            }
        },
    },
    Claim {
        id: "malloc-saves-31-percent",
        statement: "malloc in place of the doubling arena saves 31 %",
        source: REPORT,
        refuted_if: "it saves less than a tenth",
        decide: |record| {
            two(record, (ARENA_DOUBLED, Metric::Anon), (ARENA_MALLOC, Metric::Anon), |doubled, malloc| {
                let saved = 100.0 * (1.0 - malloc / doubled);
                let figures = format!("anonymous {doubled:.2}x doubled, {malloc:.2}x malloc: {saved:.1} % saved");
                Finding::holds(saved >= 10.0, figures)
            })
        },
    },
    Claim {
        id: "excess-is-unused-arena",
        statement: "What is unexplained is unused arena: capacity that doubling left over",
        source: REPORT,
        refuted_if: "cutting the arena to its used size changes resident memory by under a twentieth",
        decide: |record| {
            two(record, (ARENA_DOUBLED, Metric::Anon), (ARENA_TRIMMED, Metric::Anon), |doubled, trimmed| {
                let unused = 100.0 * (1.0 - trimmed / doubled);
                let figures = format!(
                    "anonymous {doubled:.2}x doubled, {trimmed:.2}x cut: {unused:.1} % was resident and unused; pages \
                     that were never touched are no memory"
                );
                Finding::holds(unused >= 5.0, figures)
            })
        },
    },
    Claim {
        id: "pyyaml-4.8-ruamel-7.1",
        statement: "PyYAML needs 4.8 times and ruamel.yaml 7.1 times as much as libfyaml's 3.60 times the file",
        source: REPORT,
        refuted_if: "their multiples of the file are not within a fifth of 17.3 and 25.7",
        decide: |record| {
            let (pyyaml, ruamel) = ("yaml-parse/peer-python/parser=pyyaml", "yaml-parse/peer-python/parser=ruamel");
            two(record, (pyyaml, Metric::Rss), (ruamel, Metric::Rss), |pyyaml, ruamel| {
                let near = |is: f64, said: f64| (is / said - 1.0).abs() <= 0.2;
                let figures = format!("PyYAML (pure) {pyyaml:.1}x, ruamel.yaml {ruamel:.1}x of this file");
                Finding::holds(near(pyyaml, 17.3) && near(ruamel, 25.7), figures)
            })
        },
    },
];

const TAPE_STRING: &str = "yaml-parse/tape-lazy/input=string";
const TAPE_MAP: &str = "yaml-parse/tape-lazy/input=map";
const TAPE_WINDOW: &str = "yaml-parse/tape-lazy/input=map-window";
const ARENA_DOUBLED: &str = "yaml-parse/tree-arena/arena=mremap";
const ARENA_TRIMMED: &str = "yaml-parse/tree-arena/arena=mremap-trim";
const ARENA_MALLOC: &str = "yaml-parse/tree-arena/arena=malloc";

/// The median growth up to `walked`, as a multiple of the file.
fn one(record: &Record, case: &str, metric: Metric) -> Option<f64> {
    let view = View::new(record.case(case)?, &record.reference);
    let walked = Aspect::Growth("walked".parse().ok()?);
    let mut values = view.values(Quantity::from(metric), &walked)?;
    values.sort_by(f64::total_cmp);
    Some(values.get(values.len() / 2)? / SIZE as f64)
}

fn ratio(
    record: &Record,
    case: &'static str,
    metric: Metric,
    holds: impl Fn(f64) -> bool,
    figures: impl Fn(f64) -> String,
) -> Finding {
    match one(record, case, metric) {
        Some(value) => Finding::holds(holds(value), figures(value)).on(&case.parse::<CaseId>().ok()),
        None => Finding::undecided(format!("{case} was not measured")),
    }
}

fn two(
    record: &Record,
    (first, first_metric): (&str, Metric),
    (second, second_metric): (&str, Metric),
    decide: impl Fn(f64, f64) -> Finding,
) -> Finding {
    let cases: Vec<CaseId> = [first, second].iter().filter_map(|id| id.parse().ok()).collect();
    match (one(record, first, first_metric), one(record, second, second_metric)) {
        (Some(a), Some(b)) => decide(a, b).on(&cases),
        (None, _) => Finding::undecided(format!("{first} was not measured")),
        (_, None) => Finding::undecided(format!("{second} was not measured")),
    }
}
