//! The end of a run: the report's pages are written anew from all records that are there. The numbers
//! stand in the records, so that a page that cannot be written is a warning and no failure.

use std::{
    env,
    path::{Path, PathBuf},
};

use highwater_report::site::{self, Material, Sources};

/// Writes the pages and says where, or why not.
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
        Ok(front) => println!("report: {}", front.display()),
        Err(why) => eprintln!("warning: the report was not written: {why}"),
    }
}

/// `reports/` of the workspace; where records are kept elsewhere on purpose (`HIGHWATER_TARGET_DIR`), or
/// there is no workspace, `report/` beside them.
fn folder(records: &Path, workspace: Option<PathBuf>) -> PathBuf {
    match workspace {
        Some(root) if env::var_os("HIGHWATER_TARGET_DIR").is_none() => root.join("reports"),
        _ => records.join("report"),
    }
}

/// The root of the workspace: the nearest folder with a `Cargo.lock`, from the package's on, where cargo
/// starts a bench.
fn workspace() -> Option<PathBuf> {
    let here = env::current_dir().ok()?;
    here.ancestors().find(|folder| folder.join("Cargo.lock").is_file()).map(Path::to_owned)
}
