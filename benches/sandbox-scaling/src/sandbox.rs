//! Cases of one strategy with one guest: their stages and timings.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use highwater_model::{CaseId, Category, Scale};
use highwater_worker::{Case, CaseResult, Conditions, Dirs, Limits, Stages, Timer};
use wasm_guests::GuestTarget;

use crate::{
    Access, Guest, Load, NAME, Strategy,
    host::{Core, climb},
    matrix::LONG,
    program::Programs,
    room,
};

/// A row of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// How wasmtime allocates.
    pub strategy: Strategy,
    /// What runs.
    pub guest: Guest,
    /// What a call does.
    pub access: Access,
    /// Where its code comes from.
    pub load: Load,
    /// Threads that share the sandboxes, each on its own CPU.
    pub threads: usize,
    /// Numbers of live sandboxes.
    pub ladder: &'static [u32],
    /// Whether quick runs skip it.
    pub heavy: bool,
}

/// Instantiate and drop.
const INSTANTIATE: &str = "instantiate-drop";
/// Instantiate, call, drop; a pool reuses the slot that was dropped last.
const CALL: &str = "instantiate-call-drop";
/// The same in a slot that was never used.
const CALL_COLD: &str = "instantiate-call-drop-cold";

/// Bytes that are free on every machine that can build this.
const ALWAYS_FREE: u64 = 128 << 20;

impl Sandbox {
    fn core(&self, engine: wasmtime::Engine, module: &Path) -> CaseResult<Core> {
        Core::load(engine, module, self.load, self.access, self.threads)
    }

    fn top(&self) -> u64 {
        self.ladder.last().copied().map_or(0, u64::from)
    }

    fn is_usual(&self) -> bool {
        (self.access, self.load, self.threads) == (Access::Own, Load::File, 1)
    }
}

impl Case for Sandbox {
    fn id(&self) -> CaseId {
        let (access, threads) = (self.access.name(), self.threads.to_string());
        let mut parameters = vec![("cow", if self.strategy.cow { "on" } else { "off" }), ("guest", self.guest.name())];
        parameters.extend(access.as_deref().map(|access| ("access", access)));
        parameters.extend(self.load.name().map(|load| ("load", load)));
        if self.threads > 1 {
            parameters.push(("threads", &threads));
        }
        // The same sandboxes may have a longer ladder, which is another case with other slopes.
        let top = self.top().to_string();
        if self.ladder == LONG {
            parameters.push(("top", &top));
        }
        let id = CaseId::new(NAME, self.strategy.allocation.name, &parameters);
        id.expect("names of strategies and guests are lower case words")
    }

    fn ladder(&self) -> Vec<Scale> {
        self.ladder.iter().copied().map(Scale).collect()
    }

    fn is_heavy(&self) -> bool {
        self.heavy
    }

    fn limits(&self) -> Limits {
        Limits { time: Duration::from_secs(120), ..Limits::default() }
    }

    fn conditions(&self) -> Conditions {
        Conditions { cpus: self.threads, ..Conditions::default() }
    }

    /// A worker that compiles uses the parent's target.
    fn environment(&self) -> Vec<(String, String)> {
        if self.load == Load::Compile { GuestTarget::environment() } else { Vec::new() }
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        self.guest.files(self.strategy, self.load, dirs)
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let ladder = match self.guest.may_take().checked_mul(self.top()) {
            // Free memory is read only if it may limit the ladder: reading leaves traces in the heap.
            Some(bytes) if bytes < ALWAYS_FREE => stages.ladder(),
            _ => room::ladder(stages, self.guest.may_take())?,
        };
        let pooled = self.strategy.allocation.pool.is_some();
        if let Some(pool) = self.strategy.allocation.pool {
            // `highwater capacity` uses this as a limit.
            stages.figure("slots", u64::from(pool.slots))?;
        }
        if let Guest::Program(name) = self.guest {
            let engine = Programs::engine(self.strategy)?;
            stages.reached("engine")?;
            let host = Programs::load(engine, name, &inputs(stages), self.load, self.access)?;
            if let Some(code) = host.shared_code() {
                stages.label(Category::CompiledCode, code)?;
            }
            return climb(&host, ladder, pooled, stages);
        }
        let engine = Core::engine(self.strategy, self.load)?;
        stages.reached("engine")?;
        let host = self.core(engine, stages.input(0)?)?;
        if let Some(code) = host.shared_code() {
            stages.label(Category::CompiledCode, code)?;
        }
        climb(&host, ladder, pooled, stages)
    }

    fn routines(&self) -> &'static [&'static str] {
        match (self.guest, self.strategy.allocation.pool) {
            _ if self.heavy || !self.is_usual() || self.guest.starts_slowly() => &[],
            // Timed, it would be on the Pareto front of the report's chart, which names the best strategies.
            (_, Some(pool)) if pool.leaks_under_swap() => &[],
            (Guest::Toucher | Guest::Image, Some(_)) => &[INSTANTIATE, CALL, CALL_COLD],
            _ => &[INSTANTIATE, CALL],
        }
    }

    fn time(&self, routine: &str, inputs: &[PathBuf], timer: &mut dyn Timer) -> CaseResult {
        if let Guest::Program(name) = self.guest {
            let host = Programs::load(Programs::engine(self.strategy)?, name, inputs, self.load, self.access)?;
            // Run once outside the timed loop, so that a failure is reported and not timed.
            let life = || host.live().and_then(|mut live| host.check(&mut live));
            life()?;
            match routine {
                INSTANTIATE => timer.iter(|| host.live().map(drop)),
                _ => timer.iter(life),
            }
            return Ok(());
        }
        let fresh = || self.core(Core::engine(self.strategy, self.load)?, &inputs[0]);
        let host = fresh()?;
        let life = |host: &Core| host.live().and_then(|mut live| host.call(&mut live));
        life(&host)?;
        // The whole life of a sandbox is timed, including its drop.
        match routine {
            INSTANTIATE => timer.iter(|| host.live().map(drop)),
            CALL => timer.iter(|| life(&host)),
            CALL_COLD => timer.iter_with_setup(fresh, |host| host.as_ref().is_ok_and(|host| life(host).is_ok())),
            other => return Err(format!("no routine {other}").into()),
        }
        Ok(())
    }
}

/// All files that `prepare` created.
pub(crate) fn inputs(stages: &Stages) -> Vec<PathBuf> {
    (0..).map_while(|index| stages.input(index).ok()).map(Path::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ROWS;

    #[test]
    fn a_pool_that_leaks_under_swap_is_measured_but_not_timed() {
        let leaks = |row: &&Sandbox| row.strategy.allocation.pool.is_some_and(|pool| pool.leaks_under_swap());
        assert!(ROWS.iter().any(|row| leaks(&row)));
        for row in ROWS.iter().filter(leaks) {
            assert!(row.routines().is_empty(), "{}", row.id());
        }
    }
}
