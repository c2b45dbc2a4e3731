//! `highwater ab --bisect-versions`: finds the version of a dependency in which a metric of the working tree changed.

use std::str::FromStr;

use highwater_judge::Policy;
use highwater_model::exit;
use highwater_report::{
    counted,
    terminal::{highwater_command, next, note, quoted},
};
use highwater_runner::Interrupt;
use semver::Version;

use super::{
    Arguments, Built, Comparer, Place, Workspace, package_arguments,
    versions::{self, Requested, RequestedError},
};
use crate::{
    CliError,
    bisect::{Bisected, Candidates, bisect, found_text},
    explain::Offer,
};

/// A dependency and a range of its versions: `NAME=A..B`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// The dependency, with version A.
    from: Requested,
    to: Version,
}

/// The text is not a dependency and a range.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RangeError {
    /// There are no two versions.
    #[error("it has no range: use NAME=A..B, for example wasmtime=47.0.4..48.0.8")]
    NoRange,
    /// The name or a version is not one.
    #[error(transparent)]
    Requested(#[from] RequestedError),
    /// A is not before B.
    #[error("{0} is not an older version than {1}")]
    Order(Version, Version),
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let (package, range) = text.split_once('=').ok_or(RangeError::NoRange)?;
        let (from, to) = range.split_once("..").ok_or(RangeError::NoRange)?;
        let (from, to) = (versions::parsed(from)?, versions::parsed(to)?);
        if from >= to {
            return Err(RangeError::Order(from, to));
        }
        Ok(Self { from: Requested::of(package, from)?, to })
    }
}

pub(super) fn run(
    range: &Range,
    arguments: &Arguments,
    policy: &Policy,
    interrupt: &Interrupt,
) -> Result<u8, CliError> {
    // The sources are those of the working tree, so the only other argument is the filter.
    let filter = match (&arguments.base, &arguments.filter) {
        (Some(base), Some(_)) => {
            let problem = format!("--bisect-versions builds the working tree, so `{base}` cannot be the base of it");
            return Err(CliError::Usage(problem));
        }
        (filter, None) | (None, filter) => filter.clone(),
    };
    let workspace = Workspace::find()?;
    let versions = Versions::between(range, &workspace, &arguments.pair.package)?;
    let name = &range.from.name;
    note(format_args!(
        "{name} has {} from {} to {}",
        counted(versions.count(), "version"),
        range.from.version,
        range.to
    ));
    let _lock = workspace.lock()?;
    let old = range.from.old.as_ref().map_or(String::new(), |old| format!("@{old}"));
    let range_argument = quoted(&format!("{name}{old}={}..{}", range.from.version, range.to));
    let filter_argument = filter.as_deref().map_or(String::new(), |filter| format!(" {}", quoted(filter)));
    let packages = package_arguments(&arguments.pair.package);
    let again = format!("ab --bisect-versions {range_argument}{filter_argument} --explain{packages}");
    let comparer = Comparer {
        options: &arguments.pair,
        policy,
        gate_time: false,
        explain: arguments.pair.explain,
        confirms: None,
        workspace: &workspace,
        interrupt,
        offer: Offer::Again { command: &format!("highwater {again}") },
    };
    match bisect(&versions, &comparer, |_| Ok(filter), |verdict| verdict.gated)? {
        Bisected::Unchanged { values } => {
            let ends = format!("{name} {} and {}", range.from.version, range.to);
            println!("nothing changed between {ends}, in {}", counted(values, "gated value"));
            Ok(exit::PASSED)
        }
        Bisected::Found { border, verdict, share } => {
            let [before, after] = [border.last_unchanged, border.first_changed].map(|at| &versions.versions[at]);
            println!("\n{name} {before} -> {after}:");
            println!("{}", found_text(&versions, border, &verdict, share));
            if !arguments.pair.explain && verdict.explanation.is_some() {
                next(&highwater_command(&again), "which functions hold it");
            }
            Ok(exit::REGRESSED)
        }
    }
}

/// The candidates: versions of a dependency, oldest first, with which the working tree is built.
struct Versions<'a> {
    workspace: &'a Workspace,
    packages: &'a [String],
    range: &'a Range,
    versions: Vec<Version>,
}

