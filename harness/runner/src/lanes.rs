//! Measures the cases of a plan, on request several at the same time. Each lane is a thread of this process that runs one
//! worker at a time. Lanes that share a CPU take turns ([`super::turn`]), so that only one worker runs on it. What is
//! measured of memory does not depend on the number of lanes. Times do, because lanes share caches and memory bandwidth.

use std::{
    num::NonZeroUsize,
    panic::resume_unwind,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use highwater_model::CaseRecord;

use crate::{CpuPlan, Interrupt, Measuring, Plan, Planned, RunError, RunnerError, Sampling, StepListener, turn::Turn};

/// Lanes that share a CPU. The parent of a worker waits for the kernel at up to two thirds of the time. More lanes would
/// have more workers in memory at the same time.
const PER_CPU: usize = 2;

/// Measures the cases of a plan on at most `jobs` CPUs, and not more than there are. With more than one job, there are
/// several lanes for each of them. Cases that need to be alone (see [`Job::alone`](crate::Job)) follow after the others,
/// those that take turns first, then those that do not. After an interrupt, the records have what was measured so far, and the other cases as not run.
/// `watch` gets the progress.
///
/// # Errors
/// If the harness fails. A failing worker is not an error.
pub fn measure_all(
    plan: &Plan,
    folder: &Path,
    interrupt: &Interrupt,
    jobs: NonZeroUsize,
    sampling: Sampling,
    watch: &StepListener<'_>,
) -> Result<(Measuring, Vec<CaseRecord>), RunError> {
    let cpus = CpuPlan::new().map_err(|source| RunnerError::System { what: "choose CPUs", source })?;
    let several = cpus.lanes(jobs);
    let mut last = Measuring::new(&plan.worker, folder, interrupt)?;
    // Files are prepared before all workers: a file that leaves the page cache while a worker reads it would change what
    // that worker has mapped. A case whose files cannot be prepared is reported with the error when its turn comes.
    let in_lanes = |planned: &&Planned| match planned {
        Planned::Job(job) => {
            several.len() > 1 && (!job.alone || job.takes_turns) && last.prepare_page_cache(job).is_ok()
        }
        Planned::NotRun { .. } | Planned::NotPrepared { .. } => false,
    };
    let (prepared, rest): (Vec<&Planned>, Vec<&Planned>) = plan.cases.iter().partition(in_lanes);
    let is_alone = |planned: &&Planned| matches!(planned, Planned::Job(job) if job.alone);
    let (alone, shared): (Vec<&Planned>, Vec<&Planned>) = prepared.into_iter().partition(is_alone);

    let mut cases = Vec::new();
    for (planned, cpus) in [(shared, several), (alone, vec![cpus])] {
        for (measuring, measured) in run_lanes(plan, folder, interrupt, (&planned, cpus), sampling, watch)? {
            last.merge_controls(measuring);
            cases.extend(measured);
        }
    }
    for planned in rest {
        cases.push(last.case_until_interrupt(planned, sampling, watch)?);
    }
    Ok((last, cases))
}

/// Measures cases in lanes on these CPUs, and returns what each lane measured.
fn run_lanes(
    plan: &Plan,
    folder: &Path,
    interrupt: &Interrupt,
    (cases, cpus): (&[&Planned], Vec<CpuPlan>),
    sampling: Sampling,
    watch: &StepListener<'_>,
) -> Result<Vec<(Measuring, Vec<CaseRecord>)>, RunError> {
    if cases.is_empty() {
        return Ok(Vec::new());
    }
    let next = AtomicUsize::new(0);
    let run_lane = |lane: (CpuPlan, Turn)| -> Result<(Measuring, Vec<CaseRecord>), RunError> {
        let mut measuring = Measuring::in_lane(&plan.worker, folder, interrupt, lane)?;
        let mut measured = Vec::new();
        while let Some(planned) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let case = measuring.case_until_interrupt(planned, sampling, watch);
            // The other lanes end with their present case.
            measured.push(case.inspect_err(|_| next.store(cases.len(), Ordering::Relaxed))?);
        }
        Ok((measuring, measured))
    };
    let lanes =
        cpus.into_iter().flat_map(|cpus| Turn::shared(PER_CPU).into_iter().map(move |turn| (cpus.clone(), turn)));
    thread::scope(|scope| {
        let run_lane = &run_lane;
        let threads: Vec<_> = lanes.map(|lane| scope.spawn(move || run_lane(lane))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}
