//! What the parser says of a value that does not fit, in an operator's words.

/// Names of Rust's types, and what they take.
const TYPES: [(&str, &str); 4] = [
    ("expected u16", "expected a whole number from 0 to 65535"),
    ("expected u32", "expected a whole number from 0 to 4294967295"),
    ("expected usize", "expected a whole number, at least 0"),
    (
        "expected a duration",
        "expected a duration such as \"500ms\" or \"1m 30s\"",
    ),
];

/// The message without names of types.
pub(super) fn plain(message: &str) -> String {
    let found = TYPES.iter().find_map(|(name, words)| {
        let start = message.strip_suffix(name)?;
        Some(format!("{start}{words}"))
    });
    found.unwrap_or_else(|| message.to_owned())
}
