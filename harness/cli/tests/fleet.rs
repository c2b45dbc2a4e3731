//! Measuring a family in parts: a bench and `run` measure their part, `compare` judges a part, and `merge` joins the
//! parts into a run that is judged as one.

mod common;

use std::{fs, path::Path};

use common::{Desk, Ran, edit, highwater, run};
use highwater_model::{Decision, Record, exit};
use highwater_store::{read_record, write_record};

const HEAP: &str = "toy/heap/size=64k";
const MAPPED: &str = "toy/mapped/pages=4";

fn ids(record: &Record) -> Vec<&str> {
    record.cases.iter().map(|case| case.id.as_str()).collect()
}

/// A desk with a part of the toy family, measured with `flags` too.
fn part(partition: &str, flags: &[&str]) -> Desk {
    let desk = Desk::new();
    run(desk.bench(&[&["--memory-only", "--samples", "5", "--partition", partition], flags].concat()), 0);
    desk
}

/// Merges the runs of desks into the folder of another one.
fn merge(into: &Desk, parts: &[&Desk], flags: &[&str], status: u8) -> Ran {
    let mut command = highwater(&["merge"]);
    command.args(parts.iter().map(|part| part.run_folder())).arg("--output").arg(into.run_folder()).args(flags);
    run(command, status.into())
}

#[test]
fn a_bench_lists_and_measures_its_part() {
    let desk = Desk::new();
    let list = |partition: &str, flags: &[&str]| {
        run(desk.bench(&[&["--list", "--partition", partition], flags].concat()), 0).stdout
    };
    let own = |id: &str| format!("{id}: benchmark\n");
    assert_eq!(list("slice:1/2", &["--memory-only"]), own(HEAP));
    assert_eq!(list("slice:2/2", &["--memory-only"]), own(MAPPED));
    // The partition splits what the filter selects.
    assert_eq!(list("slice:1/2", &["--memory-only", "mapped"]), own(MAPPED));
    // Criterion has the same part.
    let all = list("slice:2/2", &[]);
    let lines: Vec<&str> = all.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines, [format!("{MAPPED}: benchmark"), format!("{MAPPED}/fill: benchmark")]);
    let hashed = ["hash:1/2", "hash:2/2"].map(|partition| list(partition, &["--memory-only"])).concat();
    assert!(hashed.contains(HEAP) && hashed.contains(MAPPED) && hashed.lines().count() == 2, "{hashed}");
}

#[test]
fn a_partial_run_is_judged_and_blessed_as_one() {
    let whole = Desk::measured_and_blessed();
    let mut bench = whole.bench(&["--quick", "--noplot", "--samples", "5", "--partition", "slice:env"]);
    bench.env("JOB_COMPLETION_INDEX", "1").env("JOB_COMPLETIONS", "2");
    let ran = run(bench, 0);
    assert!(
        ran.stderr.contains("toy: memory of 1 case with 5 workers, then 1 routine with criterion, only slice:2/2;")
    );
    let record = whole.record();
    assert_eq!(ids(&record), [MAPPED]);
    assert!(record.cases[0].time.contains_key("fill"), "{record:?}");
    let part = record.selection.part.expect("a part");
    assert_eq!((part.partition.to_string(), part.samples.as_str(), part.cases.len()), ("slice:2/2".into(), "5", 2));
    assert_eq!(record.claims[0].decision, Decision::Undecided, "a part decides no claim");

    let ran = run(whole.compare(&[]), exit::PASSED.into());
    ran.line("  part 2 of 2: 1 of 2 cases");
    assert!(!ran.stdout.contains("left out") && !ran.stdout.contains("missing"), "{}", ran.stdout);
    let ran = run(whole.compare(&["--format", "json"]), exit::PASSED.into());
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let expected = serde_json::json!({ "partition": "slice:2/2", "cases": 1, "of": 2 });
    assert!(ran.stdout.contains("\"part\"") && find(&json, "part") == Some(&expected), "{}", ran.stdout);
    run(whole.bless("a part of it"), exit::USAGE.into()).complains_in_one_line(&["the run is incomplete"]);
}

