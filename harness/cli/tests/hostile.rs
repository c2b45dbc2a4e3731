//! A family with hostile text is measured, blessed, compared, exported and shown: neither the bench binary nor a
//! command of `highwater` writes any of the text raw.

mod common;

use std::{fs, path::Path, process::Command, sync::OnceLock};

use common::{example, files_below};
use highwater_report::export::EXPORTERS;
use tempfile::TempDir;

const REASON: &str = "\u{1b}[2J::error::reason\n##[error]\u{202e} <script>alert(1)</script> | =1";

fn program() -> &'static Path {
    static PROGRAM: OnceLock<std::path::PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| example::build("hostile"))
}

/// Runs a command in the folder, asserts that it did not end with an internal error, and checks what it printed.
fn checked(folder: &TempDir, mut command: Command) -> String {
    let ran = command.current_dir(folder.path()).env("HIGHWATER_TARGET_DIR", folder.path()).output().expect("runs");
    let [stdout, stderr] = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
    assert!(matches!(ran.status.code(), Some(0 | 1 | 3)), "{}\n{stdout}{stderr}", ran.status);
    // `github` is the only format that has commands, and it is checked below.
    let is_github = command.get_args().any(|argument| argument == "github");
    check(&format!("{command:?}"), &stdout, is_github);
    check(&format!("stderr of {command:?}"), &stderr, false);
    stdout + &stderr
}

fn is_raw(c: char) -> bool {
    let is_direction = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !matches!(c, '\n' | '\t') && c.is_control() || is_direction || matches!(c, '\u{fffe}' | '\u{ffff}')
}

fn check(what: &str, text: &str, is_github: bool) {
    let text = text.replace("\r\n", "\n");
    assert_eq!(text.chars().find(|c| is_raw(*c)), None, "{what}:\n{text:?}");
    for line in text.lines() {
        let is_ours = is_github && ["::error ", "::warning ", "::notice "].iter().any(|word| line.starts_with(word));
        assert!(is_ours || !line.trim_start().starts_with("::"), "{what}: {line}");
        assert!(!line.contains("##[") && !line.contains("##vso["), "{what}: {line}");
    }
}

fn bench(folder: &TempDir, args: &[&str]) -> String {
    let mut command = Command::new(program());
    command.args(args);
    checked(folder, command)
}

fn highwater(folder: &TempDir, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(args);
    if args[0] != "doctor" {
        command.args(["--run", "highwater"]);
    }
    checked(folder, command)
}

#[test]
fn hostile_text_is_escaped_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let shown = bench(&folder, &["--bench", "--memory-only", "--samples", "5"]);
    for escaped in ["\\x1b[31m::error::\\x00", "\\x3a:error file=x::injected", "\\x23#[error]forged", "\\u202e"] {
        assert!(shown.contains(escaped), "`{escaped}` is not in:\n{shown}");
    }
    bench(&folder, &["--memory-only"]);
    bench(&folder, &["--bench", "--list", "--memory-only"]);

    let bless = ["bless", "--reason", REASON, "--allow-dirty", "--allow-failures", "--baselines", "baselines"];
    highwater(&folder, &bless);
    for file in files_below(&folder.path().join("baselines")) {
        let text = fs::read_to_string(&file).expect("text");
        assert_eq!(text.chars().find(|c| is_raw(*c)), None, "{text:?}");
    }
    for exporter in EXPORTERS {
        for baselines in ["baselines", "none"] {
            let mut args = vec!["compare", "--no-confirm", "--format", exporter.name(), "--baselines", baselines];
            if baselines == "none" {
                // The failures and the reasons of another run are findings.
                args.extend(["--against", "highwater"]);
            }
            highwater(&folder, &args);
        }
    }
    highwater(&folder, &["exactness"]);
    highwater(&folder, &["report", "--out", "pages"]);
    let pages = files_below(&folder.path().join("pages"));
    assert!(pages.len() > 6, "{pages:?}");
    for page in pages {
        let html = fs::read_to_string(&page).expect("text");
        assert_eq!(html.chars().find(|c| is_raw(*c)), None, "{}", page.display());
        assert!(!html.contains("<script>alert"), "{}", page.display());
    }
}

#[test]
fn error_lines_with_hostile_file_names_are_escaped() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = "\u{1b}[2J\n::error::\u{202e}##[error]";
    let run = folder.path().join(name);
    fs::create_dir(&run).expect("made");
    fs::write(run.join("toy.json"), "{}").expect("written");
    for command in ["compare", "exactness", "report"] {
        let mut args = Command::new(env!("CARGO_BIN_EXE_highwater"));
        args.arg(command).arg("--run").arg(&run);
        let ran = args.current_dir(folder.path()).output().expect("runs");
        let stderr = String::from_utf8(ran.stderr).expect("UTF-8");
        let is_short =
            stderr.lines().count() == 2 && stderr.lines().last().is_some_and(|line| line.starts_with("next: "));
        assert!(!ran.status.success() && is_short, "{command}: {stderr}");
        check(command, &stderr, false);
        assert!(stderr.contains("\\x1b[2J ::error::\\u202e\\x23#[error]"), "{command}: {stderr}");
    }
}
