//! The files in `docs/examples/fleet`, by which CI systems and schedulers measure in parts: they are valid, and their
//! scripts call the commands as documented, with programs in place of cargo and highwater that write down how they were
//! called.

#[path = "common/stand_in.rs"]
mod stand_in;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;
use stand_in::{path_with, stand_in};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/fleet").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(example(name)).expect("an example")
}

fn yaml<T: for<'de> Deserialize<'de>>(text: &str) -> T {
    serde_norway::from_str(text).expect("the expected fields")
}

/// A folder with stand-ins. `cargo bench` writes a record.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let programs = folder.path().join("programs");
    fs::create_dir_all(&programs).expect("created");
    let writes = "if [ \"$1\" = bench ]; then mkdir -p target/highwater; echo {} >target/highwater/toy.json; echo {} >target/highwater/last-run; fi";
    stand_in(&programs, "cargo", 0, writes);
    stand_in(&programs, "highwater", 0, "");
    folder
}

/// Runs a script as these systems do, and returns the calls of the stand-ins.
fn calls(project: &Path, script: &str, variables: &[(&str, &str)]) -> String {
    let mut shell = Command::new("bash");
    shell.args(["--noprofile", "--norc", "-euo", "pipefail", "-c", script]);
    let path = path_with(&project.join("programs"));
    let ran = shell.current_dir(project).env("PATH", path).envs(variables.iter().copied()).output().expect("bash");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let calls = project.join("calls");
    let text = fs::read_to_string(&calls).unwrap_or_default();
    fs::write(calls, "").expect("emptied");
    text
}

const COMMAND: &str = "cargo [run] [-q] [--release] [--bin] [highwater] [--]";

#[derive(Deserialize)]
struct Workflow {
    jobs: BTreeMap<String, WorkflowJob>,
}

#[derive(Deserialize)]
struct WorkflowJob {
    needs: Option<String>,
    strategy: Option<Strategy>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Strategy {
    matrix: BTreeMap<String, Vec<u32>>,
}

#[derive(Deserialize)]
struct Step {
    name: Option<String>,
    run: Option<String>,
    uses: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

impl WorkflowJob {
    fn step(&self, name: &str) -> &Step {
        self.steps.iter().find(|step| step.name.as_deref() == Some(name)).expect("the step")
    }

