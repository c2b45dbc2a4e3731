//! `highwater run --archive`: unpacks an archive and runs its benches.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use highwater_model::{Partition, exit};
use highwater_report::terminal::{next, note, quoted};
use highwater_runner::{Interrupt, RunnerError};

use super::{ArchiveError, manifest::Manifest, unpack::unpack};
use crate::CliError;

/// The flags of `highwater run` for an archive.
#[derive(Debug, clap::Args)]
pub(crate) struct ArchiveFlags {
    /// Run the benches of an archive (`highwater archive`) instead of programs; NAME selects families
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "run", "baselines", "policy", "verbose"])]
    pub(crate) archive: Option<PathBuf>,
    /// Folder to unpack the archive to, which is used again if it has its contents [default: the name of the archive
    /// without .tar.zst, in the present folder]
    #[arg(long, value_name = "DIR", requires = "archive")]
    extract_to: Option<PathBuf>,
    /// Arguments for the benches, such as --memory-only
    #[arg(last = true, value_name = "BENCH-ARGS", requires = "archive")]
    arguments: Vec<OsString>,
}

/// Unpacks an archive and runs the benches of these families, of all without any.
pub(crate) fn run(
    archive: &Path,
    flags: &ArchiveFlags,
    families: &[String],
    partition: Option<Partition>,
) -> Result<u8, CliError> {
    let folder = flags.extract_to.clone().unwrap_or_else(|| default_folder(archive));
    let manifest = unpack(archive, &folder)?;
    check(archive, &manifest, families)?;
    let folder = std::path::absolute(&folder).map_err(|source| CliError::Io { path: folder, source })?;
    // The benches get the signal too, and stop.
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    let mut status = exit::PASSED;
    for bench in manifest.benches.iter().filter(|bench| families.is_empty() || families.contains(&bench.family)) {
        let program = folder.join(&bench.program);
        let mut command = Command::new(&program);
        command.arg("--bench").args(&flags.arguments);
        command.args(partition.map(|partition| format!("--partition={partition}")));
        command.current_dir(&folder).env("HIGHWATER_TARGET_DIR", folder.join("target"));
        let ended = command.status().map_err(|source| ArchiveError::Io { path: program, source })?;
        if interrupt.raised() {
            return Err(RunnerError::Interrupted.into());
        }
        if !ended.success() && status == exit::PASSED {
            status = ended.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::INTERNAL);
        }
    }
    note(format_args!("records: {}", folder.join("target/highwater").display()));
    let run = format!("cd {} && bin/highwater compare", quoted(&folder.display().to_string()));
    next(&run, "judge the run by the baselines of the archive");
    Ok(status)
}

/// `bench` of `bench.tar.zst`.
fn default_folder(archive: &Path) -> PathBuf {
    let name = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = [".tar.zst", ".tar.gz"].iter().find_map(|extension| name.strip_suffix(extension));
    PathBuf::from(stem.map_or_else(|| format!("{name}.unpacked"), str::to_owned))
}

fn check(archive: &Path, manifest: &Manifest, families: &[String]) -> Result<(), ArchiveError> {
    let is_unknown = |family: &&String| manifest.benches.iter().all(|bench| bench.family != **family);
    match families.iter().find(is_unknown) {
        Some(family) => {
            let all: Vec<&str> = manifest.benches.iter().map(|bench| bench.family.as_str()).collect();
            let problem = format!("it has no family {family}; it has {}", all.join(", "));
            Err(ArchiveError::Unfit { path: archive.to_owned(), problem })
        }
        None => Ok(()),
    }
}
