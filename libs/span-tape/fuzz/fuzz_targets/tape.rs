//! Fuzzes the tape with any bytes: every way to parse rejects them or gives the same result, and no call panics or
//! hangs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use span_tape::{Decoding, Indentation, Mapped, Options, Pages, Tape, WideWord, Windowed, Word, to_text};
use span_tape_fuzz::{answers, in_memory};

type Outcome = Option<Result<Vec<String>, String>>;

fuzz_target!(|bytes: &[u8]| {
    let (_file, path) = in_memory(bytes);
    for (indentation, merge_keys) in
        [(Indentation::Strict, false), (Indentation::Strict, true), (Indentation::Lenient, true)]
    {
        let mut first: Option<Outcome> = None;
        for decoding in [Decoding::Lazy, Decoding::Eager] {
            let options = Options { decoding, indentation, merge_keys, ..Options::default() };
            let mut outcomes: Vec<Outcome> = Vec::new();
            if let Ok(text) = std::str::from_utf8(bytes) {
                outcomes.push(Tape::<_, Word>::parse(text, &options).ok().map(|tape| answers(&tape)));
                outcomes.push(Tape::<_, WideWord>::parse(text, &options).ok().map(|tape| answers(&tape)));
            }
            for window in [1, 64, options.window] {
                let tape: Result<Tape<Windowed>, _> = Tape::open(&path, &Options { window, ..options });
                outcomes.push(tape.ok().map(|tape| answers(&tape)));
            }
            for pages in [Pages::Stay, Pages::Slide] {
                // SAFETY: nothing else uses the file.
                let mapped = unsafe { Mapped::open(&path, pages, &options.limits) };
                let tape = mapped.and_then(|mapped| Tape::<_, Word>::parse(mapped, &options));
                outcomes.push(tape.ok().map(|tape| answers(&tape)));
            }
            for outcome in outcomes {
                assert_eq!(first.get_or_insert_with(|| outcome.clone()), &outcome);
            }
        }
    }
    // Bytes in another encoding have the text that the conversion gives.
    if let Ok(text) = to_text(bytes)
        && let Ok(tape) = Tape::<_, Word>::parse(&*text, &Options::default())
    {
        let _ = answers(&tape);
    }
});
