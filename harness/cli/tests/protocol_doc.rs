//! Runs the example workers in `docs/protocol.md`, so that the page stays correct.

mod common;

use common::{
    other_program::{assert_cost_of_units, assert_stages, run},
    programs::is_installed,
};

/// The first code block of a language on the page.
fn snippet(language: &str) -> &'static str {
    let page = include_str!("../../../docs/protocol.md");
    let (_, rest) = page.split_once(&format!("```{language}\n")).expect("a code block");
    rest.split_once("```").expect("its end").0
}

#[test]
fn the_bash_worker_reports_its_stages() {
    assert_stages(&run("/bin/bash", &["-c", snippet("bash")]), &["start", "loaded"]);
}

#[test]
fn the_python_worker_climbs_its_ladder() {
    if !is_installed("python3") {
        return;
    }
    let text = format!("exec python3 - 3<&3 <<'END'\n{}END\n", snippet("python"));
    let sample = run("/bin/bash", &["-c", &text]);
    assert_stages(&sample, &["loaded", "live@1", "live@10", "live@100"]);
    assert_cost_of_units(&sample);
}
