//! Questions of a family: sentences and charts with the figures of the record, for declared and for undeclared
//! questions, and the order of findings.

mod common;

use common::{
    add_per_unit, baseline, record,
    site::{families, full, real},
};
use highwater_judge::{CaseView, Policy};
use highwater_model::{Measure, Metric, Question, Record, Series, TimeEstimate, bytes, nanoseconds};
use highwater_report::site::{self, Material, Page};

fn pages(record: Record) -> Vec<Page> {
    site::pages(&Material::of(vec![(record, None)], Policy::default()), None).expect("pages")
}

fn page(pages: &[Page], path: &str) -> String {
    pages.iter().find(|page| page.path == path).unwrap_or_else(|| panic!("no page {path}")).html.clone()
}

/// The page of the only family, with these questions.
fn family_page(record: Record, questions: Vec<Question>) -> String {
    let path = format!("family/{}.html", record.family);
    page(&pages(Record { questions, ..record }), &path)
}

/// A figure in a sentence: its value, its case, and its text.
type Figure = (f64, String, String);

fn figures(html: &str) -> Vec<Figure> {
    let figure = |part: &str| {
        let (value, rest) = part.split_once('"')?;
        let (case, rest) = rest.strip_prefix(" data-case=\"")?.split_once('"')?;
        Some((value.parse().ok()?, case.to_owned(), rest.strip_prefix('>')?.split_once('<')?.0.to_owned()))
    };
    html.split("<data value=\"").skip(1).filter_map(figure).collect()
}

fn view<'a>(record: &'a Record, case: &str) -> CaseView<'a> {
    CaseView::of(record, record.case(case).unwrap_or_else(|| panic!("no case {case}")))
}

const TINY: &str = "on-demand/cow=on,guest=tiny";
const TOUCHER: &str = "on-demand/cow=on,guest=toucher";
const IMAGE: &str = "on-demand/cow=off,guest=image";

fn asked(title: &str, measure: Measure) -> Question {
    Question::new(title, measure).default_case(TINY, "tiny").case(TOUCHER, "toucher").case(IMAGE, "image")
}

#[test]
fn figures_of_a_sentence_are_those_of_the_record() {
    let mut record = real();
    for (case, ns) in record.cases.iter_mut().zip([1_000.0, 2_000.0, 5_000.0].into_iter().cycle()) {
        let time = TimeEstimate { estimator: "mean".into(), ns, low_ns: ns * 0.9, high_ns: ns * 1.1, confidence: 0.95 };
        case.time.insert("call".into(), time);
    }
    let measures = [
        Measure::cost(&["live", "called"]),
        Measure::growth("anon", "live@100"),
        Measure::value("rss", "live@100"),
        Measure::change("anon", "live@10", "live@100"),
        Measure::scale("anon", "called"),
        Measure::time("call"),
    ];
    for measure in measures {
        let question = asked("What?", measure);
        let html = family_page(record.clone(), vec![question.clone()]);
        assert_figures(&html, &record, &question.measure);
    }
}

/// The value of a case, computed without the report.
fn expected(view: CaseView<'_>, measure: &Measure) -> Option<f64> {
    match measure {
        Measure::Cost { ladders } => {
            let ladders: Vec<&str> = ladders.iter().map(String::as_str).collect();
            Some(view.slope_sum(Metric::Anon, &ladders)? + view.slope_sum(Metric::PageTables, &ladders)?)
        }
        Measure::Growth { quantity, stage } => view.growth(*quantity, stage.clone()?),
        Measure::Sum { quantities, stage } => {
            quantities.iter().map(|quantity| view.level(*quantity, stage.clone())).sum()
        }
        Measure::Value { quantity, stage, since: None } => view.level(*quantity, stage.clone()),
        Measure::Value { quantity, stage, since: Some(since) } => {
            view.growth_between(*quantity, since.clone(), stage.clone())
        }
        Measure::Time { routine } => view.time(routine),
        Measure::Scale { quantity, ladder } => view.slope(*quantity, ladder),
    }
}

/// Every figure of a case in the page's sentences has the value of the record, and its text.
fn assert_figures(html: &str, record: &Record, measure: &Measure) {
    let figures = figures(html);
    assert!(!figures.is_empty(), "{measure:?}: no figures");
    for (value, case, text) in figures {
        let expected = expected(view(record, &case), measure).unwrap_or_else(|| panic!("{case} has no value"));
        assert_eq!(value, expected, "{measure:?}, {case}");
        let digits = |text: &str| text.split(' ').next().and_then(|number| number.replace(',', "").parse::<f64>().ok());
        let is_bytes = text.ends_with('B');
        let printed = if is_bytes { bytes(expected) } else { nanoseconds(expected) };
        let (shown, exact) = (digits(&text).expect("a number"), digits(&printed).expect("a number"));
        let is_count = !is_bytes && !text.ends_with('s');
        let exact = if is_count { expected } else { exact };
        assert!((shown - exact).abs() <= exact.abs() / 100.0 + 0.006, "{case}: {text} for {printed}");
    }
}

#[test]
fn figures_of_each_family_are_those_of_its_record() {
    for record in families() {
        for question in record.questions.clone() {
            let html = family_page(record.clone(), vec![question.clone()]);
            assert!(html.contains(&format!("<h2>{}</h2>", question.title)), "{}: {}", record.family, question.title);
            assert!(html.contains("<figure class=\"chart"), "{}: {}", record.family, question.title);
            assert_figures(&html, &record, &question.measure);
        }
    }
}

