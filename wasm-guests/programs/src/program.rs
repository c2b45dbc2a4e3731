//! The table of programs: where each comes from, how it is called, what it must print.

use std::path::PathBuf;

use wasm_guests::{Cache, Made};
use wasmtime::Engine;

use crate::fetch::Package;
use crate::{Error, Loaded, Progress, cpython, snapshot};

/// One program.
#[derive(Debug)]
pub struct Program {
    /// Its name, also used in case ids; the suffix `-pre` marks the pre-initialised form.
    pub name: &'static str,
    /// A description in one line.
    pub description: &'static str,
    /// How it is called.
    pub abi: Abi,
    /// Where its component comes from.
    origin: Origin,
    /// The recipe that builds it, if any.
    pub recipe: Option<&'static str>,
    /// The folders that it can access.
    pub(crate) mounts: &'static [Mount],
    /// Its environment variables.
    pub(crate) environment: Environment,
    /// Code that it must execute correctly.
    pub check: Check,
}

/// The functions that a component exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abi {
    /// `execute: async func(code: string) -> result<execute-output, string>`, of the package `eryx-runtime`.
    Eryx,
    /// The same, with the output as bytes: since version 0.8.
    EryxBytes,
    /// `run: func(code: string) -> result<string, string>`.
    Run,
}

/// Code for a sandbox and its expected output.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The code.
    pub code: &'static str,
    /// Its complete output without the final newline; in JavaScript, its value.
    pub prints: &'static str,
}

