//! A deterministic simulation of machines and jobs. The machine charges its true costs; the policy sees noisy
//! measurements of them.

use super::{super::costs::Calibration, *};

/// A machine and a memory: true costs in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Machine {
    total: u64,
    fault: f64,
    scan: f64,
    page: f64,
    whole: f64,
    compare: f64,
    /// Protecting everything, and lifting the protection and collapsing huge pages.
    protect: f64,
    lift: f64,
    /// What a fault costs within a job, relative to one that is taken on purpose, and what a job costs without faults.
    in_jobs: f64,
    compute: f64,
}

/// The factors by which faults, scans and memsets are scaled.
const SCALES: [f64; 6] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0];

/// The highest ratio of the few sequences above 1.1 where densities are random: at most one in 200.
const WORST_MIXTURE: f64 = 1.15;

/// The highest ratio that an unlucky sequence may reach where jobs are invisible; at most one in a hundred
/// sequences is above 1.1. Other seeds of the noise move which ones, so a bound for all of them would fit the seeds.
const WORST: f64 = 1.3;

/// Jobs until a density must be learnt.
const LEARNING: usize = 16;

impl Machine {
    /// The measured costs of one machine, scaled.
    fn scaled(total: u64, fault: f64, scan: f64, memset: f64) -> Self {
        let pages = total as f64;
        Self {
            total,
            fault: 600.0 * fault,
            scan: (1000.0 + 1.3 * pages) * scan,
            page: 100.0 + 60.0 * memset + 20.0 * scan,
            whole: 50.0 * pages * memset,
            compare: if total < 8192 { 50.0 } else { 200.0 } * memset,
            protect: 4.0 * pages * scan,
            lift: 4.0 * pages * scan,
            in_jobs: 1.0,
            compute: 5.0 * pages * memset,
        }
    }

    fn tracking(&self, dirtied: u64) -> f64 {
        self.scan + dirtied as f64 * (self.fault * self.in_jobs + self.page)
    }

    fn better(&self, jobs: &[Job]) -> f64 {
        let tracking: f64 = jobs.iter().map(|job| self.tracking(job.dirtied)).sum();
        tracking.min(self.whole * jobs.len() as f64)
    }

    /// What is calibrated when the reset is armed. A memset of a part is the least like the real thing.
    fn calibration(&self, noise: &mut Noise, bias: f64) -> Calibration {
        Calibration {
            fault: self.fault * noise.slight(),
            scan: self.scan * noise.slight(),
            page: self.page * bias * noise.slight(),
            call: 800.0,
            whole: self.whole * bias * noise.slight(),
            compare: self.compare * noise.slight(),
            protect: self.protect * noise.slight(),
            lift: self.lift * noise.slight(),
        }
    }
}

/// A seeded generator (splitmix64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// How many of `drawn` pages are among a share of all pages.
    fn hits(&mut self, drawn: u64, share: f64) -> u64 {
        let mean = drawn as f64 * share;
        if mean > 32.0 {
            // Normal, as the sum of twelve uniform numbers.
            let normal: f64 = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
            return (mean + normal * (mean * (1.0 - share)).sqrt()).round().clamp(0.0, drawn as f64) as u64;
        }
        if share <= 0.0 {
            return 0;
        }
        if share >= 1.0 {
            return drawn;
        }
        // The gaps between hits are geometric.
        let (mut at, mut hits) = (0.0, 0);
        loop {
            at += 1.0 + ((1.0 - self.unit()).ln() / (1.0 - share).ln()).floor();
            if at > drawn as f64 {
                return hits;
            }
            hits += 1;
        }
    }

    /// Up to 3 % more or less.
    fn slight(&mut self) -> f64 {
        0.97 + 0.06 * self.unit()
    }

    /// The same, and one measurement in fifty interrupted.
    fn factor(&mut self) -> f64 {
        let interrupted = if self.unit() < 0.02 { 20.0 } else { 1.0 };
        self.slight() * interrupted
    }
}

#[derive(Clone, Copy, Debug)]
struct Job {
    dirtied: u64,
    /// Dirtied pages that differ from the image.
    differing: u64,
}

impl Job {
    fn of(dirtied: u64) -> Self {
        Self { dirtied, differing: dirtied }
    }
}

