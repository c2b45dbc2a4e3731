//! The cases of a run that both the claims and the recommendations are based on.

use highwater_judge::CaseView;
use highwater_model::Record;

/// The case of `scaling` with one component, in which all actors are created by this maker, in this form and with this
/// allocation strategy.
pub(crate) fn scaling<'a>(record: &'a Record, maker: &str, source: &str, allocation: &str) -> Option<CaseView<'a>> {
    let parameters = [("maker", maker), ("source", source), ("alloc", allocation), ("components", "1")];
    CaseView::find(record, "scaling", &parameters)
}

/// The ladders of an actor's life up to its first call. Their slopes add up to the cost of a called actor.
pub(crate) const UNTIL_CALLED: [&str; 2] = ["live", "called"];

/// The case of the largest message: 8 MiB, without an encoding.
pub(crate) fn large_message(record: &Record) -> Option<CaseView<'_>> {
    CaseView::find(record, "messages", &[("format", "raw"), ("size", "8m")])
}

/// The cases with a limit, each with its configured limit in bytes, smallest first, or `None` if the run has none.
pub(crate) fn limited(record: &Record) -> Option<Vec<(CaseView<'_>, f64)>> {
    let cases = CaseView::select(record, "limits", &[]).into_iter();
    let mut limited: Vec<_> = cases.filter_map(|case| Some((case, case.figure("full", "asked_bytes")?))).collect();
    limited.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    (!limited.is_empty()).then_some(limited)
}
