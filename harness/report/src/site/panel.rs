//! Groups the cases of a family for tables and charts. Cases with the same stages share a table. By convention, the
//! last parameter of a case is the workload (a guest, a size, a document). Cases with the same workload are drawn in one
//! panel and labelled with their strategy and their other parameters.

use std::collections::BTreeMap;

use highwater_judge::CaseView;
use highwater_model::CaseId;

/// Maximum number of series in one chart: the number of distinguishable colours.
pub(super) const MOST_SERIES: usize = super::chart::SERIES.len();
/// Maximum number of charts of one kind on a page. The tables contain all cases.
pub(super) const MOST_CHARTS: usize = 24;

/// Cases with the same stages.
#[derive(Debug)]
pub(super) struct StageGroup<'a> {
    /// The first part of their strategies, if they share one: `messages`. Otherwise empty.
    pub(super) topic: String,
    pub(super) members: Vec<CaseView<'a>>,
}

/// Groups the cases of a family by the names of their stages, in order of first appearance. Cases whose
/// stages are unique form one group per topic.
pub(super) fn stage_groups<'a>(cases: &[CaseView<'a>]) -> Vec<StageGroup<'a>> {
    let mut by_stages: Vec<(Vec<&str>, Vec<CaseView<'a>>)> = Vec::new();
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
fn stage_names<'a>(data: &CaseView<'a>) -> Vec<&'a str> {
    let mut names: Vec<&str> = data.case.stages.iter().map(|columns| columns.stage.name()).collect();
    names.dedup();
    names
}

fn topic(members: &[CaseView<'_>]) -> String {
    let of = |data: &CaseView<'_>| data.case.id.strategy().split('/').next().unwrap_or_default().to_owned();
    let first = members.first().map(of).unwrap_or_default();
    if members.iter().all(|data| of(data) == first) { first } else { String::new() }
}

/// Cases with the same workload.
#[derive(Debug)]
pub(super) struct Panel<'a> {
    /// The workload: `guest=tiny`. Empty if all cases of the family are in one panel.
    pub(super) title: String,
    /// The cases, each with a label that is unique in the panel: `pooling, cow=on`.
    pub(super) members: Vec<(String, CaseView<'a>)>,
}

/// The panels of a family, by stage group and then by title.
pub(super) fn panels<'a>(cases: &[CaseView<'a>]) -> Vec<Panel<'a>> {
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

fn by_workload<'a>(cases: &[CaseView<'a>]) -> Vec<Panel<'a>> {
    let panels = group(cases, |data| split(&data.case.id));
    if panels.len() > 1 && panels.len() == cases.len() {
        // Every workload is unique, so only the workload varies: use one panel per strategy.
        return group(cases, |data| {
            let (workload, variant) = split(&data.case.id);
            (variant, workload)
        });
    }
    panels
}

fn group<'a>(cases: &[CaseView<'a>], key: impl Fn(&CaseView<'a>) -> (String, String)) -> Vec<Panel<'a>> {
    let mut groups: BTreeMap<String, Vec<(String, CaseView<'a>)>> = BTreeMap::new();
    for data in cases {
        let (title, label) = key(data);
        groups.entry(title).or_default().push((label, *data));
    }
    let mut panels: Vec<Panel<'a>> = groups.into_iter().map(|(title, members)| Panel { title, members }).collect();
    // Sort `size=9` before `size=10`.
    panels.sort_by(|a, b| (a.title.len(), &a.title).cmp(&(b.title.len(), &b.title)));
    panels
}

/// The workload of a case, and its strategy with the other parameters.
fn split(id: &CaseId) -> (String, String) {
    let text = |(name, value): (&str, &str)| if value.is_empty() { name.to_owned() } else { format!("{name}={value}") };
    let mut parameters: Vec<String> = id.parameters().map(text).collect();
    let workload = parameters.pop().unwrap_or_default();
    let strategy = Some(id.strategy().to_owned()).filter(|strategy| !strategy.is_empty());
    (workload, strategy.into_iter().chain(parameters).collect::<Vec<_>>().join(", "))
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
            let id = id.parse().expect("an id");
            assert_eq!(split(&id), (workload.to_owned(), variant.to_owned()), "{id}");
        }
    }
}
