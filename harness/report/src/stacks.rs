//! Call stacks and explanations as lines of text. Names come from the files of a worker, so they are escaped.

use highwater_model::{Explanation, Frame, StackGrowth};

use super::{counted::grouped, escape};

/// A number of bytes or blocks with its sign: `+4,096`.
#[must_use]
pub fn signed(number: i64) -> String {
    let sign = match number {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{}", grouped(usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX)))
}

/// One stack as a line: `+4,096 B per sandbox (+204,800 B) in +50 blocks  cache::insert (src/cache.rs:12) <- main`.
/// Inlined functions have the file and line, because their names are short.
#[must_use]
pub fn stack_line(stack: &StackGrowth, unit: &str) -> String {
    let bytes = signed(stack.bytes);
    let amount = match stack.per_unit {
        Some(per_unit) if per_unit.abs() >= 0.5 => {
            format!("{} B per {unit} ({bytes} B)", signed(per_unit.round() as i64))
        }
        _ => format!("{bytes} B"),
    };
    let what = match stack.category {
        None => "blocks".to_owned(),
        Some(category) => format!("pages of {category}"),
    };
    let frames: Vec<String> = stack.frames.iter().enumerate().map(|(index, frame)| named(frame, index == 0)).collect();
    let frames = if frames.is_empty() { "[unknown]".to_owned() } else { frames.join(" <- ") };
    escape::line(&format!("{amount} in {} {what}  {frames}", signed(stack.count)))
}

/// The first function has the path of its file, and inlined ones the name of it.
fn named(frame: &Frame, is_first: bool) -> String {
    let Frame { function, inlined, place } = frame;
    match place {
        Some(place) if is_first => format!("{function} ({}:{})", place.file, place.line),
        Some(place) if *inlined => {
            let file = place.file.rsplit('/').next().unwrap_or_default();
            format!("{function} ({file}:{})", place.line)
        }
        _ => function.clone(),
    }
}

/// The details below a finding: the stacks, what is missing, and the command that shows all of it.
pub(crate) fn explanation_lines(explanation: &Explanation) -> Vec<String> {
    let command = escape::line(&format!("to explain it: {}", explanation.command));
    explanation_stacks(explanation).into_iter().chain([command]).collect()
}

/// The details below a finding without the command.
pub(crate) fn explanation_stacks(explanation: &Explanation) -> Vec<String> {
    let stacks = explanation.stacks.iter().map(|stack| stack_line(stack, &explanation.unit));
    let remark = explanation.remark.iter().map(|remark| escape::line(remark));
    stacks.chain(remark).collect()
}

#[cfg(test)]
mod tests {
    use highwater_model::{Category, Place};

    use super::*;

    fn stack() -> StackGrowth {
        let place = |file: &str, line| Some(Place { file: file.to_owned(), line });
        let frame = |function: &str, inlined, place| Frame { function: function.to_owned(), inlined, place };
        StackGrowth {
            bytes: 204_800,
            count: 50,
            per_unit: Some(4096.0),
            category: None,
            frames: vec![
                frame("cache::insert", false, place("src/cache.rs", 12)),
                frame("{closure#0}", true, place("src/host/main.rs", 7)),
                frame("main", false, place("src/host/main.rs", 3)),
            ],
        }
    }

    #[test]
    fn a_stack_is_one_line() {
        let line = stack_line(&stack(), "sandbox");
        let amount = "+4,096 B per sandbox (+204,800 B) in +50 blocks";
        assert_eq!(line, format!("{amount}  cache::insert (src/cache.rs:12) <- {{closure#0}} (main.rs:7) <- main"));
        let pages =
            StackGrowth { category: Some(Category::Stacks), per_unit: None, bytes: -8192, count: -2, ..stack() };
        assert!(stack_line(&pages, "sandbox").starts_with("-8,192 B in -2 pages of stacks  cache"));
    }

    #[test]
    fn names_from_a_file_cannot_forge_a_line() {
        let mut stack = stack();
        stack.frames[0].function = "a\n::error::forged\u{1b}[2J".to_owned();
        assert!(!stack_line(&stack, "unit").contains(['\n', '\u{1b}']));
    }
}
