//! What YAML 1.2.2 says about kinds of inputs that the yaml-test-suite does not contain.

mod common;

use span_tape::{Options, Tape};

/// Inputs that are not YAML, each with a part of its message.
const REFUSED: &[(&str, &str)] = &[
    // A tab is no indentation, and does not count as a column.
    ("\ta: b\n", "tab"),
    ("x:\n  \tk: v\n", "tab"),
    ("\t- a\n", "tab"),
    ("-\ta: b\n  c: d\n", "tab"),
    ("-\tx: 1\n", "tab"),
    ("?\t- a\n", "tab"),
    ("a:\n  \tb: 1\n   c: 2\n", "tab"),
    ("a:\n  b: 1\n\tc: 2\n", "tab"),
    ("a: |\n  x\n\t\nb: 1\n", "tab"),
    ("a: 'x\n\ty'\n", "tab"),
    ("- [\n\ta]\n", "tab"),
    // The value of a key without `?` is no collection on the same line.
    ("a: 1\n: b: c\n", "may not start on this line"),
    ("a: 1\n: - x\n", "may not start on this line"),
    ("a: b: c\n", "may not start on this line"),
    ("a: - b\n", "may not start on this line"),
    ("--- a: b\n", "may not start on this line"),
    ("--- - a\n", "may not start on this line"),
    // Indicators in brackets.
    ("[?]\n", "use quotes"),
    ("[-]\n", "use quotes"),
    ("[a,,b]\n", "before this comma"),
    ("[,a]\n", "before this comma"),
    ("{a:[b]}\n", "white space after `:`"),
    ("[a\n b: c]\n", "expected `,` or `]`"),
    ("[a, b\n", "not closed"),
    ("{a: [b}\n", "expected `,` or `]`"),
    ("'a\n", "not closed"),
    ("a: [\nb]\n", "indented"),
    ("a: [b\n# comment\n, c]\n", "indented"),
    ("[![a]]\n", "white space"),
    // Properties.
    ("&a &b c\n", "at most one anchor"),
    ("!!str\n!!int a\n", "at most one tag"),
    ("--- &a a\n--- *a\n", "no anchor"),
    ("a: &b b\nc: &c *b\n", "an alias has no properties"),
    ("!e!x a\n", "no directive"),
    ("%TAG !e! x\n%TAG !e! y\n---\n", "twice"),
    ("%TAG !e! tag:a%,b:\n---\n!e!c d\n", "two hexadecimal digits"),
    ("%TAG !e! tag:a%zz\n---\n!e!c d\n", "two hexadecimal digits"),
    ("%TAG !e! tag:a%ff\n---\n!e!c d\n", "two hexadecimal digits"),
    ("%YAML 1.2\na\n", "expected `---`"),
    ("\"\\ud83d\"\n", "escape"),
    ("a\u{1}b\n", "not allowed"),
    ("# \u{7f}\n", "not allowed"),
    ("a: |\n  \u{9f}\n", "not allowed"),
    ("a\n\u{feff}b\n", "expected `---`"),
    ("[a,\n\u{feff}b]\n", "not allowed"),
];

/// Inputs that are YAML, with the events of their only document, one per line.
const ACCEPTED: &[(&str, &[&str])] = &[
    ("{ \"foo\"\n# c\n  :bar }\n", &["+MAP {}", "=VAL \"foo", "=VAL :bar", "-MAP"]),
    ("a: |2\n #c\nb: 1\n", &["+MAP", "=VAL :a", "=VAL |", "=VAL :b", "=VAL :1", "-MAP"]),
    ("|\n\tx\n", &["=VAL |\\tx\\n"]),
    ("|\n\ta\n b\n", &["=VAL |\\ta\\n b\\n"]),
    ("- |\n\t", &["+SEQ", "=VAL |", "-SEQ"]),
    ("-\ta\n", &["+SEQ", "=VAL :a", "-SEQ"]),
    ("x:\n  \tk\n", &["+MAP", "=VAL :x", "=VAL :k", "-MAP"]),
    ("? a\n: b: c\n", &["+MAP", "=VAL :a", "+MAP", "=VAL :b", "=VAL :c", "-MAP", "-MAP"]),
    ("? a\n: - x\n", &["+MAP", "=VAL :a", "+SEQ", "=VAL :x", "-SEQ", "-MAP"]),
    ("[:]\n", &["+SEQ []", "+MAP {}", "=VAL :", "=VAL :", "-MAP", "-SEQ"]),
    ("[? ]\n", &["+SEQ []", "+MAP {}", "=VAL :", "=VAL :", "-MAP", "-SEQ"]),
    // The first key moves when its mapping is found, with the anchors and aliases in it.
    (
        "[&a x, *a]: &b y\nc: [*a, *b]\n",
        &[
            "+MAP",
            "+SEQ []",
            "=VAL &a :x",
            "=ALI *a",
            "-SEQ",
            "=VAL &b :y",
            "=VAL :c",
            "+SEQ []",
            "=ALI *a",
            "=ALI *b",
            "-SEQ",
            "-MAP",
        ],
    ),
    // The line after a scalar may leave no room for the scalar in a window.
    ("a:\n b\n c\n# comment\n# comment\nd: e\n", &["+MAP", "=VAL :a", "=VAL :b c", "=VAL :d", "=VAL :e", "-MAP"]),
    ("&m\n&k k: v\n", &["+MAP &m", "=VAL &k :k", "=VAL :v", "-MAP"]),
    // A block scalar ends with a line break even if the input does not.
    ("a: |\n  x", &["+MAP", "=VAL :a", "=VAL |x\\n", "-MAP"]),
    ("a: >+\n  x\n ", &["+MAP", "=VAL :a", "=VAL >x\\n", "-MAP"]),
    ("a: |-\n  x", &["+MAP", "=VAL :a", "=VAL |x", "-MAP"]),
    ("a: |1\n  x\n", &["+MAP", "=VAL :a", "=VAL | x\\n", "-MAP"]),
    ("\u{feff}a:\n  b: c\n", &["+MAP", "=VAL :a", "+MAP", "=VAL :b", "=VAL :c", "-MAP", "-MAP"]),
];

#[test]
fn what_is_not_yaml_is_refused_with_a_message() {
    for (yaml, message) in REFUSED {
        assert_eq!(common::answer(yaml.as_bytes()), None, "{yaml:?}");
        let error = Tape::<_>::parse(*yaml, &Options::default()).expect_err("refused").to_string();
        assert!(error.contains(message), "{yaml:?}: {error}");
    }
}

#[test]
fn what_is_yaml_is_accepted_in_every_way() {
    for (yaml, events) in ACCEPTED {
        let found = common::answer(yaml.as_bytes()).unwrap_or_else(|| panic!("{yaml:?} is refused"));
        assert_eq!(&found[2..found.len() - 2], *events, "{yaml:?}");
    }
}
