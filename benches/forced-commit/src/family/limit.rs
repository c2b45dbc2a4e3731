//! Cases of one commit strategy with too little or barely enough memory: whether it ends in a kill or an
//! error, and when. A forked child makes the attempt, as the process of a container would; the worker
//! survives to report.
//!
//! ```text
//!  loaded     the engine and the module                          (growth is measured from here)
//!  tried      the child has ended: killed or refused (0 or 1 each), noticed_ns since its start,
//!             oom_kills of the cgroup
//! ```
//!
//! The notes `outcome` and `noticed` describe the end in words.

use std::{
    io::{Read, Write},
    path::PathBuf,
    time::Instant,
};

use highwater_model::{Bytes, CaseId};
use highwater_probe::MemoryCgroup;
use highwater_worker::{Case, CaseResult, Conditions, Dirs, Limits, NotRun, Stages};
use linear_memory::{
    Commit, Error, NoHeadroom, Source, Target,
    commit::{Guarded, Populate},
    oracle,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wasmtime::Config;

use super::{
    boxed, id, or_not_run,
    tables::{MIB, Way, size_name},
};
use crate::{
    Live, guest,
    sys::{Child, Ended},
};

/// The limit on memory.
#[derive(Clone, Copy, Debug)]
enum Limit {
    /// A memory cgroup with this many MiB.
    Cgroup(u64),
    /// `RLIMIT_DATA` of this many MiB, set by the child itself.
    Data(u64),
}

/// A row.
#[derive(Clone, Copy, Debug)]
struct Row {
    way: Way,
    limit: Limit,
    mib: u64,
}

const fn row(way: Way, limit: Limit, mib: u64) -> Row {
    Row { way, limit, mib }
}

const SMALL: Limit = Limit::Cgroup(512);
const TIGHT: Limit = Limit::Cgroup(4096);
const FIT: Limit = Limit::Cgroup(4096 + 64);
const AMPLE: Limit = Limit::Cgroup(8192);

const ROWS: &[Row] = &[
    // 1 GiB in 512 MiB: every strategy, and when it fails.
    row(Way::STATIC_MAXIMUM, SMALL, 1024),
    row(Way::DECLARED_MINIMUM, SMALL, 1024),
    row(Way::GUEST_PROBE, SMALL, 1024),
    row(Way::TOUCH_WASM_PAGES, SMALL, 1024),
    row(Way::TWO_PASS, SMALL, 1024),
    row(Way::TOUCH_OS_PAGES, SMALL, 1024),
    row(Way::POPULATE, SMALL, 1024),
    row(Way::POPULATE_CHUNKS, SMALL, 1024),
    row(Way::HUGE_CHUNKS, SMALL, 1024),
    row(Way::HOST_MEMORY, SMALL, 1024),
    row(Way::HOST_MEMORY_HUGE, SMALL, 1024),
    row(Way::LOCK, SMALL, 1024),
    row(Way::DEFERRED, SMALL, 1024),
    row(Way::GUARDED, SMALL, 1024),
    row(Way::GUARDED_HUGE, SMALL, 1024),
    // 4 GiB in 4 GiB, as published: too small by the needs of the rest of the process.
    row(Way::HUGE_CHUNKS, TIGHT, 4096),
    row(Way::GUARDED_HUGE, TIGHT, 4096),
    // 64 MiB more are enough.
    row(Way::HUGE_CHUNKS, FIT, 4096),
    // Twice as much, as recommended. The recipe itself would take four seconds for the same result.
    row(Way::GUARDED_HUGE, AMPLE, 4096),
    // Works without the rights to create a cgroup: the mapping fails, so nothing is killed.
    row(Way::TWO_PASS, Limit::Data(512), 1024),
    row(Way::DECLARED_MINIMUM, Limit::Data(512), 1024),
    // Mapping over its own reservation, which the kernel does not count, evades the limit; the engine then
    // panics at the next small mapping.
    row(Way::HOST_MEMORY, Limit::Data(512), 1024),
    row(Way::GUARDED, Limit::Data(512), 1024),
];

pub(super) fn cases() -> Vec<Box<dyn Case>> {
    let mut cases = boxed(ROWS.iter().copied());
    cases.push(Box::new(Twenty));
    cases
}

/// The steps of the child; it writes a byte after each.
const STEPS: [&str; 4] = ["at instantiation", "while committing", "in the first job", "never"];

/// The child's exit status after an error.
const REFUSED: i32 = 3;
/// The child's exit status after a panic, for example of an engine that does not expect a mapping to fail.
const PANICKED: i32 = 101;

/// Takes a guest through instantiation, commit and first job, and writes a byte to the pipe after each.
fn attempt(row: &Row, mut live: Live, mut pipe: impl Write) -> Result<(), Error> {
    if let Limit::Data(mib) = row.limit {
        let limit = Rlimit { current: Some(mib * MIB), maximum: getrlimit(Resource::Data).maximum };
        setrlimit(Resource::Data, limit).map_err(|error| Error::system("set RLIMIT_DATA")(error.into()))?;
    }
    let strategy = (row.way.make)();
    let mut step = || pipe.write_all(b".").map_err(Error::system("report to the parent"));
    live.renew()?;
    step()?;
    strategy.commit(&mut live)?;
    step()?;
    strategy.before_first_job(&mut live)?;
    // The job uses all of the memory that it was promised; with a promised maximum it grows to that first.
    live.grow_to(row.mib * MIB)?;
    live.probe()?;
    step()
}

impl Case for Row {
    fn id(&self) -> CaseId {
        let (by, mib) = match self.limit {
            Limit::Cgroup(mib) => ("cgroup", mib),
            Limit::Data(mib) => ("rlimit-data", mib),
        };
        let (limit, size) = (size_name(mib * MIB), size_name(self.mib * MIB));
        id("limit", &[("by", by), ("how", self.way.name), ("limit", &limit), ("size", &size)])
    }

    /// Quick runs keep the cases that the claims need.
    fn is_heavy(&self) -> bool {
        let kept = [Way::STATIC_MAXIMUM, Way::DECLARED_MINIMUM, Way::TOUCH_WASM_PAGES, Way::TWO_PASS, Way::GUARDED];
        self.mib > 1024 || !kept.map(|way| way.name).contains(&self.way.name)
    }

    fn limits(&self) -> Limits {
        let memory = match self.limit {
            Limit::Cgroup(mib) => Some(Bytes(mib * MIB)),
            Limit::Data(_) => None,
        };
        Limits { memory, ..Limits::default() }
    }

    /// The child runs on pages as the kernel hands them out.
    fn warms_up(&self) -> bool {
        false
    }

    fn conditions(&self) -> Conditions {
        self.way.conditions()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let mut config = Config::new();
        (self.way.make)().configure(&mut config);
        let name = format!("{}-{}", self.way.name, size_name(self.mib * MIB));
        Ok(vec![guest::precompiled(dirs.cache, &name, self.way.declared(self.mib * MIB), &config)?])
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let strategy = (self.way.make)();
        strategy.supported().map_err(or_not_run)?;
        let mut config = Config::new();
        strategy.configure(&mut config);
        let live = Live::idle(&config, stages.input(0)?, 0)?;
        stages.reached("loaded")?;

        let begun = Instant::now();
        let (child, mut pipe) = Child::fork(|mut pipe| match attempt(self, live, &pipe) {
            Ok(()) => 0,
            Err(error) => {
                // If the parent is gone, there is no one to report to.
                let _ = pipe.write_all(words(&error).as_bytes());
                REFUSED
            }
        })?;
        let mut heard = String::new();
        pipe.read_to_string(&mut heard)?;
        let ended = child.wait()?;
        let noticed_ns = begun.elapsed().as_nanos() as u64;

        let steps = heard.bytes().take_while(|byte| *byte == b'.').count().min(STEPS.len() - 1);
        let error = &heard[steps..];
        let outcome = match ended {
            Ended::Exited(0) => "served".to_owned(),
            Ended::Exited(REFUSED) => format!("refused with an error: {error}"),
            Ended::Exited(PANICKED) => "panicked".to_owned(),
            Ended::Exited(status) => return Err(format!("the child failed with status {status}: {error}").into()),
            Ended::Signaled(signal) => format!("killed by signal {signal} (shell exit status {})", 128 + signal),
        };
        stages.note("outcome", &outcome)?;
        stages.note("noticed", STEPS[steps])?;
        stages.figure("killed", u64::from(matches!(ended, Ended::Signaled(_))))?;
        stages.figure("refused", u64::from(ended == Ended::Exited(REFUSED)))?;
        stages.figure("noticed_ns", noticed_ns)?;
        if let Limit::Cgroup(_) = self.limit {
            stages.figure("oom_kills", oom_kills()?)?;
        }
        Ok(stages.reached("tried")?)
    }
}

/// The error without amounts and paths, which differ from worker to worker.
fn words(error: &Error) -> String {
    match error {
        Error::NoHeadroom(NoHeadroom { limited_by: Source::Cgroup(_), .. }) => "no headroom in a cgroup".to_owned(),
        Error::NoHeadroom(_) => "no headroom on the machine".to_owned(),
        other => other.to_string(),
    }
}

fn oom_kills() -> CaseResult<u64> {
    let kills = MemoryCgroup::of(std::process::id()).and_then(|group| group.oom_kills());
    kills.map_err(|error| NotRun(format!("cannot read the cgroup's OOM kills: {error}")).into())
}

/// Twenty consecutive guarded commits of 1 GiB in 512 MiB in one process, and then one of 128 MiB, which
/// succeeds.
///
/// ```text
///  loaded     the engine and both modules                         (growth is measured from here)
///  refused    refusals, slowest_ns, kept_bytes (sum of bytes still committed after each), oom_kills
///  served     uncommitted_bytes of the smaller memory, after its job
/// ```
struct Twenty;

impl Twenty {
    const TIMES: u64 = 20;
    const ASKED: u64 = 1024 * MIB;
    const SERVED: u64 = 128 * MIB;
}

impl Case for Twenty {
    fn id(&self) -> CaseId {
        id("guarded", &[("limit", "512m"), ("size", &size_name(Self::ASKED))])
    }

    fn limits(&self) -> Limits {
        Limits { memory: Some(Bytes(512 * MIB)), ..Limits::default() }
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let made = [("guarded", Self::ASKED), ("guarded-small", Self::SERVED)]
            .map(|(name, bytes)| guest::precompiled(dirs.cache, name, guest::Declared::exactly(bytes), &Config::new()));
        made.into_iter().collect()
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let guarded = Guarded::new(Populate::CHUNKED);
        guarded.supported().map_err(or_not_run)?;
        let mut live = Live::idle(&Config::new(), stages.input(0)?, 0)?;
        let mut smaller = Live::idle(&Config::new(), stages.input(1)?, 0)?;
        stages.reached("loaded")?;

        let (mut refusals, mut slowest, mut kept) = (0, 0, 0);
        live.renew()?;
        for _ in 0..Self::TIMES {
            let begun = Instant::now();
            match guarded.commit(&mut live) {
                Err(Error::NoHeadroom(refusal)) if refusal.needed > refusal.available => refusals += 1,
                other => return Err(format!("expected a refusal, got {other:?}").into()),
            }
            slowest = slowest.max(begun.elapsed().as_nanos() as u64);
            kept += oracle::residency(live.memory()).map_err(or_not_run)?.committed();
        }
        stages.figure("refusals", refusals)?;
        stages.figure("slowest_ns", slowest)?;
        stages.figure("kept_bytes", kept)?;
        stages.figure("oom_kills", oom_kills()?)?;
        stages.reached("refused")?;

        smaller.renew()?;
        guarded.commit(&mut smaller)?;
        smaller.probe()?;
        stages.figure("uncommitted_bytes", oracle::residency(smaller.memory()).map_err(or_not_run)?.uncommitted())?;
        Ok(stages.reached("served")?)
    }
}
