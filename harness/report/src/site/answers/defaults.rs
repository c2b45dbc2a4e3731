//! The questions of a family that declares none: the marginal cost per unit, or the growth of a family without ladders,
//! and the times that were measured.

use highwater_judge::CaseView;
use highwater_model::{CaseId, CaseRecord, ComparedCase, Measure, Metric, Question, Record};

use super::measured::measured;
use crate::run_table::routines;

/// At most this many cases are compared: those with the largest values.
const MOST_CASES: usize = 12;
/// At most this many routines have a question each.
const MOST_ROUTINES: usize = 4;

/// The questions, which compare the cases that cost the most.
pub(super) fn questions(record: &Record) -> Vec<Question> {
    let ran: Vec<&CaseRecord> = record.cases.iter().filter(|case| case.samples > 0).collect();
    let climbs = |case: &&CaseRecord| !CaseView::of(record, case).ladders().is_empty();
    let mut questions = vec![match ran.iter().any(climbs) {
        true => Question::new(format!("What does one {} cost?", record.unit), Measure::cost(&[])),
        false => {
            let measure = Measure::Growth { quantity: Metric::Anon.into(), stage: None };
            Question::new("How much memory does each case add?", measure)
        }
    }];
    let time = |routine: &&String| Question::new(format!("How long does {routine} take?"), Measure::time(routine));
    questions.extend(routines(ran.iter().copied()).iter().take(MOST_ROUTINES).map(time));
    questions.into_iter().map(|question| of_largest(record, &ran, question)).collect()
}

/// The question with the cases of the largest values, ascending.
fn of_largest(record: &Record, cases: &[&CaseRecord], question: Question) -> Question {
    let named = |case: &&CaseRecord| ComparedCase {
        case: case.id.within_family().to_owned(),
        label: String::new(),
        is_default: false,
    };
    let all = Question { cases: cases.iter().map(named).collect(), ..question.clone() };
    let mut rows = measured(record, &all);
    rows.sort_by(|a, b| b.value.total_cmp(&a.value));
    rows.truncate(MOST_CASES);
    rows.reverse();
    let ids: Vec<&CaseId> = rows.iter().map(|row| row.case).collect();
    let compared = ids.iter().zip(labels(&ids)).map(|(id, label)| ComparedCase {
        case: id.within_family().to_owned(),
        label,
        is_default: false,
    });
    Question { cases: compared.collect(), ..question }
}

/// Names that tell the cases apart: strategy and parameters without those that all of them share.
fn labels(ids: &[&CaseId]) -> Vec<String> {
    let parts = |id: &CaseId| -> Vec<String> {
        let text = |(name, value): (&str, &str)| match value {
            "" => name.to_owned(),
            _ => format!("{name}={value}"),
        };
        let strategy = Some(id.strategy().to_owned()).filter(|strategy| !strategy.is_empty());
        strategy.into_iter().chain(id.parameters().map(text)).collect()
    };
    let all: Vec<Vec<String>> = ids.iter().map(|id| parts(id)).collect();
    let is_shared = |part: &String| ids.len() > 1 && all.iter().all(|parts| parts.contains(part));
    let label = |(id, parts): (&&CaseId, &Vec<String>)| {
        let own: Vec<&str> = parts.iter().filter(|part| !is_shared(part)).map(String::as_str).collect();
        if own.is_empty() { id.within_family().to_owned() } else { own.join(", ") }
    };
    ids.iter().zip(&all).map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_leave_out_what_all_cases_share() {
        let ids = ["f/pooling/cow=on,guest=tiny", "f/on-demand/cow=on,guest=tiny", "f/pooling/cow=off,guest=tiny"]
            .map(|id| id.parse::<CaseId>().expect("an id"));
        assert_eq!(
            labels(&ids.iter().collect::<Vec<_>>()),
            ["pooling, cow=on", "on-demand, cow=on", "pooling, cow=off"]
        );
        assert_eq!(labels(&[&ids[0]]), ["pooling, cow=on, guest=tiny"]);
        assert_eq!(labels(&[]), Vec::<String>::new());
    }
}
