//! How many units fit: the lines through a case's ladders, prolonged to the limits of a machine.
//!
//! ```text
//!  a unit holds      anon + page tables + what the kernel keeps per mapping    (a memory cgroup's account)
//!  and takes         mappings, address space, slots of a pool
//!
//!  usage(N) = usage at the end of the ladders + sum over ladders of slope * (N - the ladder's top)
//! ```
//!
//! A case that takes all its units through one ladder and then through the next (`live`, then `called`)
//! has a slope for each, and a unit that went through both costs their sum.

use highwater_model::{Bytes, CaseId, CaseRecord, Metric, Quantity, Scale, Stage, StageColumns};
use highwater_stats::{self as stats, Linearity, MedianEstimate};
use serde::Serialize;

/// From this stage on units are gone (design §2).
const DROPPED: &str = "dropped";
/// The figure by which a worker tells how many units its pool has room for.
const SLOTS: &str = "slots";

/// What keeps units from being more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Memory that counts against a cgroup: anon, page tables and the kernel's own per mapping.
    Anon,
    /// `vm.max_map_count`.
    MaxMapCount,
    /// What a process can address, or its `RLIMIT_AS`.
    AddressSpace,
    /// The slots of a pool, where the worker told them (figure `slots`).
    Slots,
}

impl Limit {
    /// The word for it in tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Anon => "anon",
            Self::MaxMapCount => "max_map_count",
            Self::AddressSpace => "address space",
            Self::Slots => "slots",
        }
    }
}

/// The limits of a machine, or of a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Ceilings {
    /// Memory that may be held.
    pub memory: Bytes,
    /// Mappings of one process.
    pub max_map_count: u64,
    /// Address space of one process.
    pub address_space: Bytes,
    /// What the kernel holds for each mapping.
    pub bytes_per_mapping: u64,
}

/// A number of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fits {
    /// By the middle worker.
    pub units: u64,
    /// Lower end of the 95 % interval over workers.
    pub low: u64,
    /// Upper end of it.
    pub high: u64,
}

/// How many units fit before one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Room {
    /// The limit.
    pub limit: Limit,
    /// The units.
    pub fits: Fits,
}

/// How many units of a case fit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Capacity {
    /// The case.
    pub case: CaseId,
    /// Workers that it was told from.
    pub samples: usize,
    /// The ladders whose slopes were added up.
    pub ladders: Vec<String>,
    /// The most units that were measured.
    pub measured: Scale,
    /// Bytes that one more unit holds.
    pub bytes_per_unit: MedianEstimate,
    /// Bytes held beside the units.
    pub fixed_bytes: f64,
    /// Whether every unit costs as much as every other, as far as was measured.
    pub linear: bool,
    /// What fits before each limit that there is, the first limit first.
    pub rooms: Vec<Room>,
}

/// Works out how many units of a case fit. `page` is the size of a page in bytes.
///
/// # Errors
/// One sentence that says why that cannot be told.
pub fn capacity(case: &CaseRecord, reference: &Stage, page: u64, ceilings: &Ceilings) -> Result<Capacity, String> {
    if let Some(reason) = &case.not_run {
        return Err(format!("not run: {reason}"));
    }
    if case.samples == 0 {
        return Err("no worker completed".to_owned());
    }
    let climbs = climbs(case, reference);
    if climbs.is_empty() {
        return Err("no ladder of two scales or more".to_owned());
    }
    let way = Way { case, climbs };
    let held = |columns: &StageColumns, worker| held(columns, worker, ceilings.bytes_per_mapping);
    let process = |metric: Metric| move |columns: &StageColumns, worker| value(columns, metric.into(), worker);

    let lines = way.lines(held).ok_or("anon or page tables were not read at every rung")?;
    let mut rooms = Vec::new();
    let mut add = |limit, fits: Option<Fits>| rooms.extend(fits.map(|fits| Room { limit, fits }));
    add(Limit::Anon, room(&lines, ceilings.memory.0));
    for (limit, metric, most) in [
        (Limit::MaxMapCount, Metric::Vmas, ceilings.max_map_count),
        (Limit::AddressSpace, Metric::Vsize, ceilings.address_space.0),
    ] {
        add(limit, way.lines(process(metric)).and_then(|lines| room(&lines, most)));
    }
    add(Limit::Slots, slots(case));
    rooms.sort_by_key(|room| room.fits.units);

    let all = |of: fn(&Straight) -> f64| stats::estimate_median(&lines.iter().map(of).collect::<Vec<_>>());
    let told = "a slope that is no number";
    Ok(Capacity {
        case: case.id.clone(),
        samples: case.samples,
        ladders: way.climbs.iter().map(|climb| climb.name.clone()).collect(),
        measured: way.climbs.iter().map(Climb::top).min().map_or(Scale(0), |top| Scale(top as u32)),
        bytes_per_unit: all(|line| line.slope).ok_or(told)?,
        fixed_bytes: all(|line| line.fixed).ok_or(told)?.value,
        linear: way.is_linear(held, page),
        rooms,
    })
}

