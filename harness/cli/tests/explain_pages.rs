//! Explains planted regressions outside the heap of the counting allocator: the function that touched the pages first
//! is the first line. Where the kernel refuses page-fault events, the result says so.

#[path = "common/example.rs"]
mod example;
#[path = "common/programs.rs"]
mod programs;

use std::{path::Path, process::Command, sync::OnceLock};

use highwater_explain::{FaultPermission, fault_permission};
use programs::is_installed;
use serde_json::Value;
use tempfile::TempDir;

/// The folder of a measured run of the planted regressions.
fn folder() -> &'static Path {
    static RUN: OnceLock<TempDir> = OnceLock::new();
    let folder = RUN.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut bench = Command::new(example::build("planted"));
        bench.args(["--bench", "--memory-only", "--samples", "5"]).env("HIGHWATER_TARGET_DIR", folder.path());
        let ran = bench.output().expect("it starts");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        folder
    });
    folder.path()
}

/// The JSON of a case; `None` if page faults cannot be recorded here and the result says so.
fn explained(case: &str) -> Option<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(["explain", &format!("planted/{case}/size=1"), "--format", "json", "--stage", "live"]);
    let ran = command.arg("--run").arg(folder().join("highwater")).output().expect("it starts");
    if fault_permission().is_err() {
        let text = [ran.stdout, ran.stderr].concat();
        assert!(String::from_utf8_lossy(&text).contains("perf_event_open"), "{}", String::from_utf8_lossy(&text));
        return None;
    }
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let json: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    assert_eq!(json["lost_faults"], 0, "{json}");
    Some(json)
}

/// Asserts that the first line is of pages of `category`, of this function, with about `per_unit` bytes, and that 95 %
/// of the growth of anonymous memory have a stack.
fn first_is(case: &str, function: &str, category: &str, per_unit: f64) {
    let Some(json) = explained(case) else { return };
    let first = &json["rows"][0];
    let found = first["stack"][0]["function"].as_str().expect("a name");
    assert!(found.contains(function), "{function} is not first: {first}");
    assert_eq!(first["category"], category, "{first}");
    let bytes = first["per_unit"].as_f64().expect("a ladder");
    assert!((bytes - per_unit).abs() <= per_unit / 10.0, "{bytes} B per unit: {first}");
    let number = |name: &str| json["anonymous"][name].as_f64().expect("a number");
    let (measured, attributed) = (number("measured_bytes"), number("attributed_bytes"));
    assert!((measured - attributed).abs() <= measured / 20.0, "{attributed} of {measured} B");
}

#[test]
fn pages_of_a_linear_memory() {
    first_is("linear-memory", "planted::pages::linear_memory::culprit", "linear_memory", 16384.0);
}

#[test]
fn pages_of_an_image_that_is_written_to() {
    first_is("copy-on-write", "planted::pages::copy_on_write::culprit", "cow_image", 4096.0);
}

#[test]
fn one_more_mapping() {
    first_is("mapping", "planted::pages::mapping::culprit", "other", 4096.0);
}

#[test]
fn stacks_of_threads() {
    first_is("thread-stack", "planted::pages::thread_stack::culprit", "other", 65536.0);
}

#[test]
fn memory_of_malloc_that_the_counting_allocator_does_not_see() {
    first_is("c-heap", "planted::pages::c_heap::culprit", "arenas", 65536.0);
}

/// The kernel fills these pages without a page fault. Who asked for it is known to root only.
#[test]
fn pages_that_a_system_call_fills() {
    if fault_permission().is_ok_and(|permission| permission == FaultPermission::All) {
        first_is("populated", "planted::pages::populated::culprit", "linear_memory", 16384.0);
    }
}

#[test]
fn generated_code_with_a_perf_map() {
    first_is("perf-map", "generated::culprit", "linear_memory", 16384.0);
}

#[test]
fn generated_code_with_a_jitdump_file() {
    first_is("jitdump", "generated::culprit", "linear_memory", 16384.0);
    let Some(json) = explained("jitdump") else { return };
    let first = &json["rows"][0]["stack"][0];
    assert_eq!((first["file"].as_str(), first["line"].as_u64()), (Some("guest.wat"), Some(7)), "{first}");
}

/// The functions of the interpreter; those of the script have names from Python 3.12 on, with `-X perf`.
#[test]
fn a_program_in_another_language() {
    if !is_installed("python3") {
        return;
    }
    let Some(json) = explained("python") else { return };
    let first = &json["rows"][0];
    let names: Vec<&str> =
        first["stack"].as_array().expect("a stack").iter().filter_map(|it| it["function"].as_str()).collect();
    assert!(first["per_unit"].as_f64().is_some_and(|bytes| bytes > 50_000.0), "{first}");
    assert!(names.iter().any(|name| name.contains("Py")), "{names:?}");
    assert!(json["heap"].is_null(), "it has no counting allocator: {json}");
}
