//! The parser's input for texts, modified to copy the names of anchors.
//!
//! The parser stores the name of every anchor and compares each alias with all of them. If the names were borrowed, it
//! would access the released parts of a mapping: on `repeat`, the whole file was resident at the end, compared with 9 %
//! of it.

use granit_parser::{
    BorrowedInput, ErrorKind, Input, StrInput,
    input::{SkipTabs, WhitespaceResult},
};

/// A text whose anchors are not borrowed.
pub(crate) struct TextInput<'a> {
    input: StrInput<'a>,
    text: &'a str,
}

impl<'a> TextInput<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { input: StrInput::new(text), text }
    }
}

/// Forwards methods to `StrInput`, which has fast implementations of all of them.
macro_rules! forward {
    (read { $($read:ident($($r:ident: $rt:ty),*) -> $ro:ty;)* }
     write { $($write:ident($($w:ident: $wt:ty),*) -> $wo:ty;)* }) => {
        $(#[inline] fn $read(&self, $($r: $rt),*) -> $ro { self.input.$read($($r),*) })*
        $(#[inline] fn $write(&mut self, $($w: $wt),*) -> $wo { self.input.$write($($w),*) })*
    };
}

impl Input for TextInput<'_> {
    forward! {
        read {
            buflen() -> usize;
            bufmaxlen() -> usize;
            peek() -> char;
            peek_nth(n: usize) -> char;
            byte_offset() -> Option<usize>;
            slice_bytes(start: usize, end: usize) -> Option<&str>;
            next_2_are(a: char, b: char) -> bool;
            next_3_are(a: char, b: char, c: char) -> bool;
            next_is_document_indicator() -> bool;
            next_is_document_start() -> bool;
            next_is_document_end() -> bool;
            next_is_blank_or_break() -> bool;
            next_is_blank_or_breakz() -> bool;
            next_is_blank() -> bool;
            next_is_break() -> bool;
            next_is_breakz() -> bool;
            next_is_z() -> bool;
            next_is_flow() -> bool;
            next_is_digit() -> bool;
            next_is_alpha() -> bool;
        }
        write {
            lookahead(count: usize) -> ();
            raw_read_ch() -> char;
            raw_read_non_breakz_ch() -> Option<char>;
            skip() -> ();
            skip_n(count: usize) -> ();
            skip_ws_to_eol(tabs: SkipTabs) -> (usize, Result<WhitespaceResult, ErrorKind>);
            skip_ws_to_eol_blanks(tabs: SkipTabs) -> (usize, WhitespaceResult);
            skip_while_non_breakz() -> usize;
            skip_while_blank() -> usize;
            fetch_while_is_alpha(out: &mut String) -> usize;
            fetch_while_is_yaml_non_space(out: &mut String) -> usize;
            fetch_block_scalar_line(out: &mut String) -> usize;
            take_quoted_scalar_ascii_chunk(single: bool) -> &str;
            take_quoted_scalar_chunk(single: bool) -> (&str, usize);
            fetch_plain_scalar_chunk(out: &mut String, count: usize, in_flow: bool) -> (bool, usize);
            skip_plain_scalar_chunk(count: usize, in_flow: bool) -> (bool, usize);
        }
    }
}

impl<'a> BorrowedInput<'a> for TextInput<'a> {
    #[inline]
    fn slice_borrowed(&self, start: usize, end: usize) -> Option<&'a str> {
        let is_anchor = start.checked_sub(1).is_some_and(|before| self.text.as_bytes()[before] == b'&');
        if is_anchor { None } else { self.input.slice_borrowed(start, end) }
    }
}
