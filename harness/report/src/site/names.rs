//! Paths of the pages and the links to them. This is the only place where names from records are made safe
//! for file names and URLs.

use highwater_model::{CaseId, fnv1a};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// File names longer than this are truncated. Most file systems allow 255 bytes.
const LONGEST: usize = 180;

/// The path of a family's page, relative to the root of the site.
pub(super) fn family_page(family: &str) -> String {
    format!("family/{}.html", slug(family))
}

/// The path of the details of a family, relative to the root of the site.
pub(super) fn details_page(family: &str) -> String {
    format!("details/{}.html", slug(family))
}

/// The path of a case's page, relative to the root of the site.
pub(super) fn case_page(id: &CaseId) -> String {
    format!("case/{}.html", slug(id.as_str()))
}

/// Converts a text to a file name or an anchor. Letters, digits and `-_.=,` are kept, `/` becomes `+`, and
/// every other byte becomes `~` and two hexadecimal digits. Different texts have different names.
pub(super) fn slug(text: &str) -> String {
    let mut name = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'=' | b',' => name.push(char::from(byte)),
            b'.' if !name.is_empty() => name.push('.'),
            b'/' => name.push('+'),
            _ => name.push_str(&format!("~{byte:02x}")),
        }
    }
    if name.len() > LONGEST {
        let hash = fnv1a(text.as_bytes());
        name.truncate(LONGEST);
        name.push_str(&format!("~~{hash:016x}"));
    }
    name
}

/// The path of criterion's report of a group, relative to criterion's folder. Characters that are not
/// allowed in file names become `_`, and names are truncated to 64 bytes (criterion 0.8, `report.rs`,
/// `make_filename_safe`).
pub(super) fn criterion_report(group: &CaseId) -> String {
    let name: String = group.as_str().chars().map(|c| if "?\"/\\*<>:|^".contains(c) { '_' } else { c }).collect();
    let name = name.get(..64).unwrap_or(&name);
    format!("{name}/report/index.html")
}

/// Characters that are not percent-encoded, so that names made by [`slug`] pass unchanged.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'=')
    .remove(b',')
    .remove(b'+')
    .remove(b'~');

/// A path as a URL.
pub(super) fn address(path: &str) -> String {
    utf8_percent_encode(path, KEPT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_records_never_leave_their_folder() {
        assert_eq!(family_page("../../etc"), "family/~2e.+..+etc.html");
        assert_eq!(family_page("<script>"), "family/~3cscript~3e.html");
        assert_eq!(family_page(".."), "family/~2e..html");
        assert_eq!(family_page(""), "family/.html");
    }

    #[test]
    fn truncated_names_stay_unique() {
        let (a, b) = (format!("f/{}a", "x".repeat(400)), format!("f/{}b", "x".repeat(400)));
        let pages = [a, b].map(|id| case_page(&id.parse().expect("an id")));
        assert_ne!(pages[0], pages[1]);
        assert!(pages.iter().all(|page| page.len() < 240));
    }

    #[test]
    fn criterion_report_paths_follow_criterions_rule() {
        let id = "f/on-demand/cow=on,guest=tiny".parse().expect("an id");
        assert_eq!(criterion_report(&id), "f_on-demand_cow=on,guest=tiny/report/index.html");
    }
}
