//! The generators of `unique`, `wide` and `deep`, which cover extreme shapes of a file.

use std::fmt::Write;

use super::random::Random;

/// Returns a word of twelve letters and digits. Two of them are equal with a probability of 1 in 10^18.
fn word(random: &mut Random) -> String {
    let mut bits = random.next();
    (0..12)
        .map(|_| {
            let letter = char::from_digit((bits % 32) as u32, 32).unwrap_or('0');
            bits /= 32;
            letter
        })
        .collect()
}

/// Writes a record whose keys and texts are unique.
pub(super) fn unique(random: &mut Random, out: &mut String) {
    // The prefix `k` prevents keys of digits only, which would be numbers.
    let _ = writeln!(out, "- k{}: {}", word(random), word(random));
    let _ = writeln!(out, "  k{}: [{}, {}]", word(random), word(random), word(random));
    let _ = writeln!(out, "  k{}: '{} ''{}'''", word(random), word(random), word(random));
    let _ = writeln!(out, "  k{}: >-", word(random));
    for _ in 0..3 {
        let words: Vec<String> = (0..4).map(|_| word(random)).collect();
        let _ = writeln!(out, "    {}", words.join(" "));
    }
    let words: Vec<String> = (0..5).map(|_| word(random)).collect();
    let _ = writeln!(out, "  k{}:\n    k{}: \"{}\"", word(random), word(random), words.join(" "));
}

/// Writes one pair of a mapping.
pub(super) fn wide(index: u64, random: &mut Random, out: &mut String) {
    let _ = writeln!(out, "key-{index:08}: \"{} {} {}\"", word(random), word(random), word(random));
}

/// Writes sixty nested mappings.
pub(super) fn deep(index: u64, random: &mut Random, out: &mut String) {
    for level in 0..60 {
        let lead = if level == 0 { "- ".to_owned() } else { "  ".repeat(level + 1) };
        let _ = writeln!(out, "{lead}level-{level}:");
    }
    let _ = writeln!(out, "{}leaf-{index}: {}", "  ".repeat(61), word(random));
}
