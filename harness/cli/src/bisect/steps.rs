//! The steps of a bisection, whether of commits or of versions: compares the ends, follows what differs most, tests
//! candidates against the first one until two neighbours are left, and compares those with each other.

use highwater_judge::Verdict;
use highwater_report::{escape, finding_text, terminal::note};
use highwater_runner::RunnerError;

use super::{
    finding::Followed,
    search::{Border, Search, State, Step},
};
use crate::{
    CliError,
    ab::{Built, Compared, Comparer, Untestable},
    confirm::exact_filter,
};

/// Ordered candidates, at least two.
pub(crate) trait Candidates {
    /// How many there are.
    fn count(&self) -> usize;

    /// What one is called in the output.
    fn label(&self, candidate: usize) -> String;

    /// Builds one as the base of comparisons.
    ///
    /// # Errors
    /// [`Untestable`] if it cannot be built.
    fn build_base(&self, candidate: usize) -> Result<Built, CliError>;

    /// Builds one as the head of comparisons.
    ///
    /// # Errors
    /// [`Untestable`] if it cannot be built.
    fn build_head(&self, candidate: usize) -> Result<Built, CliError>;
}

/// The result of a bisection.
pub(crate) enum Bisected {
    /// The ends do not differ.
    Unchanged {
        /// The number of values that were compared.
        values: usize,
    },
    /// The change was found.
    Found {
        border: Border,
        /// That of the first changed candidate against the last unchanged one.
        verdict: Box<Verdict>,
        /// The part of the change between the ends that it shows.
        share: f64,
    },
}

/// Finds the candidate with which a value changed, of those that `is_followed` accepts and in the cases that the filter
/// of `cases`, called with the first candidate, selects.
///
/// # Errors
/// [`Untestable`] if an end cannot be measured, or the change was not confirmed between two neighbours.
pub(crate) fn bisect(
    candidates: &impl Candidates,
    comparer: &Comparer<'_>,
    cases: impl FnOnce(&Built) -> Result<Option<String>, CliError>,
    is_followed: impl Fn(&Verdict) -> bool,
) -> Result<Bisected, CliError> {
    let last = candidates.count() - 1;
    note(format_args!("building {} and {}", candidates.label(0), candidates.label(last)));
    let (mut base, mut head) = (candidates.build_base(0)?, candidates.build_head(last)?);
    let filter = cases(&base)?;
    let silent = Comparer { explain: false, ..*comparer };
    let ends = silent.compare(&base, &head, filter.as_deref())?;
    if ends.comparison.families.is_empty() {
        return Err(Untestable("no case exists at both ends and matches".to_owned()).into());
    }
    let page = ends.comparison.families[0].class.page_size;
    let eligible = || ends.comparison.verdicts().filter(|verdict| is_followed(verdict));
    let Some(followed) = Followed::choose(eligible(), page) else {
        let values = eligible().filter(|verdict| verdict.subject.is_some()).count();
        return match values {
            0 => Err(Untestable("nothing of it was measured at both ends".to_owned()).into()),
            values => Ok(Bisected::Unchanged { values }),
        };
    };
    if let Some(verdict) = followed.verdict(ends.comparison.verdicts()) {
        let line = format!("{} against {}: {}: {}", base.name, head.name, verdict.case, verdict.sentence);
        println!("{}", escape::line(&line));
    }

    let case = exact_filter(&[&followed.case]);
    let mut search = Search::new(candidates.count());
    let (mut number, mut built) = (0, Some(last));
    let border = loop {
        let candidate = match search.step() {
            Step::Done(border) => break border,
            Step::Test(candidate) => candidate,
        };
        number += 1;
        let label = candidates.label(candidate);
        note(format_args!("step {number}, about {} left: building {label}", search.tests_left()));
        // A build that fails may leave benches of both.
        built = None;
        let tested = candidates.build_head(candidate).and_then(|revision| {
            head = revision;
            built = Some(candidate);
            silent.compare(&base, &head, Some(&case))
        });
        let (state, remark) = match tested {
            Ok(Compared { comparison, .. }) => {
                let verdict = followed.verdict(comparison.verdicts());
                let remark =
                    verdict.map_or("its case was not measured", |verdict| verdict.sentence.as_str()).to_owned();
                (followed.state(verdict), remark)
            }
            Err(_) if comparer.interrupt.raised() => return Err(RunnerError::Interrupted.into()),
            Err(error) if error.is_about_a_revision() => (State::Skipped, error.to_string()),
            Err(error) => return Err(error),
        };
        let word = match state {
            State::Unchanged => "unchanged",
            State::Changed => "changed",
            State::Skipped => "skipped",
        };
        println!("{}", escape::line(&format!("{label}: {word}: {remark}")));
        search.record(candidate, state);
    };

    // The ends were compared already if they are neighbours, but without an explanation.
    if border.last_unchanged > 0 {
        note(format_args!("building {} again to confirm the change", candidates.label(border.last_unchanged)));
        base = candidates.build_base(border.last_unchanged)?;
    }
    if built != Some(border.first_changed) {
        note(format_args!("building {} again to confirm the change", candidates.label(border.first_changed)));
        head = candidates.build_head(border.first_changed)?;
    }
    let confirmed = comparer.compare(&base, &head, Some(&case))?;
    match followed.verdict(confirmed.comparison.verdicts()) {
        Some(verdict) if Followed::choose([verdict], page).is_some() => {
            Ok(Bisected::Found { border, share: followed.share(verdict), verdict: Box::new(verdict.clone()) })
        }
        _ => Err(Untestable(format!(
            "{} changed by less than can be confirmed from {} to {}: several of them changed it, or it varies",
            followed.quantity,
            candidates.label(border.last_unchanged),
            candidates.label(border.first_changed)
        ))
        .into()),
    }
}

/// The lines about a change that was found: the finding, the stacks that explain it, and what is not certain.
pub(crate) fn found_text(candidates: &impl Candidates, border: Border, verdict: &Verdict, share: f64) -> String {
    let mut lines = vec![finding_text(verdict)];
    let skipped: Vec<String> = border.skipped().map(|candidate| candidates.label(candidate)).collect();
    if !skipped.is_empty() {
        lines.push(format!("not tested, so it may be one of these as well: {}", skipped.join(", ")));
    }
    if !(0.95..=1.05).contains(&share) {
        lines.push(format!("this is {:.0} % of the change between the ends", share * 100.0));
    }
    lines.join("\n")
}
