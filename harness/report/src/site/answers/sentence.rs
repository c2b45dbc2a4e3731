//! The conclusion of a chart in one sentence: the default, the best and the worst case, and what most of it is. Every
//! figure is a value of the run.

use highwater_model::Unit;

use super::{About, measured::Measured};
use crate::{counted::counted, site::format::amount};

/// Up to this many cases with nothing are named.
const MOST_NAMED: usize = 3;
/// Ratios below this are given in percent.
const TWICE: f64 = 1.995;
/// A part of at least this share is named.
const MOST_OF_IT: f64 = 0.5;

/// A piece of a sentence.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Piece {
    pub(in super::super) text: String,
    /// Whether it is the name of a case.
    pub(in super::super) is_name: bool,
    /// If it is a figure: its value, and the case that it belongs to; empty for one that compares two cases.
    pub(in super::super) figure: Option<(f64, String)>,
}

/// The sentence on the values of some cases, of which there is at least one, and what most of the value is.
pub(super) fn sentence(rows: &[Measured<'_>], about: &About, more_is_better: bool) -> Vec<Piece> {
    let mut sentence = conclusion(rows, about, more_is_better);
    let words = words(about.unit, more_is_better);
    let mut rest = Sentence { about, words, pieces: Vec::new() };
    if let Some(row) =
        rows.iter().find(|row| row.is_default).or_else(|| best_and_worst(rows, more_is_better).map(|(best, _)| best))
    {
        rest.composition(row, rows.len() > 1);
    }
    sentence.append(&mut rest.pieces);
    sentence
}

/// The cases with the best and the worst value.
fn best_and_worst<'a, 'b>(
    rows: &'a [Measured<'b>],
    more_is_better: bool,
) -> Option<(&'a Measured<'b>, &'a Measured<'b>)> {
    let by_value = |a: &&Measured<'_>, b: &&Measured<'_>| a.value.total_cmp(&b.value);
    let (least, most) = (rows.iter().min_by(by_value)?, rows.iter().rev().max_by(by_value)?);
    Some(if more_is_better { (most, least) } else { (least, most) })
}

/// The sentence on the values of some cases, of which there is at least one: the default, the best and the worst.
pub(super) fn conclusion(rows: &[Measured<'_>], about: &About, more_is_better: bool) -> Vec<Piece> {
    let words = words(about.unit, more_is_better);
    let mut sentence = Sentence { about, words, pieces: Vec::new() };
    let shown = |row: &Measured<'_>| amount(about.unit, row.value);
    let Some((best, worst)) = best_and_worst(rows, more_is_better) else { return Vec::new() };
    let default = rows.iter().find(|row| row.is_default);
    if rows.len() == 1 {
        sentence.case(best).text(format!(" {} ", words.has)).value(best);
    } else if shown(best) == shown(worst) {
        sentence.text(format!("All {} {} the same: ", counted(rows.len(), "case"), words.have)).value(best);
    } else {
        if let Some(default) = default.filter(|row| shown(row) != shown(best) && shown(row) != shown(worst)) {
            sentence.case(default).text(format!(" (the default) {} ", words.has)).value(default).text("; ");
        }
        let of_default = |row: &Measured<'_>| if row.is_default { " (the default)" } else { "" };
        let zeros: Vec<&Measured<'_>> = rows.iter().filter(|row| row.value == 0.0).collect();
        if best.value == 0.0 && zeros.len() > 1 {
            sentence.zeros(&zeros, rows.len(), best);
        } else {
            sentence.case(best).text(format!("{} {} ", of_default(best), words.best)).value(best);
        }
        sentence.text("; ").case(worst).text(format!("{} {} ", of_default(worst), words.worst)).value(worst);
        sentence.ratio(best.value.max(worst.value), best.value.min(worst.value), more_is_better);
    }
    sentence.text(".");
    sentence.pieces
}

/// The verbs of a measure.
#[derive(Clone, Copy)]
struct Words {
    has: &'static str,
    have: &'static str,
    best: &'static str,
    worst: &'static str,
    times: &'static str,
}

fn words(unit: Unit, more_is_better: bool) -> Words {
    match (unit, more_is_better) {
        (Unit::Nanoseconds, _) => Words {
            has: "takes",
            have: "take",
            best: "is the fastest with",
            worst: "is the slowest with",
            times: "times as long",
        },
        (_, true) => {
            Words { has: "reaches", have: "reach", best: "reaches the most,", worst: "the least,", times: "times less" }
        }
        (Unit::Bytes, false) => {
            Words { has: "takes", have: "take", best: "takes the least,", worst: "the most,", times: "times as much" }
        }
        (Unit::Count, false) => {
            Words { has: "has", have: "have", best: "has the fewest,", worst: "the most,", times: "times as many" }
        }
    }
}

struct Sentence<'a> {
    about: &'a About,
    words: Words,
    pieces: Vec<Piece>,
}

