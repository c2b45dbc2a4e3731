//! What people say about committing and resetting a linear memory, and what this run says of it.

use highwater_model::{CaseRecord, nanoseconds};
use highwater_worker::{Claim, Finding};

use super::readings::{Ratio, commits, faster, figure, full, jobs, killed, missing, of_zeroing};

/// Where most of it is said.
const RECIPE: &str = "metashrew, Memory Pre-allocation Solution - FINAL";
const FINDINGS: &str = "metashrew, Memory Pre-allocation Test Findings";

pub(super) fn all() -> Vec<Claim> {
    vec![
        Claim {
            id: "static-maximum-pre-allocates",
            statement: "static_memory_maximum_size pre-allocates memory to its maximum size",
            source: "comment in metashrew-runtime, runtime.rs:494",
            refuted_if: "anything of it is uncommitted after instantiation",
            decide: |record| commits(record, "commit/how=static-maximum,host=warm,size=256m"),
        },
        Claim {
            id: "declared-minimum-pre-allocates",
            statement: "declaring minimum = maximum pre-allocates memory",
            source: FINDINGS,
            refuted_if: "anything of it is uncommitted after instantiation",
            decide: |record| commits(record, "commit/how=declared-minimum,host=warm,size=256m"),
        },
        Claim {
            id: "touching-wasm-pages-commits",
            statement: "one byte in every 64 KiB page forces the system to commit the memory",
            source: FINDINGS,
            refuted_if: "anything of it is uncommitted afterwards",
            decide: |record| commits(record, "commit/how=touch-wasm-pages,host=warm,size=256m"),
        },
        Claim {
            id: "first-pass-forces-pages",
            statement: "the pass of unique patterns forces physical pages, in 7 % of the time; the zeroing cleans",
            source: RECIPE,
            refuted_if: "a write to each 64 KiB page, which is what the pass touches, leaves anything uncommitted",
            decide: |record| commits(record, "commit/how=touch-wasm-pages,host=warm,size=256m"),
        },
        Claim {
            id: "zeros-do-not-allocate",
            statement: "writing zeros allocates no physical memory",
            source: RECIPE,
            refuted_if: "bytes written as they were, zeros all but 50, leave the memory committed",
            decide: |record| {
                let id = "commit/how=touch-os-pages,host=warm,size=256m";
                let Some((case, left)) = figure(record, id, "checked", "uncommitted_bytes") else { return missing(id) };
                Finding::holds(left > 0, format!("{left} B uncommitted of 256 MiB")).on([&case.id])
            },
        },
        Claim {
            id: "recipe-takes-1.5-s",
            statement: "1.5 s is what committing 4 GiB takes",
            source: RECIPE,
            refuted_if: "another way takes less than half of what the recipe takes in the same run",
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
            statement: "several threads could commit in 200 to 400 ms what one does in 1.5 s",
            source: RECIPE,
            refuted_if: "two threads are not 1.7 times as fast as the recipe at 4 GiB",
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
            statement: "MAP_POPULATE makes committing quicker",
            source: RECIPE,
            refuted_if: "it is not 1.1 times as fast as the recipe, at 256 MiB",
            decide: |record| {
                let ways = ["commit/how=two-pass,host=warm,size=256m", "commit/how=host-memory,host=warm,size=256m"];
                faster(record, ways[0], ways[1], 1.1).map_or_else(missing, Ratio::finding)
            },
        },
        Claim {
            id: "willneed-helps",
            statement: "madvise(MADV_WILLNEED) commits memory",
            source: RECIPE,
            refuted_if: "anything of it is uncommitted afterwards",
            decide: |record| commits(record, "commit/how=will-need,host=warm,size=256m"),
        },
        Claim {
            id: "huge-pages-8x",
            statement: "huge pages and MADV_POPULATE_WRITE commit 4 GiB 8 times as fast as the published recipe",
            source: "this project, issue 5",
            refuted_if: "they do not, there or at 1 GiB of warm pages, or leave anything uncommitted",
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
            refuted_if: "huge pages and MADV_POPULATE_WRITE are served in a cgroup of 4 GiB",
            decide: |record| killed(record, "limit/by=cgroup,how=huge-chunks,limit=4g,size=4g"),
        },
        Claim {
            id: "8-gib-are-needed",
            statement: "4 GiB of linear memory need 8 GiB of RAM",
            source: RECIPE,
            refuted_if: "huge pages and MADV_POPULATE_WRITE are served in a cgroup of 4 GiB and 64 MiB",
            decide: |record| killed(record, "limit/by=cgroup,how=huge-chunks,limit=4160m,size=4g"),
        },
        Claim {
            id: "failure-comes-at-start-up",
            statement: "with too little memory the process fails at start-up, not in a job",
            source: RECIPE,
            refuted_if: "static maximum, declared minimum or the first recommendation gets as far as the first job",
            decide: |record| {
                let ids = ["static-maximum", "declared-minimum", "touch-wasm-pages"]
                    .map(|how| format!("forced-commit/limit/by=cgroup,how={how},limit=512m,size=1g"));
                let cases: Vec<_> = ids.iter().filter_map(|id| record.case(id)).collect();
                let noticed = |case: &&CaseRecord| case.notes.get("noticed").and_then(|texts| texts.first()).cloned();
                let noticed: Vec<String> = cases.iter().filter_map(noticed).collect();
                if noticed.len() < ids.len() {
                    return Finding::undecided("not all three were run in a cgroup");
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
            refuted_if: "the guarded commit is refused with an error and nobody is killed",
            decide: |record| killed(record, "limit/by=cgroup,how=guarded,limit=512m,size=1g"),
        },
        Claim {
            id: "zeroing-used-pages-is-clean",
            statement: "zeroing the used pages gives a clean state between jobs",
            source: RECIPE,
            refuted_if: "anything differs from the initial image, globals and tables included",
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
            refuted_if: "a hundred jobs, resets included, are less than 50 times as fast with zeroing as with new instances",
            decide: |record| {
                let (new, zeroed) = (jobs(record, "reinstantiate"), jobs(record, "zero-all"));
                let (Some((new_case, new)), Some((case, zeroed))) = (new, zeroed) else {
                    return Finding::undecided("the jobs were not all run");
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
            statement: "at 1 MiB dirtied of 1 GiB a clean reset costs a tenth of zeroing everything, the next job included",
            source: "this project, issue 5",
            refuted_if: "it costs more, wherever the pages lie, or leaves a byte or a page",
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
            source: "this project, issue 5",
            refuted_if: "it does, from nothing to a quarter of the memory dirtied, the next job included, wherever the pages lie",
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
                        // Where both sides are a memset, three jobs cannot tell a tenth; the 600 of 64 MiB can.
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
