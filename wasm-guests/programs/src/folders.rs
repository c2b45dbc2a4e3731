//! Folders that look the same on every file system: their entries are in the order of their names, and what the system
//! says of a file depends only on the file's type, size and time of modification.
//!
//! Otherwise ext4 lists a folder by a hash whose seed each disk has for itself, tmpfs by age, and each has its own sizes
//! of folders. CPython keeps the names of a folder in a set as it reads them, and a number that is larger takes another
//! block, so both decide which page of its heap an object is on: up to 15 pages per sandbox between two file systems.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::vec::IntoIter;

use wasmtime::component::{ComponentType, Linker, LinkerInstance, Lower, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Datetime, Descriptor, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream, ErrorCode, Host,
    HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, PathFlags,
};

use crate::wasi::{EPOCH, State};

/// The interface as wasmtime-wasi defines it. If it defines another version, a test of CPython fails.
const INTERFACE: &str = "wasi:filesystem/types@0.2.12";

/// The entries that are still to be read, by stream.
#[derive(Default)]
pub(crate) struct Listings(HashMap<u32, IntoIter<DirectoryEntry>>);

impl Listings {
    fn next(&mut self, stream: u32) -> Option<DirectoryEntry> {
        let entry = self.0.get_mut(&stream)?.next();
        if entry.is_none() {
            self.0.remove(&stream);
        }
        entry
    }
}

/// Replaces the functions that list a folder or describe a file.
pub(crate) fn link(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    let mut filesystem = linker.instance(INTERFACE)?;
    filesystem.func_wrap_async(
        "[method]descriptor.read-directory",
        |mut store: StoreContextMut<'_, State>, (folder,): (Resource<Descriptor>,)| {
            Box::new(async move {
                let listed = list(store.data_mut(), folder).await;
                Ok((answer(store.data_mut(), listed)?,))
            })
        },
    )?;
    filesystem.func_wrap(
        "[method]directory-entry-stream.read-directory-entry",
        |mut store: StoreContextMut<'_, State>, (stream,): (Resource<DirectoryEntryStream>,)| {
            Ok((Ok::<_, ErrorCode>(store.data_mut().listings.next(stream.rep())),))
        },
    )?;
    describe(&mut filesystem, "stat", same_everywhere)?;
    describe(&mut filesystem, "metadata-hash", hash)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Defines a function that describes an open file, and the one for a path in a folder.
fn describe<T>(filesystem: &mut LinkerInstance<'_, State>, name: &str, of: fn(DescriptorStat) -> T) -> Result<()>
where
    T: ComponentType + Lower + Send + 'static,
{
    filesystem.func_wrap_async(
        &format!("[method]descriptor.{name}"),
        move |mut store: StoreContextMut<'_, State>, (file,): (Resource<Descriptor>,)| {
            Box::new(async move {
                let found = store.data_mut().filesystem().stat(file).await;
                Ok((answer(store.data_mut(), found.map(of))?,))
            })
        },
    )?;
    filesystem.func_wrap_async(
        &format!("[method]descriptor.{name}-at"),
        move |mut store: StoreContextMut<'_, State>,
              (folder, flags, path): (Resource<Descriptor>, PathFlags, String)| {
            Box::new(async move {
                let found = store.data_mut().filesystem().stat_at(folder, flags, path).await;
                Ok((answer(store.data_mut(), found.map(of))?,))
            })
        },
    )
}

/// The answer to the guest; the outer error is one of the host.
fn answer<T>(state: &mut State, result: FsResult<T>) -> Result<std::result::Result<T, ErrorCode>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => state.filesystem().convert_error_code(error).map(Err),
    }
}

/// Opens a stream of the folder's entries and reads all of them. A stream that reuses the number of a dropped one
/// replaces its entries.
async fn list(state: &mut State, folder: Resource<Descriptor>) -> FsResult<Resource<DirectoryEntryStream>> {
    let mut filesystem = state.filesystem();
    let stream = filesystem.read_directory(folder).await?;
    let mut entries = Vec::new();
    while let Some(entry) = filesystem.read_directory_entry(Resource::new_borrow(stream.rep())).await? {
        entries.push(entry);
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    state.listings.0.insert(stream.rep(), entries.into_iter());
    Ok(stream)
}

/// A description without what a file system decides. Files keep their time of modification, by which CPython recognises
/// the source of compiled code; they have it from the archive that they were unpacked from.
fn same_everywhere(found: DescriptorStat) -> DescriptorStat {
    let is_file = found.type_ == DescriptorType::RegularFile;
    let epoch = Datetime { seconds: EPOCH.as_secs(), nanoseconds: 0 };
    let time = found.data_modification_timestamp.filter(|_| is_file).unwrap_or(epoch);
    DescriptorStat {
        type_: found.type_,
        link_count: 1,
        size: if is_file { found.size } else { 0 },
        data_access_timestamp: Some(time),
        data_modification_timestamp: Some(time),
        status_change_timestamp: Some(time),
    }
}

/// What takes the place of a number of the file. Two files of one size and time have the same.
fn hash(found: DescriptorStat) -> MetadataHashValue {
    let found = same_everywhere(found);
    let mut hasher = DefaultHasher::new();
    let time = found.data_modification_timestamp.map(|time| (time.seconds, time.nanoseconds));
    (found.type_ as u8, found.size, time).hash(&mut hasher);
    MetadataHashValue { lower: hasher.finish(), upper: 0 }
}
