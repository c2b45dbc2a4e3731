//! Snapshots: a component or module that starts in the state of a program that has run some code. Also compiled forms.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::rc::Rc;

use tokio::runtime::Runtime;
use wasm_guests::{Cache, Made};
use wasmtime::component::{Component, Instance, Lift, WasmList};
use wasmtime::{Config, Engine, OptLevel, Result, Store};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use crate::wasi::State;
use crate::{Error, Loaded, Program, Progress, configure, sandbox::Sandbox};

/// What a snapshot depends on besides the program: how the guest sees its folders.
const FOLDERS: &str = "folders that look the same on every file system";

/// The versions of the tools that build components; another version may build different ones.
pub(crate) fn tools() -> String {
    let versions = ["wit-component", "wasmtime-wizer"].map(|tool| {
        let entry = format!("name = \"{tool}\"\nversion = \"");
        let rest = include_str!("../../../Cargo.lock").split(&entry).nth(1);
        format!("{tool} {}", rest.and_then(|rest| rest.split('"').next()).unwrap_or_default())
    });
    versions.join("\n")
}

/// The snapshot of a program after it has executed these pieces of code.
pub(crate) fn of_program(
    cache: &Cache,
    program: &'static Program,
    base: &Made,
    after: &[&str],
    folders: &[PathBuf],
    progress: Progress<'_>,
) -> std::result::Result<Made, Error> {
    let folder_names: Vec<_> = folders.iter().filter_map(|folder| folder.file_name()).collect();
    let environment = program.environment;
    let key = format!("{}\n{after:?}\n{folder_names:?}\n{environment:?}\n{FOLDERS}\n{}", base.sha256, tools());
    cache.made(program.name, "wasm", &key, || {
        progress(&format!("initialising {}", program.name));
        let wasm = std::fs::read(&base.path).map_err(Error::io(&base.path))?;
        let wizer = Wizer::new();
        let failed = Error::engine("take a snapshot of", program.name);
        let (context, instrumented) = match wizer.instrument_component(&wasm) {
            Ok(instrumented) => instrumented,
            Err(error) => return Err(failed(error)),
        };
        let mut sandbox = match start(&instrumented, program, folders) {
            Ok(sandbox) => sandbox,
            Err(error) => return Err(failed(error)),
        };
        for code in after {
            sandbox.execute(code)?;
        }
        let taken = sandbox.finish().and_then(|()| {
            let (runtime, store, instance) = sandbox.into_parts();
            runtime.block_on(wizer.snapshot_component(&context, &mut Running { store, instance }))
        });
        taken.map_err(failed)
    })
}

/// A sandbox of a component that runs only once. Optimising it would take longer than running it.
fn start(wasm: &[u8], program: &'static Program, folders: &[PathBuf]) -> Result<Sandbox> {
    let engine = Engine::new(configure(Config::new().cranelift_opt_level(OptLevel::None)))?;
    let component = Component::new(&engine, wasm)?;
    Ok(Loaded::new(&component, program, folders.to_vec())?.instantiate()?)
}

/// A running component, accessed through the functions that wizer added.
struct Running {
    store: Store<State>,
    instance: Instance,
}

impl Running {
    async fn call<R: Lift + Send + Sync + 'static>(&mut self, interface: &str, function: &str) -> R {
        const OWN: &str = "wizer added it";
        let (_, interface) = self.instance.get_export(&mut self.store, None, interface).expect(OWN);
        let (_, function) = self.instance.get_export(&mut self.store, Some(&interface), function).expect(OWN);
        let function = self.instance.get_typed_func::<(), (R,)>(&mut self.store, function).expect(OWN);
        function.call_async(&mut self.store, ()).await.expect("it only reads").0
    }
}

impl ComponentInstanceState for Running {
    async fn call_func_ret_list_u8(&mut self, interface: &str, function: &str, contents: impl FnOnce(&[u8]) + Send) {
        let list: WasmList<u8> = self.call(interface, function).await;
        contents(list.as_le_slice(&self.store));
    }

    async fn call_func_ret_s32(&mut self, interface: &str, function: &str) -> i32 {
        self.call(interface, function).await
    }

    async fn call_func_ret_s64(&mut self, interface: &str, function: &str) -> i64 {
        self.call(interface, function).await
    }

    async fn call_func_ret_f32(&mut self, interface: &str, function: &str) -> u32 {
        self.call::<f32>(interface, function).await.to_bits()
    }

    async fn call_func_ret_f64(&mut self, interface: &str, function: &str) -> u64 {
        self.call::<f64>(interface, function).await.to_bits()
    }
}

/// The component or module compiled for the engine's settings, for `deserialize_file`.
pub(crate) fn precompiled(
    cache: &Cache,
    name: &'static str,
    wasm: &Made,
    engine: &Engine,
    progress: Progress<'_>,
) -> std::result::Result<Made, Error> {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    cache.made(name, "cwasm", &format!("{}\nwasmtime {:016x}", wasm.sha256, hasher.finish()), || {
        progress(&format!("compiling {name}"));
        let bytes = std::fs::read(&wasm.path).map_err(Error::io(&wasm.path))?;
        let compiled = if wasmparser::Parser::is_component(&bytes) {
            engine.precompile_component(&bytes)
        } else {
            engine.precompile_module(&bytes)
        };
        compiled.map_err(Error::engine("compile", name))
    })
}

/// A runtime for asynchronous code that never waits.
pub(crate) fn runtime() -> std::io::Result<Rc<Runtime>> {
    tokio::runtime::Builder::new_current_thread().build().map(Rc::new)
}
