//! How the cases of a family are set side by side. An id is `family/strategy/param=value,...`, and by
//! habit its last parameter is what the work is done on (a guest, a size, a document): cases that share
//! it do the same work, so they are drawn in one panel, and the rest of the id tells them apart.

use std::collections::BTreeMap;

use super::look::Look;

/// Most lines or points in one chart: as many as there are colours that can be told apart.
pub(super) const MOST_SERIES: usize = super::chart::SERIES.len();
/// Most charts of one kind on a page; what is beyond them stands in the tables.
pub(super) const MOST_CHARTS: usize = 24;

/// Cases that do the same work.
#[derive(Debug)]
pub(super) struct Panel<'a> {
    /// What they share: `guest=tiny`. Empty where all cases of the family are in one panel.
    pub(super) title: String,
    /// Each with what tells it apart: `pooling, cow=on`.
    pub(super) members: Vec<(String, Look<'a>)>,
}

/// The panels of a family, by title.
pub(super) fn panels<'a>(cases: &[Look<'a>]) -> Vec<Panel<'a>> {
    let by_work = group(cases, |look| split(look.case.id.as_str()));
    if by_work.len() > 1 && by_work.len() == cases.len() {
        // No two do the same work: then the work is what varies, and a strategy is a panel.
        return group(cases, |look| {
            let (work, choice) = split(look.case.id.as_str());
            (choice, work)
        });
    }
    by_work
}

fn group<'a>(cases: &[Look<'a>], key: impl Fn(&Look<'a>) -> (String, String)) -> Vec<Panel<'a>> {
    let mut groups: BTreeMap<String, Vec<(String, Look<'a>)>> = BTreeMap::new();
    for look in cases {
        let (title, label) = key(look);
        groups.entry(title).or_default().push((label, *look));
    }
    let mut panels: Vec<Panel<'a>> = groups.into_iter().map(|(title, members)| Panel { title, members }).collect();
    // `size=9` before `size=10`.
    panels.sort_by(|a, b| (a.title.len(), &a.title).cmp(&(b.title.len(), &b.title)));
    panels
}

/// What the work is done on, and the choice of how.
pub(super) fn split(id: &str) -> (String, String) {
    let mut parts: Vec<&str> = id.split('/').skip(1).collect();
    let parameters = parts.pop_if(|last| last.contains('=')).unwrap_or_default();
    let (rest, work) = parameters.rsplit_once(',').unwrap_or(("", parameters));
    let strategy = parts.join("/");
    let choice = [strategy.as_str(), rest].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    (work.to_owned(), choice.join(", ").replace(',', ", ").replace(",  ", ", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_parameter_is_the_work_and_the_rest_the_choice() {
        for (id, work, choice) in [
            ("f/pooling/cow=on,guest=tiny", "guest=tiny", "pooling, cow=on"),
            ("f/pooling/a=1,b=2,size=1g", "size=1g", "pooling, a=1, b=2"),
            ("f/granit/doc=keys", "doc=keys", "granit"),
            ("f/all/of/it", "", "all/of/it"),
            ("f/x=1", "x=1", ""),
        ] {
            assert_eq!(split(id), (work.to_owned(), choice.to_owned()), "{id}");
        }
    }
}
