//! Invalid records, baselines and policies: each is rejected quickly, with one line that contains the path, the right
//! exit status, and no panic.

mod common;

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, Instant},
};

use common::{Desk, run};
use highwater_model::exit;
use rustix::fs::{CWD, FileType, mknodat};
use serde_json::{Value, json};

/// Damages a file.
type Damage<'a> = &'a dyn Fn(&Path);

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("text")
}

/// Replaces the first occurrence of `from`, which must exist.
fn add_line(path: &Path, line: &str) {
    replace(path, "\ngrowth ", &format!("\n{line}\ngrowth "));
}

fn replace(path: &Path, from: &str, to: &str) {
    let before = text(path);
    assert!(before.contains(from), "{from} is not in:\n{before}");
    fs::write(path, before.replacen(from, to, 1)).expect("written");
}

fn set(path: &Path, pointer: &str, value: Value) {
    let mut record: Value = serde_json::from_str(&text(path)).expect("JSON");
    *record.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
    fs::write(path, record.to_string()).expect("written");
}

fn twice(path: &Path, pointer: &str) {
    let mut record: Value = serde_json::from_str(&text(path)).expect("JSON");
    let list = record.pointer_mut(pointer).and_then(Value::as_array_mut).expect("a list");
    list.push(list[0].clone());
    fs::write(path, record.to_string()).expect("written");
}

fn instead(path: &Path, make: impl FnOnce()) {
    fs::remove_file(path).expect("removed");
    make();
}

fn fifo(path: &Path) {
    instead(path, || mknodat(CWD, path, FileType::Fifo, 0o600.into(), 0).expect("a FIFO"));
}

fn folder(path: &Path) {
    instead(path, || fs::create_dir(path).expect("a folder"));
}

fn huge(path: &Path) {
    File::create(path).and_then(|file| file.set_len(300 << 20)).expect("a sparse file");
}

/// Adds a timeline with some fields in place of valid ones.
fn add_timeline(path: &Path, fields: Value) {
    let readings = json!({"every_ns": 1, "at_ns": [1], "total": [1], "cgroup_peak": []});
    let mut timeline = json!({"worker": 0, "readings": readings, "highest": 1});
    for (name, value) in fields.as_object().expect("fields") {
        timeline[name] = value.clone();
    }
    set(path, "/cases/0", {
        let record: Value = serde_json::from_str(&text(path)).expect("JSON");
        let mut case = record["cases"][0].clone();
        case["timeline"] = timeline;
        case
    });
}

fn failures(outcome: Value) -> Value {
    json!([{"outcome": outcome, "last_stage": null, "output_tail": ""}])
}

const ANON: &str = "/cases/0/stages/0/memory/anon";

