//! Folders and files of a repository.
//!
//! A version is published by writing it beside, syncing, and renaming its folder to its number: the rename fails if the
//! number is taken, so it claims the number too, between workers and between servers.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use crate::{model_file::FILE_NAME, model_name::ModelName};

/// Folders that a publication writes beside the versions start with this.
const UNFINISHED: &str = ".unfinished-";
/// Unfinished folders older than this were left by a server that died.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);

/// Tells a file from its replacement: inode, size and time of change; none when there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(Option<(u64, u64, i64, i64)>);

impl Stamp {
    /// Of the model file in a version's folder.
    pub(super) fn of(folder: &Path) -> Self {
        let metadata = fs::metadata(folder.join(FILE_NAME)).ok();
        Self(metadata.map(|metadata| (metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec())))
    }
}

/// The models in a repository. A directory that is gone is an error, as when a disk is not mounted.
pub(crate) fn models(directory: &Path) -> io::Result<Vec<(ModelName, PathBuf)>> {
    fs::metadata(directory)?;
    entries(directory, |name| ModelName::new(name).ok())
}

/// The versions in a model's folder.
pub(crate) fn versions(model: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    entries(model, version_number)
}

/// Writes a model's file as the next version of `name`.
pub(super) fn publish(directory: &Path, name: &ModelName, bytes: &[u8]) -> io::Result<u32> {
    Unfinished::write(directory, name, bytes)?.claim()
}

/// A model's file, written and synced beside the versions of its model. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Unfinished {
    directory: PathBuf,
    name: ModelName,
    folder: PathBuf,
}

impl Unfinished {
    /// Writes a file that is to be the next version of `name`.
    pub(crate) fn write(directory: &Path, name: &ModelName, bytes: &[u8]) -> io::Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let model = directory.join(name.as_str());
        let folder = model.join(format!(
            "{UNFINISHED}{}-{}-{}",
            process::id(),
            COUNTER.fetch_add(1, Ordering::Relaxed),
            SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |now| now.as_nanos()),
        ));
        let make = || fs::create_dir_all(&model).and_then(|()| fs::create_dir(&folder));
        make().or_else(|error| match error.kind() {
            // Another publication that came to nothing took the model's empty folder away meanwhile.
            io::ErrorKind::NotFound => make(),
            _ => Err(error),
        })?;
        let unfinished = Self {
            directory: directory.to_owned(),
            name: name.clone(),
            folder,
        };
        write_synced(&unfinished.file(), bytes)?;
        sync(&unfinished.folder)?;
        Ok(unfinished)
    }

    /// Where the file is until it is published.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join(FILE_NAME)
    }

    /// Publishes the file and returns its version.
    pub(crate) fn claim(self) -> io::Result<u32> {
        let model = self.directory.join(self.name.as_str());
        let version = claim(&self.folder, &model)?;
        // Others may have seen it: it is published, whether or not it would outlast a power cut.
        if let Err(error) = sync(&model).and_then(|()| sync(&self.directory)) {
            tracing::warn!(model = %self.name, version, %error, "a published version may not be on disk yet");
        }
        Ok(version)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Gone when it was published. The model's folder goes too, if this was to be its first version.
        let _ = fs::remove_dir_all(&self.folder);
        let _ = fs::remove_dir(self.directory.join(self.name.as_str()));
    }
}

/// Removes what servers that died left unfinished.
pub(super) fn remove_abandoned(directory: &Path) -> io::Result<()> {
    for (name, folder) in models(directory)? {
        for (_, unfinished) in entries(&folder, |name| name.starts_with(UNFINISHED).then_some(()))? {
            let age = fs::metadata(&unfinished)
                .and_then(|metadata| metadata.modified())
                .map(|modified| modified.elapsed().unwrap_or_default());
            if age.is_ok_and(|age| age > ABANDONED_AFTER) {
                tracing::info!(model = %name, "an unfinished publication is removed");
                // Another server may be doing the same.
                let _ = fs::remove_dir_all(unfinished);
            }
        }
    }
    Ok(())
}

/// The folders in `directory` whose names mean something. One that vanishes meanwhile is left out.
fn entries<T>(directory: &Path, meaning: impl Fn(&str) -> Option<T>) -> io::Result<Vec<(T, PathBuf)>> {
    let listing = match fs::read_dir(directory) {
        Ok(listing) => listing,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(vec![]);
        }
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in listing {
        let entry = entry?;
        if let Some(meaning) = entry.file_name().to_str().and_then(&meaning) {
            found.push((meaning, entry.path()));
        }
    }
    Ok(found)
}

/// The version of a folder's name; only the way we write numbers counts, so that no two folders are one version.
fn version_number(name: &str) -> Option<u32> {
    name.parse()
        .ok()
        .filter(|&version: &u32| version > 0 && version.to_string() == name)
}

pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()
}

pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Renames a finished folder to the next free number.
fn claim(finished: &Path, model: &Path) -> io::Result<u32> {
    loop {
        let newest = versions(model)?.into_iter().map(|(version, _)| version).max();
        let version = newest
            .unwrap_or(0)
            .checked_add(1)
            .ok_or_else(|| io::Error::other("version numbers are used up"))?;
        // A folder can only be renamed onto an empty one, and a published one is never empty: rename is exclusive.
        match fs::rename(finished, model.join(version.to_string())) {
            Ok(()) => return Ok(version),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                ) => {}
            Err(error) => return Err(error),
        }
    }
}
