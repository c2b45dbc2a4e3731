//! Turns of workers that share a CPU: one runs at a time. While a worker is paused and its parent only waits for the
//! kernel to release memory (10 to 30 ms at a stage), the next one has its turn.

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Whose turn it is, in the order of asking.
#[derive(Debug, Default)]
struct Queue {
    tickets: Mutex<Tickets>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Tickets {
    next: u64,
    serving: u64,
}

/// The turns of one lane. Lanes that share a CPU have clones of one queue.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// `None` if the lane shares its CPU with no other.
    queue: Option<Arc<Queue>>,
    /// Nanoseconds for which the lane has waited for its turn.
    waited: Arc<AtomicU64>,
}

/// The turn of a lane until it is dropped.
#[derive(Debug)]
pub(super) struct Held<'a>(&'a Turn);

impl Turn {
    /// The turns of lanes that share a CPU.
    pub(super) fn shared(lanes: usize) -> Vec<Self> {
        let queue = (lanes > 1).then(Arc::<Queue>::default);
        (0..lanes).map(|_| Self { queue: queue.clone(), waited: Arc::default() }).collect()
    }

    /// The same lane, for another thread or owner.
    pub(super) fn same_lane(&self) -> Self {
        Self { queue: self.queue.clone(), waited: Arc::clone(&self.waited) }
    }

    /// Waits for the turn.
    pub(super) fn take(&self) -> Held<'_> {
        self.enter();
        Held(self)
    }

    /// Lets another lane have its turn while `wait` waits. The caller has the turn, and has it again afterwards.
    pub(super) fn give_during(&self, wait: &dyn Fn()) {
        self.leave();
        wait();
        self.enter();
    }

    /// How long the lane has waited for its turn.
    pub(super) fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited.load(Ordering::Relaxed))
    }

    fn enter(&self) {
        let Some(queue) = &self.queue else { return };
        let asked = Instant::now();
        let mut tickets = queue.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        let own = tickets.next;
        tickets.next += 1;
        while tickets.serving != own {
            tickets = queue.changed.wait(tickets).unwrap_or_else(PoisonError::into_inner);
        }
        drop(tickets);
        self.waited.fetch_add(asked.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }

    fn leave(&self) {
        if let Some(queue) = &self.queue {
            queue.tickets.lock().unwrap_or_else(PoisonError::into_inner).serving += 1;
            queue.changed.notify_all();
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicUsize, thread};

    use super::*;

    #[test]
    fn one_lane_has_its_turn_and_others_do_while_it_waits() {
        let (running, most, waiting) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let beside = AtomicUsize::new(0);
        let enter = || {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            beside.fetch_add(waiting.load(Ordering::SeqCst), Ordering::SeqCst);
        };
        let (running, waiting, enter) = (&running, &waiting, &enter);
        thread::scope(|scope| {
            for turn in Turn::shared(3) {
                scope.spawn(move || {
                    for _ in 0..20 {
                        let _held = turn.take();
                        enter();
                        thread::sleep(Duration::from_micros(200));
                        running.fetch_sub(1, Ordering::SeqCst);
                        turn.give_during(&|| {
                            waiting.fetch_add(1, Ordering::SeqCst);
                            thread::sleep(Duration::from_millis(1));
                            waiting.fetch_sub(1, Ordering::SeqCst);
                        });
                        enter();
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), 1);
        assert!(beside.load(Ordering::SeqCst) > 0, "no lane had its turn while another one waited");
    }

    #[test]
    fn a_lane_with_a_cpu_of_its_own_never_waits() {
        let turn = Turn::default();
        let (first, second) = (turn.take(), turn.take());
        drop((first, second));
        turn.give_during(&|| ());
        assert_eq!(turn.waited(), Duration::ZERO);
    }

    #[test]
    fn waiting_is_counted_for_the_lane_that_waits() {
        let mut turns = Turn::shared(2);
        let (second, first) = (turns.pop().expect("two"), turns.pop().expect("two"));
        let held = first.take();
        thread::scope(|scope| {
            let waits = scope.spawn(|| drop(second.take()));
            thread::sleep(Duration::from_millis(5));
            drop(held);
            waits.join().expect("no panic");
        });
        assert!(second.waited() >= Duration::from_millis(1) && first.waited() < second.waited());
    }
}
