//! Models as files, for tools and people: nothing here serves or needs a server. A server on the same repository notices a
//! version that is published here as it notices one of another server.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ferrule_algorithms::{kmeans::KMeans, logistic_regression::LogisticRegression};

pub use crate::model_description::{Array, Arrays};
use crate::{
    model::{Algorithm, Model},
    model_description,
    model_file::{self, FILE_NAME},
    model_name::ModelName,
    repository::disk::{self, Unfinished},
};

/// Why a model is not read or written.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The description and the arrays make no model, or a file holds none.
    #[error("{0}")]
    Content(String),
    /// Not a name for a model.
    #[error("model name: {0}")]
    Name(String),
    /// No such model or version.
    #[error("{directory} has no {what}")]
    Missing {
        /// The repository.
        directory: String,
        /// What was asked for.
        what: String,
    },
    /// The system says no.
    #[error("{path}: {problem}")]
    System {
        /// The file or folder.
        path: String,
        /// What the system says.
        problem: io::Error,
    },
}

impl OfflineError {
    fn system(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        |problem| Self::System {
            path: path.display().to_string(),
            problem,
        }
    }
}

/// A model as files hold it, checked.
#[derive(Debug, Clone)]
pub struct StoredModel {
    model: Model,
    /// As the file has it that was read; none for a model that is in no file yet.
    description: Option<String>,
}

impl StoredModel {
    /// The model that a description (JSON, as files have it, without version and writer) and arrays make.
    ///
    /// # Errors
    /// [`OfflineError::Content`] when something is missing, of another shape, or not a finite number.
    pub fn compose(description: &str, arrays: Arrays) -> Result<Self, OfflineError> {
        for (name, array) in &arrays {
            let expected = array
                .shape
                .iter()
                .try_fold(1_usize, |product, &n| product.checked_mul(n));
            if expected != Some(array.values.len()) {
                let problem = format!(
                    "array \"{name}\": {} values do not fill the shape {:?}",
                    array.values.len(),
                    array.shape
                );
                return Err(OfflineError::Content(problem));
            }
        }
        let model = model_description::to_model(description, arrays).map_err(OfflineError::Content)?;
        Ok(Self {
            model,
            description: None,
        })
    }

    /// Reads a model's file as a server does.
    ///
    /// # Errors
    /// [`OfflineError::Content`] when the file can't be read or is damaged.
    pub fn read(path: &Path) -> Result<Self, OfflineError> {
        let (model, description) = model_file::read_described(path).map_err(OfflineError::Content)?;
        Ok(Self {
            model,
            description: Some(description),
        })
    }

    /// The description, as JSON, and the arrays: as they are in the file that was read, or as a file will have them.
    ///
    /// # Errors
    /// [`OfflineError::Content`] when the description can't be written as JSON.
    pub fn content(&self) -> Result<(String, Arrays), OfflineError> {
        let (written_now, arrays) = model_description::of_model(&self.model).map_err(OfflineError::Content)?;
        Ok((self.description.clone().unwrap_or(written_now), arrays))
    }

