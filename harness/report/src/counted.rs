//! Counts of things, and plurals.

/// `1 case`, `2 cases`, `2,340 quantities`.
#[must_use]
pub fn counted(count: usize, word: &str) -> String {
    let word = if count == 1 { word.to_owned() } else { several(word) };
    format!("{} {word}", grouped(count))
}

/// An integer with thousands separators: `2,340`.
pub(crate) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|g| std::str::from_utf8(g).ok()).collect();
    groups.join(",")
}

/// The plural of a unit: `sandboxes`, `plugins`, `entries`.
pub(crate) fn plural(word: &str) -> String {
    // Phrases such as `MiB dirtied` have no plural.
    if word.contains(' ') { word.to_owned() } else { several(word) }
}

fn several(word: &str) -> String {
    if let Some(stem) = word.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u'])) {
        return format!("{stem}ies");
    }
    let ending = if ["s", "x", "ch", "sh"].iter().any(|end| word.ends_with(end)) { "es" } else { "s" };
    format!("{word}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_follow_the_spelling_of_the_word() {
        for (one, many) in [
            ("sandbox", "sandboxes"),
            ("plugin", "plugins"),
            ("entry", "entries"),
            ("array", "arrays"),
            ("batch", "batches"),
            ("MiB dirtied", "MiB dirtied"),
        ] {
            assert_eq!(plural(one), many);
        }
    }
}
