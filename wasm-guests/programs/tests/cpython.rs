//! CPython built only from crates.io: both forms run, two workers agree, and nothing is built twice.
//!
//! The tests use the cache below the target folder, so only the first test run builds.
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
fn both_forms_pass_their_check_and_keep_names() {
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
fn sandboxes_are_isolated() {
    let engine = engine();
    let loaded = loaded(&engine, "cpython-pre");
    loaded.instantiate().unwrap().execute("import json\njson.mine = 1").unwrap();
    let found = loaded.instantiate().unwrap().execute("import json\nprint(hasattr(json, 'mine'))").unwrap();
    assert_eq!(found, "False");
}

#[test]
fn folders_are_listed_in_the_order_of_their_names() {
    let engine = engine();
    let loaded = loaded(&engine, "cpython-pre");
    let mut sandbox = loaded.instantiate().unwrap();
    let mut prints = |code: &str| sandbox.execute(&format!("import os\n{code}")).unwrap();
    let is_sorted = "names = os.listdir('/python-stdlib')\nprint(names == sorted(names), 'json' in names)";
    assert_eq!(prints(is_sorted), "True True");
    // One of two streams is left unread, and the next one may get its number.
    let two = "a = os.scandir('/python-stdlib/json')\nb = os.scandir('/python-stdlib/email')\nnext(b)\nb.close()";
    assert_eq!(prints(&format!("{two}\nprint([entry.name for entry in a][:2])")), "['__init__.py', '__main__.py']");
    assert_eq!(prints(is_sorted), "True True");
    assert_eq!(prints("print(os.path.exists('/python-stdlib/none'))"), "False");
    let missing = "try:\n  os.listdir('/python-stdlib/none')\nexcept FileNotFoundError:\n  print('missing')";
    assert_eq!(prints(missing), "missing");
}

#[test]
fn modules_outside_the_snapshot_are_loaded_from_the_folder() {
    let engine = engine();
    let mut sandbox = loaded(&engine, "cpython-pre").instantiate().unwrap();
    let code = "import sys\nprint('fractions' in sys.modules)\nimport fractions\nprint(fractions.Fraction(2, 6))";
    assert_eq!(sandbox.execute(code).unwrap(), "False\n1/3");
}

#[test]
fn failing_code_returns_a_traceback_and_the_sandbox_survives() {
    let engine = engine();
    let mut sandbox = loaded(&engine, "cpython-pre").instantiate().unwrap();
    let error = sandbox.execute("1 / 0").unwrap_err();
    assert!(matches!(&error, Error::Code(said) if said.contains("ZeroDivisionError")), "{error:?}");
    assert_eq!(sandbox.execute("print(1)").unwrap(), "1");
}

/// Prints everything that Python takes from its host by default. It also sleeps and reads files, for which asynchronous
/// hosts tend to start threads.
const DRAWS: &str = "\
import fractions, os, random, time
time.sleep(0.01)
print(hash('a'), random.random(), os.urandom(4).hex(), time.time(), time.perf_counter(), id(os), id(fractions))";

#[test]
fn two_workers_get_equal_inputs_on_one_thread() {
    for name in FORMS {
        // Built here, because compiling starts threads.
        drop(loaded(&engine(), name));
        // Separate processes, so that nothing is shared between the two workers.
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
fn files_are_not_built_twice() {
    let engine = engine();
    let program = Program::named("cpython-pre").unwrap();
    let files = program.files(&Cache::at(cache()), &engine, &to_stderr).unwrap();
    let lines = RefCell::new(Vec::new());
    let again = program.files(&Cache::at(cache()), &engine, &|line| lines.borrow_mut().push(line.to_owned())).unwrap();
    assert_eq!((files, lines.into_inner()), (again, Vec::new()));
}

#[test]
fn the_error_for_a_program_not_built_names_its_recipe() {
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
fn table_snapshots_start_with_the_computed_data() {
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
