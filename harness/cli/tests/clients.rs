//! The clients of the stage protocol in `clients/` work, within a run and outside one.

mod common;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use common::{
    other_program::{assert_cost_of_units, assert_stages, run},
    programs::is_installed,
};
use highwater_model::{Quantity, Sample};

const STAGES: [&str; 4] = ["loaded", "live@1", "live@10", "live@100"];

/// The folder of a client.
fn client(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients").join(language).canonicalize().expect("a folder")
}

/// What all clients send: the case and the inputs as notes, and a figure.
fn assert_job_arrived(sample: &Sample) {
    for (name, text) in [("case", "toy/heap/size=64k"), ("input", "cache/data.bin")] {
        assert!(sample.notes.contains(&(name.to_owned(), text.to_owned())), "{:?}", sample.notes);
    }
    let figure: Quantity = "figure.answers".parse().expect("a figure");
    assert_eq!(sample.readings[0].snapshot.get(figure), Some(42));
}

/// Runs the program outside of a run, where it must end by itself.
fn assert_works_alone(mut command: Command, printed: &str) {
    let output = command.env_remove("HIGHWATER_PADDING").output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), printed);
}

#[test]
fn the_python_client_climbs_its_ladder() {
    if !is_installed("python3") {
        return;
    }
    let program = format!(
        r#"import sys
sys.path.insert(0, {:?})
from highwater_stages import Worker
with Worker() as worker:
    worker.note("case", worker.case)
    worker.note("input", " ".join(worker.inputs))
    worker.figure("answers", 42)
    worker.stage("loaded")
    units = []
    for n in worker.ladder("live", default=[2]):
        while len(units) < n:
            units.append(bytearray(65536))
print(len(units))
"#,
        client("python")
    );
    let sample = run("/usr/bin/env", &["python3", "-c", &program]);
    assert_stages(&sample, &STAGES);
    assert_cost_of_units(&sample);
    assert_job_arrived(&sample);
    let mut alone = Command::new("python3");
    alone.args(["-c", &program]);
    assert_works_alone(alone, "2");
}

#[test]
fn a_python_program_that_fails_has_its_own_status() {
    if !is_installed("python3") {
        return;
    }
    let program = format!(
        "import sys\nsys.path.insert(0, {:?})\nfrom highwater_stages import Worker\nwith Worker() as worker:\n    1 / 0\n",
        client("python")
    );
    let sample = run("/usr/bin/env", &["python3", "-c", &program]);
    assert_eq!(sample.outcome.to_string(), "exited with status 1");
    assert!(sample.output_tail.contains("ZeroDivisionError"), "{}", sample.output_tail);
}

#[test]
fn the_javascript_client_climbs_its_ladder() {
    if !is_installed("node") {
        return;
    }
    let program = format!(
        r#"const {{ Worker }} = await import({:?});
const worker = new Worker();
worker.note("case", worker.case);
worker.note("input", worker.inputs.join(" "));
worker.figure("answers", 42);
worker.stage("loaded");
const units = [];
for (const n of worker.ladder("live", [2])) while (units.length < n) units.push(Buffer.alloc(65536, 1));
worker.end();
console.log(units.length);
"#,
        client("javascript").join("highwater-stages.mjs")
    );
    let args = ["node", "--input-type=module", "-e", &program];
    let sample = run("/usr/bin/env", &args);
    assert_stages(&sample, &STAGES);
    assert_job_arrived(&sample);
    let mut alone = Command::new("node");
    alone.args(&args[1..]);
    assert_works_alone(alone, "2");
}

#[test]
fn the_c_client_climbs_its_ladder() {
    if !is_installed("cc") {
        return;
    }
    let program = r#"
#include "highwater_stages.h"
int main(void) {
    static struct highwater worker;
    highwater_open(&worker);
    highwater_note(&worker, "case", worker.case_id);
    highwater_note(&worker, "input", worker.inputs[0]);
    highwater_figure(&worker, "answers", 42);
    highwater_stage(&worker, "loaded");
    size_t made = 0;
    for (size_t i = 0; i < worker.scales; i++) {
        for (; made < worker.ladder[i]; made++) memset(malloc(65536), 1, 65536);
        highwater_rung(&worker, "live", worker.ladder[i]);
    }
    highwater_end(&worker);
    printf("%zu\n", made);
}
"#;
    let folder = tempfile::tempdir().expect("a folder");
    let (source, built) = (folder.path().join("worker.c"), folder.path().join("worker"));
    std::fs::write(&source, program).expect("written");
    let mut compile = Command::new("cc");
    compile
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(client("c"))
        .arg(&source)
        .arg("-o")
        .arg(&built);
    assert!(compile.status().expect("started").success());
    let sample = run(built.to_str().expect("text"), &[]);
    assert_stages(&sample, &STAGES);
    assert_cost_of_units(&sample);
    assert_job_arrived(&sample);
    assert_works_alone(Command::new(&built), "0");
}
