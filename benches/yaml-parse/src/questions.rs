//! What the report answers about this family: the memory and the time of a parsed document.

use highwater_model::{Measure, Question};

/// The questions, the most important one first.
#[must_use]
pub fn all() -> Vec<Question> {
    vec![
        Question::new("How much memory does a document take, by parser?", Measure::growth("rss", "walked"))
            .case("tape-lazy/input=map-window", "tape, sliding window")
            .case("tape-lazy/input=map", "tape, mapped")
            .case("tree-borrowed/input=map", "borrowed tree")
            .case("tree-owned/input=map", "owned tree")
            .case("peer/parser=rlsp", "rlsp")
            .case("peer/parser=libyaml-safer", "libyaml-safer")
            .case("peer/parser=saphyr", "saphyr")
            .case("peer/parser=serde-yaml", "serde-yaml")
            .case("peer/parser=serde-norway", "serde-norway")
            .case("peer/parser=serde-saphyr", "serde-saphyr")
            .case("peer/parser=noyalib", "noyalib")
            .case("peer/parser=yaml-rust2", "yaml-rust2"),
        Question::new("How long does it take to parse it?", Measure::time("parse-drop"))
            .case("tape-lazy/input=map-window", "tape, sliding window")
            .case("tape-lazy/input=map", "tape, mapped")
            .case("tree-borrowed/input=map", "borrowed tree")
            .case("tree-owned/input=map", "owned tree")
            .case("peer/parser=rlsp", "rlsp")
            .case("peer/parser=libyaml-safer", "libyaml-safer")
            .case("peer/parser=saphyr", "saphyr")
            .case("peer/parser=serde-yaml", "serde-yaml")
            .case("peer/parser=serde-norway", "serde-norway")
            .case("peer/parser=serde-saphyr", "serde-saphyr")
            .case("peer/parser=noyalib", "noyalib")
            .case("peer/parser=yaml-rust2", "yaml-rust2"),
        Question::new("How much private memory does each representation take?", Measure::growth("anon", "walked"))
            .case("tape-lazy/input=map", "lazy tape")
            .case("tape-lazy-wide/input=map", "lazy tape, wide nodes")
            .case("tape-eager/input=map", "eager tape")
            .case("tree-borrowed/input=map", "borrowed tree")
            .case("tree-bump/input=map", "tree in a bump arena")
            .case("tree-owned/input=map", "owned tree")
            .case("typed-borrowed/input=map", "borrowed structs")
            .case("typed-owned/input=map", "owned structs"),
        Question::new("How should the input be loaded?", Measure::growth("rss", "walked"))
            .case("tape-lazy/input=read-window", "read through a window")
            .case("tape-lazy/input=map-window", "mapped, sliding window")
            .case("tape-lazy/input=map", "mapped")
            .case("tape-lazy/input=string", "read into a string"),
        Question::new("What does it save to keep a tape in a file?", Measure::growth("rss", "walked"))
            .case("tape-kept/input=map", "kept, mapped")
            .case("tape-kept/input=read-window", "kept, read into memory")
            .case("tape-lazy/input=map", "parsed, mapped")
            .case("tape-lazy/input=read-window", "parsed through a window"),
        Question::new("What does it save to keep each text once?", Measure::growth("anon", "walked"))
            .case("tree-rc/dedup=on,file=repeat", "repeated texts, once each")
            .case("tree-rc/dedup=off,file=repeat", "repeated texts, every copy")
            .case("tree-rc/dedup=on,file=unique", "unique texts, once each")
            .case("tree-rc/dedup=off,file=unique", "unique texts, every copy"),
        Question::new("How should the memory of the nodes grow?", Measure::growth("peak_anon", "parsed"))
            .case("tree-arena/arena=exact", "allocated once")
            .case("tree-arena/arena=chunks", "in chunks")
            .case("tree-arena/arena=mremap-trim", "mremap, trimmed")
            .case("tree-arena/arena=mremap", "mremap")
            .case("tree-arena/arena=mremap-huge", "mremap, huge pages")
            .case("tree-arena/arena=malloc", "malloc for each node"),
    ]
}

#[cfg(test)]
mod tests {
    use highwater_model::{CaseId, unknown_cases};

    #[test]
    fn questions_name_cases_of_the_family() {
        let ids: Vec<CaseId> = crate::family().cases.iter().map(|case| case.id()).collect();
        assert_eq!(unknown_cases(&super::all(), &ids), Vec::<String>::new());
    }
}
