//! The main function of a worker program: a case, or the precompiled form of a module.

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    marker::PhantomData,
    path::Path,
    process::ExitCode,
};

use highwater_model::{CaseId, Scale};
use highwater_worker::{Case, CaseResult, Family, Limits, Stages};

use crate::{AnyRow, BASELINE_STAGE, Compiler, Engine, NAME, SETUPS, UNIT, given_row, host, stages};

/// The first argument of a worker that precompiles: `precompile COMPILER FILE` writes to stdout. The compiler is `-` for
/// an engine that has only one.
pub const PRECOMPILE: &str = "precompile";

/// Runs a case, as the harness requests, or precompiles a module.
#[must_use]
pub fn main<E: Engine + 'static>() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [command, compiler, file] if command == PRECOMPILE => match precompile::<E>(compiler, Path::new(file)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("cannot precompile {}: {error}", Path::new(file).display());
                ExitCode::FAILURE
            }
        },
        _ => highwater_worker::run(family::<E>),
    }
}

fn precompile<E: Engine>(compiler: &OsString, file: &Path) -> CaseResult {
    let compiler = Compiler::ALL.into_iter().find(|known| compiler == known.name());
    let code = E::new(compiler)?.precompile(&std::fs::read(file)?)?;
    Ok(io::stdout().write_all(&code)?)
}

/// The cases of the family, all run by this engine. The harness requests only those of this program.
fn family<E: Engine + 'static>() -> Family {
    let case = |row| Box::new(Measured::<E>(row, PhantomData)) as Box<dyn Case>;
    let given = SETUPS.iter().map(|setup| AnyRow::Usual(given_row(*setup)));
    let cases = AnyRow::all().chain(given).map(case).collect();
    Family { name: NAME, unit: UNIT, baseline_stage: BASELINE_STAGE, cases }
}

/// A case as a worker runs it.
struct Measured<E>(AnyRow, PhantomData<fn() -> E>);

impl<E: Engine> Case for Measured<E> {
    fn id(&self) -> CaseId {
        self.0.id().expect("names are lower case words")
    }

    fn ladder(&self) -> Vec<Scale> {
        self.0.scales()
    }

    fn limits(&self) -> Limits {
        self.0.limits()
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        match self.0 {
            AnyRow::Usual(row) => stages::run::<E>(row, stages),
            AnyRow::Host(row) => host::run::<E>(row, stages),
        }
    }
}
