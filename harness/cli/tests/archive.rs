//! `highwater archive` and `highwater run --archive`: the benches of a project measure without its sources and without a
//! toolchain, as a part of a run whose other part was measured from the sources.

mod common;

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process,
};

use assert_cmd::Command;
use common::{Ran, run, toy, toy_project::Project};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use highwater_model::exit;
use highwater_store::read_record;
use tempfile::TempDir;

/// A project whose bench binary is the example `toy`. Cargo takes it for what it built, and leaves it alone.
fn project() -> (Project, PathBuf) {
    let project = Project::new();
    let built = project.std_command("cargo").args(["bench", "--no-run", "--quiet"]).status().expect("cargo");
    assert!(built.success());
    let is_bench = |path: &PathBuf| path.extension().is_none() && path.is_file();
    let files = fs::read_dir(project.path().join("target/release/deps")).expect("a folder");
    let mut benches = files.flatten().map(|entry| entry.path()).filter(is_bench);
    let bench = benches.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("toy-")));
    let bench = bench.expect("a bench binary");
    fs::remove_file(&bench).expect("removed");
    fs::copy(toy(), &bench).expect("copied");
    (project, bench)
}

/// A folder elsewhere, with an archive of a project whose sources are gone.
struct Elsewhere {
    folder: TempDir,
    /// The commit of the archive.
    commit: String,
}

impl Elsewhere {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a program that finds no other.
    fn run(&self, program: &Path, arguments: &[&str], status: u8) -> Ran {
        let mut command = process::Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).env_clear().env("PATH", self.path("no-programs"));
        run(Command::from_std(command), status.into())
    }

    fn highwater(&self, arguments: &[&str], status: u8) -> Ran {
        self.run(Path::new(env!("CARGO_BIN_EXE_highwater")), arguments, status)
    }
}

#[test]
fn an_archive_measures_a_part_without_sources_and_toolchain() {
    let (project, bench) = project();
    let mut command = project.std_command(bench.to_str().expect("text"));
    command.args(["--bench", "--memory-only", "--samples", "5", "--partition", "slice:1/2"]);
    run(Command::from_std(command), 0);
    let folder = tempfile::tempdir().expect("a folder");
    let elsewhere = Elsewhere { folder, commit: project.git(&["rev-parse", "--short=12", "HEAD"]) };
    let archive = elsewhere.path("benches.tar.zst");
    let ran = project.highwater(&["archive", "--output", archive.to_str().expect("text")], exit::PASSED);
    ran.line(" of 1 bench, ");
    assert!(ran.stderr.contains("run --archive"), "{}", ran.stderr);
    fs::create_dir(elsewhere.path("part-1")).expect("made");
    for name in ["toy.json", "last-run"] {
        let from = project.path().join("target/highwater").join(name);
        fs::rename(from, elsewhere.path("part-1").join(name)).expect("moved");
    }
    drop(project);

    let arguments =
        ["run", "--archive", "benches.tar.zst", "--partition", "slice:2/2", "--", "--memory-only", "--samples", "5"];
    let ran = elsewhere.highwater(&arguments, exit::PASSED);
    assert!(ran.stderr.contains("records: ") && ran.stderr.contains("bin/highwater compare"), "{}", ran.stderr);
    let record = read_record(&elsewhere.path("benches/target/highwater/toy.json")).expect("a record");
    assert_eq!(record.fingerprint.context.get("commit"), Some(&elsewhere.commit));
    let of_part = read_record(&elsewhere.path("part-1/toy.json")).expect("a record");
    assert_eq!(record.fingerprint.context.get("rustc"), of_part.fingerprint.context.get("rustc"));
    let merge = ["merge", "part-1", "benches/target/highwater", "--output", "merged"];
    elsewhere.highwater(&merge, exit::PASSED).line("toy: 2 cases of 2 parts; written to ");

    // The archive has the command too. What is unpacked is used again, and so is another folder.
    let own = elsewhere.path("benches/bin/highwater");
    elsewhere.run(&own, &["compare", "--run", "merged"], exit::NO_BASELINE);
    elsewhere.run(&own, &arguments, exit::PASSED);
    let other = ["run", "--archive", "benches.tar.zst", "--extract-to", "other", "toy", "--", "--list"];
    assert!(elsewhere.highwater(&other, exit::PASSED).stdout.contains("toy/heap/size=64k: benchmark"));
    let unknown = ["run", "--archive", "benches.tar.zst", "zoo"];
    elsewhere.highwater(&unknown, exit::USAGE).complains_in_one_line(&["it has no family zoo; it has toy"]);
    let within = ["run", "--archive", "benches.tar.zst", "--extract-to", "part-1"];
    elsewhere.highwater(&within, exit::USAGE).complains_in_one_line(&["part-1: not empty", "--extract-to"]);
    let failing = ["run", "--archive", "benches.tar.zst", "--", "--no-such-flag"];
    elsewhere.highwater(&failing, exit::USAGE);
}

#[test]
fn an_archive_that_cannot_be_used_is_one_line() {
    let (project, _) = project();
    let archive = project.path().join("benches.tar.gz");
    let packed = project.highwater(&["archive", "--output", "benches.tar.gz", "--package", "small"], exit::PASSED);
    packed.line("benches.tar.gz: ");
    let good = fs::read(&archive).expect("an archive");
    let refused = |content: &[u8], status: u8, parts: &[&str]| {
        fs::write(&archive, content).expect("written");
        let arguments = ["run", "--archive", "benches.tar.gz", "--extract-to", "unpacked"];
        project.highwater(&arguments, status).complains_in_one_line(parts);
        assert!(!project.path().join("unpacked").exists());
    };
    refused(&good[..good.len() / 2], exit::INTERNAL, &["benches.tar.gz: the archive is damaged (", "copy it again"]);
    refused(&good[..good.len() - 4], exit::INTERNAL, &["the archive is damaged ("]);
    let mut changed = good.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    refused(&changed, exit::INTERNAL, &["the archive is damaged ("]);
    refused(b"not an archive", exit::USAGE, &["not an archive of `highwater archive`: it is neither zstd nor gzip"]);

    let mut tar = Vec::new();
    GzDecoder::new(&good[..]).read_to_end(&mut tar).expect("a tar");
    let with = |from: &str, to: &str| {
        let place = tar.windows(from.len()).position(|part| part == from.as_bytes()).expect("in the manifest");
        let mut tar = tar.clone();
        tar[place..place + to.len()].copy_from_slice(to.as_bytes());
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&tar).expect("memory");
        encoder.finish().expect("memory")
    };
    let arch = format!("\"arch\": \"{}\"", std::env::consts::ARCH);
    let other = format!("\"arch\": \"{}\"", "m".repeat(std::env::consts::ARCH.len()));
    refused(&with(&arch, &other), exit::USAGE, &["its programs are for mmm", "this machine is "]);
    refused(
        &with("\"format\": 1", "\"format\": 9"),
        exit::USAGE,
        &["an archive of format 9; this command reads format 1"],
    );
    refused(&with("manifest.json", "manifesto.txt"), exit::INTERNAL, &["the archive is damaged ("]);

    project
        .highwater(&["archive", "--output", "benches.zip"], exit::USAGE)
        .complains_in_one_line(&[".tar.zst or .tar.gz"]);
    let missing = ["run", "--archive", "gone.tar.gz"];
    project.highwater(&missing, exit::INTERNAL).complains_in_one_line(&["gone.tar.gz: No such file"]);
}