impl Sentence<'_> {
    fn text(&mut self, text: impl Into<String>) -> &mut Self {
        self.pieces.push(Piece { text: text.into(), ..Piece::default() });
        self
    }

    fn case(&mut self, row: &Measured<'_>) -> &mut Self {
        self.pieces.push(Piece { text: row.label.to_owned(), is_name: true, figure: None });
        self
    }

    fn figure(&mut self, text: String, value: f64, case: String) {
        self.pieces.push(Piece { text, is_name: false, figure: Some((value, case)) });
    }

    /// The value of a case. What it is per is said once.
    fn value(&mut self, row: &Measured<'_>) -> &mut Self {
        let is_first = !self.pieces.iter().any(|piece| piece.figure.is_some());
        let text = amount(self.about.unit, row.value);
        self.figure(text, row.value, row.case.to_string());
        if is_first && !self.about.per.is_empty() {
            self.text(self.about.per.clone());
        }
        self
    }

    /// The cases with nothing at all.
    fn zeros(&mut self, zeros: &[&Measured<'_>], all: usize, one: &Measured<'_>) {
        if zeros.len() <= MOST_NAMED {
            for (index, row) in zeros.iter().enumerate() {
                let before = match index {
                    0 => "",
                    last if last + 1 == zeros.len() => " and ",
                    _ => ", ",
                };
                self.text(before).case(row);
            }
            self.text(format!(" {} ", self.words.have));
        } else {
            self.text(format!("{} of {} {} ", zeros.len(), counted(all, "case"), self.words.have));
        }
        self.value(one);
    }

    fn ratio(&mut self, most: f64, least: f64, more_is_better: bool) {
        if least <= 0.0 {
            return;
        }
        let ratio = most / least;
        let (text, after) = match ratio {
            close if close < TWICE && more_is_better => {
                (format!("{:.0} %", (1.0 - 1.0 / close) * 100.0), " less".to_owned())
            }
            close if close < TWICE => (format!("{:.0} %", (close - 1.0) * 100.0), " more".to_owned()),
            far if far < 9.95 => (format!("{far:.1}"), format!(" {}", self.words.times)),
            far => (amount(Unit::Count, far.round()), format!(" {}", self.words.times)),
        };
        self.text(" (");
        self.figure(text, ratio, String::new());
        self.text(format!("{after})"));
    }

    /// What most of a case's value is.
    fn composition(&mut self, row: &Measured<'_>, is_named: bool) {
        let largest = row.parts.iter().max_by(|a, b| a.value.total_cmp(&b.value));
        let Some(largest) = largest.filter(|_| row.parts.len() > 1) else { return };
        let share = largest.value / row.parts.iter().map(|part| part.value).sum::<f64>();
        if share < MOST_OF_IT {
            return;
        }
        // Not all of it, or there would be one part.
        let percent = (share * 100.0).round().min(99.0);
        if is_named {
            self.text(" Of ").case(row).text(", ");
        } else {
            self.text(" Of that, ");
        }
        self.figure(format!("{percent:.0} %"), share, String::new());
        let is = if self.about.unit == Unit::Bytes { "is in" } else { "is" };
        self.text(format!(" {is} {}.", largest.name));
    }
}
