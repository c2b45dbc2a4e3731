//! Whole documents: JSON and pages.

use std::fmt::Write;

use highwater_model::is_raw;

use super::text::{push, with_escaped_hashes};

/// A JSON document with the same content, in which raw characters and commands of CI systems are written as `\u202e`.
/// Outside of strings JSON has no such characters other than line ends.
#[must_use]
pub fn json(document: &str) -> String {
    let mut escaped = String::with_capacity(document.len());
    for c in document.chars() {
        if c != '\n' && is_raw(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a `String` cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    with_escaped_hashes(&escaped, "\\u0023")
}

/// A rendered page without raw characters. The templates escape markup in every text, and plotters in charts.
pub(crate) fn page(rendered: &str) -> String {
    rendered.chars().fold(String::with_capacity(rendered.len()), |mut escaped, c| {
        if matches!(c, '\n' | '\t') {
            escaped.push(c)
        } else {
            push(&mut escaped, c)
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_its_lines() {
        assert_eq!(page("<p>\n\ta\u{1b}\u{2028}\r"), "<p>\n\ta\\x1b\\u2028\\x0d");
    }

    proptest::proptest! {
        #[test]
        fn json_keeps_its_content(text in "[#\\[a\"\\\\\u{0}-\u{20}\u{7f}-\u{9f}\u{2028}-\u{202e}\u{e0000}-\u{e0010}]{0,20}") {
            let escaped = json(&serde_json::json!([text]).to_string());
            proptest::prop_assert!(!escaped.chars().any(is_raw) && !escaped.contains("##["), "{}", escaped);
            let read: Vec<String> = serde_json::from_str(&escaped).expect("JSON");
            proptest::prop_assert_eq!(read, vec![text]);
        }
    }
}
