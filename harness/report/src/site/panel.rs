//! Groups the cases of a family for tables and charts. Cases with the same stages share a table. Case ids
//! have the form `family/strategy/param=value,...`, and by convention the last parameter is the workload (a
//! guest, a size, a document). Cases with the same workload are drawn in one panel and labelled with the rest
//! of the id.

use std::collections::BTreeMap;

use super::case_data::CaseData;

/// Maximum number of series in one chart: the number of distinguishable colours.
pub(super) const MOST_SERIES: usize = super::chart::SERIES.len();
/// Maximum number of charts of one kind on a page. The tables contain all cases.
pub(super) const MOST_CHARTS: usize = 24;

/// Cases with the same stages.
#[derive(Debug)]
pub(super) struct StageGroup<'a> {
    /// The first component of their ids after the family, if they share one: `messages`. Otherwise empty.
    pub(super) topic: String,
    pub(super) members: Vec<CaseData<'a>>,
}

/// Groups the cases of a family by the names of their stages, in order of first appearance. Cases whose
/// stages are unique form one group per topic.
pub(super) fn stage_groups<'a>(cases: &[CaseData<'a>]) -> Vec<StageGroup<'a>> {
    let mut by_stages: Vec<(Vec<&str>, Vec<CaseData<'a>>)> = Vec::new();
    for data in cases {
        let names = stage_names(data);
        match by_stages.iter_mut().find(|(known, _)| *known == names) {
            Some((_, members)) => members.push(*data),
            None => by_stages.push((names, vec![*data])),
        }
    }
    let mut groups: Vec<StageGroup<'a>> = Vec::new();
    for (_, members) in by_stages {
        let topic = topic(&members);
        match groups.iter_mut().find(|it| it.topic == topic && members.len() == 1 && it.is_mixed()) {
            Some(others) => others.members.extend(members),
            None => groups.push(StageGroup { topic, members }),
        }
    }
    groups
}

impl StageGroup<'_> {
    /// Whether it collects cases with unique stages.
    fn is_mixed(&self) -> bool {
        self.members.len() == 1 || stage_names(&self.members[0]) != stage_names(&self.members[1])
    }
}

/// The names of a case's stages, without their scales.
fn stage_names<'a>(data: &CaseData<'a>) -> Vec<&'a str> {
    let mut names: Vec<&str> = data.case.stages.iter().map(|columns| columns.stage.name()).collect();
    names.dedup();
    names
}

fn topic(members: &[CaseData<'_>]) -> String {
    let of =
        |data: &CaseData<'_>| data.case.id.as_str().split('/').nth(1).filter(|it| !it.contains('=')).map(str::to_owned);
    let first = members.first().and_then(of).unwrap_or_default();
    if members.iter().all(|data| of(data).unwrap_or_default() == first) { first } else { String::new() }
}

/// Cases with the same workload.
#[derive(Debug)]
pub(super) struct Panel<'a> {
    /// The workload: `guest=tiny`. Empty if all cases of the family are in one panel.
    pub(super) title: String,
    /// The cases, each with a label that is unique in the panel: `pooling, cow=on`.
    pub(super) members: Vec<(String, CaseData<'a>)>,
}

/// The panels of a family, by stage group and then by title.
pub(super) fn panels<'a>(cases: &[CaseData<'a>]) -> Vec<Panel<'a>> {
    let groups = stage_groups(cases);
    let titled = |it: &StageGroup<'a>| {
        let mut panels = by_workload(&it.members);
        if groups.len() > 1 && !it.topic.is_empty() {
            let without = |text: &str| {
                let rest = text.strip_prefix(&it.topic).map_or(text, |rest| rest.trim_start_matches(", "));
                rest.to_owned()
            };
            for panel in &mut panels {
                let title = without(&panel.title);
                let parts = [it.topic.as_str(), &title].into_iter().filter(|part| !part.is_empty());
                panel.title = parts.collect::<Vec<_>>().join(", ");
                for (label, _) in &mut panel.members {
                    // The title already contains the topic.
                    let rest = without(label);
                    *label = if rest.is_empty() { std::mem::take(label) } else { rest };
                }
            }
        }
        panels
    };
    groups.iter().flat_map(titled).collect()
}

fn by_workload<'a>(cases: &[CaseData<'a>]) -> Vec<Panel<'a>> {
    let panels = group(cases, |data| split(data.case.id.as_str()));
    if panels.len() > 1 && panels.len() == cases.len() {
        // Every workload is unique, so only the workload varies: use one panel per strategy.
        return group(cases, |data| {
            let (workload, variant) = split(data.case.id.as_str());
            (variant, workload)
        });
    }
    panels
}

fn group<'a>(cases: &[CaseData<'a>], key: impl Fn(&CaseData<'a>) -> (String, String)) -> Vec<Panel<'a>> {
    let mut groups: BTreeMap<String, Vec<(String, CaseData<'a>)>> = BTreeMap::new();
    for data in cases {
        let (title, label) = key(data);
        groups.entry(title).or_default().push((label, *data));
    }
    let mut panels: Vec<Panel<'a>> = groups.into_iter().map(|(title, members)| Panel { title, members }).collect();
    // Sort `size=9` before `size=10`.
    panels.sort_by(|a, b| (a.title.len(), &a.title).cmp(&(b.title.len(), &b.title)));
    panels
}

/// Splits an id into the workload and the rest.
pub(super) fn split(id: &str) -> (String, String) {
    let mut parts: Vec<&str> = id.split('/').skip(1).collect();
    let parameters = parts.pop_if(|last| last.contains('=')).unwrap_or_default();
    let (rest, workload) = parameters.rsplit_once(',').unwrap_or(("", parameters));
    let strategy = parts.join("/");
    let variant = [strategy.as_str(), rest].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    (workload.to_owned(), variant.join(", ").replace(',', ", ").replace(",  ", ", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_split_into_workload_and_the_rest() {
        for (id, workload, variant) in [
            ("f/pooling/cow=on,guest=tiny", "guest=tiny", "pooling, cow=on"),
            ("f/pooling/a=1,b=2,size=1g", "size=1g", "pooling, a=1, b=2"),
            ("f/granit/doc=keys", "doc=keys", "granit"),
            ("f/all/of/it", "", "all/of/it"),
            ("f/x=1", "x=1", ""),
        ] {
            assert_eq!(split(id), (workload.to_owned(), variant.to_owned()), "{id}");
        }
    }
}
