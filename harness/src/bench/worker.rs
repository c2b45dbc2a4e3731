//! What a bench binary does when it was started as a worker: one case, once.

use std::process::ExitCode;

use super::{CaseError, Family, NotRun, Stages};
use crate::isolate::{self, protocol::WORKER_ARGUMENT};

/// Runs the case that the parent asks for. The family is only built after `start`, which therefore
/// shows the bare process.
pub(super) fn run(family: impl FnOnce() -> Family) -> ExitCode {
    let channel = match isolate::worker_channel() {
        Ok(channel) => channel,
        Err(_) => {
            eprintln!("{WORKER_ARGUMENT} is for the harness's own use: it starts workers by itself");
            return ExitCode::from(crate::exit::USAGE);
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
            ExitCode::from(crate::exit::INTERNAL)
        }
    }
}

/// How much of the stack is written to before `start`.
const WARM_STACK: usize = 256 << 10;

/// Writes to the stack's next 256 KiB, so that how deep a call goes adds no page later. Without it,
/// dropping a pooled sandbox, which goes deeper than making one, added a page to the growth of anon
/// or none, by where address space randomisation had put the stack.
#[inline(never)]
fn warm_stack() {
    std::hint::black_box([1_u8; WARM_STACK]);
}

fn serve(channel: std::os::fd::OwnedFd, family: impl FnOnce() -> Family) -> Result<(), CaseError> {
    warm_stack();
    let mut stages = Stages::receive(channel)?;
    stages.reached("start")?;
    let case = family().cases.into_iter().find(|case| case.id() == *stages.case());
    let case = case.ok_or_else(|| format!("this program has no case {}", stages.case()))?;
    match case.run(&mut stages) {
        Ok(()) => Ok(stages.end()?),
        Err(error) => match error.downcast_ref::<NotRun>() {
            Some(NotRun(reason)) => Ok(stages.skip(reason)?),
            None => Err(error),
        },
    }
}
