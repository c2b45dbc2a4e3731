//! The output of every command on terminals of several widths and in pipes, with and without colours, from one small
//! record; and what a bench shows while it measures.

mod common;

use std::process::Command;

use common::{
    Desk, blessed_baseline, page_more_on_the_heap,
    pty::{marked, on_terminal, unbiased},
    record, run, write_baseline,
};
use highwater_model::{CaseRecord, exit};
use highwater_report::terminal::{columns, plain};
use highwater_store::write_record;

const WIDTHS: [u16; 3] = [80, 100, 160];

/// A folder with a record, and with its baseline: one case has grown and one could not be run. A third one has no
/// baseline.
fn desk() -> Desk {
    let desk = Desk::with_record();
    let mut before = record();
    let gone = "toy/gone/size=1k".parse().expect("an id");
    before.cases.push(CaseRecord { id: gone, ..before.cases[0].clone() });
    write_baseline(&desk.baseline_path(), &blessed_baseline(&before, "first measurement"));
    let mut now = record();
    page_more_on_the_heap(&mut now.cases[0]);
    now.cases.push(CaseRecord { id: "toy/young/size=1k".parse().expect("an id"), ..now.cases[1].clone() });
    let reason = "no memory cgroup can be made here".to_owned();
    now.cases.push(CaseRecord::not_run("toy/oom/limit=32m".parse().expect("an id"), reason));
    write_record(&desk.record_path(), &now).expect("written");
    desk
}

/// `highwater` in the folder of a desk, where no other one is installed.
fn highwater(desk: &Desk, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(arguments).current_dir(desk.path()).env("PATH", "").env_remove("HIGHWATER_TARGET_DIR");
    unbiased(command)
}

