//! Recommended allocation habits, each compared with the habit it replaces: both do the same work on fresh actors, and
//! memory is measured as the guest sees it and as the host pays for it.

use std::{path::PathBuf, time::Instant};

use highwater_model::CaseId;
use highwater_worker::{Case, CaseResult, Dirs, Stages, Timer};
use wasm_guests::GuestTarget;

use crate::{
    Actor, AfterCall, Allocation, Source, id,
    inputs::{self, COMMON, Format, files, files_of, work},
    messages::guest_bytes,
    settle,
};

/// The input of the functions of a habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// Number of items, and bytes per item.
    Work(u32, u32),
    /// Unencoded bytes, in KiB.
    Input(usize),
}

/// Guest functions that do the same work, and the name of the choice between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habit {
    /// The name of the choice.
    pub name: &'static str,
    /// The guest functions: the usual habit first, then the recommended ones.
    pub functions: &'static [&'static str],
    /// The input of the functions.
    pub given: Given,
}

impl Habit {
    /// All choices of the document.
    pub const ALL: [Self; 7] = [
        Self { name: "string", functions: &["string_new", "string_reuse"], given: Given::Work(1000, 1024) },
        Self { name: "buffer", functions: &["buffer_heap", "buffer_stack"], given: Given::Work(1000, 1024) },
        Self { name: "input", functions: &["input_whole", "input_chunks"], given: Given::Input(4096) },
        Self { name: "binary", functions: &["binary_copy", "binary_in_place"], given: Given::Input(1024) },
        Self { name: "vec", functions: &["vec_push", "vec_capacity"], given: Given::Work(262_144, 4) },
        Self { name: "map", functions: &["map_hash", "map_btree", "map_sorted"], given: Given::Work(10_000, 16) },
        Self { name: "state", functions: &["state_verbose", "state_compact"], given: Given::Work(10_000, 16) },
    ];

    fn input(&self, file: Option<&PathBuf>) -> CaseResult<Vec<u8>> {
        match (self.given, file) {
            (Given::Work(items, bytes), _) => Ok(work(items, bytes)),
            (Given::Input(_), Some(file)) => Ok(std::fs::read(file)?),
            (Given::Input(_), None) => Err("the input was not prepared".into()),
        }
    }
}

/// The stage of the second run of the first function, on another fresh actor.
pub(crate) const AGAIN: &str = "again";

/// Returns the stage name for a function. Stage names cannot contain `_`.
pub(crate) fn stage(function: &str) -> String {
    function.replace('_', "-")
}

impl Case for Habit {
    fn id(&self) -> CaseId {
        id("habits", &[("choice", self.name)])
    }

    fn runs_alone(&self) -> bool {
        // Extism has a timer thread.
        true
    }

    fn environment(&self) -> Vec<(String, String)> {
        GuestTarget::environment()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let mut files = inputs::common(dirs, &[Allocation::OnDemand])?;
        if let Given::Input(kib) = self.given {
            files.push(inputs::message(dirs, Format::Raw, kib << 10)?);
        }
        Ok(files)
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let file = stages.input(COMMON).ok().map(PathBuf::from);
        let input = self.input(file.as_ref())?;
        let compiled = files_of(stages)?.compile(Source::File, None, Allocation::OnDemand)?;
        let actor = || Actor::new(&compiled, None, AfterCall::Keep);
        actor()?.call("memory_pages", b"")?;
        let mut live: Vec<Actor> = Vec::with_capacity(self.functions.len() + 1);
        settle();
        stages.trim();
        stages.reached("loaded")?;
        // Run the first function again: the difference between its two growths is the effect of the order.
        let last = self.functions.first().map(|first| (*first, AGAIN.to_owned()));
        for (function, stage) in self.functions.iter().map(|function| (*function, stage(function))).chain(last) {
            let mut actor = actor()?;
            // Query the size before the work, so that the growth of the stage covers the actor and its work.
            let before = guest_bytes(&mut actor)?;
            let started = Instant::now();
            drop(actor.call(function, &input)?);
            stages.figure("first_call_ns", started.elapsed().as_nanos() as u64)?;
            stages.figure("guest_growth_bytes", guest_bytes(&mut actor)? - before)?;
            live.push(actor);
            settle();
            stages.trim();
            stages.reached(&stage)?;
        }
        drop(live);
        settle();
        stages.trim();
        Ok(stages.reached("dropped")?)
    }

    fn routines(&self) -> &'static [&'static str] {
        self.functions
    }

    fn time(&self, routine: &str, inputs: &[PathBuf], timer: &mut dyn Timer) -> CaseResult {
        let compiled = files(inputs)?.compile(Source::File, None, Allocation::OnDemand)?;
        let mut actor = Actor::new(&compiled, None, AfterCall::Keep)?;
        let input = self.input(inputs.get(COMMON))?;
        actor.call(routine, &input)?;
        timer.iter(|| actor.call(routine, &input));
        Ok(())
    }
}
