//! Creates and calls sandboxes of a compiled file: a core module or a component, with or without WASI.
//!
//! [`Host::open`] finds every error that can be found before anything runs (imports, the function's name, its
//! arguments), in the parent as in the workers. With WASI, calls are asynchronous: they run on separate
//! stacks, driven by a current-thread tokio runtime.

use std::{ops::Range, path::Path};

use tokio::runtime::{Builder, Runtime};
use wasmtime::{Engine, ExternType, Instance, InstancePre, Linker, Module, Store, Val, ValType, component};
use wasmtime_wasi::{
    I32Exit, ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView,
    p1::{self, WasiP1Ctx},
    p2::{self, pipe::MemoryOutputPipe},
};

use super::{
    args,
    exports::{self, Lifted},
    order::{Call, Errand, Order},
    refusal::{Refusal, one_line},
    strategy::Needs,
};

/// Bytes of a program's standard error that a trial keeps.
const STDERR_BYTES: usize = 64 << 10;
/// The maximum number of core instances of a component, which wasmtime does not report.
const COMPONENT_INSTANCES: u32 = 64;

/// A compiled file, ready to be instantiated.
pub(super) struct Host {
    order: Order,
    runtime: Option<Runtime>,
    body: Body,
}

enum Body {
    Core { pre: InstancePre<State>, initialize: bool, call: Option<(String, Vec<Val>, usize)> },
    Component { pre: component::InstancePre<State>, call: Option<Lifted> },
}

/// One sandbox.
pub(super) struct Live {
    store: Store<State>,
    instance: Instantiated,
}

enum Instantiated {
    Core(Instance),
    Component(component::Instance),
}

/// The data of a store: WASI if requested. Boxed, so that sandboxes without WASI do not pay for it.
#[derive(Default)]
struct State {
    core: Option<Box<WasiP1Ctx>>,
    component: Option<Box<(WasiCtx, ResourceTable)>>,
    stderr: Option<MemoryOutputPipe>,
}

impl State {
    fn new(order: &Order) -> Self {
        if !order.wasi {
            return Self::default();
        }
        let stderr = (order.errand == Errand::Trial).then(|| MemoryOutputPipe::new(STDERR_BYTES));
        let mut wasi = wasm_programs::repeatable();
        wasi.arg("program");
        if let Call::Command(args) = &order.call {
            wasi.args(args);
        }
        if let Some(pipe) = &stderr {
            wasi.stderr(pipe.clone());
        }
        let mut state = Self { stderr, ..Self::default() };
        match order.component {
            true => state.component = Some(Box::new((wasi.build(), ResourceTable::new()))),
            false => state.core = Some(Box::new(wasi.build_p1())),
        }
        state
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi =
            self.component.get_or_insert_with(|| Box::new((WasiCtxBuilder::new().build(), ResourceTable::new())));
        WasiCtxView { ctx: &mut wasi.0, table: &mut wasi.1 }
    }
}

impl Host {
    /// Opens a compiled file for an engine of the same settings.
    ///
    /// # Errors
    /// When the file does not provide what the order asks for.
    pub(super) fn open(engine: &Engine, compiled: &Path, order: Order) -> Result<Self, Refusal> {
        let runtime = match order.wasi {
            true => Some(
                Builder::new_current_thread()
                    .enable_time()
                    .build()
                    .map_err(|error| Refusal::Harness(format!("no tokio runtime: {error}")))?,
            ),
            false => None,
        };
        let harness = |error: wasmtime::Error| Refusal::Harness(one_line(&error));
        let body = if order.component {
            // SAFETY: the file comes from the cache, which verified its checksum, and was made by this
            // wasmtime; nothing writes to the cache while workers run.
            let component = unsafe { component::Component::deserialize_file(engine, compiled) }.map_err(harness)?;
            component_body(&component, &order)?
        } else {
            // SAFETY: as above.
            let module = unsafe { Module::deserialize_file(engine, compiled) }.map_err(harness)?;
            core_body(&module, &order)?
        };
        Ok(Self { order, runtime, body })
    }

    /// The capacity that a pool needs.
    #[must_use]
    pub(super) fn needs(&self) -> Needs {
        let (required, instances) = match &self.body {
            Body::Core { pre, .. } => (Some(pre.module().resources_required()), 1),
            Body::Component { pre, .. } => (pre.component().resources_required(), COMPONENT_INSTANCES),
        };
        Needs {
            instances,
            memories: required.as_ref().map_or(1, |required| required.num_memories),
            tables: required.as_ref().map_or(1, |required| required.num_tables),
            table_elements: required.and_then(|required| required.max_initial_table_size).unwrap_or(0) as usize,
            component: self.order.component,
            stacks: self.order.wasi,
        }
    }

