//! Claims about memory limits: how much of a limit an actor can use, and what happens beyond it.

use highwater_judge::CaseView;
use highwater_judge::Finding;
use highwater_model::{Record, bytes};

use crate::selected::limited;

pub(super) fn limit_is_exact(record: &Record) -> Option<Finding> {
    let page = 65_536.0;
    let (mut holds, mut descriptions, mut ids) = (true, Vec::new(), Vec::new());
    for (case, asked) in limited(record)? {
        let grown = case.figure("full", "growth_bytes")?;
        holds &= (asked - page..=asked).contains(&grown);
        descriptions.push(format!(
            "{}: grew by {} to {}",
            bytes(asked),
            bytes(grown),
            bytes(case.figure("full", "guest_bytes")?)
        ));
        ids.push(case.id());
    }
    Some(Finding::holds(holds, descriptions.join("; ")).on(ids))
}

pub(super) fn limit_holds_messages(record: &Record) -> Option<Finding> {
    let (mut holds, mut descriptions, mut ids) = (true, Vec::new(), Vec::new());
    for (case, asked) in limited(record)? {
        let echoed = case.figure("full", "message_bytes")?;
        holds &= echoed >= asked / 2.0;
        descriptions.push(format!("{}: {}", bytes(asked), bytes(echoed)));
        ids.push(case.id());
    }
    Some(Finding::holds(holds, descriptions.join("; ")).on(ids))
}

pub(super) fn default_is_16_mib(record: &Record) -> Option<Finding> {
    let case = CaseView::find(record, "limits", &[("limit", "none")])?;
    let descriptions = case.note("growth_beyond_100_mib")?;
    let figures = format!(
        "result of growing by 100 MiB and a page: {descriptions}; the actor host of this family sets 16 MiB itself"
    );
    Some(Finding::holds(descriptions != "answered", figures).on([case.id()]))
}

pub(super) fn limit_is_survived(record: &Record) -> Option<Finding> {
    let (mut holds, mut descriptions, mut ids) = (true, Vec::new(), Vec::new());
    for (case, asked) in limited(record)? {
        let growth = (case.note("growth_over")?, case.note("after_growth_over")?);
        let message = (case.note("message_over")?, case.note("after_message_over")?);
        let neighbours = case.note("neighbours")?;
        holds &= growth.1 == "usable" && message.1 == "usable" && neighbours == "untouched";
        holds &= growth.0 != "answered" && message.0 != "answered";
        descriptions.push(format!(
            "{}: after growth {}, after a message {}, neighbours {neighbours}",
            bytes(asked),
            growth.1,
            message.1
        ));
        ids.push(case.id());
    }
    Some(Finding::holds(holds, descriptions.join("; ")).on(ids))
}

pub(super) fn bounds_are_checked(record: &Record) -> Option<Finding> {
    let (mut holds, mut descriptions, mut ids) = (true, Vec::new(), Vec::new());
    for allocation in ["on-demand", "small-reservation"] {
        let case = CaseView::find(record, "bounds", &[("alloc", allocation)])?;
        let (seen, after) = (case.note("access")?, case.note("after_access")?);
        let neighbours = case.note("neighbours")?;
        holds &= seen.contains("trap") && neighbours == "untouched";
        descriptions.push(format!("{allocation}: {seen}; afterwards {after}, neighbours {neighbours}"));
        ids.push(case.id());
    }
    Some(Finding::holds(holds, descriptions.join("; ")).on(ids))
}
