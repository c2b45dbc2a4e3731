//! Input for tests of the report's pages: a real record with events, one with hostile names, one with many cases.

use std::path::Path;

use highwater_judge::Policy;
use highwater_model::{
    BaseStacks, Baseline, Blessing, CaseId, CaseRecord, CaseStacks, Category, ClaimRecord, Decision, Failure, Frame,
    Measure, Metric, Moment, Outcome, Place, Quantity, Question, Record, RunKey, STACKS_VERSION, Series, StackGrowth,
    StageStacks, TimeEstimate,
};
use highwater_report::site::{Blessed, History, Material};
use highwater_store::read_record;

use super::{add_per_unit, baseline, blessed_baseline, page_more_on_the_heap, record};

/// A real run of sandbox-scaling with twelve cases of fifteen stages each. It predates the split of anonymous memory
/// into two parts, so these are computed from its categories.
pub(crate) fn real() -> Record {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/records/sandbox-scaling.json");
    let mut record = read_record(Path::new(path)).expect("a record");
    for case in &mut record.cases {
        for columns in &mut case.stages {
            for (part, is_heap) in [(Metric::AnonHeap, true), (Metric::AnonMapped, false)] {
                let categories = Category::ALL.iter().filter(|category| category.is_heap() == is_heap);
                let of = |category: &Category| columns.values(Quantity::Within(Metric::Anon, *category), case.samples);
                let sums = categories.filter_map(of).fold(vec![0; case.samples], |sums, values| {
                    sums.iter().zip(values).map(|(sum, value)| sum + value).collect()
                });
                columns.memory.insert(part.into(), Series::Each(sums));
            }
        }
    }
    record
}

/// A run with times, a regression, an improvement, a failure, a case that was not run, and claims.
pub(crate) fn eventful(baseline: &Record) -> Record {
    let mut run = baseline.clone();
    for (index, case) in run.cases.iter_mut().enumerate() {
        for (routine, ns) in [("create", 1000.0), ("create-call", 30_000.0)] {
            let ns = ns * (1.0 + ((index * 7) % 5) as f64);
            let time =
                TimeEstimate { estimator: "mean".into(), ns, low_ns: ns * 0.99, high_ns: ns * 1.02, confidence: 0.95 };
            case.time.insert(routine.into(), time);
        }
    }
    for quantity in ["anon", "anon_heap", "anon.host_heap", "peak_anon", "pss", "pss.host_heap"] {
        add_per_unit(&mut run.cases[0], quantity, 8192);
    }
    run.cases[1].failures.push(failure("memory allocation of 1048576 bytes failed"));
    run.cases[2].notes.insert("error".into(), vec!["one text".into(), "another".into()]);
    let id = format!("{}/absent/guest=none", run.family).parse().expect("an id");
    run.cases.insert(0, CaseRecord::not_run(id, "the guest is not built".into()));
    run.cases.sort_by(|a, b| a.id.cmp(&b.id));
    let rests_on = vec![run.cases[1].id.clone(), "other/case".parse().expect("an id")];
    run.claims = [Decision::Confirmed, Decision::Refuted, Decision::Undecided]
        .map(|decision| ClaimRecord {
            id: decision.to_string(),
            statement: format!("This will be {decision}."),
            source: "https://example.org/said".into(),
            refuted_if: "it is not so".into(),
            decision,
            figures: "4 KiB against 8 KiB; exact, n = 20".into(),
            rests_on: rests_on.clone(),
        })
        .to_vec();
    run
}

pub(crate) fn failure(output: &str) -> Failure {
    Failure {
        outcome: Outcome::OutOfMemory,
        last_stage: Some("live@10".parse().expect("a stage")),
        output_tail: output.to_owned(),
    }
}

/// Two blessings; the first one has lower values.
pub(crate) fn history(record: &Record) -> History {
    let mut first = record.clone();
    first.cases.truncate(5);
    let mut second = record.clone();
    add_per_unit(&mut second.cases[0], "anon_mapped", 4096);
    History::Known(vec![
        Blessed { commit: Some("0123456789ab".into()), baseline: blessed_baseline(&first, "first") },
        Blessed { commit: None, baseline: blessed_baseline(&second, "a type cache") },
    ])
}

