//! `just try PATH`: what one sandbox of any WebAssembly file costs, by strategy, and which to take.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use highwater_model::exit;
use sandbox_scaling::bring::{self, Asked, Refusal};

/// Try a WebAssembly file with every allocation strategy of wasmtime, and say which to take
#[derive(Debug, Parser)]
#[command(
    name = "try-sandbox",
    after_help = "Without --invoke a command (`_start`, `wasi:cli/run`) is run, and anything else is only \
                  instantiated.\nExit status: 0 measured; 1 internal error; 2 the file, an import, the function or \
                  its arguments are not right; 3 it ran and failed: a trap, its time limit, its own exit status."
)]
struct Arguments {
    /// A core module or a component, binary (.wasm) or text (.wat)
    path: PathBuf,
    /// Call this exported function in every sandbox; of a component also INTERFACE#NAME
    #[arg(long, value_name = "NAME")]
    invoke: Option<String>,
    /// Give it WASI (preview 1 to a core module, 2 to a component): no folders, no network, clocks and random numbers that repeat
    #[arg(long)]
    wasi: bool,
    /// Let functions that nothing provides be imported; they trap when they are called
    #[arg(long)]
    stub: bool,
    /// How long one sandbox may take
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    time_limit: f64,
    /// Workers of each strategy
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..=1000))]
    samples: u32,
    /// Arguments of the function (numbers; for a component JSON) or of the command. All that follows is taken
    #[arg(long, value_name = "ARG", num_args = 0.., allow_hyphen_values = true)]
    args: Vec<String>,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.01..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("it must be a number of seconds from 0.01 to 3600".to_owned()),
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
            ExitCode::from(exit::HELD)
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
