//! Session reuse: one sandbox that executes the same code repeatedly, compared with one sandbox per
//! execution, and a leak test of such a sandbox with deliberate leaks as its control.
//!
//! ```text
//!  loaded        engine and component                          (growth is measured from here)
//!  live          + one sandbox, initialised
//!  executed@N    + N executions of the same code in it
//!  dropped       - the sandbox
//!  trimmed       - what malloc_trim returns to the system
//! ```

use std::{path::PathBuf, time::Duration};

use highwater_model::{CaseId, Category, Scale};
use highwater_worker::{Case, CaseResult, Dirs, Limits, Stages};
use wasm_programs::Sandbox;

use crate::{
    Access, Allocation, Guest, Load, NAME, Strategy,
    program::{IDLE, Programs},
    sandbox::inputs,
};

/// The code that a session executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The program's check, which keeps no memory.
    Check,
    /// Python that keeps this many KiB more each time.
    Leak(u32),
}

impl Code {
    fn name(self) -> String {
        match self {
            Self::Check => "check".to_owned(),
            Self::Leak(kib) => format!("leak-{kib}k"),
        }
    }
}

/// A program and the code that one sandbox of it executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The program's name.
    pub program: &'static str,
    /// The code.
    pub code: Code,
    /// Numbers of executions after which memory is read.
    pub ladder: &'static [u32],
}

/// Executions between two readings of the leak test.
pub const WINDOW: u32 = 50;

/// A thousand executions in windows of 50, preceded by the rungs of [`SHORT`].
const LONG: &[u32] =
    &[1, 10, 50, 100, 150, 200, 250, 300, 350, 400, 450, 500, 550, 600, 650, 700, 750, 800, 850, 900, 950, 1000];
/// Half of its windows: enough to find a leak, or to compare with one.
const HALF: &[u32] = &[50, 100, 150, 200, 250, 300, 350, 400, 450, 500];
/// Only the short rungs, for comparing executions with sandboxes.
const SHORT: &[u32] = &[1, 10, 50, 100];

impl Session {
    /// All sessions.
    pub const ALL: [Self; 7] = [
        // Reuse of one sandbox, and whether it leaks.
        Self { program: "cpython-pre", code: Code::Check, ladder: LONG },
        // The same with later versions of its runtime.
        Self { program: "cpython-eryx06-pre", code: Code::Check, ladder: HALF },
        Self { program: "cpython-eryx14-pre", code: Code::Check, ladder: HALF },
        Self { program: "numpy-pre", code: Code::Check, ladder: LONG },
        Self { program: "js-quickjs", code: Code::Check, ladder: LONG },
        // The leak test's control: a page for each execution.
        Self { program: "cpython-pre", code: Code::Leak(4), ladder: HALF },
        // The control for "reuse is cheaper": more memory per execution than a sandbox takes.
        Self { program: "cpython-pre", code: Code::Leak(8192), ladder: SHORT },
    ];

    const STRATEGY: Strategy = Strategy { allocation: Allocation::ON_DEMAND, cow: true };

    fn execute(self, host: &Programs, sandbox: &mut Sandbox) -> CaseResult {
        match self.code {
            Code::Check => host.check(sandbox),
            // Filled with non-zero bytes, since fresh pages of zeros would not be committed.
            Code::Leak(kib) => {
                let code = format!(
                    "kept = globals().get('kept', [])\nkept.append(bytearray(b'x') * {})\nprint(len(kept))",
                    u64::from(kib) << 10
                );
                Ok(sandbox.execute(&code).map(drop)?)
            }
        }
    }
}

impl Case for Session {
    fn id(&self) -> CaseId {
        let id = CaseId::new(NAME, "session", &[("guest", self.program), ("code", &self.code.name())]);
        id.expect("names of programs are lower case words")
    }

    fn ladder(&self) -> Vec<Scale> {
        self.ladder.iter().copied().map(Scale).collect()
    }

    fn limits(&self) -> Limits {
        Limits { time: Duration::from_secs(120), ..Limits::default() }
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        Guest::Program(self.program).files(Self::STRATEGY, Load::File, dirs)
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let ladder = stages.ladder();
        let engine = Programs::engine(Self::STRATEGY)?;
        stages.reached("engine")?;
        let host = Programs::load(engine, self.program, &inputs(stages), Load::File, Access::Own)?;
        if let Some(code) = host.shared_code() {
            stages.label(Category::CompiledCode, code)?;
        }
        stages.reached("loaded")?;
        let mut sandbox = host.live()?;
        sandbox.execute(IDLE)?;
        stages.reached("live")?;
        let mut executed = 0;
        for scale in ladder {
            while executed < scale.0 {
                self.execute(&host, &mut sandbox)?;
                executed += 1;
            }
            stages.reached_at("executed", scale)?;
        }
        drop(sandbox);
        stages.reached("dropped")?;
        Ok(stages.trimmed()?)
    }
}
