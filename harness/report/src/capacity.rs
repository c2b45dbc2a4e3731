//! Prints capacity predictions as a table and as JSON.

use highwater_judge::{Capacity, Ceilings, UnitEstimate, Verification};
use highwater_model::{Bytes, CaseId, MachineClass, bytes};
use serde::Serialize;

use super::{
    escape,
    fitted_table::{self, Column, Name},
    terminal::Emphasis,
};

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

/// A table for each family, followed by cases without a prediction, by the verifications, and by the definition of the
/// columns.
#[must_use]
pub fn capacity_table(report: &CapacityReport, width: Option<usize>) -> String {
    let mut parts = Vec::new();
    for family in &report.families {
        let name = Emphasis::Heading.paint(escape::line(&family.family));
        parts.push(format!("{name} on {}: units that fit in {}", family.class, available(report)));
        let predicted: Vec<(&CaseId, &Capacity)> =
            family.cases.iter().filter_map(|case| Some((&case.id, case.prediction.as_ref().ok()?))).collect();
        if !predicted.is_empty() {
            parts.push(table(&family.unit, &predicted, width));
        }
        for case in &family.cases {
            if let Err(reason) = &case.prediction {
                parts.push(format!("{}: no prediction: {}", case.id.within_family(), escape::line(reason)));
            }
        }
        parts.extend(family.cases.iter().filter_map(verification));
    }
    let Ceilings { max_map_count, address_space, bytes_per_mapping, .. } = report.ceilings;
    parts.push(format!(
        "memory: anon, page tables, memfd pages and {bytes_per_mapping} B of kernel memory per mapping, as charged to a \
         memory cgroup; file pages are not included because the kernel can reclaim them\n\
         other limits: max_map_count {max_map_count}, address space {address_space}; `*`: the marginal cost is not \
         constant along the ladder"
    ));
    parts.join("\n")
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

fn table(unit: &str, predicted: &[(&CaseId, &Capacity)], width: Option<usize>) -> String {
    let dash = || "-".to_owned();
    let column = |heading: &str, rank, cell: &dyn Fn(&Capacity) -> String| {
        Column::new(heading, rank, predicted.iter().map(|(_, capacity)| cell(capacity)).collect())
    };
    let fits = |capacity: &Capacity| {
        capacity.first().map_or_else(|| "no limit reached".to_owned(), |first| estimate(first.fits))
    };
    let next = |capacity: &Capacity| {
        let next = capacity.by_limit.get(1).map(|next| format!("{} at {}", next.limit.word(), next.fits.units));
        next.unwrap_or_else(dash)
    };
    let per_unit = |capacity: &Capacity| {
        let slope = &capacity.bytes_per_unit;
        let interval = match slope.low == slope.high {
            true => String::new(),
            false => format!(" [{}, {}]", bytes(slope.low), bytes(slope.high)),
        };
        format!("{}{}{interval}", bytes(slope.value), if capacity.linear { "" } else { "*" })
    };
    let columns = vec![
        column("n", 5, &|capacity| capacity.samples.to_string()),
        column("fits", 0, &fits),
        column("first limit", 1, &|capacity| capacity.first().map_or_else(dash, |it| it.limit.word().to_owned())),
        column("next limit", 3, &next),
        column(&format!("memory/{unit}"), 2, &per_unit),
        column("fixed memory", 4, &|capacity| bytes(capacity.fixed_bytes)),
    ];
    let name = |(id, _): &(&CaseId, &Capacity)| Name { group: String::new(), rest: id.within_family().to_owned() };
    fitted_table::print("case", &predicted.iter().map(name).collect::<Vec<_>>(), columns, width)
}

/// `1402`, or `1402 (1399..1405)` if the workers differ.
fn estimate(fits: UnitEstimate) -> String {
    match fits.low == fits.high {
        true => fits.units.to_string(),
        false => format!("{} ({}..{})", fits.units, fits.low, fits.high),
    }
}

/// The line about the verification of a case, if it was requested.
fn verification(case: &CaseCapacity) -> Option<String> {
    let id = case.id.within_family();
    Some(match case.verified.as_ref()? {
        Verified::NotRun(reason) => format!("{}: {id}: {}", Emphasis::Open.paint("not verified"), escape::line(reason)),
        Verified::Found(found) => {
            let word = match found.holds() {
                true => Emphasis::Passed.paint("verified"),
                false => Emphasis::Failed.paint("WRONG"),
            };
            let ended = found.ended.as_deref().map_or(String::new(), |ended| format!(" ({})", escape::line(ended)));
            let failed = match found.failed {
                Some(failed) => format!("{failed} failed{ended}"),
                None => "none failed".to_owned(),
            };
            let error = found.relative_error() * 100.0;
            format!(
                "{word}: {id}: predicted {}, {} succeeded, {failed}: {error:+.1} %",
                found.predicted, found.succeeded
            )
        }
    })
}