    /// What another engine is to do with each instance: only for a core module that imports nothing.
    #[must_use]
    pub(super) fn for_other_engines(&self) -> Option<engine_worker::Given> {
        let Body::Core { pre, initialize, call } = &self.body else { return None };
        if pre.module().imports().len() > 0 {
            return None;
        }
        let value = |value: &Val| match *value {
            Val::I32(value) => Some(engine_worker::Value::I32(value)),
            Val::I64(value) => Some(engine_worker::Value::I64(value)),
            Val::F32(bits) => Some(engine_worker::Value::F32(bits)),
            Val::F64(bits) => Some(engine_worker::Value::F64(bits)),
            _ => None,
        };
        let call = match call {
            None => None,
            Some((function, args, _)) => {
                let args = args.iter().map(value).collect::<Option<_>>()?;
                Some(engine_worker::Call { function: function.clone(), args })
            }
        };
        Some(engine_worker::Given { initialize: *initialize, call })
    }

    /// The address range of the compiled code.
    #[must_use]
    pub(super) fn code(&self) -> Range<usize> {
        let range = match &self.body {
            Body::Core { pre, .. } => pre.module().image_range(),
            Body::Component { pre, .. } => pre.component().image_range(),
        };
        range.start.addr()..range.end.addr()
    }

    /// Creates a sandbox.
    ///
    /// # Errors
    /// When instantiation traps, or the engine has no capacity left.
    pub(super) fn live(&self) -> wasmtime::Result<Live> {
        match &self.body {
            Body::Core { pre, initialize, .. } => {
                let mut store = Store::new(pre.module().engine(), State::new(&self.order));
                let instance = match &self.runtime {
                    None => pre.instantiate(&mut store)?,
                    Some(runtime) => runtime.block_on(pre.instantiate_async(&mut store))?,
                };
                let mut live = Live { store, instance: Instantiated::Core(instance) };
                if *initialize {
                    self.call_core(&mut live, exports::INITIALIZE, &[], 0)?;
                }
                Ok(live)
            }
            Body::Component { pre, .. } => {
                let mut store = Store::new(pre.component().engine(), State::new(&self.order));
                let instance = match &self.runtime {
                    None => pre.instantiate(&mut store)?,
                    Some(runtime) => runtime.block_on(pre.instantiate_async(&mut store))?,
                };
                Ok(Live { store, instance: Instantiated::Component(instance) })
            }
        }
    }

    /// Makes the sandbox's call. Exiting with status 0 counts as success.
    ///
    /// # Errors
    /// When it traps or reports a failure.
    pub(super) fn call(&self, live: &mut Live) -> wasmtime::Result<()> {
        let done = match &self.body {
            Body::Core { call: Some((name, args, results)), .. } => self.call_core(live, name, args, *results),
            Body::Component { call: Some(call), .. } => self.call_lifted(live, call),
            _ => Ok(()),
        };
        match done {
            Err(error) if matches!(error.downcast_ref(), Some(I32Exit(0))) => Ok(()),
            done => done,
        }
    }

    fn call_core(&self, live: &mut Live, name: &str, args: &[Val], results: usize) -> wasmtime::Result<()> {
        let Instantiated::Core(instance) = &live.instance else { return Ok(()) };
        let function = instance.get_func(&mut live.store, name);
        let function = function.ok_or_else(|| wasmtime::Error::msg(format!("no function `{name}`")))?;
        let mut results = vec![Val::I32(0); results];
        match &self.runtime {
            None => function.call(&mut live.store, args, &mut results),
            Some(runtime) => runtime.block_on(function.call_async(&mut live.store, args, &mut results)),
        }
    }

    fn call_lifted(&self, live: &mut Live, call: &Lifted) -> wasmtime::Result<()> {
        let Instantiated::Component(instance) = &live.instance else { return Ok(()) };
        let function = instance.get_func(&mut live.store, call.export);
        let function = function.ok_or_else(|| wasmtime::Error::msg("the function is gone"))?;
        let mut results = vec![component::Val::Bool(false); call.results];
        match &self.runtime {
            None => function.call(&mut live.store, &call.args, &mut results)?,
            Some(runtime) => {
                runtime.block_on(function.call_async(&mut live.store, &call.args, &mut results))?;
            }
        }
        match results.first() {
            Some(component::Val::Result(Err(payload))) => {
                let payload = payload.as_ref().map_or(String::new(), |payload| format!(": {payload:?}"));
                Err(wasmtime::Error::msg(format!("it returned an error{payload}")))
            }
            _ => Ok(()),
        }
    }
}

