//! Writes the file of a run.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use highwater_store::write_atomically;
use parquet::{
    column::writer::ColumnWriter,
    data_type::ByteArray,
    errors::{ParquetError, Result},
    file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
};

use crate::{
    HistoryError, HistoryRow, HistoryRun,
    columns::{CLASS, COLUMNS, schema, unit},
};

/// Adds a run to a store, which is created if it does not exist, and returns the path of the file. A run that the store
/// has is replaced.
///
/// # Errors
/// If the id of the run is not fit for a file name, or the file cannot be written.
pub fn append(store: &Path, run: &HistoryRun, rows: &[HistoryRow]) -> std::result::Result<PathBuf, HistoryError> {
    let path = store.join(run.path()?);
    let content = encoded(run, rows).map_err(|source| HistoryError::Parquet { path: path.clone(), source })?;
    write_atomically(&path, &content)?;
    Ok(path)
}

/// A row with its case, metric, aspect and stage as text, by which rows are sorted.
type NamedRow<'a> = (&'a HistoryRow, [String; 4]);

/// The content of a file.
fn encoded(run: &HistoryRun, rows: &[HistoryRow]) -> Result<Vec<u8>> {
    let mut rows: Vec<NamedRow<'_>> = rows.iter().map(|row| (row, names(row))).collect();
    rows.sort_by(|(_, a), (_, b)| a.cmp(b));
    let class = KeyValue::new(CLASS.to_owned(), run.class.to_string());
    let properties = WriterProperties::builder()
        .set_created_by(concat!("highwater ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(vec![class]))
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema()?, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for (name, _) in COLUMNS {
        let mut column = group.next_column()?.ok_or_else(|| ParquetError::General(format!("no column {name}")))?;
        let texts = |text: &dyn Fn(&NamedRow<'_>) -> ByteArray| rows.iter().map(text).collect::<Vec<_>>();
        let doubles = |number: fn(&HistoryRow) -> f64| rows.iter().map(|(row, _)| number(row)).collect::<Vec<f64>>();
        match column.untyped() {
            ColumnWriter::ByteArrayColumnWriter(column) => column.write_batch(
                &match name {
                    "run" => repeated(&run.id, rows.len()),
                    "revision" => repeated(&run.revision, rows.len()),
                    "family" => texts(&|(row, _)| row.case.family().into()),
                    "case" => texts(&|(_, names)| names[0].as_str().into()),
                    "metric" => texts(&|(_, names)| names[1].as_str().into()),
                    "aspect" => texts(&|(_, names)| names[2].as_str().into()),
                    "stage" => texts(&|(_, names)| names[3].as_str().into()),
                    "unit" => texts(&|(row, _)| unit(row.quantity.unit()).into()),
                    _ => texts(&|(row, _)| row.per.as_str().into()),
                },
                None,
                None,
            )?,
            ColumnWriter::DoubleColumnWriter(column) => column.write_batch(
                &match name {
                    "value" => doubles(|row| row.value),
                    "min" => doubles(|row| row.min),
                    "max" => doubles(|row| row.max),
                    _ => doubles(|row| row.tolerance),
                },
                None,
                None,
            )?,
            ColumnWriter::Int64ColumnWriter(column) => {
                column.write_batch(&vec![run.commit_time * 1000; rows.len()], None, None)?
            }
            ColumnWriter::Int32ColumnWriter(column) => {
                column.write_batch(&rows.iter().map(|(row, _)| row.workers).collect::<Vec<i32>>(), None, None)?
            }
            _ => return Err(ParquetError::General(format!("{name} has no such type"))),
        };
        column.close()?;
    }
    group.close()?;
    writer.into_inner()
}

fn names(row: &HistoryRow) -> [String; 4] {
    [row.case.to_string(), row.quantity.to_string(), row.aspect.word().to_owned(), row.aspect.place()]
}

fn repeated(text: &str, times: usize) -> Vec<ByteArray> {
    vec![text.into(); times]
}
