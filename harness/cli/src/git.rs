//! What git says of the sources around the current folder: which commit they are at, and what is not
//! committed.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::Command,
};

use highwater_store::one_line;

/// A work tree.
#[derive(Debug)]
pub(super) struct Tree {
    /// The commit it is at, in full; empty where there is none yet.
    pub(super) head: String,
    /// Files that are changed, added, removed or unknown to git, and not ignored.
    pub(super) dirty: Vec<PathBuf>,
}

/// Looks at the work tree, leaving out what lies below `except`. `None` outside a repository.
///
/// # Errors
/// Git's own words.
pub(super) fn look(except: &Path) -> Result<Option<Tree>, String> {
    let top = match ask(&["rev-parse", "--show-toplevel"]) {
        Ok(Ok(top)) => top,
        // Whoever has no git has no repository that it could tell of.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(Err(words)) if words.contains("not a git repository") => return Ok(None),
        Ok(Err(words)) => return Err(words),
        Err(error) => return Err(error.to_string()),
    };
    let top = Path::new(OsStr::from_bytes(top.trim_ascii_end())).to_owned();
    let told = |args: &[&str]| ask(args).map_err(|error| error.to_string())?;
    let head = told(&["rev-parse", "--verify", "--quiet", "HEAD"]).unwrap_or_default();
    // Null-terminated, each `XY path` from the top folder on.
    let status = ["--no-optional-locks", "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all"];
    let status = told(&status)?;
    let except = resolved(except);
    let paths = status.split(|byte| *byte == 0).filter_map(|entry| entry.get(3..));
    let paths = paths.map(|path| PathBuf::from(OsStr::from_bytes(path)));
    Ok(Some(Tree {
        head: String::from_utf8_lossy(&head).trim().to_owned(),
        dirty: paths.filter(|path| !top.join(path).starts_with(&except)).collect(),
    }))
}

/// What git prints, or the first line of what it complains of.
fn ask(args: &[&str]) -> io::Result<Result<Vec<u8>, String>> {
    let output = Command::new("git").env("LC_ALL", "C").args(args).output()?;
    let complaint = || String::from_utf8_lossy(&output.stderr).lines().next().map(one_line).unwrap_or_default();
    Ok(if output.status.success() { Ok(output.stdout) } else { Err(complaint()) })
}

/// An absolute path without symbolic links in the part of it that exists.
fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut rest: Vec<OsString> = Vec::new();
    for ancestor in absolute.ancestors() {
        match ancestor.canonicalize() {
            Ok(real) => return rest.iter().rev().fold(real, |path, name| path.join(name)),
            Err(_) => rest.extend(ancestor.file_name().map(OsStr::to_owned)),
        }
    }
    absolute
}
