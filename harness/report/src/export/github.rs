//! Annotations of a GitHub workflow, as workflow commands that the runner reads from the log
//! (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>).

use std::io::{self, Write};

use highwater_model::exit;

use super::{Exporter, Results, level::Level};
use crate::{
    escape::{workflow_data, workflow_property},
    findings::{finding_lines, no_baseline},
    summary::Summary,
};

#[derive(Debug)]
pub(super) struct Github;

/// GitHub keeps this many annotations of a level per step and silently drops the rest.
const MAX_PER_LEVEL: usize = 10;

struct Annotation {
    level: Level,
    /// The file and the line.
    file: Option<(String, u32)>,
    title: String,
    message: String,
}

impl Exporter for Github {
    fn name(&self) -> &'static str {
        "github"
    }

    fn help(&self) -> &'static str {
        "annotations of a GitHub workflow, read from its log"
    }

    fn extension(&self) -> &'static str {
        "txt"
    }

    fn write(&self, results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
        let annotations = annotations(results);
        for level in Level::ALL {
            let of_level: Vec<&Annotation> =
                annotations.iter().filter(|annotation| annotation.level == level).collect();
            let shown = if of_level.len() > MAX_PER_LEVEL { MAX_PER_LEVEL - 1 } else { of_level.len() };
            for annotation in &of_level[..shown] {
                command(out, annotation)?;
            }
            if shown < of_level.len() {
                let message = format!("{} more of this level; see the log or the step summary", of_level.len() - shown);
                command(out, &Annotation { level, file: None, title: "Highwater".to_owned(), message })?;
            }
        }
        // The last line is for people who read the log. It is not a command.
        writeln!(out, "{}", Summary::of(results.comparison))
    }
}

fn annotations(results: &Results<'_>) -> Vec<Annotation> {
    let comparison = results.comparison;
    let file = |family: &str| Some((results.file(family)?.display().to_string(), 1));
    let mut annotations = Vec::new();
    for family in &comparison.families {
        for line in finding_lines(&family.verdicts) {
            let mut message = vec![line.sentence.clone()];
            message.extend(line.details.iter().cloned());
            if line.verdict.kind == highwater_judge::Kind::Failed {
                message.extend(results.failure_output(&line.verdict.case));
            }
            annotations.push(Annotation {
                level: Level::of(line.verdict, comparison.strict),
                file: line
                    .verdict
                    .place()
                    .map(|place| (place.file.clone(), place.line))
                    .or_else(|| file(&family.family)),
                title: format!("{}: {}", line.verdict.kind, line.subject()),
                message: message.join("\n"),
            });
        }
    }
    for absent in &comparison.without_baseline {
        annotations.push(Annotation {
            level: Level::Error,
            file: None,
            title: format!("no baseline: {}", absent.family),
            message: no_baseline(absent),
        });
    }
    if annotations.is_empty() && comparison.exit_status() == exit::NO_BASELINE {
        let message = "nothing was compared".to_owned();
        annotations.push(Annotation { level: Level::Error, file: None, title: "Highwater".to_owned(), message });
    }
    annotations
}

fn command(out: &mut dyn Write, annotation: &Annotation) -> io::Result<()> {
    let word = match annotation.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "notice",
    };
    let file = annotation.file.as_ref();
    let file = file.map_or(String::new(), |(file, line)| format!("file={},line={line},", workflow_property(file)));
    writeln!(
        out,
        "::{word} {file}title={}::{}",
        workflow_property(&annotation.title),
        workflow_data(&annotation.message)
    )
}
