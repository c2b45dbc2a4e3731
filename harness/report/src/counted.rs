//! Counts of things, and plurals.

/// `1 case`, `2 cases`, `2,340 cases`.
#[must_use]
pub fn counted(count: usize, word: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {word}{ending}", grouped(count))
}

/// An integer with thousands separators: `2,340`.
pub(crate) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|g| std::str::from_utf8(g).ok()).collect();
    groups.join(",")
}

/// The plural of a word: `sandboxes`, `plugins`.
pub(crate) fn plural(word: &str) -> String {
    // Phrases such as `MiB dirtied` have no plural.
    if word.contains(' ') {
        return word.to_owned();
    }
    let ending = if ["s", "x", "ch", "sh"].iter().any(|end| word.ends_with(end)) { "es" } else { "s" };
    format!("{word}{ending}")
}
