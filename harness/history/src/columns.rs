//! The columns of a file. Their names and types are what other tools see, so they do not change: a file with other
//! columns is foreign.

use std::sync::Arc;

use highwater_model::Unit;
use parquet::{
    basic::Type,
    errors::Result,
    schema::{parser::parse_message_type, types::TypePtr},
};

/// The columns in their order. The rows of a file are sorted by the columns from `family` to `stage`.
pub(super) const COLUMNS: [(&str, Type); 15] = [
    ("run", Type::BYTE_ARRAY),
    ("revision", Type::BYTE_ARRAY),
    ("commit_time", Type::INT64),
    ("family", Type::BYTE_ARRAY),
    ("case", Type::BYTE_ARRAY),
    ("metric", Type::BYTE_ARRAY),
    ("aspect", Type::BYTE_ARRAY),
    ("stage", Type::BYTE_ARRAY),
    ("value", Type::DOUBLE),
    ("min", Type::DOUBLE),
    ("max", Type::DOUBLE),
    ("n", Type::INT32),
    ("unit", Type::BYTE_ARRAY),
    ("per", Type::BYTE_ARRAY),
    ("tolerance", Type::DOUBLE),
];

/// The key of the machine class in the metadata of a file. Its folder is named after it too.
pub(super) const CLASS: &str = "highwater.class";

/// The schema of a file.
pub(super) fn schema() -> Result<TypePtr> {
    let field = |(name, of): &(&str, Type)| match (of, *name) {
        (Type::BYTE_ARRAY, _) => format!("required binary {name} (STRING);"),
        (Type::INT64, _) => format!("required int64 {name} (TIMESTAMP(MILLIS,true));"),
        (Type::INT32, _) => format!("required int32 {name};"),
        _ => format!("required double {name};"),
    };
    let fields: String = COLUMNS.iter().map(field).collect();
    parse_message_type(&format!("message highwater_history {{ {fields} }}")).map(Arc::new)
}

/// The index of a column by its name.
pub(super) fn index(name: &str) -> usize {
    COLUMNS.iter().position(|(known, _)| *known == name).unwrap_or(COLUMNS.len())
}

/// The word for a unit.
pub(super) fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "bytes",
        Unit::Nanoseconds => "nanoseconds",
        Unit::Count => "count",
    }
}
