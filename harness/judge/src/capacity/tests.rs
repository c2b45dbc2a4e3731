//! Tests of the prediction, with cases whose memory is known.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use highwater_model::{Bytes, Series};

const PAGE: u64 = 4096;
const CEILINGS: Ceilings = Ceilings {
    memory: Bytes(1 << 30),
    max_map_count: 65_530,
    address_space: Bytes((1 << 47) - PAGE),
    bytes_per_mapping: 200,
};

/// The values of a worker at a stage.
#[derive(Clone, Copy, Default)]
struct At {
    anon: u64,
    page_tables: u64,
    vmas: u64,
    vsize: u64,
    shmem: u64,
    pss: u64,
}

fn stage(name: &str, workers: &[At]) -> StageColumns {
    let series = |of: fn(&At) -> u64| Series::Each(workers.iter().map(of).collect());
    let memory: [(Metric, Series); 6] = [
        (Metric::Anon, series(|at| at.anon)),
        (Metric::PageTables, series(|at| at.page_tables)),
        (Metric::Vmas, series(|at| at.vmas)),
        (Metric::Vsize, series(|at| at.vsize)),
        (Metric::Shmem, series(|at| at.shmem)),
        (Metric::Pss, series(|at| at.pss)),
    ];
    StageColumns {
        stage: name.parse().expect("a stage"),
        wall_ns: Series::Same(1),
        cpu_ns: Series::Same(1),
        memory: memory.into_iter().map(|(metric, series)| (metric.into(), series)).collect(),
    }
}

fn case(stages: Vec<StageColumns>, samples: usize) -> CaseRecord {
    let id = "toy/heap/size=64k".parse().expect("an id");
    CaseRecord { samples, stages, ..CaseRecord::from_samples(id, &[]) }
}

fn predicted(case: &CaseRecord, ceilings: &Ceilings) -> Capacity {
    capacity(case, &"loaded".parse().expect("a stage"), PAGE, ceilings).expect("a prediction")
}

/// A stage with anonymous memory only.
fn anon(name: &str, bytes: u64) -> StageColumns {
    stage(name, &[At { anon: bytes, ..At::default() }])
}

#[test]
fn the_slopes_of_successive_ladders_add_up() {
    // 1 KiB per live unit, 3 KiB more per called unit, and 100 KiB fixed.
    let stages = vec![
        anon("loaded", 100 << 10),
        anon("live@10", 110 << 10),
        anon("live@20", 120 << 10),
        anon("called@10", 150 << 10),
        anon("called@20", 180 << 10),
        anon("dropped", 100 << 10),
        anon("emptied@10", 0),
        anon("emptied@20", 0),
    ];
    let capacity = predicted(&case(stages, 1), &Ceilings { memory: Bytes(4100 << 10), ..CEILINGS });
    assert_eq!(capacity.ladders, ["live", "called"]);
    assert_eq!((capacity.bytes_per_unit.value, capacity.fixed_bytes, capacity.linear), (4096.0, 102_400.0, true));
    assert_eq!(
        capacity.first(),
        Some(LimitCapacity { limit: Limit::Anon, fits: UnitEstimate { units: 1000, low: 1000, high: 1000 } })
    );
    assert_eq!(capacity.measured, Scale(20));
}

#[test]
fn of_ladders_climbed_together_only_the_last_counts() {
    let stages = vec![
        anon("loaded", 0),
        anon("live@1", 1 << 10),
        anon("called@1", 4 << 10),
        anon("live@2", 5 << 10),
        anon("called@2", 8 << 10),
    ];
    let capacity = predicted(&case(stages, 1), &CEILINGS);
    assert_eq!((capacity.ladders, capacity.bytes_per_unit.value), (vec!["called".to_owned()], 4096.0));
}

#[test]
fn the_first_limit_is_the_one_with_the_fewest_units() {
    let at = |n: u64| At { anon: n * PAGE, vmas: 30 + 2 * n, vsize: n * (4160 << 20), ..At::default() };
    let stages = |slots: Option<u64>| {
        let mut stages = vec![stage("loaded", &[at(0)]), stage("live@1", &[at(1)]), stage("live@100", &[at(100)])];
        let figure = Quantity::Figure("slots".parse().expect("a name"));
        stages[0].memory.extend(slots.map(|slots| (figure, Series::Same(slots))));
        case(stages, 1)
    };
    let first = |slots, memory| {
        let capacity = predicted(&stages(slots), &Ceilings { memory: Bytes(memory), ..CEILINGS });
        capacity.first().map(|first| (first.limit, first.fits.units))
    };
    // 4,096 B of anon and two mappings of 200 B each.
    assert_eq!(first(None, 8 << 20), Some((Limit::Anon, ((8 << 20) - 30 * 200) / (4096 + 400))));
    assert_eq!(first(None, 8 << 30), Some((Limit::AddressSpace, 32_263)));
    assert_eq!(first(Some(1000), 8 << 30), Some((Limit::Slots, 1000)));
    let roomy = Ceilings { address_space: Bytes(1 << 57), memory: Bytes(8 << 30), ..CEILINGS };
    let mapped = predicted(&stages(None), &roomy).first().expect("a limit");
    assert_eq!((mapped.limit, mapped.fits.units), (Limit::MaxMapCount, 32_750));
}