/// Runs jobs and returns the cost of each, in nanoseconds.
fn run(machine: &Machine, jobs: &[Job], seed: u64, bias: f64) -> Vec<f64> {
    let mut noise = Noise(seed);
    let mut policy = Policy::new(machine.total, Costs::new(machine.calibration(&mut noise, bias)));
    let mut costs = Vec::with_capacity(jobs.len());
    for job in jobs {
        let before = policy.mode();
        let faults = if before == Mode::Track { machine.fault * machine.in_jobs * job.dirtied as f64 } else { 0.0 };
        // The first job after arming is not timed.
        let cpu = (!costs.is_empty()).then(|| (machine.compute + faults) * noise.factor());
        let mut cost = match before {
            Mode::Track => {
                let restore = machine.page * job.dirtied as f64;
                policy.tracked(job.dirtied, machine.scan * noise.factor(), restore * noise.factor(), cpu);
                machine.tracking(job.dirtied)
            }
            Mode::RestoreAll => {
                let sampled = policy.sample_size();
                let share = job.differing as f64 / machine.total as f64;
                let differing = noise.hits(sampled, share);
                let compare = machine.compare * sampled as f64;
                policy.restored_all(sampled, differing, compare * noise.factor(), machine.whole * noise.factor(), cpu);
                machine.whole + compare
            }
        };
        if policy.mode() != before {
            let switch = if before == Mode::Track { machine.lift } else { machine.protect };
            policy.switched(switch * noise.factor());
            cost += switch;
        }
        if policy.wants_fault() {
            // The best of several batches.
            policy.faulted(machine.fault * noise.slight());
            cost += FAULTS as f64 * (machine.fault + machine.page);
        }
        costs.push(cost);
    }
    costs
}

fn machines() -> impl Iterator<Item = Machine> {
    let totals = [4096, 16_384, 262_144];
    totals.into_iter().flat_map(|total| {
        SCALES.into_iter().flat_map(move |fault| {
            SCALES
                .into_iter()
                .flat_map(move |scan| SCALES.into_iter().map(move |memset| Machine::scaled(total, fault, scan, memset)))
        })
    })
}

/// From nothing to everything, twice as dense each time, and more finely around the break-even point.
fn densities(machine: &Machine) -> Vec<u64> {
    let even = ((machine.whole - machine.scan) / (machine.fault * machine.in_jobs + machine.page)).max(0.0);
    let around = [0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.4, 2.0, 3.0].map(|times| (even * times) as u64);
    let doubled = (0..).map(|power| 1 << power).take_while(|pages| *pages < machine.total);
    doubled.chain(around).chain([0, machine.total]).filter(|pages| *pages <= machine.total).collect()
}

/// The cost relative to the better mode.
fn ratio(machine: &Machine, costs: &[f64], jobs: &[Job]) -> f64 {
    costs.iter().sum::<f64>() / machine.better(jobs)
}

#[test]
fn every_density_costs_at_most_a_tenth_more_than_the_better_mode() {
    let mut worst = (0.0, String::new());
    let mut failed = 0;
    for (seed, machine) in machines().enumerate() {
        for (index, dirtied) in densities(&machine).into_iter().enumerate() {
            let jobs = vec![Job::of(dirtied); LEARNING + 512];
            let bias = [0.8, 1.0, 1.25][index % 3];
            let costs = run(&machine, &jobs, seed as u64, bias);
            let ratio = ratio(&machine, &costs[LEARNING..], &jobs[LEARNING..]);
            failed += u32::from(ratio > 1.1);
            if ratio > worst.0 {
                worst = (ratio, format!("{dirtied} pages on {machine:?}, bias {bias}"));
            }
        }
    }
    assert!(worst.0 <= 1.1, "{failed} above; {worst:?}");
}

/// What faults cost in jobs is not what they cost when they are taken on purpose. Where the jobs themselves take so long
/// that their noise hides it, it does not matter.
#[test]
fn faults_that_cost_more_or_less_in_jobs_are_noticed() {
    let mut worst = (0.0, String::new());
    let (mut failed, mut all) = (0, 0);
    for (seed, machine) in machines().step_by(7).enumerate() {
        for (number, in_jobs) in [0.7, 1.3, 1.7, 2.2].into_iter().enumerate() {
            let compute = [0.02, 0.3, 4.0][(seed + number) % 3] * machine.whole;
            let machine = Machine { in_jobs, compute, ..machine };
            for dirtied in densities(&machine) {
                let jobs = vec![Job::of(dirtied); LEARNING + 512];
                let costs = run(&machine, &jobs, seed as u64, 1.0);
                let counted = if compute > machine.whole { compute * 512.0 } else { 0.0 };
                let total: f64 = costs[LEARNING..].iter().sum();
                let ratio = (total + counted) / (machine.better(&jobs[LEARNING..]) + counted);
                (failed, all) = (failed + u32::from(ratio > 1.1), all + 1);
                if ratio > worst.0 {
                    worst = (ratio, format!("{dirtied} pages on {machine:?}"));
                }
            }
        }
    }
    assert!(worst.0 <= 1.1, "{failed} of {all} above; {worst:?}");
}

