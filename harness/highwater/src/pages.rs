//! Writes the HTML report at the end of a run, from all existing records. The records contain all numbers, so a failure
//! to write the report is only a warning.

use std::{
    env,
    path::{Path, PathBuf},
};

use highwater_report::{
    escape,
    site::{self, Material, Sources},
    terminal::note,
};

/// Writes the report, and prints its path or a warning.
pub(super) fn write(records: &Path) {
    let workspace = workspace();
    let sources = Sources {
        run: records.to_owned(),
        baselines: workspace.clone().unwrap_or_default().join("baselines"),
        policy: None,
    };
    let out = folder(records, workspace);
    let written = Material::gather(&sources).map_err(|error| error.to_string());
    match written.and_then(|material| site::write(&material, &out).map_err(|error| error.to_string())) {
        Ok(front) => println!("report: {}", escape::line(&front.display().to_string())),
        Err(error) => note(format_args!("warning: the report was not written: {error}")),
    }
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
