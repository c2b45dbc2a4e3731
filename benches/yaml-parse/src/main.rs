//! The family as a program: the bench target runs it, and tests, profilers and debuggers can.

use std::{env, path::Path, process::ExitCode};

use highwater::{model::exit, report::terminal::note};
use yaml_parse::{check, claims, family, hostile, peers, questions};

/// Packages whose version may explain a difference between two runs, beside the peers.
const PACKAGES: [&str; 2] = ["granit-parser", "fyaml-sys"];

pub(crate) fn main() -> ExitCode {
    hostile::child().unwrap_or_else(|| {
        // A file of the user is refused at once, instead of by each case.
        if let Some(Err(error)) = env::var_os("YAML_PARSE_FILE").map(|path| check(Path::new(&path))) {
            note(format_args!("error: {error}"));
            return ExitCode::from(exit::INTERNAL);
        }
        let packages = peers::Peer::ALL.map(peers::Peer::package).into_iter().chain(PACKAGES);
        let worker = option_env!("CARGO_BIN_EXE_yaml-parse-worker").unwrap_or("yaml-parse-worker");
        highwater::bench(family)
            .locked_versions(include_str!("../../../Cargo.lock"), packages)
            .claims(claims::CLAIMS)
            .questions(questions::all())
            .worker(worker)
            .main()
    })
}