    /// "k_means" or "logistic_regression".
    pub fn kind(&self) -> &'static str {
        self.model.family().kind()
    }

    /// Number of columns of the rows that the model takes.
    pub fn columns(&self) -> usize {
        self.model.columns()
    }

    /// Clusters or classes.
    pub fn width(&self) -> usize {
        self.model.family().width()
    }

    /// The model, if it is K-Means.
    pub fn k_means(&self) -> Option<&KMeans> {
        match &self.model.algorithm {
            Algorithm::KMeans(model) => Some(model),
            Algorithm::LogisticRegression(..) => None,
        }
    }

    /// The model, if it is logistic regression. It answers with indices into its classes.
    pub fn logistic_regression(&self) -> Option<&LogisticRegression> {
        match &self.model.algorithm {
            Algorithm::LogisticRegression(model, _) => Some(model),
            Algorithm::KMeans(_) => None,
        }
    }

    /// Writes the model to a file, which is there whole or not at all; one that was there is replaced.
    ///
    /// # Errors
    /// [`OfflineError::System`] when the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), OfflineError> {
        let bytes = self.bytes()?;
        let system = OfflineError::system(path);
        let name = path
            .file_name()
            .ok_or_else(|| system(io::Error::from(io::ErrorKind::IsADirectory)))?;
        let folder = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let mut unfinished = std::ffi::OsString::from(".");
        unfinished.push(name);
        unfinished.push(format!(".{}", std::process::id()));
        let unfinished = folder.join(unfinished);
        // Left by a process of the same number that died.
        let _ = fs::remove_file(&unfinished);
        disk::write_synced(&unfinished, &bytes)
            .and_then(|()| fs::rename(&unfinished, path))
            .and_then(|()| disk::sync(folder))
            .inspect_err(|_| {
                let _ = fs::remove_file(&unfinished);
            })
            .map_err(system)
    }

    /// Writes the model beside the versions of `name` in a repository, ready to be published.
    ///
    /// # Errors
    /// [`OfflineError::Name`] or [`OfflineError::System`].
    pub fn prepare(&self, directory: &Path, name: &str) -> Result<Publication, OfflineError> {
        let name = ModelName::new(name).map_err(OfflineError::Name)?;
        let bytes = self.bytes()?;
        let unfinished = Unfinished::write(directory, &name, &bytes).map_err(OfflineError::system(directory))?;
        Ok(Publication {
            model: Self::read(&unfinished.file())?,
            folder: directory.join(name.as_str()),
            unfinished,
        })
    }

    fn bytes(&self) -> Result<Vec<u8>, OfflineError> {
        model_file::encode(&self.model).map_err(OfflineError::Content)
    }
}

/// A file that is written but has no version yet. Dropping it removes it.
#[derive(Debug)]
pub struct Publication {
    model: StoredModel,
    folder: PathBuf,
    unfinished: Unfinished,
}

impl Publication {
    /// The model as it was read back from the file.
    pub fn model(&self) -> &StoredModel {
        &self.model
    }

    /// Makes the file the next version of its model; returns the version and where the file is now.
    ///
    /// # Errors
    /// [`OfflineError::System`] when the folder can't be renamed.
    pub fn publish(self) -> Result<(u32, PathBuf), OfflineError> {
        let version = self.unfinished.claim().map_err(OfflineError::system(&self.folder))?;
        Ok((version, file(&self.folder, version)))
    }
}

/// One version of a model in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The model's name.
    pub name: String,
    /// The version's number.
    pub version: u32,
    /// Where its file is.
    pub path: PathBuf,
}

/// The versions in a repository in order of name and number: all, or those of one model, or one.
///
/// # Errors
/// [`OfflineError`]: the directory can't be read, or lacks the model or version that is asked for.
pub fn entries(directory: &Path, name: Option<&str>, version: Option<u32>) -> Result<Vec<Entry>, OfflineError> {
    let system = OfflineError::system(directory);
    let mut models = disk::models(directory).map_err(&system)?;
    models.sort();
    let mut entries = Vec::new();
    for (found, folder) in models {
        if name.is_some_and(|name| name != found.as_str()) {
            continue;
        }
        let mut versions = disk::versions(&folder).map_err(OfflineError::system(&folder))?;
        versions.sort();
        for (number, _) in versions {
            if version.is_none_or(|version| version == number) {
                entries.push(Entry {
                    name: found.to_string(),
                    version: number,
                    path: file(&folder, number),
                });
            }
        }
    }
    match (name, version) {
        (Some(name), version) if entries.is_empty() => Err(OfflineError::Missing {
            directory: directory.display().to_string(),
            what: match version {
                Some(version) => format!("model \"{name}\" of version {version}"),
                None => format!("model \"{name}\""),
            },
        }),
        _ => Ok(entries),
    }
}

