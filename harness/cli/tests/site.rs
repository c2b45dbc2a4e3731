//! The report's pages: deterministic output, correct for every kind of record, without side effects on other
//! files in the folder. How browsers render them is tested in browser.rs.

mod common;

use std::{
    fs,
    path::{Component, Path},
    process,
};

use common::{
    Desk, add_per_unit, baseline, blessed_baseline, highwater, page_more_on_the_heap, record, run,
    site::{full, full_run, hostile, many, stacks},
    write_baseline,
};
use highwater_judge::{Comparison, Kind, Policy, Verdict, compare_family};
use highwater_model::{CaseStacks, Record, RunKey, Series, TimeEstimate, exit};
use highwater_report::site::{self, History, Material, Page, history};
use highwater_store::{read_record, write_stacks};

fn pages(material: &Material) -> Vec<Page> {
    site::pages(material, None).expect("pages")
}

fn page<'a>(pages: &'a [Page], path: &str) -> &'a str {
    let found = pages.iter().find(|page| page.path == path);
    &found
        .unwrap_or_else(|| panic!("no page {path} among {:?}", pages.iter().map(|it| &it.path).collect::<Vec<_>>()))
        .html
}

/// The content of `<main>`: the part that depends on the data.
fn content(html: &str) -> &str {
    let (_, from) = html.split_once("<main id=\"main\">").expect("main");
    from.split_once("</main>").expect("main").0.trim()
}

/// A blessed baseline, and a run in which one case uses one more page per unit.
fn small() -> Material {
    let before = blessed_baseline(&record(), "first measurement");
    let mut now = record();
    page_more_on_the_heap(&mut now.cases[0]);
    for (case, ns) in now.cases.iter_mut().zip([2350.0, 4_477_000.0]) {
        let time =
            TimeEstimate { estimator: "mean".into(), ns, low_ns: ns - 10.0, high_ns: ns + 10.0, confidence: 0.95 };
        case.time.insert("fill".into(), time);
    }
    Material::of(vec![(now, Some(before))], Policy::default())
}

#[test]
fn a_small_record_matches_the_snapshots() {
    let pages = pages(&small());
    insta::assert_snapshot!("front_page", content(page(&pages, "index.html")));
    insta::assert_snapshot!("family_page", content(page(&pages, "family/toy.html")));
    insta::assert_snapshot!("details_page", content(page(&pages, "details/toy.html")));
}

#[test]
fn output_is_deterministic() {
    let [first, second] = [full(), full()].map(|material| pages(&material));
    assert_eq!(first.len(), second.len());
    for (a, b) in first.iter().zip(&second) {
        assert!(a.path == b.path && a.html == b.html, "{} differs", a.path);
    }
}

#[test]
fn a_site_without_records_says_so() {
    let pages = pages(&Material::default());
    assert_eq!(pages.len(), 4);
    assert!(content(page(&pages, "index.html")).contains("Nothing measured"));
    for path in ["claims.html", "compare.html", "trend.html"] {
        assert!(content(page(&pages, path)).contains("class=\"note\""), "{path} is empty");
    }
}

#[test]
fn records_with_no_case_or_one_case_have_pages() {
    let empty = Record { cases: Vec::new(), ..record() };
    let without = pages(&Material::of(vec![(empty, None)], Policy::default()));
    assert!(page(&without, "family/toy.html").contains("No case was selected"));
    assert!(page(&without, "details/toy.html").contains("No case was selected"));
    assert!(content(page(&without, "index.html")).contains("No baseline"));

    let mut one = record();
    one.cases.truncate(1);
    let one = pages(&Material::of(vec![(one, None)], Policy::default()));
    assert!(page(&one, "family/toy.html").contains("data-series=\"1\""));
    assert!(page(&one, "case/toy+heap+size=64k.html").contains("n = 5"));
}

