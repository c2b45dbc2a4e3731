//! What to do next: a command to paste, at the end of every command.

use std::{env, fs, path::Path};

use super::wrap::columns;
use crate::escape;

/// How `highwater` is called from the present folder: by its name if it is installed, or with cargo in a workspace that
/// has its sources.
#[must_use]
pub fn highwater_command(arguments: &str) -> String {
    let is_installed = || {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).any(|folder| folder.join("highwater").is_file())
    };
    let has_sources = || env::current_dir().is_ok_and(|folder| has_sources(&folder));
    match !is_installed() && has_sources() {
        true => format!("cargo run -q --release --bin highwater -- {arguments}"),
        false => format!("highwater {arguments}"),
    }
}

/// Whether the nearest lock file has this tool as a package of the workspace, which has no source.
fn has_sources(folder: &Path) -> bool {
    let lock = folder.ancestors().find_map(|folder| fs::read_to_string(folder.join("Cargo.lock")).ok());
    let is_it = |package: &str| package.contains("name = \"highwater-cli\"") && !package.contains("source = ");
    lock.is_some_and(|lock| lock.split("[[package]]").any(is_it))
}

/// The command that runs the bench of a family.
#[must_use]
pub fn bench_command(family: &str, arguments: &str) -> String {
    format!("cargo bench --bench {} -- {arguments}", quoted(family))
}

/// A word as an argument of a shell: in quotes unless it needs none.
#[must_use]
pub fn quoted(argument: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=,@:+".contains(c);
    match !argument.is_empty() && argument.chars().all(is_plain) {
        true => argument.to_owned(),
        false => format!("'{}'", argument.replace('\'', "'\\''")),
    }
}

/// The lines of a hint. If it is wider than `room`, its purpose has a line of its own, and the command is continued on
/// further lines as a shell reads it.
pub(super) fn lines(command: &str, purpose: &str, room: Option<usize>) -> String {
    let (command, purpose) = (escape::line(command), escape::line(purpose));
    let line = format!("next: {command}  # {purpose}");
    match room {
        Some(room) if columns(&line) > room => format!("next: {purpose}\n  {}", continued(&command, room)),
        _ => line,
    }
}

/// A command in several lines, each of which ends with a backslash but the last. Quoted words are not broken, and a flag
/// is not parted from its value.
fn continued(command: &str, room: usize) -> String {
    let (mut lines, mut last) = (Vec::new(), String::new());
    let mut used = 2;
    for word in arguments(command) {
        let needed = columns(&word) + usize::from(!last.is_empty());
        // Two columns for the backslash.
        if !last.is_empty() && used + needed + 2 > room {
            lines.push(std::mem::take(&mut last));
            used = 4;
        }
        if !last.is_empty() {
            last.push(' ');
        }
        last.push_str(&word);
        used += needed;
    }
    lines.push(last);
    lines.join(" \\\n    ")
}

/// The words of a command, and each flag with the word after it unless that is a flag, too.
fn arguments(command: &str) -> Vec<String> {
    let mut arguments: Vec<String> = Vec::new();
    for word in words(command) {
        match arguments.last_mut() {
            Some(flag) if flag.starts_with("--") && !flag.contains(' ') && !word.starts_with('-') => {
                flag.push(' ');
                flag.push_str(word);
            }
            _ => arguments.push(word.to_owned()),
        }
    }
    arguments
}

/// The words of a command, as a shell splits them.
fn words(command: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let split = move |c: char| {
        is_quoted ^= c == '\'';
        c == ' ' && !is_quoted
    };
    command.split(split).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_one_line_or_a_command_that_is_continued() {
        assert_eq!(lines("highwater compare", "judge this run", Some(80)), "next: highwater compare  # judge this run");
        let command = "highwater explain 'toy/a b/size=64k' --stage live@10 --base 0123456789ab";
        assert_eq!(
            lines(command, "which functions grew", Some(50)),
            "next: which functions grew\n  highwater explain 'toy/a b/size=64k' \\\n    --stage live@10 --base 0123456789ab"
        );
        assert!(!lines(command, "which functions grew", None).contains('\n'));
    }

    #[test]
    fn arguments_are_quoted_if_a_shell_would_change_them() {
        for (argument, text) in [
            ("toy/heap/size=64k", "toy/heap/size=64k"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
            ("a*", "'a*'"),
        ] {
            assert_eq!(quoted(argument), text);
        }
    }

    #[test]
    fn the_sources_are_found_by_the_lock_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("crates/inner");
        fs::create_dir_all(&inner).expect("made");
        assert!(!has_sources(&inner) || has_sources(folder.path().parent().expect("a parent")));
        let lock = |source: &str| {
            format!(
                "version = 4\n\n[[package]]\nname = \"highwater-cli\"\n{source}\n\n[[package]]\nname = \"a\"\nsource = \"x\"\n"
            )
        };
        fs::write(folder.path().join("Cargo.lock"), lock("")).expect("written");
        assert!(has_sources(&inner));
        fs::write(folder.path().join("Cargo.lock"), lock("source = \"registry\"")).expect("written");
        assert!(!has_sources(&inner));
    }
}