/// Runs a command in a pipe and returns stdout and stderr.
fn in_pipe(mut command: Command) -> [String; 2] {
    let output = command.output().expect("started");
    [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"))
}

fn words(text: &str) -> Vec<&str> {
    // A command that is continued has a backslash at the end of a line.
    text.split_whitespace().filter(|word| *word != "\\").collect()
}

/// The output of a command at every width, with marks for colours. Everything that must not depend on colours, on the
/// width or on the kind of output is compared here.
fn shown(desk: &Desk, arguments: &[&str], status: u8) -> String {
    let command = |variable: Option<(&str, &str)>| {
        let mut command = highwater(desk, arguments);
        command.envs(variable);
        command
    };
    let mut all = Vec::new();
    for width in WIDTHS {
        let (coloured, code) = on_terminal(command(None), width);
        assert_eq!(code, Some(i32::from(status)), "{arguments:?}:\n{coloured}");
        for variable in [("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")] {
            let (text, _) = on_terminal(command(Some(variable)), width);
            assert_eq!(text, plain(&coloured), "{variable:?} at {width}");
        }
        let widest = plain(&coloured).lines().map(columns).max().unwrap_or(0);
        assert!(widest <= usize::from(width), "{widest} columns at {width}:\n{coloured}");
        all.push(format!("== {width} columns\n{}", marked(&coloured)));
    }
    let [stdout, stderr] = in_pipe(command(None));
    assert!(!(stdout.clone() + &stderr).contains('\u{1b}'), "colours in a pipe:\n{stdout}{stderr}");
    let [forced, forced_stderr] = in_pipe(command(Some(("CLICOLOR_FORCE", "1"))));
    assert_eq!([plain(&forced), plain(&forced_stderr)], [stdout.clone(), stderr.clone()]);
    let is_coloured = |text: &str| text.contains('\u{1b}');
    assert!(is_coloured(&(forced + &forced_stderr)), "CLICOLOR_FORCE does nothing");
    // A pipe gets the same words, unless a table has another width.
    if !stdout.contains('│') {
        let (wide, _) = on_terminal(command(Some(("NO_COLOR", "1"))), 160);
        let mut both = [words(&wide), [words(&stdout), words(&stderr)].concat()];
        both.iter_mut().for_each(|words| words.sort_unstable());
        assert_eq!(both[0], both[1], "{arguments:?}");
    }
    all.join("\n")
}

const FOLDERS: [&str; 4] = ["--run", "highwater", "--baselines", "baselines"];

#[test]
fn compare_shows_first_what_fails() {
    let desk = desk();
    let text = shown(&desk, &[&["compare", "--no-confirm"], &FOLDERS[..]].concat(), exit::REGRESSED);
    insta::assert_snapshot!("compare", text);
}

#[test]
fn compare_shows_that_nothing_fails() {
    let desk = Desk::with_record();
    write_baseline(&desk.baseline_path(), &blessed_baseline(&record(), "first measurement"));
    insta::assert_snapshot!("compare_passes", shown(&desk, &[&["compare"], &FOLDERS[..]].concat(), exit::PASSED));
}

#[test]
fn bless_shows_the_changes() {
    let desk = desk();
    let arguments = ["bless", "--reason", "a list of its own", "--dry-run", "--allow-dirty", "toy/*"];
    insta::assert_snapshot!("bless", shown(&desk, &[&arguments, &FOLDERS[..]].concat(), exit::PASSED));
}

#[test]
fn exactness_fits_every_width() {
    insta::assert_snapshot!("exactness", shown(&desk(), &["exactness", "--run", "highwater"], exit::PASSED));
}

#[test]
fn every_error_says_what_to_do_next() {
    let (desk, empty) = (desk(), Desk::new());
    let mut all = Vec::new();
    for (desk, arguments, status) in [
        (&empty, &["compare", "--run", "highwater"][..], exit::USAGE),
        (&desk, &["explain", "toy/*", "--run", "highwater"], exit::USAGE),
        (&desk, &["bless", "--reason", " ", "--run", "highwater"], exit::USAGE),
        (&desk, &["calibrate", "--run", "highwater"], exit::USAGE),
        (&desk, &["capacity", "nothing", "--memory", "1GiB", "--run", "highwater"], exit::USAGE),
    ] {
        let text = shown(desk, arguments, status);
        assert!(text.contains("next:"), "{arguments:?}:\n{text}");
        // The other widths only differ in where lines are broken.
        all.push(format!("$ highwater {}\n{}", arguments.join(" "), text.split("== 100").next().unwrap_or_default()));
    }
    insta::assert_snapshot!("errors", all.join("\n"));
}

/// What these print depends on the machine.
#[test]
fn tables_about_the_machine_fit_every_width() {
    let desk = desk();
    for (arguments, status) in [
        (&["doctor"][..], None),
        (&["capacity", "--memory", "1GiB", "--run", "highwater"], Some(exit::PASSED)),
        (&["report", "--run", "highwater", "--out", "pages"], Some(exit::PASSED)),
        (&["--help"], Some(exit::PASSED)),
    ] {
        for width in WIDTHS {
            let (text, code) = on_terminal(highwater(&desk, arguments), width);
            assert!(status.is_none_or(|status| code == Some(i32::from(status))), "{arguments:?}:\n{text}");
            let widest = plain(&text).lines().map(columns).max().unwrap_or(0);
            assert!(widest <= usize::from(width), "{arguments:?}: {widest} columns at {width}:\n{text}");
            assert!(arguments == ["--help"] || text.contains("next:"), "{arguments:?}:\n{text}");
        }
    }
}

#[test]
fn text_for_programs_is_neither_broken_nor_coloured() {
    let desk = desk();
    for format in ["json", "github", "csv", "junit"] {
        let arguments = [&["compare", "--no-confirm", "--format", format], &FOLDERS[..]].concat();
        let [stdout, _] = in_pipe(highwater(&desk, &arguments));
        let mut forced = highwater(&desk, &arguments);
        forced.env("CLICOLOR_FORCE", "1");
        assert_eq!(in_pipe(forced)[0], stdout, "{format}");
        let (text, _) = on_terminal(highwater(&desk, &arguments), 40);
        assert_eq!(text.replace('\r', ""), stdout.replace('\r', ""), "{format}");
    }
}

/// The toy family as `cargo bench` starts it.
fn bench(desk: &Desk, arguments: &[&str]) -> Command {
    unbiased(desk.std_bench(arguments))
}

#[test]
fn a_bench_on_a_terminal_shows_its_progress() {
    let desk = Desk::new();
    let (text, code) = on_terminal(bench(&desk, &["--memory-only", "--samples", "5"]), 80);
    assert_eq!(code, Some(0), "{text}");
    let first = "toy: memory of 2 cases with 5 workers each; about ";
    assert!(plain(&text).starts_with(first) && text.contains("(a guess:"), "{text}");
    for part in ["0/2, about ", " left: toy/heap/size=64k worker ", " of at most 6", "1/2, about "] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    // Each redrawn line fits, too.
    let frames = text.split(['\r', '\n']).map(|frame| frame.replace("\u{1b}[2K", ""));
    let widest = frames.map(|frame| columns(&frame)).max().unwrap_or(0);
    assert!(widest <= 80, "{widest}:\n{text}");

    let (again, _) = on_terminal(bench(&desk, &["--memory-only", "--samples", "5"]), 80);
    assert!(again.contains("as measured here before"), "{again}");
}

#[test]
fn with_jobs_all_cases_that_run_are_shown() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return;
    }
    let desk = Desk::new();
    let (text, code) = on_terminal(bench(&desk, &["--memory-only", "--samples", "20", "--jobs", "2"]), 160);
    assert_eq!(code, Some(0), "{text}");
    let is_both =
        |frame: &str| frame.contains("toy/heap/size=64k worker ") && frame.contains("; toy/mapped/pages=4 worker ");
    let is_either = |frame: &str| is_both(frame) || frame.contains("; toy/heap/size=64k worker ");
    assert!(text.split('\r').any(is_either), "{text}");
}