impl Capacity {
    /// The limit that is met first, and the units that fit before it. `None` where there is none.
    #[must_use]
    pub fn first(&self) -> Option<Room> {
        self.rooms.first().copied()
    }
}

/// What counts against a cgroup: anonymous memory, page tables, pages of memfds (each once, however often
/// it is mapped: PSS less what is anonymous), and what the kernel keeps for each mapping.
fn held(columns: &StageColumns, worker: usize, bytes_per_mapping: u64) -> Option<f64> {
    let read = |metric: Metric| value(columns, metric.into(), worker);
    let anon = read(Metric::Anon)?;
    let shared = (read(Metric::Pss).unwrap_or(anon) - anon).max(0.0).min(read(Metric::Shmem).unwrap_or(0.0));
    let kernel = read(Metric::Vmas).unwrap_or(0.0) * bytes_per_mapping as f64;
    Some(anon + read(Metric::PageTables)? + shared + kernel)
}

/// Bytes and counts stay below 2^53, so that `f64` holds them exactly.
fn value(columns: &StageColumns, quantity: Quantity, worker: usize) -> Option<f64> {
    Some(columns.memory.get(&quantity)?.at(worker)? as f64)
}

/// One ladder of a case: the rungs' places among the stages, and their scales.
struct Climb {
    name: String,
    rungs: Vec<usize>,
    scales: Vec<f64>,
}

impl Climb {
    fn top(&self) -> u64 {
        self.scales.last().map_or(0, |top| *top as u64)
    }

    fn last(&self) -> usize {
        self.rungs.last().copied().unwrap_or(0)
    }
}

/// The ladders that follow each other up to `dropped`. Of ladders that are climbed together, rung by rung,
/// the one that ends last has all that the others cost in it.
fn climbs(case: &CaseRecord, reference: &Stage) -> Vec<Climb> {
    let begin = case.stages.iter().position(|columns| columns.stage == *reference).map_or(0, |index| index + 1);
    let living = case.stages.iter().enumerate().skip(begin).take_while(|(_, columns)| columns.stage.name() != DROPPED);
    let mut all: Vec<Climb> = Vec::new();
    for (index, columns) in living {
        let Some(Scale(scale)) = columns.stage.scale() else { continue };
        let climb = match all.iter().position(|climb| climb.name == columns.stage.name()) {
            Some(known) => &mut all[known],
            None => {
                all.push(Climb { name: columns.stage.name().to_owned(), rungs: Vec::new(), scales: Vec::new() });
                let last = all.len() - 1;
                &mut all[last]
            }
        };
        climb.rungs.push(index);
        climb.scales.push(f64::from(scale));
    }
    all.retain(|climb| climb.rungs.len() >= 2);
    let mut following: Vec<Climb> = Vec::new();
    for climb in all {
        match following.last_mut() {
            Some(before) if climb.rungs[0] < before.last() => {
                if climb.last() > before.last() {
                    *before = climb;
                }
            }
            _ => following.push(climb),
        }
    }
    following
}

/// A worker's usage as a function of the number of units.
#[derive(Clone, Copy, Debug)]
struct Straight {
    slope: f64,
    fixed: f64,
}

impl Straight {
    /// The most units with which usage does not exceed `most`; `None` where there is no such number.
    fn units(self, most: u64) -> Option<f64> {
        let left = most as f64 - self.fixed;
        match self.slope {
            _ if left < 0.0 => Some(0.0),
            slope if slope > 0.0 => Some((left / slope).floor()),
            _ => None,
        }
    }
}

/// A case's way up its ladders.
struct Way<'a> {
    case: &'a CaseRecord,
    climbs: Vec<Climb>,
}

