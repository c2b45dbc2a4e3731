//! CPython from crates.io alone: both forms run, two workers agree, and what was made once is not made again.
//!
//! The cache is the one below the target folder, so only the first of all test runs builds.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;

use wasm_guests::Cache;
use wasm_programs::{Error, Loaded, Program, Table, configure, to_stderr};
use wasmtime::{Config, Engine, Instance, Module, Store};

const FORMS: [&str; 2] = ["cpython", "cpython-pre"];

fn cache() -> PathBuf {
    let folder = std::env::var_os("HIGHWATER_TARGET_DIR").map(PathBuf::from);
    // target/release/deps/this
    let target = || std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned();
    folder.unwrap_or_else(target).join("highwater/cache")
}

fn engine() -> Engine {
    Engine::new(configure(&mut Config::new())).unwrap()
}

fn loaded(engine: &Engine, name: &str) -> Loaded {
    let program = Program::named(name).unwrap();
    let files = program.files(&Cache::at(cache()), engine, &to_stderr).unwrap();
    Loaded::open(engine, program, &files).unwrap()
}

#[test]
fn both_forms_pass_their_check_and_keep_names_between_calls() {
    let engine = engine();
    for name in FORMS {
        let program = Program::named(name).unwrap();
        let files = program.files(&Cache::at(cache()), &engine, &to_stderr).unwrap();
        program.verify(&engine, &files).unwrap();
        let mut sandbox = Loaded::open(&engine, program, &files).unwrap().instantiate().unwrap();
        assert_eq!(sandbox.execute("x = 6").unwrap(), "", "{name}");
        assert_eq!(sandbox.execute("print(x * 7)").unwrap(), "42", "{name}");
    }
}

#[test]
fn a_sandbox_knows_nothing_of_another() {
    let engine = engine();
    let loaded = loaded(&engine, "cpython-pre");
    loaded.instantiate().unwrap().execute("import json\njson.mine = 1").unwrap();
    let found = loaded.instantiate().unwrap().execute("import json\nprint(hasattr(json, 'mine'))").unwrap();
    assert_eq!(found, "False");
}

#[test]
fn modules_outside_the_snapshot_are_found_in_the_folder() {
    let engine = engine();
    let mut sandbox = loaded(&engine, "cpython-pre").instantiate().unwrap();
    let code = "import sys\nprint('fractions' in sys.modules)\nimport fractions\nprint(fractions.Fraction(2, 6))";
    assert_eq!(sandbox.execute(code).unwrap(), "False\n1/3");
}

#[test]
fn failing_code_is_an_error_with_its_traceback_and_the_sandbox_goes_on() {
    let engine = engine();
    let mut sandbox = loaded(&engine, "cpython-pre").instantiate().unwrap();
    let error = sandbox.execute("1 / 0").unwrap_err();
    assert!(matches!(&error, Error::Code(said) if said.contains("ZeroDivisionError")), "{error:?}");
    assert_eq!(sandbox.execute("print(1)").unwrap(), "1");
}

/// What Python draws from its host when nobody tells it not to; it waits and reads files too, which asynchronous
/// hosts like to leave to threads.
const DRAWS: &str = "\
import fractions, os, random, time
time.sleep(0.01)
print(hash('a'), random.random(), os.urandom(4).hex(), time.time(), time.perf_counter(), id(os), id(fractions))";

#[test]
fn two_workers_draw_the_same_random_numbers_hashes_times_and_addresses_on_one_thread() {
    for name in FORMS {
        // Made here, for compiling does start threads.
        drop(loaded(&engine(), name));
        // Other processes: what could differ would differ there.
        let draw = || {
            let mut worker = Command::new(std::env::current_exe().unwrap());
            worker.args(["--exact", "draws", "--ignored", "--nocapture"]).env("PROGRAM", name);
            let output = worker.output().unwrap();
            assert!(output.status.success(), "{name}: {output:?}");
            let output = String::from_utf8(output.stdout).unwrap();
            let line = output.lines().find_map(|line| line.strip_prefix("drawn: "));
            line.unwrap_or_else(|| panic!("{name}: {output}")).to_owned()
        };
        let drawn = draw();
        assert_eq!(drawn.split(' ').count(), 7, "{name}: {drawn}");
        assert_eq!(draw(), drawn, "{name}");
    }
}

#[test]
#[ignore = "a worker of the test above"]
fn draws() {
    let Ok(name) = std::env::var("PROGRAM") else { return };
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    let mut sandbox = loaded(&engine(), &name).instantiate().unwrap();
    println!("\ndrawn: {}", sandbox.execute(DRAWS).unwrap());
    assert_eq!(threads(), before);
}

#[test]
fn what_was_made_is_not_made_again() {
    let engine = engine();
    let program = Program::named("cpython-pre").unwrap();
    let files = program.files(&Cache::at(cache()), &engine, &to_stderr).unwrap();
    let told = RefCell::new(Vec::new());
    let again = program.files(&Cache::at(cache()), &engine, &|line| told.borrow_mut().push(line.to_owned())).unwrap();
    assert_eq!((files, told.into_inner()), (again, Vec::new()));
}

#[test]
fn a_program_whose_recipe_was_not_run_says_which_one_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for (name, said) in [
        ("numpy-pre", "guest not built, see just guests-numpy"),
        ("numpy", "guest not built, see just guests-numpy"),
        ("sympy-pre", "guest not built, see just guests-numpy"),
        ("js-quickjs", "guest not built, see just guests-js"),
    ] {
        let error = Program::named(name).unwrap().component(&Cache::at(folder.path()), &|_| ()).unwrap_err();
        assert!(matches!(error, Error::NotBuilt { .. }), "{error:?}");
        assert_eq!(error.to_string(), said);
    }
}

/// The sum of the first words of all pages, from a fresh instance that has run nothing.
fn sum(path: &Path, engine: &Engine) -> u32 {
    let module = Module::from_file(engine, path).unwrap();
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    instance.get_typed_func::<(), u32>(&mut store, "sum").unwrap().call(&mut store, ()).unwrap()
}

#[test]
fn table_snapshots_start_with_what_the_guest_would_compute() {
    let engine = engine();
    let folder = tempfile::tempdir().unwrap();
    for (table, init, mib) in [(Table::Dense, "init_dense", 32), (Table::Sparse, "init_sparse", 8)] {
        let made = table.module(&Cache::at(folder.path())).unwrap();
        let size = made.path.metadata().unwrap().len();
        assert!((mib << 20..(mib << 20) + 100_000).contains(&size), "{table:?}: {size}");

        let module = Module::new(&engine, wasm_guests::guest("table").unwrap().wasm().unwrap()).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        instance.get_typed_func::<(), ()>(&mut store, init).unwrap().call(&mut store, ()).unwrap();
        let computed = instance.get_typed_func::<(), u32>(&mut store, "sum").unwrap().call(&mut store, ()).unwrap();
        assert_eq!(sum(&made.path, &engine), computed, "{table:?}");
        assert_ne!(computed, 0);
    }
}
