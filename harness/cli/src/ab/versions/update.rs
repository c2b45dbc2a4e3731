//! Chooses versions with `cargo update --precise`, and says in one line why cargo refuses.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use highwater_store::one_line;

use super::{
    lock::{Lock, Package, is_same},
    manifest::Change,
    published::{Published, versions_of},
};
use crate::{CliError, ab::Untestable};

/// Puts the versions into the lock file of a workspace whose manifests allow them.
///
/// # Errors
/// Returns [`CliError::Usage`] for a version that does not exist, and [`Untestable`] if a requirement of another package
/// does not allow it, or cargo cannot ask the registry.
pub(super) fn choose(workspace: &Path, changes: &[(Change, Package)]) -> Result<(), CliError> {
    let mut open: Vec<&(Change, Package)> = changes.iter().collect();
    // One version may be possible only after another one was chosen.
    while !open.is_empty() {
        let (mut refused, count) = (Vec::new(), open.len());
        for item in open {
            let (change, package) = item;
            let lock = Lock::read(workspace)?;
            let is_gone = is_same(&change.from, &change.to) || !lock.has(&change.name, &change.from);
            if is_gone && lock.has(&change.name, &change.to) {
                continue;
            }
            let spec = format!("{}@{}", change.name, change.from);
            if let Err(error) = cargo_update(workspace, &[&spec, "--precise", &change.to.to_string()]) {
                refused.push((item, explained(error, change, package, workspace)));
            }
        }
        if refused.len() == count {
            let (_, first) = refused.swap_remove(0);
            return Err(first);
        }
        open = refused.into_iter().map(|(item, _)| item).collect();
    }
    Ok(())
}

/// The versions of a package that its registry has now, oldest first. Nothing is changed.
///
/// # Errors
/// If cargo cannot ask the registry, or its copy of the index cannot be read.
pub(super) fn published(workspace: &Path, package: &Package) -> Result<Vec<Published>, Untestable> {
    let unknown = |why: String| Untestable(format!("the versions of {} are not known: {why}", package.name));
    let spec = format!("{}@{}", package.name, package.version);
    cargo_update(workspace, &[&spec, "--dry-run"]).map_err(unknown)?;
    versions_of(package, workspace).map_err(|error| unknown(one_line(&error.to_string())))
}

/// Runs `cargo update`, and returns the message of its error.
fn cargo_update(workspace: &Path, arguments: &[&str]) -> Result<(), String> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace).args(["update", "--quiet", "--color", "never"]).args(arguments);
    let output = cargo.stdin(Stdio::null()).output().map_err(|error| format!("cargo: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(reason(&String::from_utf8_lossy(&output.stderr))),
    }
}

/// Why cargo refused: the first line of its error, the package that requires something else, and the last cause.
fn reason(stderr: &str) -> String {
    let error = stderr.split_once("error: ").map_or(stderr, |(_, error)| error);
    let lines: Vec<&str> = error.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let first = lines.first().copied().unwrap_or("cargo printed no reason");
    let required = lines.iter().find(|line| line.starts_with("required by "));
    let cause = lines.iter().rposition(|line| *line == "Caused by:").and_then(|at| lines.get(at + 1));
    let parts = [Some(&first), required, cause].into_iter().flatten().copied();
    one_line(&parts.collect::<Vec<_>>().join(", "))
}

/// The error for a version that cargo refused.
fn explained(reason: String, change: &Change, package: &Package, workspace: &Path) -> CliError {
    let Change { name, to, .. } = change;
    // Cargo has just read the index; if not, its reason is the better one.
    let versions = versions_of(package, workspace).unwrap_or_default();
    match versions.iter().find(|known| is_same(&known.version, to)) {
        Some(known) if known.is_yanked => Untestable(format!("{name} {to} was yanked: {reason}")).into(),
        None if !versions.is_empty() => {
            let newest = versions.last().map_or(String::new(), |newest| format!("; the newest is {}", newest.version));
            CliError::Usage(format!("{name} has no version {to}{newest}"))
        }
        _ => Untestable(format!("{name} {to} cannot be chosen: {reason}")).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_of_another_package_is_named() {
        let stderr = "    Updating crates.io index\n\
            error: failed to select a version for the requirement `smol_str = \"^0.3\"`\n\
            candidate versions found which didn't match: 0.2.0\n\
            location searched: crates.io index\n\
            required by package `tame-index v0.27.1`\n    \
            ... which satisfies dependency `tame-index = \"^0.27\"` of package `a v0.1.0 (/a)`\n";
        assert_eq!(
            reason(stderr),
            "failed to select a version for the requirement `smol_str = \"^0.3\"`, \
             required by package `tame-index v0.27.1`"
        );
    }

    #[test]
    fn without_a_network_the_last_cause_is_named() {
        let stderr = "warning: spurious network error (1 try remaining): [7] Could not connect to server\n\
            error: failed to get `semver` as a dependency of package `a v0.1.0 (/a)`\n\n\
            Caused by:\n  download of config.json failed\n\n\
            Caused by:\n  [7] Could not connect to server\n";
        assert_eq!(
            reason(stderr),
            "failed to get `semver` as a dependency of package `a v0.1.0 (/a)`, [7] Could not connect to server"
        );
        assert_eq!(reason(""), "cargo printed no reason");
    }
}
