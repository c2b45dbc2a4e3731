//! Memory limits as a host sets them in its configuration file: how much of the configured limit an actor can use, what
//! the caller sees beyond it, whether the actor and its neighbours stay usable, and the effect of an out-of-bounds
//! access.

use std::{ops::Range, path::PathBuf};

use extism::CompiledPlugin;
use highwater_model::CaseId;
use highwater_store::write_atomically;
use highwater_worker::{Case, CaseResult, Dirs, Stages};
use wasm_guests::GuestTarget;

use crate::{
    Actor, AfterCall, Allocation, CallError, MemoryLimit, Source, config, id,
    inputs::{self, COMMON, files_of, work},
    messages::guest_bytes,
    settle,
};

/// Size of a wasm page, the granularity of all linear memories.
const PAGE: u64 = 64 << 10;

/// The limit in the configuration file of the actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// No limit by the host: Extism's default.
    Nothing,
    /// An entry without `metadata`: the actor host's default.
    Default,
    /// `memory_limit_mb`.
    Mib(u32),
}

impl Asked {
    /// The measured limits: Extism's default, the host's default, the document's example, and the maximum.
    pub const ALL: [Self; 4] = [Self::Nothing, Self::Default, Self::Mib(64), Self::Mib(100)];

    fn name(self) -> String {
        match self {
            Self::Nothing => "none".to_owned(),
            Self::Default => "default".to_owned(),
            Self::Mib(mib) => format!("{mib}m"),
        }
    }

    fn file(self) -> String {
        match self {
            Self::Nothing | Self::Default => r#"{ "component": "actor" }"#.to_owned(),
            Self::Mib(mib) => format!(r#"{{ "component": "actor", "metadata": {{ "memory_limit_mb": {mib} }} }}"#),
        }
    }
}

/// A case: one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits(pub Asked);

/// Number of items that a neighbour keeps. It reports the count again after the trial.
const KEPT: u32 = 10;

impl Case for Limits {
    fn id(&self) -> CaseId {
        id("limits", &[("limit", &self.0.name())])
    }

    fn runs_alone(&self) -> bool {
        // Extism has a timer thread.
        true
    }

    fn is_heavy(&self) -> bool {
        self.0 == Asked::Mib(100)
    }

    fn environment(&self) -> Vec<(String, String)> {
        GuestTarget::environment()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let path = dirs.cache.join(format!("limit-{}.json", self.0.name()));
        write_atomically(&path, self.0.file().as_bytes())?;
        let mut files = inputs::common(dirs, &[Allocation::OnDemand])?;
        files.push(path);
        Ok(files)
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let configured = config::read(stages.input(COMMON)?)?;
        let [entry] = configured.as_slice() else { return Err("the file does not have exactly one entry".into()) };
        let limit = (self.0 != Asked::Nothing).then_some(entry.limit);
        let compiled = files_of(stages)?.compile(Source::File, limit, Allocation::OnDemand)?;
        let tried = Tried { compiled: &compiled, limit };
        let mut neighbours = [tried.actor()?, tried.actor()?];
        for neighbour in &mut neighbours {
            neighbour.call("keep", &work(KEPT, 4096))?;
        }
        let before = guest_bytes(&mut neighbours[0])?;
        settle();
        stages.trim();
        stages.reached("loaded")?;

        let mut actor = tried.actor()?;
        if let Some(limit) = limit {
            let pages = u64::from(limit.pages());
            // Search close to the expected edge to save time. If the edge is lower, `most` searches below the range.
            let grown = most(pages - 16..pages + 16, |pages| tried.answers("grow", pages.to_string().as_bytes()))?;
            let echo = |pages: u64| tried.answers("echo", &vec![1; (pages * PAGE) as usize]);
            let echoed = most(pages / 8..pages + 16, echo)?;
            stages.figure("asked_bytes", limit.bytes())?;
            stages.figure("growth_bytes", grown * PAGE)?;
            stages.figure("message_bytes", echoed * PAGE)?;
            actor.call("grow", grown.to_string().as_bytes())?;
            stages.figure("guest_bytes", guest_bytes(&mut actor)?)?;
            settle();
            stages.trim();
            stages.reached("full")?;
            tell(stages, &mut actor, "growth_over", "grow", b"1")?;
            let mut messenger = tried.actor()?;
            tell(stages, &mut messenger, "message_over", "echo", &vec![1; (echoed + 1) as usize * PAGE as usize])?;
        } else {
            // One page above the maximum that the actor host allows.
            let beyond = MemoryLimit::MAX.pages() + 1;
            let outcome = actor.call("grow", beyond.to_string().as_bytes()).map(|_| "answered".to_owned());
            stages.note("growth_beyond_100_mib", &outcome.unwrap_or_else(|error| error.to_string()))?;
            stages.figure("guest_bytes", guest_bytes(&mut actor)?)?;
            settle();
            stages.trim();
            stages.reached("full")?;
        }
        actor.recreate()?;
        actor.call("memory_pages", b"")?;
        settle();
        stages.trim();
        stages.reached("recreated")?;

        let mut untouched = true;
        for neighbour in &mut neighbours {
            untouched &= guest_bytes(neighbour)? == before;
            let answer: serde_json::Value = serde_json::from_slice(&neighbour.call("keep", &work(1, 1))?)?;
            untouched &= answer["result"] == KEPT + 1;
        }
        stages.note("neighbours", if untouched { "untouched" } else { "changed" })?;
        drop((actor, neighbours));
        settle();
        stages.trim();
        Ok(stages.reached("dropped")?)
    }
}

/// A component compiled with the limit under test.
struct Tried<'a> {
    compiled: &'a CompiledPlugin,
    limit: Option<MemoryLimit>,
}