#[test]
fn cases_with_the_same_stages_share_a_table() {
    let mut run = record();
    let tables = |run: &Record| {
        let pages = pages(&Material::of(vec![(run.clone(), None)], Policy::default()));
        page(&pages, "details/toy.html")
            .split("<table class=\"sortable\">")
            .skip(1)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(tables(&run).len(), 1);
    run.cases[1].stages.truncate(2);
    let figure = "figure.calls_per_second".parse().expect("a figure");
    run.cases[1].stages[1].memory.insert(figure, Series::Same(1234));
    let [heap, mapped] = tables(&run).try_into().expect("two tables");
    assert!(heap.contains("per buffer, live") && !heap.contains("reported by the workers"), "{heap}");
    assert!(
        mapped.contains("<th>calls per second") && mapped.contains(">1,234") && mapped.contains("n = 5"),
        "{mapped}"
    );
}

#[test]
fn failures_and_cases_not_run_have_a_reason() {
    let pages = pages(&full());
    let family = page(&pages, "details/sandbox-scaling.html");
    assert!(family.contains("1 case: the guest is not built"));
    assert!(family.contains("1 failed: out of memory, after live@10"));
    let case = page(&pages, "case/sandbox-scaling+absent+guest=none.html");
    assert!(case.contains("not run: the guest is not built") && !case.contains("<svg"));
    assert!(pages.iter().any(|page| page.html.contains("memory allocation of 1048576 bytes failed")));
    let front = content(page(&pages, "index.html"));
    assert!(front.contains("Failed") && front.contains("in host heap"), "{front}");
}

#[test]
fn changed_verdicts_are_listed_and_unchanged_ones_counted() {
    let material = full();
    let pages = pages(&material);
    let compare = page(&pages, "compare.html");
    let gated: Vec<_> = material.comparison.verdicts().filter(|verdict| verdict.gated).collect();
    let (unchanged, changed): (Vec<_>, Vec<_>) = gated.into_iter().partition(|verdict| verdict.kind == Kind::Same);
    assert!(unchanged.len() > 500 && !changed.is_empty());
    for verdict in changed {
        let sentence = verdict.sentence.replace('>', "&#62;");
        assert!(compare.contains(&sentence), "{sentence}");
    }
    assert!(compare.contains(&format!("Gated, unchanged: {}", unchanged.len())), "{compare}");
    let cells = compare.split("</a><td>").skip(1).filter_map(|cell| cell.split_once('<')?.0.parse::<usize>().ok());
    let is_identical = |verdict: &&&Verdict| verdict.subject.as_ref().is_some_and(|it| it.baseline == Some(it.run));
    assert_eq!(cells.sum::<usize>(), unchanged.iter().filter(is_identical).count());
}

#[test]
fn changes_within_the_tolerance_are_listed_with_their_size() {
    let (before, mut now) = (baseline(&record()), record());
    add_per_unit(&mut now.cases[0], "heap_live", 4096);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("policy.toml");
    fs::write(&path, "schema = 1\n[[rule]]\nmetric = \"heap_live\"\ntolerance = \"1 MiB\"\n").expect("written");
    let pages = pages(&Material::of(vec![(now, Some(before))], Policy::read(&path).expect("a policy")));
    let compare = page(&pages, "compare.html");
    let (_, unchanged) = compare.split_once("changes within the tolerance").expect("a table");
    assert!(
        unchanged.contains("heap_live per buffer at live") && unchanged.contains("<small>and growth at live@"),
        "{unchanged}"
    );
}

#[test]
fn hostile_names_are_escaped_and_never_leave_the_folder() {
    for Page { path, html } in pages(&hostile()) {
        let own = html.matches("<script>").count();
        let has_script = path.starts_with("details/") || html.contains("class=\"chart flame\"");
        assert!(own == usize::from(has_script), "{path} has {own} scripts");
        assert!(!html.contains("<img") && !html.contains("href=\"javascript"), "{path}");
        let parts: Vec<Component<'_>> = Path::new(&path).components().collect();
        let are_names = parts.iter().all(|part| matches!(part, Component::Normal(_)));
        assert!(are_names && parts.len() <= 2 && path.len() < 255, "{path}");
    }
    let front = pages(&hostile());
    assert!(page(&front, "index.html").contains("&#60;script&#62;alert(1)"), "the text itself is shown");
}

#[test]
fn the_site_of_a_full_run_is_small_and_fast_to_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let material = full_run();
    let clock = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let before = clock();
    site::write(&material, folder.path()).expect("written");
    let after = clock();
    let seconds = (after.tv_sec - before.tv_sec) as f64 + (after.tv_nsec - before.tv_nsec) as f64 / 1e9;
    assert!(seconds < 2.0, "{seconds} s");
    let size: usize = pages(&material).iter().map(|page| page.html.len()).sum();
    assert!(size < 5 << 20, "{size} bytes");
}

#[test]
fn five_hundred_cases_have_a_page_each() {
    let pages = pages(&many(500));
    assert_eq!(pages.iter().filter(|page| page.path.starts_with("case/")).count(), 500);
    let family = page(&pages, "details/many.html");
    assert_eq!(family.matches("href=\"../case/").count(), 500);
    assert!(family.contains("are not drawn; the table has all cases"), "the number of charts is limited");
}

