//! A census of baselines and records: what was measured here, what was not, what is old, and what has no owner.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use globset::Glob;
use highwater_model::{Baseline, Blessing, CaseId, MachineClass, Partition, Record};
use serde::Serialize;

use super::{Mode, Policy};

/// The state of one family on one machine class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FamilyStatus {
    /// The machine class.
    pub class: MachineClass,
    /// The family.
    pub family: String,
    /// The last run whose record is here.
    pub last_run: Option<LastMeasured>,
    /// The time of the latest blessing of the whole family; `None` without a baseline.
    pub blessed: Option<String>,
    /// The number of cases in the baseline.
    pub baseline_cases: usize,
    /// Cases of the baseline that the last run here did not measure.
    pub not_run: Vec<CaseId>,
    /// Cases that the last run measured and that have no baseline.
    pub without_baseline: Vec<CaseId>,
    /// Cases that were blessed longer ago than asked for.
    pub old: Vec<OldCase>,
    /// By case, the number of gated values without an owner. Empty if the policy names no owners.
    pub without_owner: BTreeMap<CaseId, usize>,
}

/// A run whose record is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastMeasured {
    /// The commit of the sources.
    pub commit: Option<String>,
    /// When it began, in UTC (RFC 3339).
    pub started: Option<String>,
    /// The seconds since then.
    pub age_s: Option<u64>,
    /// The part that was measured, if it was only one.
    pub partition: Option<Partition>,
}

/// A case whose blessing is old.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OldCase {
    /// The case.
    pub case: CaseId,
    /// The time of its latest blessing, in UTC (RFC 3339).
    pub blessed: String,
}

/// What a status depends on, besides baselines and records.
#[derive(Clone, Copy, Debug)]
pub struct StatusOptions<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The present time.
    pub now: SystemTime,
    /// The age from which a blessing is old.
    pub older_than: Option<Duration>,
}

/// The state of each machine class and family that has a baseline or a record, in order.
#[must_use]
pub fn status(baselines: &[Baseline], records: &[Record], options: StatusOptions<'_>) -> Vec<FamilyStatus> {
    let with_baseline = baselines.iter().map(|baseline| (&baseline.class, &baseline.family));
    let with_record = records.iter().map(|record| (&record.fingerprint.class, &record.family));
    let all: BTreeSet<(&MachineClass, &String)> = with_baseline.chain(with_record).collect();
    let of = |(class, family): (&MachineClass, &String)| {
        let baseline = baselines.iter().find(|it| it.class == *class && it.family == *family);
        let record = records.iter().find(|it| it.fingerprint.class == *class && it.family == *family);
        let mut state = FamilyStatus {
            class: class.clone(),
            family: family.clone(),
            last_run: record.map(|record| last_measured(record, options.now)),
            blessed: None,
            baseline_cases: 0,
            not_run: Vec::new(),
            without_baseline: Vec::new(),
            old: Vec::new(),
            without_owner: BTreeMap::new(),
        };
        let ran = |record: &Record| -> BTreeSet<CaseId> {
            let ran = record.cases.iter().filter(|case| case.not_run.is_none());
            ran.map(|case| case.id.clone()).collect()
        };
        let ran = record.map(ran).unwrap_or_default();
        let known = |case: &&CaseId| baseline.is_some_and(|baseline| baseline.cases.contains_key(*case));
        state.without_baseline = ran.iter().filter(|case| !known(case)).cloned().collect();
        if let Some(baseline) = baseline {
            state.blessed = baseline.blessed().map(|blessing| blessing.at.clone());
            state.baseline_cases = baseline.cases.len();
            state.not_run = baseline.cases.keys().filter(|case| !ran.contains(*case)).cloned().collect();
            state.old = old_cases(baseline, options);
            state.without_owner = without_owner(baseline, options.policy);
        }
        state
    };
    all.into_iter().map(of).collect()
}

fn last_measured(record: &Record, now: SystemTime) -> LastMeasured {
    let context = &record.fingerprint.context;
    let started = context.get("started").cloned();
    LastMeasured {
        commit: context.get("commit").cloned(),
        age_s: started.as_deref().and_then(|started| age(started, now)).map(|age| age.as_secs()),
        started,
        partition: record.selection.part.as_ref().map(|part| part.partition),
    }
}

/// The time since then; `None` if the text is not a time, or in the future.
fn age(time: &str, now: SystemTime) -> Option<Duration> {
    now.duration_since(humantime::parse_rfc3339(time).ok()?).ok()
}

fn old_cases(baseline: &Baseline, options: StatusOptions<'_>) -> Vec<OldCase> {
    let Some(limit) = options.older_than else { return Vec::new() };
    let covers = |blessing: &Blessing, case: &CaseId| match &blessing.cases {
        None => true,
        Some(glob) => Glob::new(glob).is_ok_and(|glob| glob.compile_matcher().is_match(case.as_str())),
    };
    let latest = |case: &CaseId| baseline.blessings.iter().rev().find(|blessing| covers(blessing, case));
    let old = |case: &CaseId| {
        let blessed = latest(case)?.at.clone();
        let is_old = age(&blessed, options.now)? > limit;
        is_old.then(|| OldCase { case: case.clone(), blessed })
    };
    baseline.cases.keys().filter_map(old).collect()
}

