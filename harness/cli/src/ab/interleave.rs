//! Runs interleaved workers of two revisions: pairs with one worker of each, in random order within the pair.

use std::time::{Duration, Instant};

use fastrand::Rng;
use highwater_model::{CaseRecord, Outcome, Sample};
use highwater_report::terminal::ProgressLine;
use highwater_runner::{Job, Measuring, Observed, Plan, Planned, RunError};

/// The time after which a case with the minimum number of pairs stops.
const BUDGET: Duration = Duration::from_secs(4);

/// About how many pairs a case gets whose workers take this long.
pub(super) fn expected_pairs(pairs: Pairs, worker: Duration) -> u32 {
    let within_budget = (BUDGET.as_secs_f64() / (2.0 * worker.as_secs_f64()).max(1e-3)).ceil() as usize;
    within_budget.clamp(pairs.fewest, pairs.most) as u32
}

/// The number of pairs per case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pairs {
    pub(super) fewest: usize,
    pub(super) most: usize,
}

/// One side of the comparison: the plan of its bench binary, and its results.
pub(super) struct Side {
    pub(super) plan: Plan,
    pub(super) measuring: Measuring,
    pub(super) cases: Vec<CaseRecord>,
}

/// Measures every case of both plans.
pub(super) fn measure(
    base: &mut Side,
    head: &mut Side,
    pairs: Pairs,
    seed: u64,
    progress: &ProgressLine,
) -> Result<(), RunError> {
    let mut random = Rng::with_seed(seed);
    let ids: Vec<_> = head.plan.cases.iter().map(|planned| planned.id().clone()).collect();
    for id in ids {
        let of = |side: &Side| side.plan.cases.iter().find(|planned| *planned.id() == id).cloned();
        progress.begin(id.as_str());
        match (of(base), of(head)) {
            (Some(Planned::Job(first)), Some(Planned::Job(second))) => {
                let (first, second) = case([(base, &first), (head, &second)], pairs, &mut random, progress)?;
                base.cases.push(first);
                head.cases.push(second);
            }
            (first, second) => {
                for (side, planned) in [(&mut *base, first), (&mut *head, second)] {
                    if let Some(planned) = planned {
                        let wanted = highwater_runner::Sampling::exactly(pairs.fewest);
                        let record = side.measuring.case(&planned, wanted)?;
                        side.cases.push(record);
                    }
                }
            }
        }
        progress.end(id.as_str());
    }
    // Cases of the base alone are not run. The comparison reports them as missing.
    let base_only = base.plan.cases.iter().filter(|planned| head.plan.cases.iter().all(|new| new.id() != planned.id()));
    base.cases.extend(base_only.map(|planned| CaseRecord::not_run(planned.id().clone(), "only in the base".into())));
    Ok(())
}

/// Measures one case, after a warm-up of both sides if the case asks for it.
fn case(
    sides: [(&mut Side, &Job); 2],
    pairs: Pairs,
    random: &mut Rng,
    progress: &ProgressLine,
) -> Result<(CaseRecord, CaseRecord), RunError> {
    let mut samples: [Vec<Sample>; 2] = [Vec::new(), Vec::new()];
    for (side, job) in &sides {
        side.measuring.prepare_page_cache(job)?;
    }
    let started = Instant::now();
    let mut warm = !sides.iter().any(|(_, job)| job.warm_up);
    let not_run = |job: &Job, reason: &str| CaseRecord::not_run(job.case.clone(), reason.to_owned());
    let [(base, base_job), (head, head_job)] = sides;
    loop {
        let done = samples[0].len().min(samples[1].len());
        let detail = format_args!("pair {} of at most {}", done + 1, pairs.most);
        progress.at(head_job.case.as_str(), detail, done as f64 / pairs.most as f64);
        // The order is random, so that effects of one side on the other cancel out.
        let first = usize::from(random.bool());
        for index in [first, 1 - first] {
            let (side, job) = if index == 0 { (&mut *base, base_job) } else { (&mut *head, head_job) };
            match side.measuring.worker(job, samples[index].len())? {
                Observed::NotRun(reason) => return Ok((not_run(base_job, &reason), not_run(head_job, &reason))),
                Observed::Sample(sample) if warm || sample.outcome != Outcome::Completed => samples[index].push(sample),
                Observed::Sample(_) => {}
            }
        }
        warm = true;
        let done = samples[0].len().min(samples[1].len());
        let always_fails = samples.iter().any(|side| side.iter().all(|sample| sample.outcome != Outcome::Completed));
        if done >= pairs.most || done >= pairs.fewest && (always_fails || started.elapsed() > BUDGET) {
            let [base, head] = samples;
            let record = |job: &Job, samples: &[Sample]| CaseRecord::from_samples(job.case.clone(), samples);
            return Ok((record(base_job, &base), record(head_job, &head)));
        }
    }
}
