//! Model files: safetensors (arrays and text, no code) with what Ferrule needs to know beside the arrays.
//!
//! Metadata key `ferrule` holds a [description](crate::model_description) as JSON; key `sha256` the checksum of that text and
//! of every array's name, shape and bytes. Nothing in a file is trusted: sizes, shapes, values and the checksum are checked.

use std::{collections::HashMap, fs, io::Read, path::Path};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use sha2::{Digest, Sha256};

use crate::{
    model::Model,
    model_description::{self as description, Array, Arrays},
};

/// Name of the file inside a version's folder.
pub(crate) const FILE_NAME: &str = "model.safetensors";
/// No model of ours comes near; a larger file is refused before it is read.
const MAX_BYTES: u64 = 1 << 30;

const DESCRIPTION: &str = "ferrule";
const CHECKSUM: &str = "sha256";

/// The bytes of a model's file.
pub(crate) fn encode(model: &Model) -> Result<Vec<u8>, String> {
    let (description, arrays) = description::of_model(model)?;
    let arrays: Vec<(&str, Dtype, &[usize], Vec<u8>)> = arrays
        .iter()
        .map(|(name, array)| {
            let (dtype, bytes) = little_endian(array);
            (name.as_str(), dtype, array.shape.as_slice(), bytes)
        })
        .collect();
    let views = arrays
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((*name, TensorView::new(*dtype, shape.to_vec(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| error.to_string())?;
    let checksum = checksum(&description, views.iter().map(|(name, view)| (*name, view)));
    let metadata = HashMap::from([(DESCRIPTION.to_owned(), description), (CHECKSUM.to_owned(), checksum)]);
    safetensors::serialize(views, Some(metadata)).map_err(|error| error.to_string())
}

/// Reads a model's file.
pub(crate) fn read(path: &Path) -> Result<Model, String> {
    read_described(path).map(|(model, _)| model)
}

/// Reads a model's file; the text is its description as it stands there.
pub(crate) fn read_described(path: &Path) -> Result<(Model, String), String> {
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

/// Reads a model's file from memory; also its description as it stands there.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Model, String), String> {
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
    // The version first: a later format may hold things that this one can't read.
    description::check_version(description)?;
    let arrays = views
        .iter()
        .map(|(name, view)| Ok(((*name).to_owned(), array(name, view)?)))
        .collect::<Result<Arrays, String>>()?;
    Ok((description::to_model(description, arrays)?, description.clone()))
}

fn little_endian(array: &Array) -> (Dtype, Vec<u8>) {
    let values = array.values.iter();
    if array.single {
        let bytes = values.flat_map(|&value| (value as f32).to_le_bytes());
        (Dtype::F32, bytes.collect())
    } else {
        (Dtype::F64, values.flat_map(|value| value.to_le_bytes()).collect())
    }
}

fn array(name: &str, view: &TensorView<'_>) -> Result<Array, String> {
    let (single, values) = match view.dtype() {
        Dtype::F64 => {
            let (values, _) = view.data().as_chunks();
            (false, values.iter().copied().map(f64::from_le_bytes).collect())
        }
        Dtype::F32 => {
            let (values, _) = view.data().as_chunks();
            let values = values.iter().copied().map(f32::from_le_bytes);
            (true, values.map(f64::from).collect())
        }
        other => return Err(format!("array \"{name}\": expected F64 or F32, got {other:?}")),
    };
    Ok(Array {
        shape: view.shape().to_vec(),
        values,
        single,
    })
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
mod tests;
