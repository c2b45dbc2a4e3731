//! Fuzz tests: feed the readers with random bytes and damaged files for a limited time. Accepted inputs also go
//! through the judge and all tables. Nothing may panic or hang.
//!
//! `HIGHWATER_FUZZ_SECONDS` (default 2) is the duration of each test; `HIGHWATER_FUZZ_SEED` reproduces one. A failing
//! input is saved, and its path printed.

mod common;

use std::{
    collections::BTreeMap,
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use common::{baseline, blessed_baseline, record};
use fastrand::Rng;
use highwater_judge::{Comparison, FamilyComparison, Policy, compare_family};
use highwater_model::{Baseline, Metric, Record};
use highwater_report::{
    self as report,
    export::{EXPORTERS, Results},
};
use highwater_store::{baseline_text, read_baseline, read_record, write_record};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Time limit for one input on a busy machine.
const TIME_LIMIT: Duration = Duration::from_secs(20);

fn one_of<'a, T>(random: &mut Rng, items: &'a [T]) -> &'a T {
    &items[random.usize(..items.len())]
}

/// Feeds inputs from `make` to `check` until the time is up, and prints how many were accepted.
fn feed(kind: &str, make: impl Fn(&mut Rng) -> Vec<u8>, check: impl Fn(&Path) -> bool) {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect("a whole number"));
    let limit = Duration::from_secs(number("HIGHWATER_FUZZ_SECONDS").unwrap_or(2));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
    let seed = number("HIGHWATER_FUZZ_SEED").unwrap_or(now);
    let mut random = Rng::with_seed(seed);
    let folder = in_memory();
    let path = folder.path().join(kind);
    let (started, mut fed, mut accepted) = (Instant::now(), 0_u64, 0_u64);
    while started.elapsed() < limit {
        fs::write(&path, make(&mut random)).expect("written");
        let each = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| check(&path)));
        if ended.is_err() || each.elapsed() > TIME_LIMIT {
            let kept: PathBuf = folder.keep().join(kind);
            panic!("HIGHWATER_FUZZ_SEED={seed}, input {fed}, {:?}: {}", each.elapsed(), kept.display());
        }
        fed += 1;
        accepted += u64::from(ended.is_ok_and(|accepted| accepted));
    }
    println!("{kind}: {fed} inputs, {accepted} accepted, seed {seed}");
    assert!(accepted > 0, "no input was accepted, so the tables were not tested");
}

/// A temporary folder in memory, if available.
fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

/// Flips bits, replaces bytes, and removes, repeats or inserts pieces.
fn damaged(mut bytes: Vec<u8>, words: &[&str], random: &mut Rng) -> Vec<u8> {
    for _ in 0..=random.usize(..3) {
        let at = random.usize(..bytes.len() + 1);
        let to = (at + random.usize(..40)).min(bytes.len());
        match random.usize(..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.usize(..8),
            1 if at < bytes.len() => bytes[at] = random.usize(..256) as u8,
            2 => drop(bytes.drain(at..to)),
            3 => {
                let piece = bytes[at..to].to_vec();
                let there = random.usize(..bytes.len() + 1);
                drop(bytes.splice(there..there, piece));
            }
            4 if random.usize(..8) == 0 => bytes.truncate(at),
            _ => drop(bytes.splice(at..at, one_of(random, words).bytes())),
        }
    }
    bytes
}

fn noise(random: &mut Rng) -> Vec<u8> {
    (0..random.usize(..200)).map(|_| random.usize(..256) as u8).collect()
}

/// Collects the JSON pointers of all values of a document.
fn pointers(value: &Value, here: &str, into: &mut Vec<String>) {
    into.push(here.to_owned());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| pointers(item, &format!("{here}/{index}"), into));
        }
        Value::Object(fields) => fields.iter().for_each(|(name, item)| {
            pointers(item, &format!("{here}/{}", name.replace('~', "~0").replace('/', "~1")), into);
        }),
        _ => {}
    }
}

