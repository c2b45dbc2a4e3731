//! A guest of wasmtime that makes its host keep memory, in a store with a limiter.

use std::ops::Range;

use engine_worker::{CaseResult, ELEMENTS, HostGuest, Kept, LIMIT, Limited};
use wasmtime::{Caller, Engine, Linker, Module, Store, StoreLimits, StoreLimitsBuilder, TypedFunc};

/// The data of the store.
struct State {
    limits: StoreLimits,
    kept: Kept,
}

struct Guest {
    store: Store<State>,
    run: TypedFunc<(), i32>,
    memory: Option<usize>,
}

/// Creates the guest. The limits are those of the example in wasmtime's documentation.
pub(crate) fn guest(engine: &Engine, module: &Module, limited: Limited) -> CaseResult<Box<dyn HostGuest>> {
    let mut limits = StoreLimitsBuilder::new().memory_size(LIMIT).instances(2);
    if limited == Limited::Host {
        limits = limits.table_elements(ELEMENTS.try_into()?);
    }
    let mut store = Store::new(engine, State { limits: limits.build(), kept: Kept::new(limited) });
    store.limiter(|state| &mut state.limits);
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "keep", keep)?;
    let instance = linker.instantiate(&mut store, module)?;
    let memory = instance.get_memory(&mut store, "memory").map(|memory| memory.data_ptr(&store).addr());
    let run = instance.get_typed_func(&mut store, "run")?;
    Ok(Box::new(Guest { store, run, memory }))
}

/// Keeps a block of the guest's memory. Returns 1 if the host refuses to.
fn keep(mut caller: Caller<'_, State>, start: i32, length: i32) -> i32 {
    let Some(memory) = caller.get_export("memory").and_then(|export| export.into_memory()) else { return 1 };
    let (start, length) = (start as usize, length as usize);
    let Some(block) = memory.data(&caller).get(start..start + length).map(<[u8]>::to_vec) else { return 1 };
    i32::from(!caller.data_mut().kept.keep(block))
}

impl HostGuest for Guest {
    fn run(&mut self) -> CaseResult<i32> {
        Ok(self.run.call(&mut self.store, ())?)
    }

    fn memory(&mut self) -> Option<Range<usize>> {
        self.memory.map(|start| start..start + LIMIT)
    }
}
