//! The stages of a case, for any engine. Times are means per instance, module or call of the latest rung.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use highwater_model::Category;
use highwater_worker::{CaseResult, Stages};

use crate::{Call, Engine, Given, INITIALIZE, Kind, Load, Row};

/// Runs a case.
pub(crate) fn run<E: Engine>(row: Row, stages: &mut Stages) -> CaseResult {
    match row.kind {
        Kind::Instance => instances::<E>(row, &Order::Run, stages),
        Kind::Given => {
            let given = Given::read(stages.input(1)?)?;
            instances::<E>(row, &Order::Given(given), stages)
        }
        Kind::Module => modules::<E>(row, stages),
        Kind::Call => calls::<E>(row, stages),
    }
}

/// What is done with each instance.
enum Order {
    /// Its function `run` is called.
    Run,
    /// What the user asked for.
    Given(Given),
}

impl Order {
    fn instantiate<E: Engine>(&self, engine: &E, module: &E::Module) -> CaseResult<E::Instance> {
        let mut instance = engine.instantiate(module)?;
        if let Self::Given(Given { initialize: true, .. }) = self {
            E::invoke(&mut instance, &Call { function: INITIALIZE.to_owned(), args: Vec::new() })?;
        }
        Ok(instance)
    }

    fn calls(&self) -> bool {
        !matches!(self, Self::Given(Given { call: None, .. }))
    }

    fn call<E: Engine>(&self, instance: &mut E::Instance) -> CaseResult {
        match self {
            Self::Run => E::call(instance),
            Self::Given(Given { call: Some(call), .. }) => E::invoke(instance, call),
            Self::Given(_) => Ok(()),
        }
    }
}

fn instances<E: Engine>(row: Row, order: &Order, stages: &mut Stages) -> CaseResult {
    // The list is not part of an instance's cost, and is allocated before a compiler leaves free heap.
    let mut live: Vec<E::Instance> = Vec::with_capacity(top(stages));
    let engine = E::new(row.setup.compiler)?;
    stages.reached("engine")?;
    let module = loaded(&engine, row, stages)?;

    for scale in stages.ladder() {
        let before = live.len();
        let clock = Clock::start();
        while live.len() < scale.0 as usize {
            live.push(order.instantiate(&engine, &module)?);
        }
        clock.stop("instantiate_ns", live.len() - before, stages)?;
        for memory in live[before..].iter_mut().filter_map(E::memory) {
            stages.label(Category::LinearMemory, memory)?;
        }
        stages.reached_at("live", scale)?;
    }
    let mut called = 0;
    for scale in stages.ladder().into_iter().filter(|_| order.calls()) {
        let next = &mut live[called..scale.0 as usize];
        let clock = Clock::start();
        next.iter_mut().try_for_each(|instance| order.call::<E>(instance))?;
        clock.stop("call_ns", next.len(), stages)?;
        called = scale.0 as usize;
        stages.reached_at("called", scale)?;
    }
    if row.drops {
        let (count, clock) = (live.len(), Clock::start());
        drop(live);
        clock.stop("drop_ns", count, stages)?;
        stages.forget(Category::LinearMemory)?;
    } else {
        std::mem::forget(live);
    }
    stages.reached("dropped")?;
    stages.trimmed()?;
    match order {
        Order::Run => Ok(()),
        Order::Given(_) => cycles(&engine, &module, order, stages),
    }
}

/// The time for which cycles are measured.
const CYCLES_TIME: Duration = Duration::from_millis(300);
/// The most cycles that are measured.
const CYCLES_MOST: usize = 2000;
/// The fewest, so that the first, with cold caches, is not the median.
const CYCLES_FEWEST: usize = 3;

/// Creates, calls and drops instances one by one, and reports the median times.
fn cycles<E: Engine>(engine: &E, module: &E::Module, order: &Order, stages: &mut Stages) -> CaseResult {
    let begun = Instant::now();
    let (mut created, mut called, mut all) = (Vec::new(), Vec::new(), Vec::new());
    while all.len() < CYCLES_MOST && (all.len() < CYCLES_FEWEST || begun.elapsed() < CYCLES_TIME) {
        let start = Instant::now();
        let mut instance = order.instantiate(engine, module)?;
        let until_created = start.elapsed();
        order.call::<E>(&mut instance)?;
        let until_called = start.elapsed();
        drop(instance);
        all.push(start.elapsed());
        created.push(until_created);
        called.push(until_called - until_created);
    }
    for (figure, mut times) in [("instantiate_ns", created), ("call_ns", called), ("cycle_ns", all)] {
        times.sort_unstable();
        stages.figure(figure, times[times.len() / 2].as_nanos() as u64)?;
    }
    Ok(stages.reached("cycled")?)
}

