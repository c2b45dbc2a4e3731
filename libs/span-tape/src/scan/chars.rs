//! Classes of characters (YAML 1.2.2, chapter 5).

pub(super) const UNPRINTABLE: &str = "this character is not allowed in YAML; write it as an escape in double quotes";

/// Returns whether a byte is white space, a line break or the end of the input.
#[inline]
pub(super) fn is_blank_or_end(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0)
}

/// Returns whether a byte is a flow indicator.
#[inline]
pub(super) fn is_flow(byte: u8) -> bool {
    matches!(byte, b',' | b'[' | b']' | b'{' | b'}')
}

/// Returns whether YAML does not allow the character at the start of `bytes` outside quotes: control characters, a byte
/// order mark and the two noncharacters of the basic plane.
#[inline]
pub(super) fn is_unprintable(bytes: &[u8]) -> bool {
    match bytes {
        [b'\t' | b'\n' | b'\r', ..] => false,
        [..=0x1f | 0x7f, ..] => true,
        [0xc2, next, ..] => (0x80..=0x9f).contains(next) && *next != 0x85,
        [0xef, 0xbb, 0xbf, ..] | [0xef, 0xbf, 0xbe | 0xbf, ..] => true,
        _ => false,
    }
}

/// What to do at a byte of a plain scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// It belongs to the scalar.
    Text,
    /// `:`, `#`, which may end it.
    Maybe,
    /// A flow indicator, which ends it in a flow collection.
    Flow,
    /// A line break or the end of the input.
    End,
    /// May start a character that is not allowed.
    Suspect,
}

const fn classes() -> [Class; 256] {
    let mut table = [Class::Text; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            0 | b'\n' | b'\r' => Class::End,
            b'\t' => Class::Text,
            b':' | b'#' => Class::Maybe,
            b',' | b'[' | b']' | b'{' | b'}' => Class::Flow,
            ..=0x1f | 0x7f | 0xc2 | 0xef => Class::Suspect,
            _ => Class::Text,
        };
        byte += 1;
    }
    table
}

/// The class of each byte of a plain scalar.
pub(super) static CLASSES: [Class; 256] = classes();

/// Returns whether a byte may occur in a URI or tag (`ns-uri-char`).
pub(super) fn is_uri(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"%-#;/?:@&=+$,_.!~*'()[]".contains(&byte)
}
