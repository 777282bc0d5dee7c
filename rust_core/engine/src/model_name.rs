//! Names of models, which are also names of folders.

use std::fmt;

use crate::error::{Error, shown};

/// A valid name: 1 to 64 of `a-z`, `0-9`, `_`, `-`, `.`, starting with a letter or digit. So it is never a path, a
/// hidden folder or `..`, and the same on every file system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ModelName(String);

impl ModelName {
    pub(crate) fn new(name: impl Into<String>) -> Result<Self, String> {
        let name = name.into();
        let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let valid = (1..=64).contains(&name.len())
            && name
                .bytes()
                .all(|byte| alphanumeric(byte) || matches!(byte, b'_' | b'-' | b'.'))
            && name.bytes().next().is_some_and(alphanumeric);
        if valid {
            return Ok(Self(name));
        }
        Err(format!(
            "expected 1 to 64 of a-z, 0-9, '_', '-', '.', starting with a letter or digit, got {:?}",
            shown(&name)
        ))
    }

    /// The name in `field` of a request.
    pub(crate) fn check(name: String, field: &str) -> Result<Self, Error> {
        Self::new(name).map_err(|problem| Error::invalid(field, problem))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<ModelName> for String {
    fn from(name: ModelName) -> Self {
        name.0
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_folder_names_are_names() {
        for good in ["iris", "0", "a.b-c_d", &"x".repeat(64)] {
            assert!(ModelName::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "-a",
            "Iris",
            "a b",
            "é",
            "a\0",
            &"x".repeat(65),
        ] {
            assert!(ModelName::new(bad).is_err(), "{bad}");
        }
    }
}
