//! Published claims about committing and resetting a linear memory, and how a run decides them.

use highwater_judge::{CaseView, Claim, Finding};
use highwater_model::{bytes, nanoseconds};

use super::readings::{
    Ratio, commit, commits, faster, figure, in_cgroup, jobs, killed, missing, near_the_limit, of_zeroing, reset,
};

/// The source of most claims. Commit 62a06a0 of metashrew withdrew the recipe, because it destroys data segments.
const RECIPE: &str = "metashrew, Memory Pre-allocation Solution - FINAL (withdrawn in 62a06a0)";
/// A comment in the revision after the withdrawal.
const REFRESH: &str = "comment of refresh_memory in metashrew-runtime, runtime.rs at b0f554c";
const FINDINGS: &str = "metashrew, Memory Pre-allocation Test Findings";

/// All claims, each before its control.
pub fn all() -> Vec<Claim> {
    vec![
        Claim {
            id: "static-maximum-pre-allocates",
            statement: "static_memory_maximum_size pre-allocates memory to its maximum size",
            source: "comment in metashrew-runtime, runtime.rs:494",
            refuted_if: "any page is uncommitted after instantiation",
            decide: |record| commits(record, "static-maximum"),
        },
        Claim {
            id: "declared-minimum-pre-allocates",
            statement: "declaring minimum = maximum pre-allocates memory",
            source: FINDINGS,
            refuted_if: "any page is uncommitted after instantiation",
            decide: |record| commits(record, "declared-minimum"),
        },
        Claim {
            id: "touching-wasm-pages-commits",
            statement: "writing one byte in every 64 KiB page forces the system to commit the memory",
            source: FINDINGS,
            refuted_if: "any page is uncommitted afterwards",
            decide: |record| commits(record, "touch-wasm-pages"),
        },
        Claim {
            id: "first-pass-forces-pages",
            statement: "the unique patterns force physical pages in 7 % of the time, and the zeroing pass cleans",
            source: RECIPE,
            refuted_if: "writing to each 64 KiB page, as this pass does, leaves any page uncommitted",
            decide: |record| commits(record, "touch-wasm-pages"),
        },
        Claim {
            id: "zeros-do-not-allocate",
            statement: "writing zeros allocates no physical memory",
            source: RECIPE,
            refuted_if: "rewriting the memory's current bytes, all but 50 of them zeros, commits it",
            decide: |record| {
                let id = commit("touch-os-pages", "warm", "256m");
                let Some((case, left)) = figure(record, &id, "checked", "uncommitted_bytes") else {
                    return missing(&id);
                };
                Finding::holds(left > 0.0, format!("{left} B uncommitted of 256 MiB")).on([case.id()])
            },
        },
        Claim {
            id: "recipe-takes-1.5-s",
            statement: "committing 4 GiB takes 1.5 s",
            source: RECIPE,
            refuted_if: "another strategy takes less than half the time of the recipe in the same run",
            decide: |record| {
                let [slow, fast] = ["two-pass", "huge-chunks"].map(|how| commit(how, "as-found", "4g"));
                faster(record, slow, fast, 2.0).map_or_else(|id| missing(&id), Ratio::inverted)
            },
        },
        Claim {
            id: "parallel-writes-help",
            statement: "several threads could commit in 200 to 400 ms what one thread commits in 1.5 s",
            source: RECIPE,
            refuted_if: "two threads are less than 1.7 times as fast as the recipe at 4 GiB",
            decide: |record| {
                let [slow, fast] = ["two-pass", "populate-chunks-threads-2"].map(|how| commit(how, "as-found", "4g"));
                faster(record, slow, fast, 1.7).map_or_else(|id| missing(&id), Ratio::finding)
            },
        },
        Claim {
            id: "map-populate-helps",
            statement: "MAP_POPULATE makes committing faster",
            source: RECIPE,
            refuted_if: "it is less than 1.1 times as fast as the recipe at 256 MiB",
            decide: |record| {
                let [slow, fast] = ["two-pass", "host-memory"].map(|how| commit(how, "warm", "256m"));
                faster(record, slow, fast, 1.1).map_or_else(|id| missing(&id), Ratio::finding)
            },
        },
        Claim {
            id: "willneed-helps",
            statement: "madvise(MADV_WILLNEED) commits memory",
            source: RECIPE,
            refuted_if: "any page is uncommitted afterwards",
            decide: |record| commits(record, "will-need"),
        },
        Claim {
            id: "commits-at-the-limit",
            statement: "best() commits within 1.25 of the time of a memset of resident memory or the kernel's clearing",
            source: "this project",
            refuted_if: "it takes longer than 1.25 of the slower of the two, at 1 GiB or 4 GiB, or leaves a page",
            decide: near_the_limit,
        },
        Claim {
            id: "4-gib-container-is-too-tight",
            statement: "a container of 4 GiB is too tight for 4 GiB of linear memory",
            source: RECIPE,
            refuted_if: "huge pages and MADV_POPULATE_WRITE succeed in a cgroup of 4 GiB",
            decide: |record| killed(record, &in_cgroup("huge-chunks", "4g", "4g")),
        },
        Claim {
            id: "8-gib-are-needed",
            statement: "4 GiB of linear memory need 8 GiB of RAM",
            source: RECIPE,
            refuted_if: "huge pages and MADV_POPULATE_WRITE succeed in a cgroup of 4 GiB + 64 MiB",
            decide: |record| killed(record, &in_cgroup("huge-chunks", "4160m", "4g")),
        },
        Claim {
            id: "failure-comes-at-start-up",
            statement: "with too little memory the process fails at start-up, not during a job",
            source: RECIPE,
            refuted_if: "a static maximum, a declared minimum or the first recommendation reaches the first job",
            decide: |record| {
                let cases = ["static-maximum", "declared-minimum", "touch-wasm-pages"]
                    .map(|how| CaseView::get(record, &in_cgroup(how, "512m", "1g")));
                let cases: Vec<CaseView<'_>> = cases.into_iter().flatten().collect();
                let noticed: Vec<&String> = cases.iter().filter_map(|case| case.notes("noticed").first()).collect();
                if noticed.len() < 3 {
                    return Finding::undecided("not all three cases ran in a cgroup");
                }
                let in_job = noticed.iter().filter(|text| text.as_str() == "in the first job").count();
                let figures = format!("{in_job} of {} were killed in the first job", noticed.len());
                Finding::holds(in_job == 0, figures).on(cases.iter().map(|case| case.id()))
            },
        },
        Claim {
            id: "a-clean-error-is-not-possible",
            statement: "with too little memory the system kills the process: there is no graceful error",
            source: RECIPE,
            refuted_if: "the guarded commit returns an error and no process is killed",
            decide: |record| killed(record, &in_cgroup("guarded", "512m", "1g")),
        },
        Claim {
            id: "zeroing-used-pages-is-clean",
            statement: "zeroing the used pages gives a clean state between jobs",
            source: RECIPE,
            refuted_if: "anything differs from the initial state, including globals and tables",
            decide: |record| {
                let id = reset("zero-prefix", "1g", "prefix");
                let Some((case, bytes)) = figure(record, &id, "reset@1", "unclean_bytes") else { return missing(&id) };
                let state = case.figure("reset@1", "unclean_state").unwrap_or(0.0);
                let figures = format!("{bytes} B of memory, {state} globals and table elements");
                Finding::holds(bytes + state == 0.0, figures).on([case.id()])
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
                Finding::holds(new / zeroed >= 50.0, figures).on([new_case.id(), case.id()])
            },
        },
        Claim {
            id: "memory-stays-committed-after-a-refresh",
            statement: "a new instance needs no commit: the 4 GiB were committed at start-up",
            source: REFRESH,
            refuted_if: "pages are uncommitted after the memory of the new instance has grown to its maximum",
            decide: |record| {
                let ids = ["refresh", "refresh-and-commit"].map(|how| reset(how, "1g", "prefix"));
                let left = ids.each_ref().map(|id| figure(record, id, "reset@16", "uncommitted_bytes"));
                let [Some((case, refresh)), Some((control, recommitted))] = left else { return missing(&ids[0]) };
                let figures = format!(
                    "{} of 1 GiB uncommitted; {} if the new pages are zeroed again",
                    bytes(refresh),
                    bytes(recommitted)
                );
                Finding::holds(refresh == 0.0, figures).on([case.id(), control.id()])
            },
        },
        Claim {
            id: "a-new-instance-takes-100-to-500-ms",
            statement: "making a new instance for each block takes 100 to 500 ms, and zeroing its memory 1 to 10 ms",
            source: "comment of fast_memory_reset in metashrew-runtime, runtime.rs at b0f554c",
            refuted_if: "a new instance of 1 GiB takes less CPU time than a memset of it in the same worker",
            decide: |record| {
                let id = reset("reinstantiate", "1g", "prefix");
                let Some(case) = CaseView::get(record, &id) else { return missing(&id) };
                let least = ["reset_ns", "zeroing_ns"].map(|name| case.min_figure(("reset", 1), name));
                let [Some(new), Some(zeroing)] = least else { return missing(&id) };
                let figures = format!("{} against {} for the memset", nanoseconds(new), nanoseconds(zeroing));
                Finding::holds(new >= zeroing, figures).on([case.id()])
            },
        },
        Claim {
            id: "tracking-costs-a-tenth",
            statement: "with 1 MiB of 1 GiB dirtied, a clean reset plus its cost in the next job is a tenth of zeroing",
            source: "this project",
            refuted_if: "it costs more with any layout of dirty pages, or leaves a byte unclean or a page uncommitted",
            decide: |record| {
                let mut worst: f64 = 0.0;
                let mut cases = Vec::new();
                for id in ["prefix", "runs-32", "pages"].map(|dirty| reset("tracked", "1g", dirty)) {
                    let read = |case: CaseView<'_>| {
                        let left =
                            case.figure("reset@1", "unclean_bytes")? + case.figure("reset@1", "uncommitted_bytes")?;
                        Some((of_zeroing(case, ("reset", 1))?, left))
                    };
                    let Some(case) = CaseView::get(record, &id) else { return missing(&id) };
                    let Some((ratio, left)) = read(case) else { return missing(&id) };
                    worst = worst.max(if left == 0.0 { ratio } else { f64::INFINITY });
                    cases.push(case.id());
                }
                Finding::holds(worst <= 0.1, format!("at most {worst:.3} of a memset of the same memory")).on(cases)
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
                for (size, dirty) in [("1g", "prefix"), ("1g", "runs-32"), ("1g", "pages"), ("64m", "prefix")] {
                    let id = reset("tracked", size, dirty);
                    let Some(case) = CaseView::get(record, &id) else { return missing(&id) };
                    for mib in case.rungs("reset") {
                        // Where both sides are a memset, three jobs cannot resolve a difference of a tenth;
                        // the 200 jobs of the 64 MiB case can.
                        if size == "1g" && mib == 256 {
                            continue;
                        }
                        let Some(ratio) = of_zeroing(case, ("reset", mib)) else { return missing(&id) };
                        if worst.as_ref().is_none_or(|(most, _)| ratio > *most) {
                            let place = format!("{} at reset@{mib}", id.within_family());
                            worst = Some((ratio, format!("at most {ratio:.2} of a memset, {place}")));
                        }
                    }
                    cases.push(case.id());
                }
                let Some((ratio, figures)) = worst else { return Finding::undecided("no rung of reset was run") };
                Finding::holds(ratio <= 1.1, figures).on(cases)
            },
        },
    ]
}
