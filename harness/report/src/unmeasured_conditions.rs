//! Conditions under which no worker of a case ran. Workers run on one CPU and without transparent huge pages unless their
//! case asks otherwise, so a cost per CPU and the effect of huge pages are invisible in the others.

use highwater_model::{CaseRecord, Record};

/// The note in which a worker's conditions are recorded if they differ from the default, and what it contains for each.
const NOTE: &str = "conditions";
const CONDITIONS: [(&str, &str); 2] =
    [("CPUs", "more than one CPU"), ("transparent huge pages", "transparent huge pages as the system has them")];
/// Up to this many cases are named.
const MAX_NAMES: usize = 5;

/// One line for each condition under which a case was not measured: `never measured with more than one CPU: all 3 cases`.
#[must_use]
pub(super) fn unmeasured_conditions(record: &Record) -> Vec<String> {
    let measured: Vec<&CaseRecord> = record.cases.iter().filter(|case| case.samples > 0).collect();
    let line = |(mark, words): &(&str, &str)| {
        let has = |case: &&&CaseRecord| {
            case.notes.get(NOTE).is_some_and(|notes| notes.iter().any(|note| note.contains(mark)))
        };
        let without = measured.len() - measured.iter().filter(has).count();
        let with: Vec<&str> = measured.iter().filter(has).map(|case| case.id.within_family()).collect();
        let named = match with.len() {
            0 if without == 1 => "the only case".to_owned(),
            0 => format!("all {without} cases"),
            few if few <= MAX_NAMES => format!("{without} of {} cases, all but {}", measured.len(), with.join(" and ")),
            _ => format!("{without} of {} cases", measured.len()),
        };
        (without > 0).then(|| format!("never measured with {words}: {named}"))
    };
    CONDITIONS.iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use highwater_model::{Fingerprint, SCHEMA_VERSION};

    use super::*;

    /// A record with one case for each list of notes.
    fn lines(notes: &[&str]) -> Vec<String> {
        let case = |(index, note): (usize, &&str)| {
            let id = format!("toy/case/number={index}").parse().expect("an id");
            let notes = [(NOTE.to_owned(), vec![(*note).to_owned()])].into();
            CaseRecord { samples: 1, notes, ..CaseRecord::from_samples(id, &[]) }
        };
        let class = "linux-x86_64-4k-thp_madvise-glibc-aslr_off".parse().expect("a class");
        unmeasured_conditions(&Record {
            schema: SCHEMA_VERSION,
            family: "toy".into(),
            fingerprint: Fingerprint { class, controls: BTreeMap::new(), context: BTreeMap::new() },
            selection: Default::default(),
            unit: "buffer".into(),
            baseline_stage: "loaded".parse().expect("a stage"),
            cases: notes.iter().enumerate().map(case).collect(),
            claims: Vec::new(),
            questions: Vec::new(),
        })
    }

    #[test]
    fn what_was_never_measured_is_named() {
        let thp = "transparent huge pages as the system has them";
        assert_eq!(
            lines(&["", "2 CPUs", ""]),
            [
                "never measured with more than one CPU: 2 of 3 cases, all but case/number=1".to_owned(),
                format!("never measured with {thp}: all 3 cases"),
            ]
        );
        assert!(lines(&[&format!("2 CPUs, {thp}")]).is_empty());
        assert!(lines(&[]).is_empty());
    }
}
