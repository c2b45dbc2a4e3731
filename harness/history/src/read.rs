//! Reads a store. A file that is truncated, damaged or not of Highwater is skipped and reported, and never an error: a
//! store is shared, and one bad file must not hide the others.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use highwater_model::{Aspect, Bytes as Size, CaseId, MachineClass, Quantity};
use highwater_store::{StoreError, one_line, read_file};
use parquet::{
    column::reader::get_typed_column_reader,
    data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type},
    errors::ParquetError,
    file::reader::{FileReader, RowGroupReader, SerializedFileReader},
};

use crate::{
    HistoryError, HistoryRun,
    columns::{CLASS, COLUMNS, index},
    quietly::quietly,
};

/// The largest file that is read. A run of this project has 0.2 MiB.
const LARGEST: Size = Size(64 << 20);

/// What a store contains.
#[derive(Debug, Default)]
pub struct History {
    /// The runs, in the order of their files.
    pub runs: Vec<HistoryRun>,
    /// Each series with its points.
    pub series: Vec<(SeriesKey, Vec<Point>)>,
    /// Files that were not read.
    pub skipped: Vec<SkippedFile>,
}

/// What a series is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesKey {
    /// The machine class.
    pub class: MachineClass,
    /// The case.
    pub case: CaseId,
    /// What was measured.
    pub quantity: Quantity,
    /// What of it is judged.
    pub aspect: Aspect,
    /// What one unit of the ladder is: `sandbox`.
    pub per: String,
}

/// A value of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The index of its run.
    pub run: usize,
    /// The median of the workers.
    pub value: f64,
    /// The lowest value.
    pub min: f64,
    /// The highest value.
    pub max: f64,
    /// The number of workers.
    pub workers: i32,
    /// The largest rise that the policy tolerated.
    pub tolerance: f64,
}

/// A file that was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedFile {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub problem: String,
}

/// Reads the rows of the cases for which `is_wanted`.
///
/// # Errors
/// If a folder of the store cannot be read.
pub fn read_history(store: &Path, is_wanted: &dyn Fn(&str) -> bool) -> Result<History, HistoryError> {
    let mut reader = Reader { is_wanted, history: History::default(), known: BTreeMap::new(), order: Vec::new() };
    for class_folder in entries(store)? {
        let Some(class) = partition::<MachineClass>(&class_folder, "class=") else {
            reader.skip(class_folder, "not a folder of a machine class");
            continue;
        };
        for month_folder in entries(&class_folder)? {
            if partition::<String>(&month_folder, "month=").is_none() {
                reader.skip(month_folder, "not a folder of a month");
                continue;
            }
            for path in entries(&month_folder)? {
                if let Err(problem) = reader.file(&path, &class) {
                    reader.skip(path, &problem);
                }
            }
        }
    }
    let mut history = reader.history;
    // A file that was skipped may have named a series that no other has.
    history.series.retain(|(_, points)| !points.is_empty());
    Ok(history)
}

/// The entries of a folder in order, without temporary files.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, HistoryError> {
    let error = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => StoreError::Missing(folder.to_owned()),
        _ => StoreError::Io { path: folder.to_owned(), source },
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// The value of a partition folder: the class of `class=linux-...`.
fn partition<T: std::str::FromStr>(folder: &Path, name: &str) -> Option<T> {
    folder.file_name()?.to_str()?.strip_prefix(name)?.parse().ok().filter(|_| folder.is_dir())
}

/// Collects the rows of files.
struct Reader<'a> {
    is_wanted: &'a dyn Fn(&str) -> bool,
    history: History,
    /// The index of each series.
    known: BTreeMap<SeriesKey, usize>,
    /// The series of the rows of the last file. The next file mostly has the same.
    order: Vec<([ByteArray; 5], usize)>,
}

impl Reader<'_> {
    fn skip(&mut self, path: PathBuf, problem: &str) {
        self.history.skipped.push(SkippedFile { path, problem: one_line(problem) });
    }

    /// Adds the rows of a file, all or none.
    fn file(&mut self, path: &Path, class: &MachineClass) -> Result<(), String> {
        // The decoder panics on some damaged metadata.
        let decoded = quietly(|| decoded(path, class, self.is_wanted));
        let tables = decoded.ok_or_else(|| "it is damaged".to_owned())??;
        let Some(run) = tables.iter().find_map(|table| table.run(class)) else { return Ok(()) };
        if path.file_stem() != Some(run.id.as_ref()) {
            return Err(format!("it contains run {}", run.id));
        }
        let mut points = Vec::new();
        for table in &tables {
            self.points(table, class, self.history.runs.len(), &mut points)?;
        }
        points.into_iter().for_each(|(series, point)| self.history.series[series].1.push(point));
        self.history.runs.push(run);
        Ok(())
    }

    /// The rows of a table, each with the index of its series.
    fn points(
        &mut self,
        table: &Table,
        class: &MachineClass,
        run: usize,
        points: &mut Vec<(usize, Point)>,
    ) -> Result<(), String> {
        let mut order = Vec::with_capacity(table.value.len());
        for row in (0..table.value.len()).filter(|row| table.is_wanted[*row]) {
            let names = [&table.case, &table.metric, &table.aspect, &table.stage, &table.per].map(|it| it[row].clone());
            let series = match self.order.get(order.len()) {
                Some((known, series)) if *known == names && self.history.series[*series].0.class == *class => *series,
                _ => self.series(&names, class)?,
            };
            order.push((names, series));
            let point = Point {
                run,
                value: table.value[row],
                min: table.min[row],
                max: table.max[row],
                workers: table.workers[row],
                tolerance: table.tolerance[row],
            };
            points.push((series, point));
        }
        self.order = order;
        Ok(())
    }

    /// The index of a series, which is added if it is new.
    fn series(&mut self, names: &[ByteArray; 5], class: &MachineClass) -> Result<usize, String> {
        let [case, metric, aspect, stage, per] = names.each_ref().map(|name| name.as_utf8().unwrap_or_default());
        let key = SeriesKey {
            class: class.clone(),
            case: case.parse::<CaseId>().map_err(|error| error.to_string())?,
            quantity: metric.parse::<Quantity>().map_err(|error| error.to_string())?,
            aspect: Aspect::parse(aspect, stage).ok_or_else(|| format!("`{aspect} {stage}` is not judged"))?,
            per: per.to_owned(),
        };
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let index = self.history.series.len();
        self.history.series.push((key.clone(), Vec::new()));
        self.known.insert(key, index);
        Ok(index)
    }
}

