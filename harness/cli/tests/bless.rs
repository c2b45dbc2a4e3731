//! `highwater bless`: the checks and the flags that override them, the table of changes, and atomicity.

mod common;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use common::{Desk, add_per_unit, baseline, edit, highwater, record, run};
use highwater_model::{Baseline, CaseRecord, Failure, Outcome, Record, Scale, Series, WorkerOption, exit};
use highwater_store::{read_baseline, write_record};

/// An edit of a record on disk.
type Change<'a> = &'a dyn Fn(&Path);

#[test]
fn only_complete_unmodified_runs_are_blessed() {
    let refused: [(Change<'_>, &str); 6] = [
        (&|run| edit(run, |run| run.selection.worker_options.set(WorkerOption::Inject, 4096)), "--inject"),
        (&|run| edit(run, |run| run.selection.worker_options.set(WorkerOption::ShiftHeap, 4096)), "--shift-heap"),
        (&|run| edit(run, |run| run.selection.filter = Some("heap".into())), "filter"),
        (&|run| edit(run, |run| run.selection.ladder = Some(vec![Scale(1)])), "--ladder"),
        (&|run| edit(run, |run| run.cases[1].failures.push(failure())), "1 of 6 workers failed"),
        (&|run| edit(run, |run| shorten(&mut run.cases[0], 4)), "4 samples"),
    ];
    for (change, part) in refused {
        let desk = Desk::measured_and_blessed();
        let before = fs::read(desk.baseline_path()).expect("a baseline");
        change(&desk.record_path());
        run(desk.bless("why not"), exit::USAGE.into()).complains_in_one_line(&["not blessed", part]);
        assert_eq!(fs::read(desk.baseline_path()).expect("still there"), before, "{part}: nothing is written");

        fs::remove_dir_all(desk.baselines()).expect("removed");
        run(desk.bless("why not"), exit::USAGE.into());
        assert!(!desk.baselines().exists(), "{part}: nothing is written");
    }
}

/// Keeps only the first workers.
fn shorten(case: &mut CaseRecord, samples: usize) {
    let cut = |series: &mut Series| {
        if let Series::Each(values) = series {
            values.truncate(samples);
        }
    };
    case.samples = samples;
    cut(&mut case.lifetime_ns);
    for columns in &mut case.stages {
        [&mut columns.wall_ns, &mut columns.cpu_ns].into_iter().chain(columns.memory.values_mut()).for_each(cut);
    }
}

#[test]
fn a_blessing_records_its_reason() {
    let desk = Desk::measured_and_blessed();
    run(desk.bless("  "), exit::USAGE.into()).complains_in_one_line(&["the reason is empty"]);
    let mut without = highwater(&["bless", "--run"]);
    without.arg(desk.run_folder());
    run(without, exit::USAGE.into());

    run(desk.bless("buffers got a header"), exit::PASSED.into());
    let blessed = read_baseline(&desk.baseline_path()).expect("a baseline");
    let [blessing] = blessed.blessings.as_slice() else { panic!("one blessing: {:?}", blessed.blessings) };
    assert_eq!((blessing.reason.as_str(), &blessing.cases), ("buffers got a header", &None));
    assert_eq!(Baseline { blessings: Vec::new(), ..blessed }, baseline(&desk.record()), "the rest is the run");
}

fn failure() -> Failure {
    Failure { outcome: Outcome::OutOfMemory, last_stage: None, output_tail: String::new() }
}

/// A desk whose baseline is made from its record.
fn blessed() -> Desk {
    let desk = Desk::with_record();
    run(desk.bless("first measurement"), 0);
    desk
}

#[test]
fn the_first_blessing_adds_all_cases() {
    let desk = Desk::with_record();
    let text = run(desk.bless("first measurement"), 0);
    text.line("toy on linux-x86_64-4k-thp_madvise-glibc-aslr_off: its first baseline");
    assert!(text.line("heap/size=64k").contains("added") && text.line("mapped/pages=4").contains("added"));
    text.line(&format!("written to {}", desk.baseline_path().display()));
}

#[test]
fn the_table_lists_changes_by_case_and_quantity() {
    let desk = blessed();
    edit(&desk.record_path(), |run| {
        add_per_unit(&mut run.cases[0], "heap_live", 4096);
        add_per_unit(&mut run.cases[0], "vmas", 2);
        run.cases[1].id = "toy/young".parse().expect("an id");
    });
    let text = run(desk.bless("buffers got a header"), 0);
    text.line(": replaces the baseline of ").contains("first measurement").then_some(()).expect("the old reason");
    let lines: Vec<&str> = text.stdout.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(
        lines,
        [
            "  added          young",
            "  removed        mapped/pages=4",
            "  regressed      heap/size=64k: vmas, slope of live: +2 per buffer (0 -> 2) (and 2 more aspects)",
            "  regressed      heap/size=64k: heap_live, slope of live: +4 KiB per buffer (256 KiB -> 260 KiB) \
             (and 2 more aspects)",
        ]
    );
    let repeated = run(desk.bless("once more"), 0);
    repeated.line("nothing gated changes");
}

#[test]
fn a_dry_run_prints_the_changes_and_writes_nothing() {
    let desk = blessed();
    edit(&desk.record_path(), |run| add_per_unit(&mut run.cases[0], "heap_live", 16));
    let before = desk.contents();
    let dry = run(desk.bless_with("buffers got a header", &["--dry-run"]), 0);
    assert!(dry.line("heap_live, slope of live").contains("+16 B per buffer"));
    assert_eq!(desk.contents(), before);
    let done = run(desk.bless("buffers got a header"), 0);
    assert!(done.stdout.starts_with(&dry.stdout), "{}\n{}", dry.stdout, done.stdout);

    let first = Desk::with_record();
    run(first.bless_with("why not", &["--dry-run"]), 0);
    assert!(!first.baselines().exists());
}

#[test]
fn new_failures_need_a_flag() {
    let desk = blessed();
    edit(&desk.record_path(), |run| run.cases[1].failures.push(failure()));
    let refused = run(desk.bless("a limit"), exit::USAGE.into());
    refused.complains_in_one_line(&["toy/mapped/pages=4: 1 of 6 workers failed: out of memory", "--allow-failures"]);
    let text = run(desk.bless_with("a limit", &["--allow-failures"]), 0);
    assert!(text.line("mapped/pages=4").contains("failed"), "{}", text.stdout);

    // The same failure is in the baseline; another one is not, and neither is a failure of all workers.
    run(desk.bless("the same again"), 0).line("nothing gated changes");
    edit(&desk.record_path(), |run| run.cases[1].failures[0].outcome = Outcome::TimedOut { limit_ms: 300 });
    run(desk.bless("another"), exit::USAGE.into()).complains_in_one_line(&["still running after its limit"]);
    edit(&desk.record_path(), |run| run.cases[1] = always_fails(&run.cases[1]));
    run(desk.bless("all of them"), exit::USAGE.into()).complains_in_one_line(&["3 of 3 workers failed"]);
    run(desk.bless_with("a case of refusal", &["--allow-failures"]), 0);
    run(desk.bless("a case of refusal"), 0).line("nothing gated changes");
}

fn always_fails(case: &CaseRecord) -> CaseRecord {
    let none = CaseRecord::not_run(case.id.clone(), String::new());
    CaseRecord { not_run: None, failures: vec![failure(), failure(), failure()], ..none }
}

#[test]
fn unconfirmed_changes_need_a_flag() {
    let desk = Desk::with_record();
    let workers = |pages: [u64; 10]| Series::Each(pages.map(|pages| (164 + pages) * 4096).to_vec());
    let set_heap_live = |run: &mut Record, pages| {
        let case = &mut run.cases[0];
        case.samples = 10;
        *case.stages[2].memory.get_mut(&"heap_live".parse().expect("a quantity")).expect("read") = workers(pages);
    };
    edit(&desk.record_path(), |run| set_heap_live(run, [0; 10]));
    run(desk.bless("first measurement"), 0);
    edit(&desk.record_path(), |run| set_heap_live(run, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]));
    let refused = run(desk.bless("some of them"), exit::USAGE.into());
    refused.complains_in_one_line(&["toy/heap/size=64k: growth of heap_live at live@1", "--allow-unconfirmed"]);
    let text = run(desk.bless_with("some of them", &["--allow-unconfirmed"]), 0);
    assert!(text.line("unconfirmed").contains("+2 KiB, +2 KiB per buffer"), "{}", text.stdout);
}

