//! Partial blessing changes only the lines of the selected cases and no other file. Baselines in the old format are
//! rejected with the command that converts them.

mod common;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use common::{Desk, Ran, add_per_unit, edit, record, run};
use highwater_model::{Record, exit};
use highwater_store::{LastRun, Progress, read_baseline, write_record};
use serde_json::{Value, json};

const HEAP: &str = "toy/heap/size=64k";

/// A desk with a baseline, and a run in which both cases use more memory.
fn grown() -> Desk {
    let desk = Desk::with_record();
    run(desk.bless("first measurement"), 0);
    edit(&desk.record_path(), |run| {
        add_per_unit(&mut run.cases[0], "heap_live", 16);
        add_per_unit(&mut run.cases[1], "anon_mapped", 4096);
    });
    desk
}

fn bless_part(desk: &Desk, glob: &str, reason: &str, status: u8) -> Ran {
    run(desk.judge("bless", &[glob, "--reason", reason]), status.into())
}

fn text(desk: &Desk) -> String {
    fs::read_to_string(desk.baseline_path()).expect("a baseline")
}

/// The lines of one text that are missing in the other, in order.
fn only_in<'a>(text: &'a str, other: &str) -> Vec<&'a str> {
    let mut others: Vec<&str> = other.lines().collect();
    let is_new = |line: &&str| match others.iter().position(|other| other == line) {
        Some(index) => {
            others.remove(index);
            false
        }
        None => true,
    };
    text.lines().filter(is_new).collect()
}

/// The lines of a case in a baseline.
fn section<'a>(text: &'a str, case: &str) -> Vec<&'a str> {
    let of_case = text.lines().skip_while(|line| !line.starts_with(&format!("case {case} ")));
    of_case.take_while(|line| !line.is_empty()).collect()
}

