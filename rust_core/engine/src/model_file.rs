//! Model files: safetensors (arrays and text, no code) with what Ferrule needs to know beside the arrays.
//!
//! Metadata key `ferrule` holds a [`Description`] as JSON; key `sha256` the checksum of that text and of every
//! array's name, shape and bytes. Nothing in a file is trusted: sizes, shapes, values and the checksum are checked.

use std::{collections::HashMap, fs, io::Read, path::Path};

use ferrule_algorithms::{kmeans::KMeans, logistic_regression::LogisticRegression};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::model::{Algorithm, Classes, Model};

/// Name of the file inside a version's folder.
pub(crate) const FILE_NAME: &str = "model.safetensors";
/// The version of the format; readers refuse higher ones.
const FORMAT_VERSION: u32 = 1;
/// No model of ours comes near; a larger file is refused before it is read.
const MAX_BYTES: u64 = 1 << 30;

const DESCRIPTION: &str = "ferrule";
const CHECKSUM: &str = "sha256";
const CENTERS: &str = "cluster_centers";
const COEFFICIENTS: &str = "coef";
const INTERCEPTS: &str = "intercept";

/// Everything about a model that is not an array.
#[derive(Debug, Serialize, Deserialize)]
struct Description {
    #[serde(flatten)]
    written: Written,
    kind: Kind,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    feature_names: Vec<String>,
}

/// Who wrote a file, and how.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    format_version: u32,
    library_version: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    KMeans,
    LogisticRegression { classes: Classes },
}

/// Name, shape and values.
type Array<'a> = (&'static str, Vec<usize>, &'a [f64]);