#[test]
fn either_all_families_are_blessed_or_none() {
    let desk = blessed();
    edit(&desk.record_path(), |run| add_per_unit(&mut run.cases[0], "heap_live", 4096));
    let mut other = Record { family: "zoo".into(), ..record() };
    other.cases.retain_mut(|case| {
        case.failures.push(failure());
        true
    });
    write_record(&desk.run_folder().join("zoo.json"), &other).expect("written");
    let before = desk.contents();
    let refused = run(desk.bless("both"), exit::USAGE.into());
    refused.complains_in_one_line(&["1 of 6 workers failed"]);
    assert_eq!((refused.stdout.as_str(), desk.contents()), ("", before));
    let text = run(desk.bless_with("both", &["--allow-failures"]), 0);
    assert_eq!(text.stdout.lines().filter(|line| line.starts_with("written to ")).count(), 2, "{}", text.stdout);
}

/// Runs git in a folder, without user configuration.
fn git(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "t").env(format!("GIT_{who}_EMAIL"), "t@example.org");
    }
    let output = command.stderr(Stdio::inherit()).output().expect("git");
    assert!(output.status.success(), "git {args:?}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// A desk in a repository with one commit, at which its run was measured.
fn in_repository() -> Desk {
    let desk = Desk::with_record();
    let git = |args: &[&str]| git(desk.path(), args);
    git(&["init", "-q"]);
    fs::write(desk.path().join(".gitignore"), "highwater/\n").expect("written");
    fs::write(desk.path().join("source"), "one").expect("written");
    git(&["add", "."]);
    git(&["commit", "-qm", "first"]);
    let head = git(&["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]);
    edit(&desk.record_path(), |run| drop(run.fingerprint.context.insert("commit".into(), head)));
    desk
}

#[test]
fn uncommitted_sources_need_a_flag() {
    let desk = in_repository();
    run(desk.bless("a clean tree"), 0);
    // Uncommitted baselines are allowed.
    run(desk.bless("baselines that are not committed yet"), 0);

    let refuses = |parts: &[&str]| {
        let before = desk.contents();
        let ran = run(desk.bless("dirty"), exit::USAGE.into());
        ran.complains_in_one_line(&[&["not blessed", "--allow-dirty"], parts].concat());
        assert_eq!((ran.stdout.as_str(), desk.contents()), ("", before));
        run(desk.bless_with("dirty", &["--allow-dirty"]), 0);
    };
    let source = desk.path().join("source");
    fs::write(&source, "two").expect("written");
    refuses(&["source is not committed"]);
    fs::write(desk.path().join("a new file"), "").expect("written");
    refuses(&["source and 1 more are not committed"]);
    fs::remove_file(desk.path().join("a new file")).expect("removed");
    fs::remove_file(&source).expect("removed");
    refuses(&["source is not committed"]);
    git(desk.path(), &["mv", "-f", ".gitignore", "source"]);
    refuses(&["not committed"]);
}

#[test]
fn runs_of_another_commit_need_a_flag() {
    let desk = in_repository();
    let commit = desk.record().fingerprint.context["commit"].clone();
    git(desk.path(), &["commit", "-qm", "second", "--allow-empty"]);
    let refuses = |commit: Option<String>, part: &str| {
        edit(&desk.record_path(), |run| {
            run.fingerprint.context.remove("commit");
            run.fingerprint.context.extend(commit.map(|commit| ("commit".to_owned(), commit)));
        });
        let ran = run(desk.bless("other sources"), exit::USAGE.into());
        ran.complains_in_one_line(&["not blessed: toy: the run", part, "--allow-dirty"]);
        assert!(!desk.baselines().exists());
    };
    refuses(Some(commit.clone()), &format!("measured at another commit ({commit}; HEAD is "));
    refuses(Some(String::new()), "measured at another commit");
    refuses(None, "does not record the commit");
    let head = git(desk.path(), &["rev-parse", "--short=12", "HEAD"]);
    refuses(Some(format!("{head}-dirty")), &format!("measured at {head} with uncommitted changes"));
    run(desk.bless_with("other sources", &["--allow-dirty"]), 0);
}

#[test]
fn git_errors_are_reported() {
    let desk = in_repository();
    fs::write(desk.path().join(".git/config"), "[core]\n\trepositoryformatversion = 99\n").expect("written");
    let ran = run(desk.bless("why not"), exit::USAGE.into());
    ran.complains_in_one_line(&["cannot check whether the sources are committed", "--allow-dirty"]);
    run(desk.bless_with("why not", &["--allow-dirty"]), 0);
}