fn without_owner(baseline: &Baseline, policy: &Policy) -> BTreeMap<CaseId, usize> {
    if !policy.has_owners() {
        return BTreeMap::new();
    }
    let count = |(id, case): (&CaseId, &highwater_model::BaselineCase)| {
        let gated = case.values.keys().filter(|(quantity, aspect)| {
            policy.applied(id, *quantity, aspect).mode == Mode::Gate
                && policy.owner(id, Some((*quantity, aspect))).is_none()
        });
        (id.clone(), gated.count())
    };
    baseline.cases.iter().map(count).filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use highwater_model::{Aspect, BaselineCase, CaseRecord, Fingerprint, SCHEMA_VERSION, Summary};

    use super::*;

    const CLASS: &str = "linux-x86_64-4k-thp_madvise-glibc-aslr_off";

    fn id(text: &str) -> CaseId {
        text.parse().expect("an id")
    }

    fn record(cases: &[&str], started: &str) -> Record {
        let ran = |text: &&str| CaseRecord { samples: 5, ..CaseRecord::from_samples(id(text), &[]) };
        let context = [("commit", "0123456789ab"), ("started", started)];
        Record {
            schema: SCHEMA_VERSION,
            family: "toy".into(),
            fingerprint: Fingerprint {
                class: CLASS.parse().expect("a class"),
                controls: BTreeMap::new(),
                context: context.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            },
            selection: Default::default(),
            unit: "buffer".into(),
            baseline_stage: "loaded".parse().expect("a stage"),
            cases: cases.iter().map(ran).collect(),
            claims: Vec::new(),
            questions: Vec::new(),
        }
    }

    fn baseline(class: &str, cases: &[&str], blessings: &[(&str, Option<&str>)]) -> Baseline {
        let key = ("heap_live".parse().expect("a quantity"), Aspect::Slope("live".into()));
        let case = BaselineCase { samples: 5, values: [(key, Summary::zero())].into(), ..BaselineCase::default() };
        let blessing = |(at, cases): &(&str, Option<&str>)| Blessing {
            reason: "x".into(),
            at: (*at).to_owned(),
            cases: cases.map(str::to_owned),
        };
        Baseline {
            family: "toy".into(),
            class: class.parse().expect("a class"),
            unit: "buffer".into(),
            baseline_stage: "loaded".parse().expect("a stage"),
            context: BTreeMap::new(),
            blessings: blessings.iter().map(blessing).collect(),
            cases: cases.iter().map(|text| (id(text), case.clone())).collect(),
        }
    }

    fn at(time: &str) -> SystemTime {
        humantime::parse_rfc3339(time).expect("a time")
    }

    #[test]
    fn a_census_compares_what_ran_with_what_has_a_baseline() {
        let mut run = record(&["toy/a", "toy/new"], "2026-07-10T10:00:00Z");
        run.cases.push(CaseRecord::not_run(id("toy/b"), "no cgroup".into()));
        let blessings = [("2026-06-01T00:00:00Z", None), ("2026-07-09T00:00:00Z", Some("toy/{b,c}"))];
        let here = baseline(CLASS, &["toy/a", "toy/b", "toy/c"], &blessings);
        let elsewhere = baseline("linux-aarch64-4k-thp_madvise-glibc-aslr_off", &["toy/a"], &blessings[..1]);
        let options = StatusOptions {
            policy: &Policy::default(),
            now: at("2026-07-10T12:00:00Z"),
            older_than: Some(Duration::from_secs(30 * 24 * 3600)),
        };
        let found = status(&[here, elsewhere], &[run], options);
        assert_eq!(found.len(), 2);
        let (other, own) = (&found[0], &found[1]);
        assert_eq!((other.last_run.as_ref(), other.not_run.len(), other.old.len()), (None, 1, 1));
        let last = own.last_run.as_ref().expect("a run");
        assert_eq!((last.commit.as_deref(), last.age_s), (Some("0123456789ab"), Some(7200)));
        assert_eq!((own.blessed.as_deref(), own.baseline_cases), (Some("2026-06-01T00:00:00Z"), 3));
        assert_eq!(own.not_run, [id("toy/b"), id("toy/c")]);
        assert_eq!(own.without_baseline, [id("toy/new")]);
        // The others were blessed again the day before.
        assert_eq!(own.old, [OldCase { case: id("toy/a"), blessed: "2026-06-01T00:00:00Z".into() }]);
        assert!(own.without_owner.is_empty(), "the policy names no owners");
    }

    #[test]
    fn values_without_an_owner_are_counted_if_there_are_owners() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, "schema = 1\n[[rule]]\ncase = \"toy/a\"\nowner = \"runtime\"\n").expect("written");
        let policy = Policy::read(&path).expect("valid");
        let options = StatusOptions { policy: &policy, now: at("2026-07-10T12:00:00Z"), older_than: None };
        let found = status(&[baseline(CLASS, &["toy/a", "toy/b"], &[])], &[], options);
        assert_eq!(found[0].without_owner, [(id("toy/b"), 1)].into());
        assert!(found[0].old.is_empty() && found[0].blessed.is_none());
    }
}