impl Tried<'_> {
    fn actor(&self) -> Result<Actor, extism::Error> {
        Actor::new(self.compiled, self.limit, AfterCall::Keep)
    }

    /// Returns whether this call succeeds on a fresh actor. A failure for another reason than the limit is an error.
    fn answers(&self, function: &str, input: &[u8]) -> CaseResult<bool> {
        match self.actor()?.call(function, input) {
            Ok(_) => Ok(true),
            Err(CallError::Limit { .. }) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }
}

/// Returns the largest number below the end of `range` for which `holds` is true, which must be monotonic: true up to
/// some number and false beyond. Searches within the range, or below it if `holds` is false at its start.
fn most(range: Range<u64>, holds: impl Fn(u64) -> CaseResult<bool>) -> CaseResult<u64> {
    let (mut good, mut bad) = if holds(range.start)? { (range.start, range.end) } else { (0, range.start) };
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if holds(middle)? { good = middle } else { bad = middle }
    }
    Ok(good)
}

/// Notes what the caller sees of a call that must fail, and whether a small call succeeds on the actor afterwards.
fn tell(stages: &mut Stages, actor: &mut Actor, name: &str, function: &str, input: &[u8]) -> CaseResult {
    let outcome = match actor.call(function, input) {
        Ok(_) => "answered".to_owned(),
        Err(error) => error.to_string(),
    };
    stages.note(name, &outcome)?;
    let after = match actor.call("echo", b"still there?") {
        Ok(answer) if answer == b"still there?" => "usable".to_owned(),
        Ok(_) => "wrong answer".to_owned(),
        Err(error) => error.to_string(),
    };
    Ok(stages.note(&format!("after_{name}"), &after)?)
}

/// A case: an access beyond the end of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBounds(pub Allocation);

impl Case for OutOfBounds {
    fn id(&self) -> CaseId {
        id("bounds", &[("alloc", self.0.name())])
    }

    fn runs_alone(&self) -> bool {
        // Extism has a timer thread.
        true
    }

    fn environment(&self) -> Vec<(String, String)> {
        GuestTarget::environment()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        inputs::common(dirs, &[self.0])
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let compiled = files_of(stages)?.compile(Source::File, None, self.0)?;
        let actor = || Actor::new(&compiled, None, AfterCall::Keep);
        let mut neighbour = actor()?;
        neighbour.call("keep", &work(KEPT, 4096))?;
        let mut trapping = actor()?;
        trapping.call("memory_pages", b"")?;
        settle();
        stages.trim();
        stages.reached("loaded")?;
        tell(stages, &mut trapping, "access", "out_of_bounds", b"")?;
        let answer: serde_json::Value = serde_json::from_slice(&neighbour.call("keep", &work(1, 1))?)?;
        stages.note("neighbours", if answer["result"] == KEPT + 1 { "untouched" } else { "changed" })?;
        settle();
        stages.trim();
        stages.reached("trapped")?;
        drop((trapping, neighbour));
        settle();
        stages.trim();
        Ok(stages.reached("dropped")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_finds_the_edge_within_and_below_the_range() {
        for edge in [0, 1, 39, 40, 41, 98, 99] {
            assert_eq!(most(40..100, |n| Ok(n <= edge)).expect("no error"), edge);
        }
    }
}
