//! The style sheets of the site: one file for each kind of page, which all pages of the kind share.

/// The style of all pages, and what a kind of page needs besides.
macro_rules! style {
    ($($part:literal),*) => {
        concat!(
            include_str!("../../templates/site/style/base.css"),
            $(include_str!(concat!("../../templates/site/style/", $part, ".css"))),*
        )
    };
}

/// The name of each file without `.css`, and its text.
pub(super) const STYLES: [(&str, &str); 7] = [
    ("case", style!("case", "verdicts", "failure", "chart", "flame", "table")),
    ("claims", style!("verdicts", "table", "claims")),
    ("compare", style!("verdicts", "table", "compare")),
    ("details", style!("chart", "series", "verdicts", "table", "family")),
    ("family", style!("chart", "rows", "series", "verdicts", "family")),
    ("front", style!("chart", "rows", "series", "verdicts", "list", "front")),
    ("trend", style!("chart", "series", "table", "compare")),
];
