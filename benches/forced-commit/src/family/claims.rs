//! Published claims about committing and resetting a linear memory, and how a run decides them.

use highwater_judge::{Claim, Finding};
use highwater_model::{CaseRecord, nanoseconds};

use super::readings::{Ratio, commits, faster, figure, full, jobs, killed, missing, of_zeroing};

/// The source of most claims.
const RECIPE: &str = "metashrew, Memory Pre-allocation Solution - FINAL";
const FINDINGS: &str = "metashrew, Memory Pre-allocation Test Findings";

/// All claims, each before its control.
pub fn all() -> Vec<Claim> {
    vec![
        Claim {
            id: "static-maximum-pre-allocates",
            statement: "static_memory_maximum_size pre-allocates memory to its maximum size",
            source: "comment in metashrew-runtime, runtime.rs:494",
            refuted_if: "any page is uncommitted after instantiation",
            decide: |record| commits(record, "commit/how=static-maximum,host=warm,size=256m"),
        },
        Claim {
            id: "declared-minimum-pre-allocates",
            statement: "declaring minimum = maximum pre-allocates memory",
            source: FINDINGS,
            refuted_if: "any page is uncommitted after instantiation",
            decide: |record| commits(record, "commit/how=declared-minimum,host=warm,size=256m"),
        },
        Claim {
            id: "touching-wasm-pages-commits",
            statement: "writing one byte in every 64 KiB page forces the system to commit the memory",
            source: FINDINGS,
            refuted_if: "any page is uncommitted afterwards",
            decide: |record| commits(record, "commit/how=touch-wasm-pages,host=warm,size=256m"),
        },
        Claim {
            id: "first-pass-forces-pages",
            statement: "the unique patterns force physical pages in 7 % of the time, and the zeroing pass cleans",
            source: RECIPE,
            refuted_if: "writing to each 64 KiB page, as this pass does, leaves any page uncommitted",
            decide: |record| commits(record, "commit/how=touch-wasm-pages,host=warm,size=256m"),
        },
        Claim {
            id: "zeros-do-not-allocate",
            statement: "writing zeros allocates no physical memory",
            source: RECIPE,
            refuted_if: "rewriting the memory's current bytes, all but 50 of them zeros, commits it",
            decide: |record| {
                let id = "commit/how=touch-os-pages,host=warm,size=256m";
                let Some((case, left)) = figure(record, id, "checked", "uncommitted_bytes") else { return missing(id) };
                Finding::holds(left > 0, format!("{left} B uncommitted of 256 MiB")).on([&case.id])
            },
        },
        Claim {
            id: "recipe-takes-1.5-s",
            statement: "committing 4 GiB takes 1.5 s",
            source: RECIPE,
            refuted_if: "another strategy takes less than half the time of the recipe in the same run",
            decide: |record| {
                faster(
                    record,
                    "commit/how=two-pass,host=as-found,size=4g",
                    "commit/how=huge-chunks,host=as-found,size=4g",
                    2.0,
                )
                .map_or_else(missing, |found| found.inverted())
            },
        },
        Claim {
            id: "parallel-writes-help",
            statement: "several threads could commit in 200 to 400 ms what one thread commits in 1.5 s",
            source: RECIPE,
            refuted_if: "two threads are less than 1.7 times as fast as the recipe at 4 GiB",
            decide: |record| {
                let ways = [
                    "commit/how=two-pass,host=as-found,size=4g",
                    "commit/how=populate-chunks-threads-2,host=as-found,size=4g",
                ];
                faster(record, ways[0], ways[1], 1.7).map_or_else(missing, Ratio::finding)
            },
        },
        Claim {
            id: "map-populate-helps",
            statement: "MAP_POPULATE makes committing faster",
            source: RECIPE,
            refuted_if: "it is less than 1.1 times as fast as the recipe at 256 MiB",
            decide: |record| {
                let ways = ["commit/how=two-pass,host=warm,size=256m", "commit/how=host-memory,host=warm,size=256m"];
                faster(record, ways[0], ways[1], 1.1).map_or_else(missing, Ratio::finding)
            },
        },
        Claim {
            id: "willneed-helps",
            statement: "madvise(MADV_WILLNEED) commits memory",
            source: RECIPE,
            refuted_if: "any page is uncommitted afterwards",
            decide: |record| commits(record, "commit/how=will-need,host=warm,size=256m"),
        },
        Claim {
            id: "huge-pages-8x",
            statement: "huge pages and MADV_POPULATE_WRITE commit 4 GiB 8 times as fast as the published recipe",
            source: "this project",
            refuted_if: "they are slower than that, at 4 GiB or at 1 GiB of warm pages, or leave any page uncommitted",
            decide: |record| {
                let ratio = |at: &str| {
                    let ways = ["two-pass", "huge-chunks"].map(|how| format!("commit/how={how},{at}"));
                    faster(record, &ways[0], &ways[1], 8.0)
                };
                match (ratio("host=as-found,size=4g"), ratio("host=warm,size=1g")) {
                    (Ok(large), Ok(warm)) => large.and(warm),
                    (Err(id), _) | (_, Err(id)) => missing(id),
                }
            },
        },
        Claim {
            id: "4-gib-container-is-too-tight",
            statement: "a container of 4 GiB is too tight for 4 GiB of linear memory",
            source: RECIPE,
            refuted_if: "huge pages and MADV_POPULATE_WRITE succeed in a cgroup of 4 GiB",
            decide: |record| killed(record, "limit/by=cgroup,how=huge-chunks,limit=4g,size=4g"),
        },
        Claim {
            id: "8-gib-are-needed",
            statement: "4 GiB of linear memory need 8 GiB of RAM",
            source: RECIPE,
            refuted_if: "huge pages and MADV_POPULATE_WRITE succeed in a cgroup of 4 GiB + 64 MiB",
            decide: |record| killed(record, "limit/by=cgroup,how=huge-chunks,limit=4160m,size=4g"),
        },
        Claim {
            id: "failure-comes-at-start-up",
            statement: "with too little memory the process fails at start-up, not during a job",
            source: RECIPE,
            refuted_if: "a static maximum, a declared minimum or the first recommendation reaches the first job",
            decide: |record| {
                let ids = ["static-maximum", "declared-minimum", "touch-wasm-pages"]
                    .map(|how| format!("forced-commit/limit/by=cgroup,how={how},limit=512m,size=1g"));
                let cases: Vec<_> = ids.iter().filter_map(|id| record.case(id)).collect();
                let noticed = |case: &&CaseRecord| case.notes.get("noticed").and_then(|texts| texts.first()).cloned();
                let noticed: Vec<String> = cases.iter().filter_map(noticed).collect();
                if noticed.len() < ids.len() {
                    return Finding::undecided("not all three cases ran in a cgroup");
                }
                let in_job = noticed.iter().filter(|text| text.as_str() == "in the first job").count();
                let figures = format!("{in_job} of {} were killed in the first job", noticed.len());
                Finding::holds(in_job == 0, figures).on(cases.iter().map(|case| &case.id))
            },
        },
        Claim {
            id: "a-clean-error-is-not-possible",
            statement: "with too little memory the system kills the process: there is no graceful error",
            source: RECIPE,
            refuted_if: "the guarded commit returns an error and no process is killed",
            decide: |record| killed(record, "limit/by=cgroup,how=guarded,limit=512m,size=1g"),
        },
        Claim {
            id: "zeroing-used-pages-is-clean",
            statement: "zeroing the used pages gives a clean state between jobs",
            source: RECIPE,
            refuted_if: "anything differs from the initial state, including globals and tables",
            decide: |record| {
                let id = "reset/how=zero-prefix,pages=4k,size=1g,where=prefix";
                let Some((case, bytes)) = figure(record, id, "reset@1", "unclean_bytes") else { return missing(id) };
                let state = figure(record, id, "reset@1", "unclean_state").map_or(0, |(_, state)| state);
                let figures = format!("{bytes} B of memory, {state} globals and table elements");
                Finding::holds(bytes + state == 0, figures).on([&case.id])
            },
        },
        Claim {
            id: "reset-is-50-to-500-times-faster",
            statement: "resetting an instance is 50 to 500 times as fast as making a new one",
            source: RECIPE,
            refuted_if: "100 jobs with resets are less than 50 times as fast with zeroing as with new instances",
            decide: |record| {
                let (new, zeroed) = (jobs(record, "reinstantiate"), jobs(record, "zero-all"));
                let (Some((new_case, new)), Some((case, zeroed))) = (new, zeroed) else {
                    return Finding::undecided("not all jobs ran");
                };
                let figures = format!(
                    "100 jobs with new instances {}, with zeroing {}: {:.2} times as fast",
                    nanoseconds(new),
                    nanoseconds(zeroed),
                    new / zeroed
                );
                Finding::holds(new / zeroed >= 50.0, figures).on([&new_case.id, &case.id])
            },
        },
        Claim {
            id: "tracking-costs-a-tenth",
            statement: "with 1 MiB of 1 GiB dirtied, a clean reset plus its cost in the next job is a tenth of zeroing",
            source: "this project",
            refuted_if: "it costs more with any layout of dirty pages, or leaves a byte unclean or a page uncommitted",
            decide: |record| {
                let ids = ["prefix", "runs-32", "pages"]
                    .map(|place| format!("reset/how=tracked,pages=4k,size=1g,where={place}"));
                let mut worst: f64 = 0.0;
                for id in &ids {
                    let read = |name| figure(record, id, "reset@1", name).map(|(_, value)| value);
                    let (Some(ratio), Some(dirt), Some(lost)) =
                        (of_zeroing(record, id, "reset@1"), read("unclean_bytes"), read("uncommitted_bytes"))
                    else {
                        return missing(id);
                    };
                    worst = worst.max(if dirt + lost == 0 { ratio } else { f64::INFINITY });
                }
                Finding::holds(worst <= 0.1, format!("at most {worst:.3} of a memset of the same memory"))
                    .on(ids.iter().filter_map(|id| record.case(&full(id))).map(|case| &case.id))
            },
        },
        Claim {
            id: "tracking-never-costs-more",
            statement: "in steady state a clean reset never costs more than 1.1 times zeroing everything",
            source: "this project",
            refuted_if: "it costs more with any layout and up to a quarter of the memory dirtied, next job included",
            decide: |record| {
                let mut worst: Option<(f64, String)> = None;
                let mut cases = Vec::new();
                for at in
                    ["size=1g,where=prefix", "size=1g,where=runs-32", "size=1g,where=pages", "size=64m,where=prefix"]
                {
                    let id = format!("reset/how=tracked,pages=4k,{at}");
                    let Some(case) = record.case(&full(&id)) else { return missing(id) };
                    for stage in case.stages.iter().filter(|columns| columns.stage.name() == "reset") {
                        let stage = stage.stage.to_string();
                        // Where both sides are a memset, three jobs cannot resolve a difference of a tenth;
                        // the 600 jobs of the 64 MiB case can.
                        if at.starts_with("size=1g") && stage == "reset@256" {
                            continue;
                        }
                        let Some(ratio) = of_zeroing(record, &id, &stage) else { return missing(id) };
                        if worst.as_ref().is_none_or(|(most, _)| ratio > *most) {
                            worst = Some((ratio, format!("at most {ratio:.2} of a memset, {id} at {stage}")));
                        }
                    }
                    cases.push(&case.id);
                }
                let Some((ratio, figures)) = worst else { return missing("reset/how=tracked") };
                Finding::holds(ratio <= 1.1, figures).on(cases)
            },
        },
    ]
}
