//! The tables of cases, each with the question that its rows answer.

use generate::Input as File;
use highwater_model::CaseId;
use highwater_worker::Case;
use span_tape::Decoding;

use crate::{
    generate::{self, SIZE},
    hostile::{Hostile, Parser},
    kept::KeptTape,
    libfyaml,
    line::{Ladder, Line, Source},
    peers::Peer,
    program::PythonPeer,
    subject::{Input, Subject},
    tape_subject::SpanTape,
    trees::{Arena, BumpTree, Events, LinkedTree, Reader, Text, TextTree, Typed},
};

const MIB: u64 = 1 << 20;

/// All cases of the family.
pub(crate) fn cases() -> Vec<Box<dyn Case>> {
    let mut lines = Vec::new();
    inputs(&mut lines);
    kept(&mut lines);
    representations(&mut lines);
    readers(&mut lines);
    deduplication(&mut lines);
    arenas(&mut lines);
    files(&mut lines);
    peers(&mut lines);
    libfyaml(&mut lines);
    growth(&mut lines);
    try_file(&mut lines);
    let mut cases: Vec<Box<dyn Case>> = lines.into_iter().map(|line| Box::new(line) as _).collect();
    cases.extend(ladders());
    cases.extend(PythonPeer::ALL.map(|peer| Box::new(peer) as _));
    cases.extend(Parser::all().into_iter().map(|parser| Box::new(Hostile(parser)) as _));
    cases
}

/// The default case that the tables vary: `repeat` of the default size, mapped and timed.
fn line(strategy: &str, parameters: &[(&str, &str)], subject: impl Subject + 'static) -> Line {
    let id = CaseId::new("yaml-parse", strategy, parameters).expect("names in the tables are lower case words");
    let (file, input) = (Source::Made(File::Repeat, SIZE), Input::Map);
    Line { id, file, input, subject: Box::new(subject), timed: true, heavy: false, huge: false }
}

/// Compares the ways to load the input: for the tape, which refers to the input, and for an owned tree, which does not
/// need it after parsing.
fn inputs(lines: &mut Vec<Line>) {
    for input in [Input::String, Input::Map, Input::MapWindow, Input::ReadWindow] {
        let tape = line("tape-lazy", &[("input", input.name())], SpanTape::LAZY);
        lines.push(Line { input, ..tape });
    }
    let eager = line("tape-eager", &[("input", "map-window")], SpanTape::EAGER);
    lines.push(Line { input: Input::MapWindow, ..eager });
    let eager = line("tape-eager", &[("input", "read-window")], SpanTape::EAGER);
    lines.push(Line { input: Input::ReadWindow, timed: false, ..eager });
    let owned = line("tree-owned", &[("input", "string")], TextTree(Text::Owned));
    lines.push(Line { input: Input::String, timed: false, ..owned });
}

/// Measures a tape that was kept in a file: with its words mapped, and read into memory.
fn kept(lines: &mut Vec<Line>) {
    for (mapped, input) in [(true, Input::Map), (false, Input::ReadWindow)] {
        let tape = line("tape-kept", &[("input", input.name())], KeptTape { mapped });
        // It opens the file itself.
        lines.push(Line { input: Input::ReadWindow, ..tape });
    }
}

/// Compares representations of the document, all built by the same parser from a mapping.
fn representations(lines: &mut Vec<Line>) {
    let mapped = [("input", "map")];
    lines.push(line("events", &mapped, Events));
    lines.push(line("tree-owned", &mapped, TextTree(Text::Owned)));
    lines.push(line("tree-borrowed", &mapped, TextTree(Text::Borrowed)));
    lines.push(line("tree-bump", &mapped, BumpTree));
    lines.push(line("tape-eager", &mapped, SpanTape::EAGER));
    let wide = SpanTape { decoding: Decoding::Lazy, wide: true };
    lines.push(Line { timed: false, ..line("tape-lazy-wide", &mapped, wide) });
    for (strategy, borrowed) in [("typed-owned", false), ("typed-borrowed", true)] {
        lines.push(Line { heavy: true, ..line(strategy, &mapped, Typed { borrowed, reader: Reader::SerdeSaphyr }) });
    }
}

/// Compares deserializers into the same structs: what changes for a user of serde_yaml.
fn readers(lines: &mut Vec<Line>) {
    for (strategy, input, reader) in [
        ("typed-owned", Input::String, Reader::SerdeYaml),
        ("typed-owned", Input::String, Reader::SpanTape),
        ("typed-owned", Input::ReadWindow, Reader::SpanTape),
        ("typed-borrowed", Input::Map, Reader::SpanTape),
    ] {
        let name = if reader == Reader::SerdeYaml { "serde-yaml" } else { "span-tape" };
        let subject = Typed { borrowed: strategy == "typed-borrowed", reader };
        let typed = line(strategy, &[("input", input.name()), ("reader", name)], subject);
        lines.push(Line { input, heavy: true, ..typed });
    }
}