/// The first value of a key, at any depth.
fn find<'a>(json: &'a serde_json::Value, key: &str) -> Option<&'a serde_json::Value> {
    match json {
        serde_json::Value::Object(fields) => {
            fields.get(key).or_else(|| fields.values().find_map(|value| find(value, key)))
        }
        serde_json::Value::Array(values) => values.iter().find_map(|value| find(value, key)),
        _ => None,
    }
}

#[test]
fn a_part_without_a_case_is_no_failure_and_no_run() {
    let desk = Desk::new();
    let ran = run(desk.bench(&["--memory-only", "--partition", "slice:3/3"]), 0);
    assert!(ran.stderr.contains("toy: no case matches `--partition slice:3/3`"), "{}", ran.stderr);
    run(desk.compare(&[]), exit::USAGE.into())
        .complains_in_one_line(&["--partition slice:3/3", "nothing was measured"]);
    let empty = highwater(&["merge", desk.run_folder().to_str().expect("text")]);
    run(empty, exit::USAGE.into());
}

#[test]
fn invalid_partitions_are_usage_errors() {
    let desk = Desk::new();
    let cases =
        [("slice:0/2", "no part 0 of 2"), ("count:1/2", "slice:env or hash:env"), ("slice:env", "CI_NODE_INDEX")];
    for (partition, problem) in cases {
        let mut bench = desk.bench(&["--memory-only", "--partition", partition]);
        for variable in ["CI_NODE_INDEX", "BUILDKITE_PARALLEL_JOB", "JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID"] {
            bench.env_remove(variable);
        }
        let ran = run(bench, exit::USAGE.into());
        assert!(ran.stderr.contains(problem), "{}", ran.stderr);
    }
    assert_eq!(desk.files(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn merged_parts_are_judged_as_one_run() {
    let (one, two) = (part("slice:1/3", &[]), part("slice:2/3", &[]));
    let three = part("slice:3/3", &[]);
    assert!(!three.record_path().exists(), "the third part has no case");
    let whole = Desk::measured_and_blessed();
    let verdicts = |whole: &Desk| {
        let ran = run(whole.compare(&["--no-confirm"]), exit::PASSED.into());
        ran.stdout.lines().last().expect("a summary").to_owned()
    };
    let expected = verdicts(&whole);
    let ran = merge(&whole, &[&three, &two, &one], &[], exit::PASSED);
    ran.line("toy: 2 cases of 2 parts; written to ");
    assert!(ran.stderr.contains("its part has no case of toy"), "{}", ran.stderr);
    assert!(ran.stderr.contains(" compare --run "), "{}", ran.stderr);
    assert_eq!(verdicts(&whole), expected);
    assert_eq!(ids(&whole.record()), [HEAP, MAPPED]);
    assert_eq!(whole.record().selection, Default::default());
    let text = |desk: &Desk| fs::read(desk.record_path()).expect("a record");
    let first = text(&whole);
    merge(&whole, &[&one, &two, &three], &[], exit::PASSED);
    assert_eq!(text(&whole), first, "the order of the parts does not matter");

    // The other consumers of a run.
    run(whole.bless_with("merged", &["--allow-dirty"]), exit::PASSED.into());
    run(whole.judge("report", &["--out", "pages"]), exit::PASSED.into());
    assert!(whole.path().join("pages/index.html").is_file());
}

#[test]
fn what_is_not_a_run_is_not_merged() {
    let (one, two) = (part("slice:1/2", &[]), part("slice:2/2", &[]));
    let into = Desk::new();
    let refused = |parts: &[&Desk], part: &[&str]| {
        merge(&into, parts, &[], exit::USAGE).complains_in_one_line(part);
        assert!(!into.record_path().exists());
    };
    refused(&[&one], &["not merged: toy: 1 of 2 cases are in no part: slice:2/2 is missing (toy/mapped/pages=4)"]);
    refused(&[&one, &two, &one], &["slice:1/2 is in both", "leave one of them out"]);
    let injected = part("slice:2/2", &["--inject", "16"]);
    refused(&[&one, &injected], &["different worker options: none in", ", --inject=16 in"]);
    edit(&injected.record_path(), |record| {
        record.selection.worker_options = Default::default();
        record.fingerprint.context.insert("commit".into(), "f00f00f00f00".into());
    });
    refused(&[&one, &injected], &["different revisions: ", ", f00f00f00f00 in"]);
    let newer = fs::read_to_string(two.record_path()).expect("text").replace("\"schema\": 2", "\"schema\": 3");
    let path = injected.record_path();
    fs::write(&path, newer).expect("written");
    refused(&[&one, &injected], &["schema version 3", &path.display().to_string()]);
    let same = highwater(&["merge", "--output"]);
    let mut same = same;
    same.arg(one.run_folder()).arg(one.run_folder());
    run(same, exit::USAGE.into()).complains_in_one_line(&["--output: ", "is one of the folders to merge"]);

    // A census that is knowingly incomplete is judged as a run with cases that were not run.
    let whole = Desk::measured_and_blessed();
    let ran = merge(&whole, &[&one], &["--allow-missing"], exit::PASSED);
    ran.line("toy: 2 cases of 1 part (1 not run)");
    let ran = run(whole.compare(&["--no-confirm"]), exit::REGRESSED.into());
    assert!(ran.finding("not run").contains("toy/mapped/pages=4: slice:2/2 is missing"), "{}", ran.stdout);
    run(whole.compare(&["--no-confirm", "--allow-missing"]), exit::PASSED.into());
}

#[test]
fn suites_are_measured_in_parts() {
    let desk = Desk::new();
    let file = desk.path().join("highwater.toml");
    fs::write(
        &file,
        "schema = 1\n[[suite]]\nname = \"first\"\ncommand = [\"/bin/sh\", \"-c\", \"exit {n}\"]\nsamples = 5\nparam = [\"n=0,3,4\"]\n\
         [[suite]]\nname = \"second\"\ncommand = [\"/bin/true\"]\nsamples = 5\n",
    )
    .expect("written");
    let measure = |partition: &str| {
        let folder = desk.path().join(partition.replace([':', '/'], "-"));
        let mut command = highwater(&["run", "--partition", partition, "--file"]);
        command.arg(&file).arg("--run").arg(&folder).current_dir(desk.path());
        (run(command, exit::PASSED.into()), folder)
    };
    let (first, second) = (measure("slice:1/2"), measure("slice:2/2"));
    assert!(first.0.stderr.contains("first: 2 cases with 5 runs each, only slice:1/2;"), "{}", first.0.stderr);
    assert!(second.0.stderr.contains("second: no case in slice:2/2"), "{}", second.0.stderr);
    let record = |folder: &Path, name: &str| read_record(&folder.join(format!("{name}.json"))).expect("a record");
    assert_eq!(ids(&record(&first.1, "first")), ["first/n=0", "first/n=4"]);
    assert_eq!(ids(&record(&second.1, "first")), ["first/n=3"]);

    let mut command = highwater(&["merge", "--output"]);
    command.arg(desk.run_folder()).args([&second.1, &first.1]);
    let ran = run(command, exit::PASSED.into());
    ran.line("first: 3 cases of 2 parts");
    ran.line("second: 1 case of 1 part");
    assert_eq!(ids(&record(&desk.run_folder(), "first")), ["first/n=0", "first/n=3", "first/n=4"]);
    // A record of an earlier merge in the same folder is not part of this one.
    let stale = Record { family: "zoo".into(), ..common::record() };
    write_record(&desk.run_folder().join("zoo.json"), &stale).expect("written");
    let ran = run(desk.compare(&[]), exit::NO_BASELINE.into());
    assert!(ran.stderr.contains("note: zoo: skipping the record"), "{}", ran.stderr);
}