    fn script(&self, name: &str) -> &str {
        self.step(name).run.as_deref().expect("a script")
    }
}

#[test]
fn the_workflow_of_github_measures_each_part_of_its_matrix() {
    let workflow: Workflow = yaml(&text("github.yml"));
    for step in workflow.jobs.values().flat_map(|job| &job.steps) {
        assert!(step.run.is_some() != step.uses.is_some());
        assert!(!step.run.as_deref().unwrap_or_default().contains("${{"), "the shell would interpret an expression");
    }
    let (measure, merge) = (&workflow.jobs["measure"], &workflow.jobs["merge"]);
    assert_eq!(merge.needs.as_deref(), Some("measure"));
    let parts = &measure.strategy.as_ref().expect("a matrix").matrix["part"];
    assert_eq!(*parts, (1..=parts.len() as u32).collect::<Vec<_>>());
    assert_eq!(measure.step("Measure").env["PART"], "${{ matrix.part }}");
    let project = project();
    for part in parts.iter().map(ToString::to_string) {
        let ran = calls(project.path(), measure.script("Measure"), &[("PART", &part)]);
        let count = parts.len();
        let expected =
            format!("cargo [bench] [--workspace] [--] [--memory-only] [--partition] [slice:{part}/{count}]\n");
        assert_eq!(ran, expected);
        fs::create_dir_all(project.path().join(format!("parts/part-{part}"))).expect("an artifact");
    }
    assert_eq!(calls(project.path(), measure.script("Judge"), &[]), format!("{COMMAND} [compare]\n"));
    let folders: String = parts.iter().map(|part| format!(" [parts/part-{part}]")).collect();
    assert_eq!(
        calls(project.path(), merge.script("Merge"), &[]),
        format!("{COMMAND} [merge]{folders} [--output] [merged]\n")
    );
    assert_eq!(calls(project.path(), merge.script("Report"), &[]), format!("{COMMAND} [report] [--run] [merged]\n"));
}

#[derive(Deserialize)]
struct GitLab {
    memory: GitLabJob,
    #[serde(rename = "memory-merge")]
    merge: GitLabJob,
}

#[derive(Deserialize)]
struct GitLabJob {
    parallel: Option<u32>,
    #[serde(default)]
    needs: Vec<String>,
    script: Vec<String>,
    artifacts: GitLabArtifacts,
}

#[derive(Deserialize)]
struct GitLabArtifacts {
    paths: Vec<String>,
}

#[test]
fn the_jobs_of_gitlab_keep_each_part_in_its_own_folder() {
    let gitlab: GitLab = yaml(&text("gitlab.yml"));
    assert_eq!((gitlab.memory.parallel, gitlab.merge.needs.as_slice()), (Some(4), &["memory".to_owned()][..]));
    assert_eq!(gitlab.memory.artifacts.paths, ["parts/"]);
    let project = project();
    for index in ["1", "2"] {
        let variables = [("CI_NODE_INDEX", index), ("CI_NODE_TOTAL", "4")];
        let expected = "cargo [bench] [--workspace] [--] [--memory-only] [--partition] [slice:env]\n";
        let ran = calls(project.path(), &gitlab.memory.script.join("\n"), &variables);
        assert_eq!(ran, format!("{expected}{COMMAND} [compare]\n"));
        for file in ["toy.json", "last-run"] {
            assert!(project.path().join("parts").join(index).join(file).is_file(), "{index}/{file}");
        }
    }
    let ran = calls(project.path(), &gitlab.merge.script.join("\n"), &[]);
    let expected = "[merge] [parts/1] [parts/2] [--output] [merged]";
    assert_eq!(ran, format!("{COMMAND} {expected}\n{COMMAND} [report] [--run] [merged]\n"));
}

/// The fields of `batch/v1` that the manifest has: any other one is a mistake.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Manifest {
    api_version: String,
    kind: String,
    #[allow(dead_code, reason = "only its form is checked")]
    metadata: Metadata,
    spec: JobSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    #[allow(dead_code, reason = "only its form is checked")]
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct JobSpec {
    completion_mode: Option<String>,
    completions: Option<u32>,
    parallelism: Option<u32>,
    backoff_limit_per_index: Option<u32>,
    template: PodTemplate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PodTemplate {
    spec: PodSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PodSpec {
    restart_policy: String,
    #[serde(default)]
    #[allow(dead_code, reason = "only its form is checked")]
    node_selector: BTreeMap<String, String>,
    containers: Vec<Container>,
    volumes: Vec<Volume>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Container {
    #[allow(dead_code, reason = "only its form is checked")]
    name: String,
    image: String,
    command: Vec<String>,
    args: Vec<String>,
    #[serde(default)]
    env: Vec<Variable>,
    security_context: Option<SecurityContext>,
    resources: Option<Resources>,
    volume_mounts: Vec<Mount>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SecurityContext {
    seccomp_profile: SeccompProfile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeccompProfile {
    r#type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resources {
    requests: BTreeMap<String, String>,
    limits: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Mount {
    name: String,
    mount_path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Volume {
    name: String,
    persistent_volume_claim: Claim,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Claim {
    claim_name: String,
}

#[test]
fn the_jobs_of_kubernetes_have_valid_fields_and_agree() {
    let text = text("kubernetes.yaml");
    let manifests: Vec<Manifest> = text.split("\n---\n").map(yaml).collect();
    let [measure, merge] = manifests.as_slice() else { panic!("two jobs") };
    for manifest in &manifests {
        assert_eq!((manifest.api_version.as_str(), manifest.kind.as_str()), ("batch/v1", "Job"));
        let pod = &manifest.spec.template.spec;
        assert_eq!(pod.restart_policy, "Never", "needed with a limit per index");
        let [container] = pod.containers.as_slice() else { panic!("one container") };
        assert_eq!(container.command, ["bash", "-ec"]);
        let parts = container.volume_mounts.iter().find(|mount| mount.mount_path == "/parts").expect("a volume");
        let volume = pod.volumes.iter().find(|volume| volume.name == parts.name).expect("the volume");
        assert_eq!(volume.persistent_volume_claim.claim_name, "memory-parts");
    }
    let (spec, container) = (&measure.spec, &measure.spec.template.spec.containers[0]);
    assert_eq!((spec.completion_mode.as_deref(), spec.backoff_limit_per_index), (Some("Indexed"), Some(1)));
    assert_eq!(spec.parallelism, spec.completions);
    let variable =
        container.env.iter().find(|variable| variable.name == "JOB_COMPLETIONS").expect("the number of parts");
    assert_eq!(Some(variable.value.as_str()), spec.completions.map(|count| count.to_string()).as_deref());
    assert_eq!(container.security_context.as_ref().expect("a profile").seccomp_profile.r#type, "Unconfined");
    let resources = container.resources.as_ref().expect("resources");
    assert_eq!(resources.requests, resources.limits, "the pod has its CPUs for itself");
    assert_eq!(container.image, merge.spec.template.spec.containers[0].image);
    // The folder of the volume is one of the test's.
    let project = project();
    let parts = project.path().join("parts");
    let script = |manifest: &Manifest| {
        manifest.spec.template.spec.containers[0].args[0].replace("/parts", &parts.display().to_string())
    };
    let part = parts.join("2/highwater");
    fs::create_dir_all(&part).expect("created");
    let ran = calls(project.path(), &script(measure), &[("JOB_COMPLETION_INDEX", "2")]);
    let expected = "cargo [bench] [--workspace] [--] [--memory-only] [--partition] [slice:env]\n";
    assert_eq!(ran, format!("{expected}highwater [compare] [--run] [{}]\n", part.display()));
    let (merged, reports) = (parts.join("merged"), parts.join("reports"));
    let (merged, reports) = (merged.display(), reports.display());
    assert_eq!(
        calls(project.path(), &script(merge), &[]),
        format!(
            "highwater [merge] [{}] [--output] [{merged}]\nhighwater [report] [--run] [{merged}] [--out] [{reports}]\n",
            part.display()
        )
    );
}

#[test]
fn the_scripts_of_slurm_measure_a_part_and_merge() {
    let project = project();
    let parts = project.path().join("parts");
    let variables = [("PARTS", parts.to_str().expect("text")), ("SLURM_ARRAY_TASK_ID", "3")];
    let script = |name: &str| example(name).display().to_string();
    let array = format!("'{}' cargo bench --workspace --", script("slurm-array"));
    let expected = "cargo [bench] [--workspace] [--] [--memory-only] [--partition] [slice:env]\n";
    assert_eq!(calls(project.path(), &array, &variables), expected);
    let part = parts.join("3/highwater");
    fs::create_dir_all(&part).expect("created");
    assert_eq!(
        calls(project.path(), &format!("'{}'", script("slurm-merge")), &variables),
        format!("highwater [merge] [{}] [--output] [{}]\n", part.display(), parts.join("merged").display())
    );
    for name in ["slurm-array", "slurm-merge"] {
        let text = text(name);
        assert!(text.starts_with("#!/bin/bash\n") && text.contains("\n#SBATCH --job-name="), "{name}");
    }
}
