//! A family whose workers misbehave: each case is a program that speaks the stage protocol in its own way, so that tests
//! can check that it fails alone. `ODD_CASES` selects them, separated by commas:
//!
//! ```text
//!   a name of misbehaviours.rs   one misbehaviour
//!   seed-N                       a random conversation (conversations.rs)
//!   missing, plain-file, foreign, busy, unprepared   a program or a file that does not work
//! ```

mod conversations;
mod misbehaviours;
mod socket;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use highwater_model::{Bytes, CaseId};
use highwater_worker::{Case, CaseResult, Dirs, Family, Limits, Program, Stages};

/// The first argument of a worker.
const PLAY: &str = "play";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    match args.as_slice() {
        [_, play, name] if play == PLAY => match name.strip_prefix("seed-") {
            Some(seed) => conversations::play(seed.parse().expect("a seed")),
            None => misbehaviours::play(name),
        },
        _ => highwater::main(family),
    }
}

fn family() -> Family {
    let names = std::env::var("ODD_CASES").unwrap_or_default();
    let cases = names.split(',').filter(|name| !name.is_empty()).map(|name| Box::new(Odd(name.to_owned())) as _);
    Family { name: "odd", unit: "thing", baseline_stage: "loaded", cases: cases.collect() }
}

/// A case with the name of its misbehaviour.
struct Odd(String);

impl Odd {
    /// A program in the working directory of the run, made by [`Case::prepare`].
    fn made(&self) -> PathBuf {
        Path::new(&std::env::var_os("HIGHWATER_TARGET_DIR").unwrap_or_default()).join(format!("odd-{}", self.0))
    }
}

impl Case for Odd {
    fn id(&self) -> CaseId {
        format!("odd/{}", self.0).parse().expect("a valid id")
    }

    fn limits(&self) -> Limits {
        let millis = std::env::var("ODD_LIMIT_MS").ok().and_then(|text| text.parse().ok()).unwrap_or(60_000);
        let memory = self.0.ends_with("-limited").then_some(Bytes(256 << 20));
        Limits { time: Duration::from_millis(millis), memory }
    }

    fn program(&self) -> Program {
        let own = || std::env::current_exe().expect("this program");
        let path = match self.0.as_str() {
            "missing" => "/nonexistent/program".into(),
            "plain-file" | "foreign" | "busy" => self.made(),
            _ => own(),
        };
        Program::Other { path, args: vec![PLAY.into(), self.0.clone().into()] }
    }

    fn prepare(&self, _dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let make = |change: &dyn Fn(&mut Vec<u8>), mode| -> CaseResult {
            let mut program = fs::read("/proc/self/exe")?;
            change(&mut program);
            fs::write(self.made(), program)?;
            Ok(fs::set_permissions(self.made(), fs::Permissions::from_mode(mode))?)
        };
        match self.0.as_str() {
            "unprepared" => return Err("the guest\nwas not built".into()),
            "plain-file" => make(&|_| {}, 0o644)?,
            // The machine type of an ELF header.
            "foreign" => make(&|program| program[18] ^= 1, 0o755)?,
            "busy" => {
                make(&|_| {}, 0o755)?;
                // Open for writing as long as the parent runs.
                std::mem::forget(fs::File::options().append(true).open(self.made())?);
            }
            _ => {}
        }
        Ok(Vec::new())
    }

    fn run(&self, _stages: &mut Stages) -> CaseResult {
        Err("the program does this".into())
    }
}