#[test]
fn nothing_of_the_progress_is_in_a_pipe_or_in_ci() {
    let desk = Desk::new();
    let arguments = ["--memory-only", "--samples", "2"];
    let [stdout, stderr] = in_pipe(bench(&desk, &arguments));
    assert!(!(stdout + &stderr).contains(['\r', '\u{1b}']), "{stderr}");
    let lines: Vec<&str> = stderr.lines().map(|line| line.split([' ', ':']).next().unwrap_or_default()).collect();
    assert_eq!(lines, ["toy", "next"], "{stderr}");
    for variable in [("CI", "1"), ("TERM", "dumb")] {
        let mut command = bench(&desk, &arguments);
        command.env(variable.0, variable.1);
        let (text, _) = on_terminal(command, 80);
        assert!(!text.contains(" left: ") && !text.contains('\r'), "{variable:?}:\n{text}");
    }
}

#[test]
fn criterion_is_quiet_unless_asked_and_its_comparison_is_shown() {
    let desk = Desk::new();
    let quick = ["--quick", "--noplot", "toy/heap"];
    let first = run(desk.bench(&[&quick[..], &["--save-baseline", "old"]].concat()), 0);
    let all = first.stdout.clone() + &first.stderr;
    for chatter in ["Benchmarking", "time:   [", "Gnuplot"] {
        assert!(!all.contains(chatter), "`{chatter}` is in:\n{all}");
    }
    assert!(first.stderr.contains("then 1 routine with criterion"), "{}", first.stderr);
    let second = run(desk.bench(&[&quick[..], &["--baseline", "old"]].concat()), 0);
    second.line("times against the run saved as `old`: ");
    second.line("no regression in ");
    let verbose = run(desk.bench(&[&quick[..], &["--verbose"]].concat()), 0);
    verbose.line("time:   [");
    assert!(verbose.stderr.contains("Benchmarking toy/heap/size=64k/fill"), "{}", verbose.stderr);
    // Programs that read one of criterion's formats get it.
    let bencher = run(desk.bench(&[&quick[..], &["--output-format", "bencher"]].concat()), 0);
    bencher.line("bench: ");
}