#[test]
fn a_partial_bless_changes_only_the_selected_cases() {
    let desk = grown();
    let before = text(&desk);
    let ran = bless_part(&desk, "toy/heap/*", "buffers got a header", exit::PASSED);
    assert!(ran.line("heap_live, slope of live").contains("+16 B per buffer"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("mapped/pages=4"), "{}", ran.stdout);

    let after = text(&desk);
    let (removed, added) = (only_in(&before, &after), only_in(&after, &before));
    let (blessing, values) = added.split_first().expect("lines");
    assert!(
        blessing.starts_with("blessed 20") && blessing.ends_with(" toy/heap/*: buffers got a header"),
        "{blessing}"
    );
    assert_eq!(values.len(), 3, "one slope and two growths: {values:?}");
    assert!(
        values.iter().all(|line| line.contains(" heap_live ") && section(&after, HEAP).contains(line)),
        "{values:?}"
    );
    assert!(removed.len() == 3 && removed.iter().all(|line| section(&before, HEAP).contains(line)), "{removed:?}");
    assert!(after.contains(" all: first measurement"), "the first blessing is kept:\n{after}");

    // Other cases still fail. Selecting them adds a blessing; blessing the family replaces all blessings.
    let compared = run(desk.compare(&["--no-confirm"]), exit::REGRESSED.into());
    assert!(compared.finding("regressed").contains("toy/mapped/pages=4: anon_mapped"), "{}", compared.stdout);
    bless_part(&desk, "toy/{mapped,none}/*", "a guard page", exit::PASSED);
    let reasons = |desk: &Desk| -> Vec<String> {
        let baseline = read_baseline(&desk.baseline_path()).expect("a baseline");
        baseline.blessings.into_iter().map(|blessing| blessing.reason).collect()
    };
    assert_eq!(reasons(&desk), ["first measurement", "buffers got a header", "a guard page"]);
    run(desk.compare(&[]), exit::PASSED.into()).line(": first measurement");
    run(desk.bless("all of it"), 0);
    assert_eq!(reasons(&desk), ["all of it"]);
}

#[test]
fn a_partial_bless_of_a_filtered_run_keeps_other_cases() {
    let desk = grown();
    let before = text(&desk);
    edit(&desk.record_path(), |run| {
        run.cases.truncate(1);
        run.selection.filter = Some("heap".into());
    });
    run(desk.bless("all of it"), exit::USAGE.into())
        .complains_in_one_line(&["it used a filter", "name the cases to update"]);
    bless_part(&desk, "toy/*", "buffers got a header", exit::PASSED);
    let after = text(&desk);
    assert_eq!(section(&after, "toy/mapped/pages=4"), section(&before, "toy/mapped/pages=4"));
    assert_ne!(section(&after, HEAP), section(&before, HEAP));
}

#[test]
fn a_partial_bless_removes_cases_missing_from_a_full_run() {
    let desk = grown();
    edit(&desk.record_path(), |run| run.cases[0].id = "toy/heap/size=32k".parse().expect("an id"));
    let ran = bless_part(&desk, "toy/heap/*", "smaller buffers", exit::PASSED);
    assert!(ran.line("heap/size=64k").contains("removed") && ran.line("heap/size=32k").contains("added"));
    let cases: Vec<String> =
        read_baseline(&desk.baseline_path()).expect("a baseline").cases.keys().map(ToString::to_string).collect();
    assert_eq!(cases, ["toy/heap/size=32k", "toy/mapped/pages=4"]);
}

#[test]
fn an_invalid_selection_is_rejected() {
    let desk = grown();
    let before = desk.contents();
    bless_part(&desk, "toy/none/*", "x", exit::USAGE).complains_in_one_line(&["not blessed", "`toy/none/*`"]);
    assert!(bless_part(&desk, "toy/[", "x", exit::USAGE).stderr.contains("CASE-GLOB"));
    edit(&desk.record_path(), |run| run.baseline_stage = "start".parse().expect("a stage"));
    bless_part(&desk, "toy/heap/*", "x", exit::USAGE)
        .complains_in_one_line(&["the baseline stage is start, but loaded in the baseline"]);
    assert_eq!(desk.contents(), before);

    let first = Desk::with_record();
    bless_part(&first, "toy/heap/*", "x", exit::USAGE)
        .complains_in_one_line(&["toy: there is no baseline to update", "bless the whole family"]);
    assert!(!first.baselines().join("linux-x86_64-4k-thp_madvise-glibc-aslr_off").exists());
}

#[test]
fn blessing_one_family_keeps_other_files_unchanged() {
    let desk = Desk::with_record();
    let zoo = desk.run_folder().join("zoo.json");
    let mut other = Record { family: "zoo".into(), ..record() };
    for case in &mut other.cases {
        case.id = case.id.as_str().replacen("toy", "zoo", 1).parse().expect("an id");
    }
    write_record(&zoo, &other).expect("written");
    run(desk.bless("first measurement"), 0);
    let grow = |run: &mut Record| add_per_unit(&mut run.cases[0], "heap_live", 16);
    edit(&desk.record_path(), grow);
    edit(&zoo, grow);
    let zoo_file = desk.baseline_path().with_file_name("zoo.txt");
    let before = fs::read(&zoo_file).expect("a baseline");

    let written = |ran: Ran| ran.stdout.lines().filter(|line| line.starts_with("written to ")).count();
    assert_eq!(written(bless_part(&desk, "toy/**", "buffers got a header", exit::PASSED)), 1);
    assert_eq!(fs::read(&zoo_file).expect("still there"), before);

    // The same if only one family belongs to the last run.
    edit(&desk.record_path(), |run| drop(run.fingerprint.context.insert("run_id".into(), "7-7".into())));
    LastRun::note(&desk.run_folder(), "7-7", None, "toy", Progress::Measured).expect("noted");
    let ran = run(desk.bless("all of it"), 0);
    assert!(
        ran.stderr.contains("note: zoo: skipping the record of an unknown time, which is from an earlier run"),
        "{}",
        ran.stderr
    );
    assert_eq!(written(ran), 1);
    assert_eq!(fs::read(&zoo_file).expect("still there"), before);
}

/// Writes a baseline in the old JSON format, without today's metrics, with a blessing, noise, and a blessed failure.
fn make_old(desk: &Desk) -> PathBuf {
    let mut old = serde_json::to_value(record()).expect("JSON");
    let fields = old.as_object_mut().expect("an object");
    let baseline_stage = fields.remove("baseline_stage").expect("a stage");
    fields.insert("reference".to_owned(), baseline_stage);
    fields.insert("schema".to_owned(), 1.into());
    old["blessed"] = json!({"reason": "long ago", "at": "2026-07-01T12:00:00Z"});
    old["cases"][0]["noise"] =
        json!({"anon, slope of live": {"class": "lattice", "workers": 50, "batches": 2, "envelope": 8192.0}});
    old["cases"][1]["died"] = json!([{"outcome": {"kind": "out_of_memory"}, "last_stage": null, "output_tail": ""}]);
    for stage in old["cases"]
        .as_array_mut()
        .expect("cases")
        .iter_mut()
        .flat_map(|case| case["stages"].as_array_mut().expect("stages").iter_mut())
    {
        let memory = stage["memory"].as_object_mut().expect("columns");
        memory.retain(|name, _: &mut Value| !name.starts_with("heap_") && !name.starts_with("anon_"));
    }
    let path = desk.baseline_path().with_extension("json");
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(&path, old.to_string()).expect("written");
    path
}

#[test]
fn an_old_baseline_is_rejected_with_the_command_to_convert_it() {
    let desk = Desk::with_record();
    let old = make_old(&desk);
    let name = old.display().to_string();
    bless_part(&desk, "toy/heap/*", "x", exit::INTERNAL).complains_in_one_line(&[&name, "convert it: highwater bless"]);
    let refused = run(desk.compare(&[]), exit::INTERNAL.into());
    refused.complains_in_one_line(&[&name, "a baseline in the JSON format of an older version"]);
    let error = refused.stderr.lines().next().unwrap_or_default();
    let (_, command) = error.split_once("convert it: ").expect("a command");

    let program = PathBuf::from(env!("CARGO_BIN_EXE_highwater"));
    let path = std::env::join_paths(
        [program.parent().expect("a folder").to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).env("PATH", path.expect("a path")).current_dir("/").stdin(Stdio::null());
    let ran = run(assert_cmd::Command::from_std(shell), 0);
    ran.line(&format!("removed {name}"));
    assert!(!old.exists());

    let converted = read_baseline(&desk.baseline_path()).expect("a baseline");
    assert_eq!(converted.blessings[0].reason, "converted");
    let stages = text(&desk).lines().filter(|line| line.starts_with("stages start loaded live@")).count();
    assert_eq!(stages, 2, "one of each case:\n{}", text(&desk));
    assert!(section(&text(&desk), "toy/mapped/pages=4").contains(&"fails out of memory"));
    // Values in the old baseline pass; values missing from it are new.
    let compared = run(desk.compare(&[]), exit::PASSED.into());
    compared.line("new            toy/heap/size=64k: the baseline has no value for anon_mapped");
}

#[test]
fn blessing_the_family_replaces_an_old_baseline() {
    let desk = Desk::with_record();
    let old = make_old(&desk);
    let ran = run(desk.bless("measured anew"), 0);
    ran.line(&format!("written to {}", desk.baseline_path().display()));
    ran.line(&format!("removed {}", old.display()));
    assert!(!old.exists());
    run(desk.compare(&["--strict"]), exit::PASSED.into());
}
