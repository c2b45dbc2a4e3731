//! The maintainer's tool for committed guests: `pack` creates artefacts and manifest from built modules, `check`
//! verifies that they match the sources. Exit status: 0 success, 1 problems, one per line, 2 usage error.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use wasm_guests::{check, pack};

const HELP: &str = "\
Packs and checks the committed guests.

Usage: guests check [--root FOLDER]
       guests pack DIR --toolchain TEXT [--root FOLDER]

check   compares artefacts and sources with manifest.toml; builds nothing and takes about a second
pack    compresses DIR/NAME.wasm of every guest and rewrites manifest.toml;
        called by `bash wasm-guests/build-guests.sh`, which builds the modules

--toolchain TEXT   the compiler to record in manifest.toml
--root FOLDER      the folder of the crate wasm-guests [default: the one this program was built from]
";

enum Command {
    Help,
    Check { root: PathBuf },
    Pack { root: PathBuf, built: PathBuf, toolchain: String },
}

fn main() -> ExitCode {
    let command = match parse(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("guests: {error:#}; see `guests --help`");
            return ExitCode::from(2);
        }
    };
    match run(command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("guests: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut args: impl Iterator<Item = OsString>) -> anyhow::Result<Command> {
    let mut root = Path::new(env!("CARGO_MANIFEST_DIR")).to_owned();
    let mut toolchain = None;
    let mut words = Vec::new();
    while let Some(arg) = args.next() {
        let mut value = || args.next().with_context(|| format!("{} needs a value", arg.display()));
        match arg.to_str() {
            Some("--help" | "-h") => return Ok(Command::Help),
            Some("--root") => root = value()?.into(),
            Some("--toolchain") => toolchain = Some(value()?.to_string_lossy().into_owned()),
            Some(option) if option.starts_with('-') => anyhow::bail!("unknown option {option}"),
            _ => words.push(arg),
        }
    }
    match (words.first().and_then(|word| word.to_str()), &words[..]) {
        (Some("check"), [_]) => Ok(Command::Check { root }),
        (Some("pack"), [_, built]) => {
            let toolchain = toolchain.context("pack needs --toolchain")?;
            Ok(Command::Pack { root, built: built.into(), toolchain })
        }
        (Some("pack"), _) => anyhow::bail!("pack takes one folder"),
        _ => anyhow::bail!("the command is `check` or `pack DIR`"),
    }
}

/// Runs the command and returns whether it found no problems.
fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Help => print!("{HELP}"),
        Command::Check { root } => {
            let problems = check::check(&root);
            for problem in &problems {
                eprintln!("{problem}");
            }
            return Ok(problems.is_empty());
        }
        Command::Pack { root, built, toolchain } => {
            for packed in pack::pack(&root, &built, &toolchain)? {
                println!("{packed}");
            }
        }
    }
    Ok(true)
}
