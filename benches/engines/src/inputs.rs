//! The files that workers load: a guest, or its precompiled form, which the worker program makes itself.

use std::{
    fs::Metadata,
    io,
    path::{Path, PathBuf},
    process::Command,
    time::UNIX_EPOCH,
};

use engine_worker::{AnyRow, Compiler, Guest, HostRow, Load, PRECOMPILE, Setup};
use highwater_worker::{CaseError, CaseResult, Dirs};
use wasm_guests::{Cache, Made};

/// Why a guest could not be precompiled.
#[derive(Debug, thiserror::Error)]
enum PrecompileError {
    /// The worker program cannot be read or started.
    #[error("cannot run {}: {source}", path.display())]
    Program { path: PathBuf, source: io::Error },
    /// It failed.
    #[error("{} cannot precompile `{guest}`: {message}", path.display())]
    Failed { path: PathBuf, guest: &'static str, message: String },
}

/// A module whose function `run` adds a page to the memory, writes to it, and keeps it.
const KEEPER: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "run") (local $old i32)
        (local.set $old (memory.grow (i32.const 1)))
        (if (i32.eq (local.get $old) (i32.const -1)) (then unreachable))
        (i32.store8 (i32.mul (local.get $old) (i32.const 65536)) (i32.const 1))))"#;

/// Makes the file that the worker of a case loads, unless the cache has it.
pub(crate) fn make(row: AnyRow, worker: &Path, dirs: Dirs<'_>) -> CaseResult<PathBuf> {
    let cache = Cache::at(dirs.cache);
    let (wasm, load, guest) = match row {
        AnyRow::Usual(row) => (wasm(row.guest, &cache)?, row.load, row.guest.name()),
        AnyRow::Host(HostRow { route, setup, .. }) => {
            let made =
                cache.made(route.guest(), "wasm", route.wat(), || Ok::<_, CaseError>(wat::parse_str(route.wat())?));
            (made?, setup.load, route.guest())
        }
    };
    code((row.setup(), load, guest), worker, wasm, &cache)
}

/// The file of a module that a worker loads.
pub(crate) fn code(
    (setup, load, guest): (Setup, Load, &'static str),
    worker: &Path,
    wasm: Made,
    cache: &Cache,
) -> CaseResult<PathBuf> {
    Ok(match load {
        Load::Compile => wasm.path,
        Load::Precompiled => precompiled((setup, guest), worker, &wasm, cache)?.path,
    })
}

fn wasm(guest: Guest, cache: &Cache) -> CaseResult<Made> {
    if guest == Guest::Keeper {
        return cache.made(guest.name(), "wasm", KEEPER, || Ok::<_, CaseError>(wat::parse_str(KEEPER)?));
    }
    let guest = wasm_guests::guest(guest.name())?;
    Ok(cache.made(guest.name(), "wasm", &guest.entry().wasm_sha256, || guest.wasm())?)
}

/// The form that this program makes of a guest. A program that was built again makes it again.
fn precompiled((setup, guest): (Setup, &'static str), worker: &Path, wasm: &Made, cache: &Cache) -> CaseResult<Made> {
    let compiler = setup.compiler.map_or("-", Compiler::name);
    let unreadable = |source| PrecompileError::Program { path: worker.to_owned(), source };
    let built = identity(&worker.metadata().map_err(unreadable)?);
    let key = format!("{}\n{compiler}\n{built}\n{}", setup.build.name, wasm.sha256);
    cache.made(guest, setup.build.name, &key, || {
        let ran = Command::new(worker).args([PRECOMPILE, compiler]).arg(&wasm.path).output().map_err(unreadable)?;
        if ran.status.success() {
            return Ok(ran.stdout);
        }
        let message = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
        Err(PrecompileError::Failed { path: worker.to_owned(), guest, message }.into())
    })
}

/// What changes when a program is built again.
fn identity(program: &Metadata) -> String {
    let modified = program.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("{} {}", program.len(), modified.unwrap_or_default().as_nanos())
}
