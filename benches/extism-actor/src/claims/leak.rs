//! Claims about memory that an actor keeps: functions that leak, and what a reset or a new plugin gives back.

use highwater_judge::CaseView;
use highwater_judge::Finding;
use highwater_model::{Metric, Record, bytes};

use crate::{Leak, WINDOW, habits::stage, selected::large_message};

/// Number of windows that the leak test leaves out. The bounded cache takes two windows to fill.
const WARM_UP: usize = 4;

/// Decides whether the leak test reports a leak for all chosen functions, or, if `expected` is false, for none of them.
pub(super) fn leaks(record: &Record, ladder: &str, chosen: fn(&Leak) -> bool, expected: bool) -> Option<Finding> {
    let (mut holds, mut descriptions, mut ids) = (true, Vec::new(), Vec::new());
    for leak in Leak::ALL.iter().filter(|leak| chosen(leak)) {
        let name = stage(leak.function);
        let case = CaseView::find(record, "leaks", &[("function", &name)])?;
        let found = case.leak(Metric::Anon, ladder, WINDOW, WARM_UP)?;
        holds &= found.is_some() == expected;
        descriptions.push(match found {
            Some(leak) => format!("{name} {} per window of {WINDOW}", bytes(leak.slope)),
            None => format!("{name} none"),
        });
        ids.push(case.id());
    }
    Some(Finding::holds(holds, descriptions.join(", ")).on(ids))
}

pub(super) fn frees(record: &Record, stage: &str) -> Option<Finding> {
    let case = large_message(record)?;
    let added = case.growth_between(Metric::Anon, "ready", "large")?;
    let given_back = -case.growth_between(Metric::Anon, "large", stage)?;
    let figures = format!("a message of 8 MiB added {}; {} was freed", bytes(added), bytes(given_back));
    Some(Finding::holds(given_back >= added / 2.0, figures).on([case.id()]))
}
