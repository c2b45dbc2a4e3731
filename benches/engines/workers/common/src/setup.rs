//! The engines with their versions and compilers, as data.

use crate::{Compiler, Load};

/// A worker program: one engine in one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    /// Its name for `build.sh`, and of its folder below `target/highwater/engines`: `wasmtime-48`.
    pub name: &'static str,
    /// The package of the engine, and its name in case ids.
    pub engine: &'static str,
    /// The version in case ids, for an engine that is measured in several.
    pub version: Option<&'static str>,
}

impl Build {
    /// The name of the program.
    #[must_use]
    pub fn program(self) -> String {
        format!("{}-worker", self.name)
    }

    /// The engine and its version, for people: `wasmtime 48`.
    #[must_use]
    pub fn label(self) -> String {
        match self.version {
            Some(version) => format!("{} {version}", self.engine),
            None => self.engine.to_owned(),
        }
    }
}

/// An engine as it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The program that runs it.
    pub build: Build,
    /// The compiler, if the engine has several.
    pub compiler: Option<Compiler>,
    /// How it loads a module unless a case is about loading: precompiled, if it can.
    pub load: Load,
}

const fn wasmtime(name: &'static str, version: &'static str) -> Build {
    Build { name, engine: "wasmtime", version: Some(version) }
}

const fn other(name: &'static str) -> Build {
    Build { name, engine: name, version: None }
}

const WASMTIME_24: Build = wasmtime("wasmtime-24", "24");
const WASMTIME_36: Build = wasmtime("wasmtime-36", "36");
const WASMTIME_43: Build = wasmtime("wasmtime-43", "43");
const WASMTIME_47: Build = wasmtime("wasmtime-47", "47");
const WASMTIME_48: Build = wasmtime("wasmtime-48", "48");
/// With Winch and Pulley. Separate, so that the versions are compared with the same features.
const WASMTIME_48_ALL: Build = wasmtime("wasmtime-48-all", "48");
const WASMI: Build = other("wasmi");
const WASMER: Build = other("wasmer");
const TINYWASM: Build = other("tinywasm");

/// All worker programs.
pub const BUILDS: &[Build] =
    &[WASMTIME_24, WASMTIME_36, WASMTIME_43, WASMTIME_47, WASMTIME_48, WASMTIME_48_ALL, WASMI, WASMER, TINYWASM];

const fn precompiled(build: Build, compiler: Option<Compiler>) -> Setup {
    Setup { build, compiler, load: Load::Precompiled }
}

/// All engines with their compilers.
pub const SETUPS: &[Setup] = &[
    precompiled(WASMTIME_24, Some(Compiler::Cranelift)),
    precompiled(WASMTIME_36, Some(Compiler::Cranelift)),
    precompiled(WASMTIME_43, Some(Compiler::Cranelift)),
    precompiled(WASMTIME_47, Some(Compiler::Cranelift)),
    precompiled(WASMTIME_48, Some(Compiler::Cranelift)),
    precompiled(WASMTIME_48_ALL, Some(Compiler::Winch)),
    precompiled(WASMTIME_48_ALL, Some(Compiler::Pulley)),
    precompiled(WASMER, Some(Compiler::Cranelift)),
    precompiled(WASMER, Some(Compiler::Singlepass)),
    // wasmi has no file format for its code.
    Setup { build: WASMI, compiler: None, load: Load::Compile },
    precompiled(TINYWASM, None),
];

/// wasmtime with its default compiler, in each version, ascending.
pub fn wasmtime_versions() -> impl DoubleEndedIterator<Item = Setup> {
    let is_default = |setup: &Setup| setup.build.engine == "wasmtime" && setup.compiler == Some(Compiler::Cranelift);
    SETUPS.iter().copied().filter(is_default)
}
