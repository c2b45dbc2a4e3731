//! Work distributed over threads, each pinned to its own CPU: what arenas and concurrency add to a sandbox's
//! cost, and how well such workers agree.

use std::thread;

use forced_commit::pin_thread;
use highwater_worker::{CaseError, CaseResult, warm_stack};

/// Adds items until there are `count`; each thread creates a part of them.
pub(crate) fn fill<T: Send>(
    items: &mut Vec<T>,
    count: usize,
    threads: usize,
    make: impl Fn() -> CaseResult<T> + Sync,
) -> CaseResult {
    let missing = count.saturating_sub(items.len());
    let make = &make;
    let made: Vec<CaseResult<Vec<T>>> = thread::scope(|scope| {
        let part = |number: usize| (missing + number) / threads;
        let handles: Vec<_> = (0..threads)
            .map(|number| {
                scope.spawn(move || {
                    warm_stack();
                    pin_thread(number)?;
                    (0..part(number)).map(|_| make()).collect()
                })
            })
            .collect();
        handles.into_iter().map(|handle| handle.join().unwrap_or_else(|_| Err(panicked()))).collect()
    });
    for part in made {
        items.extend(part?);
    }
    Ok(())
}

/// Applies `work` to all items; each thread takes a part of them.
pub(crate) fn each<T: Send>(items: &mut [T], threads: usize, work: impl Fn(&mut T) -> CaseResult + Sync) -> CaseResult {
    let size = items.len().div_ceil(threads).max(1);
    let work = &work;
    thread::scope(|scope| {
        let handles: Vec<_> = items
            .chunks_mut(size)
            .enumerate()
            .map(|(number, part)| {
                scope.spawn(move || {
                    warm_stack();
                    pin_thread(number)?;
                    part.iter_mut().try_for_each(work)
                })
            })
            .collect();
        handles.into_iter().try_for_each(|handle| handle.join().unwrap_or_else(|_| Err(panicked())))
    })
}

fn panicked() -> CaseError {
    "a thread of the worker panicked".into()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    #[test]
    fn each_item_is_made_and_worked_on_once() {
        for threads in 1..4 {
            let made = AtomicU32::new(0);
            let mut items = vec![0; 3];
            let make = || {
                made.fetch_add(1, Relaxed);
                Ok(0)
            };
            fill(&mut items, 10, threads, make).expect("made");
            assert_eq!((items.len(), made.into_inner()), (10, 7));
            each(&mut items, threads, |item| {
                *item += 1;
                Ok(())
            })
            .expect("worked");
            assert_eq!(items, [1; 10]);
            fill(&mut items, 4, threads, || unreachable!()).expect("enough there");
        }
    }

    #[test]
    fn an_error_in_a_thread_is_returned() {
        let error = fill(&mut Vec::<u8>::new(), 4, 2, || Err("no more".into())).expect_err("refused");
        assert_eq!(error.to_string(), "no more");
        let error = each(&mut [0, 1], 2, |item| if *item == 1 { panic!("by the test") } else { Ok(()) });
        assert_eq!(error.expect_err("refused").to_string(), "a thread of the worker panicked");
    }
}
