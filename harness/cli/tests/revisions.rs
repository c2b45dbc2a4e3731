//! End-to-end tests with two revisions of a real family: a copy of this workspace in a separate repository, in which
//! the memory of sandboxes is increased and decreased. `compare` and `ab` must detect it, and `git bisect run` must
//! find it. `explain` must name the function.

mod common;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use common::project::{Project, ran, text};
use highwater_explain::fault_permission;
use highwater_judge::{Keep, Kind, Policy, baselines};
use highwater_model::exit;
use highwater_store::{read_record, stage_baseline};
use serde_json::Value;

/// The measured case and its package.
const CASE: &str = "^sandbox-scaling/on-demand/cow=on,guest=tiny$";
/// The same as a glob.
const TINY: &str = "sandbox-scaling/on-demand/cow=on,guest=tiny";
/// A case whose guest touches pages itself.
const TOUCHER: &str = "sandbox-scaling/on-demand/cow=on,guest=toucher";
const PACKAGE: &str = "sandbox-scaling";
/// The packages that are built again, of which the first is built eight times, are not optimised. Wasmtime stays
/// optimised, and what the workers link of the harness.
const UNOPTIMISED: [&str; 7] = [
    PACKAGE,
    "highwater",
    "highwater-judge",
    "highwater-report",
    "highwater-store",
    "highwater-stats",
    "wasm-programs",
];
/// The source file that creates sandboxes.
const SOURCE: &str = "benches/sandbox-scaling/src/host.rs";
const CREATED: &str = "        Ok(Self { store, instance, memory })\n";
/// Dirties one more page of linear memory in every sandbox.
const LINEAR: &str = "        memory.data_mut(&mut store)[15 * 4096] = 1;\n";
/// Leaks one page of the host's heap per sandbox, and takes some tens of microseconds.
const HEAP: &str = "        std::mem::forget(std::hint::black_box(vec![1_u8; 4096]));
        (0..20_000_u32).for_each(|turn| drop(std::hint::black_box(turn)));\n";

/// The copy of the workspace.
struct Copy(Project);

impl Copy {
    fn make() -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
        let project = Project::named("revisions");
        let listed = text(&ran(Command::new("git").arg("-C").arg(workspace).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])));
        for file in listed.split('\0').filter(|file| !file.is_empty()) {
            let Ok(mut content) = fs::read(workspace.join(file)) else { continue };
            if file == "Cargo.toml" {
                let profile = |package| format!("\n[profile.release.package.{package}]\nopt-level = 0\n");
                content.extend(UNOPTIMISED.iter().flat_map(|package| profile(package).into_bytes()));
            }
            project.write(file, content);
        }
        let _ = fs::remove_dir_all(project.root.join("own-baselines"));
        project.start_repository();
        Self(project)
    }

    /// Writes the source of the family with an addition to the creation of sandboxes.
    fn change(&self, addition: &str) {
        let path = self.0.root.join(SOURCE);
        let original =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(SOURCE)).expect("there");
        assert_eq!(original.matches(CREATED).count(), 1, "{SOURCE} has changed: update this test");
        fs::write(path, original.replace(CREATED, &format!("{addition}{CREATED}"))).expect("written");
    }

    /// Measures the cases that match.
    fn bench(&self, filter: &str) {
        let mut command = self.0.command("cargo");
        ran(command.args(["bench", "--quiet", "-p", PACKAGE, "--", "--memory-only", "--samples", "5", filter]));
    }

    fn compare(&self, more: &[&str]) -> Output {
        let mut command = self.0.command(env!("CARGO_BIN_EXE_highwater"));
        command.args(["compare", "--baselines", "own-baselines"]).args(more).output().expect("started")
    }

    /// The stacks of a case at a stage, those that grew most first.
    fn explain(&self, case: &str, stage: &str, more: &[&str]) -> Vec<Value> {
        let mut command = self.0.command(env!("CARGO_BIN_EXE_highwater"));
        let explained = ran(command.args(["explain", case, "--stage", stage, "--format", "json"]).args(more));
        let explained: Value = serde_json::from_slice(&explained.stdout).expect("JSON");
        explained["rows"].as_array().expect("rows").clone()
    }

    fn ab(&self, base: &str) -> Output {
        self.ab_of(base, "5", &[])
    }

    fn ab_of(&self, base: &str, samples: &str, more: &[&str]) -> Output {
        let mut command = self.0.command(env!("CARGO_BIN_EXE_highwater"));
        command.args(["ab", base, CASE, "--package", PACKAGE, "--samples", samples]).args(more);
        command.output().expect("started")
    }
}