/// The bytes of a model's file.
pub(crate) fn encode(model: &Model) -> Result<Vec<u8>, String> {
    let (kind, arrays): (Kind, Vec<Array<'_>>) = match &model.algorithm {
        Algorithm::KMeans(model) => (
            Kind::KMeans,
            vec![(CENTERS, vec![model.n_clusters(), model.columns()], model.centers())],
        ),
        Algorithm::LogisticRegression(model, classes) => {
            let rows = model.intercepts().len();
            (
                Kind::LogisticRegression {
                    classes: classes.clone(),
                },
                vec![
                    (COEFFICIENTS, vec![rows, model.columns()], model.coefficients()),
                    (INTERCEPTS, vec![rows], model.intercepts()),
                ],
            )
        }
    };
    let description = Description {
        written: Written {
            format_version: FORMAT_VERSION,
            library_version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        kind,
        feature_names: model.feature_names.clone(),
    };
    let description = serde_json::to_string(&description).map_err(|error| error.to_string())?;
    let arrays: Vec<(&str, Vec<usize>, Vec<u8>)> = arrays
        .into_iter()
        .map(|(name, shape, values)| {
            (
                name,
                shape,
                values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            )
        })
        .collect();
    let views = arrays
        .iter()
        .map(|(name, shape, bytes)| Ok((*name, TensorView::new(Dtype::F64, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| error.to_string())?;
    let checksum = checksum(&description, views.iter().map(|(name, view)| (*name, view)));
    let metadata = HashMap::from([(DESCRIPTION.to_owned(), description), (CHECKSUM.to_owned(), checksum)]);
    safetensors::serialize(views, Some(metadata)).map_err(|error| error.to_string())
}

/// Reads a model's file.
pub(crate) fn read(path: &Path) -> Result<Model, String> {
    let file = fs::File::open(path).map_err(|error| format!("{FILE_NAME}: {error}"))?;
    let mut bytes = Vec::new();
    // One byte more than is allowed tells a file that is too long, also one that grows meanwhile.
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("{FILE_NAME}: {error}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("expected a file of at most {MAX_BYTES} bytes"));
    }
    decode(&bytes)
}

/// Reads a model's file from memory.
pub(crate) fn decode(bytes: &[u8]) -> Result<Model, String> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let metadata = metadata.metadata().as_ref();
    let text = |key: &str| {
        metadata
            .and_then(|metadata| metadata.get(key))
            .ok_or_else(|| format!("expected metadata \"{key}\", got none"))
    };
    let description = text(DESCRIPTION)?;
    let mut views: Vec<(&str, TensorView<'_>)> = tensors.iter().collect();
    views.sort_unstable_by_key(|(name, _)| *name);
    let actual = checksum(description, views.iter().map(|(name, view)| (*name, view)));
    if *text(CHECKSUM)? != actual {
        return Err("the checksum does not match the content".into());
    }

    // The version first: a later format may describe things that this one can't read.
    let written: Written = parsed(description)?;
    if written.format_version > FORMAT_VERSION {
        return Err(format!(
            "expected format version {FORMAT_VERSION} or lower, got {} (written by version {})",
            written.format_version, written.library_version
        ));
    }
    let description: Description = parsed(description)?;
    let algorithm = match description.kind {
        Kind::KMeans => {
            let ([k, columns], centers) = array(&tensors, CENTERS)?;
            Algorithm::KMeans(KMeans::new(centers, k, columns).map_err(|error| error.to_string())?)
        }
        Kind::LogisticRegression { classes } => {
            let ([_, columns], coefficients) = array(&tensors, COEFFICIENTS)?;
            let ([_], intercepts) = array(&tensors, INTERCEPTS)?;
            let model = LogisticRegression::new(coefficients, intercepts, classes.len(), columns)
                .map_err(|error| error.to_string())?;
            Algorithm::LogisticRegression(model, classes)
        }
    };
    let model = Model {
        algorithm,
        feature_names: description.feature_names,
    };
    let (names, columns) = (model.feature_names.len(), model.columns());
    if names != 0 && names != columns {
        return Err(format!("expected {columns} feature names, got {names}"));
    }
    Ok(model)
}

fn parsed<T: DeserializeOwned>(description: &str) -> Result<T, String> {
    serde_json::from_str(description).map_err(|error| format!("metadata \"{DESCRIPTION}\": {error}"))
}

fn array<const DIMENSIONS: usize>(
    tensors: &SafeTensors<'_>,
    name: &str,
) -> Result<([usize; DIMENSIONS], Vec<f64>), String> {
    let view = tensors
        .tensor(name)
        .map_err(|error| format!("array \"{name}\": {error}"))?;
    let shape = view.shape().try_into().map_err(|_| {
        format!(
            "array \"{name}\": expected {DIMENSIONS} dimensions, got {}",
            view.shape().len()
        )
    })?;
    if view.dtype() != Dtype::F64 {
        return Err(format!("array \"{name}\": expected F64, got {:?}", view.dtype()));
    }
    let (values, _) = view.data().as_chunks();
    Ok((shape, values.iter().copied().map(f64::from_le_bytes).collect()))
}

/// SHA-256 in hexadecimal over the description and the arrays in order of their names.
fn checksum<'a, 'd: 'a>(description: &str, arrays: impl Iterator<Item = (&'a str, &'a TensorView<'d>)>) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(description.as_bytes());
    for (name, view) in arrays {
        part(name.as_bytes());
        part(format!("{:?}", view.shape()).as_bytes());
        part(view.data());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn logistic_regression() -> Model {
        let model = LogisticRegression::new(vec![0.5, -2.0, 1e-300], vec![0.25], 2, 3).unwrap();
        let classes = Classes::Strings(vec!["no".into(), "yes".into()]);
        Model {
            algorithm: Algorithm::LogisticRegression(model, classes),
            feature_names: ["a", "b", "c"].map(str::to_owned).to_vec(),
        }
    }

    #[test]
    fn a_model_survives_a_round_trip_bit_for_bit() {
        let k_means = Model {
            algorithm: Algorithm::KMeans(KMeans::new(vec![0.1, 0.2, -0.0, 1e300], 2, 2).unwrap()),
            feature_names: vec![],
        };
        for model in [k_means, logistic_regression()] {
            let read = decode(&encode(&model).unwrap()).unwrap();
            assert_eq!(format!("{read:?}"), format!("{model:?}"));
        }
    }

    #[test]
    fn every_flipped_byte_is_noticed_or_changes_nothing() {
        let model = logistic_regression();
        let bytes = encode(&model).unwrap();
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 0x10;
            if let Ok(read) = decode(&damaged) {
                assert_eq!(format!("{read:?}"), format!("{model:?}"), "byte {position}");
            }
        }
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err());
        }
    }

    #[test]
    fn a_file_of_a_later_format_says_so_whatever_else_it_holds() {
        let description = r#"{"format_version":2,"library_version":"9.0.0","kind":"forest"}"#;
        let metadata = HashMap::from([
            (DESCRIPTION.to_owned(), description.to_owned()),
            (CHECKSUM.to_owned(), checksum(description, std::iter::empty())),
        ]);
        let bytes = safetensors::serialize(Vec::<(&str, TensorView<'_>)>::new(), Some(metadata)).unwrap();
        assert_eq!(
            decode(&bytes).unwrap_err(),
            "expected format version 1 or lower, got 2 (written by version 9.0.0)"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            prop_assert!(decode(&bytes).is_err());
        }
    }
}
