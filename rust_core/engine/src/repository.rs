//! The model repository: `<directory>/<model>/<version>/model.safetensors`.
//!
//! An index of what is on disk is kept in memory and replaced as a whole, so that readers take no lock. It is made
//! anew when a worker of this server has published, loaded or unloaded (the board's generation tells, at the price of
//! one atomic load for each request), when a request names what the index lacks but the disk has, and every
//! `poll_interval` for what other servers publish. Models are read from disk on first use, the newest at start.
//!
//! Versions are immutable; [`disk`] says how one is published.

pub(crate) mod disk;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    thread,
    time::Duration,
};

use arc_swap::ArcSwap;
use disk::Stamp;

use crate::{
    board::Board,
    error::Error,
    model::Model,
    model_file::{self, FILE_NAME},
    model_name::ModelName,
};

/// The models of one directory as one server serves them.
pub(crate) struct Repository {
    directory: PathBuf,
    board: Board,
    index: ArcSwap<Index>,
    /// One rescan at a time.
    scanning: Mutex<()>,
}

/// What was on disk at one moment.
#[derive(Default)]
struct Index {
    generation: u64,
    reloads: u64,
    models: BTreeMap<ModelName, Versions>,
}

type Versions = BTreeMap<u32, Arc<Version>>;

struct Version {
    folder: PathBuf,
    stamp: Stamp,
    unloaded: bool,
    /// Read on first use; what is wrong with the file, if it can't be.
    model: OnceLock<Result<Arc<Model>, String>>,
}

/// Whether a version answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Available,
    Unloaded,
    Damaged,
}

/// The versions of a model, in rising order.
pub(crate) type States = Vec<(u32, State)>;

impl Version {
    fn model(&self, name: &ModelName, version: u32) -> Result<Arc<Model>, Error> {
        if self.unloaded {
            return Err(Error::Unloaded(format!("{name}/{version}")));
        }
        self.model
            .get_or_init(|| {
                let read = model_file::read(&self.folder.join(FILE_NAME));
                match &read {
                    Ok(_) => tracing::info!(model = %name, version, "model read"),
                    Err(problem) => tracing::warn!(model = %name, version, problem, "model file refused"),
                }
                read.map(Arc::new)
            })
            .clone()
            .map_err(|problem| Error::Damaged {
                model: format!("{name}/{version}"),
                problem,
            })
    }

    fn state(&self) -> State {
        match self.model.get() {
            _ if self.unloaded => State::Unloaded,
            Some(Err(_)) => State::Damaged,
            _ => State::Available,
        }
    }
}

