//! A store: what was written is read, once, and bad files do not hide good ones.

use std::{fs, path::Path};

use highwater_history::{HistoryError, HistoryRow, HistoryRun, Point, append, read_history};
use proptest::prelude::*;

const CLASS: &str = "linux-x86_64-4k-thp_madvise-glibc-aslr_off";
/// 2026-11-30T12:00:00Z.
const NOON: i64 = 1_796_040_000;

fn run(id: &str) -> HistoryRun {
    let class = CLASS.parse().expect("a class");
    HistoryRun { id: id.to_owned(), class, revision: format!("{id:0>40}"), commit_time: NOON }
}

fn row(case: &str, value: f64) -> HistoryRow {
    HistoryRow {
        case: case.parse().expect("a case"),
        quantity: "heap_live".parse().expect("a quantity"),
        aspect: highwater_model::Aspect::Slope("live".to_owned()),
        per: "sandbox".to_owned(),
        value,
        min: value - 1.0,
        max: value + 1.0,
        workers: 5,
        tolerance: 16.0,
    }
}

fn read(store: &Path) -> highwater_history::History {
    read_history(store, &|_| true).expect("a store")
}

#[test]
fn a_run_is_one_file_by_class_and_month_and_is_read_again() {
    let store = tempfile::tempdir().expect("a folder");
    let path = append(store.path(), &run("a-1"), &[row("f/b/x=1", 2.5), row("f/a/x=1", 1.5)]).expect("written");
    let expected = format!("class={CLASS}/month=2026-11/a-1.parquet");
    assert_eq!(path, store.path().join(expected));
    let history = read(store.path());
    assert_eq!((history.runs, history.skipped), (vec![run("a-1")], vec![]));
    // Rows are sorted by case.
    let [(key, points), (other, _)] = &history.series[..] else { panic!("{:?}", history.series) };
    assert_eq!((key.case.as_str(), other.case.as_str(), key.per.as_str()), ("f/a/x=1", "f/b/x=1", "sandbox"));
    let point = Point { run: 0, value: 1.5, min: 0.5, max: 2.5, workers: 5, tolerance: 16.0 };
    assert_eq!(points[..], [point]);
}

#[test]
fn the_same_run_twice_is_one_file() {
    let store = tempfile::tempdir().expect("a folder");
    let first = append(store.path(), &run("a"), &[row("f/a/x=1", 1.0)]).expect("written");
    let content = fs::read(&first).expect("read");
    let second = append(store.path(), &run("a"), &[row("f/a/x=1", 1.0)]).expect("written");
    assert_eq!((&first, content), (&second, fs::read(&second).expect("read")));
    let folder = first.parent().expect("a folder");
    assert_eq!((folder.read_dir().expect("read").count(), read(store.path()).runs.len()), (1, 1));
}

#[test]
fn concurrent_writers_lose_nothing() {
    let store = tempfile::tempdir().expect("a folder");
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let store = store.path();
            scope.spawn(move || {
                for number in 0..10 {
                    // Two writers write each run.
                    let id = format!("{}-{number}", writer / 2);
                    append(store, &run(&id), &[row("f/a/x=1", f64::from(number))]).expect("written");
                }
            });
        }
    });
    let history = read(store.path());
    assert_eq!((history.runs.len(), history.skipped.len(), history.series[0].1.len()), (40, 0, 40));
}

#[test]
fn truncated_and_foreign_files_are_skipped_with_their_path() {
    let store = tempfile::tempdir().expect("a folder");
    let good = append(store.path(), &run("good"), &[row("f/a/x=1", 1.0)]).expect("written");
    let folder = good.parent().expect("a folder");
    let content = fs::read(&good).expect("read");
    let bad = folder.join("truncated.parquet");
    for length in (0..content.len()).step_by(17) {
        fs::write(&bad, &content[..length]).expect("written");
        let history = read(store.path());
        assert_eq!((history.runs.len(), history.series.len(), history.skipped.len()), (1, 1, 1), "{length}");
        assert_eq!(history.skipped[0].path, bad);
    }
    fs::remove_file(&bad).expect("removed");
    fs::write(folder.join("notes.txt"), "text").expect("written");
    fs::copy(&good, folder.join("other-name.parquet")).expect("copied");
    let other_class = store.path().join(format!("class={}/month=2026-11", CLASS.replace("aslr_off", "aslr_on")));
    fs::create_dir_all(&other_class).expect("made");
    fs::copy(&good, other_class.join("good.parquet")).expect("copied");
    fs::create_dir(store.path().join("lost+found")).expect("made");
    fs::write(folder.join(".highwater-aB3xYz"), "a writer's temporary file").expect("written");
    let history = read(store.path());
    let problems: Vec<&str> = history.skipped.iter().map(|skipped| skipped.problem.as_str()).collect();
    assert_eq!(history.runs.len(), 1);
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems.contains(&"it contains run good") && problems.contains(&"not a folder of a machine class"));
    assert!(problems.contains(&format!("it is of the machine class {CLASS}").as_str()), "{problems:?}");
}

#[test]
fn only_wanted_cases_are_read() {
    let store = tempfile::tempdir().expect("a folder");
    append(store.path(), &run("a"), &[row("f/a/x=1", 1.0), row("f/b/x=1", 2.0)]).expect("written");
    append(store.path(), &run("b"), &[row("f/c/x=1", 3.0)]).expect("written");
    let history = read_history(store.path(), &|case| case == "f/b/x=1").expect("a store");
    assert_eq!((history.runs.len(), history.series.len()), (1, 1));
    assert_eq!(history.series[0].1[0].value, 2.0);
}

#[test]
fn a_run_that_cannot_be_a_file_is_refused() {
    let store = tempfile::tempdir().expect("a folder");
    for id in ["", "../x", ".hidden", "a b", "a/b"] {
        assert!(matches!(append(store.path(), &run(id), &[]), Err(HistoryError::RunId(_))), "{id}");
    }
    let early = HistoryRun { commit_time: -1, ..run("a") };
    assert!(matches!(append(store.path(), &early, &[]), Err(HistoryError::Time { .. })));
    assert!(read_history(&store.path().join("none"), &|_| true).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn values_round_trip(values in prop::collection::vec(any::<f64>(), 1..50)) {
        let store = tempfile::tempdir().expect("a folder");
        let rows: Vec<HistoryRow> =
            values.iter().enumerate().map(|(index, value)| row(&format!("f/a/x={index:03}"), *value)).collect();
        append(store.path(), &run("a"), &rows).expect("written");
        let read: Vec<u64> = read(store.path()).series.iter().map(|(_, points)| points[0].value.to_bits()).collect();
        prop_assert_eq!(read, values.iter().map(|value| value.to_bits()).collect::<Vec<u64>>());
    }

    #[test]
    fn a_damaged_file_never_panics(place in any::<prop::sample::Index>(), value in any::<u8>()) {
        let store = tempfile::tempdir().expect("a folder");
        let path = append(store.path(), &run("a"), &[row("f/a/x=1", 1.0), row("f/b/x=1", 2.0)]).expect("written");
        let mut content = fs::read(&path).expect("read");
        let place = place.index(content.len());
        content[place] = value;
        fs::write(&path, content).expect("written");
        let _ = read(store.path());
    }
}
