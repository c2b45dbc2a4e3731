//! Claims about the marginal cost of an actor: the form of its manifest, and Extism itself.

use highwater_judge::CaseView;
use highwater_judge::Finding;
use highwater_model::{Metric, Record, bytes, signed_bytes};

use crate::selected::{UNTIL_CALLED, scaling};

pub(super) fn form_is_free(record: &Record) -> Option<Finding> {
    let of = |source| scaling(record, "extism", source, "on-demand");
    let (plain, data, file) = (of("bytes")?, of("data")?, of("file")?);
    let cost = |case: CaseView<'_>| case.slope(Metric::Anon, "live");
    let figures =
        format!("per actor: bytes {}, data {}, file {}", bytes(cost(plain)?), bytes(cost(data)?), bytes(cost(file)?));
    Some(Finding::holds(cost(data)? < cost(file)? + file.page(), figures).on([plain, data, file].map(CaseView::id)))
}

pub(super) fn framework_is_free(record: &Record) -> Option<Finding> {
    let [extism, control] = ["extism", "wasmtime"].map(|maker| scaling(record, maker, "bytes", "on-demand"));
    let (extism, control) = (extism?, control?);
    let more =
        |metric: Metric| Some(extism.slope_sum(metric, &UNTIL_CALLED)? - control.slope_sum(metric, &UNTIL_CALLED)?);
    let (memory, mappings) = (more(Metric::Anon)?, more(Metric::Vmas)?);
    let mut figures = format!(
        "Extism minus wasmtime: {} anon, {} page tables, {mappings:+.2} VMAs",
        signed_bytes(memory),
        signed_bytes(more(Metric::PageTables)?)
    );
    for routine in ["create-drop", "call"] {
        if let (Some(extism), Some(control)) = (extism.time(routine), control.time(routine)) {
            figures.push_str(&format!(", {routine} {:+.1} us", (extism - control) / 1e3));
        }
    }
    Some(Finding::holds(memory < extism.page() && mappings < 0.5, figures).on([extism, control].map(CaseView::id)))
}
