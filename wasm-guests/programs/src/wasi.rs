//! The environment of a sandbox: WASI preview 2 with deterministic clocks and random numbers, read-only folders that
//! look the same on every file system, and nothing else. Programs seed their hash tables and measure time with these, so with real ones no two workers would
//! have the same pages.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use wasmtime::component::{Accessor, Linker, ResourceTable, Val};
use wasmtime::{Error, Result};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{FsPerms, HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::folders::{self, Listings};
use crate::{Abi, Program};

/// The start of every wall clock: 2026-01-01 00:00 UTC.
pub(crate) const EPOCH: Duration = Duration::from_secs(1_767_225_600);
/// The advance of a clock per read, so that code that waits for time to pass terminates.
const TICK: Duration = Duration::from_micros(1);
/// The capacity of each of a sandbox's standard streams.
const OUTPUT_BYTES: usize = 64 << 10;
/// The random bytes, repeated in a cycle that is long enough for the seeds of a program.
const RANDOM: [u8; 16] = *b"highwater random";

/// The data of a sandbox's store.
pub(crate) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    pub(crate) listings: Listings,
    /// The sandbox's standard error, without output that the program captures itself.
    stderr: MemoryOutputPipe,
}

impl State {
    /// The state of a fresh sandbox with access to these folders, in the order of the program's mounts.
    pub(crate) fn new(program: &Program, folders: &[PathBuf]) -> Result<Self> {
        let stderr = MemoryOutputPipe::new(OUTPUT_BYTES);
        let mut wasi = repeatable();
        wasi.envs(program.environment).stdout(MemoryOutputPipe::new(OUTPUT_BYTES)).stderr(stderr.clone());
        for (mount, folder) in program.mounts.iter().zip(folders) {
            wasi.preopened_dir(folder, mount.guest, FsPerms::ReadOnly)?;
        }
        Ok(Self { wasi: wasi.build(), table: ResourceTable::new(), listings: Listings::default(), stderr })
    }

    /// The sandbox's output on standard error.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.contents()).into_owned()
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// A WASI with deterministic clocks and random numbers, and nothing else.
pub fn repeatable() -> WasiCtxBuilder {
    let mut wasi = WasiCtxBuilder::new();
    wasi.secure_random(Deterministic::new(RANDOM.to_vec()))
        .insecure_random(Deterministic::new(RANDOM.to_vec()))
        .insecure_random_seed(u128::from_le_bytes(RANDOM))
        .wall_clock(Clock::default())
        .monotonic_clock(Clock::default())
        // Without this, another thread would perform every file access.
        .allow_blocking_current_thread(true);
    wasi
}

/// A clock that advances by one tick per read.
#[derive(Default)]
struct Clock(AtomicU64);

impl Clock {
    fn tick(&self) -> Duration {
        TICK * u32::try_from(self.0.fetch_add(1, Relaxed)).unwrap_or(u32::MAX)
    }
}

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        TICK
    }

    fn now(&self) -> Duration {
        EPOCH + self.tick()
    }
}

impl HostMonotonicClock for Clock {
    fn resolution(&self) -> u64 {
        TICK.as_nanos() as u64
    }

    fn now(&self) -> u64 {
        self.tick().as_nanos() as u64
    }
}

/// Defines everything that programs with this ABI may import.
pub(crate) fn link(linker: &mut Linker<State>, abi: Abi) -> Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    folders::link(linker)?;
    if matches!(abi, Abi::Eryx | Abi::EryxBytes) {
        callbacks(linker)?;
        network(linker)?;
    }
    Ok(())
}

/// The callbacks of the host for Python code: the list is empty, and reports are discarded.
fn callbacks(linker: &mut Linker<State>) -> Result<()> {
    let mut root = linker.root();
    root.func_wrap_concurrent("invoke", |_: &Accessor<State>, (_, _): (String, String)| {
        Box::pin(async { Ok((std::result::Result::<String, String>::Err("there are no callbacks".to_owned()),)) })
    })?;
    root.func_new("list-callbacks", |_, _, _, results: &mut [Val]| {
        results[0] = Val::List(Vec::new());
        Ok(())
    })?;
    // Since 0.6. What its host answers in a session, whose sandbox executes code more than once.
    root.func_new("get-execution-options", |_, _, _, results: &mut [Val]| {
        let option = |name: &str, value| (name.to_owned(), Val::Bool(value));
        results[0] = Val::Record(vec![option("python-tracing", false), option("reuse-empty-callbacks", false)]);
        Ok(())
    })?;
    // Since 0.14. Time passes by itself here.
    root.func_wrap_concurrent("sleep", |_: &Accessor<State>, (_,): (u64,)| Box::pin(async { Ok(()) }))?;
    for report in ["report-trace", "report-output"] {
        root.func_new(report, |_, _, _, _| Ok(()))?;
    }
    Ok(())
}

/// Defines the network functions, which always fail.
fn network(linker: &mut Linker<State>) -> Result<()> {
    for (interface, functions) in [
        ("eryx:net/tcp@0.1.0", ["connect", "read", "write", "close"]),
        ("eryx:net/tls@0.1.0", ["upgrade", "read", "write", "close"]),
    ] {
        let mut instance = linker.instance(interface)?;
        for function in functions {
            instance.func_new(function, |_, _, _, _| Err(Error::msg("there is no network here")))?;
        }
    }
    Ok(())
}