/// The expected changes from one more page of linear memory, and of the host's heap.
const MAPPED: (&str, &str) = ("anon_mapped", "4 KiB per sandbox, 1 page, in linear_memory");
const LIVE: (&str, &str) = ("heap_live", "4 KiB per sandbox");

/// Expects that the first stack is of this function, with 4 KiB per sandbox. Stacks of pages cannot be recorded
/// everywhere.
fn assert_culprit(rows: &[Value], function: &str, is_of_pages: bool) {
    if is_of_pages && fault_permission().is_err() {
        return;
    }
    let first = rows.first().unwrap_or_else(|| panic!("nothing grew by {function}"));
    assert!(first["stack"][0]["function"].as_str().is_some_and(|name| name.contains(function)), "{first}");
    assert_eq!((&first["per_unit"], first["category"].is_null()), (&4096.0.into(), !is_of_pages), "{first}");
}

/// Expects that the output of a comparison has a stack with this function below the finding.
fn assert_explained(output: &Output, function: &str, is_of_pages: bool) {
    if is_of_pages && fault_permission().is_err() {
        return;
    }
    let out = text(output);
    let line = out.lines().find(|line| line.contains("+4,096 B per sandbox (+"));
    let line = line.unwrap_or_else(|| panic!("no stack:\n{out}\n{}", String::from_utf8_lossy(&output.stderr)));
    assert!(line.contains(function), "{line}");
}

/// Expects an exit status, and a line of this kind about the slope of a metric with the change per sandbox.
fn assert_verdict(output: &Output, status: u8, kind: Kind, sign: &str, (metric, change): (&str, &str)) {
    let (out, err) = (text(output), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(status.into()), "{out}\n{err}");
    let of_kind = out.lines().filter(|line| line.trim_start().starts_with(&kind.to_string()));
    let line = of_kind.into_iter().find(|line| line.contains(&format!(": {metric} per sandbox at live")));
    let line = line.unwrap_or_else(|| panic!("nothing about {metric} {kind}:\n{out}\n{err}"));
    assert!(line.contains(&format!("({sign}{change}")), "{line}");
}

