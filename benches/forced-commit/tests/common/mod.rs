//! Test helpers: guests to commit and reset, and checks of what the system supports.
#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod swap_file;

use forced_commit::{GuestCommit, GuestReset, Live, guest};
use wasmtime::{Config, Engine, Module};

pub(crate) const MIB: u64 = 1 << 20;

/// A guest of exactly `bytes` on an engine configured for the strategy, not yet committed.
pub(crate) fn live(strategy: &dyn GuestCommit, bytes: u64) -> Live {
    let mut config = Config::new();
    strategy.configure(&mut config);
    instantiate(&config, guest::Declared::exactly(bytes))
}

/// A guest on an engine configured for the reset, not yet committed.
pub(crate) fn live_for(reset: &dyn GuestReset, bytes: u64) -> Live {
    let mut config = Config::new();
    // Puts the data segments in anonymous memory, where discarding pages would lose them.
    config.memory_init_cow(false);
    reset.configure(&mut config, bytes as usize);
    instantiate(&config, guest::Declared::exactly(bytes))
}

pub(crate) fn instantiate(config: &Config, declared: guest::Declared) -> Live {
    let engine = Engine::new(config).expect("an engine");
    let wasm = wat::parse_str(guest::text(declared)).expect("a module");
    let module = Module::new(&engine, wasm).expect("compiles");
    Live::new(&engine, &module, 0).expect("instantiates")
}

/// The expected initial image of the guest, defined independently of the library.
pub(crate) fn initial(bytes: u64) -> Vec<u8> {
    let mut expected = vec![0; bytes as usize];
    for (offset, text) in [(1024, "linear memory begins with zeros and this"), (200_000, "high water")] {
        expected[offset..offset + text.len()].copy_from_slice(text.as_bytes());
    }
    expected
}

/// Whether the machine lacks a feature that a strategy needs. Prints the reason, since a test cannot be
/// reported as `not run`.
pub(crate) fn lacks(name: &str, supported: Result<(), linear_memory::Error>) -> bool {
    if let Err(error) = &supported {
        eprintln!("{name} skipped: {error}");
    }
    supported.is_err()
}
