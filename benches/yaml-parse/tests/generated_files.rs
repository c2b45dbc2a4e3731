//! The tape parses the generated files of the family in every way, with the same result.

#[path = "../../../libs/span-tape/tests/common/mod.rs"]
mod common;

#[test]
fn all_ways_to_parse_agree_on_generated_files() {
    for input in yaml_parse::generate::Input::ALL {
        let mut yaml = Vec::new();
        input.write(300_000, 1, &mut yaml).expect("writing to a vector succeeds");
        assert!(common::answer(&yaml).is_some(), "{input:?}");
    }
}
