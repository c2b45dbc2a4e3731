//! `highwater trend --export`: the files for Apache Otava, and the lines for Conbench, which are valid by the schema of
//! its API.

mod common;

use std::{collections::BTreeSet, fs};

use common::{add_per_unit, history::Project, run};
use highwater_model::exit;
use serde_json::Value;

const REPOSITORY: &str = "https://github.com/example/project";

/// A project with a history of a few revisions, in the last of which a case has grown.
fn project() -> Project {
    let project = Project::new("schema = 1\n");
    for day in 0..4 {
        project.commit(day, |case| add_per_unit(case, "heap_live", 64 * (day as u64 / 3)));
    }
    project
}

#[test]
fn otava_gets_a_table_for_each_case_and_a_configuration() {
    let project = project();
    project.trend(&["--export", "otava=series-for-otava"], exit::PASSED);
    let folder = project.path().join("series-for-otava");
    let config = fs::read_to_string(folder.join("otava.yaml")).expect("a configuration");
    let config: Value = serde_norway::from_str(&config).expect("YAML");
    let tests = config["tests"].as_object().expect("tests");
    assert_eq!(tests.keys().collect::<Vec<_>>(), ["toy/heap/size=64k", "toy/mapped/pages=4"]);
    assert_eq!(config["test_groups"]["all"].as_array().map(Vec::len), Some(2));
    for test in tests.values() {
        let (kind, time, attributes) = (&test["type"], &test["time_column"], &test["attributes"]);
        assert_eq!((kind.as_str(), time.as_str(), attributes[0].as_str()), (Some("csv"), Some("time"), Some("commit")));
        let mut table = csv::Reader::from_path(folder.join(test["file"].as_str().expect("a file"))).expect("a table");
        let headings: BTreeSet<String> = table.headers().expect("headings").iter().map(str::to_owned).collect();
        let metrics = test["metrics"].as_object().expect("metrics");
        assert_eq!(headings.len(), metrics.len() + 2);
        for metric in metrics.values() {
            assert!(headings.contains(metric["column"].as_str().expect("a column")), "{metric}");
            assert_eq!(metric["direction"], -1, "less is better");
        }
        let rows: Vec<csv::StringRecord> = table.records().collect::<Result<_, _>>().expect("rows");
        assert_eq!(rows.len(), 4);
        assert!(rows.iter().all(|row| row.iter().skip(2).all(|value| value.parse::<f64>().is_ok())));
        assert_eq!(rows[0].get(0), Some("2026-01-05T00:00:00Z"));
    }
}

#[test]
fn results_for_conbench_are_valid_by_its_schema() {
    let project = project();
    let mut command = project.trend_command(&["--export", "conbench=results.jsonl"]);
    command.env("CONBENCH_PROJECT_REPOSITORY", REPOSITORY);
    let ran = run(command, exit::PASSED.into());
    assert!(ran.stderr.contains("series of counts are left out"), "{}", ran.stderr);
    let text = fs::read_to_string(project.path().join("results.jsonl")).expect("lines");
    let results: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let schema = serde_json::from_str(include_str!("fixtures/schemas/conbench.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for result in &results {
        let errors: Vec<String> = validator.iter_errors(result).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{result:#}");
    }
    let of_live = |result: &&Value| {
        let tags = &result["tags"];
        tags["name"] == "toy/heap" && tags["metric"] == "heap_live" && tags["aspect"] == "slope of live"
    };
    let live: Vec<&Value> = results.iter().filter(of_live).collect();
    let values: Vec<f64> = live.iter().filter_map(|result| result["stats"]["data"][0].as_f64()).collect();
    assert_eq!((values.len(), values[3] - values[2]), (4, 64.0));
    assert_eq!((&live[0]["tags"]["case.size"], &live[0]["github"]["repository"]), (&"64k".into(), &REPOSITORY.into()));
    let mut other = results[0].clone();
    other["stats"]["unit"] = "MiB".into();
    assert!(!validator.is_valid(&other), "the validator rejects what is invalid");
}

#[test]
fn an_export_that_cannot_be_written_is_one_line() {
    let project = project();
    let ran = project.trend(&["--export", "conbench=results.jsonl"], exit::USAGE);
    ran.complains_in_one_line(&["not on GitHub", "CONBENCH_PROJECT_REPOSITORY=https://github.com/OWNER/NAME"]);
    project.git(&["remote", "add", "origin", "git@github.com:example/project.git"], 0);
    project.trend(&["--export", "conbench=results.jsonl"], exit::PASSED);
    let text = fs::read_to_string(project.path().join("results.jsonl")).expect("lines");
    assert!(text.contains(&format!("\"repository\":\"{REPOSITORY}\"")), "{text}");
    for export in ["csv=x", "otava=", "otava"] {
        let ran = project.trend(&["--export", export], exit::USAGE);
        assert!(ran.stderr.contains("expected "), "{}", ran.stderr);
    }
}
