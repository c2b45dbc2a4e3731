//! The generator of `repeat`: a sequence of cards with the same keys, and with texts in seven languages.

use std::fmt::Write;

use super::random::Random;

struct Language {
    name: &'static str,
    words: [&'static str; 16],
}

const LANGUAGES: [Language; 7] = [
    Language {
        name: "English",
        words: [
            "whenever", "this", "creature", "attacks", "each", "opponent", "reveals", "a", "card", "from", "their",
            "hand", "until", "end", "of", "turn",
        ],
    },
    Language {
        name: "German",
        words: [
            "immer", "wenn", "diese", "Kreatur", "angreift", "deckt", "jeder", "Gegner", "eine", "Karte", "aus",
            "seiner", "Hand", "auf", "für", "Zügen",
        ],
    },
    Language {
        name: "French",
        words: [
            "à",
            "chaque",
            "fois",
            "que",
            "la",
            "créature",
            "attaque",
            "l’adversaire",
            "révèle",
            "une",
            "carte",
            "de",
            "sa",
            "main",
            "jusqu’au",
            "tour",
        ],
    },
    Language {
        name: "Russian",
        words: [
            "каждый",
            "раз",
            "когда",
            "это",
            "существо",
            "атакует",
            "противник",
            "показывает",
            "карту",
            "из",
            "своей",
            "руки",
            "до",
            "конца",
            "хода",
            "и",
        ],
    },
    Language {
        name: "Japanese",
        words: [
            "この",
            "クリーチャーが",
            "攻撃",
            "するたび",
            "各",
            "対戦相手は",
            "手札から",
            "カードを",
            "一枚",
            "公開",
            "する",
            "ターン",
            "終了時",
            "まで",
            "それは",
            "飛行を持つ",
        ],
    },
    Language {
        name: "Spanish",
        words: [
            "siempre", "que", "esta", "criatura", "ataque", "cada", "oponente", "muestra", "una", "carta", "de", "su",
            "mano", "hasta", "el", "final",
        ],
    },
    Language {
        name: "Greek",
        words: [
            "κάθε",
            "φορά",
            "που",
            "αυτό",
            "το",
            "πλάσμα",
            "επιτίθεται",
            "ο",
            "αντίπαλος",
            "αποκαλύπτει",
            "ένα",
            "φύλλο",
            "από",
            "χέρι",
            "μέχρι",
            "τέλος",
        ],
    },
];

const COLOURS: [&str; 5] = ["White", "Blue", "Black", "Red", "Green"];
const TYPES: [&str; 5] = ["Creature", "Instant", "Sorcery", "Enchantment", "Artifact"];
const FORMATS: [&str; 5] = ["standard", "modern", "legacy", "vintage", "commander"];
const ARTISTS: [&str; 6] = ["Ana Souza", "Ben Ito", "Chloé Martin", "Dmitri Orlov", "Eleni Pappa", "Finn O''Neill"];

/// Writes to a `String`, which cannot fail.
macro_rules! put {
    ($out:expr, $($argument:tt)*) => { let _ = write!($out, $($argument)*); };
}

/// Writes one card.
pub(super) fn card(index: u64, random: &mut Random, out: &mut String) {
    let english = &LANGUAGES[0].words;
    put!(out, "- name: {} {index}\n", random.words(english, 2));
    // Each set has fifty cards: the first one defines the anchor, the others have an alias.
    let set = index / 50;
    if index.is_multiple_of(50) {
        put!(out, "  set: &set{set}\n    code: S{set}\n    released: 2019-{:02}-17\n    border: black\n", set % 12 + 1);
        put!(out, "    legal: {{standard: true, modern: true, vintage: false}}\n");
    } else {
        put!(out, "  set: *set{set}\n");
    }
    put!(out, "  cost: {}\n  colours: [{}, {}]\n", random.below(9), random.pick(&COLOURS), random.pick(&COLOURS));
    put!(out, "  type: {}\n  power: {}\n", random.pick(&TYPES), random.below(12));
    put!(out, "  artist: '{}'\n", random.pick(&ARTISTS));
    put!(out, "  uuid: {:016x}-{:016x}\n", random.next(), random.next());
    put!(out, "  image: https://cards.example.com/large/front/{:02}/{index}.jpg\n", index % 64);
    put!(out, "  prices: {{usd: {}.{:02}, eur: {}.25}}\n", random.below(90), random.below(100), random.below(80));
    put!(out, "  printings: [S1, S{}, S{}, S{set}]\n", random.below(9), 10 + random.below(90));
    put!(out, "  legalities:\n");
    for format in FORMATS {
        put!(out, "    {format}: {}\n", random.pick(&["legal", "banned", "restricted"]));
    }
    put!(out, "  text: >-\n");
    lines(random, english, 2, "    ", out);
    put!(out, "  flavour: \"{}\\n— {}\"\n", random.words(english, 9), random.words(english, 2));
    put!(out, "  rulings: |\n");
    lines(random, english, 2, "    ", out);
    put!(out, "  foreign:\n");
    let first = random.below(6);
    for offset in 0..4 {
        let Language { name, words } = &LANGUAGES[1 + ((first + offset) % 6) as usize];
        put!(out, "    - language: {name}\n      name: {}\n", random.words(words, 3));
        put!(out, "      text: \"{}\"\n", random.words(words, 14));
        put!(out, "      type: {}\n", random.words(words, 1));
    }
}

fn lines(random: &mut Random, words: &[&str], count: u64, indent: &str, out: &mut String) {
    for _ in 0..count {
        put!(out, "{indent}{}\n", random.words(words, 10));
    }
}
