//! The pages, one file each. Each converts the material to the texts of a template. The template escapes markup in every
//! text, and [`page`] what is left.

mod case;
mod case_over_time;
mod case_stacks;
mod case_tables;
mod claims;
mod compare;
mod context;
mod details;
mod family;
mod family_charts;
mod family_tables;
mod findings;
mod front;
mod trend;
mod verdict_row;

use std::path::Path;

use askama::Template;
use highwater_judge::Kind;
use highwater_model::{Decision, Record};

use super::{Material, Page, SiteError, names};
use crate::escape;

pub use compare::comparison_page;

/// The frame around the content of every page.
#[derive(Debug)]
struct Frame {
    title: String,
    /// The relative path from the page to the root of the site: empty or `../`.
    root: &'static str,
    /// Navigation links; empty on a stand-alone page.
    links: Vec<NavLink>,
    /// The footer: when the run was measured.
    foot: String,
}

#[derive(Debug)]
struct NavLink {
    label: String,
    href: String,
    is_current: bool,
}

impl Frame {
    /// The frame of the page at `path`.
    fn new(material: &Material, title: impl Into<String>, path: &str) -> Self {
        let fixed = |label: &str, href: &str| (label.to_owned(), href.to_owned());
        let families =
            material.records.iter().map(|record| (record.family.clone(), names::family_page(&record.family)));
        let links = std::iter::once(fixed("Overview", "index.html")).chain(families).chain([
            fixed("Claims", "claims.html"),
            fixed("Compare", "compare.html"),
            fixed("Trend", "trend.html"),
        ]);
        let links = links.map(|(label, href)| NavLink { label, is_current: href == path, href });
        Self { title: title.into(), root: root(path), links: links.collect(), foot: foot(&material.records) }
    }

    /// The frame of a stand-alone page.
    fn alone(title: &str) -> Self {
        Self { title: title.to_owned(), root: "", links: Vec::new(), foot: String::new() }
    }
}

fn root(path: &str) -> &'static str {
    if path.contains('/') { "../" } else { "" }
}

fn foot(records: &[Record]) -> String {
    let mut taken: Vec<&str> =
        records.iter().filter_map(|record| record.fingerprint.context.get("started")).map(String::as_str).collect();
    taken.sort_unstable();
    taken.dedup();
    match (taken.first(), taken.last()) {
        (Some(first), Some(last)) if first != last => format!("Measured from {first} to {last}"),
        (Some(first), _) => format!("Measured {first}"),
        _ => String::new(),
    }
}

/// How a verdict is displayed: a CSS class, and a sign that does not rely on colour.
#[derive(Clone, Copy, Debug)]
struct Tone {
    class: &'static str,
    sign: &'static str,
}

const GOOD: Tone = Tone { class: "good", sign: "✓" };
const WARN: Tone = Tone { class: "warn", sign: "!" };
const BAD: Tone = Tone { class: "bad", sign: "✕" };

fn tone(kind: Kind) -> Tone {
    match kind {
        Kind::Same => GOOD,
        Kind::Improved => Tone { class: "good", sign: "▼" },
        Kind::Moved => Tone { class: "good", sign: "⇄" },
        Kind::Regressed => Tone { class: "bad", sign: "▲" },
        Kind::OverBudget | Kind::Failed => BAD,
        Kind::New | Kind::Missing | Kind::NotRun | Kind::NotComparable | Kind::Unconfirmed => WARN,
    }
}

fn decision_tone(decision: Decision) -> Tone {
    match decision {
        Decision::Confirmed => GOOD,
        Decision::Refuted => BAD,
        Decision::Undecided => WARN,
    }
}

/// A link to the page of a case, labelled with its id without the family.
#[derive(Clone, Debug)]
struct CaseLink {
    label: String,
    /// `None` if the run does not contain the case.
    href: Option<String>,
}

/// Renders all pages of the site, the front page first.
pub(super) fn all(material: &Material, out: Option<&Path>) -> Result<Vec<Page>, SiteError> {
    let mut pages = vec![
        page("index.html", &front::Front::new(material)?)?,
        page("claims.html", &claims::Claims::new(material))?,
        page("compare.html", &compare::Compare::new(material))?,
        page("trend.html", &trend::Trend::new(material)?)?,
    ];
    for record in &material.records {
        pages.push(page(&names::family_page(&record.family), &family::Family::new(material, record)?)?);
        pages.push(page(&names::details_page(&record.family), &details::Details::new(material, record)?)?);
        for case in &record.cases {
            pages.push(page(&names::case_page(&case.id), &case::Case::new(material, record, case, out)?)?);
        }
    }
    Ok(pages)
}

fn page(path: &str, template: &impl Template) -> Result<Page, SiteError> {
    Ok(Page { path: path.to_owned(), html: escape::page(&template.render()?) })
}
