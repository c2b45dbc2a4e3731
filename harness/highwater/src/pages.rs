//! Compares the records with their baselines at the end of a run, and writes the HTML report. The records contain all
//! numbers, so a failure to do so is only a warning.

use std::{
    env,
    fmt::Display,
    path::{Path, PathBuf},
};

use highwater_report::{
    escape,
    site::{self, Material, Sources},
    terminal::note,
};

/// The records, their baselines, and the comparison of the two, which fresh workers have not confirmed. `None`, with a
/// warning, if something cannot be read.
pub(super) fn gather(records: &Path) -> Option<Material> {
    let workspace = workspace();
    let baselines = workspace.unwrap_or_default().join("baselines");
    let material = Material::gather(&Sources { run: records.to_owned(), baselines, policy: None });
    material.map_err(warn).ok()
}

/// Writes the report, and prints its path or a warning.
pub(super) fn write(records: &Path, material: &Material) {
    match site::write(material, &folder(records, workspace())) {
        Ok(front) => println!("report: {}", escape::line(&front.display().to_string())),
        Err(error) => warn(error),
    }
}

fn warn(error: impl Display) {
    note(format_args!("warning: the report was not written: {error}"));
}

/// `reports/` in the workspace. If records are in another place (`HIGHWATER_TARGET_DIR`) or there is no workspace,
/// `report/` in the folder of the records.
fn folder(records: &Path, workspace: Option<PathBuf>) -> PathBuf {
    match workspace {
        Some(root) if env::var_os("HIGHWATER_TARGET_DIR").is_none() => root.join("reports"),
        _ => records.join("report"),
    }
}

/// The root of the workspace: the nearest ancestor of the working directory with a `Cargo.lock`. Cargo runs a bench in
/// the folder of its package.
fn workspace() -> Option<PathBuf> {
    let here = env::current_dir().ok()?;
    here.ancestors().find(|folder| folder.join("Cargo.lock").is_file()).map(Path::to_owned)
}