/// Compares one copy per distinct text with one copy per scalar, for a file with repeated texts and one without.
fn deduplication(lines: &mut Vec<Line>) {
    for file in [File::Repeat, File::Unique] {
        for (dedup, text) in [("on", Text::Interned), ("off", Text::Counted)] {
            let parameters = [("dedup", dedup), ("file", file.name())];
            let made = Source::Made(file, SIZE);
            lines.push(Line {
                file: made,
                timed: file == File::Repeat,
                heavy: file == File::Unique,
                ..line("tree-rc", &parameters, TextTree(text))
            });
        }
    }
}

/// Compares ways to grow the memory of the nodes. They are not timed, because their times are similar.
fn arenas(lines: &mut Vec<Line>) {
    for arena in Arena::ALL {
        let huge = arena == Arena::MremapHuge;
        // `Exact` parses the file twice.
        let heavy = arena == Arena::Exact;
        let tree = line("tree-arena", &[("arena", arena.name())], LinkedTree(arena));
        lines.push(Line { timed: false, huge, heavy, ..tree });
    }
}

/// Measures the tape on other files. Its size is 8 bytes per node, so the result depends on the file's bytes per node.
fn files(lines: &mut Vec<Line>) {
    for file in [File::Unique, File::Manifests, File::Wide, File::Deep] {
        let tape = line("tape-lazy", &[("file", file.name())], SpanTape::LAZY);
        lines.push(Line { file: Source::Made(file, SIZE), timed: false, ..tape });
    }
}

/// Measures third-party parsers. All of them take a `String`. `--quick` includes only the fastest and the best known.
fn peers(lines: &mut Vec<Line>) {
    for peer in Peer::ALL {
        let heavy = !matches!(peer, Peer::Rlsp | Peer::YamlRust2 | Peer::SerdeYaml);
        lines.push(Line { input: Input::String, heavy, ..line("peer", &[("parser", peer.name())], peer) });
    }
}

/// Measures libfyaml, as its Python bindings use it and with one setting changed at a time.
fn libfyaml(lines: &mut Vec<Line>) {
    for (subject, file) in libfyaml::CASES {
        let (id, input, timed) = (subject.id(file), subject.input(), subject.is_timed(file));
        let file = Source::Made(file, SIZE);
        lines.push(Line { id, file, input, subject: Box::new(subject), timed, heavy: true, huge: false });
    }
}

/// Measures whether memory and time grow linearly with the file size: the tape from 1 to 64 MiB, peers from 1 to 4 MiB
/// (their case with the default size is the third point).
fn growth(lines: &mut Vec<Line>) {
    for mib in [1, 4, 16, 64] {
        let tape = line("growth", &[("parser", "tape-lazy"), ("mib", &mib.to_string())], SpanTape::LAZY);
        lines.push(Line {
            file: Source::Made(File::Repeat, mib * MIB),
            input: Input::MapWindow,
            timed: false,
            heavy: mib > 4,
            ..tape
        });
    }
    for peer in Peer::ALL {
        for mib in [1, 4] {
            let tree = line("growth", &[("parser", peer.name()), ("mib", &mib.to_string())], peer);
            lines.push(Line {
                file: Source::Made(File::Repeat, mib * MIB),
                input: Input::String,
                timed: false,
                heavy: true,
                ..tree
            });
        }
    }
}

/// Measures any file, for `just try-yaml PATH`: with the tape in three configurations, an owned tree and all peers.
fn try_file(lines: &mut Vec<Line>) {
    let Some(path) = std::env::var_os("YAML_PARSE_FILE") else { return };
    let mut add = |name: &str, input, subject: Box<dyn Subject>| {
        let id =
            CaseId::new("yaml-parse", "try", &[("parser", name)]).expect("names in the tables are lower case words");
        let (file, timed) = (Source::Path(path.clone().into()), false);
        lines.push(Line { id, file, input, subject, timed, heavy: false, huge: false });
    };
    add("tape-lazy", Input::Map, Box::new(SpanTape::LAZY));
    add("tape-lazy-window", Input::MapWindow, Box::new(SpanTape::LAZY));
    add("tape-eager", Input::Map, Box::new(SpanTape::EAGER));
    add("tree-owned", Input::String, Box::new(TextTree(Text::Owned)));
    for peer in Peer::ALL {
        add(peer.name(), Input::String, Box::new(peer));
    }
}

/// Measures the marginal cost per live document, to the page, and whether repeated parsing leaves memory behind.
fn ladders() -> Vec<Box<dyn Case>> {
    let ladder = |strategy: &str, scales, together, size| {
        let id = CaseId::new("yaml-parse", strategy, &[("parser", "tape-lazy")]).expect("lower case words");
        Box::new(Ladder { id, subject: Box::new(SpanTape::LAZY), input: Input::Map, size, scales, together }) as _
    };
    vec![ladder("live", &[1, 2, 4, 8], true, MIB), ladder("again", &[10, 40, 70, 100], false, MIB / 8)]
}
