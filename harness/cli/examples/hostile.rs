//! A family whose text is hostile to whatever shows it: a terminal, the log of a CI system, a page, an export. The test
//! `hostile.rs` runs it and reads what becomes of the text.

use std::{io::Write, os::fd::BorrowedFd, path::PathBuf};

use highwater_judge::{Claim, Finding};
use highwater_model::CaseId;
use highwater_worker::{Case, CaseResult, Dirs, Family, NotRun, Stages};

/// An escape sequence, a NUL, bytes that are not UTF-8, markup, cells of tables, commands of CI systems, a surrogate, a
/// noncharacter, and text that is shown in the other direction.
const BYTES: &[u8] = b"\x1b[31merror\x1b[0m: \x00\x01\xff bad ]]> <script>alert(1)</script> & \"q\" | a | b\n\
    ::error file=x::injected\n  ::stop-commands::token\n##[error]forged ##vso[task.complete]\n%0A::warning::\xef\xbf\xbe\
    \xed\xa0\x80 \xe2\x80\xaetxet\xe2\x80\x8f\r=cmd|'/c calc'!A0\n";
/// The same in one line, as text.
const TEXT: &str =
    "\u{1b}[31m::error::\u{0} ##[error]<script>alert(1)</script> | \u{202e}a\u{200f} \u{ffff} `x` ]]> =1";

fn main() -> std::process::ExitCode {
    let claim =
        Claim { id: "claim", statement: TEXT, source: TEXT, refuted_if: TEXT, decide: |_| Finding::undecided(TEXT) };
    highwater::bench(family).context([("engine".to_owned(), TEXT.to_owned())]).claims([claim]).main()
}

fn family() -> Family {
    let kinds = ["measured", "exits", "fails", "skips", "unprepared", "protocol"];
    Family {
        name: "hostile",
        unit: "<b>unit</b>",
        baseline_stage: "loaded",
        cases: kinds.map(|kind| Box::new(Hostile(kind)) as Box<dyn Case>).into(),
    }
}

/// A case that brings hostile text in one of the ways in which a case can bring text.
struct Hostile(&'static str);

impl Case for Hostile {
    fn id(&self) -> CaseId {
        CaseId::new("hostile", self.0, &[]).expect("a word")
    }

    fn prepare(&self, _dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        if self.0 == "unprepared" { Err(NotRun(TEXT.to_owned()).into()) } else { Ok(Vec::new()) }
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        stages.reached("loaded")?;
        match self.0 {
            "exits" => {
                std::io::stderr().write_all(BYTES)?;
                std::process::exit(7);
            }
            "fails" => return Err(TEXT.into()),
            "skips" => return Err(NotRun(TEXT.to_owned()).into()),
            "protocol" => {
                // SAFETY: the worker's `Stages` owns the descriptor and keeps it open while the case runs.
                let channel = unsafe { BorrowedFd::borrow_raw(3) };
                rustix::io::write(channel, format!("{TEXT}\n").as_bytes())?;
            }
            _ => stages.note("text", TEXT)?,
        }
        Ok(stages.reached("after")?)
    }
}
