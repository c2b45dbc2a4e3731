//! libfyaml's generic documents, which the report of seed 004 is about: made as its Python bindings make
//! them, so that what is said of its arena, its deduplication and its mapping is decided on itself.
//!
//! A C library, bound by a crate that needs libclang: built with the feature `libfyaml` only. Without it
//! its cases are in the record as not run.

#[cfg(feature = "libfyaml")]
mod generic;

use highwater_model::CaseId;
use highwater_worker::CaseResult;

use crate::{
    generate,
    subject::{Input, Loaded, Subject, While},
};

/// Why its cases cannot run.
const MISSING: &str = "built without the feature libfyaml, see benches/yaml-parse/README.md";

/// Where a document's parts are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arena {
    /// Anonymous mappings that double in place; the last is left as large as it is.
    Doubled,
    /// The same, cut to what is used at the end, as the bindings do by now.
    Trimmed,
    /// A block of the heap for each.
    Malloc,
}

impl Arena {
    fn name(self) -> &'static str {
        match self {
            Self::Doubled => "doubled",
            Self::Trimmed => "trimmed",
            Self::Malloc => "malloc",
        }
    }
}

/// How the text comes to libfyaml, and whether it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// As a string, which the caller keeps: what the report counted.
    Kept,
    /// As a string, dropped when it is parsed.
    String,
    /// As a path: libfyaml maps the file while it parses.
    Map,
}

impl Text {
    fn name(self) -> &'static str {
        match self {
            Self::Kept => "string-kept",
            Self::String => "string",
            Self::Map => "map",
        }
    }

    /// How the family loads it.
    fn input(self) -> Input {
        match self {
            Self::Kept | Self::String => Input::String,
            Self::Map => Input::ReadWindow,
        }
    }
}

/// A way to have libfyaml parse.
#[derive(Clone, Copy, Debug)]
pub struct Libfyaml {
    /// Where its parts are put.
    pub arena: Arena,
    /// One copy of each text.
    pub dedup: bool,
    /// How the text comes.
    pub text: Text,
}

/// Its cases: the report's own way, then one thing changed at a time.
pub(crate) const CASES: [(Libfyaml, generate::Input); 10] = {
    use Arena::{Doubled, Malloc, Trimmed};
    use Text::{Kept, Map, String};
    use generate::Input::{Repeat, Unique};
    const fn of(arena: Arena, dedup: bool, text: Text) -> Libfyaml {
        Libfyaml { arena, dedup, text }
    }
    [
        (of(Doubled, true, Kept), Repeat),
        (of(Doubled, true, String), Repeat),
        (of(Doubled, false, String), Repeat),
        (of(Doubled, true, Map), Repeat),
        (of(Doubled, false, Map), Repeat),
        (of(Trimmed, true, Map), Repeat),
        (of(Malloc, true, Map), Repeat),
        (of(Malloc, false, Map), Repeat),
        (of(Doubled, true, Map), Unique),
        (of(Doubled, false, Map), Unique),
    ]
};

impl Libfyaml {
    pub(crate) fn id(self, file: generate::Input) -> CaseId {
        let dedup = if self.dedup { "on" } else { "off" };
        let parameters =
            [("arena", self.arena.name()), ("dedup", dedup), ("file", file.name()), ("input", self.text.name())];
        CaseId::new("yaml-parse", "libfyaml", &parameters).expect("names in the table are lower case words")
    }

    pub(crate) fn input(self) -> Input {
        self.text.input()
    }

    /// Its two best ways.
    pub(crate) fn is_timed(self, file: generate::Input) -> bool {
        (self.arena, self.text, file) == (Arena::Doubled, Text::Map, generate::Input::Repeat)
    }
}

impl Subject for Libfyaml {
    fn missing(&self) -> Option<&'static str> {
        (!cfg!(feature = "libfyaml")).then_some(MISSING)
    }

    #[cfg(not(feature = "libfyaml"))]
    fn parse(&self, _: Loaded, _: &mut While<'_>) -> CaseResult {
        Err(MISSING.into())
    }

    #[cfg(feature = "libfyaml")]
    fn parse(&self, input: Loaded, then: &mut While<'_>) -> CaseResult {
        use generic::{Generic, Origin};
        let origin = match &input {
            Loaded::Text(text) => Origin::Text(text),
            Loaded::File(file) => Origin::File(file.path()),
            Loaded::Mapped(_) => return Err("libfyaml maps files itself".into()),
        };
        let document = Generic::parse(&origin, self.arena, self.dedup)?;
        let kept = (self.text == Text::Kept).then_some(input);
        then(&document)?;
        drop(kept);
        Ok(())
    }
}
