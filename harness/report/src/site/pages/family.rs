//! The page of a family: its cases in tables, and the charts that set them side by side.

use askama::Template;
use highwater_model::Record;

use super::{
    CaseLink, Frame,
    context::unusual,
    family_charts::{self, Section},
    family_tables::{self, Table},
    short,
};
use crate::{
    site::look::Look,
    site::panel::kin,
    site::words::counted,
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
        let looks: Vec<Look<'_>> = record.cases.iter().map(|case| Look::new(record, case)).collect();
        let (ran, absent): (Vec<Look<'_>>, Vec<Look<'_>>) =
            looks.into_iter().partition(|look| look.case.not_run.is_none());
        Ok(Self {
            frame: Frame::new(material, record.family.clone(), &path),
            name: record.family.clone(),
            lede: lede(record),
            unusual: unusual(record),
            tables: kin(&ran).iter().map(|kin| family_tables::table(material, kin)).collect(),
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
        "{}{absent}. Growth is measured from the stage {}, in the same worker.",
        counted(record.cases.len(), "case"),
        record.reference
    )
}

fn not_run(absent: &[Look<'_>]) -> Vec<NotRun> {
    let mut found: Vec<NotRun> = Vec::new();
    for look in absent {
        let reason = look.case.not_run.clone().unwrap_or_default();
        let href = Some(format!("../{}", names::address(&names::case_page(&look.case.id))));
        let case = CaseLink { label: short(&look.case.id), href };
        match found.iter_mut().find(|known| known.reason == reason) {
            Some(known) => known.cases.push(case),
            None => found.push(NotRun { reason, cases: vec![case] }),
        }
    }
    found
}
