//! The stopping threshold, scaled to the data.

use crate::blocks::Blocks;
use crate::error::FitError;
use crate::interrupt::Interrupt;

/// `tol` times the mean of the columns' variances: what the sum of squared centre shifts is compared with. Weights play no
/// part, as in scikit-learn.
pub(crate) fn threshold(
    values: &[f64],
    columns: usize,
    tol: f64,
    interrupt: Interrupt<'_>,
) -> Result<f64, FitError> {
    if tol == 0.0 {
        return Ok(0.0);
    }
    let rows = values.len() / columns;
    // Offsets from the first row: sums far from the origin would lose digits.
    let first = &values[..columns];
    let mean_offset: Vec<f64> = column_sums(values, columns, interrupt, |value, column| {
        value - first[column]
    })?
    .into_iter()
    .map(|sum| sum / rows as f64)
    .collect();
    let squares = column_sums(values, columns, interrupt, |value, column| {
        let deviation = (value - first[column]) - mean_offset[column];
        deviation * deviation
    })?;
    let variance = squares.into_iter().sum::<f64>() / rows as f64 / columns as f64;
    if !variance.is_finite() {
        return Err(FitError::Overflow {
            quantity: "the variance of a column",
        });
    }
    Ok(tol * variance)
}

/// Sum of `term(value, column)` over the rows, for each column.
fn column_sums(
    values: &[f64],
    columns: usize,
    interrupt: Interrupt<'_>,
    term: impl Fn(f64, usize) -> f64 + Sync,
) -> Result<Vec<f64>, FitError> {
    let blocks = Blocks::new(values.len() / columns, columns, columns, 1);
    let mut partials = vec![vec![0.0; columns]; blocks.count()];
    blocks.reduce(&mut partials, |block, sums| {
        blocks.tiles(block, interrupt, |tile| {
            for row in values[tile.start * columns..tile.end * columns].chunks_exact(columns) {
                for (column, (sum, value)) in sums.iter_mut().zip(row).enumerate() {
                    *sum += term(*value, column);
                }
            }
        })
    })?;
    let mut totals = vec![0.0; columns];
    for partial in partials {
        for (total, sum) in totals.iter_mut().zip(partial) {
            *total += sum;
        }
    }
    Ok(totals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::never;

    #[test]
    fn is_the_mean_variance_wherever_the_data_lie() {
        // Columns 0..1000 and twice that: variances (1000² − 1)/12 and four times that.
        for offset in [0.0, 1e12] {
            let values: Vec<f64> = (0..1000)
                .flat_map(|row| [offset + f64::from(row), offset - 2.0 * f64::from(row)])
                .collect();
            let threshold = threshold(&values, 2, 0.5, &never).unwrap();
            assert_eq!(threshold, 0.5 * (999_999.0 / 12.0) * 2.5);
        }
    }

    #[test]
    fn an_overflow_is_an_error() {
        let error = threshold(&[1e300, -1e300], 1, 1e-4, &never).unwrap_err();
        assert!(matches!(error, FitError::Overflow { .. }));
        assert_eq!(threshold(&[1e300, -1e300], 1, 0.0, &never), Ok(0.0));
    }
}
