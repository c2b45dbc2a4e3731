//! A case of the family: what is counted, of which engine and guest.

use std::time::Duration;

use highwater_model::{CaseId, IdError, Scale};
use highwater_worker::Limits;

use crate::{Guest, HostRow, NAME, Setup, host_rows, rows};

/// What a ladder counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Instances of one module, each in its own store.
    Instance,
    /// Engines, each with its own copy of the module.
    Module,
    /// Calls of one instance.
    Call,
    /// Instances of a module of the user.
    Given,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Module => "module",
            Self::Call => "call",
            Self::Given => "given",
        }
    }
}

/// How a module is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// From a file that the engine wrote, in another process.
    Precompiled,
    /// Compiled, or translated, in the measured process.
    Compile,
}

impl Load {
    fn name(self) -> &'static str {
        match self {
            Self::Precompiled => "precompiled",
            Self::Compile => "compile",
        }
    }
}

/// A case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What its ladder counts.
    pub kind: Kind,
    /// The engine.
    pub setup: Setup,
    /// How the module is loaded.
    pub load: Load,
    /// The module.
    pub guest: Guest,
    /// Whether the stage `dropped` drops anything. The control for claims about dropping does not.
    pub drops: bool,
    /// Numbers of instances, modules or calls.
    pub ladder: &'static [u32],
}

impl Row {
    /// The stable id.
    ///
    /// # Errors
    /// If a name of the tables is not valid in an id.
    pub fn id(self) -> Result<CaseId, IdError> {
        let Setup { build, compiler, .. } = self.setup;
        let mut parameters = vec![("engine", build.engine)];
        parameters.extend(build.version.map(|version| ("version", version)));
        parameters.extend(compiler.map(|compiler| ("compiler", compiler.name())));
        parameters.extend([("load", self.load.name()), ("guest", self.guest.name())]);
        if !self.drops {
            parameters.push(("drop", "no"));
        }
        CaseId::new(NAME, self.kind.name(), &parameters)
    }

    /// The ladder.
    #[must_use]
    pub fn scales(self) -> Vec<Scale> {
        self.ladder.iter().copied().map(Scale).collect()
    }

    /// The limits of its workers.
    #[must_use]
    pub fn limits(self) -> Limits {
        Limits { time: Duration::from_secs(120), ..Limits::default() }
    }
}

/// A case of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnyRow {
    /// Instances, modules or calls.
    Usual(Row),
    /// Memory that a guest causes.
    Host(HostRow),
}

impl AnyRow {
    /// The cases of the family.
    pub fn all() -> impl Iterator<Item = Self> {
        rows().into_iter().map(Self::Usual).chain(host_rows().into_iter().map(Self::Host))
    }

    /// The engine.
    #[must_use]
    pub fn setup(self) -> Setup {
        match self {
            Self::Usual(row) => row.setup,
            Self::Host(row) => row.setup,
        }
    }

    /// The stable id.
    ///
    /// # Errors
    /// If a name of the tables is not valid in an id.
    pub fn id(self) -> Result<CaseId, IdError> {
        match self {
            Self::Usual(row) => row.id(),
            Self::Host(row) => row.id(),
        }
    }

    /// The ladder.
    #[must_use]
    pub fn scales(self) -> Vec<Scale> {
        match self {
            Self::Usual(row) => row.scales(),
            Self::Host(row) => row.scales(),
        }
    }

    /// The limits of its workers.
    #[must_use]
    pub fn limits(self) -> Limits {
        match self {
            Self::Usual(row) => row.limits(),
            Self::Host(row) => row.limits(),
        }
    }
}