#[test]
fn the_sentence_names_the_default_the_best_and_the_worst_case() {
    let html = family_page(real(), vec![asked("What does a sandbox cost?", Measure::cost(&["live", "called"]))]);
    let (_, sentence) = html.split_once("<p class=\"answer\">").expect("a sentence");
    let (sentence, _) = sentence.split_once("</p>").expect("its end");
    assert!(sentence.starts_with("<b>tiny</b> (the default) takes the least, <data"), "{sentence}");
    assert!(sentence.contains("<b>image</b> the most, <data") && sentence.contains("times as much"), "{sentence}");
    assert_eq!(html.matches("<li><span class=\"name\">").count(), 3, "a row for each case");
}

#[test]
fn a_family_without_questions_compares_the_cost_of_its_cases() {
    let html = family_page(record(), Vec::new());
    assert!(html.contains("<h2>What does one buffer cost?</h2>") && html.contains("<figure class=\"chart rows bars\""));
    assert_eq!(html.matches("<figure").count(), 1);
    for (value, case, text) in figures(&html) {
        let record = record();
        let view = view(&record, &case);
        let expected =
            view.slope(Metric::Anon, "live").expect("a slope") + view.slope(Metric::PageTables, "live").unwrap_or(0.0);
        assert_eq!((value, text), (expected, bytes(expected)));
    }
    let front = page(&pages(record()), "index.html");
    assert!(front.contains("What does one buffer cost?") && front.contains("<figure class=\"chart rows bars\""));

    let mut without_ladder = record();
    for case in &mut without_ladder.cases {
        case.stages.truncate(3);
    }
    let html = family_page(without_ladder, Vec::new());
    assert!(html.contains("<h2>How much memory does each case add?</h2>") && html.contains("<figure"), "{html}");
}

#[test]
fn questions_that_a_run_does_not_answer_are_left_out() {
    let absent = Question::new("What about others?", Measure::cost(&[])).case("nowhere/guest=none", "nowhere");
    let unmeasured = asked("How long?", Measure::time("never"));
    let part = asked("What does it cost?", Measure::cost(&[])).case("nowhere/guest=none", "nowhere");
    let html = family_page(real(), vec![absent.clone(), unmeasured, part]);
    assert!(!html.contains("What about others?") && !html.contains("How long?"));
    assert!(html.contains("What does it cost?") && html.contains("no value of 1 case of this question"));
    let html = family_page(real(), vec![absent]);
    assert!(html.contains("What does one sandbox cost?"), "a family without any answer gets the default");
}

#[test]
fn equal_values_have_one_row_or_no_chart() {
    let mut same = record();
    let of_first = same.cases[0].stages.clone();
    same.cases[1].stages = of_first;
    let html = family_page(same.clone(), Vec::new());
    assert!(html.contains("All 2 cases take the same: ") && html.contains("all 2 cases</span>"), "{html}");
    let value = Question::new("What is resident?", Measure::value("rss", "live@10"))
        .case("heap/size=64k", "heap")
        .case("mapped/pages=4", "mapped");
    let html = family_page(same, vec![value]);
    assert!(html.contains("All 2 cases take the same: ") && !html.contains("<figure"), "{html}");
}

#[test]
fn no_text_has_the_same_amount_on_both_sides_of_an_arrow() {
    let (before, mut now) = (baseline(&record()), record());
    for columns in &mut now.cases[0].stages {
        let live = columns.memory.get_mut(&Metric::HeapLive.into()).expect("live bytes");
        if let (Series::Same(value), Some(scale)) = (live, columns.stage.scale()) {
            *value += 8 * u64::from(scale.0);
        }
    }
    let pages = site::pages(&Material::of(vec![(now, Some(before))], Policy::default()), None).expect("pages");
    for Page { path, html } in &pages {
        for arrow in ["→", "-&#62;"] {
            for (left, right) in html.split(arrow).zip(html.split(arrow).skip(1)) {
                let left: Vec<&str> = left.split_whitespace().rev().take(2).collect();
                let right: Vec<&str> = right.split_whitespace().take(2).collect();
                let same = left.iter().rev().zip(&right).all(|(a, b)| a == b);
                assert!(!same, "{path}: {left:?} {arrow} {right:?}");
            }
        }
    }
    assert!(page(&pages, "index.html").contains("+8 B per buffer"));
}

#[test]
fn the_largest_change_relative_to_its_noise_floor_comes_first() {
    let (before, mut now) = (baseline(&record()), record());
    // 16 bytes on an exact heap of 64 KiB, and eight pages where workers differ by three.
    add_per_unit(&mut now.cases[0], "heap_live", 16);
    for quantity in ["anon", "anon_mapped", "anon.linear_memory"] {
        add_per_unit(&mut now.cases[1], quantity, 32 * 4096);
    }
    let pages = site::pages(&Material::of(vec![(now, Some(before))], Policy::default()), None).expect("pages");
    let front = page(&pages, "index.html");
    let at = |case: &str| {
        front.find(&format!("href=\"case/{case}.html\"")).unwrap_or_else(|| panic!("{case} is not on the page"))
    };
    assert!(at("toy+mapped+pages=4") < at("toy+heap+size=64k"), "{front}");
    assert!(front.contains("+128 KiB per buffer, 32 pages"), "{front}");
}

#[test]
fn units_have_their_plural_on_axes() {
    let mut run = record();
    run.unit = "entry".into();
    let pages = pages(run);
    let details = page(&pages, "details/toy.html");
    assert!(details.contains("entries, live") && !details.contains("entrys"));
}

#[test]
fn the_real_record_has_a_chart_for_each_question() {
    let material = full();
    let pages = site::pages(&material, None).expect("pages");
    let family = page(&pages, "family/sandbox-scaling.html");
    let questions = &material.records[0].questions;
    assert!(questions.len() >= 4);
    for question in questions {
        assert!(family.contains(&format!("<h2>{}</h2>", question.title)), "{}", question.title);
    }
    assert_eq!(family.matches("<figure").count(), questions.len());
}
