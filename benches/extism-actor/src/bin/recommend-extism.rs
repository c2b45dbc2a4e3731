//! Prints recommendations for an actor host, based on the last run of the family: `just recommend-extism`.

use std::process::ExitCode;

use highwater::report::terminal::note;
use highwater_model::exit;
use highwater_runner::target_dir;
use highwater_store::read_record;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::from(exit::PASSED),
        Err(error) => {
            note(format_args!("error: {error}; run `cargo bench -p extism-actor` first"));
            ExitCode::from(exit::INTERNAL)
        }
    }
}

fn run() -> anyhow::Result<()> {
    let path = match std::env::args_os().nth(1) {
        Some(path) => path.into(),
        None => target_dir()?.join("highwater").join(format!("{}.json", extism_actor::NAME)),
    };
    print!("{}", extism_actor::recommend(&read_record(&path)?));
    Ok(())
}
