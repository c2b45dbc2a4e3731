//! The main function of a worker: runs one case, once.

use std::{
    io::{self, Read, Write},
    process::ExitCode,
};

use highwater_model::{Category, END_STAGE};

use crate::{Case, CaseError, CaseResult, Family, NotRun, Stages, alloc, inject, protocol::WORKER_ARGUMENT, sys};

/// Runs the case that the parent requests. The family is built after the stage `start`, so that `start` shows the bare
/// process.
#[must_use]
pub fn run(family: impl FnOnce() -> Family) -> ExitCode {
    alloc::enable();
    let channel = match sys::worker_channel() {
        Ok(channel) => channel,
        Err(_) => {
            eprintln!("{WORKER_ARGUMENT} is internal: the harness uses it to start workers");
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

/// The part of the stack that is written to before a case runs.
const WARM_STACK: usize = 256 << 10;
/// The stack size of the thread that runs the case, equal to that of the main thread.
const STACK: usize = 8 << 20;
/// The minimum stack use of one call of [`shift_stack`].
const FRAME: usize = 256;

/// Writes to the next 256 KiB of the calling thread's stack, so that deeper calls do not add pages later; frame sizes
/// depend on the compiler and its settings. The harness calls this on the thread that runs a case. A case that starts
/// threads should call it first on each of them.
#[inline(never)]
pub fn warm_stack() {
    std::hint::black_box([1_u8; WARM_STACK]);
}

/// Calls `run` with the stack shifted by at least `bytes`.
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

/// Runs the case on a new thread, for which glibc's malloc creates an unused arena. Earlier allocations (the list of
/// cases, a longer path, feature strings of another CPU) then do not affect the placement of the case's blocks. Free
/// pages of the main arena are released first, so that the case finds none to release when it trims its heap.
///
/// The main thread meanwhile waits in a read. It has made that call once before the case starts, and the case starts only
/// when the main thread is about to make it again: otherwise the scheduler decides in which stage the main thread touches
/// its last pages of code.
fn on_fresh_thread(case: &dyn Case, stages: &mut Stages) -> Result<CaseResult, CaseError> {
    sys::trim_heap();
    let (mut started, mut start) = io::pipe()?;
    let (mut ended, mut end) = io::pipe()?;
    end.write_all(&[0])?;
    ended.read_exact(&mut [0])?;
    std::thread::scope(|scope| {
        let run = move || {
            started.read_exact(&mut [0])?;
            let layout = stages.layout();
            let mut run = || {
                warm_stack();
                stages.label_stack()?;
                stages.label(Category::Stacks, sys::use_signal_stack()?)?;
                inject::shift_heap(layout.heap());
                let result = case.run(stages);
                if result.is_ok() {
                    // What the case did after its last stage, and what its end did not release.
                    stages.reached(END_STAGE)?;
                }
                result
            };
            let result = shift_stack(layout.stack(), &mut run);
            end.write_all(&[0])?;
            result
        };
        let thread = std::thread::Builder::new().name("case".to_owned()).stack_size(STACK).spawn_scoped(scope, run)?;
        start.write_all(&[0])?;
        // If the case panics, `end` is closed and nothing is read.
        let _ = ended.read(&mut [0])?;
        // The thread has printed the panic message. The process ends as if its main thread had panicked.
        thread.join().map_err(|panic| std::panic::resume_unwind(panic))
    })
}
