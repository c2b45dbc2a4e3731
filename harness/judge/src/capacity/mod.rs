//! Predicts how many units of a case fit on a machine, by extrapolating its [`ScalingModel`] to the machine's limits.
//!
//! ```text
//!  memory of a unit       anon + page tables + kernel memory per mapping    (as charged to a memory cgroup)
//!  other resources        mappings, address space, slots of a pool
//!
//!  usage(N) = usage at the end of the ladders + sum over ladders of slope * (N - top of the ladder)
//! ```

mod limit;
#[cfg(test)]
mod tests;

use highwater_model::{CaseId, CaseRecord, Metric, Quantity, Scale, Stage, StageColumns};
use highwater_stats::{self as stats, MedianEstimate};
use serde::Serialize;

pub use limit::{Ceilings, Limit, LimitCapacity, UnitEstimate};

use crate::scaling_model::{Ladder, LinearUsage, ScalingModel};

/// The figure by which a worker reports the number of slots of its pool.
const SLOTS: &str = "slots";

/// The number of units of a case that fit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Capacity {
    /// The case.
    pub case: CaseId,
    /// The number of workers that the prediction is based on.
    pub samples: usize,
    /// The ladders whose slopes add up to the cost of a unit.
    pub ladders: Vec<String>,
    /// The largest number of units that was measured.
    pub measured: Scale,
    /// The marginal cost of a unit in bytes.
    pub bytes_per_unit: MedianEstimate,
    /// The memory that does not depend on the number of units, in bytes.
    pub fixed_bytes: f64,
    /// Whether the marginal cost is constant over the measured range.
    pub linear: bool,
    /// The capacity by limit, the tightest first. Limits that do not apply are left out.
    #[serde(rename = "rooms")]
    pub by_limit: Vec<LimitCapacity>,
}

/// Predicts how many units of a case fit. `page` is the size of a page in bytes.
///
/// # Errors
/// One sentence that says why no prediction is possible.
pub fn capacity(case: &CaseRecord, baseline_stage: &Stage, page: u64, ceilings: &Ceilings) -> Result<Capacity, String> {
    if let Some(reason) = &case.not_run {
        return Err(format!("not run: {reason}"));
    }
    if case.samples == 0 {
        return Err("no worker completed".to_owned());
    }
    let model = ScalingModel::new(case, baseline_stage).ok_or("no ladder of two scales or more")?;
    let charged = |columns: &StageColumns, worker| charged_memory(columns, worker, ceilings.bytes_per_mapping);
    let process = |metric: Metric| move |columns: &StageColumns, worker| value(columns, metric.into(), worker);

    let usage = model.usage(charged).ok_or("anon or page tables were not read at every rung")?;
    let mut by_limit = Vec::new();
    let mut add = |limit, fits: Option<UnitEstimate>| by_limit.extend(fits.map(|fits| LimitCapacity { limit, fits }));
    add(Limit::Anon, units_within(&usage, ceilings.memory.0));
    for (limit, metric, max) in [
        (Limit::MaxMapCount, Metric::Vmas, ceilings.max_map_count),
        (Limit::AddressSpace, Metric::Vsize, ceilings.address_space.0),
    ] {
        add(limit, model.usage(process(metric)).and_then(|usage| units_within(&usage, max)));
    }
    add(Limit::Slots, slots(case));
    by_limit.sort_by_key(|capacity| capacity.fits.units);

    let median = |of: fn(&LinearUsage) -> f64| stats::estimate_median(&usage.iter().map(of).collect::<Vec<_>>());
    let not_finite = "the slope is not a finite number";
    Ok(Capacity {
        case: case.id.clone(),
        samples: case.samples,
        ladders: model.ladders.iter().map(|ladder| ladder.name.clone()).collect(),
        measured: model.ladders.iter().map(Ladder::top).min().map_or(Scale(0), |top| Scale(top as u32)),
        bytes_per_unit: median(|usage| usage.slope).ok_or(not_finite)?,
        fixed_bytes: median(|usage| usage.fixed).ok_or(not_finite)?.value,
        linear: model.is_linear(charged, page),
        by_limit,
    })
}

impl Capacity {
    /// The limit that is reached first, and the units that fit until then. `None` if no limit applies.
    #[must_use]
    pub fn first(&self) -> Option<LimitCapacity> {
        self.by_limit.first().copied()
    }
}

/// The memory that is charged to a cgroup: anonymous memory, page tables, memfd pages, and kernel memory for each
/// mapping. A memfd page is charged once however often it is mapped, so it is counted as PSS less anonymous memory.
fn charged_memory(columns: &StageColumns, worker: usize, bytes_per_mapping: u64) -> Option<f64> {
    let read = |metric: Metric| value(columns, metric.into(), worker);
    let anon = read(Metric::Anon)?;
    let shared = (read(Metric::Pss).unwrap_or(anon) - anon).max(0.0).min(read(Metric::Shmem).unwrap_or(0.0));
    let kernel = read(Metric::Vmas).unwrap_or(0.0) * bytes_per_mapping as f64;
    Some(anon + read(Metric::PageTables)? + shared + kernel)
}

/// Bytes and counts are below 2^53, so `f64` represents them exactly.
fn value(columns: &StageColumns, quantity: Quantity, worker: usize) -> Option<f64> {
    Some(columns.memory.get(&quantity)?.at(worker)? as f64)
}

fn units_within(usage: &[LinearUsage], max: u64) -> Option<UnitEstimate> {
    estimate(&usage.iter().map(|usage| usage.units(max)).collect::<Option<Vec<_>>>()?)
}

fn slots(case: &CaseRecord) -> Option<UnitEstimate> {
    let quantity = Quantity::Figure(SLOTS.parse().ok()?);
    let columns = case.stages.iter().find(|columns| columns.memory.contains_key(&quantity))?;
    estimate(&(0..case.samples).map(|worker| value(columns, quantity, worker)).collect::<Option<Vec<_>>>()?)
}

fn estimate(units: &[f64]) -> Option<UnitEstimate> {
    let MedianEstimate { value, low, high } = stats::estimate_median(units)?;
    Some(UnitEstimate { units: value as u64, low: low as u64, high: high as u64 })
}
