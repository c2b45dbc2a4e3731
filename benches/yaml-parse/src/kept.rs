//! The span tape, reopened from the file in which an earlier process kept it.

use std::{
    os::unix::fs::MetadataExt,
    path::Path,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use highwater_worker::CaseResult;
use span_tape::{Cache, Options, Tape, Windowed, Word};

use crate::subject::{Loaded, Subject, While};

/// A tape that is kept beside its input. In another folder, its name would be a hash of the input's absolute path, whose
/// length would count.
#[derive(Clone, Copy, Debug)]
pub struct KeptTape {
    /// Whether input and words are mapped, instead of reading the words into memory.
    pub mapped: bool,
}

/// The age from which on the times of an input decide whether its tape is used, see [`Cache`]. A younger input is hashed.
const SETTLED: Duration = Duration::from_millis(2100);

/// Waits until an input that was just written is old enough.
fn settle(input: &Path) -> CaseResult {
    let metadata = input.metadata()?;
    let changed = UNIX_EPOCH + Duration::new(metadata.ctime().try_into()?, metadata.ctime_nsec().try_into()?);
    let age = SystemTime::now().duration_since(changed).unwrap_or_default();
    thread::sleep(SETTLED.saturating_sub(age));
    Ok(())
}

impl Subject for KeptTape {
    fn prepare(&self, input: &Path) -> CaseResult {
        settle(input)?;
        let open = || Tape::open_cached(input, &Cache::beside(), &Options::default());
        open()?;
        if open()?.is_reopened() { Ok(()) } else { Err(format!("{}: its tape was not kept", input.display()).into()) }
    }

    fn parse(&self, input: Loaded, then: &mut While<'_>) -> CaseResult {
        let options = Options::default();
        let file = match input {
            Loaded::File(file) => file,
            // The cards that warm the code up have no file.
            Loaded::Text(text) => return then(&Tape::<_, Word>::parse(text, &options)?),
            Loaded::Mapped(_) => return Err("a kept tape opens its input itself".into()),
        };
        let path = file.path().to_owned();
        drop(file);
        if self.mapped {
            // SAFETY: the files of the family are written before its workers start, and not modified afterwards.
            let tape = unsafe { Tape::map_cached(&path, &Cache::beside(), &options)? };
            check(&path, tape.is_reopened())?;
            return then(&tape);
        }
        let tape: Tape<Windowed> = Tape::open_cached(&path, &Cache::beside(), &options)?;
        check(&path, tape.is_reopened())?;
        then(&tape)
    }
}

/// Parsing instead of reopening would be another measurement.
fn check(path: &Path, is_reopened: bool) -> CaseResult {
    if is_reopened { Ok(()) } else { Err(format!("{}: its kept tape is gone", path.display()).into()) }
}
