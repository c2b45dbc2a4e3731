//! Time measurement: runs this program as a criterion benchmark in a separate process, and reads criterion's estimates
//! from its folder.
//!
//! ```text
//!  length     how many samples of a routine fit into the time for measuring it
//!  child      starts that process, shows its progress, and keeps what it prints quiet
//!  estimates  what it wrote: times, and their changes since an earlier run
//! ```

mod child;
mod estimates;
mod length;

use std::{env, path::PathBuf, time::Duration};

use criterion::{Bencher, Criterion};
use highwater_model::{ParameterFilter, Partition};
use highwater_report::terminal::note;
use highwater_runner::end_on_closed_pipe;
use highwater_worker::{Case, CaseResult, Dirs, Family, NotRun, Timer};

pub(super) use child::{CriterionProcess, spawn};
pub(super) use estimates::CriterionRun;

use crate::{
    criterion_flags::{MEASUREMENT_TIME, SAMPLES, WARM_UP_TIME},
    matcher::Matcher,
    options::Options,
};

/// The environment variable of the process that is the criterion benchmark.
const TIMING_VAR: &str = "HIGHWATER_TIMING";
/// The environment variable of this process with the conditions on parameters, one per line. Criterion, which reads the
/// command line, does not know the flag.
const PARAMETERS_VAR: &str = "HIGHWATER_TIMING_PARAMETERS";
/// The same with the partition; empty without one.
const PARTITION_VAR: &str = "HIGHWATER_TIMING_PARTITION";

/// Whether this process is the criterion benchmark.
pub(super) fn is_timing_process() -> bool {
    env::var_os(TIMING_VAR).is_some()
}

/// The conditions on parameters that the parent passed to this process.
pub(super) fn parameters() -> Vec<ParameterFilter> {
    let text = env::var(PARAMETERS_VAR).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// The partition that the parent passed to this process.
pub(super) fn partition() -> Option<Partition> {
    env::var(PARTITION_VAR).ok()?.parse().ok()
}

/// The criterion benchmark itself: one group per case, one function per routine.
pub(super) fn run(family: &Family, options: &Options, matcher: &Matcher, dirs: Dirs<'_>) -> CaseResult {
    end_on_closed_pipe();
    let mut criterion = Criterion::default()
        .warm_up_time(WARM_UP_TIME)
        .measurement_time(MEASUREMENT_TIME)
        .sample_size(SAMPLES)
        // The default of 100,000 would take longer than the measurement.
        .nresamples(10_000)
        .configure_from_args();
    for case in matcher.selected(family) {
        let too_heavy = options.criterion.quick && case.is_heavy();
        if case.routines().is_empty() || too_heavy {
            continue;
        }
        // A list does not need the files.
        let inputs = if options.criterion.list { Ok(Vec::new()) } else { case.prepare(dirs) };
        let inputs = match inputs {
            Ok(inputs) => inputs,
            // The other cases are timed. The record of memory has this error as the failure of the case.
            Err(error) => {
                note(format_args!("{}: not timed: {error}", case.id()));
                continue;
            }
        };
        match time_case(&mut criterion, case, &inputs, (options, matcher)) {
            Err(error) if error.is::<NotRun>() => note(format_args!("{}: {error}", case.id())),
            Err(error) => return Err(format!("{}: {error}", case.id()).into()),
            Ok(()) => {}
        }
    }
    criterion.final_summary();
    Ok(())
}

/// A timer that uses criterion.
struct CriterionTimer<'a, 'b>(&'a mut Bencher<'b>);

impl Timer for CriterionTimer<'_, '_> {
    fn measure(&mut self, measure: &mut dyn FnMut(u64) -> Duration) {
        self.0.iter_custom(measure);
    }
}

fn time_case(
    criterion: &mut Criterion,
    case: &dyn Case,
    inputs: &[PathBuf],
    (options, matcher): (&Options, &Matcher),
) -> CaseResult {
    let mut failure = None;
    let mut group = criterion.benchmark_group(case.id().as_str());
    for routine in case.routines() {
        if options.criterion.chooses_samples() && matcher.times(case, routine) {
            group.sample_size(length::samples(case, routine, inputs)?);
        }
        group.bench_function(*routine, |bencher| {
            if let Err(error) = case.time(routine, inputs, &mut CriterionTimer(bencher)) {
                failure.get_or_insert(error);
                // Criterion panics if a routine is never iterated.
                bencher.iter(|| ());
            }
        });
        if failure.is_some() {
            break;
        }
    }
    group.finish();
    failure.map_or(Ok(()), Err)
}
