//! Mutated cases of the yaml-test-suite have the answers that were compared with the reference parser, which is generated
//! from the grammar of YAML 1.2. That parser takes ten minutes or more, so `answers.bin` has digests of the answers;
//! examples/reference.rs makes it, and lists the kinds of differences.

#[path = "reference/answers.rs"]
mod answers;
#[allow(dead_code)]
mod common;

use answers::{INPUTS, SEED, SLOW, digest, inputs, own};

#[test]
fn mutated_cases_have_the_answers_compared_with_the_reference() {
    let kept = include_bytes!("reference/answers.bin");
    assert_eq!(kept.len(), 2 * INPUTS);
    let kept = kept.as_chunks().0.iter().map(|two| u16::from_le_bytes(*two));
    let texts = inputs(INPUTS, SEED);
    let compared = texts.iter().zip(kept).filter(|(_, kept)| *kept != SLOW);
    let changed: Vec<String> = compared
        .filter_map(|(yaml, kept)| {
            let own = own(yaml);
            (digest(&own) != kept).then(|| format!("{yaml:?}\n  {own:?}"))
        })
        .collect();
    assert!(
        changed.is_empty(),
        "{} answers changed; compare them with the reference parser (examples/reference.rs):\n{}",
        changed.len(),
        changed[..changed.len().min(20)].join("\n")
    );
}
