//! Runs `try-sandbox` as a user would: its output for files that can be measured, and its one-line errors for
//! the others.

#[path = "../../../harness/cli/tests/common/example.rs"]
mod example;

use std::{fs, path::Path};

use assert_cmd::Command;
use tempfile::TempDir;

const HELD: i32 = 0;
const USAGE: i32 = 2;
const FAILED: i32 = 3;

/// Adds two numbers and writes to a page.
const ADD: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "add") (param i32 i32) (result i32)
        (i32.store (i32.const 0) (i32.const 1))
        (i32.add (local.get 0) (local.get 1))))"#;
const TRAPS: &str = r#"(module (func (export "f") (unreachable)))"#;
const ENDLESS: &str = r#"(module (func (export "f") (loop (br 0))))"#;
const ENDLESS_START: &str = "(module (func $s (loop (br 0))) (start $s))";
const IMPORTS: &str =
    r#"(module (import "env" "a" (func)) (import "env" "b" (func)) (func (export "f") (call 0)) (func (export "g")))"#;
const IMPORTS_MEMORY: &str = r#"(module (import "env" "memory" (memory 1)))"#;
const INSIDE: &str = r#"(module (import "wasi:io/poll@0.2.0" "poll" (func)))"#;
/// A command that exits with the number of its arguments, not counting the program's name.
const EXITS: &str = r#"(module
    (import "wasi_snapshot_preview1" "args_sizes_get" (func (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (drop (call 0 (i32.const 0) (i32.const 4)))
        (call 1 (i32.sub (i32.load (i32.const 0)) (i32.const 1)))))"#;
const COMPONENT: &str = r#"(component
    (core module $m (memory (export "m") 1)
        (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
        (func (export "fail") (result i32) (i32.const 1)))
    (core instance $i (instantiate $m))
    (func (export "add") (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add")))
    (func (export "fail") (result (result)) (canon lift (core func $i "fail"))))"#;
const COMPONENT_IMPORTS: &str =
    r#"(component (import "wasi:cli/environment@0.2.0" (instance (export "get-it" (func)))))"#;

/// A target folder with a file in it.
struct Desk(TempDir);

impl Desk {
    fn with(name: &str, content: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(name), content).expect("written");
        Self(folder)
    }

    /// Runs the program in that folder and returns its stdout and stderr.
    fn run(&self, args: &[&str], status: i32) -> (String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_try-sandbox"));
        command.args(args).current_dir(self.0.path()).env("HIGHWATER_TARGET_DIR", self.0.path());
        let output = command.assert().code(status).get_output().clone();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (text(output.stdout), text(output.stderr))
    }

    /// Expects a single error line that contains `part`, and nothing on stdout.
    fn refuses(&self, args: &[&str], status: i32, part: &str) {
        let (stdout, stderr) = self.run(args, status);
        let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!((stdout.as_str(), errors.len()), ("", 1), "{stderr}");
        assert!(errors[0].contains(part), "`{part}` is not in: {}", errors[0]);
        assert!(stderr.ends_with(&format!("{}\n", errors[0])), "the error is not the last line:\n{stderr}");
    }
}

#[test]
fn a_module_is_measured_with_every_strategy() {
    let desk = Desk::with("add.wat", ADD);
    let (text, progress) = desk.run(&["add.wat", "--samples", "2", "--invoke", "add", "--args", "1", "-2"], HELD);
    assert!(text.starts_with("add.wat, `add(1, -2)` called once, 100 live sandboxes"), "{text}");
    for strategy in
        ["on-demand/cow=on", "on-demand/cow=off", "pooling/cow=on", "pooling/cow=off", "pooling-keep-1m/cow=on"]
    {
        assert!(text.lines().any(|line| line.contains(strategy) && line.contains("KiB")), "{strategy}:\n{text}");
        assert!(progress.contains(strategy), "{progress}");
    }
    for part in ["cheapest in memory: ", "fastest: ", "Pareto set: ", "let engine = wasmtime::Engine::new(&config)?;"] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}

#[test]
fn the_pool_that_leaks_under_swap_is_marked() {
    let desk = Desk::with("add.wat", ADD);
    let (text, _) = desk.run(&["add.wat", "--samples", "1", "--invoke", "add", "--args", "1", "2"], HELD);
    let line =
        |start: &str| text.lines().find(|line| line.contains(start)).unwrap_or_else(|| panic!("{start}:\n{text}"));
    let row = line("pooling-keep-1m-scan/cow=on \u{2020}");
    assert!(!row.contains('*'), "{row}");
    assert!(line("\u{2020} not recommended").contains("docs/wasmtime-14357.md"));
    for start in ["cheapest in memory: ", "fastest: ", "Pareto set: "] {
        assert!(!line(start).contains("scan"), "{text}");
    }
    assert!(!text.contains("Enabled::Auto") && !text.contains("Enabled::Yes"), "{text}");
}

#[test]
fn engines_that_are_built_are_measured_too() {
    let desk = Desk::with("add.wat", ADD);
    for name in ["wasmi", "tinywasm"] {
        let folder = desk.0.path().join("highwater/engines").join(name);
        fs::create_dir_all(&folder).expect("made");
        fs::copy(example::build("fake-engine"), folder.join(format!("{name}-worker"))).expect("copied");
    }
    let (text, progress) = desk.run(&["add.wat", "--samples", "2", "--invoke", "add", "--args", "1", "2"], HELD);
    let (_, engines) = text.split_once("the same module with other engines").expect("a second table");
    for engine in ["wasmi", "tinywasm"] {
        assert!(engines.lines().any(|line| line.contains(engine) && line.contains("64.")), "{engine}:\n{engines}");
        assert!(progress.contains(&format!("{engine}: 2 workers")), "{progress}");
    }
    assert!(engines.contains("Pareto set: ") && !engines.contains("wasmer"), "{engines}");
    // The example refuses this function: that engine failed, and the others are measured.
    fs::write(desk.0.path().join("missing.wat"), r#"(module (func (export "missing")))"#).expect("written");
    let (text, _) = desk.run(&["missing.wat", "--samples", "1", "--invoke", "missing"], HELD);
    assert!(text.contains("failed: ") && text.contains("no such function"), "{text}");
}

#[test]
fn without_engines_or_with_imports_it_says_why_there_is_no_second_table() {
    let desk = Desk::with("add.wat", ADD);
    let (text, _) = desk.run(&["add.wat", "--samples", "1"], HELD);
    assert!(text.contains("not built; run `bash benches/engines/build.sh wasmi tinywasm`"), "{text}");
    let desk = Desk::with("imports.wat", IMPORTS);
    let (text, _) = desk.run(&["imports.wat", "--stub", "--samples", "1"], HELD);
    assert!(text.contains("only possible with a core module that imports nothing"), "{text}");
}

#[test]
fn a_component_is_called_with_typed_arguments() {
    let desk = Desk::with("add.wat", COMPONENT);
    let (text, _) = desk.run(&["add.wat", "--samples", "1", "--invoke", "add", "--args", "1", "2"], HELD);
    assert!(text.contains("total_component_instances") || text.contains("on-demand/cow=on, for"), "{text}");
    desk.refuses(&["add.wat", "--invoke", "add", "--args", "1", "-2"], USAGE, "`add`: `-2` is not a valid u32");
    desk.refuses(&["add.wat", "--invoke", "sub"], USAGE, "no function `sub`; there are `add`, `fail`");
    desk.refuses(&["add.wat", "--invoke", "fail"], FAILED, "calling `fail`: it returned an error");
}

#[test]
fn a_command_gets_its_arguments_and_its_exit_status_counts() {
    let desk = Desk::with("exits.wat", EXITS);
    desk.refuses(
        &["exits.wat"],
        USAGE,
        "`wasi_snapshot_preview1.args_sizes_get` (and 1 more), which nothing here provides; --wasi does",
    );
    let (text, _) = desk.run(&["exits.wat", "--wasi", "--samples", "1"], HELD);
    assert!(text.contains("run as a command"), "{text}");
    desk.refuses(
        &["exits.wat", "--wasi", "--args", "--one", "two"],
        FAILED,
        "running it: Exited with i32 exit status 2",
    );
}

#[test]
fn a_file_that_is_not_webassembly_is_rejected() {
    let read = |content: &[u8], part: &str| Desk::with("given", content).refuses(&["given"], USAGE, part);
    read(b"hello", "given: not WebAssembly text: expected `(` (line 1:1)");
    read(b"(module (func", "not WebAssembly text: expected `)` (line ");
    read(b"\x7fELF\x80\xff", "neither WebAssembly");
    read(b"\0asm\x01", "truncated in its header");
    read(b"\0asm\x01\0\0\0\xff", "malformed section id");
    read(b"(module (func (result i32)))", "type mismatch");
    let desk = Desk::with("given", "");
    desk.refuses(&["none.wasm"], USAGE, "none.wasm: No such file");
    desk.refuses(&["."], USAGE, "Is a directory");
}

#[test]
fn a_missing_import_is_rejected_with_a_hint() {
    let desk = Desk::with("imports.wat", IMPORTS);
    desk.refuses(&["imports.wat"], USAGE, "the function `env.a` (and 1 more), which nothing here provides; --stub");
    // A stub has an effect only when called.
    desk.run(&["imports.wat", "--stub", "--samples", "1", "--invoke", "g"], HELD);
    desk.refuses(&["imports.wat", "--stub", "--invoke", "f"], FAILED, "calling `f`: unknown import: `env::a`");
    Desk::with("m.wat", IMPORTS_MEMORY).refuses(&["m.wat", "--stub"], USAGE, "the memory `env.memory`");
    Desk::with("i.wat", INSIDE).refuses(&["i.wat", "--wasi"], USAGE, "give the component");
    Desk::with("c.wat", COMPONENT_IMPORTS).refuses(&["c.wat"], USAGE, "`wasi:cli/environment@0.2.0`");
}

#[test]
fn invalid_functions_and_arguments_are_rejected_before_any_run() {
    let desk = Desk::with("add.wat", ADD);
    desk.refuses(&["add.wat", "--invoke", "sub"], USAGE, "no function `sub`; there are `add`");
    desk.refuses(
        &["add.wat", "--invoke", "add", "--args", "1"],
        USAGE,
        "`add` takes 2 arguments (i32, i32), and --args has 1",
    );
    desk.refuses(&["add.wat", "--invoke", "add", "--args", "1", "x"], USAGE, "`add`: `x` is not a valid i32");
    desk.refuses(&["add.wat", "--args", "1"], USAGE, "--args needs --invoke");
    assert!(!Path::new(&desk.0.path().join("highwater/cache/try-order.json")).exists(), "a worker was started");
}

#[test]
fn traps_and_timeouts_name_the_operation() {
    let desk = Desk::with("traps.wat", TRAPS);
    desk.refuses(
        &["traps.wat", "--invoke", "f"],
        FAILED,
        "calling `f`: wasm trap: wasm `unreachable` instruction executed",
    );
    let desk = Desk::with("loops.wat", ENDLESS);
    let limit = ["--time-limit", "0.3"];
    desk.refuses(&[&["loops.wat", "--invoke", "f"], &limit[..]].concat(), FAILED, "calling `f`: not done after 0.3 s");
    let desk = Desk::with("starts.wat", ENDLESS_START);
    desk.refuses(&[&["starts.wat"], &limit[..]].concat(), FAILED, "instantiating it: not done after 0.3 s");
    desk.run(&["starts.wat", "--time-limit", "0"], USAGE);
}