/// Replaces, removes, duplicates and renames values of a document.
fn mutated(mut json: Value, random: &mut Rng) -> Vec<u8> {
    let odd = [
        json!(0),
        json!(1),
        json!(-1),
        json!(0.5),
        json!(1_u64 << 53),
        json!(u64::MAX),
        json!(10_000),
        json!(1e308),
        json!(""),
        json!("live@0"),
        json!("live@4294967295"),
        json!("loaded"),
        json!("toy/x"),
        json!("\u{1b}[2J\n"),
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!([0, 0, 4096, 0, 8192]),
        json!([9, 9, 9, 9, 9]),
        json!("linux-x86_64-16k-thp_madvise-glibc-aslr_on"),
        json!({"kind": "timed_out", "limit_ms": 1}),
    ];
    for _ in 0..=random.usize(..4) {
        let mut all = Vec::new();
        pointers(&json, "", &mut all);
        let [from, to] = [one_of(random, &all), one_of(random, &all)];
        let other = match random.usize(..2) {
            0 => one_of(random, &odd).clone(),
            _ => json.pointer(from).cloned().unwrap_or_default(),
        };
        let Some(target) = json.pointer_mut(to) else { continue };
        match (random.usize(..4), target) {
            (0, Value::Array(items)) if !items.is_empty() => drop(items.remove(random.usize(..items.len()))),
            (1, Value::Array(items)) => items.push(other),
            (0, Value::Object(fields)) => {
                let name = fields.keys().nth(random.usize(..fields.len() + 1)).cloned();
                name.and_then(|name| fields.shift_remove(&name));
            }
            (1, Value::Object(fields)) => {
                let words =
                    ["anon", "anon.arenas", "vmas", "samples", "not_run", "failures", "time", "filter", "inject"];
                fields.insert((*one_of(random, &words)).to_owned(), other);
            }
            (_, target) => *target = other,
        }
    }
    json.to_string().into_bytes()
}

/// Uses a record in every possible way.
fn exercise(run: &Record, policies: &[Policy]) {
    let (known, known_run) = (blessed_baseline(&record(), "first"), record());
    let own = baseline(run);
    let _ = report::run_text(run, None, None, report::RunView::default());
    let _ = report::exactness_table(run, Metric::ALL, Some(80));
    for policy in policies {
        for (baseline, run) in [(&known, run), (&own, &known_run), (&own, run)] {
            export(compare_family(baseline, run, policy), run, policy);
        }
    }
    let folder = in_memory();
    let path = folder.path().join("copy.json");
    write_record(&path, run).expect("written");
    assert_eq!(&read_record(&path).expect("a written record can be read"), run);
    assert_round_trip(&own);
}

/// Renders a comparison in every format.
fn export(changes: FamilyComparison, run: &Record, policy: &Policy) {
    let _ = report::blessing_text(run, &changes);
    let comparison = Comparison { strict: true, families: vec![changes], ..Comparison::default() };
    let files = BTreeMap::from([(run.family.clone(), PathBuf::from("baselines/x.txt"))]);
    let results = Results { comparison: &comparison, runs: std::slice::from_ref(run), policy, files: &files };
    for exporter in EXPORTERS {
        exporter.write(&results, &mut Vec::new()).expect("writing to memory cannot fail");
    }
}

fn assert_round_trip(baseline: &Baseline) {
    let folder = in_memory();
    let path = folder.path().join("copy.txt");
    let text = baseline_text(baseline);
    fs::write(&path, &text).expect("written");
    let copy = read_baseline(&path).unwrap_or_else(|error| panic!("{error}:\n{text}"));
    assert_eq!(baseline_text(&copy), text, "a written baseline can be read");
}

fn is_one_line(error: impl std::fmt::Display) -> bool {
    let text = error.to_string();
    assert!(!text.contains(char::is_control) && text.len() < 2000, "{text:?}");
    false
}

