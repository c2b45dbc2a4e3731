//! A wasmtime guest as a [`Target`]: the code that a host writes once to use the library.

use std::path::Path;

use linear_memory::{Dirt, Error, Image, Target};
use wasmtime::{
    Config, Engine, Extern, ExternType, Global, Instance, InstancePre, Linker, Memory, Module, Mutability, Ref, Store,
    Table, Val,
};

use crate::sys;

/// An instance, with the state needed to reset it.
pub struct Live {
    pre: InstancePre<()>,
    /// Size to which the memory is grown after instantiation, in bytes.
    size: u64,
    /// `None` while the guest is idle.
    running: Option<Running>,
}

struct Running {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    globals: Vec<(Global, Val)>,
    tables: Vec<(String, Table, Vec<Ref>)>,
}

/// What differs from the initial state after a reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Linear memory.
    pub memory: Dirt,
    /// Number of exported mutable globals whose value differs.
    pub globals: u64,
    /// Number of elements of exported tables that differ.
    pub elements: u64,
}

impl Left {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.memory.is_clean() && self.globals == 0 && self.elements == 0
    }
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_clean() {
            return f.write_str("clean");
        }
        write!(f, "unclean:")?;
        if let Some(first) = self.memory.first {
            write!(f, " {} bytes of memory starting at {first:#x};", self.memory.bytes)?;
        }
        write!(f, " {} globals, {} table elements", self.globals, self.elements)
    }
}

impl Live {
    /// Instantiates the module and grows its memory to `size` bytes, unless it is already larger.
    ///
    /// # Errors
    /// When instantiation fails, or the module exports no memory.
    pub fn new(engine: &Engine, module: &Module, size: u64) -> Result<Self, Error> {
        let pre = Linker::new(engine).instantiate_pre(module).map_err(failed)?;
        let running = Running::new(&pre, size)?;
        Ok(Self { pre, size, running: Some(running) })
    }

    /// As [`Live::new`], but from a file that `Engine::precompile_module` made with the same settings, and
    /// without an instance until [`Live::renew`] is called.
    ///
    /// # Errors
    /// As [`Live::new`], and when the file was made by another engine.
    pub(crate) fn idle(config: &Config, path: &Path, size: u64) -> Result<Self, Error> {
        let engine = Engine::new(config).map_err(failed)?;
        let module = sys::load_module(&engine, path).map_err(failed)?;
        let pre = Linker::new(&engine).instantiate_pre(&module).map_err(failed)?;
        Ok(Self { pre, size, running: None })
    }

    fn running(&mut self) -> Result<&mut Running, Error> {
        self.running.as_mut().ok_or(Error::Lacking("be used: its instance could not be replaced"))
    }

    /// Grows the memory to `bytes`, as a guest would. Does nothing if it is already that large.
    ///
    /// # Errors
    /// When its maximum or the engine does not allow it.
    pub fn grow_to(&mut self, bytes: u64) -> Result<(), Error> {
        let running = self.running()?;
        running.grow_to(bytes)
    }

    /// Grows the memory to its declared maximum, if it has one.
    ///
    /// # Errors
    /// When the engine does not allow it.
    pub fn grow_to_maximum(&mut self) -> Result<(), Error> {
        let running = self.running()?;
        let ty = running.memory.ty(&running.store);
        let most = ty.maximum().map(|pages| pages * ty.page_size());
        most.map_or(Ok(()), |bytes| running.grow_to(bytes))
    }

    /// Calls an exported function of two numbers.
    ///
    /// # Errors
    /// If the instance has no such function, or it traps.
    pub fn call(&mut self, name: &str, first: u32, second: u32) -> Result<(), Error> {
        let running = self.running()?;
        let function = running.instance.get_typed_func::<(u32, u32), ()>(&mut running.store, name).map_err(failed)?;
        function.call(&mut running.store, (first, second)).map_err(failed)
    }

