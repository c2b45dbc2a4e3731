//! The plan of a command: one job for each combination of its parameters.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use highwater_model::{Stage, WorkerOptions};
use highwater_report::terminal::quoted;
use highwater_runner::{Job, Plan, Planned};
use highwater_store::one_line;
use highwater_worker::{Conditions, Limits, OutputStage, Program, UnmodifiedProgram};

use super::matrix::Combination;
use crate::CliError;

/// The stage that growth is measured from.
const BASELINE_STAGE: &str = "start";
/// What is measured, for sentences.
const UNIT: &str = "run";

/// What the jobs of a command have in common.
pub(super) struct Common<'a> {
    pub(super) family: &'a str,
    pub(super) stages: &'a [OutputStage],
    pub(super) stop_after: Option<Duration>,
    pub(super) read_every: Option<Duration>,
    pub(super) time_limit: Duration,
}

/// Creates the plan. Its workers run in `folder`, with the present environment.
///
/// # Errors
/// If this program is not known.
pub(super) fn plan(
    common: &Common<'_>,
    folder: &Path,
    command: &[OsString],
    cases: Vec<Combination>,
) -> Result<Plan, CliError> {
    let own = env::current_exe().map_err(|source| CliError::Io { path: "/proc/self/exe".into(), source })?;
    let stage: Stage = BASELINE_STAGE.parse().unwrap_or_else(|error| panic!("a constant of this file: {error}"));
    // A variable that is not UTF-8 is left out.
    let text = |(name, value): (OsString, OsString)| {
        let value = if name == "PWD" { folder.as_os_str().to_owned() } else { value };
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let environment: Vec<(String, String)> = env::vars_os().filter_map(text).collect();
    let job = |Combination { case, command }: Combination| {
        let (name, args) =
            command.split_first().map_or((OsString::new(), &[][..]), |(name, args)| (name.clone(), args));
        let path = find(&name, folder);
        // A program that was just linked has dirty pages. One that cannot be read is left as it is.
        let inputs = if fs::File::open(&path).is_ok() { vec![path.clone()] } else { Vec::new() };
        Planned::Job(Box::new(Job {
            program: Program::Unmodified(UnmodifiedProgram {
                path: path.into_os_string(),
                name,
                args: args.to_vec(),
                folder: folder.as_os_str().to_owned(),
                stages: common.stages.to_vec(),
                stop_after: common.stop_after,
                read_every: common.read_every,
            }),
            case,
            warm_up: true,
            alone: true,
            takes_turns: false,
            ladder: Vec::new(),
            options: WorkerOptions::default(),
            inputs: inputs.into_iter().filter(|path| path.to_str().is_some()).collect(),
            baseline_stage: stage.clone(),
            limits: Limits { time: common.time_limit, memory: None },
            conditions: Conditions::default(),
            environment: environment.clone(),
        }))
    };
    let context = [("command".to_owned(), shown(command))].into();
    Ok(Plan::new(common.family, UNIT, stage.clone(), context, own, cases.into_iter().map(job).collect()))
}

/// The path of a program as a shell finds it: in `PATH`, unless its name has a slash. A program that is not found keeps
/// its name, and cannot be started.
fn find(name: &OsStr, folder: &Path) -> PathBuf {
    let path = Path::new(name);
    if path.components().count() > 1 || path.is_absolute() {
        return folder.join(path);
    }
    let is_program =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0);
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders).map(|place| folder.join(place).join(path)).find(is_program);
    found.unwrap_or_else(|| path.to_owned())
}

/// The command in one short line, for people.
fn shown(command: &[OsString]) -> String {
    let words: Vec<String> = command.iter().map(|word| quoted(&word.to_string_lossy())).collect();
    one_line(&words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_as_a_shell_does() {
        let folder = Path::new("/somewhere");
        assert!(find(OsStr::new("sh"), folder).is_absolute());
        assert_eq!(find(OsStr::new("./a b"), folder), folder.join("./a b"));
        assert_eq!(find(OsStr::new("/x/y"), folder), Path::new("/x/y"));
        assert_eq!(find(OsStr::new("no-such-program-here"), folder), Path::new("no-such-program-here"));
    }

    #[test]
    fn a_command_is_shown_in_one_short_line() {
        let words = ["python3", "-c", "a = 1\nb = 2"].map(OsString::from);
        assert_eq!(shown(&words), "python3 -c 'a = 1\\nb = 2'");
    }
}
