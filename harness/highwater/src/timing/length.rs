//! How many samples of a routine fit into the time for measuring it. A sample is at least one iteration, so thirty samples
//! of a routine that takes half a second would take a quarter of a minute.

use std::{path::PathBuf, time::Duration};

use highwater_worker::{Case, CaseResult, Timer};

use crate::criterion_flags::{MEASUREMENT_TIME, SAMPLES};

/// The fewest samples that criterion accepts.
const FEWEST: usize = 10;

/// The number of samples for a routine, by the time of one iteration.
///
/// # Errors
/// If the routine fails.
pub(super) fn samples(case: &dyn Case, routine: &str, inputs: &[PathBuf]) -> CaseResult<usize> {
    let mut once = Once(Duration::ZERO);
    case.time(routine, inputs, &mut once)?;
    Ok(fitting(once.0))
}

fn fitting(iteration: Duration) -> usize {
    let fit = MEASUREMENT_TIME.as_nanos() / iteration.as_nanos().max(1);
    (fit as usize).clamp(FEWEST, SAMPLES)
}

/// A timer that runs a single iteration.
struct Once(Duration);

impl Timer for Once {
    fn measure(&mut self, measure: &mut dyn FnMut(u64) -> Duration) {
        self.0 = measure(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_routines_have_fewer_samples() {
        let of = |ms| fitting(Duration::from_millis(ms));
        assert_eq!([0, 1, 33, 50, 90, 100, 5000].map(of), [30, 30, 30, 20, 11, 10, 10]);
    }
}
