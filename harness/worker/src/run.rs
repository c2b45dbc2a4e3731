//! What a bench binary does when it was started as a worker: one case, once.

use std::process::ExitCode;

use highwater_model::Category;

use crate::{Case, CaseError, CaseResult, Family, NotRun, Stages, alloc, inject, protocol::WORKER_ARGUMENT, sys};

/// Runs the case that the parent asks for. The family is only built after `start`, which therefore
/// shows the bare process.
#[must_use]
pub fn run(family: impl FnOnce() -> Family) -> ExitCode {
    alloc::enable();
    let channel = match sys::worker_channel() {
        Ok(channel) => channel,
        Err(_) => {
            eprintln!("{WORKER_ARGUMENT} is for the harness's own use: it starts workers by itself");
            return ExitCode::from(highwater_model::exit::USAGE);
        }
    };
    match serve(channel, family) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut causes = error.to_string();
            let mut cause = error.source();
            while let Some(inner) = cause {
                causes = format!("{causes}: {inner}");
                cause = inner.source();
            }
            eprintln!("{causes}");
            ExitCode::from(highwater_model::exit::INTERNAL)
        }
    }
}

/// How much of the stack is written to before a case runs.
const WARM_STACK: usize = 256 << 10;
/// The stack of the thread that runs the case: as large as the main thread's.
const STACK: usize = 8 << 20;
/// What one call of [`shift_stack`] takes at least.
const FRAME: usize = 256;

/// Writes to the next 256 KiB of the calling thread's stack, so that how deep a call goes adds no page later: frame
/// sizes depend on the compiler and its settings. The harness does it for the thread that runs a case; a case that
/// starts threads calls this first thing in each of them.
#[inline(never)]
pub fn warm_stack() {
    std::hint::black_box([1_u8; WARM_STACK]);
}

/// Calls `run` with at least `bytes` more of the stack in use.
#[inline(never)]
fn shift_stack<T>(bytes: usize, run: &mut dyn FnMut() -> T) -> T {
    let frame = std::hint::black_box([1_u8; FRAME]);
    let result = match bytes.checked_sub(FRAME) {
        Some(rest) => shift_stack(rest, run),
        None => run(),
    };
    std::hint::black_box(frame);
    result
}

fn serve(channel: std::os::fd::OwnedFd, family: impl FnOnce() -> Family) -> Result<(), CaseError> {
    warm_stack();
    let mut stages = Stages::receive(channel)?;
    stages.reached("start")?;
    let case = family().cases.into_iter().find(|case| case.id() == *stages.case());
    let case = case.ok_or_else(|| format!("this program has no case {}", stages.case()))?;
    match on_fresh_thread(&*case, &mut stages)? {
        Ok(()) => Ok(stages.end()?),
        Err(error) => match error.downcast_ref::<NotRun>() {
            Some(NotRun(reason)) => Ok(stages.skip(reason)?),
            None => Err(error),
        },
    }
}

/// Runs the case on a thread of its own, for which glibc's malloc makes an arena that nothing has used: what was
/// allocated before (the list of cases, a longer path, another CPU's feature strings) does not decide which page of a
/// heap the case's next block is on. Free pages of the main arena are given back first, so that a case that trims
/// finds none there.
fn on_fresh_thread(case: &dyn Case, stages: &mut Stages) -> Result<CaseResult, CaseError> {
    sys::trim_heap();
    std::thread::scope(|scope| {
        let run = || {
            let layout = stages.layout();
            let mut run = || {
                warm_stack();
                stages.label_stack()?;
                stages.label(Category::Stacks, sys::use_signal_stack()?)?;
                inject::shift_heap(layout.heap());
                case.run(stages)
            };
            shift_stack(layout.stack(), &mut run)
        };
        let thread = std::thread::Builder::new().name("case".to_owned()).stack_size(STACK).spawn_scoped(scope, run)?;
        // The thread printed the message; the process ends as one whose main thread panicked.
        thread.join().map_err(|panic| std::panic::resume_unwind(panic))
    })
}
