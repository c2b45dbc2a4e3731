//! The scanner and granit-parser, an independent implementation, give the same events for mutated cases of the
//! yaml-test-suite that both accept.

mod common;
mod oracle;

use common::mutation::{Random, mutated, suite};
use span_tape::{Options, Tape, Word};

/// The number of mutated inputs.
const INPUTS: u64 = 100_000;

/// What granit-parser accepts and the specification does not, by our message: tabs as indentation and columns, mappings
/// and sequences on the line of a key, byte order marks in content, and directives without white space.
const ONLY_THERE: [&str; 9] = [
    "tab indents",
    "may not start on this line",
    "is not allowed in YAML",
    "expected a handle",
    "use quotes",
    "indented by more",
    "white space after a property",
    "expected `---` after directives",
    "has more spaces",
];

/// What the specification accepts and granit-parser does not, by its message: byte order marks after a document, lines
/// of tabs after a block scalar, and reserved directives of any characters. We also accept any prefix of tags.
const ONLY_HERE: [&str; 5] = ["BOM", "tag", "directive", "start with a tab", "wrongly indented line in block scalar"];

fn tape_events(yaml: &str) -> Result<Vec<String>, String> {
    let tape = Tape::<_, Word>::parse(yaml, &Options::default()).map_err(|error| error.to_string())?;
    common::events(&tape).map(oracle::numbered).map_err(|error| error.to_string())
}

#[test]
fn mutated_cases_have_the_events_of_another_parser() {
    let cases = suite();
    let mut random = Random(1);
    let mut differing = Vec::new();
    let (mut both, mut accepted, mut refused) = (0, Vec::new(), Vec::new());
    for _ in 0..INPUTS {
        let yaml = mutated(&cases[random.below(cases.len())], &mut random);
        match (tape_events(&yaml), oracle::granit(&yaml)) {
            (Ok(own), Ok(other)) if own == other => both += 1,
            (Ok(own), Ok(other)) => differing.push(format!("{yaml:?}\n own {own:?}\n oth {other:?}")),
            (Ok(_), Err(message)) => accepted.push(format!("{yaml:?} {message}")),
            (Err(message), Ok(_)) => refused.push(format!("{yaml:?} {message}")),
            _ => {}
        }
    }
    // A byte order mark at the start of a line ends a document; there, it is content, or the fault is another.
    for found in [&mut differing, &mut accepted, &mut refused] {
        found.retain(|found| !found.contains("\\n\\u{feff}"));
    }
    if let Ok(path) = std::env::var("SPAN_TAPE_DIFFERENCES") {
        let sections = [("differing", &differing), ("accepted", &accepted), ("refused", &refused)];
        let lines = sections.iter().flat_map(|(name, found)| found.iter().map(move |it| format!("{name} {it}\n")));
        std::fs::write(path, lines.collect::<String>()).expect("written");
    }
    println!("{both} equal, {} differing, {} only here, {} only there", differing.len(), accepted.len(), refused.len());
    assert!(differing.is_empty(), "{}:\n{}", differing.len(), differing.join("\n"));
    let unknown = |found: Vec<String>, known: &[&str]| -> Vec<String> {
        found.into_iter().filter(|found| !known.iter().any(|known| found.contains(known))).collect()
    };
    // A line of white space with a tab ends a plain scalar, so the text after it is unexpected.
    let after_tab = |found: &String| found.contains("expected `,` or `]`") && found.contains("\\n\\t\\n");
    refused.retain(|found| !after_tab(found));
    assert_eq!(unknown(refused, &ONLY_THERE), Vec::<String>::new());
    assert_eq!(unknown(accepted, &ONLY_HERE), Vec::<String>::new());
    assert!(both > INPUTS / 3, "{both}");
}