#[test]
fn stale_pages_are_removed_and_other_files_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("reports");
    site::write(&full(), &out).expect("written");
    fs::write(out.join("README.md"), "mine").expect("written");
    fs::write(out.join("case/mine.html"), "<p>mine").expect("written");
    let front = site::write(&small(), &out).expect("written again");
    assert!(front.ends_with("index.html") && front.is_file());
    let names = |folder: &str| {
        let entries = out.join(folder).read_dir().expect("a folder").flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names("family"), ["toy.html"]);
    assert_eq!(names("details"), ["toy.html"]);
    assert_eq!(names("case"), ["mine.html", "toy+heap+size=64k.html", "toy+mapped+pages=4.html"]);
    assert!(out.join("README.md").is_file());
}

#[test]
fn a_comparison_page_can_stand_alone() {
    let (before, mut now) = (baseline(&record()), record());
    add_per_unit(&mut now.cases[0], "heap_live", 4096);
    let families = vec![compare_family(&before, &now, &Policy::default())];
    let comparison = Comparison { families, ..Comparison::default() };
    let page = site::comparison_page(&comparison, "v1.0", "HEAD").expect("a page");
    assert!(page.contains("<h1>v1.0 against HEAD</h1>") && page.contains("heap_live per buffer at live"), "{page}");
    assert!(!page.contains("<nav"), "a stand-alone page has no navigation");
}

#[test]
fn criterions_report_is_linked_if_it_exists() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().canonicalize().expect("a path");
    let report = root.join("target/criterion/toy_heap_size=64k/report");
    fs::create_dir_all(&report).expect("made");
    fs::write(report.join("index.html"), "criterion").expect("written");
    let material = Material { criterion: Some(root.join("target/criterion")), ..small() };
    site::write(&material, &root.join("reports")).expect("written");
    let read = |name: &str| fs::read_to_string(root.join("reports/case").join(name)).expect("a page");
    let linked = read("toy+heap+size=64k.html");
    assert!(linked.contains("href=\"../../target/criterion/toy_heap_size=64k/report/index.html\""), "{linked}");
    assert!(!read("toy+mapped+pages=4.html").contains("criterion/"));
}

#[test]
fn the_trend_lists_every_blessing_in_git_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let git = |args: &[&str]| {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
        let done = process::Command::new("git").arg("-C").arg(folder.path()).args(identity).args(args).output();
        assert!(done.expect("git").status.success(), "{args:?}");
    };
    let file = folder.path().join("class/toy.txt");
    assert!(matches!(history(&file, None), History::Unknown(why) if why.contains("no baseline")));
    let mut run = record();
    let mut bless = |reason: &str| {
        add_per_unit(&mut run.cases[0], "heap_live", 4096);
        let blessed = blessed_baseline(&run, reason);
        write_baseline(&file, &blessed);
        (run.clone(), blessed)
    };
    let (_, first) = bless("first");
    assert!(matches!(history(&file, Some(&first)), History::Unknown(why) if why.contains("not in a git repository")));
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "one"]);
    bless("a type cache");
    git(&["commit", "-qam", "two"]);
    let (run, third) = bless("not committed yet");
    let History::Known(known) = history(&file, Some(&third)) else { panic!("no history") };
    let reasons: Vec<&str> = known.iter().map(|it| it.baseline.blessed().expect("blessed").reason.as_str()).collect();
    assert_eq!(reasons, ["first", "a type cache", "not committed yet"]);
    assert_eq!(known.iter().map(|it| it.commit.is_some()).collect::<Vec<_>>(), [true, true, false]);

    let mut material = Material::of(vec![(run, Some(third))], Policy::default());
    material.histories.insert("toy".into(), History::Known(known));
    let pages = pages(&material);
    let trend = page(&pages, "trend.html");
    assert!(["first", "a type cache", "not committed yet"].iter().all(|reason| trend.contains(reason)));
    assert!(trend.contains("+8 KiB since 1"), "the slope rose by a page twice");
}

#[test]
fn report_writes_the_pages_and_prints_the_path() {
    let desk = Desk::measured_and_blessed();
    let out = desk.path().join("site");
    let report = |args: &[&str]| {
        let mut command = highwater(&["report"]);
        command.arg("--run").arg(desk.run_folder()).arg("--baselines").arg(desk.baselines());
        command.arg("--out").arg(&out).args(args);
        command
    };
    let ran = run(report(&[]), exit::PASSED.into());
    assert_eq!(ran.stdout.trim_end(), out.join("index.html").to_str().expect("text"));
    let front = fs::read_to_string(out.join("index.html")).expect("written");
    assert!(content(&front).contains("Passed"), "{front}");

    // A regression does not change the exit status: only `compare` is a gate.
    common::edit(&desk.record_path(), |record| add_per_unit(&mut record.cases[0], "heap_live", 8192));
    run(report(&[]), exit::PASSED.into());
    assert!(fs::read_to_string(out.join("index.html")).expect("written").contains("Failed"));

    run(report(&["--policy", "/nowhere/policy.toml"]), exit::INTERNAL.into())
        .complains_in_one_line(&["/nowhere/policy.toml"]);
    fs::write(desk.record_path(), "{").expect("written");
    run(report(&[]), exit::INTERNAL.into()).complains_in_one_line(&["toy.json", "not a complete"]);
}

