//! Queries git about the working tree: the commit at HEAD and uncommitted files.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::Command,
};

use highwater_report::escape;
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

/// The sources of a working tree.
#[derive(Debug)]
pub(super) struct Sources {
    /// The root of the repository.
    pub(super) root: PathBuf,
    /// The folder that was asked for, relative to the root.
    pub(super) folder: PathBuf,
    /// Files relative to the root: those in the index, which may have been deleted, and others that are not ignored.
    pub(super) files: Vec<PathBuf>,
}

/// Lists the sources of the repository around a folder. Returns `None` outside a repository.
///
/// # Errors
/// Returns the error message of git.
pub(super) fn sources(folder: &Path) -> Result<Option<Sources>, String> {
    let at = |folder: &Path, args: &[&str]| {
        let folder = [OsStr::new("-C"), folder.as_os_str()].into_iter();
        git(&folder.chain(args.iter().map(OsStr::new)).collect::<Vec<_>>())
    };
    let shown = match at(folder, &["rev-parse", "--show-toplevel", "--show-prefix"]) {
        Ok(Ok(shown)) => shown,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(Err(message)) if message.contains("not a git repository") => return Ok(None),
        Ok(Err(message)) => return Err(message),
        Err(error) => return Err(error.to_string()),
    };
    let mut lines = shown.split(|byte| *byte == b'\n').map(|line| PathBuf::from(OsStr::from_bytes(line)));
    let (root, folder) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let listed = at(&root, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = listed.map_err(|error| error.to_string())??;
    let files = listed.split(|byte| *byte == 0).filter(|file| !file.is_empty());
    let files = files.map(|file| PathBuf::from(OsStr::from_bytes(file))).collect();
    Ok(Some(Sources { root, folder, files }))
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// The full hash.
    pub(super) hash: String,
    /// The day of the author, as in 2026-11-30.
    date: String,
    author: String,
    subject: String,
}

impl Commit {
    /// The first characters of the hash.
    pub(super) fn short(&self) -> &str {
        self.hash.get(..12).unwrap_or(&self.hash)
    }

    /// Its hash, and who made it when and what for, in two lines.
    pub(super) fn described(&self) -> String {
        let Self { hash, date, author, subject } = self;
        format!("commit {hash}\n  {date}, {}: {}", escape::line(author), escape::line(subject))
    }

    /// The fields of [`FORMAT`].
    fn parsed(line: &str) -> Option<Self> {
        let mut fields = line.splitn(4, '\0').map(str::to_owned);
        let mut next = || fields.next();
        Some(Self { hash: next()?, date: next()?, author: next()?, subject: next()? })
    }
}

/// Whether a word names a commit of the repository around the working directory.
pub(super) fn is_revision(word: &str) -> bool {
    matches!(git(&["rev-parse", "--verify", "--quiet", &format!("{word}^{{commit}}")]), Ok(Ok(_)))
}

/// The fields of a commit, for `git log`.
const FORMAT: &str = "--format=%H%x00%as%x00%an%x00%s";

/// The commits from `first` to `last`, both included, by first parents, oldest first. `None` if `first` is not an
/// ancestor of `last`. If it is on a side branch, the second one is the first that contains it.
///
/// # Errors
/// Returns the error message of git.
pub(super) fn first_parents(first: &str, last: &str) -> Result<Option<Vec<Commit>>, String> {
    let stdout = |args: &[&str]| git(args).map_err(|error| error.to_string());
    match stdout(&["merge-base", "--is-ancestor", first, last])? {
        Ok(_) => {}
        Err(message) if message.is_empty() => return Ok(None),
        Err(message) => return Err(message),
    }
    let range = format!("{first}..{last}");
    let first = stdout(&["log", "-1", FORMAT, first, "--"])??;
    let rest = stdout(&["log", "--first-parent", "--reverse", FORMAT, &range, "--"])??;
    let text = [first, rest].concat();
    Ok(Some(String::from_utf8_lossy(&text).lines().filter_map(Commit::parsed).collect()))
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

/// The address of the remote `origin`.
///
/// # Errors
/// Returns the error message of git.
pub(super) fn origin() -> Result<String, String> {
    let address = git(&["remote", "get-url", "origin"]).map_err(|error| error.to_string())??;
    Ok(String::from_utf8_lossy(&address).trim().to_owned())
}

/// The commits of a range, newest first: only the first parent of a merge, and only those that change a file that a
/// pathspec selects, if there is any. Each with its commit time, in seconds since 1970.
///
/// # Errors
/// Returns the error message of git.
pub(super) fn commits_of_range(range: &str, pathspecs: &[String]) -> Result<Vec<(String, i64)>, String> {
    let mut args = vec!["log", "--first-parent", "--format=%H %ct", "--end-of-options", range, "--"];
    args.extend(pathspecs.iter().map(String::as_str));
    let listed = git(&args).map_err(|error| error.to_string())??;
    let commit = |line: &str| line.split_once(' ').and_then(|(hash, time)| Some((hash.to_owned(), time.parse().ok()?)));
    Ok(String::from_utf8_lossy(&listed).lines().filter_map(commit).collect())
}

/// Runs git and returns its output, or the first line of its error message.
fn git(args: &[impl AsRef<OsStr>]) -> io::Result<Result<Vec<u8>, String>> {
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
