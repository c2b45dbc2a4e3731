//! `highwater exec` and `highwater run`: measure unmodified programs, one or those of a file. Each writes a record like a
//! bench.

mod jobs;
mod matrix;
mod measure;
mod result;
mod stage_flag;
mod suite;
mod suite_file;

use std::{
    env,
    path::{Path, PathBuf},
};

use highwater_model::{Partition, exit};
use highwater_runner::partition_flag;

use self::{
    measure::{Measured, measure},
    result::{Findings, ResultFlags},
    suite::Suite,
};
use super::{
    CliError,
    archive::{ArchiveFlags, run_archive},
};

/// Measure a program in any language, without changes to it: all processes that it starts, at its start, at lines of its
/// output, and before it exits
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The record is written to target/highwater/<name>.json; `highwater compare` and `highwater bless` work as for a bench.
Exit status: 0 measured (also if the program failed), 1 internal error, 2 usage error, 130 interrupted.")]
pub(super) struct Arguments {
    #[command(flatten)]
    suite: Suite,
    #[command(flatten)]
    result: ResultFlags,
}

/// Measure the programs that a file `highwater.toml` lists, as `exec` does, or the benches of an archive
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 measured (also if a program failed), 1 internal error (also a damaged archive), 2 usage error (also an
archive for another architecture), 130 interrupted. With --archive, that of the first bench that fails.")]
pub(super) struct RunArguments {
    /// Only the suites of these names
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// The file, in whose folder the programs run [default: the nearest highwater.toml above the present folder]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Run only part M of N of the cases of each suite: slice:M/N takes every N-th one, hash:M/N those whose id has such
    /// a hash. With slice:env or hash:env, GitLab, Buildkite, Kubernetes or Slurm gives the numbers
    #[arg(long, value_name = "KIND:M/N", value_parser = partition_flag)]
    partition: Option<Partition>,
    #[command(flatten)]
    archive: ArchiveFlags,
    #[command(flatten)]
    result: ResultFlags,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let folder = env::current_dir().map_err(|source| CliError::Io { path: ".".into(), source })?;
    measure_suites(&[&arguments.suite], &folder, None, &arguments.result)
}

pub(super) fn run_file(arguments: &RunArguments) -> Result<u8, CliError> {
    if let Some(archive) = &arguments.archive.archive {
        return run_archive(archive, &arguments.archive, &arguments.names, arguments.partition);
    }
    let file = match &arguments.file {
        Some(file) => file.clone(),
        None => suite_file::find()?,
    };
    let suites = suite_file::read(&file)?;
    let has_name = |suite: &&Suite, name: &String| suite.name.as_ref() == Some(name);
    if let Some(unknown) = arguments.names.iter().find(|name| !suites.iter().any(|suite| has_name(&suite, name))) {
        return Err(CliError::Usage(format!("{}: it has no suite {unknown}", file.display())));
    }
    let is_selected =
        |suite: &&Suite| arguments.names.is_empty() || arguments.names.iter().any(|name| has_name(suite, name));
    let selected: Vec<&Suite> = suites.iter().filter(is_selected).collect();
    let path = std::path::absolute(&file).map_err(|source| CliError::Io { path: file.clone(), source })?;
    measure_suites(&selected, path.parent().unwrap_or(Path::new("/")), arguments.partition, &arguments.result)
}

/// Measures suites whose programs run in `folder`, after all of them were checked.
fn measure_suites(
    suites: &[&Suite],
    folder: &Path,
    partition: Option<Partition>,
    result: &ResultFlags,
) -> Result<u8, CliError> {
    let policy = result.baselines.policy()?;
    let measured = |suite: &&Suite| {
        let (plan, stop_after) = (suite.plan(folder)?, suite.stop_after);
        Ok(Measured::new(plan, partition, suite.samples, stop_after))
    };
    let all = suites.iter().map(measured).collect::<Result<Vec<_>, CliError>>()?;
    let mut found = Findings::default();
    measure(all, &result.run.path(), |record, path| result.show(record, path, &policy, &mut found))?;
    result.hint(&found);
    Ok(exit::PASSED)
}
