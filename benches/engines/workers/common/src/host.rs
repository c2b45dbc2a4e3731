//! Memory that a guest makes its host keep: what an engine's limiter counts, by route, and what stops the guest. WASI and
//! components are measured with wasmtime in the family `sandbox-scaling`.
//!
//! ```text
//!  start       the bare process
//!  engine      + the engine
//!  loaded      + the module, and a guest that is limited to 1 MiB      (growth is measured from here)
//!  caused@N    + N units: calls that each make the host keep something
//!  refused     + as many as it takes until something refuses one, or 64 MiB are kept
//!              figure `units`; note `stopped`: what refused
//!  dropped     - the guest
//!  trimmed     - what malloc_trim returns to the system
//! ```

use std::{ops::Range, time::Duration};

use highwater_model::{CaseId, Category, IdError, Scale};
use highwater_worker::{CaseResult, Limits, Stages};

use crate::{Compiler, Engine, SETUPS, Setup, stages::Source};

/// Bytes that a guest may have.
pub const LIMIT: usize = 1 << 20;

/// Elements of a table that take as much.
pub const ELEMENTS: usize = LIMIT / size_of::<usize>();

/// The note `stopped` if the engine refused to let a memory or a table grow.
pub const LIMITER: &str = "the engine's limiter";

/// The note `stopped` if a function of the host refused.
pub const HOST: &str = "the host";

/// The note `stopped` if nothing refused.
pub const NOTHING: &str = "nothing";

/// Units after which nothing is taken to stop the guest: each is 64 KiB.
const MOST: u32 = 1024;

/// A way to make the host keep memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The linear memory grows by a wasm page: the reference.
    Memory,
    /// A table grows by 8,192 elements.
    Table,
    /// A function of the host keeps 64 KiB that it is passed.
    Bytes,
}

/// What limits the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// The engine's limiter, which its documentation recommends, with a limit for each memory. None if it has none.
    Engine,
    /// The host too: it counts what its functions keep, and limits the elements of each table.
    Host,
}

/// A guest in its own store.
pub trait HostGuest {
    /// Calls `run`, which causes one unit. It returns 0, or 1 if the unit was refused.
    ///
    /// # Errors
    /// If the guest traps.
    fn run(&mut self) -> CaseResult<i32>;

    /// Where the guest's memory may grow to, if it is a mapping of its own.
    fn memory(&mut self) -> Option<Range<usize>> {
        None
    }
}

/// What functions of a host keep.
#[derive(Debug, Default)]
pub struct Kept {
    blocks: Vec<Vec<u8>>,
    limit: Option<usize>,
}

impl Kept {
    /// Nothing yet.
    #[must_use]
    pub fn new(limited: Limited) -> Self {
        Self { blocks: Vec::new(), limit: (limited == Limited::Host).then_some(LIMIT) }
    }

    /// Keeps a block. `false` if the host refuses to.
    pub fn keep(&mut self, block: Vec<u8>) -> bool {
        let sum: usize = self.blocks.iter().map(Vec::len).sum();
        if self.limit.is_some_and(|limit| sum + block.len() > limit) {
            return false;
        }
        self.blocks.push(block);
        true
    }
}

/// A case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostRow {
    /// The engine.
    pub setup: Setup,
    /// What the guest does.
    pub route: Route,
    /// What limits it.
    pub limited: Limited,
}

/// The workers that implement [`Engine::host_guest`].
const ENGINES: [&str; 3] = ["wasmtime-48", "wasmi", "tinywasm"];

/// All cases.
#[must_use]
pub fn host_rows() -> Vec<HostRow> {
    let setups = SETUPS.iter().filter(|setup| ENGINES.contains(&setup.build.name));
    let cases = [
        (Route::Memory, Limited::Engine),
        (Route::Table, Limited::Engine),
        (Route::Table, Limited::Host),
        (Route::Bytes, Limited::Engine),
        (Route::Bytes, Limited::Host),
    ];
    setups.flat_map(|setup| cases.map(|(route, limited)| HostRow { setup: *setup, route, limited })).collect()
}

