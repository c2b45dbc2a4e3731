//! Cases that run the given file with one strategy, each in its own worker.
//!
//! ```text
//!  engine     + Engine, with the address space of its pool, if any
//!  loaded     + code, mapped from its compiled file                    (growth is measured from here)
//!  live@N     + N sandboxes
//!  called@N   + the first N of them have been called once; only if there is a call
//!  dropped    - all of them
//!  trimmed    - what malloc_trim returns to the system
//!  cycled     cycle_ns: median time to instantiate, call and drop one more; not in a trial
//! ```

use std::time::{Duration, Instant};

use highwater_model::{CaseId, Category, Scale};
use highwater_worker::{Case, CaseResult, Family, Stages};

use super::{
    host::{Host, Live},
    order::{Call, Errand, Order},
    refusal::one_line,
    strategy::{self, Strategy},
};

/// The family's name in case ids.
pub(super) const FAMILY: &str = "try";
/// The note in which a worker reports how the program failed.
pub(super) const FAILURE: &str = "failure";
/// The stage with the times of cycles.
pub(super) const CYCLED: &str = "cycled";
/// The figure with the time of one cycle.
pub(super) const CYCLE: &str = "cycle_ns";

/// Time limit of the measured cycles.
const CYCLES_TIME: Duration = Duration::from_millis(300);
/// Maximum number of measured cycles.
const CYCLES_MOST: usize = 2000;
/// Minimum number of measured cycles, so that the first, with cold caches, is not the median.
const CYCLES_FEWEST: usize = 3;

/// The family of the workers, in which each strategy is a case.
pub(super) fn family() -> Family {
    let cases = strategy::ALL.into_iter().map(|one| Box::new(Try(one)) as Box<dyn Case>).collect();
    Family { name: FAMILY, unit: "sandbox", baseline_stage: "loaded", cases }
}

/// A strategy to try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Try(pub(super) Strategy);

impl Case for Try {
    fn id(&self) -> CaseId {
        let id = CaseId::new(FAMILY, self.0.name, &[("cow", self.0.cow())]);
        id.expect("names of strategies are lower case words")
    }

    fn ladder(&self) -> Vec<Scale> {
        vec![Scale(1)]
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let ladder = stages.ladder();
        let top = ladder.last().map_or(0, |top| top.0 as usize);
        let order = Order::read(stages.input(1)?)?;
        let engine = match self.0.engine(&order.needs, order.sandboxes) {
            Ok(engine) => engine,
            Err(error) => return failed(stages, "making the engine", &error, None),
        };
        stages.reached("engine")?;
        let host = Host::open(&engine, stages.input(0)?, order.clone())?;
        stages.label(Category::CompiledCode, host.code())?;
        let mut live: Vec<Live> = Vec::with_capacity(top);
        stages.reached("loaded")?;

        for scale in ladder.iter().copied() {
            while live.len() < scale.0 as usize {
                match host.live() {
                    Ok(sandbox) => live.push(sandbox),
                    Err(error) => return failed(stages, "instantiating it", &error, None),
                }
            }
            stages.reached_at("live", scale)?;
        }
        if order.call != Call::Nothing {
            let mut called = 0;
            for scale in ladder {
                for sandbox in &mut live[called..scale.0 as usize] {
                    if let Err(error) = host.call(sandbox) {
                        let last_words = sandbox.last_words();
                        return failed(stages, &order.call.words(), &error, last_words);
                    }
                }
                called = scale.0 as usize;
                stages.reached_at("called", scale)?;
            }
        }
        live.clear();
        stages.reached("dropped")?;
        stages.trimmed()?;
        if order.errand == Errand::Measure {
            match cycle(&host) {
                Ok(ns) => stages.figure(CYCLE, ns)?,
                Err(error) => return failed(stages, &order.call.words(), &error, None),
            }
            stages.reached(CYCLED)?;
        }
        Ok(())
    }
}

/// The median time to instantiate, call and drop one sandbox, in nanoseconds.
fn cycle(host: &Host) -> wasmtime::Result<u64> {
    let begun = Instant::now();
    let mut times = Vec::with_capacity(CYCLES_MOST);
    while times.len() < CYCLES_MOST && (times.len() < CYCLES_FEWEST || begun.elapsed() < CYCLES_TIME) {
        let start = Instant::now();
        let mut live = host.live()?;
        host.call(&mut live)?;
        drop(live);
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2].as_nanos() as u64)
}

/// Reports to the parent how the program failed, and ends the worker.
fn failed(stages: &mut Stages, doing: &str, error: &wasmtime::Error, last_words: Option<String>) -> CaseResult {
    let mut text = format!("{doing}: {}", one_line(error));
    if let Some(words) = last_words {
        text.push_str(&format!("; it wrote: {words}"));
    }
    stages.note(FAILURE, &text)?;
    Err(text.into())
}
