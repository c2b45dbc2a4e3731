//! The JSON layout of records: like `serde_json`'s pretty printer, but with arrays of scalars on one line, so that a
//! column of samples is one line of a diff.

use std::io::{self, Write};

use serde::Serialize;
// Objects keep the order of their fields (feature `preserve_order`).
use serde_json::{
    Value,
    ser::{Formatter, PrettyFormatter, Serializer},
};

/// Indented JSON with arrays of scalars on one line and a newline at the end.
///
/// # Errors
/// If a value cannot be represented as JSON (a map whose keys are not strings).
pub(super) fn to_text(value: &impl Serialize) -> serde_json::Result<String> {
    // Via `Value`, because the layout of an array depends on all its items.
    let value = serde_json::to_value(value)?;
    let mut text = Vec::new();
    write_value(&mut text, &mut PrettyFormatter::new(), &value).map_err(serde_json::Error::io)?;
    text.push(b'\n');
    String::from_utf8(text).map_err(|error| serde_json::Error::io(io::Error::other(error)))
}

fn write_value(out: &mut Vec<u8>, pretty: &mut PrettyFormatter<'_>, value: &Value) -> io::Result<()> {
    match value {
        Value::Array(items) if items.iter().any(|item| item.is_array() || item.is_object()) => {
            pretty.begin_array(out)?;
            for (index, item) in items.iter().enumerate() {
                pretty.begin_array_value(out, index == 0)?;
                write_value(out, pretty, item)?;
                pretty.end_array_value(out)?;
            }
            pretty.end_array(out)
        }
        Value::Array(items) => {
            out.write_all(b"[")?;
            for (index, item) in items.iter().enumerate() {
                out.write_all(if index == 0 { b"" } else { b", " })?;
                write_value(out, pretty, item)?;
            }
            out.write_all(b"]")
        }
        Value::Object(fields) => {
            pretty.begin_object(out)?;
            for (index, (key, item)) in fields.iter().enumerate() {
                pretty.begin_object_key(out, index == 0)?;
                key.serialize(&mut Serializer::new(&mut *out))?;
                pretty.begin_object_value(out)?;
                write_value(out, pretty, item)?;
                pretty.end_object_value(out)?;
            }
            pretty.end_object(out)
        }
        plain => Ok(plain.serialize(&mut Serializer::new(out))?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_samples_is_one_line() {
        let value = serde_json::json!({"a": [1, 2, 3], "b": [{"c": []}], "d": "x"});
        let text = to_text(&value).expect("plain JSON");
        assert_eq!(
            text,
            "{\n  \"a\": [1, 2, 3],\n  \"b\": [\n    {\n      \"c\": []\n    }\n  ],\n  \"d\": \"x\"\n}\n"
        );
    }
}
