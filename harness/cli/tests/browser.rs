//! Tests of the report's pages in headless Chromium, driven by browser/check.cjs with playwright-core, with
//! accessibility checks by axe-core.

mod common;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock, PoisonError},
};

use common::{
    programs::{are_there, is_installed},
    site::{families, full, hostile, many},
};
use highwater_judge::Policy;
use highwater_report::site::{Material, write};
use serde::Deserialize;
use tempfile::TempDir;

/// The output of check.cjs.
#[derive(Debug, Deserialize)]
struct Found {
    failures: Vec<String>,
    /// The number of series drawn, by page and chart.
    series: BTreeMap<String, BTreeMap<String, usize>>,
    /// Where the first chart of each page ends in a window of 1400 x 900 pixels, in pixels from the top; 0 without one.
    fold: BTreeMap<String, u32>,
}

/// Chromium and the npm modules.
struct Browser {
    chromium: PathBuf,
    modules: PathBuf,
}

impl Browser {
    fn find() -> Self {
        let from = |name: &str, default: PathBuf| std::env::var_os(name).map_or(default, PathBuf::from);
        Self {
            chromium: from("HIGHWATER_CHROMIUM", "/usr/bin/chromium".into()),
            modules: from("HIGHWATER_BROWSER_MODULES", root().join("../../target/browser/node_modules")),
        }
    }

    fn missing(&self) -> Option<String> {
        let parts = [
            ("Chromium", self.chromium.exists()),
            ("playwright-core", self.modules.join("playwright-core").exists()),
            ("axe-core", self.modules.join("axe-core").exists()),
        ];
        parts.into_iter().find(|(_, there)| !there).map(|(name, _)| name.to_owned())
    }

    /// The browser; `None` if something is missing.
    fn installed() -> Option<&'static Self> {
        static BROWSER: OnceLock<Option<Browser>> = OnceLock::new();
        let find = || {
            let browser = Browser::find();
            (are_there(|| browser.missing()) && is_installed("node")).then_some(browser)
        };
        BROWSER.get_or_init(find).as_ref()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs check.cjs on a site. `None` without a browser.
fn browse(site: &Path) -> Option<Found> {
    let Browser { chromium, modules } = Browser::installed()?;
    // One browser at a time, since each uses two CPUs.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let check = root().join("tests/browser/check.cjs");
    let ran = Command::new("node").arg(check).arg(modules).arg(site).env("HIGHWATER_CHROMIUM", chromium).output();
    let ran = ran.expect("node is installed");
    let stdout = String::from_utf8_lossy(&ran.stdout);
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "check.cjs failed: {stderr}");
    Some(serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}\n{stderr}")))
}

fn written(material: &Material) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(material, folder.path()).expect("written");
    folder
}

fn assert_sound(found: Option<&Found>) {
    let Some(found) = found else { return };
    assert!(found.failures.is_empty(), "{:#?}", found.failures);
}

#[test]
fn every_page_of_a_real_record_is_sound() {
    let site = written(&full());
    let Some(found) = browse(site.path()) else { return };
    assert_sound(Some(&found));
    // Thirteen cases, one of them not run: three guests with four strategies each, two ladders, two routines. In one
    // ladder of one guest nothing grows, so that it has no chart.
    let family = &found.series["details/sandbox-scaling.html"];
    let of = |kind: &str| {
        family.iter().filter(|(id, _)| id.starts_with(kind)).map(|(_, series)| *series).collect::<Vec<_>>()
    };
    assert_eq!(of("scale-"), [4; 5]);
    assert_eq!(of("time-"), [4; 6]);
    assert_eq!(of("made-").len(), 3);
    assert!(!found.series["trend.html"].is_empty());
}

#[test]
fn the_first_chart_of_each_family_is_above_the_fold() {
    let families = families();
    let names = families.each_ref().map(|record| record.family.clone());
    let material = Material::of(families.map(|record| (record, None)).to_vec(), Policy::default());
    let site = written(&material);
    let Some(found) = browse(site.path()) else { return };
    assert_sound(Some(&found));
    for family in names {
        let end = found.fold[&format!("family/{family}.html")];
        assert!((1..=900).contains(&end), "{family}: its first chart ends at {end} px");
    }
}

#[test]
fn hostile_names_are_harmless() {
    assert_sound(browse(written(&hostile()).path()).as_ref());
}

#[test]
fn an_empty_site_is_sound() {
    assert_sound(browse(written(&Material::default()).path()).as_ref());
}

#[test]
fn a_site_of_five_hundred_cases_is_sound() {
    assert_sound(browse(written(&many(500)).path()).as_ref());
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
    let Some(found) = browse(site.path()) else { return };
    let failures = found.failures.join("\n");
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