/// Segments of constant density in random order. Each is a change that has to be learnt.
#[test]
fn changes_of_density_are_learnt_within_16_jobs() {
    const SEGMENT: usize = 512;
    let mut worst = (0.0, String::new());
    let (mut failed, mut all) = (0, 0);
    for (seed, machine) in machines().enumerate() {
        let mut noise = Noise(seed as u64 ^ 0xABCD);
        let densities = densities(&machine);
        let mut segments = Vec::new();
        for _ in 0..8 {
            segments.push(densities[noise.next() as usize % densities.len()]);
        }
        let jobs: Vec<Job> = segments.iter().flat_map(|dirtied| vec![Job::of(*dirtied); SEGMENT]).collect();
        let costs = run(&machine, &jobs, seed as u64, 1.0);
        for (number, (costs, jobs)) in costs.chunks(SEGMENT).zip(jobs.chunks(SEGMENT)).enumerate() {
            let ratio = ratio(&machine, &costs[LEARNING..], &jobs[LEARNING..]);
            (failed, all) = (failed + u32::from(ratio > 1.1), all + 1);
            if ratio > worst.0 {
                worst = (ratio, format!("segment {number} of {segments:?} on {machine:?}"));
            }
        }
    }
    assert!(worst.0 <= 1.1, "{failed} of {all} above; {worst:?}");
}

/// Densities drawn for each job, so that the past says nothing about the next one. No policy can then know the better
/// mode of each job, so the cost is compared with the better constant mode in hindsight.
///
/// What twelve of 4,096 jobs cost is not counted. A policy that tracks after at most 16 sparse jobs, as changes of
/// density demand, also does so after 16 sparse jobs by chance, and the next job may cost 400 restores: a surprise
/// that recurs until the policy has become patient, and that no policy can tell from a lasting change before.
#[test]
fn mixtures_cost_at_most_a_tenth_more_than_the_better_mode_in_hindsight() {
    let mut worst = (0.0, String::new());
    let (mut failed, mut all) = (0, 0);
    for (seed, machine) in machines().step_by(3).enumerate() {
        let mut noise = Noise(seed as u64 ^ 0x1234);
        let densities = densities(&machine);
        for rare in [2, 8, 32] {
            let [most, few] = [0, 1].map(|_| densities[noise.next() as usize % densities.len()]);
            let jobs: Vec<Job> =
                (0..4096).map(|_| Job::of(if noise.next().is_multiple_of(rare) { few } else { most })).collect();
            let costs = run(&machine, &jobs, seed as u64, 1.0);
            let surprises = 12.0 * machine.tracking(most.max(few));
            let ratio = (costs.iter().sum::<f64>() - surprises) / machine.better(&jobs);
            (failed, all) = (failed + u32::from(ratio > 1.1), all + 1);
            if ratio > worst.0 {
                worst = (ratio, format!("one in {rare} of {few}, else {most} pages on {machine:?}"));
            }
        }
    }
    assert!(failed * 200 <= all && worst.0 <= WORST_MIXTURE, "{failed} of {all} above; {worst:?}");
}

/// Jobs that write what is there already: no sample shows them.
#[test]
fn jobs_that_do_not_show_in_samples_are_tried_rarely() {
    let mut worst = (0.0, String::new());
    let (mut failed, mut all) = (0, 0);
    for (seed, machine) in machines().step_by(3).enumerate() {
        for dirtied in densities(&machine) {
            let jobs = vec![Job { dirtied, differing: 0 }; LEARNING + 1024];
            let costs = run(&machine, &jobs, seed as u64, 1.0);
            let ratio = ratio(&machine, &costs[LEARNING..], &jobs[LEARNING..]);
            (failed, all) = (failed + u32::from(ratio > 1.1), all + 1);
            if ratio > worst.0 {
                worst = (ratio, format!("{dirtied} pages on {machine:?}"));
            }
        }
    }
    assert!(failed * 100 <= all && worst.0 <= WORST, "{failed} of {all} above; {worst:?}");
}
