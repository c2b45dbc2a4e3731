//! The habits that people recommend, each beside the one it is to replace: the same work by both, on fresh actors, with
//! the memory as the guest sees it and as the host pays for it.

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

/// What a pair's functions are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// Items and bytes of each.
    Work(u32, u32),
    /// So many KiB of bytes.
    Input(usize),
}

/// Functions of the guest that do the same, with the name of the choice between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habit {
    /// The choice.
    pub name: &'static str,
    /// The guest's functions: the usual habit first, what is recommended after it.
    pub functions: &'static [&'static str],
    /// What they are given.
    pub given: Given,
}

impl Habit {
    /// All pairs of the document.
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

/// The stage of the first function's second turn, on another fresh actor.
pub(crate) const AGAIN: &str = "again";

/// A stage's name for a function: stages know no `_`.
pub(crate) fn stage(function: &str) -> String {
    function.replace('_', "-")
}

impl Case for Habit {
    fn id(&self) -> CaseId {
        id("habits", &[("choice", self.name)])
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
        // The first once more: what comes of the order, and not of the habit, shows as its second growth.
        let last = self.functions.first().map(|first| (*first, AGAIN.to_owned()));
        for (function, stage) in self.functions.iter().map(|function| (*function, stage(function))).chain(last) {
            let mut actor = actor()?;
            // Before the work, so that the stage's growth is an actor's and the work's.
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