fn modules<E: Engine>(row: Row, stages: &mut Stages) -> CaseResult {
    let mut live: Vec<(E::Module, E)> = Vec::with_capacity(top(stages));
    let source = Source::read(row.load, stages)?;
    stages.reached("loaded")?;
    for scale in stages.ladder() {
        let before = live.len();
        let clock = Clock::start();
        while live.len() < scale.0 as usize {
            let engine = E::new(row.setup.compiler)?;
            live.push((source.load(&engine)?, engine));
        }
        clock.stop("load_ns", live.len() - before, stages)?;
        for code in live[before..].iter().filter_map(|(module, _)| E::code(module)) {
            stages.label(Category::CompiledCode, code)?;
        }
        stages.reached_at("live", scale)?;
    }
    live.clear();
    stages.forget(Category::CompiledCode)?;
    stages.reached("dropped")?;
    Ok(stages.trimmed()?)
}

fn calls<E: Engine>(row: Row, stages: &mut Stages) -> CaseResult {
    let engine = E::new(row.setup.compiler)?;
    stages.reached("engine")?;
    let module = loaded(&engine, row, stages)?;
    let mut instance = engine.instantiate(&module)?;
    if let Some(memory) = E::memory(&mut instance) {
        stages.label(Category::LinearMemory, memory)?;
    }
    stages.reached("live")?;
    let mut called = 0;
    for scale in stages.ladder() {
        let clock = Clock::start();
        for _ in called..scale.0 {
            E::call(&mut instance)?;
        }
        clock.stop("call_ns", (scale.0 - called) as usize, stages)?;
        called = scale.0;
        stages.reached_at("called", scale)?;
    }
    stages.forget(Category::LinearMemory)?;
    drop(instance);
    stages.reached("dropped")?;
    Ok(stages.trimmed()?)
}

/// The largest scale.
fn top(stages: &Stages) -> usize {
    stages.ladder().last().map_or(0, |top| top.0 as usize)
}

/// Loads the module that all instances share, and reaches the baseline stage.
fn loaded<E: Engine>(engine: &E, row: Row, stages: &mut Stages) -> CaseResult<E::Module> {
    let source = Source::read(row.load, stages)?;
    let clock = Clock::start();
    let module = source.load(engine)?;
    clock.stop("load_ns", 1, stages)?;
    drop(source);
    if let Some(code) = E::code(&module) {
        stages.label(Category::CompiledCode, code)?;
    }
    // Heap that a compiler freed would hide the cost of the first instances.
    stages.trim();
    stages.reached("loaded")?;
    Ok(module)
}

/// What a module is loaded from.
pub(crate) enum Source {
    /// A file that the engine wrote.
    Precompiled(PathBuf),
    /// The bytes of the module.
    Wasm(Vec<u8>),
}

impl Source {
    pub(crate) fn read(load: Load, stages: &Stages) -> CaseResult<Self> {
        let path = stages.input(0)?;
        Ok(match load {
            Load::Precompiled => Self::Precompiled(path.to_owned()),
            Load::Compile => {
                Self::Wasm(std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?)
            }
        })
    }

    pub(crate) fn load<E: Engine>(&self, engine: &E) -> CaseResult<E::Module> {
        match self {
            Self::Precompiled(path) => engine.load(path),
            Self::Wasm(wasm) => engine.compile(wasm),
        }
    }
}

/// Times a loop.
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    /// Reports the mean of `count` iterations.
    fn stop(self, figure: &str, count: usize, stages: &mut Stages) -> CaseResult {
        let elapsed = self.0.elapsed().as_nanos() as u64;
        Ok(stages.figure(figure, elapsed / count.max(1) as u64)?)
    }
}
