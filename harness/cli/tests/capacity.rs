//! `highwater capacity`: predictions from a synthetic record, invalid input, and verification of predictions if
//! memory cgroups can be created.

mod common;

use std::{fs, process::Stdio};

use common::{Desk, Ran, edit, highwater, record, run};
use highwater_model::{CaseRecord, Record, Series, exit};
use highwater_store::write_record;
use serde_json::Value;

/// A record for capacity: every unit also has two mappings and 4 GiB of address space. One case has a pool of 500
/// slots, and one was not run.
fn measured() -> Record {
    let mut record = record();
    for case in &mut record.cases {
        for columns in &mut case.stages {
            let units = columns.stage.scale().map_or(0, |scale| u64::from(scale.0));
            let mut set =
                |name: &str, value| columns.memory.insert(name.parse().expect("a quantity"), Series::Same(value));
            set("vmas", 27 + 2 * units);
            set("vsize", (4 << 30) * units);
        }
    }
    let slots = "figure.slots".parse().expect("a quantity");
    let mut pooled = CaseRecord { id: "toy/pool/slots=500".parse().expect("an id"), ..record.cases[0].clone() };
    pooled.stages[1].memory.insert(slots, Series::Same(500));
    record.cases.push(pooled);
    let id = "toy/oom/limit=32m".parse().expect("an id");
    record.cases.push(CaseRecord::not_run(id, "no memory cgroup can be made here".into()));
    record
}

fn capacity(desk: &Desk, args: &[&str], status: u8) -> Ran {
    let mut command = highwater(&[&["capacity"], args].concat());
    command.arg("--run").arg(desk.run_folder());
    run(command, status.into())
}

fn desk(record: &Record) -> Desk {
    let desk = Desk::new();
    fs::create_dir_all(desk.run_folder()).expect("a folder");
    write_record(&desk.record_path(), record).expect("written");
    desk
}

/// The report as JSON.
fn json(desk: &Desk, args: &[&str]) -> Value {
    let text = capacity(desk, &[args, &["--format", "json"]].concat(), exit::PASSED).stdout;
    serde_json::from_str(&text).expect("JSON")
}

fn case<'a>(json: &'a Value, id: &str) -> &'a Value {
    let cases = json["families"][0]["cases"].as_array().expect("a list");
    cases.iter().find(|case| case["id"] == id).unwrap_or_else(|| panic!("no {id}: {json:#}"))
}

#[test]
fn the_first_limit_is_reported_for_every_case() {
    let desk = desk(&measured());
    let json = json(&desk, &["--memory", "8GiB", "--reserve", "20%"]);
    assert_eq!(json["ceilings"]["memory"], 6_871_947_673_u64);
    let first = |id: &str| {
        let room = &case(&json, id)["prediction"]["rooms"][0];
        (room["limit"].as_str().expect("a word").to_owned(), room["fits"]["units"].as_u64().expect("a number"))
    };
    // 64 pages of anon and two mappings per unit, in 8 GiB less 20 %.
    let (limit, units) = first("toy/heap/size=64k");
    assert_eq!(limit, "anon");
    assert!((25_900..=26_200).contains(&units), "{units}");
    assert_eq!(first("toy/pool/slots=500"), ("slots".to_owned(), 500));
    // Cases without a prediction are omitted, unless they are selected.
    assert_eq!(json["families"][0]["cases"].as_array().map(Vec::len), Some(3));
    // If workers differ, the prediction is an interval.
    let rooms = case(&json, "toy/mapped/pages=4")["prediction"]["rooms"].as_array().expect("a list");
    let fits = &rooms.iter().find(|room| room["limit"] == "anon").expect("limited by memory")["fits"];
    assert!(fits["low"].as_u64() < fits["high"].as_u64(), "{fits}");
}

#[test]
fn the_table_has_a_row_for_each_case() {
    let desk = desk(&measured());
    let text = capacity(&desk, &["--memory", "1GiB"], exit::PASSED);
    assert!(text.line("toy on").ends_with("units that fit in 1 GiB"), "{}", text.stdout);
    assert!(text.line("pool/slots=500").contains("slots"));
    assert!(text.line("memory:").contains("page tables"));
    let asked = capacity(&desk, &["--memory", "1GiB", "--reserve", "50%", "oom"], exit::PASSED);
    assert!(asked.line("oom/limit=32m").contains("not run: no memory cgroup"), "{}", asked.stdout);
    assert!(asked.line("toy on").ends_with("512 MiB (1 GiB less 50 %)"), "{}", asked.stdout);
}