#[test]
fn memfd_pages_count_once_however_often_they_are_mapped() {
    // Every unit maps and reads all of a 1 MiB memfd, and has one page in addition.
    let at = |n: u64| At { anon: n * PAGE, shmem: n << 20, pss: (1 << 20) + n * PAGE, ..At::default() };
    let stages = vec![stage("loaded", &[at(0)]), stage("live@1", &[at(1)]), stage("live@9", &[at(9)])];
    let capacity = predicted(&case(stages, 1), &Ceilings { bytes_per_mapping: 0, ..CEILINGS });
    assert_eq!((capacity.bytes_per_unit.value, capacity.fixed_bytes), (4096.0, 1_048_576.0));
}

#[test]
fn free_units_have_no_limit_unless_the_fixed_part_exceeds_it() {
    let flat = case(vec![anon("loaded", 1 << 20), anon("ran@1", 1 << 20), anon("ran@9", 1 << 20)], 1);
    assert_eq!(predicted(&flat, &CEILINGS).first(), None);
    let tight = Ceilings { memory: Bytes(1 << 10), ..CEILINGS };
    assert_eq!(predicted(&flat, &tight).first().map(|first| first.fits.units), Some(0));
}

#[test]
fn a_rising_marginal_cost_is_not_linear() {
    let stages = [1_u64, 10, 50, 100].map(|n| anon(&format!("live@{n}"), n * n * PAGE));
    let stages = std::iter::once(anon("loaded", 0)).chain(stages).collect();
    assert!(!predicted(&case(stages, 1), &CEILINGS).linear);
}

#[test]
fn without_workers_or_ladder_there_is_no_prediction() {
    let baseline_stage = "loaded".parse().expect("a stage");
    let why = |case: &CaseRecord| capacity(case, &baseline_stage, PAGE, &CEILINGS).expect_err("no prediction");
    assert_eq!(why(&case(vec![anon("loaded", 0), anon("live@1", 1)], 1)), "no ladder of two scales or more");
    assert_eq!(why(&case(Vec::new(), 0)), "no worker completed");
    let not_run = CaseRecord::not_run("toy/heap".parse().expect("an id"), "no rights".to_owned());
    assert_eq!(why(&not_run), "not run: no rights");
    let mut blind = anon("live@2", 2);
    blind.memory = BTreeMap::new();
    let blind = case(vec![anon("loaded", 0), anon("live@1", 1), blind], 1);
    assert!(why(&blind).contains("not read"), "{}", why(&blind));
}

proptest! {
    /// The predicted units fit, one more does not, and more memory never lowers the prediction.
    #[test]
    fn the_predicted_units_fit_and_one_more_does_not(
        fixed in 0_u64..1 << 24, per_unit in 1_u64..1 << 20, memory in 0_u64..1 << 34, more in 0_u64..1 << 30,
    ) {
        let ladder = [1_u64, 10, 100].map(|n| anon(&format!("live@{n}"), fixed + n * per_unit));
        let stages = std::iter::once(anon("loaded", fixed)).chain(ladder).collect();
        let case = case(stages, 1);
        let units = |memory| {
            let ceilings = Ceilings { memory: Bytes(memory), ..CEILINGS };
            predicted(&case, &ceilings).first().expect("a limit").fits.units
        };
        let fitting = units(memory);
        prop_assert!(fitting == 0 || fixed + fitting * per_unit <= memory);
        prop_assert!(fixed + (fitting + 1) * per_unit > memory);
        prop_assert!(units(memory + more) >= fitting);
    }

    /// The interval contains the median and lies within the range of the workers.
    #[test]
    fn the_interval_lies_within_the_range_of_the_workers(
        slopes in prop::collection::vec(1_u64..1 << 16, 1..12),
    ) {
        let at = |n: u64| slopes.iter().map(|s| At { anon: n * s, ..At::default() }).collect::<Vec<_>>();
        let stages = vec![stage("loaded", &at(0)), stage("live@1", &at(1)), stage("live@2", &at(2))];
        let fits = predicted(&case(stages, slopes.len()), &CEILINGS).first().expect("a limit").fits;
        prop_assert!(fits.low <= fits.units && fits.units <= fits.high);
        let by = |slope: &u64| (1_u64 << 30) / slope;
        let cheapest = slopes.iter().min().map(by);
        let most_expensive = slopes.iter().max().map(by);
        prop_assert!(Some(fits.low) >= most_expensive && Some(fits.high) <= cheapest);
    }
}
