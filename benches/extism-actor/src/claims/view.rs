//! Claims about views of an actor's memory: the host's monitor and the guest's own.

use highwater_judge::CaseView;
use highwater_judge::Finding;
use highwater_model::{Metric, Record, bytes};

/// The parameters of the one case of `monitoring`.
const MONITORING: &[(&str, &str)] = &[("grown", "16m"), ("echoed", "4m")];

pub(super) fn monitor_shows(record: &Record) -> Option<Finding> {
    let case = CaseView::find(record, "monitoring", MONITORING)?;
    let paid = case.growth(Metric::Anon, "echoed")?;
    let shown = case.figure("monitored", "sysinfo_bytes")?;
    let found = case.figure("monitored", "found_by_name")?;
    let cost = case.growth_between(Metric::Anon, "echoed", "monitored")?;
    let figures = format!(
        "the plugin costs {}; sysinfo shows {} for the process, finds {found:.0} by name ({}), and itself retains {}",
        bytes(paid),
        bytes(shown),
        case.note("first_by_name").unwrap_or("differs between workers"),
        bytes(cost)
    );
    let near = (shown - paid).abs() <= paid / 10.0;
    Some(Finding::holds(near && found == 1.0, figures).on([case.id()]))
}

pub(super) fn guest_sees(record: &Record) -> Option<Finding> {
    let case = CaseView::find(record, "monitoring", MONITORING)?;
    let paid = |stage| case.growth(Metric::Anon, stage);
    let seen = |stage| case.figure(stage, "guest_growth_bytes");
    let figures = format!(
        "the guest sees {} of {} after growing by 16 MiB, and {} of {} after a message of 4 MiB",
        bytes(seen("grown")?),
        bytes(paid("grown")?),
        bytes(seen("echoed")?),
        bytes(paid("echoed")?)
    );
    Some(Finding::holds(seen("echoed")? >= 0.9 * paid("echoed")?, figures).on([case.id()]))
}
