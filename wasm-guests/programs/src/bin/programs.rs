//! The tool that the recipes call: links, places and checks programs. Exit status: 0 success, 1 failure, 2 usage error.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Parser, Subcommand};
use wasm_guests::Cache;
use wasm_programs::link::{Library, link, with_world};
use wasm_programs::{Program, configure, to_stderr};
use wasmtime::{Config, Engine};

/// Links, places and checks the programs that run as guests.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists the programs
    List,
    /// Builds programs that need no recipe, and runs the check of each program in two sandboxes
    Check {
        /// The cache folder, TARGET/highwater/cache
        #[arg(long)]
        cache: PathBuf,
        /// The names of the programs
        #[arg(required = true)]
        programs: Vec<String>,
    },
    /// Copies a component into the cache, where the families find it
    Place {
        /// The cache folder, TARGET/highwater/cache
        #[arg(long)]
        cache: PathBuf,
        /// The program's name
        program: String,
        /// Its component
        file: PathBuf,
    },
    /// Links shared libraries into a component
    Link {
        /// The adapter from WASI preview 1
        #[arg(long)]
        adapter: PathBuf,
        /// A folder of WIT; the last library exports its only world
        #[arg(long)]
        wit: PathBuf,
        /// The component
        output: PathBuf,
        /// Libraries, dependencies first; PATH=FILE for a library that the guest opens at PATH by dlopen
        #[arg(required = true)]
        libraries: Vec<OsString>,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::List => {
            for program in Program::all() {
                println!("{:<16} {}", program.name, program.description);
            }
        }
        Command::Check { cache, programs } => {
            let engine =
                Engine::new(configure(&mut Config::new())).map_err(|error| anyhow::Error::from_boxed(error.into()))?;
            let programs = programs.iter().map(|name| Program::named(name)).collect::<Result<Vec<_>, _>>()?;
            for program in programs {
                check(program, &Cache::at(&cache), &engine).with_context(|| program.name.to_owned())?;
                println!("{}: ok", program.name);
            }
        }
        Command::Place { cache, program, file } => {
            let wasm = read(&file)?;
            Cache::at(cache).place(&Program::named(&program)?.file_name(), &wasm)?;
        }
        Command::Link { adapter, wit, output, libraries } => {
            let component = linked(&adapter, &wit, &libraries).map_err(|error| anyhow::anyhow!(error))?;
            std::fs::write(&output, component).with_context(|| format!("cannot write {}", output.display()))?;
        }
    }
    Ok(())
}

fn check(program: &'static Program, cache: &Cache, engine: &Engine) -> anyhow::Result<()> {
    let files = program.files(cache, engine, &to_stderr)?;
    Ok(program.verify(engine, &files)?)
}

fn linked(
    adapter: &Path,
    wit: &Path,
    libraries: &[OsString],
) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let mut parts = libraries.iter().map(library).collect::<anyhow::Result<Vec<_>>>()?;
    let exporting = parts.iter_mut().rfind(|library| !library.opened).context("no library exports the world")?;
    exporting.wasm = with_world(std::mem::take(&mut exporting.wasm), wit)?;
    link(parts, &read(adapter)?)
}

fn library(argument: &OsString) -> anyhow::Result<Library> {
    let text = argument.to_string_lossy();
    if let Some((path, file)) = text.split_once('=') {
        return Ok(Library { name: path.to_owned(), wasm: read(Path::new(file))?, opened: true });
    }
    let path = Path::new(argument);
    let name = path.file_name().with_context(|| format!("{text} is not a file"))?;
    Ok(Library { name: name.to_string_lossy().into_owned(), wasm: read(path)?, opened: false })
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
