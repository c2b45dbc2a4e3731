//! Queries git about the working tree: the commit at HEAD and uncommitted files.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::Command,
};

use highwater_store::one_line;

/// A working tree.
#[derive(Debug)]
pub(super) struct WorkTree {
    /// The full hash of HEAD; empty if there is no commit yet.
    pub(super) head: String,
    /// Files that are modified, added, removed or untracked.
    pub(super) dirty: Vec<PathBuf>,
}

/// Reads the state of the working tree, without files below `except`. Returns `None` outside a repository.
///
/// # Errors
/// Returns the error message of git.
pub(super) fn work_tree(except: &Path) -> Result<Option<WorkTree>, String> {
    let top = match git(&["rev-parse", "--show-toplevel"]) {
        Ok(Ok(top)) => top,
        // Without git there may be a repository all the same.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return if is_in_repository() { Err("git is not installed".to_owned()) } else { Ok(None) };
        }
        Ok(Err(message)) if message.contains("not a git repository") => return Ok(None),
        Ok(Err(message)) => return Err(message),
        Err(error) => return Err(error.to_string()),
    };
    let top = Path::new(OsStr::from_bytes(top.trim_ascii_end())).to_owned();
    let stdout = |args: &[&str]| git(args).map_err(|error| error.to_string())?;
    let head = stdout(&["rev-parse", "--verify", "--quiet", "HEAD"]).unwrap_or_default();
    // NUL-terminated entries `XY path`, relative to the top folder.
    let status = ["--no-optional-locks", "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all"];
    let status = stdout(&status)?;
    let except = resolved(except);
    let paths = status.split(|byte| *byte == 0).filter_map(|entry| entry.get(3..));
    let paths = paths.map(|path| PathBuf::from(OsStr::from_bytes(path)));
    Ok(Some(WorkTree {
        head: String::from_utf8_lossy(&head).trim().to_owned(),
        dirty: paths.filter(|path| !top.join(path).starts_with(&except)).collect(),
    }))
}

/// Whether the present folder or one above it has a repository, as git would look for it.
fn is_in_repository() -> bool {
    env::current_dir().is_ok_and(|here| here.ancestors().any(|folder| folder.join(".git").exists()))
}

/// The full hash and the commit time, in seconds since 1970, of a commit.
///
/// # Errors
/// Returns the error message of git.
pub(super) fn commit_time(commit: &str) -> Result<(String, i64), String> {
    let shown = git(&["show", "--no-patch", "--format=%H %ct", &format!("{commit}^{{commit}}"), "--"]);
    let shown = shown.map_err(|error| error.to_string())??;
    let text = String::from_utf8_lossy(&shown);
    let parsed = text.trim().split_once(' ').and_then(|(hash, time)| Some((hash.to_owned(), time.parse().ok()?)));
    parsed.ok_or_else(|| format!("git printed `{}`", one_line(&text)))
}

/// Runs git and returns its output, or the first line of its error message.
fn git(args: &[&str]) -> io::Result<Result<Vec<u8>, String>> {
    let output = Command::new("git").env("LC_ALL", "C").args(args).output()?;
    let message = || String::from_utf8_lossy(&output.stderr).lines().next().map(one_line).unwrap_or_default();
    Ok(if output.status.success() { Ok(output.stdout) } else { Err(message()) })
}

/// An absolute path, with symbolic links resolved in the part that exists.
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