/// Real runs of the four families, with the cases of two questions each.
pub(crate) fn families() -> [Record; 4] {
    ["extism-actor", "forced-commit", "sandbox-scaling", "yaml-parse"].map(|family| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/records/families");
        read_record(&Path::new(folder).join(format!("{family}.json"))).expect("a record")
    })
}

/// Questions about the real record, one for each kind of chart.
pub(crate) fn questions() -> Vec<Question> {
    let cases = |title: &str, measure: Measure| {
        let of = |guest: &str, question: Question| {
            question
                .case(format!("on-demand/cow=on,guest={guest}"), format!("{guest}, on demand"))
                .case(format!("on-demand/cow=off,guest={guest}"), format!("{guest}, on demand, copied"))
                .case(format!("pooling/cow=on,guest={guest}"), format!("{guest}, pooling"))
        };
        let first = Question::new(title, measure).default_case("pooling/cow=off,guest=toucher", "the default");
        of("tiny", of("toucher", first))
    };
    vec![
        cases("What does one sandbox cost?", Measure::cost(&["live", "called"])),
        cases("How much does it grow?", Measure::growth("anon", "called@100")),
        cases("How long does a call take?", Measure::time("create-call")),
        cases("What is resident?", Measure::value("rss", "called@100")),
        cases("Does it grow evenly?", Measure::scale("anon", "called")),
    ]
}

/// The real record with events, its baseline and a history.
pub(crate) fn full() -> Material {
    let record = Record { questions: questions(), ..real() };
    let run = eventful(&record);
    let [first, second] = [&run.cases[1].id, &run.cases[2].id].map(|case| stacks(&run, case, "app"));
    let second = CaseStacks { stages: vec![StageStacks { base: None, ..second.stages[0].clone() }], ..second };
    let mut material = Material::of(vec![(run, Some(baseline(&record)))], Policy::default());
    material.stacks.extend([first, second].map(|stacks| (stacks.case.clone(), stacks)));
    material.histories.insert(record.family.clone(), history(&record));
    material
}

/// Stacks of a case in two revisions: of functions of a crate, of pages, wide and narrow, deep, new and gone.
pub(crate) fn stacks(run: &Record, case: &CaseId, name: &str) -> CaseStacks {
    let frame = |function: &str| {
        let place = (function != "main").then(|| Place { file: format!("src/{name}.rs"), line: 7 });
        Frame { function: format!("{name}::{function}"), inlined: false, place }
    };
    let stack = |functions: &[&str], bytes: i64, category| StackGrowth {
        bytes,
        count: bytes / 4096,
        per_unit: Some(bytes as f64 / 50.0),
        category,
        frames: functions.iter().map(|function| frame(function)).collect(),
    };
    let deep: Vec<String> = (0..40).map(|level| format!("level_{level}")).chain(["main".into()]).collect();
    let deep: Vec<&str> = deep.iter().map(String::as_str).collect();
    let of = |cache: i64, image: Option<Category>| {
        let more =
            (0..20).map(|index| stack(&[format!("f_{index}").as_str(), "many", "main"], 4096 << (index / 2), None));
        let stacks = [
            stack(&["insert", "Cache::fill", "run", "main"], cache, None),
            stack(&["touch", "run", "main"], 819_200, Some(Category::LinearMemory)),
            stack(&["write", "touch", "run", "main"], 409_600, image),
            stack(&deep, 65_536, None),
            stack(&["shrink", "main"], -4096, None),
        ];
        stacks.into_iter().chain(more).collect::<Vec<_>>()
    };
    let base = BaseStacks { revision: name.into(), stacks: of(204_800, Some(Category::CowImage)) };
    let head = of(409_600, Some(Category::Other));
    let stage = |moment, base| {
        let stage = "live@50".parse().expect("a stage");
        StageStacks { stage, moment, head: head.clone(), base }
    };
    CaseStacks {
        version: STACKS_VERSION,
        run: RunKey::of(run),
        case: case.clone(),
        unit: if name == "app" { "sandbox".into() } else { name.into() },
        stages: vec![stage(Moment::Reached, Some(base)), stage(Moment::Peak, None)],
    }
}

/// A text that would run a script or break out of an attribute if it were not escaped.
pub(crate) const HOSTILE: &str = "</svg></style><script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}&lt;";

/// A record with that text in every text field.
pub(crate) fn hostile() -> Material {
    everywhere(HOSTILE)
}

