//! A folder with an input whose tape is kept beside it, and the content of a tape as text.

use std::{fs, path::PathBuf, thread, time::Duration};

use span_tape::{Cache, Node, NodeKind, Options, Tape, Windowed, Word};
use tempfile::TempDir;

/// An input with properties, texts that are decoded, a `%TAG` directive and two documents.
pub(crate) const TEXT: &str = "%TAG !e! tag:example.com,2000:\n---\nhost: &h !e!name ex\nports: [80, '4\\x', \"a\\tb\"]\nalso: *h\n\
                    text: |\n  one\n   two\n...\n---\n- second: ~\n";

/// A folder with an input.
pub(crate) struct Desk(pub(crate) TempDir);

impl Desk {
    pub(crate) fn new(text: &str) -> Self {
        let desk = Self(tempfile::tempdir().expect("a folder"));
        desk.write(text);
        desk
    }

    pub(crate) fn input(&self) -> PathBuf {
        self.0.path().join("input.yaml")
    }

    pub(crate) fn kept(&self) -> PathBuf {
        self.0.path().join(".input.yaml.tape")
    }

    pub(crate) fn write(&self, text: &str) {
        fs::write(self.input(), text).expect("written");
    }

    /// Makes the input look as if it had not been touched for an hour when its tape was made.
    pub(crate) fn settle(&self) {
        // The time of the last change of an inode cannot be set, so the test waits.
        self.open();
        thread::sleep(Duration::from_millis(2100));
        self.open();
    }

    pub(crate) fn open(&self) -> Tape<Windowed> {
        Tape::open_cached(&self.input(), &Cache::beside(), &Options::default()).expect("opened")
    }
}

/// All texts and kinds, as one line per node.
pub(crate) fn dump<S: span_tape::Source>(tape: &Tape<S>) -> String {
    fn walk<S: span_tape::Source>(node: Node<'_, S, Word>, depth: usize, out: &mut String) {
        let tag = node.tag().expect("a tag").unwrap_or_default();
        let anchor = node.anchor().expect("an anchor").unwrap_or_default();
        out.push_str(&format!("{depth} {:?} {tag} {anchor} ", node.kind()));
        if node.kind() == NodeKind::Scalar {
            out.push_str(&node.text().expect("a text"));
        }
        out.push('\n');
        for (key, value) in node.pairs() {
            walk(key, depth + 1, out);
            walk(value, depth + 1, out);
        }
        for child in node.children() {
            walk(child, depth + 1, out);
        }
    }
    let mut out = String::new();
    for document in tape.documents() {
        document.root().into_iter().for_each(|root| walk(root, 0, &mut out));
    }
    out
}

pub(crate) fn parsed(text: &str) -> String {
    dump(&Tape::<_, Word>::parse(text, &Options::default()).expect("valid"))
}