impl Repository {
    /// Opens the directory, making it when missing, and reads the newest version of each model.
    pub(crate) fn open(directory: &Path, board: Board) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let repository = Self {
            directory: directory.to_owned(),
            board,
            index: ArcSwap::default(),
            scanning: Mutex::new(()),
        };
        disk::remove_abandoned(directory)?;
        repository.rescan()?;
        for name in repository.names() {
            // A damaged file is in the log; the version before it serves.
            let _ = repository.find(&name, None);
        }
        Ok(repository)
    }

    /// Rescans every `interval` for as long as the repository lives, and calls `looked` each time: what changed may have
    /// been noticed by a call before.
    pub(crate) fn poll(
        repository: &Arc<Self>,
        interval: Duration,
        looked: impl Fn() + Send + 'static,
    ) -> io::Result<()> {
        let weak: Weak<Self> = Arc::downgrade(repository);
        thread::Builder::new().name("ferrule-poll".into()).spawn(move || {
            loop {
                thread::sleep(interval);
                let Some(repository) = weak.upgrade() else { break };
                match repository.rescan() {
                    Ok(()) => looked(),
                    Err(error) => tracing::warn!(%error, "the model repository can't be read"),
                }
            }
        })?;
        Ok(())
    }

    /// The model that answers for a version, or for the newest one that can.
    pub(crate) fn find(&self, name: &ModelName, version: Option<u32>) -> Result<(u32, Arc<Model>), Error> {
        let index = self.current(name, version)?;
        let versions = index.versions(name)?;
        match version {
            Some(version) => {
                let found = versions.get(&version).ok_or_else(|| Error::NoVersion {
                    model: name.to_string(),
                    version,
                })?;
                Ok((version, found.model(name, version)?))
            }
            None => {
                let mut refusal = None;
                for (&version, found) in versions.iter().rev() {
                    match found.model(name, version) {
                        Ok(model) => return Ok((version, model)),
                        Err(error) => refusal = refusal.or(Some(error)),
                    }
                }
                Err(refusal.unwrap_or_else(|| Error::NoModel(name.to_string())))
            }
        }
    }

    /// Every model's name, in order.
    pub(crate) fn names(&self) -> Vec<ModelName> {
        if let Err(error) = self.refreshed() {
            // What was known before is the best there is.
            tracing::warn!(%error, "the model repository can't be read");
        }
        self.index.load().models.keys().cloned().collect()
    }

    /// Every model with the states of its versions, in order.
    pub(crate) fn list(&self) -> Result<Vec<(ModelName, States)>, Error> {
        self.refreshed()?;
        let index = self.index.load();
        Ok(index
            .models
            .iter()
            .map(|(name, versions)| (name.clone(), states(versions)))
            .collect())
    }

    /// The states of one model's versions.
    pub(crate) fn states(&self, name: &ModelName) -> Result<States, Error> {
        Ok(states(self.current(name, None)?.versions(name)?))
    }

    /// Lets one version, or all, answer again, reading its file anew.
    pub(crate) fn load(&self, name: &ModelName, version: Option<u32>) -> Result<(), Error> {
        let chosen = self.chosen(name, version)?;
        for &version in &chosen {
            self.board.load(name.as_str(), version);
        }
        self.board.next_reload();
        self.board.next_generation();
        for version in chosen {
            self.find(name, Some(version))?;
        }
        Ok(())
    }

    /// Takes one version, or all, out of memory.
    pub(crate) fn unload(&self, name: &ModelName, version: Option<u32>) -> Result<(), Error> {
        let noted = self
            .chosen(name, version)?
            .into_iter()
            .all(|version| self.board.unload(name.as_str(), version));
        self.board.next_generation();
        if noted { Ok(()) } else { Err(Error::TooManyUnloaded) }
    }

    /// Writes a model as the next version of `name` and returns the version's number.
    pub(crate) fn publish(&self, name: &ModelName, model: &Model) -> Result<u32, Error> {
        let bytes = model_file::encode(model)
            // What is published can be read.
            .and_then(|bytes| model_file::decode(&bytes).map(|_| bytes))
            .map_err(|error| Error::incident(&error))?;
        let published = disk::publish(&self.directory, name, &bytes)
            .map_err(|error| Error::incident(&format_args!("publishing {name}: {error}")))?;
        // The number may be that of an unloaded version whose files were removed.
        self.board.load(name.as_str(), published);
        self.board.next_generation();
        tracing::info!(model = %name, version = published, "model published");
        Ok(published)
    }

    fn chosen(&self, name: &ModelName, version: Option<u32>) -> Result<Vec<u32>, Error> {
        let index = self.current(name, version)?;
        let versions = index.versions(name)?;
        match version {
            None => Ok(versions.keys().copied().collect()),
            Some(version) if versions.contains_key(&version) => Ok(vec![version]),
            Some(version) => Err(Error::NoVersion {
                model: name.to_string(),
                version,
            }),
        }
    }

    /// The index, made anew if this server's workers changed something, or if the disk has what is asked for and the
    /// index has not.
    fn current(&self, name: &ModelName, version: Option<u32>) -> Result<Arc<Index>, Error> {
        self.refreshed()?;
        let knows = |index: &Index| {
            index
                .models
                .get(name)
                .is_some_and(|versions| version.is_none_or(|version| versions.contains_key(&version)))
        };
        let index = self.index.load();
        if !knows(&index) && self.on_disk(name, version) {
            drop(index);
            self.rescan_unless(knows).map_err(|error| Error::incident(&error))?;
            return Ok(self.index.load_full());
        }
        Ok(arc_swap::Guard::into_inner(index))
    }

    fn refreshed(&self) -> Result<(), Error> {
        let fresh = |index: &Index| index.generation == self.board.generation();
        if !fresh(&self.index.load()) {
            self.rescan_unless(fresh).map_err(|error| Error::incident(&error))?;
        }
        Ok(())
    }

    fn on_disk(&self, name: &ModelName, version: Option<u32>) -> bool {
        let model = self.directory.join(name.as_str());
        match version {
            Some(version) => model.join(version.to_string()).is_dir(),
            None => disk::versions(&model).is_ok_and(|versions| !versions.is_empty()),
        }
    }

    /// Makes the index anew, keeping models whose files are the same.
    pub(crate) fn rescan(&self) -> io::Result<()> {
        self.rescan_unless(|_| false)
    }

    /// Rescans, unless another thread did meanwhile and its index is `enough`.
    fn rescan_unless(&self, enough: impl Fn(&Index) -> bool) -> io::Result<()> {
        let _one = self.scanning.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.index.load_full();
        if enough(&before) {
            return Ok(());
        }
        // Read before the disk is: what changes meanwhile makes for one more scan, never for a missed one.
        let mut after = Index {
            generation: self.board.generation(),
            reloads: self.board.reloads(),
            models: BTreeMap::new(),
        };
        let reload = after.reloads != before.reloads;
        let unloaded_versions = self.board.unloaded();
        for (name, folder) in disk::models(&self.directory)? {
            let known = before.models.get(&name);
            let mut versions = BTreeMap::new();
            for (version, folder) in disk::versions(&folder)? {
                let stamp = Stamp::of(&folder);
                let unloaded = unloaded_versions.contains(name.as_str(), version);
                let before = known.and_then(|versions| versions.get(&version));
                let damaged = before.is_some_and(|before| before.state() == State::Damaged);
                let same = before
                    .filter(|before| before.stamp == stamp && before.unloaded == unloaded && !(damaged && reload));
                let entry = same.cloned().unwrap_or_else(|| {
                    Arc::new(Version {
                        folder,
                        stamp,
                        unloaded,
                        model: OnceLock::new(),
                    })
                });
                if damaged && same.is_none() && !unloaded {
                    // Read now, so that listings don't say it answers before someone has asked.
                    let _ = entry.model(&name, version);
                }
                versions.insert(version, entry);
            }
            if !versions.is_empty() {
                after.models.insert(name, versions);
            }
        }
        self.index.store(Arc::new(after));
        Ok(())
    }
}

impl Index {
    fn versions(&self, name: &ModelName) -> Result<&Versions, Error> {
        self.models.get(name).ok_or_else(|| Error::NoModel(name.to_string()))
    }
}

fn states(versions: &Versions) -> States {
    versions
        .iter()
        .map(|(&version, entry)| (version, entry.state()))
        .collect()
}

#[cfg(test)]
mod tests;
