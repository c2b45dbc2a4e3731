//! A copy of the sources of the working tree, uncommitted changes included. Files that did not change are not written
//! again, so that the next build compiles only what did.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use crate::{
    CliError,
    ab::{
        Untestable,
        checkout::{Place, Workspace},
    },
    git::{self, Sources},
};

/// Copies the sources to a place, and returns the root of the workspace in it. Without a repository, or in one that
/// ignores the workspace, everything in the folder of the workspace is a source but the target folder.
///
/// # Errors
/// If a file cannot be copied, or git fails.
pub(crate) fn copy_working_tree(workspace: &Workspace, place: Place) -> Result<PathBuf, CliError> {
    let resolved = |path: &Path| path.canonicalize().map_err(|source| CliError::Io { path: path.to_owned(), source });
    let to = workspace.sources(place);
    fs::create_dir_all(&to).map_err(|source| CliError::Io { path: to.clone(), source })?;
    let target = resolved(&workspace.target)?;
    let Sources { root, folder, files } = match git::sources(&workspace.root).map_err(Untestable)? {
        Some(sources) if sources.files.contains(&sources.folder.join("Cargo.toml")) => sources,
        _ => {
            let root = resolved(&workspace.root)?;
            Sources { files: all_files(&root, &target)?, root, folder: PathBuf::new() }
        }
    };
    let mut files: BTreeSet<PathBuf> = files.into_iter().collect();
    // It decides on the versions also where the repository ignores it.
    files.insert(folder.join("Cargo.lock"));
    // A target folder that the repository does not ignore is not a source.
    files.retain(|file| !root.join(file).starts_with(&target));
    // A file of the index may be deleted.
    files.retain(|file| fs::symlink_metadata(root.join(file)).is_ok());
    make_same(&root, &files, &to)?;
    Ok(to.join(folder))
}

/// Copies files of a folder to another one, and removes what else is there.
fn make_same(root: &Path, files: &BTreeSet<PathBuf>, to: &Path) -> Result<(), CliError> {
    remove_others(to, Path::new(""), &|file: &Path| files.contains(file))?;
    files.iter().try_for_each(|file| copy(&root.join(file), &to.join(file)))
}

/// Copies a file, a link, or a folder (a submodule), unless it is there already.
fn copy(from: &Path, to: &Path) -> Result<(), CliError> {
    let io_error = |path: &Path| {
        let path = path.to_owned();
        move |source| CliError::Io { path, source }
    };
    let metadata = fs::symlink_metadata(from).map_err(io_error(from))?;
    if metadata.is_dir() {
        let entries = all_files(from, Path::new(""))?;
        return entries.iter().try_for_each(|entry| copy(&from.join(entry), &to.join(entry)));
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(io_error(folder))?;
    }
    if metadata.is_symlink() {
        let target = fs::read_link(from).map_err(io_error(from))?;
        if fs::read_link(to).ok().as_ref() != Some(&target) {
            let _ = fs::remove_file(to);
            symlink(target, to).map_err(io_error(to))?;
        }
    } else if !is_same(from, to).map_err(io_error(from))? {
        let _ = fs::remove_file(to);
        fs::copy(from, to).map_err(io_error(to))?;
    }
    Ok(())
}

fn is_same(from: &Path, to: &Path) -> io::Result<bool> {
    let (Ok(there), here) = (fs::symlink_metadata(to), fs::metadata(from)?) else { return Ok(false) };
    let is_alike = there.is_file() && there.len() == here.len() && there.permissions() == here.permissions();
    Ok(is_alike && fs::read(from)? == fs::read(to)?)
}

/// All files below a folder, relative to it, but those of `except` and of a repository.
fn all_files(root: &Path, except: &Path) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let io_error = |source| CliError::Io { path: path.clone(), source };
        for entry in path.read_dir().map_err(io_error)? {
            let entry = entry.map_err(io_error)?;
            let relative = folder.join(entry.file_name());
            if entry.file_name() == ".git" || entry.path() == except {
                continue;
            }
            match entry.file_type().map_err(io_error)?.is_dir() {
                true => folders.push(relative),
                false => files.push(relative),
            }
        }
    }
    Ok(files)
}

/// Removes what is not in the working tree any more. A submodule is kept as a whole.
fn remove_others(root: &Path, folder: &Path, is_kept: &impl Fn(&Path) -> bool) -> Result<(), CliError> {
    let path = root.join(folder);
    let Ok(entries) = path.read_dir() else { return Ok(()) };
    for entry in entries.flatten() {
        let relative = folder.join(entry.file_name());
        if is_kept(&relative) {
            continue;
        }
        let path = entry.path();
        match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => {
                remove_others(root, &relative, is_kept)?;
                // It stays if something is left in it.
                let _ = fs::remove_dir(&path);
            }
            false => fs::remove_file(&path).map_err(|source| CliError::Io { path, source })?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_follows_its_sources_and_keeps_what_did_not_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let (root, to) = (folder.path().join("root"), folder.path().join("to"));
        let write = |file: &str, content: &str| {
            let path = root.join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, content).expect("written");
        };
        let modified = |file: &str| fs::metadata(to.join(file)).and_then(|data| data.modified()).expect("there");
        let follow = || {
            let files = all_files(&root, &root.join("target")).expect("a list").into_iter().collect();
            make_same(&root, &files, &to).expect("copied");
            all_files(&to, Path::new("")).expect("a list").into_iter().collect::<BTreeSet<_>>()
        };
        write("Cargo.toml", "[package]");
        write("src/lib.rs", "1");
        write("src/old/mod.rs", "2");
        write("target/release/program", "3");
        write(".git/HEAD", "4");
        symlink("lib.rs", root.join("src/link.rs")).expect("a link");
        let files = ["Cargo.toml", "src/lib.rs", "src/link.rs", "src/old/mod.rs"];
        assert_eq!(follow(), files.map(PathBuf::from).into());
        assert!(fs::symlink_metadata(to.join("src/link.rs")).expect("there").is_symlink());

        let before = modified("Cargo.toml");
        write("Cargo.toml", "[package]");
        write("src/lib.rs", "changed");
        fs::remove_dir_all(root.join("src/old")).expect("removed");
        assert_eq!(follow(), files[..3].iter().map(PathBuf::from).collect());
        assert_eq!(modified("Cargo.toml"), before, "it was written again");
        assert_eq!(fs::read_to_string(to.join("src/lib.rs")).expect("a file"), "changed");
        assert!(!to.join("src/old").exists());
    }
}
