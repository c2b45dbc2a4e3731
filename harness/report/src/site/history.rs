//! The history of a baseline in git: what was blessed, when and why. It is read with the `git` command from
//! the repository that contains the folder of baselines. Nothing is written.

use std::{
    io,
    path::Path,
    process::{Command, Output},
};

use highwater_model::Baseline;
use highwater_store::parse_baseline;

/// Maximum number of blessings to read, starting from the newest.
const MOST: usize = 50;

/// The history of a baseline.
#[derive(Clone, Debug)]
pub enum History {
    /// Not available, with the reason: no git, no repository, no baseline yet.
    Unknown(String),
    /// The blessings, oldest first. The last one may not be committed yet.
    Known(Vec<Blessed>),
}

/// A baseline as it was at one commit.
#[derive(Clone, Debug)]
pub struct Blessed {
    /// The abbreviated commit hash; `None` for a baseline that is not committed.
    pub commit: Option<String>,
    /// The baseline.
    pub baseline: Baseline,
}

/// Reads the history of a baseline file. `current` is the baseline in the working tree.
#[must_use]
pub fn history(file: &Path, current: Option<&Baseline>) -> History {
    let committed = match committed(file) {
        Ok(committed) => committed,
        Err(why) => return History::Unknown(why),
    };
    let mut known = committed;
    if let Some(current) = current.filter(|current| known.last().is_none_or(|last| last.baseline != **current)) {
        known.push(Blessed { commit: None, baseline: current.clone() });
    }
    History::Known(known)
}

fn committed(file: &Path) -> Result<Vec<Blessed>, String> {
    let (Some(folder), Some(name)) = (file.parent().filter(|folder| folder.is_dir()), file.file_name()) else {
        return Err("there is no baseline for this machine class yet".to_owned());
    };
    let git = |args: &[&str], last: &std::ffi::OsStr| -> io::Result<Output> {
        Command::new("git").arg("-C").arg(folder).args(args).arg(last).env("GIT_OPTIONAL_LOCKS", "0").output()
    };
    let inside = git(&["rev-parse"], "--is-inside-work-tree".as_ref()).map_err(|error| format!("git: {error}"))?;
    if !inside.status.success() {
        return Err("the baselines are not in a git repository".to_owned());
    }
    let count = format!("-n{MOST}");
    let log = git(&["log", &count, "--format=%H", "--"], name).map_err(|error| format!("git log: {error}"))?;
    let text = String::from_utf8_lossy(&log.stdout);
    let mut known = Vec::new();
    for commit in text.lines().rev() {
        let mut object = std::ffi::OsString::from(format!("{commit}:./"));
        object.push(name);
        let shown = git(&["show"], &object).map_err(|error| format!("git show: {error}"))?;
        // Skip commits that removed the file, and formats that this build cannot read.
        let text = shown.status.success().then(|| String::from_utf8(shown.stdout).ok()).flatten();
        let baseline = text.and_then(|text| parse_baseline(file, &text).ok());
        // A commit that only rewrites the file blesses nothing.
        if let Some(baseline) = baseline.filter(|it| known.last().is_none_or(|last: &Blessed| last.baseline != *it)) {
            known.push(Blessed { commit: Some(commit.chars().take(12).collect()), baseline });
        }
    }
    Ok(known)
}
