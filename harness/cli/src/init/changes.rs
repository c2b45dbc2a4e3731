//! The changes to the files of a package: new files, and lines added to existing ones.

use std::{
    fmt::Write,
    io,
    path::{Path, PathBuf},
};

use highwater_report::terminal::Emphasis;

use super::manifest::Package;
use crate::CliError;

/// A file before and after.
#[derive(Debug)]
pub(super) struct Change {
    /// The file.
    pub(super) path: PathBuf,
    /// Its text, if it exists.
    before: Option<String>,
    /// Its new text.
    pub(super) after: String,
}

/// The changes, in the order in which they are made.
#[derive(Debug)]
pub(super) struct Changes {
    changes: Vec<Change>,
    /// Paths are shown relative to this folder.
    folder: PathBuf,
}

impl Changes {
    /// What a package needs for a family `name` with the crate `highwater` in a folder, or this version of it. Files that
    /// exist already stay as they are, except for the manifest and .gitignore, to which lines are added.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(super) fn plan(package: &Package, name: &str, highwater: Option<&Path>) -> Result<Self, CliError> {
        let root = &package.workspace;
        let manifest = package.with_bench(name, highwater.ok_or(env!("CARGO_PKG_VERSION")))?;
        let ignore = root.join(".gitignore");
        let ignored = read(&ignore)?;
        let workflow = include_str!("templates/workflow.yml").replace("@VERSION@", env!("CARGO_PKG_VERSION"));
        let new = |path: PathBuf, after: String| -> Result<Option<Change>, CliError> {
            Ok(read(&path)?.is_none().then_some(Change { path, before: None, after }))
        };
        let changes = [
            Some(Change { path: package.manifest.clone(), before: Some(package.text.clone()), after: manifest }),
            new(
                package.folder().join("benches").join(format!("{name}.rs")),
                include_str!("templates/bench.rs").replace("@NAME@", name),
            )?,
            new(root.join("baselines/policy.toml"), include_str!("templates/policy.toml").to_owned())?,
            Some(Change {
                path: ignore,
                after: with_lines(ignored.as_deref(), &["/reports", "/target"]),
                before: ignored,
            }),
            new(root.join(".github/workflows/memory.yml"), workflow)?,
        ];
        let changes = changes.into_iter().flatten().filter(|change| change.before.as_ref() != Some(&change.after));
        Ok(Self { changes: changes.collect(), folder: root.clone() })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter()
    }

    /// Each file with the lines that are added to it.
    pub(super) fn shown(&self) -> String {
        let mut text = String::new();
        for change in &self.changes {
            let what = if change.before.is_some() { "add to" } else { "new" };
            let path = change.path.strip_prefix(&self.folder).unwrap_or(&change.path);
            let _ = writeln!(text, "{what} {}", path.display());
            for line in added(change.before.as_deref().unwrap_or_default(), &change.after) {
                let _ = writeln!(text, "{}", Emphasis::Passed.paint(format_args!("  + {line}")));
            }
        }
        text
    }
}

/// The text of a file; `None` if it does not exist.
fn read(path: &Path) -> Result<Option<String>, CliError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CliError::Io { path: path.to_owned(), source }),
    }
}

/// A text with those lines at its end that it lacks, whether with a slash at their end or without.
fn with_lines(text: Option<&str>, lines: &[&str]) -> String {
    let mut text = text.unwrap_or_default().to_owned();
    for line in lines {
        let bare = |line: &str| line.trim().trim_matches('/').to_owned();
        if text.lines().any(|known| bare(known) == bare(line)) {
            continue;
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let _ = writeln!(text, "{line}");
    }
    text
}

/// The lines of `after` that `before` does not have, if lines were only added.
fn added<'a>(before: &str, after: &'a str) -> Vec<&'a str> {
    let mut before = before.lines().peekable();
    after.lines().filter(|line| before.next_if_eq(line).is_none()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_are_missing_are_added() {
        assert_eq!(with_lines(None, &["/reports", "/target"]), "/reports\n/target\n");
        assert_eq!(with_lines(Some("target/\n*.o"), &["/reports", "/target"]), "target/\n*.o\n/reports\n");
        assert_eq!(with_lines(Some("/target\n/reports\n"), &["/reports", "/target"]), "/target\n/reports\n");
    }

    #[test]
    fn added_lines_are_shown() {
        assert_eq!(added("a\nb\n", "a\nx\nb\ny\n"), ["x", "y"]);
        assert_eq!(added("", "a\n"), ["a"]);
    }
}
