//! A case as the bench binary knows it: which program runs it, and what that program needs.

use std::{ffi::OsString, path::PathBuf};

use engine_worker::AnyRow;
use highwater_model::{CaseId, Scale};
use highwater_worker::{Case, CaseResult, Dirs, Limits, Program, Stages};

use crate::{built, inputs};

/// A case, run by the worker of its engine.
pub(crate) struct Measured(pub(crate) AnyRow);

impl Case for Measured {
    fn id(&self) -> CaseId {
        self.0.id().expect("names of engines, guests and routes are lower case words")
    }

    fn ladder(&self) -> Vec<Scale> {
        self.0.scales()
    }

    /// A quick run measures what the gate judges, and the gate judges none of these.
    fn is_heavy(&self) -> bool {
        true
    }

    fn limits(&self) -> Limits {
        self.0.limits()
    }

    fn program(&self) -> Program {
        Program::Other { path: built::program(self.0.setup().build), args: Vec::<OsString>::new() }
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let worker = built::find(self.0.setup().build)?;
        Ok(vec![inputs::make(self.0, &worker, dirs)?])
    }

    fn run(&self, _: &mut Stages) -> CaseResult {
        Err("this case runs in the worker of its engine".into())
    }
}
