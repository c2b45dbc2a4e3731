//! Tests of the guest on Extism and on wasmtime alone: the results of its functions, the error values for invalid
//! input, and the actions of an actor host after a call.

use std::{path::PathBuf, sync::OnceLock};

use extism::CompiledPlugin;
use extism_actor::{
    Actor, AfterCall, Allocation, CallError, Files, Habit, Leak, MemoryLimit, RawHost, Source,
    inputs::{Format, work},
};
use serde_json::{Value, json};

/// The module in a temporary folder, with the cache off.
fn files() -> &'static Files {
    static FILES: OnceLock<(tempfile::TempDir, Files)> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().expect("a folder");
        let module: PathBuf = folder.path().join("actor.wasm");
        std::fs::write(&module, wasm_guests::guest("actor").expect("known").wasm().expect("sound")).expect("written");
        (folder, Files { module, cache: None })
    };
    &FILES.get_or_init(make).1
}

fn compiled() -> &'static CompiledPlugin {
    static COMPILED: OnceLock<CompiledPlugin> = OnceLock::new();
    COMPILED.get_or_init(|| files().compile(Source::File, None, Allocation::OnDemand).expect("compiles"))
}

fn actor() -> Actor {
    Actor::new(compiled(), None, AfterCall::Keep).expect("an actor")
}

fn call_json(actor: &mut Actor, function: &str, input: &[u8]) -> Value {
    serde_json::from_slice(&actor.call(function, input).expect(function)).expect("JSON")
}

/// Functions that take `{"items": ..., "bytes": ...}`.
fn workers() -> Vec<&'static str> {
    let habits = Habit::ALL.iter().flat_map(|habit| habit.functions).copied();
    let on_bytes = ["input_whole", "input_chunks", "binary_copy", "binary_in_place", "echo"];
    let leaks = Leak::ALL.iter().map(|leak| leak.function);
    habits.chain(leaks).filter(|function| !on_bytes.contains(function)).collect()
}

#[test]
fn process_forwards_messages_doubles_numbers_and_counts() {
    let context = json!({
        "payload": { "text": { "text": "hello" }, "number": { "number": 2.5 }, "list": { "array": [1, 2] } },
        "state": { "count": 41 },
    });
    let answer = call_json(&mut actor(), "process", context.to_string().as_bytes());
    assert_eq!(
        answer,
        json!({
            "outputs": { "text": { "text": "hello" }, "number": { "number": 5.0 }, "list": { "array": [2.0, 4.0] } },
            "state": { "count": 42 },
        })
    );
}

#[test]
fn formats_and_hosts_agree_on_the_result() {
    let (mut plugin, mut raw) =
        (actor(), RawHost::new(files(), Allocation::OnDemand).expect("compiles").actor().expect("an actor"));
    for size in [1, 1024, 1 << 20] {
        let [json, msgpack, bytes] = Format::ALL.map(|format| format.message(size).expect("encoded"));
        let answer = plugin.call("process", &json).expect("answered");
        let value: Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!(value["outputs"]["in"]["text"].as_str().expect("text").len(), size);
        // The MessagePack output of the PDK has no field names.
        let packed: Value =
            rmp_serde::from_slice(&plugin.call("process_msgpack", &msgpack).expect("answered")).expect("MessagePack");
        assert_eq!(packed, json!([value["outputs"], value["state"]]));
        assert_eq!(plugin.call("echo", &bytes).expect("answered"), bytes);
        assert_eq!(raw.call("raw_process", &json).expect("answered"), answer);
        assert_eq!(raw.call("raw_echo", &bytes).expect("answered"), bytes);
    }
    assert!(raw.call("raw_process", b"{").is_err(), "invalid JSON is rejected without Extism too");
}

#[test]
fn the_habits_of_a_choice_give_the_same_result() {
    for habit in Habit::ALL.iter().filter(|habit| !["binary", "state"].contains(&habit.name)) {
        let input = if habit.name == "input" { vec![7; 10_001] } else { work(500, 40) };
        let results: Vec<Value> =
            habit.functions.iter().map(|f| call_json(&mut actor(), f, &input)["result"].clone()).collect();
        assert!(results.iter().all(|result| *result == results[0] && *result != 0), "{}: {results:?}", habit.name);
    }
    let changed = [vec![1, 2, 0], vec![1, 2, 0]];
    assert_eq!(["binary_copy", "binary_in_place"].map(|f| actor().call(f, &[0, 1, 255]).expect(f)), changed);
    let lengths =
        ["state_compact", "state_verbose"].map(|f| call_json(&mut actor(), f, &work(100, 1))["result"].as_u64());
    assert!(lengths[0] < lengths[1], "{lengths:?}");
}

