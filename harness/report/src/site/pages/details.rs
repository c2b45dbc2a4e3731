//! The details of a family: the tables of all cases, and charts of every workload.

use askama::Template;
use highwater_judge::CaseView;
use highwater_model::Record;

use super::{
    CaseLink, Frame,
    context::unusual,
    family::{NotRun, lede, not_run},
    family_charts::{self, Section},
    family_tables::{self, Table},
};
use crate::site::{Material, SiteError, names, panel::stage_groups};

#[derive(Debug, Template)]
#[template(path = "site/details.html")]
pub(super) struct Details {
    frame: Frame,
    family: CaseLink,
    lede: String,
    unusual: Vec<String>,
    tables: Vec<Table>,
    not_run: Vec<NotRun>,
    sections: Vec<Section>,
}

impl Details {
    pub(super) fn new(material: &Material, record: &Record) -> Result<Self, SiteError> {
        let path = names::details_page(&record.family);
        let cases = record.cases.iter().filter(|case| case.not_run.is_none());
        let ran: Vec<CaseView<'_>> = cases.map(|case| CaseView::of(record, case)).collect();
        Ok(Self {
            frame: Frame::new(material, format!("{}, details", record.family), &path),
            family: CaseLink {
                label: record.family.clone(),
                href: Some(format!("../{}", names::address(&names::family_page(&record.family)))),
            },
            lede: format!(
                "{}. Growth is relative to the stage {} of the same worker.",
                lede(record),
                record.baseline_stage
            ),
            unusual: unusual(record),
            tables: stage_groups(&ran).iter().map(|group| family_tables::table(material, record, group)).collect(),
            not_run: not_run(record),
            sections: family_charts::sections(record, &ran)?,
        })
    }
}
