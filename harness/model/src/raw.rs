//! Characters of text from outside that must never be written as they are.

/// Whether a character acts on what displays it, or is invisible:
/// - control characters, which start escape sequences of terminals, and most of which XML does not allow;
/// - characters that change the direction of text (CVE-2021-42574: U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to
///   U+2069), the separators U+2028 and U+2029, and invisible ones, with which two different texts look alike;
/// - noncharacters, some of which XML does not allow.
///
/// Joiners (U+200C, U+200D) are not among them, because emoji and several scripts need them.
#[must_use]
pub fn is_raw(c: char) -> bool {
    let is_invisible = matches!(c,
        '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    let is_noncharacter = matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe;
    c.is_control() || is_invisible || is_noncharacter
}
