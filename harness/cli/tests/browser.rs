//! Tests of the report's pages in headless Chromium, driven by browser/check.cjs with playwright-core, with
//! accessibility checks by axe-core. `.ci/browser` installs all three.

mod common;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use common::site::{full, hostile, many};
use highwater_report::site::{Material, write};
use serde::Deserialize;
use tempfile::TempDir;

/// The output of check.cjs.
#[derive(Debug, Deserialize)]
struct Found {
    failures: Vec<String>,
    /// The number of series drawn, by page and chart.
    series: BTreeMap<String, BTreeMap<String, usize>>,
}

/// Runs check.cjs on a site.
fn browse(site: &Path) -> Found {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = std::env::var_os("HIGHWATER_BROWSER_MODULES")
        .map_or_else(|| root.join("../../target/browser/node_modules"), PathBuf::from);
    let chromium = std::env::var_os("HIGHWATER_CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from);
    for needed in [&chromium, &modules.join("playwright-core"), &modules.join("axe-core")] {
        assert!(needed.exists(), "{} is missing: run `bash .ci/browser`", needed.display());
    }
    // One browser at a time, since each uses two CPUs.
    static BROWSER: Mutex<()> = Mutex::new(());
    let _alone = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    let ran = Command::new("node").arg(root.join("tests/browser/check.cjs")).arg(&modules).arg(site).output();
    let ran = ran.expect("node (20 or newer) is installed");
    let stdout = String::from_utf8_lossy(&ran.stdout);
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "check.cjs failed: {stderr}");
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}\n{stderr}"))
}

fn written(material: &Material) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(material, folder.path()).expect("written");
    folder
}

fn assert_sound(found: &Found) {
    assert!(found.failures.is_empty(), "{:#?}", found.failures);
}

#[test]
fn every_page_of_a_real_record_is_sound() {
    let site = written(&full());
    let found = browse(site.path());
    assert_sound(&found);
    // Thirteen cases, one of them not run: three guests with four strategies each, two ladders, two routines.
    let family = &found.series["family/sandbox-scaling.html"];
    let of = |kind: &str| {
        family.iter().filter(|(id, _)| id.starts_with(kind)).map(|(_, series)| *series).collect::<Vec<_>>()
    };
    assert_eq!(of("scale-"), [4; 6]);
    assert_eq!(of("time-"), [4; 6]);
    assert_eq!(of("made-").len(), 3);
    assert!(!found.series["trend.html"].is_empty());
}

#[test]
fn hostile_names_are_harmless() {
    assert_sound(&browse(written(&hostile()).path()));
}

#[test]
fn an_empty_site_is_sound() {
    assert_sound(&browse(written(&Material::default()).path()));
}

#[test]
fn a_site_of_five_hundred_cases_is_sound() {
    assert_sound(&browse(written(&many(500)).path()));
}

/// Tests the checks themselves with a page that has every fault.
#[test]
fn every_fault_of_a_broken_page_is_found() {
    let site = tempfile::tempdir().expect("a folder");
    let chart = "<figure class=\"chart\" id=\"c\" data-series=\"2\"><svg viewBox=\"0 0 100 50\" width=\"100\">\
                 <polyline stroke=\"var(--s0)\" stroke-width=\"2\" points=\"0,0 9,9\"/>\
                 <text x=\"5\" y=\"20\" font-size=\"6\">one text</text><text x=\"6\" y=\"20\" font-size=\"6\">another</text>\
                 <text x=\"90\" y=\"20\" fill=\"#ff0000\">outside</text></svg></figure>";
    let page = format!(
        "<!doctype html><html lang=en><title>t</title><body style=\"background:rgb(255,255,255)\">\
         <a href=\"nowhere.html\">one</a><a href=\"#nowhere\">two</a><a href=\"javascript:alert(1)\">three</a>\
         <img src=\"http://127.0.0.1:9/x.png\"><p id=\"c\" style=\"width:900px;color:#eee\">pale and wide</p>{chart}\
         <script>console.error('oh'); throw new Error('ah')</script>"
    );
    fs::write(site.path().join("index.html"), page).expect("written");
    let failures = browse(site.path()).failures.join("\n");
    for part in [
        "console: oh",
        "script: ah",
        "requests http://127.0.0.1:9/x.png",
        "nowhere.html, which does not exist",
        "no such anchor",
        "a link to javascript:",
        "scrolls horizontally",
        "is not dark",
        "no title",
        "declares 2 lines and draws 1",
        "fixed colours",
        "duplicate ids: c",
        "overlaps another text",
        "exceeds the chart",
        "color-contrast",
        "image-alt",
        "lower than 11 px",
    ] {
        assert!(failures.contains(part), "not found: {part}\n{failures}");
    }
}
