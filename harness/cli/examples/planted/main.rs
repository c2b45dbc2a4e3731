//! Planted regressions: every case allocates more in one function after the stage `loaded`, and the test `explain`
//! checks that `highwater explain` names that function first. Each function at fault is called `culprit`, except in a
//! dependency.

mod generated;
mod pages;

use std::{collections::HashMap, hint::black_box, path::PathBuf, process::ExitCode, sync::OnceLock};

use highwater_model::{CaseId, Scale};
use highwater_worker::{Case, CaseResult, Dirs, Family, NotRun, Program, Stages};

fn main() -> ExitCode {
    highwater::main(family)
}

fn family() -> Family {
    let cases = [
        Planted("plain", |stages| per_unit(stages, || black_box(plain::culprit()))),
        Planted("closure", |stages| per_unit(stages, closure::culprit())),
        Planted("dependency", |stages| per_unit(stages, || regex::escape(black_box(&"text ".repeat(800))))),
        Planted("generic", |stages| per_unit(stages, || black_box(generic::culprit::<u64>()))),
        Planted("trait-object", |stages| per_unit(stages, || black_box(trait_object::made().bytes()))),
        Planted("string", |stages| per_unit(stages, || black_box(string::culprit()).into_bytes())),
        Planted("recursion", |stages| per_unit(stages, || black_box(recursion::culprit(20)))),
        Planted("map", map),
        Planted("doubling", doubling),
        Planted("leak", |stages| per_unit(stages, leak::culprit)),
        Planted("static", lazy),
        Planted("thread", thread),
        Planted("peak", peak),
        Planted("linear-memory", pages::linear_memory),
        Planted("copy-on-write", pages::copy_on_write),
        Planted("populated", pages::populated),
        Planted("perf-map", generated::perf_map),
        Planted("jitdump", generated::jitdump),
        Planted("mapping", pages::mapping),
        Planted("thread-stack", pages::thread_stack),
        Planted("c-heap", pages::c_heap),
        Planted(PYTHON, |_| Err("it has a program".into())),
    ];
    let cases = cases.into_iter().map(|case| Box::new(case) as Box<dyn Case>).collect();
    Family { name: "planted", unit: "unit", baseline_stage: "loaded", cases }
}

/// The case with a worker in another language.
const PYTHON: &str = "python";

