//! Snapshots of the guest `table`: a module that starts with 32 MiB already filled.

use std::path::PathBuf;

use wasm_guests::{Cache, Made};
use wasmtime::{Engine, Instance, Module, Result, Store, Val};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};

use crate::{Error, Progress, snapshot};

/// How the table is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Every page has data.
    Dense,
    /// Every fourth page has data: 8 MiB over 32 MiB.
    Sparse,
}

impl Table {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Dense, Self::Sparse];

    /// The name in case ids.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dense => "table-dense",
            Self::Sparse => "table-sparse",
        }
    }

    /// The function that fills it.
    fn init(self) -> &'static str {
        match self {
            Self::Dense => "init_dense",
            Self::Sparse => "init_sparse",
        }
    }

    /// The snapshot, a core module without imports. Built on first use.
    pub fn module(self, cache: &Cache) -> std::result::Result<Made, Error> {
        let guest = wasm_guests::guest("table")?;
        let key = format!("{}\n{}", guest.entry().wasm_sha256, snapshot::tools());
        cache.made(self.name(), "wasm", &key, || {
            self.fill(&guest.wasm()?).map_err(Error::engine("take a snapshot of", self.name()))
        })
    }

    /// The snapshot compiled for the engine's settings, for `Module::deserialize_file`.
    pub fn file(self, cache: &Cache, engine: &Engine, progress: Progress<'_>) -> std::result::Result<PathBuf, Error> {
        let module = self.module(cache)?;
        Ok(snapshot::precompiled(cache, self.name(), &module, engine, progress)?.path)
    }

    fn fill(self, wasm: &[u8]) -> Result<Vec<u8>> {
        let mut wizer = Wizer::new();
        wizer.init_func(self.init());
        let (context, instrumented) = wizer.instrument(wasm)?;
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &Module::new(&engine, &instrumented)?, &[])?;
        instance.get_typed_func::<(), ()>(&mut store, self.init())?.call(&mut store, ())?;
        snapshot::runtime()?.block_on(wizer.snapshot(&context, &mut Running { store, instance }))
    }
}

/// A running module, accessed through the exports that wizer added.
struct Running {
    store: Store<()>,
    instance: Instance,
}

impl InstanceState for Running {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        let global = self.instance.get_global(&mut self.store, name).expect("wizer exports every global");
        match global.get(&mut self.store) {
            Val::I32(value) => SnapshotVal::I32(value),
            Val::I64(value) => SnapshotVal::I64(value),
            Val::F32(bits) => SnapshotVal::F32(bits),
            Val::F64(bits) => SnapshotVal::F64(bits),
            Val::V128(value) => SnapshotVal::V128(value.as_u128()),
            _ => unreachable!("the guest `table` has globals of numbers only"),
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        let memory = self.instance.get_memory(&mut self.store, name).expect("wizer exports every memory");
        contents(memory.data(&self.store));
    }
}
