//! Memory that a guest makes its host keep: what escapes the limiter of the store, by route, and what stops it.
//!
//! ```text
//!  loaded       the guest in its store, which limits each memory to 1 MiB      (growth is measured from here)
//!  caused@N     + N units: calls that each make the host keep something
//!  refused      + as many as it takes until something refuses one, or 32 MiB are kept
//!               figures: `units`, and `allowed_bytes`, of which the limiter was asked; note `stopped`: what refused
//! ```
//!
//! The store is dropped after that, but which of its many blocks malloc then returns to the system depends on the layout.
//!
//! With `limit=host`, the host has limits of its own, as the control: it counts the bytes that it keeps, its pipe and
//! its tables have a maximum, and its limiter adds up all memories and tables.

mod host;
mod limiter;
mod route;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
    time::Duration,
};

use highwater_model::{CaseId, Category, Scale};
use highwater_worker::{Case, CaseError, CaseResult, Dirs, Limits, Stages};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wasm_guests::Cache;

pub use route::Route;

use crate::{Allocation, NAME, Shape, Strategy};
use host::Live;

/// Bytes that a guest may have: the limit of each memory, and with `limit=host` of everything.
pub const LIMIT: usize = 1 << 20;

/// The note `stopped` if the store's limiter refused.
pub const LIMITER: &str = "the store's limiter";

/// The note `stopped` if nothing refused.
pub const NOTHING: &str = "nothing";

/// Open files of the worker, which many systems have as the default.
const OPEN_FILES: u64 = 1024;

/// What limits the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// Only the limiter of the store.
    Store,
    /// The host itself too.
    Host,
}

/// A case: a route, and what limits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caused {
    /// What the guest does.
    pub route: Route,
    /// What limits it.
    pub limited: Limited,
}

impl Caused {
    const STRATEGY: Strategy = Strategy { allocation: Allocation::ON_DEMAND, cow: true };

    /// All cases. What the limiter counts needs no control.
    pub fn all() -> impl Iterator<Item = Self> {
        let both = |route| [Limited::Store, Limited::Host].map(|limited| Self { route, limited });
        let is_needed = |case: &Self| (case.route, case.limited) != (Route::Memory, Limited::Host);
        Route::ALL.into_iter().flat_map(both).filter(is_needed)
    }

    fn shape(self) -> Shape {
        if self.route.is_component() { Shape::Program } else { Shape::Core }
    }
}

impl Case for Caused {
    fn id(&self) -> CaseId {
        let limited = match self.limited {
            Limited::Store => "store",
            Limited::Host => "host",
        };
        let id = CaseId::new(NAME, "host", &[("route", self.route.name()), ("limit", limited)]);
        id.expect("names of routes are lower case words")
    }

    fn ladder(&self) -> Vec<Scale> {
        self.route.ladder().iter().copied().map(Scale).collect()
    }

    fn limits(&self) -> Limits {
        Limits { time: Duration::from_secs(60), ..Limits::default() }
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let cache = Cache::at(dirs.cache);
        let engine = Self::STRATEGY.compiler(self.shape())?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let (wat, name) = (self.route.wat(), format!("host-{}", self.route.name()));
        let made = cache.made(&name, "cwasm", &format!("wasmtime {:016x}\n{wat}", hasher.finish()), || {
            let wasm = wat::parse_str(&wat)?;
            let compile = if self.route.is_component() {
                engine.precompile_component(&wasm)
            } else {
                engine.precompile_module(&wasm)
            };
            Ok::<_, CaseError>(compile?)
        })?;
        let folder =
            cache.folder("host-folder", |folder| Ok::<_, CaseError>(std::fs::write(folder.join("file"), "")?))?;
        Ok(vec![made.path, folder])
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let most = self.route.most();
        let ladder: Vec<Scale> = stages.ladder().into_iter().filter(|scale| scale.0 < most).collect();
        let limit = Rlimit { current: Some(OPEN_FILES), maximum: getrlimit(Resource::Nofile).maximum };
        setrlimit(Resource::Nofile, limit)?;
        let engine = Self::STRATEGY.engine(self.shape())?;
        stages.reached("engine")?;
        let mut live = Live::new(&engine, stages.input(0)?, stages.input(1)?, (self.route, self.limited))?;
        for address in &live.memories {
            stages.label(Category::LinearMemory, *address..*address + LIMIT)?;
        }
        let before = live.allowed();
        stages.reached("loaded")?;

        let (mut units, mut stopped) = (0, None);
        for scale in ladder {
            while units < scale.0 && stopped.is_none() {
                stopped = live.cause();
                units += u32::from(stopped.is_none());
            }
            // A rung that the guest did not reach would bend the line.
            if stopped.is_some() {
                break;
            }
            stages.reached_at("caused", scale)?;
        }
        while units < most && stopped.is_none() {
            stopped = live.cause();
            units += u32::from(stopped.is_none());
        }
        stages.figure("units", units.into())?;
        stages.figure("allowed_bytes", live.allowed() - before)?;
        stages.note("stopped", stopped.as_deref().unwrap_or(NOTHING))?;
        stages.reached("refused")?;

        Ok(stages.forget(Category::LinearMemory)?)
    }
}
