//! Measures the cases of a plan, on request several at the same time. Each lane is a thread of this process and a CPU,
//! which the thread shares with its workers; it runs one worker at a time. What is measured of memory does not depend on
//! the number of lanes. Times do, because lanes share caches and memory bandwidth.

use std::{
    num::NonZeroUsize,
    panic::resume_unwind,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use highwater_model::CaseRecord;

use crate::{CpuPlan, Interrupt, Measuring, Plan, Planned, RunError, RunnerError, Sampling, StepListener};

/// Measures the cases of a plan in at most `jobs` lanes, and not more than there are CPUs. Cases that need to be alone
/// (see [`Job::alone`](crate::Job)) follow after the others, one at a time. After an interrupt, the records have what
/// was measured so far, and the other cases as not run. `watch` gets the progress.
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
    let lanes = cpus.lanes(jobs);
    let mut alone = Measuring::new(&plan.worker, folder, interrupt)?;
    // Files are prepared before all workers: a file that leaves the page cache while a worker reads it would change what
    // that worker has mapped. A case whose files cannot be prepared is reported with the error when its turn comes.
    let shares = |planned: &&Planned| match planned {
        Planned::Job(job) => lanes.len() > 1 && !job.alone && alone.prepare_page_cache(job).is_ok(),
        Planned::NotRun { .. } | Planned::NotPrepared { .. } => false,
    };
    let (shared, rest): (Vec<&Planned>, Vec<&Planned>) = plan.cases.iter().partition(shares);

    let next = AtomicUsize::new(0);
    let run_lane = |cpus: CpuPlan| -> Result<(Measuring, Vec<CaseRecord>), RunError> {
        let mut measuring = Measuring::in_lane(&plan.worker, folder, interrupt, cpus)?;
        let mut measured = Vec::new();
        while let Some(planned) = shared.get(next.fetch_add(1, Ordering::Relaxed)) {
            let case = measuring.case_until_interrupt(planned, sampling, watch);
            // The other lanes end with their present case.
            measured.push(case.inspect_err(|_| next.store(shared.len(), Ordering::Relaxed))?);
        }
        Ok((measuring, measured))
    };
    let results: Vec<_> = thread::scope(|scope| {
        let needed = if shared.is_empty() { Vec::new() } else { lanes };
        let threads: Vec<_> = needed.into_iter().map(|cpus| scope.spawn(|| run_lane(cpus))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    let mut cases = Vec::new();
    for result in results {
        let (measuring, measured) = result?;
        alone.merge_controls(measuring);
        cases.extend(measured);
    }
    for planned in rest {
        cases.push(alone.case_until_interrupt(planned, sampling, watch)?);
    }
    Ok((alone, cases))
}