#[test]
fn invalid_records_are_rejected_in_one_line() {
    let damages: &[(&str, Damage<'_>, &str)] = &[
        ("empty", &|path| fs::write(path, "").expect("written"), "not a complete Highwater record (EOF"),
        (
            "cut short",
            &|path| fs::write(path, &text(path)[..500]).expect("written"),
            "not a complete Highwater record (EOF",
        ),
        ("with a BOM", &|path| fs::write(path, format!("\u{feff}{}", text(path))).expect("written"), "line 1 column 1"),
        ("not UTF-8", &|path| fs::write(path, b"{\"schema\": 2, \"family\": \"\xff\"}").expect("written"), "unicode"),
        ("deep", &|path| fs::write(path, "[".repeat(1_000_000)).expect("written"), "not a complete Highwater record"),
        ("deep inside", &|path| replace(path, "409600", &"[".repeat(1_000_000)), "not a complete Highwater record"),
        ("of the future", &|path| set(path, "/schema", json!(3)), "schema version 3"),
        (
            "of the past",
            &|path| set(path, "/schema", json!(1)),
            "schema version 1, this build reads version 2; remove it",
        ),
        ("of the far future", &|path| set(path, "/schema", json!(u64::MAX)), "schema version 18446744073709551615"),
        ("before the first", &|path| set(path, "/schema", json!(0)), "schema version 0"),
        ("of no version", &|path| set(path, "/schema", json!(-1)), "invalid value"),
        ("NaN", &|path| replace(path, "409600", "NaN"), "line"),
        ("below 0", &|path| set(path, ANON, json!(-4096)), "a column is a whole number"),
        ("a fraction", &|path| set(path, ANON, json!(0.5)), "a column is a whole number"),
        ("beyond any machine", &|path| set(path, ANON, json!((1_u64 << 53) + 1)), "anon at start is 9007199254740993"),
        ("the largest number", &|path| set(path, ANON, json!(u64::MAX)), "above the limit of 2^53"),
        ("larger than that", &|path| replace(path, "409600", "18446744073709551616"), "a column is a whole number"),
        ("not finite", &|path| replace(path, "409600", "1e999"), "out of range"),
        (
            "samples without end",
            &|path| set(path, "/cases/0/samples", json!(1_000_000_000_000_000_000_u64)),
            "too many samples",
        ),
        ("a sample less", &|path| set(path, "/cases/1/samples", json!(4)), "does not have 4 values"),
        ("no samples", &|path| set(path, "/cases/0/samples", json!(0)), "neither samples nor failed workers"),
        ("a case twice", &|path| twice(path, "/cases"), "duplicate case toy/heap/size=64k"),
        (
            "readings of no worker",
            &|path| add_timeline(path, json!({"worker": 5})),
            "a timeline of a worker that did not complete",
        ),
        (
            "readings without a time",
            &|path| {
                add_timeline(
                    path,
                    json!({"readings": {"every_ns": 1, "at_ns": [1], "total": [1, 2], "cgroup_peak": []}}),
                )
            },
            "a timeline whose columns have different lengths",
        ),
        (
            "readings out of order",
            &|path| {
                add_timeline(
                    path,
                    json!({"readings": {"every_ns": 1, "at_ns": [2, 1], "total": [1, 2], "cgroup_peak": []}}),
                )
            },
            "a timeline whose readings are not in order",
        ),
        ("a stage twice", &|path| twice(path, "/cases/0/stages"), "duplicate stage start"),
        ("a column twice", &|path| replace(path, "\"anon\":", "\"anon\": 1, \"anon\":"), "duplicate key in an object"),
        ("a field twice", &|path| replace(path, "\"unit\":", "\"unit\": \"x\", \"unit\":"), "duplicate field `unit`"),
        (
            "context twice",
            &|path| replace(path, "\"kernel\":", "\"kernel\": \"x\", \"kernel\":"),
            "duplicate key in an object",
        ),
        ("no such metric", &|path| replace(path, "\"anon\":", "\"annon\":"), "unknown word `annon`"),
        ("an id of two lines", &|path| set(path, "/cases/0/id", json!("toy/a\nb")), "`toy/a\\nb` is not a case id"),
        ("a long id", &|path| set(path, "/cases/0/id", json!("X".repeat(1_000_000))), "XXX` is not a case id"),
        (
            "a stage's second name",
            &|path| set(path, "/cases/0/stages/2/stage", json!("live@01")),
            "`live@01` is not a stage",
        ),
        ("a family elsewhere", &|path| set(path, "/family", json!("../toy")), "`../toy` is not a family name"),
        (
            "a class elsewhere",
            &|path| set(path, "/fingerprint/class", json!("../x-y-4k-thp_a-b-aslr_on")),
            "not a machine class",
        ),
        ("pages of no size", &|path| replace(path, "-4k-", "-0k-"), "not a machine class"),
        ("a unit of two lines", &|path| set(path, "/unit", json!("a\nb")), "`a\\nb` is not a unit"),
        (
            "a failure that is none",
            &|path| set(path, "/cases/0/failures", failures(json!({"kind": "completed"}))),
            "a failed worker that completed",
        ),
        (
            "not run and yet run",
            &|path| set(path, "/cases/0/not_run", json!("no cgroup")),
            "samples in a case that was not run",
        ),
        ("a folder", &folder, "it is a folder"),
        ("a FIFO", &fifo, "it is not a regular file"),
        ("a device", &|path| instead(path, || symlink("/dev/zero", path).expect("a link")), "it is not a regular file"),
        ("a link to itself", &|path| instead(path, || symlink(path, path).expect("a link")), "symbolic link"),
        ("huge", &huge, "it is larger than 256 MiB"),
    ];
    let desk = Desk::with_record();
    run(desk.bless("first measurement"), 0);
    assert_rejected(&desk, &desk.record_path(), damages);
}

/// Damages a file in each way and expects `compare` and `bless` to report its path and the problem.
fn assert_rejected(desk: &Desk, path: &Path, damages: &[(&str, Damage<'_>, &str)]) {
    let whole = fs::read(path).expect("a file");
    for (name, damage, part) in damages {
        if *name == "a failure that is none" || *name == "not run and yet run" {
            replace(path, "\"samples\"", "\"not_run\": null, \"failures\": [], \"samples\"");
        }
        damage(path);
        let started = Instant::now();
        for subcommand in ["compare", "bless"] {
            let flags: &[&str] = if subcommand == "bless" { &["--reason", "x"] } else { &[] };
            let ran = run(desk.judge(subcommand, flags), exit::INTERNAL.into());
            ran.complains_in_one_line(&["error: ", &path.display().to_string(), part]);
            assert_eq!(ran.stdout, "", "{name}");
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{name} took {:?}", started.elapsed());
        let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
        fs::write(path, &whole).expect("written");
    }
    run(desk.compare(&[]), exit::PASSED.into());
}

#[test]
fn invalid_baselines_are_rejected_in_one_line() {
    let damages: &[(&str, Damage<'_>, &str)] = &[
        ("empty", &|path| fs::write(path, "").expect("written"), "expected `highwater baseline 3`"),
        (
            "a record",
            &|path| fs::write(path, "{\"schema\": 1}\n").expect("written"),
            ":1: expected `highwater baseline 3`",
        ),
        (
            "with a BOM",
            &|path| fs::write(path, format!("\u{feff}{}", text(path))).expect("written"),
            ":1: expected `highwater baseline 3`",
        ),
        ("not UTF-8", &|path| fs::write(path, b"highwater baseline 3\nunit \xff\n").expect("written"), "utf-8"),
        ("of the future", &|path| replace(path, "baseline 3", "baseline 4"), "use the version that wrote it"),
        ("a header alone", &|path| fs::write(path, "highwater baseline 3\n").expect("written"), "no `family`"),
        ("cut short", &|path| cut(path, " n=5"), "`case ID n=WORKERS`"),
        ("a header word twice", &|path| replace(path, "\nunit ", "\nunit x\nunit "), "duplicate `unit`"),
        ("no class", &|path| replace(path, "\nclass linux-", "\nclass "), "not a machine class"),
        (
            "no reference",
            &|path| replace(path, "\nbaseline_stage loaded", "\nbaseline_stage Loaded"),
            "`Loaded` is not a stage",
        ),
        ("a family elsewhere", &|path| replace(path, "\nfamily toy", "\nfamily ../toy"), "is not a family name"),
        ("another family", &|path| replace(path, "\nfamily toy", "\nfamily zoo"), "contains the record of zoo"),
        ("a blessing of nobody", &|path| replace(path, " all: first", " first"), "`blessed TIME CASES: REASON`"),
        ("a conflict", &|path| replace(path, "\n\ncase ", "\n=======\n\ncase "), "`=======` before the first case"),
        ("a case twice", &|path| replace(path, "toy/mapped/pages=4", "toy/heap/size=64k"), "duplicate case"),
        ("an id that is none", &|path| replace(path, "case toy/heap", "case toy//heap"), "is not a case id"),
        ("many workers", &|path| replace(path, " n=5", " n=five"), "`five` is not a number of workers"),
        ("no such aspect", &|path| replace(path, "\ngrowth ", "\nrise "), "`rise live@1` is not an aspect"),
        ("no such metric", &|path| replace(path, " anon_mapped ", " annon "), "unknown word `annon`"),
        ("no such category", &|path| replace(path, " arenas=", " arena="), "unknown word `arena`"),
        ("NaN", &|path| add_line(path, "growth x vmas NaN"), "`NaN` is not a number"),
        ("not finite", &|path| add_line(path, "growth x vmas 1e999"), "`1e999` is not a number"),
        ("a median out of its range", &|path| add_line(path, "growth x vmas 0 1..2"), "is not between 1 and 2"),
        ("a range turned around", &|path| add_line(path, "growth x vmas 0 1..-1"), "is not between 1 and -1"),
        ("a word too many", &|path| add_line(path, "growth x vmas 0 0"), "neither LOW..HIGH nor CATEGORY=VALUE"),
        ("a value twice", &|path| add_line(path, "slope x vmas 1\nslope x vmas 2"), "duplicate line"),
        ("a long line", &|path| add_line(path, &format!("growth x vmas {}", "9x".repeat(1 << 20))), "is not a number"),
        ("a folder", &folder, "it is a folder"),
        ("a FIFO", &fifo, "it is not a regular file"),
        ("a device", &|path| instead(path, || symlink("/dev/zero", path).expect("a link")), "it is not a regular file"),
        ("a link to itself", &|path| instead(path, || symlink(path, path).expect("a link")), "symbolic link"),
        ("huge", &huge, "it is larger than 16 MiB"),
    ];
    let desk = Desk::with_record();
    run(desk.bless("first measurement"), 0);
    assert_rejected(&desk, &desk.baseline_path(), damages);
}

/// Truncates a file before the first `mark`.
fn cut(path: &Path, mark: &str) {
    let whole = text(path);
    let at = whole.find(mark).expect("the mark");
    fs::write(path, &whole[..at]).expect("written");
}

#[test]
fn two_records_of_one_family_are_rejected() {
    let desk = Desk::with_record();
    let copy = desk.run_folder().join("toy (copy).json");
    fs::copy(desk.record_path(), &copy).expect("copied");
    for subcommand in ["compare", "bless"] {
        let flags: &[&str] = if subcommand == "bless" { &["--reason", "x"] } else { &[] };
        let ran = run(desk.judge(subcommand, flags), exit::INTERNAL.into());
        ran.complains_in_one_line(&[&copy.display().to_string(), "contains the record of toy"]);
    }
}

#[test]
fn invalid_policies_are_rejected_in_one_line() {
    let write = |content: &'static [u8]| move |path: &Path| fs::write(path, content).expect("written");
    let damages: &[(Damage<'_>, u8, &str)] = &[
        (&write(b""), exit::USAGE, "schema"),
        (&write(b"schema = 1\n# \xff\n"), exit::USAGE, "utf-8"),
        (&write(b"schema = 1\nschema = 1\n"), exit::USAGE, "line 2: duplicate key"),
        (&write(b"schema = 1\n[[rule]]\nmode = \"gate\"\nmode = \"report\"\n"), exit::USAGE, "line 4: duplicate key"),
        (&write(b"schema = 1\n[[rule]]\ntolerance = nan\n"), exit::USAGE, "line 3: NaN is not finite"),
        (&write(b"schema = 1\n[[rule]]\ntolerance_percent = -1\n"), exit::USAGE, "line 3: -1 is below 0"),
        (&write(b"schema = 1\n[[rule]]\nmetric = \"anno\"\n"), exit::USAGE, "line 3: unknown word `anno`"),
        (&|path| fs::write(path, "[".repeat(1 << 20)).expect("written"), exit::USAGE, "line 1"),
        (&|path| fs::write(path, format!("x = {}", "[".repeat(500_000))).expect("written"), exit::USAGE, "line 1"),
        (&|path| fs::write(path, format!("x = {}", "{a=".repeat(300_000))).expect("written"), exit::USAGE, "line 1"),
        (
            &|path| fs::write(path, format!("{}x = 1", "a.".repeat(500_000))).expect("written"),
            exit::USAGE,
            "recursion limit",
        ),
        (&folder, exit::INTERNAL, "it is a folder"),
        (&fifo, exit::INTERNAL, "it is not a regular file"),
        (&huge, exit::INTERNAL, "it is larger than 1 MiB"),
        (&|path| instead(path, || symlink("/no/such/file", path).expect("a link")), exit::INTERNAL, "No such file"),
    ];
    let desk = Desk::with_record();
    run(desk.bless("first measurement"), 0);
    let path = desk.baselines().join("policy.toml");
    for (damage, status, part) in damages {
        fs::write(&path, "schema = 1\n").expect("written");
        damage(&path);
        let started = Instant::now();
        let ran = run(desk.compare(&[]), (*status).into());
        ran.complains_in_one_line(&["error: ", &path.display().to_string(), part]);
        assert!(started.elapsed() < Duration::from_secs(10), "{part} took {:?}", started.elapsed());
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
    }
}
