//! The link to the program that measured a family, by which `highwater` finds it to run more workers.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process,
};

use crate::RunError;

/// Replaces the link of a family by one to this program, in the folder of the records, as a whole.
///
/// # Errors
/// If the link or its folder cannot be written.
pub fn link_program(folder: &Path, family: &str) -> Result<(), RunError> {
    let error = |path: &Path| {
        let path = path.to_owned();
        move |source| RunError::Io { path, source }
    };
    let own = env::current_exe().map_err(error(Path::new("/proc/self/exe")))?;
    let folder = folder.join("programs");
    fs::create_dir_all(&folder).map_err(error(&folder))?;
    let path: PathBuf = folder.join(family);
    let new = path.with_extension(format!("{}.new", process::id()));
    symlink(own, &new).map_err(error(&new))?;
    fs::rename(&new, &path).map_err(error(&path))
}
