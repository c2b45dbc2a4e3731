//! The host of a guest that makes it keep memory: the store's data, the functions that keep what they are passed, and
//! one call of the guest.

use std::{collections::BTreeMap, path::Path};

use highwater_worker::CaseResult;
use tokio::runtime::{Builder, Runtime};
use wasm_programs::repeatable;
use wasmtime::{
    Engine, Linker, Module, Result, Store, StoreContextMut, TypedFunc,
    component::{self, Component},
};
use wasmtime_wasi::{
    FsPerms, WasiCtxView, WasiView,
    p1::{self, WasiP1Ctx},
    p2::pipe::MemoryOutputPipe,
};

use super::{LIMIT, Limited, Route, limiter::Limiter};

/// Handles that a host with a limit of its own allows a guest: enough for most, and far below 1 MiB.
const HANDLES: usize = 512;

/// A host that refuses to keep more than its limit.
#[derive(Debug, thiserror::Error)]
#[error("the host keeps no more than {LIMIT} bytes for a guest")]
struct OverLimit;

/// The data of the store.
struct State {
    limiter: Limiter,
    wasi: WasiP1Ctx,
    kept: Kept,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

/// What functions of the host keep.
#[derive(Default)]
struct Kept {
    files: BTreeMap<String, Vec<u8>>,
    texts: Vec<Vec<String>>,
    bytes: usize,
    limit: Option<usize>,
}

impl Kept {
    fn count(&mut self, bytes: usize) -> Result<()> {
        if self.limit.is_some_and(|limit| self.bytes + bytes > limit) {
            return Err(OverLimit.into());
        }
        self.bytes += bytes;
        Ok(())
    }

    fn file(&mut self, name: String, content: Vec<u8>) -> Result<()> {
        self.count(name.len() + content.len())?;
        self.files.insert(name, content);
        Ok(())
    }

    fn texts(&mut self, texts: Vec<String>) -> Result<()> {
        self.count(texts.iter().map(String::len).sum())?;
        self.texts.push(texts);
        Ok(())
    }
}

/// A live guest.
pub(super) struct Live {
    runtime: Runtime,
    store: Store<State>,
    run: Run,
    /// The addresses of its memories, up to the limit of each. Those of components are not exposed.
    pub(super) memories: Vec<usize>,
}

/// The function that causes one unit.
enum Run {
    /// Returns 0, or why it was refused: an error of WASI, or 1.
    Core(TypedFunc<(), i32>),
    Component(component::TypedFunc<(), ()>),
    Returned(component::TypedFunc<(), (Vec<String>,)>),
}

impl Live {
    /// Creates the guest of a precompiled file. `folder` is what WASI shows it.
    pub(super) fn new(
        engine: &Engine,
        file: &Path,
        folder: &Path,
        (route, limited): (Route, Limited),
    ) -> CaseResult<Self> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let mut store = Store::new(engine, state(folder, route, limited)?);
        store.limiter(|state| &mut state.limiter);
        if (route, limited) == (Route::Resources, Limited::Host) {
            store.set_max_component_handles(HANDLES);
        }
        let mut memories = Vec::new();
        let run = if route.is_component() {
            // SAFETY: `prepare` made the file with this wasmtime and these settings, and its checksum is verified;
            // nothing writes to the cache while workers run.
            let component = unsafe { Component::deserialize_file(engine, file) }?;
            let linker = imports(engine)?;
            let instance = runtime.block_on(linker.instantiate_async(&mut store, &component))?;
            match route {
                Route::Returned => Run::Returned(instance.get_typed_func(&mut store, "run")?),
                _ => Run::Component(instance.get_typed_func(&mut store, "run")?),
            }
        } else {
            // SAFETY: as above.
            let module = unsafe { Module::deserialize_file(engine, file) }?;
            let mut linker = Linker::new(engine);
            p1::add_to_linker_async(&mut linker, |state: &mut State| &mut state.wasi)?;
            let instance = runtime.block_on(linker.instantiate_async(&mut store, &module))?;
            let exports: Vec<_> = instance.exports(&mut store).filter_map(wasmtime::Export::into_memory).collect();
            memories.extend(exports.iter().map(|memory| memory.data_ptr(&store).addr()));
            Run::Core(instance.get_typed_func(&mut store, "run")?)
        };
        Ok(Self { runtime, store, run, memories })
    }

    /// Lets the guest cause one unit. `Some` says what refused it.
    pub(super) fn cause(&mut self) -> Option<String> {
        let Self { runtime, store, run, .. } = self;
        let refused = match run {
            Run::Core(run) => match runtime.block_on(run.call_async(&mut *store, ())) {
                Ok(0) => None,
                Ok(errno) => Some(format!("WASI error {errno}")),
                Err(error) => Some(error.root_cause().to_string()),
            },
            Run::Component(run) => said(runtime.block_on(run.call_async(&mut *store, ()))),
            Run::Returned(run) => {
                let returned = runtime.block_on(run.call_async(&mut *store, ()));
                said(returned.and_then(|(texts,)| store.data_mut().kept.texts(texts)))
            }
        };
        refused.map(|text| if store.data().limiter.refused { super::LIMITER.to_owned() } else { text })
    }

    /// Bytes that the limiter allowed.
    pub(super) fn allowed(&self) -> u64 {
        self.store.data().limiter.allowed as u64
    }
}

fn said(result: Result<()>) -> Option<String> {
    result.err().map(|error| error.root_cause().to_string())
}

fn state(folder: &Path, route: Route, limited: Limited) -> Result<State> {
    let is_limited = limited == Limited::Host;
    let mut wasi = repeatable();
    wasi.stdout(MemoryOutputPipe::new(if is_limited { LIMIT } else { usize::MAX }));
    wasi.preopened_dir(folder, "/", FsPerms::ReadOnly)?;
    let mut wasi = wasi.build_p1();
    if is_limited && route == Route::Descriptors {
        wasi.ctx().table.set_max_capacity(HANDLES);
    }
    let kept = Kept { limit: is_limited.then_some(LIMIT), ..Kept::default() };
    Ok(State { limiter: Limiter::new(is_limited), wasi, kept })
}

/// WASI, and the functions that keep what they are passed.
fn imports(engine: &Engine) -> Result<component::Linker<State>> {
    let mut linker = component::Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    let mut root = linker.root();
    root.func_wrap("write-file", |mut store: StoreContextMut<'_, State>, (name, content): (String, Vec<u8>)| {
        store.data_mut().kept.file(name, content)
    })?;
    root.func_wrap("keep", |mut store: StoreContextMut<'_, State>, (texts,): (Vec<String>,)| {
        store.data_mut().kept.texts(texts)
    })?;
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_a_limit_refuses_the_byte_after_it() {
        let mut kept = Kept { limit: Some(LIMIT), ..Kept::default() };
        assert!(kept.file("a".to_owned(), vec![0; LIMIT - 1]).is_ok());
        let refused = kept.texts(vec!["b".to_owned()]).map_err(|error| error.is::<OverLimit>());
        assert_eq!(refused, Err(true));
    }
}
