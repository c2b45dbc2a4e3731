//! Complete programs as guests: the cost of a sandbox when live, after its language runtime has initialised,
//! after its first execution, and after the second.
//!
//! wasmtime does not expose the addresses of a component's memories, so they have no label: a copy-on-write
//! image counts as `mapped_input` (its anonymous pages are those written to since), and memory that a program
//! adds as `other`.

use std::{cell::RefCell, ops::Range, path::PathBuf};

use highwater_model::Category;
use highwater_worker::{CaseResult, Stages};
use wasm_programs::{Loaded, Program, Sandbox};
use wasmtime::{Engine, component::Component};

use crate::{Access, Load, Shape, Strategy, guest::unreadable, host::Host};

/// The smallest program in Python and in JavaScript; running it initialises an uninitialised runtime.
pub(crate) const IDLE: &str = "0";

/// Code that a host may run to save memory, but which writes to every object.
const COLLECT: &str = "import gc\ngc.collect()";

/// Creates and runs sandboxes of a program.
pub(crate) struct Programs {
    program: &'static Program,
    code: Code,
    access: Access,
    /// Code that sandboxes loaded for themselves and that is not labelled yet.
    untold: RefCell<Vec<Range<usize>>>,
}

/// The component: one for all sandboxes, or the bytes from which each loads its own.
enum Code {
    Shared(Loaded),
    Each { engine: Engine, bytes: Vec<u8>, folders: Vec<PathBuf> },
}

impl Programs {
    /// Creates the engine for programs.
    pub(crate) fn engine(strategy: Strategy) -> wasmtime::Result<Engine> {
        strategy.engine(Shape::Program)
    }

    /// Loads the component that `Program::files` made.
    pub(crate) fn load(engine: Engine, name: &str, files: &[PathBuf], load: Load, access: Access) -> CaseResult<Self> {
        let program = Program::named(name)?;
        let bytes = || {
            let (path, folders) = files.split_first().ok_or("a program has files")?;
            let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
            CaseResult::Ok((bytes, folders.to_vec()))
        };
        let code = match load {
            Load::File => Code::Shared(Loaded::open(&engine, program, files)?),
            Load::Bytes => {
                let (bytes, folders) = bytes()?;
                Code::Shared(Loaded::new(&component(&engine, &bytes)?, program, folders)?)
            }
            Load::Each => {
                let (bytes, folders) = bytes()?;
                Code::Each { engine, bytes, folders }
            }
            Load::Compile => return Err("programs are compiled by `prepare`".into()),
        };
        Ok(Self { program, code, access, untold: RefCell::default() })
    }

    /// The address range of the code that all sandboxes share.
    pub(crate) fn shared_code(&self) -> Option<Range<usize>> {
        match &self.code {
            Code::Shared(loaded) => Some(addresses(loaded.component())),
            Code::Each { .. } => None,
        }
    }

    /// Creates a sandbox.
    pub(crate) fn live(&self) -> CaseResult<Sandbox> {
        Ok(match &self.code {
            Code::Shared(loaded) => loaded.instantiate()?,
            Code::Each { engine, bytes, folders } => {
                let component = component(engine, bytes)?;
                self.untold.borrow_mut().push(addresses(&component));
                Loaded::new(&component, self.program, folders.clone())?.instantiate()?
            }
        })
    }

    /// Executes the program's check and verifies its output.
    pub(crate) fn check(&self, sandbox: &mut Sandbox) -> CaseResult {
        let check = self.program.check;
        let found = sandbox.execute(check.code)?;
        if found == check.prints { Ok(()) } else { Err(format!("printed {found:?}, not {:?}", check.prints).into()) }
    }
}

fn component(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes come from a file that `prepare` made with this wasmtime and these settings, and whose
    // checksum was verified.
    unsafe { Component::deserialize(engine, bytes) }
}

fn addresses(component: &Component) -> Range<usize> {
    let range = component.image_range();
    range.start.addr()..range.end.addr()
}

/// Initialisation is a separate step: the cost of Python before it has executed anything.
const INITIALISED: &str = "initialised";

impl Host for Programs {
    type Live = Sandbox;
    const STEPS: &'static [&'static str] = &[INITIALISED, "called", "again"];

    fn fill(&self, live: &mut Vec<Sandbox>, count: usize) -> CaseResult {
        while live.len() < count {
            live.push(self.live()?);
        }
        Ok(())
    }

    fn work(&self, live: &mut [Sandbox], step: &str) -> CaseResult {
        live.iter_mut().try_for_each(|sandbox| match step {
            INITIALISED => Ok(sandbox.execute(IDLE).map(drop)?),
            _ if self.access == Access::Collect => Ok(sandbox.execute(COLLECT).map(drop)?),
            _ => self.check(sandbox),
        })
    }

    fn label(&self, _: &Sandbox, stages: &mut Stages) -> CaseResult {
        for code in self.untold.borrow_mut().drain(..) {
            stages.label(Category::CompiledCode, code)?;
        }
        Ok(())
    }
}
