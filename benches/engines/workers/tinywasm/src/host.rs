//! A guest of tinywasm that makes its host keep memory. Its store has no limiter: a memory is limited only by the maximum
//! that its module declares.

use std::cell::RefCell;

use engine_worker::{CaseResult, HostGuest, Kept, Limited, NotRun, Route};
use tinywasm::{Engine, FuncContext, FunctionTyped, HostFunction, Imports, Module, ModuleInstance, Store};

struct Guest {
    store: Store,
    run: FunctionTyped<(), i32>,
}

/// Creates the guest.
pub(crate) fn guest(
    engine: &Engine,
    module: &Module,
    (route, limited): (Route, Limited),
) -> CaseResult<Box<dyn HostGuest>> {
    if (route, limited) == (Route::Table, Limited::Host) {
        return Err(NotRun("tinywasm has no limit for tables".to_owned()).into());
    }
    let mut store = Store::new(engine.clone());
    let kept = RefCell::new(Kept::new(limited));
    let keep = HostFunction::from(&mut store, move |context: FuncContext<'_>, (start, length): (i32, i32)| {
        let block = context.memory("memory")?.read_vec(context.store(), start as usize, length as usize)?;
        Ok(i32::from(!kept.borrow_mut().keep(block)))
    });
    let mut imports = Imports::new();
    imports.define("host", "keep", keep);
    let instance = ModuleInstance::instantiate(&mut store, module, Some(imports))?;
    let run = instance.func(&store, "run")?;
    Ok(Box::new(Guest { store, run }))
}

impl HostGuest for Guest {
    fn run(&mut self) -> CaseResult<i32> {
        Ok(self.run.call(&mut self.store, ())?)
    }
}