impl Way<'_> {
    /// The line of each worker; `None` where something was not read.
    fn lines(&self, read: impl Fn(&StageColumns, usize) -> Option<f64>) -> Option<Vec<Straight>> {
        let line = |worker| {
            let mut slope = 0.0;
            let mut fixed = read(&self.case.stages[self.climbs.last()?.last()], worker)?;
            for climb in &self.climbs {
                let rungs = self.rungs(climb, worker, &read)?;
                let own = stats::theil_sen_fit(&climb.scales, &[rungs], 1.0)?.slope;
                slope += own;
                fixed -= own * climb.top() as f64;
            }
            Some(Straight { slope, fixed })
        };
        (0..self.case.samples).map(line).collect()
    }

    fn is_linear(&self, read: impl Fn(&StageColumns, usize) -> Option<f64>, page: u64) -> bool {
        self.climbs.iter().all(|climb| {
            let workers: Option<Vec<_>> = (0..self.case.samples).map(|w| self.rungs(climb, w, &read)).collect();
            let line = workers.and_then(|workers| stats::theil_sen_fit(&climb.scales, &workers, page as f64));
            line.is_some_and(|line| line.linearity == Linearity::Linear)
        })
    }

    fn rungs(
        &self,
        climb: &Climb,
        worker: usize,
        read: impl Fn(&StageColumns, usize) -> Option<f64>,
    ) -> Option<Vec<f64>> {
        climb.rungs.iter().map(|rung| read(&self.case.stages[*rung], worker)).collect()
    }
}

fn room(lines: &[Straight], most: u64) -> Option<Fits> {
    fits(&lines.iter().map(|line| line.units(most)).collect::<Option<Vec<_>>>()?)
}

fn slots(case: &CaseRecord) -> Option<Fits> {
    let quantity = Quantity::Figure(SLOTS.parse().ok()?);
    let columns = case.stages.iter().find(|columns| columns.memory.contains_key(&quantity))?;
    fits(&(0..case.samples).map(|worker| value(columns, quantity, worker)).collect::<Option<Vec<_>>>()?)
}

