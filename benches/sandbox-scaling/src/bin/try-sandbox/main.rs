//! `just try PATH`: the cost of a sandbox of any WebAssembly file by allocation strategy, and a
//! recommendation. Every strategy runs in separate workers; `docs/try.md` has sessions.
//!
//! ```text
//!  given     the file: read, compiled                     in the parent; nothing of it runs there
//!  order     what to call, and how: passed to workers
//!  host      imports, exports, arguments; sandboxes       in the parent to check, in workers to run
//!  case      the stages of one strategy                   in workers
//!  sweep     a trial, then every strategy
//!  engines   the same with other engines, if they are built
//!  advice    the table, the recommendation, the settings
//! ```

mod advice;
mod args;
mod case;
mod engines;
mod exports;
mod given;
mod host;
mod order;
mod refusal;
mod strategy;
mod sweep;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use highwater::report::{escape, terminal::message};
use highwater_model::exit;

use advice::advice;
use refusal::Refusal;
use sweep::{Asked, sweep};

/// Measure a WebAssembly file with every allocation strategy of wasmtime and recommend one
#[derive(Debug, Parser)]
#[command(
    name = "try-sandbox",
    after_help = "Without --invoke, commands (`_start`, `wasi:cli/run`) are run and anything else is only \
                  instantiated.\nExit status: 0 success; 1 internal error; 2 invalid file, import, function or \
                  arguments; 3 the program failed: a trap, its time limit or its own exit status."
)]
struct Arguments {
    /// A core module or a component, binary (.wasm) or text (.wat)
    path: PathBuf,
    /// Call this exported function in every sandbox; for a component also INTERFACE#NAME
    #[arg(long, value_name = "NAME")]
    invoke: Option<String>,
    /// Provide WASI (preview 1, or 2 for components): no files, no network, deterministic clocks and random numbers
    #[arg(long)]
    wasi: bool,
    /// Stub missing function imports; the stubs trap when called
    #[arg(long)]
    stub: bool,
    /// Time limit of one sandbox
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    time_limit: f64,
    /// Workers per strategy
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..=1000))]
    samples: u32,
    /// Arguments of the function (numbers; JSON for a component) or of the command. Takes all remaining
    /// arguments
    #[arg(long, value_name = "ARG", num_args = 0.., allow_hyphen_values = true)]
    args: Vec<String>,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.01..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number of seconds from 0.01 to 3600".to_owned()),
    }
}

fn main() -> ExitCode {
    if highwater_worker::protocol::is_worker() {
        return highwater_worker::run(case::family);
    }
    let arguments = Arguments::parse();
    let asked = Asked {
        path: arguments.path,
        invoke: arguments.invoke,
        args: arguments.args,
        wasi: arguments.wasi,
        stub: arguments.stub,
        limit: Duration::from_secs_f64(arguments.time_limit),
        samples: arguments.samples as usize,
    };
    match sweep(&asked, &|line| message(line)) {
        Ok(tried) => {
            println!("{}", escape::lines(&advice(&asked, &tried)));
            ExitCode::from(exit::PASSED)
        }
        Err(refusal @ Refusal::Interrupted) => {
            message(&refusal);
            ExitCode::from(refusal.exit_status())
        }
        Err(refusal) => {
            message(format_args!("error: {refusal}"));
            ExitCode::from(refusal.exit_status())
        }
    }
}
