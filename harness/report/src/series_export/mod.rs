//! Exports of a history for other tools that analyse series: Apache Otava and Conbench. The runs of one revision are one
//! value, as `highwater trend` judges them.

mod conbench;
mod otava;

pub use conbench::{ConbenchExport, conbench};
pub use otava::otava;

use highwater_model::{Aspect, CaseId, MachineClass, Quantity};

use crate::TrendRevision;

/// A series of a history.
#[derive(Clone, Debug)]
pub struct ExportedSeries {
    /// The machine class.
    pub class: MachineClass,
    /// The case.
    pub case: CaseId,
    /// What was measured.
    pub quantity: Quantity,
    /// What of it.
    pub aspect: Aspect,
    /// What one unit of the ladder is.
    pub per: String,
    /// The indices of the revisions of the values.
    pub revisions: Vec<usize>,
    /// The values.
    pub values: Vec<f64>,
}

/// A history: the revisions in order, and the series over them.
#[derive(Clone, Debug, Default)]
pub struct ExportedHistory {
    /// The revisions, oldest first.
    pub revisions: Vec<TrendRevision>,
    /// The series, sorted by class and case.
    pub series: Vec<ExportedSeries>,
}