/// Invalid inputs for every function, with a part of the expected error.
fn refused() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let mut table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("process", b"no json".to_vec(), "expected"),
        ("process", br#"{"payload":{"in":{"blob":1}}}"#.to_vec(), "unknown variant"),
        ("process", json!({ "payload": { "in": { "array": vec![0; 10_001] } } }).to_string().into(), "over 10000"),
        ("process_msgpack", vec![0xc1], "marker"),
        ("grow", b"".to_vec(), "no number of pages"),
        ("grow", b"0".to_vec(), "no number of pages"),
        ("grow", b"-1".to_vec(), "no number of pages"),
        ("grow", b"65537".to_vec(), "no number of pages"),
        ("grow", b"65536".to_vec(), "cannot grow"),
        ("grow", vec![0xff], "utf-8"),
        ("input_whole", Vec::new(), "the input is empty"),
        ("input_chunks", Vec::new(), "the input is empty"),
        ("binary_copy", Vec::new(), "the input is empty"),
        ("binary_in_place", Vec::new(), "the input is empty"),
    ];
    for function in workers() {
        table.push((function, Vec::new(), "EOF"));
        table.push((function, br#"{"items":1}"#.to_vec(), "missing field"));
        table.push((function, br#"{"items":-1,"bytes":1}"#.to_vec(), "invalid value"));
        table.push((function, br#"{"items":1,"bytes":1,"more":1}"#.to_vec(), "unknown field"));
        table.push((function, work(0, 1), "above 0"));
        table.push((function, work(1, 0), "above 0"));
        table.push((function, work((1 << 20) + 1, 1), "more than"));
        table.push((function, work(2, (32 << 20) + 1), "more than"));
    }
    table
}

#[test]
fn invalid_input_returns_an_error_and_keeps_the_actor_usable() {
    let table = refused();
    // 14 written by hand, and 8 for each of 18 functions.
    assert_eq!(table.len(), 14 + 8 * 18);
    let mut actor = actor();
    for (function, input, expected) in table {
        match actor.call(function, &input) {
            Err(CallError::Refused(message)) => {
                assert!(message.to_lowercase().contains(&expected.to_lowercase()), "{function}: {message}")
            }
            other => panic!("{function} with {:?}: {other:?}", String::from_utf8_lossy(&input)),
        }
        assert_eq!(actor.call("echo", b"on").expect("still there"), b"on", "{function}");
    }
}

#[test]
fn an_out_of_bounds_access_traps_without_affecting_a_neighbour() {
    let (mut one, mut other) = (actor(), actor());
    assert_eq!(call_json(&mut other, "keep", &work(3, 10))["result"], 3);
    for _ in 0..2 {
        let error = one.call("out_of_bounds", b"").expect_err("a trap");
        assert!(matches!(&error, CallError::Trap(cause) if cause.contains("out of bounds memory access")), "{error}");
    }
    assert_eq!(call_json(&mut other, "keep", &work(1, 10))["result"], 4);
}

#[test]
fn a_limit_is_exact_and_a_recreated_actor_can_use_it_again() {
    for mib in [1, 16, 100] {
        let limit = MemoryLimit::mib(mib).expect("in range");
        let compiled = files().compile(Source::File, Some(limit), Allocation::OnDemand).expect("compiles");
        let mut one = Actor::new(&compiled, Some(limit), AfterCall::Keep).expect("an actor");
        let mut neighbour = Actor::new(&compiled, Some(limit), AfterCall::Keep).expect("an actor");
        // The first call allocates the guest's heap.
        let [_, before] = [0; 2].map(|_| neighbour.call("memory_pages", b"").expect("answered"));
        // The memory of Extism's kernel and the guest's allocator each take one page of the limit.
        let most = limit.pages() - 2;
        one.call("grow", most.to_string().as_bytes()).expect("within the limit");
        let error = one.call("grow", b"3").expect_err("beyond the limit");
        assert!(matches!(&error, CallError::Limit { limit: found, .. } if *found == limit), "{mib}: {error}");
        assert_eq!(one.call("echo", b"small").expect("usable"), b"small");
        assert_eq!(neighbour.call("memory_pages", b"").expect("untouched"), before);
        one.recreate().expect("re-created");
        one.call("grow", most.to_string().as_bytes()).expect("within the limit again");
    }
}

#[test]
fn guest_state_survives_reset_but_not_re_creation() {
    let counts = |after| {
        let mut actor = Actor::new(compiled(), None, after).expect("an actor");
        [0; 3].map(|_| call_json(&mut actor, "keep", &work(1, 10))["result"].as_u64().expect("a number"))
    };
    assert_eq!(counts(AfterCall::Keep), [1, 2, 3]);
    assert_eq!(counts(AfterCall::Reset), [1, 2, 3]);
    assert_eq!(counts(AfterCall::Recreate), [1, 1, 1]);
}

#[test]
fn every_source_and_allocation_runs_and_bytes_reject_a_limit() {
    use Allocation::{OnDemand, Pooling, SmallReservation};
    for (source, allocation) in [(Source::Bytes, Pooling), (Source::Data, SmallReservation), (Source::File, OnDemand)] {
        let compiled = files().compile(source, None, allocation).expect("compiles");
        let mut actor = Actor::new(&compiled, None, AfterCall::Keep).expect("an actor");
        assert_eq!(actor.call("echo", b"hello").expect("answered"), b"hello", "{source:?} {allocation:?}");
    }
    let error = files().compile(Source::Bytes, Some(MemoryLimit::DEFAULT), OnDemand).err().expect("refused");
    assert_eq!(error.to_string(), "plain bytes do not support a limit");
}
