//! A module that a user gives (`just try`): what to call in it, as a small file among the inputs of a worker.
//!
//! ```text
//! initialize            if the function `_initialize` is to be called first, else `-`
//! i32 100000            an argument per line; the bits of a float as a number
//! call allocate         the function, to the end of the file; without a call the file ends before
//! ```

use std::{fmt::Write, path::Path};

use highwater_worker::CaseResult;

/// The function that a library of WASI preview 1 has to be initialised with.
pub const INITIALIZE: &str = "_initialize";

/// An argument of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// The bits of a 32-bit float.
    F32(u32),
    /// The bits of a 64-bit float.
    F64(u64),
}

/// A call of an exported function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub function: String,
    /// Its arguments.
    pub args: Vec<Value>,
}

/// What to do with each instance of a given module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Whether to call `_initialize` first.
    pub initialize: bool,
    /// The function to call, if any.
    pub call: Option<Call>,
}

impl Given {
    /// The file for a worker.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = if self.initialize { "initialize\n" } else { "-\n" }.to_owned();
        if let Some(Call { function, args }) = &self.call {
            for arg in args {
                // Writing to a `String` cannot fail.
                let _ = match arg {
                    Value::I32(value) => writeln!(text, "i32 {value}"),
                    Value::I64(value) => writeln!(text, "i64 {value}"),
                    Value::F32(bits) => writeln!(text, "f32 {bits}"),
                    Value::F64(bits) => writeln!(text, "f64 {bits}"),
                };
            }
            let _ = write!(text, "call {function}");
        }
        text
    }

    /// Reads the file.
    ///
    /// # Errors
    /// If it cannot be read, or is no such file.
    pub(crate) fn read(path: &Path) -> CaseResult<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Self::parse(&text).ok_or_else(|| format!("{}: not an order for this worker", path.display()).into())
    }

    fn parse(text: &str) -> Option<Self> {
        let (first, mut rest) = text.split_once('\n')?;
        let initialize = match first {
            "initialize" => true,
            "-" => false,
            _ => return None,
        };
        let mut args = Vec::new();
        while !rest.is_empty() {
            if let Some(function) = rest.strip_prefix("call ") {
                return Some(Self { initialize, call: Some(Call { function: function.to_owned(), args }) });
            }
            let (line, after) = rest.split_once('\n')?;
            let (kind, number) = line.split_once(' ')?;
            args.push(match kind {
                "i32" => Value::I32(number.parse().ok()?),
                "i64" => Value::I64(number.parse().ok()?),
                "f32" => Value::F32(number.parse().ok()?),
                "f64" => Value::F64(number.parse().ok()?),
                _ => return None,
            });
            rest = after;
        }
        args.is_empty().then_some(Self { initialize, call: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let args = vec![Value::I32(-1), Value::I64(i64::MIN), Value::F32(f32::NAN.to_bits()), Value::F64(1)];
        let call = |function: &str| Some(Call { function: function.to_owned(), args: args.clone() });
        for given in [
            Given::default(),
            Given { initialize: true, call: None },
            Given { initialize: false, call: call("f") },
            Given { initialize: true, call: call("a name\nof two lines\n") },
            Given { initialize: false, call: Some(Call { function: String::new(), args: Vec::new() }) },
        ] {
            assert_eq!(Given::parse(&given.text()), Some(given.clone()), "{:?}", given.text());
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "-", "call f", "maybe\n", "-\ni32 1\n", "-\ni32 x\ncall f", "-\ni16 1\ncall f", "-\nf\n"] {
            assert_eq!(Given::parse(text), None, "{text:?}");
        }
    }
}
