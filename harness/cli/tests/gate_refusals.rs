//! Errors of the gate: a missing baseline, or a file that cannot be read. Each has an exit status and a single line
//! that names the file.

mod common;

use std::{fs, path::Path};

use common::{Desk, highwater, run};
use highwater_model::exit;

#[test]
fn a_missing_baseline_names_the_machine_class() {
    let desk = Desk::measured_and_blessed();
    let class = desk.record().fingerprint.class;
    let other = format!("{class}").replace("-glibc-", "-musl-").replace("-4k-", "-64k-");
    let class_folder = desk.baselines().join(class.to_string());

    fs::rename(&class_folder, desk.baselines().join(&other)).expect("renamed");
    let text = run(desk.compare(&[]), exit::NO_BASELINE.into());
    text.line(&format!("toy: no baseline for machine class {class}; there is one for {other}"));

    fs::remove_dir_all(desk.baselines().join(&other)).expect("removed");
    let text = run(desk.compare(&[]), exit::NO_BASELINE.into());
    text.line(&format!("toy: no baseline for machine class {class}; no other class has one either"));

    fs::remove_dir(desk.baselines()).expect("it was empty");
    let text = run(desk.compare(&[]), exit::NO_BASELINE.into());
    text.line(&format!("machine class {class}"));
    assert!(text.line("exit status 4").starts_with("NO BASELINE"), "{}", text.stdout);
}

/// Turns the text of a baseline into a damaged one.
type Damage<'a> = &'a dyn Fn(&str) -> String;

#[test]
fn a_damaged_baseline_is_one_error_that_names_the_file() {
    let damages: [(&str, Damage<'_>, &str); 7] = [
        ("truncated", &|text| text[..text.find(" n=5").expect("a case")].to_owned(), "expected `case ID n=WORKERS`"),
        ("empty", &|_| String::new(), "expected `highwater baseline 3`"),
        ("of the future", &|text| text.replacen("baseline 3", "baseline 999", 1), "999"),
        (
            "a median out of its range",
            &|text| text.replacen("\ngrowth ", "\ngrowth live@1 vmas 0 1..2\ngrowth ", 1),
            "is not between 1 and 2",
        ),
        ("with a word more", &|text| text.replacen("\nunit ", "\nunity 1\nunit ", 1), "`unity` before the first case"),
        ("a metric unknown here", &|text| text.replacen(" heap_live ", " heap_life ", 1), "unknown word `heap_life`"),
        ("a conflict", &|text| text.replacen("\ncase ", "\n<<<<<<< HEAD\ncase ", 1), "`<<<<<<<` before the first case"),
    ];
    for (name, damage, part) in damages {
        let desk = Desk::measured_and_blessed();
        let path = desk.baseline_path();
        let text = fs::read_to_string(&path).expect("a baseline");
        let damaged = damage(&text);
        assert_ne!(damaged, text, "{name}");
        fs::write(&path, damaged).expect("written");
        let ran = run(desk.compare(&[]), exit::INTERNAL.into());
        ran.complains_in_one_line(&[&format!("{}:", path.display()), part]);
        assert_eq!(ran.stdout, "", "{name}: nothing is judged");
    }
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("a baseline");
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1)).expect("written");
}

#[test]
fn a_baseline_in_the_folder_of_another_class_is_refused() {
    let desk = Desk::measured_and_blessed();
    let path = desk.baseline_path();
    replace(&path, "-4k-", "-16k-");
    run(desk.compare(&[]), exit::INTERNAL.into()).complains_in_one_line(&[&path.display().to_string(), "-16k-"]);
}

#[test]
fn a_baseline_of_another_family_is_refused() {
    let desk = Desk::measured_and_blessed();
    let path = desk.baseline_path();
    replace(&path, "family toy", "family plaything");
    run(desk.compare(&[]), exit::INTERNAL.into()).complains_in_one_line(&[&path.display().to_string(), "plaything"]);
}

#[test]
fn an_invalid_policy_is_refused_in_one_line() {
    let desk = Desk::measured_and_blessed();
    let path = desk.baselines().join("policy.toml");
    for text in ["schema = 1\n[[rule]]\ntolerence = 1\n", "schema = 7\n", "[[[", "schema = 1\n[[rule]]\nmode = 3\n"] {
        fs::write(&path, text).expect("written");
        run(desk.compare(&[]), exit::USAGE.into()).complains_in_one_line(&["policy.toml"]);
    }
    fs::remove_file(&path).expect("removed");
    let named = run(desk.compare(&["--policy", "/no/such/policy.toml"]), exit::INTERNAL.into());
    named.complains_in_one_line(&["/no/such/policy.toml"]);
}

#[test]
fn a_missing_run_is_a_usage_error() {
    let desk = Desk::new();
    for subcommand in [&["compare"][..], &["bless", "--reason", "x"], &["exactness"]] {
        for folder in [desk.run_folder(), desk.path().to_owned()] {
            let mut command = highwater(subcommand);
            command.arg("--run").arg(&folder);
            run(command, exit::USAGE.into()).complains_in_one_line(&[&folder.display().to_string(), "no run found"]);
        }
    }
}
