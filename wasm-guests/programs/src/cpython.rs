//! CPython 3.14 for WASI, built only from crates.io: the package `eryx-runtime` contains libpython, libc and a sandbox
//! runtime as data, `eryx` the standard library. Neither is compiled, which would add a second wasmtime. Several versions
//! of the runtime are compared. The standard library is the same in all of them, libpython and libc in 0.6 and 0.14.

use std::fs;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use ruzstd::decoding::StreamingDecoder;
use wasm_guests::{Cache, Made};

use crate::fetch::Package;
use crate::link::{Library, link};
use crate::{Error, Progress};

/// The runtime of the programs `cpython` and `cpython-pre`.
pub(crate) static ERYX_0_5: Package =
    runtime("0.5.0", "48c184818559c5a2d592441d3107e73806c87c3c2657c3d96491dbf71631bc36");

/// The first that asks its host for options.
pub(crate) static ERYX_0_6: Package =
    runtime("0.6.0", "aba7ace43e6c8ae783168fb973a2fd024ecbb0a2facd4cdb8b5cd3c938ea6a5a");

/// The newest one.
pub(crate) static ERYX_0_14: Package =
    runtime("0.14.0", "ebd37868b4373c67922b13da61e4cb2060b2bdf917b3dccb625ddefc176d0e44");

const fn runtime(version: &'static str, sha256: &'static str) -> Package {
    Package { name: "eryx-runtime", version, sha256 }
}

const LIBRARY: Package = Package {
    name: "eryx",
    version: "0.5.0",
    sha256: "b3256adcd68b018d035d9d64949cc68537d70e9d87a7a529d731578fa0360c0a",
};

/// The folder of the standard library in the cache.
pub(crate) const STDLIB: &str = "cpython-3.14-lib";

/// The libraries to link, dependencies first. Each is compressed with zstd.
const LIBRARIES: &[&str] = &[
    "libs/libwasi-emulated-process-clocks.so",
    "libs/libwasi-emulated-signal.so",
    "libs/libwasi-emulated-mman.so",
    "libs/libwasi-emulated-getpid.so",
    "libs/libc.so",
    "libs/libc++abi.so",
    "libs/libc++.so",
    "libs/libpython3.14.so",
    "prebuilt/liberyx_runtime.so",
    "prebuilt/liberyx_bindings.so",
];

const ADAPTER: &str = "libs/wasi_snapshot_preview1.reactor.wasm";

/// The component with this runtime, not pre-initialised.
pub(crate) fn component(
    cache: &Cache,
    program: &'static str,
    runtime: &Package,
    progress: Progress<'_>,
) -> Result<Made, Error> {
    let key = format!("{}\n{}\n{}", runtime.sha256, LIBRARIES.join(" "), crate::snapshot::tools());
    cache.made(program, "wasm", &key, || {
        let parts = runtime.files(progress, |path| path.extension().is_some_and(|extension| extension == "zst"))?;
        progress(&format!("linking {program}"));
        let part = |name: &str| {
            let path = PathBuf::from(format!("{name}.zst"));
            let found = parts.iter().find(|(found, _)| *found == path);
            let (_, compressed) = found.ok_or_else(|| format!("{runtime} has no {}", path.display()))?;
            decompress(compressed)
        };
        let libraries = LIBRARIES.iter().map(|path| {
            let name = path.rsplit('/').next().unwrap_or(path).to_owned();
            Ok(Library { name, wasm: part(path)?, opened: false })
        });
        let linked = libraries.collect::<Result<Vec<_>, _>>().and_then(|libraries| link(libraries, &part(ADAPTER)?));
        linked.map_err(Error::engine("link", program))
    })
}

fn decompress(compressed: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let mut bytes = Vec::new();
    std::io::copy(&mut StreamingDecoder::new(compressed)?, &mut bytes)?;
    Ok(bytes)
}

/// The folder of the unpacked standard library.
pub(crate) fn stdlib(cache: &Cache, progress: Progress<'_>) -> Result<PathBuf, Error> {
    cache.folder(STDLIB, |folder| {
        let packed = Path::new("python-stdlib.tar.gz");
        for (_, content) in LIBRARY.files(progress, |path| path == packed)? {
            unpack(&content, folder).map_err(Error::io(folder))?;
        }
        Ok(())
    })
}

/// Unpacks the content of the archive's only folder.
fn unpack(content: &[u8], folder: &Path) -> std::io::Result<()> {
    for entry in tar::Archive::new(GzDecoder::new(content)).entries()? {
        let mut entry = entry?;
        let path = folder.join(entry.path()?.components().skip(1).collect::<PathBuf>());
        if entry.header().entry_type().is_file() {
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            entry.unpack(path)?;
        }
    }
    Ok(())
}
