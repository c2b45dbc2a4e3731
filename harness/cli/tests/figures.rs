//! Figures and notes that a worker reports, and claims of a family, end to end with the toy family.

mod common;

use std::fs;

use common::{Desk, edit, run};
use highwater_model::{Decision, Quantity, Series, exit};
use highwater_store::write_record;

const MAPPED: &str = "toy/mapped/pages=4";

fn figure() -> Quantity {
    "figure.mapped_bytes".parse().expect("a figure")
}

#[test]
fn a_figure_belongs_to_its_stage_and_a_note_to_the_case() {
    let desk = Desk::measured_and_blessed();
    let record = desk.record();
    let case = record.case(MAPPED).expect("measured");
    for (stage, bytes) in [("live@1", 16_384), ("live@10", 163_840), ("live@50", 819_200)] {
        let columns = case.stage(&stage.parse().expect("a stage")).expect("reached");
        assert_eq!(columns.memory.get(&figure()), Some(&Series::Same(bytes)), "{stage}");
    }
    assert_eq!(case.notes["labels"], ["removed before the mappings"]);
}

/// A figure is only reported by default.
#[test]
fn a_risen_figure_fails_if_the_policy_gates_it() {
    let desk = Desk::measured_and_blessed();
    let policy = "schema = 1\n[[rule]]\nmetric = \"figure.mapped_bytes\"\nmode = \"gate\"\n";
    let original = desk.record();
    edit(&desk.record_path(), |run| {
        let case = run.cases.iter_mut().find(|case| case.id.as_str() == MAPPED).expect("measured");
        let columns = case.stages.iter_mut().find(|columns| columns.stage.to_string() == "live@10").expect("reached");
        columns.memory.insert(figure(), Series::Same(163_841));
    });
    let risen = desk.record();
    run(desk.compare(&[]), exit::PASSED.into());
    fs::write(desk.baselines().join("policy.toml"), policy).expect("written");
    // The baseline has only the values that were gated when it was blessed.
    let text = run(desk.compare(&[]), exit::PASSED.into());
    text.line("new            toy/mapped/pages=4: the baseline has no value for figure.mapped_bytes");
    write_record(&desk.record_path(), &original).expect("written");
    run(desk.bless("figures are gated"), 0);
    write_record(&desk.record_path(), &risen).expect("written");
    let text = run(desk.compare(&[]), exit::REGRESSED.into());
    let line = text.finding("regressed");
    assert!(line.contains("figure.mapped_bytes at live@10") && line.contains("(+1 B); exact"), "{line}");
    // A missing figure fails.
    edit(&desk.record_path(), |run| {
        for columns in run.cases.iter_mut().flat_map(|case| &mut case.stages) {
            columns.memory.remove(&figure());
        }
    });
    let text = run(desk.compare(&[]), exit::REGRESSED.into());
    assert!(text.finding("missing").contains("figure.mapped_bytes, level at live@1"), "{}", text.stdout);
}

#[test]
fn a_claim_is_undecided_if_its_case_was_not_selected() {
    let desk = Desk::measured_and_blessed();
    let [claim] = desk.record().claims.try_into().expect("one claim");
    assert_eq!((claim.decision, claim.rests_on[0].as_str()), (Decision::Confirmed, MAPPED));
    run(desk.bench(&["--memory-only", "--samples", "5", "--inject", "4096", "toy/mapped"]), 0);
    assert_eq!(desk.record().claims[0].decision, Decision::Refuted);
    run(desk.bench(&["--memory-only", "--samples", "5", "toy/heap"]), 0);
    assert_eq!(desk.record().claims[0].decision, Decision::Undecided);
}