impl Live {
    /// The last line that it wrote to standard error, if that is kept.
    #[must_use]
    pub(super) fn last_words(&self) -> Option<String> {
        let written = self.store.data().stderr.as_ref()?.contents();
        let text = String::from_utf8_lossy(&written).into_owned();
        text.lines().rfind(|line| !line.trim().is_empty()).map(str::to_owned)
    }
}

fn core_body(module: &Module, order: &Order) -> Result<Body, Refusal> {
    let harness = |error: wasmtime::Error| Refusal::Harness(one_line(&error));
    let mut linker = Linker::new(module.engine());
    if order.wasi {
        let add = p1::add_to_linker_async(&mut linker, |state: &mut State| {
            state.core.get_or_insert_with(|| Box::new(WasiCtxBuilder::new().build_p1()))
        });
        add.map_err(harness)?;
    }
    if order.stub {
        linker.define_unknown_imports_as_traps(module).map_err(harness)?;
    }
    let mut store = Store::new(module.engine(), State::default());
    let absent: Vec<_> = module.imports().filter(|import| linker.get_by_import(&mut store, import).is_none()).collect();
    if let Some(first) = absent.first() {
        let kind = match first.ty() {
            ExternType::Func(_) => "the function",
            ExternType::Memory(_) => "the memory",
            ExternType::Table(_) => "the table",
            ExternType::Global(_) => "the global",
            ExternType::Tag(_) => "the tag",
        };
        let hint = if first.module().starts_with("wasi_snapshot_preview1") && !order.wasi {
            "; --wasi does"
        } else if first.module().contains(':') {
            "; this name is internal to a component: give the component"
        } else if matches!(first.ty(), ExternType::Func(_)) && !order.stub {
            "; --stub makes it trap when called"
        } else {
            ""
        };
        let what = format!("{kind} `{}.{}`{}", first.module(), first.name(), and_more(absent.len()));
        return Err(Refusal::Imports { what, hint });
    }
    let call = match &order.call {
        Call::Nothing => None,
        Call::Command(_) => Some((exports::START.to_owned(), Vec::new(), 0)),
        Call::Function { name, args } => Some(core_call(module, name, args)?),
    };
    // Libraries of WASI must be initialised first; commands have no such function.
    let initialize = exports::functions_of(module).any(|name| name == exports::INITIALIZE)
        && !matches!(&order.call, Call::Function { name, .. } if name == exports::INITIALIZE);
    let pre = linker.instantiate_pre(module).map_err(harness)?;
    Ok(Body::Core { pre, initialize, call })
}

fn core_call(module: &Module, name: &str, given: &[String]) -> Result<(String, Vec<Val>, usize), Refusal> {
    let Some(ExternType::Func(ty)) = module.get_export(name) else {
        return Err(exports::absent(name, exports::functions_of(module).map(str::to_owned)));
    };
    let types: Vec<ValType> = ty.params().collect();
    let words: Vec<String> = types.iter().map(ToString::to_string).collect();
    exports::expect_count(name, &words, given.len())?;
    let read = given.iter().zip(&types).map(|(text, ty)| args::core(text, ty));
    let args = read.collect::<Result<_, _>>().map_err(|problem| exports::bad_argument(name, &problem))?;
    Ok((name.to_owned(), args, ty.results().len()))
}

fn component_body(component: &component::Component, order: &Order) -> Result<Body, Refusal> {
    let harness = |error: wasmtime::Error| Refusal::Harness(one_line(&error));
    let mut linker = component::Linker::new(component.engine());
    if order.wasi {
        p2::add_to_linker_async(&mut linker).map_err(harness)?;
    }
    if order.stub {
        linker.define_unknown_imports_as_traps(component).map_err(harness)?;
    }
    let pre = linker.instantiate_pre(component).map_err(|error| {
        let what = one_line(&error);
        let hint = if what.contains("`wasi:") && !order.wasi {
            "; --wasi provides WASI"
        } else if !order.stub {
            "; --stub makes functions trap when called"
        } else {
            ""
        };
        Refusal::Imports { what: format!("something unsupported ({what})"), hint }
    })?;
    let call = match &order.call {
        Call::Nothing => None,
        Call::Command(_) => Some(exports::lifted(component, exports::RUN, &[])?),
        Call::Function { name, args } => Some(exports::lifted(component, name, args)?),
    };
    Ok(Body::Component { pre, call })
}

/// ` (and 3 more)`.
fn and_more(count: usize) -> String {
    if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() }
}