/// A record with a text in every text field.
pub(crate) fn everywhere(text: &str) -> Material {
    let mut before = record();
    before.family = text.into();
    let mut run = before.clone();
    run.unit = text.into();
    run.selection.filter = Some(text.into());
    run.fingerprint.context.insert(text.into(), text.into());
    page_more_on_the_heap(&mut run.cases[0]);
    run.cases[0].notes.insert(text.into(), vec![text.into()]);
    run.cases[0].failures.push(failure(text));
    let time = TimeEstimate { estimator: text.into(), ns: 5.0, low_ns: 5.0, high_ns: 5.0, confidence: 0.95 };
    for case in &mut run.cases {
        case.time.insert(text.into(), time.clone());
    }
    // Path traversal, and names that are too long for files.
    let long = format!("f/{}", "x".repeat(300));
    for (id, of) in [("f/..a/b..", 0), ("f/.hidden/a=1,b=2", 1), (long.as_str(), 1)] {
        let case = CaseRecord { id: id.parse().expect("an id"), ..run.cases[of].clone() };
        run.cases.push(case);
    }
    run.cases.push(CaseRecord::not_run("f/refused".parse().expect("an id"), text.into()));
    run.claims = vec![ClaimRecord {
        id: text.into(),
        statement: text.into(),
        source: "javascript:alert(3)".into(),
        refuted_if: text.into(),
        decision: Decision::Refuted,
        figures: text.into(),
        rests_on: vec![run.cases[0].id.clone()],
    }];
    let stacks = stacks(&run, &run.cases[0].id, text);
    let blessing = Blessing { reason: text.into(), at: text.into(), cases: Some(text.into()) };
    let before = Baseline { blessings: vec![blessing], ..baseline(&before) };
    let mut material = Material::of(vec![(run, Some(before.clone()))], Policy::default());
    material.stacks.insert(stacks.case.clone(), stacks);
    let blessed = Blessed { commit: Some(text.into()), baseline: before };
    material.histories.insert(text.into(), History::Known(vec![blessed]));
    material
}

/// A run of `count` cases: copies of the real ones under other ids.
pub(crate) fn many(count: usize) -> Material {
    let before = real();
    let run = eventful(&before);
    let cases = |record: &Record| {
        let named = (0..count).map(|index| {
            let case = &record.cases[index % record.cases.len()];
            let id = format!("many/strategy-{}/step={},work={}", index % 7, index / 70, (index / 7) % 10);
            CaseRecord { id: id.parse().expect("an id"), ..case.clone() }
        });
        let mut cases: Vec<CaseRecord> = named.collect();
        cases.sort_by(|a, b| a.id.cmp(&b.id));
        cases
    };
    let of = |record: &Record| Record { family: "many".into(), cases: cases(record), ..record.clone() };
    let before = baseline(&of(&Record { cases: run.cases.clone(), ..before }));
    Material::of(vec![(of(&run), Some(before))], Policy::default())
}

/// A run of all four families with the size of a full run, each with a baseline and a history.
pub(crate) fn full_run() -> Material {
    let families =
        [("sandbox-scaling", 70, 15), ("extism-actor", 60, 12), ("forced-commit", 100, 9), ("yaml-parse", 130, 6)];
    let of = |(family, count, stages): (&str, usize, usize)| {
        let material = many(count);
        let named = |record: &Record| {
            let mut record = Record { family: family.to_owned(), ..record.clone() };
            for case in &mut record.cases {
                case.id = case.id.as_str().replacen("many", family, 1).parse().expect("an id");
                case.stages.truncate(stages);
            }
            // As many claims as real families have, and as long.
            let claims = record.claims.clone();
            record.claims = (0..20).flat_map(|number| named_claims(&claims, number)).collect();
            record
        };
        let run = named(&material.records[0]);
        let before = baseline(&run);
        (run, Some(before))
    };
    let mut material = Material::of(families.map(of).to_vec(), Policy::default());
    for record in &material.records {
        material.histories.insert(record.family.clone(), history(record));
    }
    material
}

fn named_claims(claims: &[ClaimRecord], number: usize) -> Option<ClaimRecord> {
    let claim = claims.get(number % claims.len().max(1))?;
    let text = |text: &str| text.repeat(8);
    Some(ClaimRecord {
        id: format!("claim-{number}"),
        statement: text(&claim.statement),
        figures: text(&claim.figures),
        ..claim.clone()
    })
}
