//! libfyaml's generic documents, created as its Python bindings create them. They decide the claims about its arena,
//! deduplication and mapping on libfyaml itself.
//!
//! libfyaml is a C library whose bindings need libclang, so it is only built with the feature `libfyaml`. Without the
//! feature, its cases are recorded as not run.

#[cfg(feature = "libfyaml")]
mod generic;

use highwater_model::CaseId;
use highwater_worker::CaseResult;

use crate::{
    generate,
    subject::{Input, Loaded, Subject, While},
};

/// The reason why the cases cannot run.
const MISSING: &str = "built without the feature libfyaml, see benches/yaml-parse/README.md";

/// The memory that a document is allocated from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arena {
    /// Anonymous mappings that double in place. The last one is not trimmed.
    Doubled,
    /// Like `Doubled`, trimmed to the used size at the end, as current bindings do.
    Trimmed,
    /// One heap block per object.
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

/// The way the text is passed to libfyaml, and whether the caller keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// A string that the caller keeps, as in the report.
    Kept,
    /// A string that is dropped after parsing.
    String,
    /// A path. libfyaml maps the file while it parses.
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

    /// The way the family loads the file.
    fn input(self) -> Input {
        match self {
            Self::Kept | Self::String => Input::String,
            Self::Map => Input::ReadWindow,
        }
    }
}

/// A configuration of libfyaml.
#[derive(Clone, Copy, Debug)]
pub struct Libfyaml {
    /// The memory that the document is allocated from.
    pub arena: Arena,
    /// Whether equal texts are stored once.
    pub dedup: bool,
    /// The way the text is passed.
    pub text: Text,
}

/// The cases: the report's configuration, then variations of single settings.
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

    /// Selects the two best configurations.
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
