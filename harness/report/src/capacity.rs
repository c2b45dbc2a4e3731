//! Prints capacity predictions as a table and as JSON.

use highwater_judge::{Capacity, Ceilings, UnitEstimate, Verification};
use highwater_model::{Bytes, CaseId, MachineClass, bytes};
use serde::Serialize;

use super::{escape, table};

/// The result of `highwater capacity`.
#[derive(Clone, Debug, Serialize)]
pub struct CapacityReport {
    /// The memory that the user asked about.
    pub memory: Bytes,
    /// The part of it that stays free, in percent.
    pub reserve_percent: f64,
    /// The rest of it, and the other limits of this machine.
    pub ceilings: Ceilings,
    /// The families.
    pub families: Vec<FamilyCapacity>,
}

/// The cases of a family.
#[derive(Clone, Debug, Serialize)]
pub struct FamilyCapacity {
    /// The family.
    pub family: String,
    /// The machine class of the run.
    pub class: MachineClass,
    /// The unit of the ladder.
    pub unit: String,
    /// The cases.
    pub cases: Vec<CaseCapacity>,
}

/// One case.
#[derive(Clone, Debug, Serialize)]
pub struct CaseCapacity {
    /// The case.
    pub id: CaseId,
    /// The prediction, or the reason why it is missing.
    #[serde(rename = "prediction", serialize_with = "serialize_prediction")]
    pub prediction: Result<Capacity, String>,
    /// The verification of the prediction, if requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
}

/// The verification of a prediction.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    /// The result.
    Found(Verification),
    /// The reason why it could not run.
    NotRun(String),
}

fn serialize_prediction<S: serde::Serializer>(
    prediction: &Result<Capacity, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match prediction {
        Ok(capacity) => capacity.serialize(serializer),
        Err(reason) => serde_json::json!({"unavailable": reason}).serialize(serializer),
    }
}

/// A table for each family, followed by the verifications and by the definition of the columns.
#[must_use]
pub fn capacity_table(report: &CapacityReport) -> String {
    let mut text = String::new();
    for family in &report.families {
        let unit = &family.unit;
        let headings = ["case", "n", "fits", "first limit", "next limit", &format!("memory/{unit}"), "fixed memory"];
        let rows = family.cases.iter().map(row);
        let name = escape::line(&family.family);
        text.push_str(&format!("{name} on {}: units that fit in {}\n", family.class, available(report)));
        text.push_str(&format!("{}\n", table::print(&headings.map(str::to_owned), rows)));
        for case in &family.cases {
            text.push_str(&verification(case));
        }
    }
    let Ceilings { max_map_count, address_space, bytes_per_mapping, .. } = report.ceilings;
    text.push_str(&format!(
        "memory: anon, page tables, memfd pages and {bytes_per_mapping} B of kernel memory per mapping, as charged to a \
         memory cgroup; file pages are not included because the kernel can reclaim them\n\
         other limits: max_map_count {max_map_count}, address space {address_space}; `*`: the marginal cost is not \
         constant along the ladder"
    ));
    text
}

/// The report as indented JSON.
#[must_use]
pub fn capacity_json(report: &CapacityReport) -> String {
    escape::json(&format!("{:#}", serde_json::json!(report)))
}

/// `8 GiB`, or `6.4 GiB (8 GiB less 20 %)`.
fn available(report: &CapacityReport) -> String {
    match report.reserve_percent {
        0.0 => report.memory.to_string(),
        reserve => format!("{} ({} less {reserve} %)", report.ceilings.memory, report.memory),
    }
}

fn row(case: &CaseCapacity) -> Vec<String> {
    let id = case.id.within_family().to_owned();
    let capacity = match &case.prediction {
        Ok(capacity) => capacity,
        Err(reason) => return vec![id, "-".to_owned(), escape::line(reason)],
    };
    let dash = || "-".to_owned();
    let next = capacity.by_limit.get(1).map(|next| format!("{} at {}", next.limit.word(), next.fits.units));
    let slope = &capacity.bytes_per_unit;
    let interval = match slope.low == slope.high {
        true => String::new(),
        false => format!(" [{}, {}]", bytes(slope.low), bytes(slope.high)),
    };
    vec![
        id,
        capacity.samples.to_string(),
        capacity.first().map_or_else(|| "no limit reached".to_owned(), |first| estimate(first.fits)),
        capacity.first().map_or_else(dash, |first| first.limit.word().to_owned()),
        next.unwrap_or_else(dash),
        format!("{}{}{interval}", bytes(slope.value), if capacity.linear { "" } else { "*" }),
        bytes(capacity.fixed_bytes),
    ]
}

/// `1402`, or `1402 (1399..1405)` if the workers differ.
fn estimate(fits: UnitEstimate) -> String {
    match fits.low == fits.high {
        true => fits.units.to_string(),
        false => format!("{} ({}..{})", fits.units, fits.low, fits.high),
    }
}

/// The line about the verification of a case, empty if it was not requested.
fn verification(case: &CaseCapacity) -> String {
    let id = case.id.within_family().to_owned();
    match &case.verified {
        None => String::new(),
        Some(Verified::NotRun(reason)) => format!("not verified: {id}: {}\n", escape::line(reason)),
        Some(Verified::Found(found)) => {
            let word = if found.holds() { "verified" } else { "WRONG" };
            let ended = found.ended.as_deref().map_or(String::new(), |ended| format!(" ({})", escape::line(ended)));
            let failed = match found.failed {
                Some(failed) => format!("{failed} failed{ended}"),
                None => "none failed".to_owned(),
            };
            let error = found.relative_error() * 100.0;
            format!(
                "{word}: {id}: predicted {}, {} succeeded, {failed}: {error:+.1} %\n",
                found.predicted, found.succeeded
            )
        }
    }
}