#[test]
fn one_page_per_sandbox_is_detected_and_bisected() {
    let copy = Copy::make();
    let highwater = env!("CARGO_BIN_EXE_highwater");

    // A function of the guest has its name: this guest has no names of its own, so that it is a number.
    copy.bench(&format!("^{TOUCHER}$"));
    if fault_permission().is_ok() {
        let rows = copy.explain(TOUCHER, "called", &[]);
        let names =
            rows.iter().filter(|row| row["category"] == "linear_memory").map(|row| &row["stack"][0]["function"]);
        let names: Vec<&str> = names.filter_map(Value::as_str).collect();
        assert!(names.iter().any(|name| name.starts_with("wasm[0]::function[")), "{names:?}");
    }

    // Create the baseline directly, since `bless` rejects a filtered run.
    copy.bench(CASE);
    let run = read_record(&copy.0.target.join("highwater/sandbox-scaling.json")).expect("a record");
    let path = baselines::path(&copy.0.root.join("own-baselines"), &run.fingerprint.class, &run.family);
    let baseline = baselines::of_run(&run, &Policy::default(), Keep::Gated);
    stage_baseline(&path, &baseline).and_then(|staged| staged.commit()).expect("written");
    assert_eq!(copy.compare(&[]).status.code(), Some(exit::PASSED.into()));
    // Two builds of one revision do not differ by a page per unit.
    let differences = copy.explain(TINY, "live", &["--base", "HEAD"]);
    let is_above = |row: &&Value| row["per_unit"].as_f64().is_some_and(|bytes| bytes.abs() > 4096.0);
    assert_eq!(differences.iter().filter(is_above).count(), 0, "{differences:#?}");

    copy.change(LINEAR);
    copy.bench(CASE);
    let compared = copy.compare(&["--explain"]);
    assert_verdict(&compared, exit::REGRESSED, Kind::Regressed, "+", MAPPED);
    assert_explained(&compared, "CoreLive::new", true);
    let mut report = copy.0.command(highwater);
    ran(report.args(["report", "--baselines", "own-baselines", "--out", "../site"]));
    let page = copy.0.root.join("../site/case/sandbox-scaling+on-demand+cow=on,guest=tiny.html");
    let page = fs::read_to_string(page).expect("a page");
    assert!(page.contains("id=\"flame-0-difference\"") && page.contains("id=\"flame-0-growth\""));
    assert_culprit(&copy.explain(TINY, "live", &["--base", "HEAD"]), "CoreLive::new", true);
    assert_verdict(&copy.ab("HEAD"), exit::REGRESSED, Kind::Regressed, "+", MAPPED);

    copy.change(HEAP);
    copy.bench(CASE);
    assert_verdict(&copy.compare(&[]), exit::REGRESSED, Kind::Regressed, "+", LIVE);
    assert_culprit(&copy.explain(TINY, "live", &["--base", "HEAD"]), "CoreLive::new", false);
    let compared = copy.ab_of("HEAD", "5", &["--explain"]);
    assert_verdict(&compared, exit::REGRESSED, Kind::Regressed, "+", LIVE);
    assert_explained(&compared, "CoreLive::new", false);

    // It is also slower, which ten pairs of workers can detect and five cannot.
    let slower = copy.ab_of("HEAD", "10", &["--gate-time", "--format", "sarif"]);
    assert_eq!(slower.status.code(), Some(exit::REGRESSED.into()));
    let sarif: Value = serde_json::from_slice(&slower.stdout).expect("JSON");
    let findings = sarif["runs"][0]["results"].as_array().expect("results");
    let of_time = findings.iter().find(|found| {
        let text = found["message"]["text"].as_str().unwrap_or_default();
        found["ruleId"] == "regressed" && text.contains("CPU time to live@")
    });
    let of_time = of_time.unwrap_or_else(|| panic!("nothing about time: {sarif:#}"));
    let place = &of_time["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(place, "benches/sandbox-scaling/benches/sandbox-scaling.rs");
    let page = fs::read_to_string(copy.0.target.join("highwater/ab/compare.html")).expect("a page");
    assert!(page.contains("HEAD against the working tree") && page.contains("CPU time to live@"));

    // Good, good, bad, bad: the third must be found.
    let good = copy.0.git(&["rev-parse", "HEAD"]).trim().to_owned();
    copy.change("");
    copy.0.commit("nothing");
    copy.change(HEAP);
    let culprit = copy.0.commit("the culprit");
    copy.0.commit("nothing again");
    copy.0.git(&["bisect", "start", "HEAD", &good]);
    let mut bisect = copy.0.command("git");
    bisect.args(["bisect", "run", highwater, "ab", &good, CASE, "--package", PACKAGE, "--samples", "5"]);
    let found = text(&ran(&mut bisect));
    assert!(found.contains(&format!("{culprit} is the first bad commit")), "{found}");
    copy.0.git(&["bisect", "reset"]);

    copy.change("");
    assert_verdict(&copy.ab("HEAD"), exit::PASSED, Kind::Improved, "-", LIVE);

    // A revision that cannot be measured has no verdict.
    copy.change("        this is not Rust\n");
    let broken = copy.ab("HEAD");
    assert_eq!(broken.status.code(), Some(exit::UNTESTABLE.into()), "{}", String::from_utf8_lossy(&broken.stderr));
    assert!(String::from_utf8_lossy(&broken.stderr).contains("does not build"));
    let unknown = copy.ab("no-such-revision");
    assert_eq!(unknown.status.code(), Some(exit::USAGE.into()));
    let stderr = String::from_utf8_lossy(&unknown.stderr);
    assert!(stderr.contains("error: `no-such-revision` is not a revision of this repository\nnext: "), "{stderr}");
}