    /// Calls an exported function of two numbers that returns the location of its result in memory, the
    /// address in the upper half and the length in the lower, and returns the bytes there.
    ///
    /// # Errors
    /// If the instance has no such function, it traps, or the result is out of bounds.
    pub fn call_for_bytes(&mut self, name: &str, first: u32, second: u32) -> Result<Vec<u8>, Error> {
        let running = self.running()?;
        let function = running.instance.get_typed_func::<(u32, u32), u64>(&mut running.store, name).map_err(failed)?;
        let packed = function.call(&mut running.store, (first, second)).map_err(failed)?;
        let (address, length) = ((packed >> 32) as usize, packed as u32 as usize);
        let bytes = running.memory.data(&running.store).get(address..address.saturating_add(length));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| Error::Guest("its result is out of bounds of its memory".into()))
    }

    /// How many bytes, from the start of memory, the guest reports as used. Hosts that zero "the used prefix"
    /// rely on this number.
    ///
    /// # Errors
    /// When the guest does not report it.
    pub fn used(&mut self) -> Result<usize, Error> {
        let running = self.running()?;
        let used = running.instance.get_global(&mut running.store, "used");
        let used = used.and_then(|used| used.get(&mut running.store).i64());
        used.map(|used| used as usize).ok_or(Error::Lacking("report how much of its memory is used"))
    }

    /// Makes the guest write to each of its pages.
    ///
    /// # Errors
    /// When the guest has no such function, or it fails.
    pub fn probe(&mut self) -> Result<(), Error> {
        let running = self.running()?;
        let probe = running.instance.get_typed_func::<(), ()>(&mut running.store, "probe").map_err(failed)?;
        probe.call(&mut running.store, ()).map_err(failed)
    }

    /// Replaces the instance with a new one. The old one is dropped first, so that the new one can reuse its memory or pool slot.
    ///
    /// # Errors
    /// When instantiation fails.
    pub fn renew(&mut self) -> Result<(), Error> {
        self.running = None;
        self.running = Some(Running::new(&self.pre, self.size)?);
        Ok(())
    }

    /// Drops the instance. The guest is idle until [`Live::renew`] is called.
    pub(crate) fn stop(&mut self) {
        self.running = None;
    }

    /// Compares memory, globals and tables with the initial state.
    ///
    /// # Errors
    /// When the instance could not be replaced.
    pub fn left(&mut self, image: &Image) -> Result<Left, Error> {
        let running = self.running()?;
        let memory = image.dirt(running.memory.data(&running.store));
        let store = &mut running.store;
        let mut globals = 0;
        for (global, initial) in &running.globals {
            globals += u64::from(bits(&global.get(&mut *store)) != bits(initial));
        }
        let mut elements = 0;
        for (_, table, initial) in &running.tables {
            for (index, element) in initial.iter().enumerate() {
                let now = table.get(&mut *store, index as u64);
                elements += u64::from(address(now.as_ref(), store) != address(Some(element), store));
            }
            elements += table.size(&*store).saturating_sub(initial.len() as u64);
        }
        Ok(Left { memory, globals, elements })
    }
}

impl Running {
    fn new(pre: &InstancePre<()>, size: u64) -> Result<Self, Error> {
        let mut store = Store::new(pre.module().engine(), ());
        let instance = pre.instantiate(&mut store).map_err(failed)?;
        let memory = instance.get_memory(&mut store, "memory");
        let memory = memory.ok_or(Error::Lacking("be used: its module exports no memory"))?;
        let mut running = Self { store, instance, memory, globals: Vec::new(), tables: Vec::new() };
        running.grow_to(size)?;
        for export in pre.module().exports() {
            running.keep(export.name(), &export.ty());
        }
        Ok(running)
    }

    fn grow_to(&mut self, bytes: u64) -> Result<(), Error> {
        let missing = bytes.saturating_sub(self.memory.data_size(&self.store) as u64);
        let wasm_pages = missing.div_ceil(self.memory.page_size(&self.store));
        self.memory.grow(&mut self.store, wasm_pages).map(drop).map_err(failed)
    }

    /// Stores the initial value of an export that a job may change.
    fn keep(&mut self, name: &str, ty: &ExternType) {
        let store = &mut self.store;
        match (ty, self.instance.get_export(&mut *store, name)) {
            (ExternType::Global(ty), Some(Extern::Global(global))) if ty.mutability() == Mutability::Var => {
                let value = global.get(&mut *store);
                self.globals.push((global, value));
            }
            (_, Some(Extern::Table(table))) => {
                let elements = (0..table.size(&*store)).filter_map(|index| table.get(&mut *store, index)).collect();
                self.tables.push((name.to_owned(), table, elements));
            }
            _ => {}
        }
    }
}

impl Target for Live {
    fn memory(&mut self) -> &mut [u8] {
        match &mut self.running {
            Some(running) => running.memory.data_mut(&mut running.store),
            None => &mut [],
        }
    }

    fn restore_state(&mut self) -> Result<(), Error> {
        let running = self.running()?;
        for (global, initial) in &running.globals {
            global.set(&mut running.store, *initial).map_err(failed)?;
        }
        for (name, table, initial) in &running.tables {
            if table.size(&running.store) != initial.len() as u64 {
                return Err(Error::TableGrown(name.clone()));
            }
            for (index, element) in initial.iter().enumerate() {
                table.set(&mut running.store, index as u64, element.clone()).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// The error of a guest or its engine.
fn failed(error: wasmtime::Error) -> Error {
    Error::Guest(format!("{error:#}"))
}

/// A comparable representation of a value. References are compared in tables only.
fn bits(value: &Val) -> Option<u128> {
    match value {
        Val::I32(value) => Some(u128::from(*value as u32)),
        Val::I64(value) => Some(u128::from(*value as u64)),
        Val::F32(bits) => Some(u128::from(*bits)),
        Val::F64(bits) => Some(u128::from(*bits)),
        Val::V128(value) => Some(value.as_u128()),
        _ => None,
    }
}

/// The address of the function that a table element refers to; 0 for null and for other references.
fn address(element: Option<&Ref>, store: &mut Store<()>) -> usize {
    match element {
        Some(Ref::Func(Some(function))) => function.to_raw(store).addr(),
        _ => 0,
    }
}
