//! `just try PATH`: the cost of a sandbox of any WebAssembly file by allocation strategy, and a
//! recommendation.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use highwater_model::exit;
use sandbox_scaling::bring::{self, Asked, Refusal};

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
        return highwater::main(bring::family);
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
    match bring::sweep(&asked, &|line| eprintln!("{line}")) {
        Ok(tried) => {
            print!("{}", bring::advice(&asked, &tried));
            ExitCode::from(exit::PASSED)
        }
        Err(refusal @ Refusal::Interrupted) => {
            eprintln!("{refusal}");
            ExitCode::from(refusal.exit_status())
        }
        Err(refusal) => {
            eprintln!("error: {refusal}");
            ExitCode::from(refusal.exit_status())
        }
    }
}
