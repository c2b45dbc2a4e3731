//! The interface that times the routines of a case. The bench binary implements it with criterion; workers do not link
//! criterion.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Times a routine.
pub trait Timer {
    /// Calls `measure` with a number of iterations, one or more times; `measure` returns the time that they took.
    fn measure(&mut self, measure: &mut dyn FnMut(u64) -> Duration);
}

impl dyn Timer + '_ {
    /// Times `routine`, including the drop of its result.
    pub fn iter<T>(&mut self, mut routine: impl FnMut() -> T) {
        self.measure(&mut |iterations| {
            let start = Instant::now();
            for _ in 0..iterations {
                black_box(routine());
            }
            start.elapsed()
        });
    }

    /// Times `routine` only. `setup` creates the input of each iteration; it is not timed, and neither is dropping
    /// input and output.
    pub fn iter_with_setup<I, T>(&mut self, mut setup: impl FnMut() -> I, mut routine: impl FnMut(&mut I) -> T) {
        self.measure(&mut |iterations| {
            let mut elapsed = Duration::ZERO;
            for _ in 0..iterations {
                let mut input = black_box(setup());
                let start = Instant::now();
                let output = black_box(routine(&mut input));
                elapsed += start.elapsed();
                drop(output);
            }
            elapsed
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct FixedIterations(u64, Duration);

    impl Timer for FixedIterations {
        fn measure(&mut self, measure: &mut dyn FnMut(u64) -> Duration) {
            self.1 = measure(self.0);
        }
    }

    #[test]
    fn setup_runs_for_each_iteration_and_is_not_timed() {
        let mut fixed = FixedIterations(3, Duration::MAX);
        let (mut setups, mut runs) = (0, 0);
        let setup = || {
            setups += 1;
            std::thread::sleep(Duration::from_millis(20));
            7
        };
        let timer: &mut dyn Timer = &mut fixed;
        timer.iter_with_setup(setup, |input| runs += *input);
        assert_eq!((setups, runs), (3, 21));
        assert!(fixed.1 < Duration::from_millis(60), "{:?}", fixed.1);
    }
}