impl<'a> Versions<'a> {
    /// Lists the published versions that were not yanked, and no pre-releases unless an end is one.
    ///
    /// # Errors
    /// Returns [`CliError::Usage`] if an end does not exist, and [`super::Untestable`] if the registry cannot be asked.
    fn between(range: &'a Range, workspace: &'a Workspace, packages: &'a [String]) -> Result<Self, CliError> {
        let Range { from, to } = range;
        let published = versions::published(&workspace.root, from)?;
        if let Some(missing) = [&from.version, to]
            .into_iter()
            .find(|end| !published.iter().any(|known| versions::is_same(&known.version, end)))
        {
            return Err(CliError::Usage(format!("{} has no version {missing}", from.name)));
        }
        let versions = listed(published, &from.version, to);
        Ok(Self { workspace, packages, range, versions })
    }

    fn build(&self, candidate: usize, place: Place) -> Result<Built, CliError> {
        let requested = Requested { version: self.versions[candidate].clone(), ..self.range.from.clone() };
        let (folder, chosen) = versions::copy(self.workspace, place, &[requested])?;
        versions::build(folder, &chosen, place, self.workspace, self.packages)
    }
}

/// The versions from one to another that are candidates. The ends always are.
fn listed(published: Vec<versions::Published>, from: &Version, to: &Version) -> Vec<Version> {
    let with_pre_releases = !from.pre.is_empty() || !to.pre.is_empty();
    let is_candidate = |one: &versions::Published| {
        let is_end = [from, to].into_iter().any(|end| versions::is_same(&one.version, end));
        let is_between = *from < one.version && one.version < *to;
        is_end || is_between && !one.is_yanked && (with_pre_releases || one.version.pre.is_empty())
    };
    published.into_iter().filter(is_candidate).map(|one| one.version).collect()
}

impl Candidates for Versions<'_> {
    fn count(&self) -> usize {
        self.versions.len()
    }

    fn label(&self, candidate: usize) -> String {
        format!("{} {}", self.range.from.name, self.versions[candidate])
    }

    fn build_base(&self, candidate: usize) -> Result<Built, CliError> {
        self.build(candidate, Place::VERSIONS)
    }

    fn build_head(&self, candidate: usize) -> Result<Built, CliError> {
        self.build(candidate, Place::CANDIDATE_VERSIONS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_two_versions_in_order() {
        let range: Range = "wasmtime@48=47.0.4..48.0.8".parse().expect("a range");
        assert_eq!((range.from.to_string(), range.to), ("wasmtime@48=47.0.4".to_owned(), Version::new(48, 0, 8)));
        let errors = ["wasmtime=47.0.4", "wasmtime=47..48", "wasmtime=48.0.8..47.0.4", "47.0.4..48.0.8"];
        let errors = errors.map(|text| format!("{text}: {}", text.parse::<Range>().expect_err(text)));
        insta::assert_snapshot!(errors.join("\n"), @r"
        wasmtime=47.0.4: it has no range: use NAME=A..B, for example wasmtime=47.0.4..48.0.8
        wasmtime=47..48: `47` is not a version: use all three numbers, for example 47.0.4
        wasmtime=48.0.8..47.0.4: 48.0.8 is not an older version than 47.0.4
        47.0.4..48.0.8: it has no range: use NAME=A..B, for example wasmtime=47.0.4..48.0.8
        ");
    }

    #[test]
    fn yanked_versions_and_pre_releases_are_no_candidates_but_the_ends_are() {
        let published = [("1.0.0", true), ("1.1.0", true), ("1.2.0", false), ("2.0.0-rc.1", false), ("2.0.0", false)];
        let published = published.map(|(version, is_yanked)| versions::Published {
            version: version.parse().expect("a version"),
            is_yanked,
        });
        let listed = |from: &str, to: &str| {
            let ends = [from, to].map(|end| end.parse().expect("a version"));
            let listed = listed(published.to_vec(), &ends[0], &ends[1]);
            listed.iter().map(Version::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(listed("1.0.0", "2.0.0"), "1.0.0 1.2.0 2.0.0");
        assert_eq!(listed("1.1.0", "2.0.0-rc.1"), "1.1.0 1.2.0 2.0.0-rc.1");
    }
}