impl Route {
    /// Its name in case ids.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Table => "table",
            Self::Bytes => "bytes",
        }
    }

    /// The name of its module.
    #[must_use]
    pub const fn guest(self) -> &'static str {
        match self {
            Self::Memory => "host-memory",
            Self::Table => "host-table",
            Self::Bytes => "host-bytes",
        }
    }

    /// The text of its module, which exports `run`.
    #[must_use]
    pub const fn wat(self) -> &'static str {
        match self {
            Self::Memory => {
                r#"(module
                    (memory (export "memory") 1)
                    (func (export "run") (result i32) (local $old i32) (local $at i32)
                        (local.set $old (memory.grow (i32.const 1)))
                        (if (i32.eq (local.get $old) (i32.const -1)) (then (return (i32.const 1))))
                        (loop $pages
                            (i32.store8
                                (i32.add (i32.shl (local.get $old) (i32.const 16)) (local.get $at)) (i32.const 1))
                            (local.set $at (i32.add (local.get $at) (i32.const 4096)))
                            (br_if $pages (i32.lt_u (local.get $at) (i32.const 65536))))
                        (i32.const 0)))"#
            }
            Self::Table => {
                r#"(module
                    (memory (export "memory") 1)
                    (table $table 0 funcref)
                    (func (export "run") (result i32)
                        (i32.eq (table.grow $table (ref.null func) (i32.const 8192)) (i32.const -1))))"#
            }
            Self::Bytes => {
                r#"(module
                    (import "host" "keep" (func $keep (param i32 i32) (result i32)))
                    (memory (export "memory") 1)
                    (func (export "run") (result i32) (call $keep (i32.const 0) (i32.const 65536))))"#
            }
        }
    }
}

impl HostRow {
    /// The stable id.
    ///
    /// # Errors
    /// If a name of the tables is not valid in an id.
    pub fn id(self) -> Result<CaseId, IdError> {
        let Setup { build, compiler, .. } = self.setup;
        let mut parameters = vec![("engine", build.engine)];
        parameters.extend(build.version.map(|version| ("version", version)));
        parameters.extend(compiler.map(|compiler| ("compiler", Compiler::name(compiler))));
        let limited = match self.limited {
            Limited::Engine => "engine",
            Limited::Host => "host",
        };
        parameters.extend([("route", self.route.name()), ("limit", limited)]);
        CaseId::new(crate::NAME, "host", &parameters)
    }

    /// The ladder: below the limit for what the limiter counts.
    #[must_use]
    pub fn scales(self) -> Vec<Scale> {
        let ladder: &[u32] = if self.route == Route::Memory { &[1, 2, 4, 8] } else { &[1, 4, 16, 64, 256] };
        ladder.iter().copied().map(Scale).collect()
    }

    /// The limits of its workers.
    #[must_use]
    pub fn limits(self) -> Limits {
        Limits { time: Duration::from_secs(60), ..Limits::default() }
    }
}

/// Runs a case.
pub(crate) fn run<E: Engine>(row: HostRow, stages: &mut Stages) -> CaseResult {
    let engine = E::new(row.setup.compiler)?;
    stages.reached("engine")?;
    let module = Source::read(row.setup.load, stages)?.load(&engine)?;
    let mut guest = engine.host_guest(&module, row.route, row.limited)?;
    if let Some(memory) = guest.memory() {
        stages.label(Category::LinearMemory, memory)?;
    }
    stages.trim();
    stages.reached("loaded")?;
    let (mut units, mut stopped) = (0, None);
    let mut climb = |guest: &mut dyn HostGuest, to: u32| {
        while units < to && stopped.is_none() {
            stopped = match guest.run() {
                Ok(0) => None,
                Ok(_) if row.route == Route::Bytes => Some(HOST.to_owned()),
                Ok(_) => Some(LIMITER.to_owned()),
                Err(error) => Some(error.to_string()),
            };
            units += u32::from(stopped.is_none());
        }
        (units, stopped.clone())
    };
    for scale in stages.ladder().into_iter().filter(|scale| scale.0 < MOST) {
        // A rung that the guest did not reach would bend the line.
        if climb(&mut *guest, scale.0).1.is_some() {
            break;
        }
        stages.reached_at("caused", scale)?;
    }
    let (units, stopped) = climb(&mut *guest, MOST);
    stages.figure("units", units.into())?;
    stages.note("stopped", stopped.as_deref().unwrap_or(NOTHING))?;
    stages.reached("refused")?;
    stages.forget(Category::LinearMemory)?;
    drop(guest);
    stages.reached("dropped")?;
    Ok(stages.trimmed()?)
}
