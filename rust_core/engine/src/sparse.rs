//! Sparse rows as they came, and as the algorithms take them.

use ferrule_algorithms::{Csr, CsrError, CsrValues};
use ferrule_proto::ferrule::v1;

use crate::{
    config::Limits,
    encoding::Numbers,
    error::{Error, over_limit},
};

/// Checks the sparse matrix in `field` of a request. What it holds is copied once, into aligned arrays: bytes inside a
/// message seldom are. All sizes are compared before that, so the copy is no larger than what came.
pub(crate) fn check(
    csr: &v1::Csr,
    numbers: Option<Numbers>,
    rows: u32,
    columns: u32,
    field: &str,
    limits: &Limits,
) -> Result<Csr<'static>, Error> {
    let offsets = u64::from(rows) + 1;
    over_limit("rows + 1", offsets, limits.max_cells, "limits.max_cells")?;
    let count = numbers.as_ref().map_or(Ok(0), |numbers| numbers.count(field))?;
    over_limit("number of values", count as u64, limits.max_cells, "limits.max_cells")?;
    let check_length = |part: &str, what: &str, width: u64, count: u64, got: usize| {
        let expected = count * width;
        if got as u64 == expected {
            return Ok(());
        }
        let problem = format!("expected {what} × {width} = {expected} bytes, got {got}");
        Err(Error::invalid(format!("{field}.csr.{part}"), problem))
    };
    check_length("indptr", "(rows + 1)", 8, offsets, csr.indptr.len())?;
    check_length("indices", "values", 4, count as u64, csr.indices.len())?;
    let indptr: Vec<u64> = csr
        .indptr
        .as_chunks()
        .0
        .iter()
        .copied()
        .map(u64::from_le_bytes)
        .collect();
    let indices: Vec<u32> = csr
        .indices
        .as_chunks()
        .0
        .iter()
        .copied()
        .map(u32::from_le_bytes)
        .collect();
    let values = match numbers {
        None => CsrValues::Double(Vec::new().into()),
        Some(Numbers::Values(values)) => CsrValues::Double(values.into()),
        Some(Numbers::Float64(bytes)) => {
            let values = bytes.as_chunks().0.iter().copied().map(f64::from_le_bytes);
            CsrValues::Double(values.collect())
        }
        Some(Numbers::Float32(bytes)) => {
            let values = bytes.as_chunks().0.iter().copied().map(f32::from_le_bytes);
            CsrValues::Single(values.collect())
        }
    };
    Csr::new(indptr.into(), indices.into(), values, columns as usize).map_err(|error| refusal(&error, field))
}

fn refusal(error: &CsrError, field: &str) -> Error {
    match error {
        CsrError::Offset { row, expected, got } => Error::invalid(
            format!("{field}.csr.indptr[{row}]"),
            format!("expected {expected}, got {got}"),
        ),
        CsrError::Index { position, columns, got } => Error::invalid(
            format!("{field}.csr.indices[{position}]"),
            format!("expected a column below {columns}, got {got}"),
        ),
        // The lengths were compared before.
        CsrError::Columns { .. } | CsrError::NoOffsets | CsrError::Indices { .. } => Error::incident(error),
    }
}