fn fits(units: &[f64]) -> Option<Fits> {
    let MedianEstimate { value, low, high } = stats::estimate_median(units)?;
    Some(Fits { units: value as u64, low: low as u64, high: high as u64 })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use highwater_model::Series;

    const PAGE: u64 = 4096;
    const CEILINGS: Ceilings = Ceilings {
        memory: Bytes(1 << 30),
        max_map_count: 65_530,
        address_space: Bytes((1 << 47) - PAGE),
        bytes_per_mapping: 200,
    };

    /// What a worker reads at a stage.
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

    fn told(case: &CaseRecord, ceilings: &Ceilings) -> Capacity {
        capacity(case, &"loaded".parse().expect("a stage"), PAGE, ceilings).expect("told")
    }

    /// `fixed + scale * per_unit` of anon, and nothing else.
    fn anon(name: &str, bytes: u64) -> StageColumns {
        stage(name, &[At { anon: bytes, ..At::default() }])
    }

    #[test]
    fn ladders_that_follow_each_other_add_up() {
        // 1 KiB each when live, 3 KiB more when called, 100 KiB beside them.
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
        let told = told(&case(stages, 1), &Ceilings { memory: Bytes(4100 << 10), ..CEILINGS });
        assert_eq!(told.ladders, ["live", "called"]);
        assert_eq!((told.bytes_per_unit.value, told.fixed_bytes, told.linear), (4096.0, 102_400.0, true));
        assert_eq!(told.first(), Some(Room { limit: Limit::Anon, fits: Fits { units: 1000, low: 1000, high: 1000 } }));
        assert_eq!(told.measured, Scale(20));
    }

    #[test]
    fn of_ladders_climbed_together_the_last_counts() {
        let stages = vec![
            anon("loaded", 0),
            anon("live@1", 1 << 10),
            anon("called@1", 4 << 10),
            anon("live@2", 5 << 10),
            anon("called@2", 8 << 10),
        ];
        let told = told(&case(stages, 1), &CEILINGS);
        assert_eq!((told.ladders, told.bytes_per_unit.value), (vec!["called".to_owned()], 4096.0));
    }

    #[test]
    fn the_first_limit_is_the_one_with_the_least_room() {
        let at = |n: u64| At { anon: n * PAGE, vmas: 30 + 2 * n, vsize: n * (4160 << 20), ..At::default() };
        let stages = |slots: Option<u64>| {
            let mut stages = vec![stage("loaded", &[at(0)]), stage("live@1", &[at(1)]), stage("live@100", &[at(100)])];
            let figure = Quantity::Figure("slots".parse().expect("a name"));
            stages[0].memory.extend(slots.map(|slots| (figure, Series::Same(slots))));
            case(stages, 1)
        };
        let first = |slots, memory| {
            let told = told(&stages(slots), &Ceilings { memory: Bytes(memory), ..CEILINGS });
            told.first().map(|room| (room.limit, room.fits.units))
        };
        // 4,096 B of anon and two mappings of 200 B each.
        assert_eq!(first(None, 8 << 20), Some((Limit::Anon, ((8 << 20) - 30 * 200) / (4096 + 400))));
        assert_eq!(first(None, 8 << 30), Some((Limit::AddressSpace, 32_263)));
        assert_eq!(first(Some(1000), 8 << 30), Some((Limit::Slots, 1000)));
        let roomy = Ceilings { address_space: Bytes(1 << 57), memory: Bytes(8 << 30), ..CEILINGS };
        let mapped = told(&stages(None), &roomy).first().expect("limited");
        assert_eq!((mapped.limit, mapped.fits.units), (Limit::MaxMapCount, 32_750));
    }

    #[test]
    fn pages_of_a_memfd_count_once_however_often_they_are_mapped() {
        // A 1 MiB memfd that every unit maps and reads whole, and a page of its own each.
        let at = |n: u64| At { anon: n * PAGE, shmem: n << 20, pss: (1 << 20) + n * PAGE, ..At::default() };
        let stages = vec![stage("loaded", &[at(0)]), stage("live@1", &[at(1)]), stage("live@9", &[at(9)])];
        let told = told(&case(stages, 1), &Ceilings { bytes_per_mapping: 0, ..CEILINGS });
        assert_eq!((told.bytes_per_unit.value, told.fixed_bytes), (4096.0, 1_048_576.0));
    }

    #[test]
    fn what_does_not_fit_at_all_is_none_and_what_costs_nothing_has_no_limit() {
        let flat = case(vec![anon("loaded", 1 << 20), anon("ran@1", 1 << 20), anon("ran@9", 1 << 20)], 1);
        assert_eq!(told(&flat, &CEILINGS).first(), None);
        let tight = Ceilings { memory: Bytes(1 << 10), ..CEILINGS };
        assert_eq!(told(&flat, &tight).first().map(|room| room.fits.units), Some(0));
    }

    #[test]
    fn units_that_cost_more_and_more_are_not_linear() {
        let stages = [1_u64, 10, 50, 100].map(|n| anon(&format!("live@{n}"), n * n * PAGE));
        let stages = std::iter::once(anon("loaded", 0)).chain(stages).collect();
        assert!(!told(&case(stages, 1), &CEILINGS).linear);
    }

    #[test]
    fn a_case_without_workers_or_ladder_says_so() {
        let reference = "loaded".parse().expect("a stage");
        let why = |case: &CaseRecord| capacity(case, &reference, PAGE, &CEILINGS).expect_err("cannot be told");
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
        /// What is said to fit does, one more does not, and more memory never makes it less.
        #[test]
        fn usage_by_the_line_stays_within_the_memory_and_one_more_does_not(
            fixed in 0_u64..1 << 24, per_unit in 1_u64..1 << 20, memory in 0_u64..1 << 34, more in 0_u64..1 << 30,
        ) {
            let ladder = [1_u64, 10, 100].map(|n| anon(&format!("live@{n}"), fixed + n * per_unit));
            let stages = std::iter::once(anon("loaded", fixed)).chain(ladder).collect();
            let case = case(stages, 1);
            let units = |memory| {
                let ceilings = Ceilings { memory: Bytes(memory), ..CEILINGS };
                told(&case, &ceilings).first().expect("limited").fits.units
            };
            let fitting = units(memory);
            prop_assert!(fitting == 0 || fixed + fitting * per_unit <= memory);
            prop_assert!(fixed + (fitting + 1) * per_unit > memory);
            prop_assert!(units(memory + more) >= fitting);
        }

        /// The interval holds the middle, and is that of the workers.
        #[test]
        fn the_interval_lies_between_the_dearest_and_the_cheapest_worker(
            slopes in prop::collection::vec(1_u64..1 << 16, 1..12),
        ) {
            let at = |n: u64| slopes.iter().map(|s| At { anon: n * s, ..At::default() }).collect::<Vec<_>>();
            let stages = vec![stage("loaded", &at(0)), stage("live@1", &at(1)), stage("live@2", &at(2))];
            let fits = told(&case(stages, slopes.len()), &CEILINGS).first().expect("limited").fits;
            prop_assert!(fits.low <= fits.units && fits.units <= fits.high);
            let by = |slope: &u64| (1_u64 << 30) / slope;
            let cheapest = slopes.iter().min().map(by);
            let dearest = slopes.iter().max().map(by);
            prop_assert!(Some(fits.low) >= dearest && Some(fits.high) <= cheapest);
        }
    }
}