#[test]
fn no_record_causes_a_panic() {
    let real = serde_json::to_value(record()).expect("JSON");
    let text = real.to_string().into_bytes();
    let words = [
        "0",
        "9",
        "-",
        ".5",
        "e9",
        "1e999",
        "18446744073709551615",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "true",
        "\\u0000",
        "\u{feff}",
        "\"samples\": 10000,",
        "\"anon\": 1,",
        "\"schema\": 1,",
        "live@",
        "loaded",
        "..",
        "/",
    ];
    let policies = [Policy::default()];
    let make = |random: &mut Rng| match random.usize(..10) {
        0 => noise(random),
        1..4 => damaged(text.clone(), &words, random),
        _ => mutated(real.clone(), random),
    };
    feed("record.json", make, |path| match read_record(path) {
        Ok(run) => {
            exercise(&run, &policies);
            true
        }
        Err(error) => is_one_line(error),
    });
}

#[test]
fn no_baseline_causes_a_panic() {
    let real = baseline_text(&blessed_baseline(&record(), "first")).into_bytes();
    let words = [
        "0",
        "9",
        "-",
        ".5",
        "e9",
        "inf",
        "NaN",
        "KiB",
        "B",
        "..",
        "=",
        "@",
        "/",
        ":",
        ",",
        " ",
        "\n",
        "\n\n",
        "\r\n",
        "\u{feff}",
        "\0",
        "\u{1b}[2J",
        "live@",
        "live@4294967295",
        "loaded",
        "growth ",
        "slope ",
        "level ",
        "anon_mapped",
        "anon.arenas",
        "figure.x_ns",
        "vmas",
        "case toy/x n=0\n",
        "case toy/heap/size=64k n=5\n",
        "fails out of memory\n",
        "blessed x toy/*: y\n",
        "context a b\n",
        "unit buffer\n",
        "family toy\n",
        "aslr_on",
        "18446744073709551615",
        "1e308",
        "-9007199254740993",
        "0.0000001",
    ];
    let (run, policy) = (record(), Policy::default());
    let make = |random: &mut Rng| match random.usize(..10) {
        0 => noise(random),
        _ => damaged(real.clone(), &words, random),
    };
    feed("toy.txt", make, |path| match read_baseline(path) {
        Ok(known) => {
            export(compare_family(&known, &run, &policy), &run, &policy);
            assert_round_trip(&known);
            true
        }
        Err(error) => is_one_line(error),
    });
}

#[test]
fn no_policy_causes_a_panic() {
    let real = include_bytes!("../../../baselines/policy.toml");
    let words = [
        "0",
        "9",
        "-",
        ".5",
        "e9",
        "inf",
        "nan",
        "\"",
        "'",
        "{",
        "}",
        "[",
        "]",
        "[[rule]]\n",
        "\n",
        "=",
        "#",
        "*",
        "?",
        "[!",
        "{a,b}",
        "\\",
        "anon",
        "growth",
        "mode = \"gate\"\n",
        "tolerance = 1e308\n",
        "budget = \"1 KiB\"\n",
        "tolerance_percent = 100\n",
        "case = \"toy/{heap,mapped}/*\"\n",
        "metric = \"*\"\n",
        "a.b.c = 1\n",
        "\u{feff}",
    ];
    let run = record();
    let known = baseline(&run);
    let make = |random: &mut Rng| match random.usize(..10) {
        0 => noise(random),
        _ => damaged(real.to_vec(), &words, random),
    };
    feed("policy.toml", make, |path| match Policy::read(path) {
        Ok(policy) => {
            let comparison = compare_family(&known, &run, &policy);
            let comparison = Comparison { families: vec![comparison], ..Comparison::default() };
            let _ = report::comparison_text(&comparison, false);
            true
        }
        Err(error) => is_one_line(error),
    });
}
