//! End-to-end tests of `bisect`: a small project with commits of which one leaks two pages per unit.

mod common;

use std::process::Output;

use common::{
    project::{errors, text},
    small::{LEAKS, Small, UNIT},
};
use highwater_model::exit;

fn assert_status(output: &Output, status: u8) {
    assert_eq!(output.status.code(), Some(status.into()), "{}\n{}", text(output), errors(output));
}

#[test]
fn the_commit_that_raised_a_metric_is_found() {
    let small = Small::make();
    let project = &small.project;
    let commit = |unit: &str, message: &str| {
        small.set_unit(unit);
        project.commit(message)
    };
    let good = commit(UNIT, "good");
    let same = commit(UNIT, "nothing");
    let broken = commit("this is not Rust", "broken");
    let culprit = commit(LEAKS, "leak\u{202e} two pages");
    commit(LEAKS, "nothing again");
    // What is not committed does not matter.
    small.set_unit(UNIT);

    let bisect =
        |more: &[&str]| project.highwater(&[&["bisect", "units/*", "heap_live", "--samples", "5"], more].concat());
    let found = bisect(&["--good", &good, "--explain"]);
    assert_status(&found, exit::REGRESSED);
    let out = text(&found);
    let (steps, result) = out.split_once("\n\n").expect("a result");
    assert!(steps.contains(&format!("{}: skipped: ", &broken[..12])) && steps.contains("does not build"), "{out}");
    assert!(steps.contains(&format!("{}: unchanged: ", &same[..12])), "{out}");
    assert!(result.starts_with(&format!("commit {culprit}\n  ")), "{out}");
    assert!(result.contains(", t: leak\\u202e two pages\nregressed: units/held/size=64: heap_live per unit"), "{out}");
    assert!(result.contains("(+8 KiB per unit"), "{out}");
    assert!(result.contains(&format!("not tested, so it may be one of these as well: {}", &broken[..12])), "{out}");
    // The stack that grew.
    assert!(result.contains("+8,192 B per unit") && result.contains("units::unit"), "{out}");

    let unchanged = bisect(&["--good", &good, "--bad", &same]);
    assert_status(&unchanged, exit::PASSED);
    assert!(text(&unchanged).contains("no rise of heap_live from "), "{}", text(&unchanged));

    let refused: [(&[&str], u8, &str); 5] = [
        (&["--good", "no-such"], exit::USAGE, "`no-such` is not a revision of this repository"),
        (&["--good", &good, "--bad", &good], exit::USAGE, "are the same commit"),
        (&["--good", "HEAD", "--bad", &good], exit::USAGE, "is not an ancestor of"),
        (&["--good", &good, "--bad", &broken], exit::UNTESTABLE, "does not build"),
        (&["--good", &good, "--bad", &same, "--package", "nothing"], exit::UNTESTABLE, "does not build"),
    ];
    for (arguments, status, message) in refused {
        let output = bisect(arguments);
        assert_status(&output, status);
        assert!(errors(&output).contains(message), "{}", errors(&output));
    }
    let none = project.highwater(&["bisect", "none/*", "heap_live", "--good", &good]);
    assert_status(&none, exit::USAGE);
    assert!(errors(&none).contains("matches `none/*`"), "{}", errors(&none));
    let metric = project.highwater(&["bisect", "units/*", "no_such", "--good", &good]);
    assert_status(&metric, exit::USAGE);
}