/// A case: its name, and its code.
struct Planted(&'static str, fn(&mut Stages) -> CaseResult);

impl Case for Planted {
    fn id(&self) -> CaseId {
        format!("planted/{}/size=1", self.0).parse().expect("a valid id")
    }

    fn ladder(&self) -> Vec<Scale> {
        vec![Scale(1), Scale(10), Scale(50)]
    }

    fn prepare(&self, _: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        match self.program() {
            Program::Other { path, .. } if !path.exists() => {
                Err(NotRun(format!("{} does not exist", path.display())).into())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn program(&self) -> Program {
        if self.0 == PYTHON { pages::python() } else { Program::Own }
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        (self.1)(stages)
    }
}

/// Keeps what `make` returns, once per unit, next to a larger allocation that does not depend on the units.
fn per_unit<T>(stages: &mut Stages, mut make: impl FnMut() -> T) -> CaseResult {
    stages.reached("loaded")?;
    let constant = constant::bystander();
    let mut kept = Vec::new();
    for scale in stages.ladder() {
        kept.resize_with(scale.0 as usize, &mut make);
        stages.reached_at("live", scale)?;
    }
    drop(black_box((kept, constant)));
    Ok(())
}

mod constant {
    #[inline(never)]
    pub(super) fn bystander() -> Vec<u8> {
        std::hint::black_box(vec![1; 300_000])
    }
}

mod plain {
    #[inline(never)]
    pub(super) fn culprit() -> Vec<u8> {
        vec![1; 4096]
    }
}

mod closure {
    #[inline(never)]
    pub(super) fn culprit() -> impl FnMut() -> Vec<u8> {
        #[inline(never)]
        || (0..3).map(|part| [part; 1000].to_vec()).reduce(|all, part| [all, part].concat()).unwrap_or_default()
    }
}

mod generic {
    #[inline(never)]
    pub(super) fn culprit<T: Default + Clone>() -> Vec<u8> {
        let of_type = vec![T::default(); 512];
        let bytes = of_type.len() * size_of::<T>();
        std::mem::forget(std::hint::black_box(of_type));
        Vec::with_capacity(bytes / 64)
    }
}

mod trait_object {
    pub(super) trait Makes {
        fn bytes(&self) -> Vec<u8>;
    }

    struct Culprit;

    impl Makes for Culprit {
        #[inline(never)]
        fn bytes(&self) -> Vec<u8> {
            vec![2; 5000]
        }
    }

    pub(super) fn made() -> &'static dyn Makes {
        std::hint::black_box(&Culprit)
    }
}

mod string {
    #[inline(never)]
    pub(super) fn culprit() -> String {
        "text ".repeat(900)
    }
}

mod recursion {
    #[inline(never)]
    pub(super) fn culprit(depth: usize) -> Vec<u8> {
        match std::hint::black_box(depth) {
            0 => vec![3; 6000],
            deeper => std::hint::black_box(culprit(deeper - 1)),
        }
    }
}

/// A map that is never emptied.
fn map(stages: &mut Stages) -> CaseResult {
    #[inline(never)]
    fn culprit(seen: &mut HashMap<usize, [u8; 256]>, key: usize) {
        seen.insert(key, [4; 256]);
    }
    let mut seen = HashMap::new();
    stages.reached("loaded")?;
    for scale in stages.ladder() {
        (seen.len()..scale.0 as usize).for_each(|key| culprit(&mut seen, key));
        stages.reached_at("live", scale)?;
    }
    drop(black_box(seen));
    Ok(())
}

/// A list that doubles its capacity.
fn doubling(stages: &mut Stages) -> CaseResult {
    #[inline(never)]
    fn culprit(list: &mut Vec<[u8; 512]>) {
        list.push([5; 512]);
    }
    let mut list = Vec::new();
    stages.reached("loaded")?;
    for scale in stages.ladder() {
        (list.len()..scale.0 as usize).for_each(|_| culprit(&mut list));
        stages.reached_at("live", scale)?;
    }
    drop(black_box(list));
    Ok(())
}

mod leak {
    /// 64 bytes per call.
    #[inline(never)]
    pub(super) fn culprit() -> Vec<u8> {
        std::hint::black_box(Box::leak(Box::new([6_u8; 64])));
        Vec::new()
    }
}

/// A static that is initialised at the first use.
fn lazy(stages: &mut Stages) -> CaseResult {
    static TABLE: OnceLock<Vec<u32>> = OnceLock::new();
    #[inline(never)]
    fn culprit() -> Vec<u32> {
        (0..black_box(20_000)).collect()
    }
    stages.reached("loaded")?;
    black_box(TABLE.get_or_init(culprit));
    Ok(stages.reached("live")?)
}

/// A thread that allocates what outlives it.
fn thread(stages: &mut Stages) -> CaseResult {
    #[inline(never)]
    fn culprit() -> Vec<u8> {
        black_box(vec![7; 70_000])
    }
    stages.reached("loaded")?;
    let made = std::thread::spawn(culprit).join().map_err(|_| "the thread panicked")?;
    stages.reached("live")?;
    drop(black_box(made));
    Ok(())
}

/// Memory that is freed before the stage.
fn peak(stages: &mut Stages) -> CaseResult {
    #[inline(never)]
    fn culprit() -> usize {
        black_box(vec![8_u8; 500_000]).len()
    }
    stages.reached("loaded")?;
    black_box(culprit());
    Ok(stages.reached("live")?)
}
