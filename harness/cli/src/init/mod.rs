//! `highwater init`: adds a first family to a package: a bench target, a policy, lines of .gitignore and a CI workflow.
//! It shows all changes before it makes any, and replaces no file.

mod changes;
mod manifest;

use std::{
    env,
    io::{self, BufRead, IsTerminal},
    path::{Path, PathBuf},
};

use highwater_model::{CaseId, exit};
use highwater_report::terminal::{bench_command, next, note};
use highwater_store::write_atomically;

use super::{CliError, print};
use changes::Changes;
use manifest::Package;

/// Add a first family to the package in this folder: a bench target, a policy and a CI workflow
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Name of the family and of its bench target
    #[arg(default_value = "memory")]
    name: String,
    /// Manifest of the package [default: the nearest Cargo.toml]
    #[arg(long, value_name = "FILE")]
    manifest_path: Option<PathBuf>,
    /// Take the crate `highwater` from this folder instead of the registry
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// Make the changes without asking
    #[arg(long)]
    yes: bool,
    /// Show the changes only
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let name = family_name(&arguments.name)?;
    let path = arguments.path.as_deref().map(crate_folder).transpose()?;
    let manifest = match &arguments.manifest_path {
        Some(path) => path.clone(),
        None => nearest_manifest()?,
    };
    let package = Package::find(&manifest)?;
    let changes = Changes::plan(&package, name, path.as_deref())?;
    if changes.is_empty() {
        note(format_args!("{}: it has all of this already", package.manifest.display()));
        return Ok(exit::PASSED);
    }
    print(&changes.shown());
    if arguments.dry_run {
        return Ok(exit::PASSED);
    }
    if !arguments.yes && !confirmed()? {
        note(format_args!("nothing was changed"));
        return Ok(exit::PASSED);
    }
    for change in changes.iter() {
        if let Some(folder) = change.path.parent() {
            let error = |source| CliError::Io { path: folder.to_owned(), source };
            std::fs::create_dir_all(folder).map_err(error)?;
        }
        write_atomically(&change.path, change.after.as_bytes())?;
    }
    next(&bench_command(name, "--memory-only"), "measure the example, and then your own type");
    Ok(exit::PASSED)
}

/// A family's name, which is also the name of a file and the first part of the ids of its cases.
fn family_name(name: &str) -> Result<&str, CliError> {
    let is_family = |id: CaseId| id.family() == name;
    match format!("{name}/case").parse::<CaseId>() {
        Ok(id) if is_family(id.clone()) => Ok(name),
        Ok(_) => Err(CliError::Usage(format!("`{name}` is no name of a family: it may not contain `/`"))),
        Err(error) => Err(CliError::Usage(format!("`{name}` is no name of a family: {error}"))),
    }
}

/// The folder of the crate `highwater`, as an absolute path.
fn crate_folder(path: &Path) -> Result<PathBuf, CliError> {
    let folder = path.canonicalize().map_err(|source| CliError::Io { path: path.to_owned(), source })?;
    let manifest = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).map_err(|source| CliError::Io { path: manifest.clone(), source })?;
    match manifest::is_package(&text, "highwater") {
        true => Ok(folder),
        false => Err(CliError::Usage(format!("{}: it is not the crate `highwater`", manifest.display()))),
    }
}

/// The manifest of this folder, or of the nearest folder above.
fn nearest_manifest() -> Result<PathBuf, CliError> {
    let here = env::current_dir().map_err(|source| CliError::Io { path: ".".into(), source })?;
    let found = here.ancestors().map(|folder| folder.join("Cargo.toml")).find(|path| path.is_file());
    found.ok_or_else(|| {
        CliError::Usage("no Cargo.toml here or above: run it in a package, or `cargo init` first".into())
    })
}

/// Asks on the terminal.
fn confirmed() -> Result<bool, CliError> {
    if !io::stdin().is_terminal() {
        return Err(CliError::Usage("not a terminal: `--yes` makes these changes, `--dry-run` only shows them".into()));
    }
    note(format_args!("Make these changes? [y/N]"));
    let mut answer = String::new();
    let error = |source| CliError::Io { path: "/dev/stdin".into(), source };
    io::stdin().lock().read_line(&mut answer).map_err(error)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
