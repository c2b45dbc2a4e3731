//! Finds the next byte that a scan has to look at, sixteen bytes at a time.

use wide::u8x16;

use super::chars::{CLASSES, Class};

/// Bytes per block.
const BLOCK: usize = 16;

/// Returns the position of the first byte from `at` on that is a member, or the end. `members` has a byte that is not zero
/// for each member of a block.
#[inline]
fn first(bytes: &[u8], mut at: usize, members: impl Fn(u8x16) -> u8x16, is_member: impl Fn(u8) -> bool) -> usize {
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) {
        let found = members(u8x16::new(*block)).to_bitmask();
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += BLOCK;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| is_member(*byte)).unwrap_or(rest.len())
}

#[inline]
fn is(block: u8x16, byte: u8) -> u8x16 {
    block.simd_eq(u8x16::splat(byte))
}

#[inline]
fn controls(block: u8x16) -> u8x16 {
    block.min(u8x16::splat(0x1f)).simd_eq(block)
}

/// Control characters, and the first bytes of characters that may not be allowed ([`Class::Suspect`]).
#[inline]
fn suspects(block: u8x16) -> u8x16 {
    controls(block) | is(block, 0x7f) | is(block, 0xc2) | is(block, 0xef)
}

/// Returns the position of the first byte from `at` on that may end a plain scalar: a colon, a number sign, a control
/// character such as a tab or line break, or one that may start a character that is not allowed. In brackets, the flow
/// indicators too.
#[inline]
pub(super) fn plain(bytes: &[u8], at: usize, in_flow: bool) -> usize {
    let ends = |block| suspects(block) | is(block, b':') | is(block, b'#');
    let is_end = |byte: u8| CLASSES[byte as usize] != Class::Text || byte == b'\t';
    if in_flow {
        // The opening and closing brackets differ from the braces in one bit.
        let flow = |block: u8x16| {
            let upper = block | u8x16::splat(0x20);
            is(block, b',') | is(upper, b'{') | is(upper, b'}')
        };
        return first(bytes, at, |block| ends(block) | flow(block), is_end);
    }
    first(bytes, at, ends, |byte| is_end(byte) && CLASSES[byte as usize] != Class::Flow)
}

/// Returns the position of the first byte from `at` on that is a control character such as a tab or line break, or may
/// start a character that is not allowed.
#[inline]
pub(super) fn suspect(bytes: &[u8], at: usize) -> usize {
    let is_suspect = |byte: u8| matches!(CLASSES[byte as usize], Class::End | Class::Suspect) || byte == b'\t';
    first(bytes, at, suspects, is_suspect)
}

/// Returns the position of the first byte from `at` on that is a control character, the quote, or in double quotes a
/// backslash.
#[inline]
pub(super) fn quoted(bytes: &[u8], at: usize, quote: u8) -> usize {
    let escape = if quote == b'"' { b'\\' } else { quote };
    let ends = |block| controls(block) | is(block, quote) | is(block, escape);
    first(bytes, at, ends, |byte| byte < 0x20 || byte == quote || byte == escape)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each byte, at each position of a block and after one.
    #[test]
    fn blocks_and_single_bytes_have_the_same_members() {
        let one_by_one = |bytes: &[u8], find: &dyn Fn(&[u8], usize) -> usize| {
            (0..bytes.len()).find(|at| find(&bytes[*at..=*at], 0) == 0).unwrap_or(bytes.len())
        };
        type Find<'a> = &'a dyn Fn(&[u8], usize) -> usize;
        let finds: [Find<'_>; 5] = [
            &|bytes, at| plain(bytes, at, false),
            &|bytes, at| plain(bytes, at, true),
            &suspect,
            &|bytes, at| quoted(bytes, at, b'"'),
            &|bytes, at| quoted(bytes, at, b'\''),
        ];
        for byte in 0..=u8::MAX {
            for at in 0..40 {
                let mut bytes = [b'a'; 40];
                bytes[at] = byte;
                for (number, find) in finds.iter().enumerate() {
                    assert_eq!(find(&bytes, 0), one_by_one(&bytes, find), "{number} {byte:#x} {at}");
                    assert_eq!(find(&bytes, at + 1), 40, "{number} {byte:#x} {at}");
                }
            }
        }
    }
}
