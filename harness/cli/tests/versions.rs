//! End-to-end tests of `ab --with` and `ab --bisect-versions`: a small project whose dependency has versions that cost a
//! page more per unit, do not build, or are not allowed.

mod common;

use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Output};

use common::{
    exec::value,
    project::{errors, text},
    small::{LEAKS, Small, UNIT},
};
use highwater_model::exit;
use highwater_store::read_record;

/// The last line of stderr that is an error, after those of the compiler.
fn message(output: &Output) -> String {
    errors(output).lines().rfind(|line| line.starts_with("error: ")).unwrap_or_default().to_owned()
}

fn assert_status(output: &Output, status: u8) {
    assert_eq!(output.status.code(), Some(status.into()), "{}\n{}", text(output), errors(output));
}

/// The files of the compiled crate of a dependency in a target folder.
fn compiled(target: &Path, name: &str) -> Vec<u64> {
    let files = target.join("release/deps").read_dir().expect("a folder").flatten();
    let is_it = |name: &str, file: &str| file.starts_with(&format!("lib{name}-")) && file.ends_with(".rlib");
    let files = files.filter(|entry| is_it(name, &entry.file_name().to_string_lossy()));
    files.map(|entry| entry.metadata().expect("there").ino()).collect()
}

#[test]
fn a_dependency_is_compared_with_another_version_and_bisected() {
    let small = Small::make();
    let project = &small.project;
    let ab = |more: &[&str]| project.highwater(&[&["ab", "--samples", "5"], more].concat());

    // What was retained since 1.0.0. The requirement in the manifest does not allow 1.0.0.
    let raised = ab(&["--with", "unit-store=1.0.0"]);
    assert_status(&raised, exit::REGRESSED);
    let out = text(&raised);
    assert!(out.starts_with("unit-store 1.0.0 against unit-store 1.3.0\n"), "{out}");
    let finding = out.lines().find(|line| line.contains("heap_live per unit at live")).expect("a finding");
    assert!(finding.contains("regressed") && finding.contains("(+4 KiB per unit"), "{finding}");
    let page = fs::read_to_string(project.target.join("highwater/ab/compare.html")).expect("a page");
    assert!(page.contains("unit-store 1.0.0 against unit-store 1.3.0"));
    let record = read_record(&project.target.join("highwater/ab/base-run/units.json")).expect("a record");
    assert_eq!(record.fingerprint.context["commit"], "the working tree with unit-store 1.0.0");
    let manifest = fs::read_to_string(project.root.join("Cargo.toml")).expect("a manifest");
    assert!(manifest.contains("version = \"1.3\""), "the working tree was changed: {manifest}");
    let head = text(&ab(&["--with", "unit-store=1.0.0", "--format", "json", "held"]));
    assert!(head.starts_with('{'), "{head}");

    // Nothing was compiled again but the dependency and the project.
    let built = project.target.join("highwater/ab/versions-target");
    for unchanged in ["highwater_model", "highwater", "serde"] {
        let [here, there] = [&project.target, &built].map(|target| compiled(target, unchanged));
        assert!(!there.is_empty() && there.iter().all(|file| here.contains(file)), "{unchanged}: {here:?} {there:?}");
    }

    // Uncommitted changes are on both sides, so that they are no finding.
    small.set_unit(LEAKS);
    let same = ab(&["--with", "unit-store=1.4.0"]);
    assert_status(&same, exit::PASSED);
    let record = read_record(&project.target.join("highwater/ab/base-run/units.json")).expect("a record");
    assert!(value(&record.cases[0], "live@40", "heap_live") > 40 * 8192, "the base has no leak");
    // With a revision, both differ: the leak is in the working tree only.
    let both = ab(&["HEAD", "--with", "unit-store=1.0.0"]);
    assert_status(&both, exit::REGRESSED);
    let out = text(&both);
    assert!(out.starts_with("HEAD with unit-store 1.0.0 against the working tree\n"), "{out}");
    assert!(out.contains("(+12 KiB per unit"), "{out}");
    small.set_unit(UNIT);
    // Without a repository, all files are sources.
    fs::rename(project.root.join(".git"), project.root.with_file_name("repository")).expect("renamed");
    let without = ab(&["--with", "unit-store=1.0.0", "held"]);
    fs::rename(project.root.with_file_name("repository"), project.root.join(".git")).expect("renamed");
    assert_status(&without, exit::REGRESSED);
    assert!(!errors(&without).contains("fatal"), "{}", errors(&without));

    // The first version that retains a page is 1.3.0; 1.2.0 does not build.
    let bisected = ab(&["--bisect-versions", "unit-store=1.0.0..1.4.0", "held"]);
    assert_status(&bisected, exit::REGRESSED);
    let out = text(&bisected);
    let (steps, found) = out.split_once("\n\n").expect("a result");
    let step = |version: &str| steps.lines().find(|line| line.starts_with(&format!("unit-store {version}: ")));
    assert!(step("1.1.0").is_some_and(|line| line.contains("unchanged: ")), "{out}");
    assert!(step("1.2.0").is_some_and(|line| line.contains("skipped: ") && line.contains("does not build")), "{out}");
    assert!(step("1.3.0").is_some_and(|line| line.contains("changed: ")), "{out}");
    assert!(
        found.starts_with("unit-store 1.1.0 -> 1.3.0:\nregressed: units/held/size=64: heap_live per unit"),
        "{out}"
    );
    assert!(found.contains("not tested, so it may be one of these as well: unit-store 1.2.0"), "{out}");
    let unchanged = ab(&["--bisect-versions", "unit-store=1.0.0..1.1.0"]);
    assert_status(&unchanged, exit::PASSED);
    assert!(
        text(&unchanged).starts_with("nothing changed between unit-store 1.0.0 and 1.1.0, in "),
        "{}",
        text(&unchanged)
    );

    // What cannot be compared is one line.
    let refused: [(&[&str], u8); 10] = [
        (&["--with", "unit-stor=1.0.0"], exit::USAGE),
        (&["--with", "unit-store=1.3.0"], exit::USAGE),
        (&["--with", "unit-store=1.9.0"], exit::USAGE),
        (&["--with", "unit-store@2=1.0.0"], exit::USAGE),
        (&["--with", "units=1.0.0"], exit::USAGE),
        (&["--with", "unit-store=1.0.0", "--with", "unit-store=1.1.0"], exit::USAGE),
        (&["--bisect-versions", "unit-store=1.0.0..1.9.0"], exit::USAGE),
        (&["HEAD", "held", "--bisect-versions", "unit-store=1.0.0..1.4.0"], exit::USAGE),
        // Another package requires `^1`.
        (&["--with", "unit-store=2.0.0"], exit::UNTESTABLE),
        (&["--with", "unit-store=1.2.0"], exit::UNTESTABLE),
    ];
    let lines = refused.map(|(arguments, status)| {
        let output = ab(arguments);
        assert_status(&output, status);
        let folder = project.target.parent().expect("a folder").display().to_string();
        format!("{} ({status})\n{}", arguments.join(" "), message(&output).replace(&folder, "FOLDER"))
    });
    insta::assert_snapshot!(lines.join("\n\n"));
}
