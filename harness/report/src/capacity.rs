//! How many units fit, as a table and as JSON.

use highwater_judge::{Capacity, Ceilings, Fits, Verification};
use highwater_model::{Bytes, CaseId, MachineClass, signed_bytes};
use serde::Serialize;

use super::{printable, table};

/// What `highwater capacity` says.
#[derive(Clone, Debug, Serialize)]
pub struct CapacityReport {
    /// The memory that was asked about.
    pub memory: Bytes,
    /// How much of it is to stay free, in percent.
    pub reserve_percent: f64,
    /// What is left of it, and this machine's other limits.
    pub ceilings: Ceilings,
    /// By family.
    pub families: Vec<FamilyCapacity>,
}

/// The cases of a family.
#[derive(Clone, Debug, Serialize)]
pub struct FamilyCapacity {
    /// The family.
    pub family: String,
    /// Where it was measured.
    pub class: MachineClass,
    /// What one unit is.
    pub unit: String,
    /// The cases.
    pub cases: Vec<CaseCapacity>,
}

/// One case.
#[derive(Clone, Debug, Serialize)]
pub struct CaseCapacity {
    /// The case.
    pub id: CaseId,
    /// How many fit, or why that cannot be told.
    #[serde(serialize_with = "told_or_not")]
    pub told: Result<Capacity, String>,
    /// What became of the prediction, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
}

/// A prediction put to the test.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    /// What was found.
    Found(Verification),
    /// Why it could not be.
    NotRun(String),
}

fn told_or_not<S: serde::Serializer>(told: &Result<Capacity, String>, serializer: S) -> Result<S::Ok, S::Error> {
    match told {
        Ok(capacity) => capacity.serialize(serializer),
        Err(reason) => serde_json::json!({"not_told": reason}).serialize(serializer),
    }
}

/// A table for each family, and below it what was verified and what is counted.
#[must_use]
pub fn capacity_table(report: &CapacityReport) -> String {
    let mut text = String::new();
    for family in &report.families {
        let unit = &family.unit;
        let headings = ["case", "n", "fits", "first limit", "next limit", &format!("held/{unit}"), "held beside them"];
        let rows = family.cases.iter().map(row);
        text.push_str(&format!("{} on {}: what fits in {}\n", family.family, family.class, asked(report)));
        text.push_str(&format!("{}\n", table::print(&headings.map(str::to_owned), rows)));
        for case in &family.cases {
            text.push_str(&below(case));
        }
    }
    let Ceilings { max_map_count, address_space, bytes_per_mapping, .. } = report.ceilings;
    text.push_str(&format!(
        "held: anon, page tables, pages of memfds, and {bytes_per_mapping} B in the kernel per mapping, as a memory cgroup \
         counts; pages of files are not in it: they can be dropped\n\
         other limits: max_map_count {max_map_count}, address space {address_space}; `*`: what a unit costs changes along the ladder"
    ));
    text
}

/// The same as indented JSON.
#[must_use]
pub fn capacity_json(report: &CapacityReport) -> String {
    format!("{:#}", serde_json::json!(report))
}

/// `8 GiB`, or `6.4 GiB (8 GiB less 20 %)`.
fn asked(report: &CapacityReport) -> String {
    match report.reserve_percent {
        0.0 => report.memory.to_string(),
        reserve => format!("{} ({} less {reserve} %)", report.ceilings.memory, report.memory),
    }
}

fn row(case: &CaseCapacity) -> Vec<String> {
    let id = table::short_id(&case.id);
    let capacity = match &case.told {
        Ok(capacity) => capacity,
        Err(reason) => return vec![id, "-".to_owned(), printable::line(reason)],
    };
    let dash = || "-".to_owned();
    let bytes = |bytes: f64| signed_bytes(bytes).trim_start_matches('+').to_owned();
    let next = capacity.rooms.get(1).map(|room| format!("{} at {}", room.limit.word(), room.fits.units));
    let slope = &capacity.bytes_per_unit;
    let interval = match slope.low == slope.high {
        true => String::new(),
        false => format!(" [{}, {}]", bytes(slope.low), bytes(slope.high)),
    };
    vec![
        id,
        capacity.samples.to_string(),
        capacity.first().map_or_else(|| "no limit met".to_owned(), |room| span(room.fits)),
        capacity.first().map_or_else(dash, |room| room.limit.word().to_owned()),
        next.unwrap_or_else(dash),
        format!("{}{}{interval}", bytes(slope.value), if capacity.linear { "" } else { "*" }),
        bytes(capacity.fixed_bytes),
    ]
}

/// `1402`, or `1402 (1399..1405)` where workers differ.
fn span(fits: Fits) -> String {
    match fits.low == fits.high {
        true => fits.units.to_string(),
        false => format!("{} ({}..{})", fits.units, fits.low, fits.high),
    }
}

/// What is to be said of a case below the table.
fn below(case: &CaseCapacity) -> String {
    let id = table::short_id(&case.id);
    match &case.verified {
        None => String::new(),
        Some(Verified::NotRun(reason)) => format!("not verified: {id}: {}\n", printable::line(reason)),
        Some(Verified::Found(found)) => {
            let word = if found.holds() { "verified" } else { "WRONG" };
            let ended = found.ended.as_deref().map_or(String::new(), |ended| format!(" ({})", printable::line(ended)));
            let refused = match found.refused {
                Some(refused) => format!("{refused} did not{ended}"),
                None => "none was refused".to_owned(),
            };
            let off = found.off() * 100.0;
            format!("{word}: {id}: predicted {}, {} lived, {refused}: {off:+.1} %\n", found.predicted, found.lived)
        }
    }
}
