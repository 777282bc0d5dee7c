//! What all requests have in common: they are protobuf, and some name a version.

use bytes::Bytes;
use prost::{Message, Name};

use crate::error::Error;

/// Decodes a request; byte fields share its memory.
pub(crate) fn decode<M: Message + Name + Default>(request: Bytes) -> Result<M, Error> {
    M::decode(request).map_err(|error| Error::Malformed {
        message: M::full_name(),
        problem: error.to_string(),
    })
}

/// A version number that a request selects.
pub(crate) fn version(selected: Option<u32>) -> Result<Option<u32>, Error> {
    match selected {
        Some(0) => Err(Error::invalid("version", "expected at least 1, got 0")),
        selected => Ok(selected),
    }
}