#[derive(Debug)]
enum Origin {
    /// Linked here, from packages on crates.io: CPython with this runtime.
    Linked(&'static Package),
    /// A component that the recipe placed in the cache.
    Placed,
    /// A snapshot of another program after executing these pieces of code.
    Snapshot { of: &'static str, after: &'static [&'static str] },
}

/// A host folder that sandboxes may read.
#[derive(Debug)]
pub(crate) struct Mount {
    /// Its name in the cache, which contains the version of its content.
    folder: &'static str,
    /// The path at which the guest sees it.
    pub(crate) guest: &'static str,
}

/// Names and values of environment variables.
pub(crate) type Environment = &'static [(&'static str, &'static str)];

const NUMPY: Option<&str> = Some("just guests-numpy");
const JS: Option<&str> = Some("just guests-js");

const CPYTHON: &[Mount] = &[Mount { folder: cpython::STDLIB, guest: "/python-stdlib" }];
const SYMPY: &[Mount] = &[CPYTHON[0].again(), Mount { folder: "sympy-1.14.0", guest: "/site-packages" }];
const CPYTHON312: &[Mount] = &[Mount { folder: "cpython-3.12.1-lib", guest: "/py" }];
const NUMPY_MOUNTS: &[Mount] = &[CPYTHON312[0].again(), Mount { folder: "numpy-1.26.4", guest: "/site" }];

/// Makes string hashes equal in all workers and disables writing bytecode.
const CPYTHON_ENV: Environment = &[
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("PYTHONHASHSEED", "0"),
    ("PYTHONHOME", "/python-stdlib"),
    ("PYTHONPATH", "/python-stdlib:/site-packages"),
];
const CPYTHON312_ENV: Environment =
    &[("PYTHONDONTWRITEBYTECODE", "1"), ("PYTHONHASHSEED", "0"), ("PYTHONHOME", "/py"), ("PYTHONPATH", "/py:/site")];

const PYTHON_CHECK: Check = Check {
    code: "import hashlib, json\nprint(json.dumps({'squares': sum(n * n for n in range(10))}))\nprint(hashlib.sha256(b'abc').hexdigest()[:8])",
    prints: "{\"squares\": 285}\nba7816bf",
};

/// Solves 3x + y = 9, x + 2y = 8, and runs a Fourier transform and its inverse. The spectrum of a cosine with two
/// periods over eight points has lines at 2 and 6.
const NUMPY_CHECK: Check = Check {
    code: "\
import numpy as np
print(np.linalg.solve([[3.0, 1.0], [1.0, 2.0]], [9.0, 8.0]).round(9).tolist())
print(round(float(np.linalg.det(np.diag([2.0, 3.0, 4.0]))), 9))
wave = np.cos(2 * np.pi * 2 * np.arange(8) / 8)
print(np.abs(np.fft.fft(wave)).round(9).tolist())
print(bool(np.allclose(np.fft.ifft(np.fft.fft(wave)).real, wave)))
print(float(np.random.default_rng(1).integers(0, 10, 1000).mean()) > 4)",
    prints: "[2.0, 3.0]\n24.0\n[0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 4.0, 0.0]\nTrue\nTrue",
};

const SYMPY_CHECK: Check = Check {
    code: "import sympy\nx = sympy.Symbol('x')\nprint(sympy.integrate(sympy.sin(x) * x, x))\nprint(sympy.solve(x**2 - 2, x))",
    prints: "-x*cos(x) + sin(x)\n[-sqrt(2), sqrt(2)]",
};

const JS_CHECK: Check = Check { code: "JSON.stringify([1, 2, 3].map(n => n * n))", prints: "[1,4,9]" };

/// Modules that an application imports before its first job.
const WARM_PYTHON: &str = "import json, math, re";
const WARM_NUMPY: &str = "import numpy as np\nnp.linalg.solve(np.eye(2), np.ones(2))\nnp.fft.fft(np.ones(8))";
/// WASI has no ctypes, which sympy imports only to query the size of a long.
const WARM_SYMPY: &str = "\
import sys, types
ctypes = types.ModuleType('ctypes')
ctypes.c_long, ctypes.sizeof = int, lambda _: 4
sys.modules.setdefault('ctypes', ctypes)
import sympy
x = sympy.Symbol('x')
str(sympy.integrate(sympy.sin(x) * x, x)), str(sympy.solve(x**2 - 2, x)), str(sympy.expand((x + 1)**20))";
/// Excludes all objects from garbage collection, which would write to each of them.
const FREEZE: &str = "import gc\ngc.collect()\ngc.freeze()";

static ALL: &[Program] = &[
    Program {
        name: "cpython",
        description: "CPython 3.14, which initialises itself in every sandbox",
        abi: Abi::Eryx,
        origin: Origin::Linked(&cpython::ERYX_0_5),
        recipe: None,
        mounts: CPYTHON,
        environment: CPYTHON_ENV,
        check: PYTHON_CHECK,
    },
    Program {
        name: "cpython-pre",
        description: "CPython 3.14, initialised, with json, math and re imported",
        abi: Abi::Eryx,
        origin: Origin::Snapshot { of: "cpython", after: &[WARM_PYTHON] },
        recipe: None,
        mounts: CPYTHON,
        environment: CPYTHON_ENV,
        check: PYTHON_CHECK,
    },
    Program {
        name: "cpython-eryx06",
        description: "CPython 3.14 with the runtime of eryx 0.6",
        abi: Abi::Eryx,
        origin: Origin::Linked(&cpython::ERYX_0_6),
        recipe: None,
        mounts: CPYTHON,
        environment: CPYTHON_ENV,
        check: PYTHON_CHECK,
    },
    Program {
        name: "cpython-eryx06-pre",
        description: "the same, initialised, with json, math and re imported",
        abi: Abi::Eryx,
        origin: Origin::Snapshot { of: "cpython-eryx06", after: &[WARM_PYTHON] },
        recipe: None,
        mounts: CPYTHON,
        environment: CPYTHON_ENV,
        check: PYTHON_CHECK,
    },
    Program {
        name: "cpython-eryx14",
        description: "CPython 3.14 with the runtime of eryx 0.14",
        abi: Abi::EryxBytes,
        origin: Origin::Linked(&cpython::ERYX_0_14),
        recipe: None,
        mounts: CPYTHON,
        environment: CPYTHON_ENV,
        check: PYTHON_CHECK,
    },
    Program {
        name: "cpython-eryx14-pre",
        description: "the same, initialised, with json, math and re imported",
        abi: Abi::EryxBytes,
        origin: Origin::Snapshot { of: "cpython-eryx14", after: &[WARM_PYTHON] },
        recipe: None,
        mounts: CPYTHON,
        environment: CPYTHON_ENV,
        check: PYTHON_CHECK,
    },
    Program {
        name: "sympy-pre",
        description: "CPython 3.14 with sympy 1.14 imported and used",
        abi: Abi::Eryx,
        origin: Origin::Snapshot { of: "cpython", after: &[WARM_SYMPY] },
        recipe: NUMPY,
        mounts: SYMPY,
        environment: CPYTHON_ENV,
        check: SYMPY_CHECK,
    },
    Program {
        name: "sympy-frozen-pre",
        description: "the same, with gc.freeze() before the snapshot",
        abi: Abi::Eryx,
        origin: Origin::Snapshot { of: "cpython", after: &[WARM_SYMPY, FREEZE] },
        recipe: NUMPY,
        mounts: SYMPY,
        environment: CPYTHON_ENV,
        check: SYMPY_CHECK,
    },
    Program {
        name: "cpython312",
        description: "CPython 3.12 with a one-page runtime in C, which initialises itself in every sandbox",
        abi: Abi::Run,
        origin: Origin::Placed,
        recipe: NUMPY,
        mounts: CPYTHON312,
        environment: CPYTHON312_ENV,
        check: PYTHON_CHECK,
    },
    Program {
        name: "cpython312-pre",
        description: "CPython 3.12, initialised, with json, math and re imported",
        abi: Abi::Run,
        origin: Origin::Snapshot { of: "cpython312", after: &[WARM_PYTHON] },
        recipe: NUMPY,
        mounts: CPYTHON312,
        environment: CPYTHON312_ENV,
        check: PYTHON_CHECK,
    },
    Program {
        name: "numpy",
        description: "CPython 3.12 with numpy 1.26.4, which every sandbox imports itself",
        abi: Abi::Run,
        origin: Origin::Placed,
        recipe: NUMPY,
        mounts: NUMPY_MOUNTS,
        environment: CPYTHON312_ENV,
        check: NUMPY_CHECK,
    },
    Program {
        name: "numpy-pre",
        description: "CPython 3.12 with numpy 1.26.4 imported and used",
        abi: Abi::Run,
        origin: Origin::Snapshot { of: "numpy", after: &[WARM_NUMPY] },
        recipe: NUMPY,
        mounts: NUMPY_MOUNTS,
        environment: CPYTHON312_ENV,
        check: NUMPY_CHECK,
    },
    Program {
        name: "js-quickjs",
        description: "QuickJS by componentize-qjs 0.4.5",
        abi: Abi::Run,
        origin: Origin::Placed,
        recipe: JS,
        mounts: &[],
        environment: &[],
        check: JS_CHECK,
    },
    Program {
        name: "js-starling",
        description: "StarlingMonkey by componentize-js 0.23.0",
        abi: Abi::Run,
        origin: Origin::Placed,
        recipe: JS,
        mounts: &[],
        environment: &[],
        check: JS_CHECK,
    },
];

impl Mount {
    /// A copy, in constants.
    const fn again(&self) -> Self {
        Self { folder: self.folder, guest: self.guest }
    }
}

impl Program {
    /// All programs.
    #[must_use]
    pub fn all() -> &'static [Self] {
        ALL
    }

    /// The program of that name.
    pub fn named(name: &str) -> Result<&'static Self, Error> {
        Self::all().iter().find(|program| program.name == name).ok_or_else(|| Error::Unknown {
            name: name.to_owned(),
            known: Self::all().iter().map(|program| program.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// Its component. If this crate can build it and has not done so yet, it is built now, which takes seconds.
    pub fn component(&'static self, cache: &Cache, progress: Progress<'_>) -> Result<Made, Error> {
        match self.origin {
            Origin::Linked(runtime) => cpython::component(cache, self.name, runtime, progress),
            Origin::Placed => cache.placed(&self.file_name())?.ok_or_else(|| self.not_built()),
            Origin::Snapshot { of, after } => {
                // The folders first: if a recipe was not run, this fails sooner.
                let folders = self.folders(cache, progress)?;
                let base = Self::named(of)?.component(cache, progress)?;
                snapshot::of_program(cache, self, &base, after, &folders, progress)
            }
        }
    }

    /// The files that a worker needs, for [`Loaded::open`]: the component compiled for the engine's settings, then the
    /// folders that sandboxes can access. Missing files are created, once per cache.
    pub fn files(&'static self, cache: &Cache, engine: &Engine, progress: Progress<'_>) -> Result<Vec<PathBuf>, Error> {
        let component = self.component(cache, progress)?;
        let compiled = snapshot::precompiled(cache, self.name, &component, engine, progress)?;
        Ok(std::iter::once(compiled.path).chain(self.folders(cache, progress)?).collect())
    }

    /// Runs its check in two sandboxes.
    pub fn verify(&'static self, engine: &Engine, files: &[PathBuf]) -> Result<(), Error> {
        let loaded = Loaded::open(engine, self, files)?;
        for _ in 0..2 {
            let found = loaded.instantiate()?.execute(self.check.code)?;
            if found != self.check.prints {
                return Err(Error::Check { program: self.name, found, expected: self.check.prints });
            }
        }
        Ok(())
    }

    /// Its file name in the cache if a recipe places it.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.wasm", self.name)
    }

    fn folders(&self, cache: &Cache, progress: Progress<'_>) -> Result<Vec<PathBuf>, Error> {
        let folders = self.mounts.iter().map(|mount| {
            if mount.folder == cpython::STDLIB {
                return cpython::stdlib(cache, progress);
            }
            let path = cache.dir()?.join(mount.folder);
            if path.is_dir() { Ok(path) } else { Err(self.not_built()) }
        });
        folders.collect()
    }

    fn not_built(&self) -> Error {
        Error::NotBuilt { program: self.name, recipe: self.recipe.unwrap_or("wasm-guests/programs") }
    }
}
