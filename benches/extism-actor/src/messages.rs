//! The cost of a message by size and format: time per call, and the memory that the actor retains after one large
//! message, after `reset`, after re-creation, and after a call that exceeds the memory limit.

use std::path::PathBuf;

use highwater_model::CaseId;
use highwater_worker::{Case, CaseResult, Dirs, Stages, Timer};
use wasm_guests::GuestTarget;

use crate::{
    Actor, AfterCall, Allocation, MemoryLimit, RawHost, Source, id,
    inputs::{self, COMMON, Format, files, files_of},
    settle,
};

/// A case: one message format and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Messages {
    /// The encoding of the message.
    pub format: Format,
    /// Size of the text in the message, in KiB.
    pub kib: usize,
}

impl Messages {
    /// The measured sizes, in KiB.
    pub const KIB: [usize; 4] = [1, 64, 1024, 8192];

    /// Every combination of format and size.
    pub fn all() -> impl Iterator<Item = Self> {
        Format::ALL.into_iter().flat_map(|format| Self::KIB.into_iter().map(move |kib| Self { format, kib }))
    }
}

/// The limit where the message has to fit: the largest that can be configured.
const ROOM: MemoryLimit = MemoryLimit::MAX;

/// Number of small messages after the large one. They show whether memory is reused or returned.
const SMALL_CALLS: usize = 10;

/// Calls a live plugin.
const EXTISM: &str = "call";
/// Calls an actor of the control, which does not support MessagePack.
const CONTROL: &str = "call-wasmtime";

impl Case for Messages {
    fn id(&self) -> CaseId {
        id("messages", &[("format", self.format.name()), ("size", &size(self.kib))])
    }

    fn runs_alone(&self) -> bool {
        // Extism has a timer thread.
        true
    }

    fn is_heavy(&self) -> bool {
        self.kib == 8192 && self.format == Format::Msgpack
    }

    fn environment(&self) -> Vec<(String, String)> {
        GuestTarget::environment()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let mut files = inputs::common(dirs, &[Allocation::OnDemand])?;
        files.push(inputs::message(dirs, self.format, self.kib << 10)?);
        files.push(inputs::message(dirs, self.format, 1024)?);
        Ok(files)
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let files = files_of(stages)?;
        let large = std::fs::read(stages.input(COMMON)?)?;
        let small = std::fs::read(stages.input(COMMON + 1)?)?;
        let with = |limit| files.compile(Source::File, Some(limit), Allocation::OnDemand);
        let (roomy, tight) = (with(ROOM)?, with(MemoryLimit::DEFAULT)?);
        Actor::new(&roomy, Some(ROOM), AfterCall::Keep)?.call(self.format.function(), &small)?;
        settle();
        stages.trim();
        stages.reached("loaded")?;

        let mut actor = Actor::new(&roomy, Some(ROOM), AfterCall::Keep)?;
        actor.call(self.format.function(), &small)?;
        settle();
        stages.reached("ready")?;
        // Drop the output at once: it is host memory, and only memory that the actor retains is of interest.
        let answered = actor.call(self.format.function(), &large)?.len();
        stages.figure("answer_bytes", answered as u64)?;
        stages.figure("guest_bytes", guest_bytes(&mut actor)?)?;
        settle();
        stages.trim();
        stages.reached("large")?;
        for _ in 0..SMALL_CALLS {
            actor.call(self.format.function(), &small)?;
        }
        settle();
        stages.reached("small")?;
        actor.reset()?;
        stages.reached("reset")?;
        actor.recreate()?;
        actor.call(self.format.function(), &small)?;
        settle();
        stages.reached("recreated")?;
        drop(actor);

        let mut actor = Actor::new(&tight, Some(MemoryLimit::DEFAULT), AfterCall::Keep)?;
        let outcome = actor.call(self.format.function(), &large).map(|_| ());
        stages.note("with_16_mib", &outcome.map_or_else(|error| error.to_string(), |()| "answered".to_owned()))?;
        settle();
        stages.trim();
        stages.reached("limited")?;
        drop(actor);
        settle();
        stages.trim();
        Ok(stages.reached("dropped")?)
    }

    fn routines(&self) -> &'static [&'static str] {
        match self.format {
            Format::Msgpack => &[EXTISM],
            Format::Json | Format::Raw => &[EXTISM, CONTROL],
        }
    }

    fn time(&self, routine: &str, inputs: &[PathBuf], timer: &mut dyn Timer) -> CaseResult {
        let message = std::fs::read(&inputs[COMMON])?;
        let files = files(inputs)?;
        match (routine, self.format) {
            (EXTISM, _) => {
                let compiled = files.compile(Source::File, Some(ROOM), Allocation::OnDemand)?;
                let mut actor = Actor::new(&compiled, Some(ROOM), AfterCall::Keep)?;
                actor.call(self.format.function(), &message)?;
                timer.iter(|| actor.call(self.format.function(), &message));
            }
            (CONTROL, format) => {
                let function = if format == Format::Json { "raw_process" } else { "raw_echo" };
                let mut actor = RawHost::new(&files, Allocation::OnDemand)?.actor()?;
                actor.call(function, &message)?;
                timer.iter(|| actor.call(function, &message));
            }
            (other, _) => return Err(format!("no routine {other}").into()),
        }
        Ok(())
    }
}

/// Formats a size for a case id: `64k`, `8m`.
fn size(kib: usize) -> String {
    if kib >= 1024 { format!("{}m", kib / 1024) } else { format!("{kib}k") }
}

/// Returns the size of the guest's linear memory as the guest sees it.
pub(crate) fn guest_bytes(actor: &mut Actor) -> CaseResult<u64> {
    let pages: u64 = String::from_utf8(actor.call("memory_pages", b"")?)?.parse()?;
    Ok(pages << 16)
}