#[test]
fn invalid_input_is_reported_in_one_line() {
    let desk = desk(&measured());
    let usage = exit::USAGE;
    capacity(&desk, &["--memory", "1GiB", "("], usage).complains_in_one_line(&["CASE", "not a regular expression"]);
    capacity(&desk, &["--memory", "1GiB", "gone"], usage).complains_in_one_line(&["no case of the run matches gone"]);
    for (args, part) in [
        (&["--memory", "8GB"][..], "is not a number of bytes"),
        (&["--memory", "1GiB", "--reserve", "100%"], "from 0% to below 100%"),
        (&["--memory", "1GiB", "--reserve", "some"], "as in 20%"),
        (&[], "--memory"),
    ] {
        let stderr = capacity(&desk, args, usage).stderr;
        assert!(stderr.contains(part), "{stderr}");
    }
    let empty = Desk::new();
    capacity(&empty, &["--memory", "1GiB"], usage).complains_in_one_line(&["no run found", "cargo bench"]);
    let mut flat = record();
    flat.cases[0].stages.truncate(3);
    flat.cases.truncate(1);
    let flat = self::desk(&flat);
    capacity(&flat, &["--memory", "1GiB"], usage).complains_in_one_line(&["no case of the run has a ladder"]);
}

#[test]
fn verification_needs_the_bench_binary() {
    let desk = desk(&measured());
    let text = capacity(&desk, &["--memory", "64MiB", "--verify", "heap"], exit::UNCONFIRMED);
    assert!(text.line("not verified: heap/size=64k").contains("programs/toy"), "{}", text.stdout);
}

#[test]
fn verification_needs_enough_free_memory() {
    let desk = desk(&measured());
    let text = capacity(&desk, &["--memory", "64TiB", "--verify", "heap"], exit::UNCONFIRMED);
    assert!(text.line("not verified:").contains("are available"), "{}", text.stdout);
}

/// Whether memory cgroups can be created on this machine, according to the doctor.
fn has_cgroups() -> bool {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_highwater"));
    let output = command.args(["doctor", "--format", "json"]).stderr(Stdio::null()).output().expect("started");
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let checks = json["diagnosis"]["checks"].as_array().expect("a list");
    checks.iter().any(|check| check["name"] == "memory cgroup" && check["grade"] == "good")
}

/// Includes a negative control: a record with a prediction that is too high.
#[test]
fn predictions_are_verified_within_5_percent() {
    let desk = Desk::new();
    run(desk.bench(&["--memory-only", "--samples", "5", "toy/heap"]), 0);
    let args = ["--memory", "64MiB", "--verify", "--format", "json", "heap"];
    if !has_cgroups() {
        let text = capacity(&desk, &args, exit::UNCONFIRMED).stdout;
        assert!(text.contains("no memory cgroup can be made here"), "{text}");
        return;
    }
    let found = |status| {
        let text = capacity(&desk, &args, status).stdout;
        let json: Value = serde_json::from_str(&text).expect("JSON");
        case(&json, "toy/heap/size=64k")["verified"]["found"].clone()
    };
    let correct = found(exit::PASSED);
    assert_eq!(correct["ended"], "out of memory", "{correct}");
    // 64 KiB per unit, and 16 B of malloc metadata.
    assert!((950..1024).contains(&correct["lived"].as_u64().expect("a number")), "{correct}");

    edit(&desk.record_path(), |record| {
        for columns in &mut record.cases[0].stages {
            let units = columns.stage.scale().map_or(0, |scale| u64::from(scale.0));
            let anon = columns.memory.get_mut(&"anon".parse().expect("a quantity")).expect("read");
            match anon {
                Series::Same(bytes) => *bytes -= 8192 * units,
                Series::Each(each) => each.iter_mut().for_each(|bytes| *bytes -= 8192 * units),
            }
        }
    });
    let wrong = found(exit::REGRESSED);
    assert!(wrong["predicted"].as_u64() > wrong["lived"].as_u64(), "{wrong}");
}
