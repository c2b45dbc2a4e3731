//! Answers to the questions of a family: a heading, one sentence with figures of the run, and one chart. The terminal
//! shows the same sentences.
//!
//! ```text
//!  defaults   the questions of a family that declares none
//!  measured   the values of a question's cases
//!  sentence   the conclusion, from these values
//! ```

mod defaults;
mod measured;
mod sentence;

use std::{borrow::Cow, collections::BTreeSet};

use askama::Template;
use highwater_model::{Measure, Quantity, Question, Record, Unit};
use highwater_stats::median;

pub(super) use sentence::Piece;

use self::measured::{Measured, describe, measured};
use super::{
    SiteError,
    chart::{self, Chart, Line, LinesPlan, Point, Row, RowChart, RowMark, RowsPlan, Steps},
    format::{amount, range},
    ladder::rungs,
    names,
    panel::MOST_SERIES,
};
use crate::counted::counted;

/// An answered question.
#[derive(Debug)]
pub(super) struct Answer {
    /// Unique on its page.
    pub(super) anchor: String,
    pub(super) title: String,
    pub(super) sentence: Vec<Piece>,
    /// The chart as HTML; empty if the sentence says it all.
    pub(super) drawing: String,
    /// What the chart leaves out.
    pub(super) note: String,
}

/// All questions of a family that its run answers. `root` is the relative path from the page to the root of the site.
pub(super) fn answers(record: &Record, root: &str, prefix: &str) -> Result<Vec<Answer>, SiteError> {
    let mut answers = Vec::new();
    for (index, question) in questions(record).iter().enumerate() {
        let rows = measured(record, question);
        if !rows.is_empty() {
            answers.push(answer(record, question, &rows, root, format!("{prefix}{index}"))?);
        }
    }
    Ok(answers)
}

/// The questions of a family, or the default ones if the run answers none of them.
fn questions(record: &Record) -> Cow<'_, [Question]> {
    match record.questions.iter().any(|question| !measured(record, question).is_empty()) {
        true => Cow::Borrowed(&record.questions),
        false => Cow::Owned(defaults::questions(record)),
    }
}

/// The cases that the questions compare, without the family.
pub(crate) fn compared_cases(record: &Record) -> BTreeSet<String> {
    questions(record).iter().flat_map(|question| &question.cases).map(|compared| compared.case.clone()).collect()
}

/// An answered question as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SpokenAnswer {
    pub(crate) title: String,
    pub(crate) sentence: String,
}

/// All questions of a family that its run answers, as text: the default, the best and the worst case, and, on request,
/// what most of the value is.
pub(crate) fn spoken_answers(record: &Record, with_composition: bool) -> Vec<SpokenAnswer> {
    let spoken = |question: &Question| {
        let rows = measured(record, question);
        let about = describe(record, &question.measure);
        let pieces = match with_composition {
            true => sentence::sentence(&rows, &about, question.more_is_better),
            false => sentence::conclusion(&rows, &about, question.more_is_better),
        };
        let sentence: String = pieces.into_iter().map(|piece| piece.text).collect();
        (!sentence.is_empty()).then(|| SpokenAnswer { title: question.title.clone(), sentence })
    };
    questions(record).iter().filter(|question| !measured(record, question).is_empty()).filter_map(spoken).collect()
}

/// The first of them.
pub(super) fn first_answer(record: &Record, root: &str, prefix: &str) -> Result<Option<Answer>, SiteError> {
    Ok(answers(record, root, prefix)?.into_iter().next())
}

fn answer(
    record: &Record,
    question: &Question,
    rows: &[Measured<'_>],
    root: &str,
    anchor: String,
) -> Result<Answer, SiteError> {
    let about = describe(record, &question.measure);
    let id = format!("{anchor}-chart");
    let drawing = match &question.measure {
        Measure::Scale { quantity, ladder } => {
            lines(rows, (*quantity, ladder), &about, id)?.map(|chart| chart.render()).transpose()?
        }
        _ => row_chart(rows, root, &about, id).map(|chart| chart.render()).transpose()?,
    };
    let left_out = question.cases.len() - rows.len();
    let note = match left_out {
        0 => String::new(),
        _ => format!("This run has no value of {} of this question.", counted(left_out, "case")),
    };
    Ok(Answer {
        anchor,
        title: question.title.clone(),
        sentence: sentence::sentence(rows, &about, question.more_is_better),
        drawing: drawing.unwrap_or_default(),
        note,
    })
}

/// What a chart shows, for its caption and its sentence.
#[derive(Debug)]
struct About {
    title: String,
    subtitle: String,
    unit: Unit,
    /// What follows the first value in the sentence: ` per sandbox`.
    per: String,
    /// Whether a value is drawn as a bar of its parts.
    is_stacked: bool,
}

/// The chart of values. `None` if there is one value, or if all are the same and have no parts.
fn row_chart(rows: &[Measured<'_>], root: &str, about: &About, id: String) -> Option<RowChart> {
    let shown = |row: &Measured<'_>| amount(about.unit, row.value);
    let is_constant = rows.windows(2).all(|pair| shown(&pair[0]) == shown(&pair[1]));
    let has_parts = rows.iter().any(|row| !row.parts.is_empty());
    if is_constant && !has_parts {
        return None;
    }
    let row = |row: &Measured<'_>| Row {
        label: row.label.to_owned(),
        href: Some(format!("{root}{}", names::address(&names::case_page(row.case)))),
        is_default: row.is_default,
        value: row.value,
        mark: match about.is_stacked {
            true => RowMark::Bar(row.parts.clone()),
            false => RowMark::Dot { low: row.low, high: row.high },
        },
    };
    let mut drawn: Vec<Row> = rows.iter().map(row).collect();
    if is_constant && rows.len() > 1 {
        // One bar for all of them.
        drawn.truncate(1);
        let label = format!("all {}", counted(rows.len(), "case"));
        drawn[0] = Row { label, href: None, is_default: false, ..drawn[0].clone() };
    }
    let described: Vec<String> = rows.iter().map(|row| format!("{} {}", row.label, shown(row))).collect();
    Some(chart::rows(RowsPlan {
        id,
        title: about.title.clone(),
        subtitle: about.subtitle.clone(),
        description: described.join(", "),
        unit: about.unit,
        rows: drawn,
    }))
}

/// Growth along a ladder, one line per case. `None` if no line rises.
fn lines(
    rows: &[Measured<'_>],
    (quantity, ladder): (Quantity, &str),
    about: &About,
    id: String,
) -> Result<Option<Chart>, SiteError> {
    let line = |(series, row): (usize, &Measured<'_>)| {
        let points = rungs(row.view, quantity, ladder).into_iter().filter_map(|rung| {
            let (low, high) = range(&rung.values);
            Some(Point { x: f64::from(rung.scale.0), y: median(&rung.values)?, low, high })
        });
        let value = format!("{}{}", amount(about.unit, row.value), about.per);
        Line { label: row.label.to_owned(), value, series, points: points.collect() }
    };
    let lines: Vec<Line> = rows.iter().take(MOST_SERIES).enumerate().map(line).collect();
    if lines.iter().all(Line::is_flat) {
        return Ok(None);
    }
    Ok(Some(chart::lines(LinesPlan {
        id,
        title: about.title.clone(),
        subtitle: String::new(),
        x_name: ladder.to_owned(),
        y_name: "growth".to_owned(),
        unit: about.unit,
        steps: Steps::Rungs,
        lines,
    })?))
}
