//! The candidates of `highwater bisect`: commits of the first-parent history, each built in a git worktree.

use super::steps::Candidates;
use crate::{
    CliError,
    ab::{Built, Checkout, Place, Untestable, Workspace},
    git::{self, Commit},
};

/// The commits from the good one to the bad one.
pub(super) struct Commits<'a> {
    workspace: &'a Workspace,
    packages: &'a [String],
    commits: Vec<Commit>,
}

impl<'a> Commits<'a> {
    /// Lists the history.
    ///
    /// # Errors
    /// Returns [`CliError::Usage`] for an unknown revision, or if the good one is not before the bad one.
    pub(super) fn between(
        good: &str,
        bad: &str,
        workspace: &'a Workspace,
        packages: &'a [String],
    ) -> Result<Self, CliError> {
        let [first, last] = [good, bad].map(|revision| Checkout::commit(revision, workspace));
        let (first, last) = (first?, last?);
        if first == last {
            return Err(CliError::Usage(format!("{good} and {bad} are the same commit")));
        }
        match git::first_parents(&first, &last).map_err(Untestable)? {
            Some(commits) => Ok(Self { workspace, packages, commits }),
            None => Err(CliError::Usage(format!("{good} is not an ancestor of {bad}"))),
        }
    }

    /// A commit.
    pub(super) fn commit(&self, candidate: usize) -> &Commit {
        &self.commits[candidate]
    }

    fn build(&self, candidate: usize, place: Place) -> Result<Built, CliError> {
        let checkout = Checkout::new(&self.commits[candidate].hash, place, self.workspace)?;
        checkout.build(&self.label(candidate), place, self.workspace, self.packages)
    }
}

impl Candidates for Commits<'_> {
    fn count(&self) -> usize {
        self.commits.len()
    }

    fn label(&self, candidate: usize) -> String {
        self.commits[candidate].short().to_owned()
    }

    fn build_base(&self, candidate: usize) -> Result<Built, CliError> {
        self.build(candidate, Place::BASE)
    }

    fn build_head(&self, candidate: usize) -> Result<Built, CliError> {
        self.build(candidate, Place::CANDIDATE)
    }
}
