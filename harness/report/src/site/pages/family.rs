//! The page of a family: tables and charts of its cases.

use askama::Template;
use highwater_judge::CaseView;
use highwater_model::Record;

use super::{
    CaseLink, Frame,
    context::unusual,
    family_charts::{self, Section},
    family_tables::{self, Table},
};
use crate::{
    counted::counted,
    site::panel::stage_groups,
    site::{Material, SiteError, names},
};

#[derive(Debug, Template)]
#[template(path = "site/family.html")]
pub(super) struct Family {
    frame: Frame,
    name: String,
    lede: String,
    unusual: Vec<String>,
    tables: Vec<Table>,
    not_run: Vec<NotRun>,
    sections: Vec<Section>,
}

/// The cases that were not run for the same reason.
#[derive(Debug)]
struct NotRun {
    reason: String,
    cases: Vec<CaseLink>,
}

impl Family {
    pub(super) fn new(material: &Material, record: &Record) -> Result<Self, SiteError> {
        let path = names::family_page(&record.family);
        let cases: Vec<CaseView<'_>> = record.cases.iter().map(|case| CaseView::of(record, case)).collect();
        let (ran, absent): (Vec<CaseView<'_>>, Vec<CaseView<'_>>) =
            cases.into_iter().partition(|data| data.case.not_run.is_none());
        Ok(Self {
            frame: Frame::new(material, record.family.clone(), &path),
            name: record.family.clone(),
            lede: lede(record),
            unusual: unusual(record),
            tables: stage_groups(&ran).iter().map(|group| family_tables::table(material, record, group)).collect(),
            not_run: not_run(&absent),
            sections: family_charts::sections(record, &ran)?,
        })
    }
}

fn lede(record: &Record) -> String {
    let ran = record.cases.iter().filter(|case| case.not_run.is_none()).count();
    let absent = record.cases.len() - ran;
    let absent = if absent == 0 { String::new() } else { format!(", {absent} of them not run") };
    format!(
        "{}{absent}. Growth is relative to the stage {} of the same worker.",
        counted(record.cases.len(), "case"),
        record.baseline_stage
    )
}

fn not_run(absent: &[CaseView<'_>]) -> Vec<NotRun> {
    let mut found: Vec<NotRun> = Vec::new();
    for data in absent {
        let reason = data.case.not_run.clone().unwrap_or_default();
        let href = Some(format!("../{}", names::address(&names::case_page(&data.case.id))));
        let case = CaseLink { label: data.case.id.within_family().to_owned(), href };
        match found.iter_mut().find(|known| known.reason == reason) {
            Some(known) => known.cases.push(case),
            None => found.push(NotRun { reason, cases: vec![case] }),
        }
    }
    found
}