fn file(folder: &Path, version: u32) -> PathBuf {
    folder.join(version.to_string()).join(FILE_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESCRIPTION: &str = r#"{"kind":"k_means","feature_names":["x","y"],"scaling":["standard_scaler"],
        "estimator":{"inertia":0.30000000000000004}}"#;

    fn arrays(scale: Vec<f64>) -> Arrays {
        let array = |shape: &[usize], values| Array {
            shape: shape.to_vec(),
            values,
            single: false,
        };
        Arrays::from([
            ("cluster_centers".to_owned(), array(&[2, 2], vec![0.0, 0.0, 1.0, 1.0])),
            ("scaling.0.scale".to_owned(), array(&[2], scale)),
        ])
    }

    fn model() -> StoredModel {
        StoredModel::compose(DESCRIPTION, arrays(vec![10.0, 10.0])).unwrap()
    }

    fn files(directory: &Path) -> Vec<String> {
        let mut files: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        files
    }

    #[test]
    fn a_description_and_arrays_make_a_model_and_come_back() {
        let (description, content) = model().content().unwrap();
        assert_eq!(content, arrays(vec![10.0, 10.0]));
        let described: serde_json::Value = serde_json::from_str(&description).unwrap();
        assert_eq!(described["format_version"], 2);
        assert_eq!(described["estimator"]["inertia"], 0.1 + 0.2);
        assert_eq!(
            StoredModel::compose(&description, content)
                .unwrap()
                .content()
                .unwrap()
                .0,
            description
        );
    }

    #[test]
    fn what_makes_no_model_is_refused() {
        let problem = |description, arrays| StoredModel::compose(description, arrays).unwrap_err().to_string();
        assert_eq!(
            problem(DESCRIPTION, arrays(vec![1.0])),
            "array \"scaling.0.scale\": 1 values do not fill the shape [2]"
        );
        assert_eq!(
            problem(DESCRIPTION, arrays(vec![1.0, 0.0])),
            "StandardScaler.scale: value 1 is 0"
        );
        assert!(problem("{}", Arrays::new()).starts_with("description: missing field `kind`"));
    }

    #[test]
    fn a_file_replaces_another_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        fs::write(&path, "before").unwrap();
        model().write(&path).unwrap();
        assert_eq!(files(folder.path()), ["m.safetensors"]);
        assert_eq!(StoredModel::read(&path).unwrap().width(), 2);
        let nowhere = folder.path().join("no/m.safetensors");
        assert!(matches!(model().write(&nowhere), Err(OfflineError::System { .. })));
    }

    #[test]
    fn what_is_prepared_is_published_or_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("models");
        drop(model().prepare(&directory, "m").unwrap());
        assert_eq!(files(&directory), Vec::<String>::new());
        let mut published = Vec::new();
        for _ in 0..2 {
            let publication = model().prepare(&directory, "m").unwrap();
            assert_eq!(publication.model().columns(), 2);
            let before = entries(&directory, None, None).unwrap();
            let (version, path) = publication.publish().unwrap();
            assert_eq!(version as usize, before.len() + 1);
            published.push(Entry {
                name: "m".into(),
                version,
                path,
            });
        }
        drop(model().prepare(&directory, "m").unwrap());
        assert_eq!(files(&directory.join("m")), ["1", "2"]);
        assert_eq!(entries(&directory, None, None).unwrap(), published);
        assert_eq!(entries(&directory, Some("m"), Some(2)).unwrap(), published[1..]);
        assert!(matches!(
            model().prepare(&directory, "../m"),
            Err(OfflineError::Name(_))
        ));
        assert_eq!(
            entries(&directory, Some("m"), Some(3)).unwrap_err().to_string(),
            format!("{} has no model \"m\" of version 3", directory.display())
        );
        assert!(matches!(
            entries(&folder.path().join("no"), None, None),
            Err(OfflineError::System { .. })
        ));
    }
}