#[test]
fn report_without_a_run_writes_a_page_that_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = highwater(&["report", "--run", "/nowhere/at/all", "--baselines", "/nowhere"]);
    command.arg("--out").arg(folder.path());
    run(command, exit::PASSED.into());
    assert!(fs::read_to_string(folder.path().join("index.html")).expect("written").contains("Nothing measured"));
}

#[test]
fn a_case_that_was_explained_has_flame_graphs_and_the_same_as_text() {
    let material = full();
    let pages = pages(&material);
    let explained: Vec<&String> =
        pages.iter().map(|page| &page.html).filter(|html| html.contains("Call stacks")).collect();
    assert_eq!(explained.len(), 2);
    let page = explained.iter().find(|html| html.contains("flame-0-difference")).expect("two revisions");
    for part in [
        "<h3>memory at live@50</h3>",
        "<h3>peak of the heap before live@50</h3>",
        "growth since loaded, app and this run",
        "<title>app::insert (src/app.rs:7): 200 KiB → 400 KiB, +200 KiB; +4 KiB per sandbox</title>",
        ">▲ Cache::fill</text>",
        "<li>+4,096 B per sandbox (+204,800 B) in +50 blocks  app::insert (src/app.rs:7) &lt;- app::Cache::fill",
        "<title>[pages of linear memory]: 800 KiB",
        "Not drawn: −4 KiB in 1 stack that shrank",
    ] {
        let decoded = page.replace("&#60;", "&lt;");
        assert!(decoded.contains(part), "{part} is not in\n{}", content(&decoded));
    }
    let other = explained.iter().find(|html| !html.contains("flame-0-difference")).expect("one revision");
    assert!(other.contains("flame-0-growth") && !other.contains("▲"), "{}", content(other));
}

#[test]
fn report_ignores_stacks_of_another_run_and_damaged_ones_with_a_line() {
    let desk = Desk::measured_and_blessed();
    let run_of = read_record(&desk.record_path()).expect("a record");
    let case = &run_of.cases[0].id;
    let explained = stacks(&run_of, case, "app");
    let path = write_stacks(&desk.run_folder(), &explained).expect("written");
    let out = desk.path().join("site");
    let report = || {
        let mut command = highwater(&["report"]);
        command.arg("--run").arg(desk.run_folder()).arg("--baselines").arg(desk.baselines()).arg("--out").arg(&out);
        let ran = run(command, exit::PASSED.into());
        let pages: Vec<_> = fs::read_dir(out.join("case")).expect("pages").flatten().collect();
        let shown = pages
            .iter()
            .filter(|page| fs::read_to_string(page.path()).is_ok_and(|html| html.contains("class=\"chart flame\"")));
        let notes: Vec<&str> = ran.stderr.lines().filter(|line| !line.starts_with("next: ")).collect();
        (shown.count(), notes.join("\n"))
    };
    assert_eq!(report(), (1, String::new()));
    let other = RunKey { started: None, ..explained.run.clone() };
    write_stacks(&desk.run_folder(), &CaseStacks { run: other, ..explained }).expect("written");
    assert_eq!(report(), (0, "note: toy: the call stacks of 1 case are of another run".to_owned()));
    fs::write(&path, "{").expect("written");
    let (shown, line) = report();
    assert!(shown == 0 && line.lines().count() == 1 && line.contains("no call stacks of this case"), "{line}");
}

#[test]
fn a_bench_run_writes_the_report_and_a_test_run_does_not() {
    let desk = Desk::new();
    let front = desk.run_folder().join("report/index.html");
    run(desk.bench(&["--list"]), 0);
    assert!(!front.exists());
    let ran = run(desk.bench(&["--memory-only", "--samples", "1", "heap"]), 0);
    ran.line(&format!("report: {}", front.display()));
    assert!(front.is_file());

    // If the report cannot be written, the run is kept and a warning is printed.
    fs::remove_dir_all(desk.run_folder().join("report")).expect("removed");
    fs::write(desk.run_folder().join("report"), "in the way").expect("written");
    let ran = run(desk.bench(&["--memory-only", "--samples", "1", "heap"]), 0);
    assert!(ran.stderr.lines().any(|line| line.starts_with("warning: the report was not written: ")), "{}", ran.stderr);
}
