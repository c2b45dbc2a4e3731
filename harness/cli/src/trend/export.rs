//! `trend --export NAME=PATH`: the series of a store for other tools.

use std::{
    env, fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use highwater_report::{
    series_export::{ConbenchExport, ExportedHistory, ExportedSeries, conbench, otava},
    terminal::note,
};
use highwater_store::write_atomically;

use super::series::Store;
use crate::{CliError, git};

/// The variable by which Conbench's own tools know the repository.
const REPOSITORY: &str = "CONBENCH_PROJECT_REPOSITORY";
/// The only repositories that Conbench accepts.
const GITHUB: &str = "https://github.com/";

/// One `--export`.
#[derive(Clone, Debug)]
pub(super) enum Export {
    /// The folder for Apache Otava.
    Otava(PathBuf),
    /// The file for Conbench.
    Conbench(PathBuf),
}

impl FromStr for Export {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((_, "")) => Err("expected a path after `=`".to_owned()),
            Some(("otava", folder)) => Ok(Self::Otava(folder.into())),
            Some(("conbench", file)) => Ok(Self::Conbench(file.into())),
            _ => Err("expected otava=DIR or conbench=FILE".to_owned()),
        }
    }
}

impl Export {
    /// Writes the series of a store.
    pub(super) fn write(&self, store: &Store) -> Result<(), CliError> {
        let history = exported(store);
        let error = |path: &Path| {
            let path = path.to_owned();
            move |source| CliError::Io { path, source }
        };
        match self {
            Self::Otava(folder) => {
                for (name, content) in otava(&history).map_err(error(folder))? {
                    let path = folder.join(name);
                    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(error(&path))?;
                    write_atomically(&path, &content)?;
                }
            }
            Self::Conbench(file) => {
                let ConbenchExport { lines, left_out } =
                    conbench(&history, &repository()?).map_err(|source| error(file)(source.into()))?;
                if left_out > 0 {
                    let series = format!("{left_out} series of counts");
                    note(format_args!("note: conbench: {series} are left out, because Conbench has no unit for them"));
                }
                write_atomically(file, lines.as_bytes())?;
            }
        }
        Ok(())
    }
}

fn exported(store: &Store) -> ExportedHistory {
    let series = store.series.iter().map(|(key, revisions, series)| ExportedSeries {
        class: key.class.clone(),
        case: key.case.clone(),
        quantity: key.quantity,
        aspect: key.aspect.clone(),
        per: key.per.clone(),
        revisions: revisions.clone(),
        values: series.values.clone(),
    });
    let revisions = store.revisions.iter().map(|(_, revision)| revision.clone()).collect();
    ExportedHistory { revisions, series: series.collect() }
}

/// The address of the repository on GitHub.
fn repository() -> Result<String, CliError> {
    let named = env::var(REPOSITORY).ok().filter(|address| !address.is_empty());
    let address = named.or_else(|| git::origin().ok()).unwrap_or_default();
    let address = address.trim().replace("git@github.com:", GITHUB).replace("ssh://git@github.com/", GITHUB);
    let address = address.strip_suffix(".git").unwrap_or(&address).to_owned();
    match address.starts_with(GITHUB) {
        true => Ok(address),
        false => {
            let problem =
                format!("conbench: the remote `origin` is not on GitHub, as Conbench requires; set {REPOSITORY}");
            Err(CliError::Usage(format!("--export: {problem}={GITHUB}OWNER/NAME")))
        }
    }
}
