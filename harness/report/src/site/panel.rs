//! How the cases of a family are set side by side. Cases that live through the same stages can be
//! compared; they share a table. Among them, an id is `family/strategy/param=value,...`, and by
//! habit its last parameter is what the work is done on (a guest, a size, a document): cases that share
//! it do the same work, so they are drawn in one panel, and the rest of the id tells them apart.

use std::collections::BTreeMap;

use super::look::Look;

/// Most lines or points in one chart: as many as there are colours that can be told apart.
pub(super) const MOST_SERIES: usize = super::chart::SERIES.len();
/// Most charts of one kind on a page; what is beyond them stands in the tables.
pub(super) const MOST_CHARTS: usize = 24;

/// Cases that live through the same stages.
#[derive(Debug)]
pub(super) struct Kin<'a> {
    /// What they are about, the first part of their ids: `messages`. Empty where it is not one.
    pub(super) topic: String,
    pub(super) members: Vec<Look<'a>>,
}

/// The cases of a family by the names of their stages, in the order of their first appearance. Cases
/// whose stages no other has are kin to each other where they are about the same.
pub(super) fn kin<'a>(looks: &[Look<'a>]) -> Vec<Kin<'a>> {
    let mut by_stages: Vec<(Vec<&str>, Vec<Look<'a>>)> = Vec::new();
    for look in looks {
        let names = stage_names(look);
        match by_stages.iter_mut().find(|(known, _)| *known == names) {
            Some((_, members)) => members.push(*look),
            None => by_stages.push((names, vec![*look])),
        }
    }
    let mut kin: Vec<Kin<'a>> = Vec::new();
    for (_, members) in by_stages {
        let topic = topic(&members);
        match kin.iter_mut().find(|it| it.topic == topic && members.len() == 1 && it.is_mixed()) {
            Some(others) => others.members.extend(members),
            None => kin.push(Kin { topic, members }),
        }
    }
    kin
}

impl Kin<'_> {
    /// Whether its stages are those of its first member alone.
    fn is_mixed(&self) -> bool {
        self.members.len() == 1 || stage_names(&self.members[0]) != stage_names(&self.members[1])
    }
}

/// The stages of a case without their scales.
fn stage_names<'a>(look: &Look<'a>) -> Vec<&'a str> {
    let mut names: Vec<&str> = look.case.stages.iter().map(|columns| columns.stage.name()).collect();
    names.dedup();
    names
}

fn topic(members: &[Look<'_>]) -> String {
    let of =
        |look: &Look<'_>| look.case.id.as_str().split('/').nth(1).filter(|it| !it.contains('=')).map(str::to_owned);
    let first = members.first().and_then(of).unwrap_or_default();
    if members.iter().all(|look| of(look).unwrap_or_default() == first) { first } else { String::new() }
}

/// Cases that do the same work.
#[derive(Debug)]
pub(super) struct Panel<'a> {
    /// What they share: `guest=tiny`. Empty where all cases of the family are in one panel.
    pub(super) title: String,
    /// Each with what tells it apart: `pooling, cow=on`.
    pub(super) members: Vec<(String, Look<'a>)>,
}

/// The panels of a family: of kin after kin, by title.
pub(super) fn panels<'a>(cases: &[Look<'a>]) -> Vec<Panel<'a>> {
    let kin = kin(cases);
    let titled = |it: &Kin<'a>| {
        let mut panels = of_kin(&it.members);
        if kin.len() > 1 && !it.topic.is_empty() {
            let without = |text: &str| {
                let rest = text.strip_prefix(&it.topic).map_or(text, |rest| rest.trim_start_matches(", "));
                rest.to_owned()
            };
            for panel in &mut panels {
                let title = without(&panel.title);
                let parts = [it.topic.as_str(), &title].into_iter().filter(|part| !part.is_empty());
                panel.title = parts.collect::<Vec<_>>().join(", ");
                for (label, _) in &mut panel.members {
                    // The title has it.
                    let rest = without(label);
                    *label = if rest.is_empty() { std::mem::take(label) } else { rest };
                }
            }
        }
        panels
    };
    kin.iter().flat_map(titled).collect()
}

fn of_kin<'a>(cases: &[Look<'a>]) -> Vec<Panel<'a>> {
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
