//! Mutations of YAML texts, and the texts of the yaml-test-suite to begin with.

use serde::Deserialize;

/// The alphabet of mutations.
pub(crate) const PIECES: [&str; 40] = [
    " ", "  ", "\t", "\n", "\r\n", "- ", "? ", ": ", ":", "-", "#", " #", ",", "[", "]", "{", "}", "&a ", "*a",
    "!!str ", "!", "|", ">", "'", "\"", "\\", "---\n", "...\n", "a", "b: ", "\n  ", "|+\n ", ">-\n  ", "|2\n", "é",
    "\u{feff}", "%", "\n\n", "\n \n", "\n\t",
];

/// The inputs of the yaml-test-suite.
pub(crate) fn suite() -> Vec<String> {
    #[derive(Deserialize)]
    struct Case {
        yaml: String,
    }
    let cases: Vec<Case> = serde_json::from_str(include_str!("../suite/cases.json")).expect("well formed");
    cases.into_iter().map(|case| case.yaml).collect()
}

/// A generator of pseudo-random numbers, by its state.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `bound`, from the generator splitmix64.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

/// Changes a text at one to three places: removes a character, copies up to six, or inserts a piece.
pub(crate) fn mutated(text: &str, random: &mut Random) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(3) {
        let at = random.below(characters.len() + 1);
        match random.below(3) {
            0 if at < characters.len() => {
                characters.remove(at);
            }
            1 if at < characters.len() => {
                let end = (at + 1 + random.below(6)).min(characters.len());
                let copy: Vec<char> = characters[at..end].to_vec();
                let to = random.below(characters.len() + 1);
                characters.splice(to..to, copy);
            }
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                characters.splice(at..at, piece.chars());
            }
        }
    }
    characters.into_iter().collect()
}
