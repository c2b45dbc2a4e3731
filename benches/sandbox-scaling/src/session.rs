//! Session reuse: one sandbox that executes code again and again (scenario C, against as many sandboxes
//! that execute it once), and the test whether such a sandbox leaks, with leaks made on purpose as its
//! control.
//!
//! ```text
//!  loaded        engine and component                          (reference of all growth)
//!  live          + one sandbox, initialised
//!  executed@N    + N executions of the same code in it
//!  dropped       - the sandbox
//!  trimmed       - what malloc_trim gives back
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

/// What is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The program's check, which keeps nothing.
    Check,
    /// Python that keeps so many KiB more each time.
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

/// A program and what one sandbox of it executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The program's name.
    pub program: &'static str,
    /// The code.
    pub code: Code,
    /// After how many executions the memory is read.
    pub ladder: &'static [u32],
}

/// Executions between two looks of the leak test.
pub const WINDOW: u32 = 50;

/// A thousand executions in windows of 50, and before them scenario C's rungs.
const LONG: &[u32] =
    &[1, 10, 50, 100, 150, 200, 250, 300, 350, 400, 450, 500, 550, 600, 650, 700, 750, 800, 850, 900, 950, 1000];
/// Half of its windows, for what leaks on purpose.
const HALF: &[u32] = &[50, 100, 150, 200, 250, 300, 350, 400, 450, 500];
/// Scenario C's alone.
const SHORT: &[u32] = &[1, 10, 50, 100];

impl Session {
    /// All of them.
    pub const ALL: [Self; 5] = [
        // Scenario C, and does it leak?
        Self { program: "cpython-pre", code: Code::Check, ladder: LONG },
        Self { program: "numpy-pre", code: Code::Check, ladder: LONG },
        Self { program: "js-quickjs", code: Code::Check, ladder: LONG },
        // The leak test's control: a page for each execution.
        Self { program: "cpython-pre", code: Code::Leak(4), ladder: HALF },
        // The control of "reuse is cheaper": more for each execution than a sandbox takes.
        Self { program: "cpython-pre", code: Code::Leak(8192), ladder: SHORT },
    ];

    const STRATEGY: Strategy = Strategy { allocation: Allocation::ON_DEMAND, cow: true };

    fn execute(self, host: &Programs, sandbox: &mut Sandbox) -> CaseResult {
        match self.code {
            Code::Check => host.check(sandbox),
            // Written to, or fresh pages of zeros would not be committed.
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