/// The tables of a file that have a wanted case.
fn decoded(path: &Path, class: &MachineClass, is_wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Table>, String> {
    let content = read_file(path, LARGEST).map_err(|error| error.to_string())?;
    let file = SerializedFileReader::new(Bytes::from(content)).map_err(text)?;
    check(&file, class)?;
    let group = |group| file.get_row_group(group).and_then(|group| Table::read(&*group, is_wanted));
    let tables: Result<Vec<Option<Table>>, ParquetError> = (0..file.num_row_groups()).map(group).collect();
    Ok(tables.map_err(text)?.into_iter().flatten().collect())
}

/// Whether a file has the columns of a store and belongs to this class.
fn check(file: &SerializedFileReader<Bytes>, class: &MachineClass) -> Result<(), String> {
    let metadata = file.metadata().file_metadata();
    let columns = metadata.schema_descr().columns();
    let is_known = |(column, (name, of)): (&parquet::schema::types::ColumnDescPtr, &(&str, parquet::basic::Type))| {
        column.name() == *name && column.physical_type() == *of && column.max_def_level() == 0
    };
    if columns.len() != COLUMNS.len() || !columns.iter().zip(&COLUMNS).all(is_known) {
        return Err("its columns are not those of a history".to_owned());
    }
    let pairs = metadata.key_value_metadata().into_iter().flatten();
    let of_file = pairs.filter(|pair| pair.key == CLASS).find_map(|pair| pair.value.clone());
    match of_file {
        Some(of_file) if of_file == class.to_string() => Ok(()),
        Some(of_file) => Err(format!("it is of the machine class {of_file}")),
        None => Err("it names no machine class".to_owned()),
    }
}

/// The rows of a row group, by column.
struct Table {
    run: Vec<ByteArray>,
    revision: Vec<ByteArray>,
    commit_time: Vec<i64>,
    case: Vec<ByteArray>,
    is_wanted: Vec<bool>,
    metric: Vec<ByteArray>,
    aspect: Vec<ByteArray>,
    stage: Vec<ByteArray>,
    per: Vec<ByteArray>,
    value: Vec<f64>,
    min: Vec<f64>,
    max: Vec<f64>,
    workers: Vec<i32>,
    tolerance: Vec<f64>,
}

impl Table {
    /// `None` if no case is wanted: the other columns are then not read.
    fn read(group: &dyn RowGroupReader, is_wanted: &dyn Fn(&str) -> bool) -> Result<Option<Self>, ParquetError> {
        let case = column::<ByteArrayType>(group, "case")?;
        let mut last: Option<(&ByteArray, bool)> = None;
        let mut wanted = Vec::with_capacity(case.len());
        for case in &case {
            // Rows are sorted by case.
            let answer = match last {
                Some((known, answer)) if known == case => answer,
                _ => is_wanted(case.as_utf8()?),
            };
            last = Some((case, answer));
            wanted.push(answer);
        }
        if !wanted.contains(&true) {
            return Ok(None);
        }
        Ok(Some(Self {
            run: column::<ByteArrayType>(group, "run")?,
            revision: column::<ByteArrayType>(group, "revision")?,
            commit_time: column::<Int64Type>(group, "commit_time")?,
            case,
            is_wanted: wanted,
            metric: column::<ByteArrayType>(group, "metric")?,
            aspect: column::<ByteArrayType>(group, "aspect")?,
            stage: column::<ByteArrayType>(group, "stage")?,
            per: column::<ByteArrayType>(group, "per")?,
            value: column::<DoubleType>(group, "value")?,
            min: column::<DoubleType>(group, "min")?,
            max: column::<DoubleType>(group, "max")?,
            workers: column::<Int32Type>(group, "n")?,
            tolerance: column::<DoubleType>(group, "tolerance")?,
        }))
    }

    /// The run of its first row. All rows of a file are of one run.
    fn run(&self, class: &MachineClass) -> Option<HistoryRun> {
        let first = |column: &[ByteArray]| Some(column.first()?.as_utf8().ok()?.to_owned());
        Some(HistoryRun {
            id: first(&self.run)?,
            class: class.clone(),
            revision: first(&self.revision)?,
            commit_time: self.commit_time.first()?.div_euclid(1000),
        })
    }
}

/// All values of a column.
fn column<T: DataType>(group: &dyn RowGroupReader, name: &str) -> Result<Vec<T::T>, ParquetError> {
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    let mut values = Vec::new();
    let mut reader = get_typed_column_reader::<T>(group.get_column_reader(index(name))?);
    let (read, ..) = reader.read_records(rows, None, None, &mut values)?;
    match read == rows {
        true => Ok(values),
        false => Err(ParquetError::General(format!("{name} has {read} of {rows} rows"))),
    }
}

fn text(error: ParquetError) -> String {
    error.to_string()
}
