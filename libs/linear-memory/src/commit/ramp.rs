//! Chooses how many threads commit a memory, from the rate of each round: as many as help.
//!
//! The first rounds use 1, 2, 4, ... threads, until more threads are not faster by [`GAIN`]. These rounds are
//! small, since the slowest of them use one thread. All rounds commit pages that are needed anyway.

use std::ops::Range;

use super::CHUNK;

/// How much faster twice as many threads must be. Less is not worth the CPU time that they take from others.
const GAIN: f64 = 1.15;

/// Bytes per thread of a round that measures: long enough that starting a thread does not count, 0.5 ms in huge
/// pages on the machine of the README.
const PROBE: usize = CHUNK / 2;

/// Chunks per thread of the other rounds, so that starting threads and checking headroom count as little.
const CHUNKS: usize = 8;

/// The minimum number of bytes per thread: a huge page.
const LEAST: usize = 2 << 20;

/// Number of rounds after which more threads are tried again: the round that decided may have been interrupted.
const RETRY: u32 = 1;

/// The number of threads of the next round.
#[derive(Clone, Debug)]
pub(super) struct Ramp {
    most: usize,
    threads: usize,
    /// The fastest number of threads so far, and its bytes per nanosecond.
    best: Option<(usize, f64)>,
    is_decided: bool,
    /// Rounds until more threads are tried again.
    retry_in: Option<u32>,
}

impl Ramp {
    /// Always this many threads.
    pub(super) fn exactly(threads: usize) -> Self {
        Self { most: threads, threads, best: None, is_decided: true, retry_in: None }
    }

    /// As many threads as help, up to as many as this process may run at once.
    pub(super) fn measured() -> Self {
        Self::up_to(std::thread::available_parallelism().map_or(1, usize::from))
    }

    fn up_to(most: usize) -> Self {
        Self { most, threads: 1, best: None, is_decided: most == 1, retry_in: Some(RETRY) }
    }

    /// The threads of the next round.
    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    /// The parts of the next round, which its threads share: whole chunks of the remaining runs, one for each
    /// thread while the number of threads is measured. `most` bounds their sum where 2 MiB for each thread permits.
    pub(super) fn round(&self, runs: &[Range<usize>], from: usize, most: usize) -> Vec<Range<usize>> {
        let (unit, count) = if self.is_decided { (CHUNK, CHUNKS) } else { (PROBE, 1) };
        let unit = unit.min(most / self.threads / LEAST * LEAST).max(LEAST);
        let (count, most) = (count * self.threads, most.max(unit * self.threads));
        let (mut parts, mut total) = (Vec::with_capacity(count), 0);
        for run in runs {
            let mut at = run.start.max(from);
            while at < run.end && parts.len() < count {
                // Parts end on chunk boundaries, so that they share no huge page.
                let end = run.end.min((at + 1).next_multiple_of(unit));
                total += end - at;
                if total > most {
                    return parts;
                }
                parts.push(at..end);
                at = end;
            }
        }
        parts
    }

    /// Records a round: how many threads took part, the bytes that they committed, and the nanoseconds of wall
    /// time that they took.
    pub(super) fn record(&mut self, threads: usize, bytes: usize, ns: f64) {
        if self.is_decided {
            if let Some(rounds) = self.retry_in.filter(|_| self.threads < self.most) {
                self.retry_in = rounds.checked_sub(1);
                if self.retry_in.is_none() {
                    self.threads = (self.threads * 2).min(self.most);
                    self.is_decided = false;
                }
            }
            return;
        }
        // The last parts of a memory may be too few or too small to compare.
        if threads < self.threads || bytes < threads * LEAST {
            return;
        }
        let rate = bytes as f64 / ns.max(1.0);
        match self.best {
            Some((fewer, best)) if rate < best * GAIN => {
                self.threads = fewer;
                self.is_decided = true;
            }
            _ => {
                self.best = Some((threads, rate));
                self.is_decided = threads == self.most;
                self.threads = (threads * 2).min(self.most);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    /// Commits a memory on a simulated machine on which one thread commits `rate` bytes per nanosecond, and no
    /// more than `useful` threads are faster. The round `interrupted` takes three times as long. Returns the time
    /// and the last number of threads.
    fn commit(bytes: usize, most: usize, useful: usize, rate: f64, interrupted: usize) -> (f64, usize) {
        let mut ramp = Ramp::up_to(most);
        let (mut at, mut time, mut round) = (0, 0.0, 0);
        while at < bytes {
            let parts = ramp.round(std::slice::from_ref(&(0..bytes)), at, usize::MAX);
            let end = parts.last().expect("not empty").end;
            let threads = ramp.threads().min(parts.len());
            let ns = (end - at) as f64 / (rate * threads.min(useful) as f64);
            let ns = if round == interrupted { 3.0 * ns } else { ns };
            ramp.record(threads, end - at, ns);
            (at, time, round) = (end, time + ns, round + 1);
        }
        (time, ramp.threads)
    }

    #[test]
    fn as_many_threads_are_used_as_help() {
        for most in [1, 2, 3, 4, 8, 16] {
            for useful in [1, 2, 4, 16] {
                for rate in [0.25, 1.0, 8.0, 64.0] {
                    let bytes = 4096 * MIB;
                    let (time, threads) = commit(bytes, most, useful, rate, usize::MAX);
                    let best = bytes as f64 / (rate * most.min(useful) as f64);
                    assert!(time <= 1.2 * best, "{most} threads, {useful} useful: {:.3}", time / best);
                    assert!(threads <= 2 * useful, "{threads} of {useful}");
                }
            }
        }
    }

    #[test]
    fn an_interrupted_measurement_is_repeated() {
        for interrupted in 0..6 {
            let bytes = 4096 * MIB;
            let (time, threads) = commit(bytes, 4, 4, 1.0, interrupted);
            assert_eq!(threads, 4, "round {interrupted}");
            assert!(time <= 1.3 * bytes as f64 / 4.0, "{interrupted}: {time}");
        }
    }

    #[test]
    fn rounds_cover_every_byte_of_every_run_once() {
        let runs = [4096..5 * MIB, 6 * MIB..6 * MIB + 8192, 7 * MIB..200 * MIB];
        let limits = [usize::MAX, CHUNK, 1];
        let ramps = [Ramp::exactly(1), Ramp::exactly(3), Ramp::up_to(8)];
        for (mut ramp, most) in ramps.iter().flat_map(|ramp| limits.map(|most| (ramp.clone(), most))) {
            let mut covered = Vec::new();
            let mut from = 0;
            loop {
                let parts = ramp.round(&runs, from, most);
                let Some(last) = parts.last() else { break };
                from = last.end;
                let bytes: usize = parts.iter().map(Range::len).sum();
                assert!(bytes <= most.max(LEAST * ramp.threads()), "{bytes} of {most}");
                assert!(parts.iter().all(|part| part.len() <= CHUNK));
                ramp.record(ramp.threads().min(parts.len()), bytes, 1.0);
                covered.extend(parts);
            }
            assert!(covered.is_sorted_by_key(|part| part.start));
            let total: usize = covered.iter().map(Range::len).sum();
            assert_eq!(total, runs.iter().map(Range::len).sum::<usize>());
            assert!(covered.iter().all(|part| runs.iter().any(|run| run.start <= part.start && part.end <= run.end)));
        }
    }
}
