//! Guests to commit and reset, and what tests ask of the system.
#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod swap_file;

use forced_commit::{Commit, Live, Reset, guest};
use wasmtime::{Config, Engine, Module};

pub(crate) const MIB: u64 = 1 << 20;

/// A guest of exactly so many bytes on an engine as the strategy wants it, not yet committed.
pub(crate) fn live(strategy: &dyn Commit, bytes: u64) -> Live {
    let mut config = Config::new();
    strategy.configure(&mut config);
    instantiate(&config, guest::Declared::exactly(bytes))
}

/// A guest on an engine as the reset wants it, not yet committed.
pub(crate) fn live_for(reset: &dyn Reset, bytes: u64) -> Live {
    let mut config = Config::new();
    // So that data segments are in anonymous memory, where discarding pages would lose them.
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

/// The initial image of the guest, written down independently of what the library reads.
pub(crate) fn initial(bytes: u64) -> Vec<u8> {
    let mut expected = vec![0; bytes as usize];
    for (offset, text) in [(1024, "linear memory begins with zeros and this"), (200_000, "high water")] {
        expected[offset..offset + text.len()].copy_from_slice(text.as_bytes());
    }
    expected
}

/// Whether the machine lacks what a strategy needs; says so, since a test cannot be `not run`.
pub(crate) fn lacks(name: &str, supported: Result<(), forced_commit::Error>) -> bool {
    if let Err(error) = &supported {
        eprintln!("{name} is not tested here: {error}");
    }
    supported.is_err()
}
