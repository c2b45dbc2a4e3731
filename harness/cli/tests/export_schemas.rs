//! Exports are valid by the schemas of their formats (`fixtures/schemas/README.md` lists the sources), and the
//! validators reject invalid documents.

mod common;

use common::comparisons::{Given, everything, without_baseline};
use highwater_report::export::exporter;
use serde_json::Value;
use uppsala::{XsdValidator, parse};

fn all_of(name: &str) -> Vec<String> {
    let exporter = exporter(name).expect("a format");
    [everything(), without_baseline(), Given::default()].iter().map(|given| given.export(exporter)).collect()
}

/// Validates by the schema of OASIS. One of its patterns has an unescaped `]`, which JavaScript accepts but the
/// validator rejects. The escaped form has the same meaning.
fn sarif_errors(document: &Value) -> Vec<String> {
    let schema = include_str!("fixtures/schemas/sarif-2.1.0.json");
    let (stray, escaped) = ("-[a-zA-Z]{2}]?$", "-[a-zA-Z]{2}\\\\]?$");
    assert!(schema.contains(stray));
    errors(&schema.replace(stray, escaped), document)
}

fn errors(schema: &str, document: &Value) -> Vec<String> {
    let schema = serde_json::from_str(schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Validates by the XML Schema of Jenkins. Malformed XML is an error too.
fn junit_errors(document: &str) -> Vec<String> {
    let schema = parse(include_str!("fixtures/schemas/junit-10.xsd")).expect("XML");
    let validator = XsdValidator::from_schema(&schema).expect("a schema");
    match parse(document) {
        Ok(document) => validator.validate(&document).iter().map(|error| format!("{error:?}")).collect(),
        Err(error) => vec![format!("{error:?}")],
    }
}

#[test]
fn junit_is_valid_by_the_schema_of_jenkins() {
    for document in all_of("junit") {
        assert_eq!(junit_errors(&document), Vec::<String>::new(), "{document}");
    }
}

#[test]
fn an_invalid_junit_document_is_rejected() {
    let good = &all_of("junit")[0];
    for (from, to) in [
        ("<testcase name=", "<testcase nam="),
        ("<properties>", "<properties><bad/>"),
        ("<failure ", "<failures "),
        ("</testsuites>", "<testcase name=\"x\"/></testsuites>"),
        ("&lt;script", "\u{1b}script"),
        ("&lt;script", "<script"),
    ] {
        assert!(good.contains(from), "{from}");
        assert_ne!(junit_errors(&good.replace(from, to)), Vec::<String>::new(), "{from} -> {to}");
    }
}

#[test]
fn sarif_is_valid_by_the_schema_of_oasis() {
    for document in all_of("sarif") {
        let found = sarif_errors(&json(&document));
        assert_eq!(found, Vec::<String>::new(), "{document}");
    }
}

#[test]
fn an_invalid_sarif_document_is_rejected() {
    let good = json(&all_of("sarif")[0]);
    type Damage = fn(&mut Value);
    let damages: [Damage; 4] = [
        |log| log["version"] = "2.2.0".into(),
        |log| log["runs"][0]["results"][0]["level"] = "fatal".into(),
        |log| log["runs"][0]["results"][0]["message"] = "a text".into(),
        |log| log["runs"][0]["tool"] = serde_json::json!({}),
    ];
    for damage in damages {
        let mut bad = good.clone();
        damage(&mut bad);
        assert_ne!(sarif_errors(&bad), Vec::<String>::new());
    }
}

/// GitHub's requirements beyond the schema: a location in a file, an existing rule, and a fingerprint that is unique
/// among the results of a rule.
#[test]
fn sarif_meets_the_requirements_of_code_scanning() {
    let log = json(&all_of("sarif")[0]);
    let run = &log["runs"][0];
    let results = run["results"].as_array().expect("results");
    let mut seen = Vec::new();
    for result in results {
        let location = &result["locations"][0]["physicalLocation"];
        assert!(
            location["artifactLocation"]["uri"].as_str().is_some_and(|uri| uri.starts_with("baselines/a%20class/"))
        );
        assert!(location["region"]["startLine"].is_u64());
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        let identity = (&result["ruleId"], &result["partialFingerprints"]["primaryLocationLineHash"]);
        assert!(identity.1.is_string() && !seen.contains(&identity), "{result}");
        seen.push(identity);
    }
    assert!(results.len() > 10);
}

#[test]
fn bmf_is_valid_with_and_without_a_baseline() {
    let documents = all_of("bmf");
    for document in &documents {
        let found = errors(include_str!("fixtures/schemas/bmf.json"), &json(document));
        assert_eq!(found, Vec::<String>::new(), "{document}");
    }
    for document in &documents[..2] {
        let benchmarks = json(document);
        assert_eq!(benchmarks["toy/heap/size=64k/fill"]["latency"]["value"], 1234.5);
        let slope = &benchmarks["toy/mapped/pages=4"]["anon-mapped-slope-live"];
        let bounds = ["lower_value", "value", "upper_value"].map(|bound| slope[bound].as_f64().expect("a number"));
        assert!(bounds[0] <= bounds[1] && bounds[1] <= bounds[2] && bounds[0] < bounds[2], "{bounds:?}");
    }
}

#[test]
fn an_invalid_bmf_document_is_rejected() {
    for bad in [
        r#"[]"#,
        r#"{"a case": 4096}"#,
        r#"{"a case": {"anon": {"lower_value": 1}}}"#,
        r#"{"a case": {"anon": {"value": "4 KiB"}}}"#,
        r#"{"a case": {"Anon slope": {"value": 1}}}"#,
    ] {
        assert_ne!(errors(include_str!("fixtures/schemas/bmf.json"), &json(bad)), Vec::<String>::new(), "{bad}");
    }
}
