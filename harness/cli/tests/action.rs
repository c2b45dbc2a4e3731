//! The steps of the composite action in `action.yml`, run by a shell as GitHub does, with programs in place of cargo and
//! highwater that write down how they were called. The examples of `docs/ci.md` that use them.

#[path = "common/stand_in.rs"]
mod stand_in;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
};

use serde::Deserialize;
use serde_norway::Value;
use stand_in::{path_with, stand_in};

#[derive(Deserialize)]
struct Action {
    inputs: BTreeMap<String, Input>,
    runs: Runs,
}

#[derive(Deserialize)]
struct Input {
    default: String,
}

#[derive(Deserialize)]
struct Runs {
    using: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    name: String,
    shell: Option<String>,
    run: Option<String>,
    uses: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

fn action() -> Action {
    serde_norway::from_str(include_str!("../../../action.yml")).expect("an action")
}

/// Runs a step with the inputs' defaults and these instead.
fn run(name: &str, inputs: &[(&str, &str)], project: &Path) -> Output {
    let action = action();
    let step = action.runs.steps.iter().find(|step| step.name == name).expect("the step");
    let input = |name: &str| {
        let given = inputs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        given.unwrap_or_else(|| action.inputs[name].default.clone())
    };
    let value = |text: &String| match text.strip_prefix("${{ inputs.").and_then(|rest| rest.strip_suffix(" }}")) {
        Some(name) => input(name),
        None => text.clone(),
    };
    // The arguments that GitHub gives to a step with `shell: bash`.
    Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", step.run.as_deref().expect("a script")])
        .current_dir(project)
        .envs(step.env.iter().map(|(name, text)| (name, value(text))))
        .env("PATH", path_with(&project.join("programs")))
        .env("GITHUB_ACTION_PATH", "/the action")
        .env("GITHUB_OUTPUT", project.join("output"))
        .env("GITHUB_STEP_SUMMARY", project.join("summary"))
        .output()
        .expect("bash")
}

/// A project in which `highwater compare` has this exit status.
fn project(status: i32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let programs = folder.path().join("programs");
    fs::create_dir_all(&programs).expect("created");
    stand_in(&programs, "cargo", 0, "");
    let writes =
        "mkdir -p target/reports\necho note >target/reports/annotations.txt\necho text >target/reports/summary.md";
    stand_in(&programs, "highwater", status, if matches!(status, 0 | 3) { writes } else { "" });
    stand_in(&programs, "gh", 0, "");
    folder
}

fn text(project: &Path, name: &str) -> String {
    fs::read_to_string(project.join(name)).unwrap_or_default()
}

#[test]
fn every_script_names_its_shell() {
    let runs = action().runs;
    assert_eq!(runs.using, "composite");
    for step in runs.steps {
        assert!(step.run.is_some() != step.uses.is_some(), "{}", step.name);
        assert_eq!(step.run.is_some(), step.shell.as_deref() == Some("bash"), "{}", step.name);
        let expressions = step.run.as_deref().unwrap_or_default().contains("${{");
        assert!(!expressions, "{}: the shell would interpret an expression", step.name);
    }
}

#[test]
fn benches_are_measured_with_the_inputs_as_words() {
    let project = project(0);
    assert!(run("Install highwater", &[], project.path()).status.success());
    assert!(run("Measure", &[], project.path()).status.success());
    let inputs = [("bench", "-p cache --bench lru"), ("arguments", "--memory-only $(touch x) lru")];
    assert!(run("Measure", &inputs, project.path()).status.success());
    let expected = "cargo [install] [--quiet] [--locked] [--path] [/the action/harness/cli]\n\
                    cargo [bench] [--workspace] [--] [--memory-only]\n\
                    cargo [bench] [-p] [cache] [--bench] [lru] [--] [--memory-only] [$(touch] [x)] [lru]\n";
    assert_eq!(text(project.path(), "calls"), expected);
}

#[test]
fn the_exit_status_of_the_gate_is_that_of_the_step() {
    for status in [0, 1, 3] {
        let project = project(status);
        let ran = run("Judge", &[("compare", "--strict")], project.path());
        assert_eq!(ran.status.code(), Some(status));
        assert_eq!(text(project.path(), "output"), format!("status={status}\n"));
        let has_verdict = status != 1;
        assert_eq!(text(project.path(), "summary"), if has_verdict { "text\n" } else { "" });
        assert_eq!(String::from_utf8_lossy(&ran.stdout), if has_verdict { "note\n" } else { "" });
        assert!(text(project.path(), "calls").starts_with("highwater [compare] [--strict] [--export] [github="));
    }
}

#[test]
fn a_comment_needs_a_summary() {
    let project = project(0);
    assert!(run("Comment", &[], project.path()).status.success());
    assert_eq!(text(project.path(), "calls"), "");
    assert!(run("Judge", &[], project.path()).status.success());
    assert!(run("Comment", &[], project.path()).status.success());
    assert!(text(project.path(), "calls").contains("gh [pr] [comment]"), "{}", text(project.path(), "calls"));
}

/// The examples in YAML of the page on CI.
fn examples() -> Vec<Value> {
    let page = include_str!("../../../docs/ci.md");
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split_once("```"));
    blocks.map(|(block, _)| serde_norway::from_str(block).unwrap_or_else(|error| panic!("{error}:\n{block}"))).collect()
}

#[test]
fn the_workflow_of_the_page_uses_the_action_with_its_inputs() {
    let workflows = examples();
    let steps = workflows.iter().filter_map(|it| it["jobs"]["memory"]["steps"].as_sequence()).flatten();
    let uses = steps.filter(|step| step["uses"].as_str().is_some_and(|action| action.starts_with("OWNER/highwater@")));
    let with: Vec<&Value> = uses.map(|step| &step["with"]).collect();
    assert_eq!(with.len(), 1);
    let inputs = action().inputs;
    for (name, value) in with[0].as_mapping().expect("inputs") {
        let name = name.as_str().expect("text");
        assert!(inputs.contains_key(name) && value.is_string(), "{name}: {value:?}");
    }
}

/// pre-commit splits the entry into words as a shell does, and fails with any status but 0.
#[test]
fn the_hook_of_the_page_fails_with_the_gate() {
    let examples = examples();
    let hooks = examples.iter().find_map(|example| example["repos"][0]["hooks"].as_sequence()).expect("hooks");
    assert_eq!((hooks.len(), hooks[0]["language"].as_str()), (1, Some("system")));
    let entry = hooks[0]["entry"].as_str().expect("a command");
    for status in [0, 3] {
        let project = project(status);
        let path =
            format!("{}:{}", project.path().join("programs").display(), std::env::var("PATH").unwrap_or_default());
        let ran = Command::new("sh").args(["-c", entry]).current_dir(project.path()).env("PATH", path).status();
        assert_eq!(ran.expect("sh").code(), Some(status));
        assert_eq!(
            text(project.path(), "calls"),
            "cargo [bench] [--bench] [memory] [--] [--memory-only] [--quick]\nhighwater [compare]\n"
        );
    }
}
