//! The stopping threshold, scaled to the data.

use crate::blocks::Blocks;
use crate::error::FitError;
use crate::packed::add_scaled;
use crate::sample::Sample;

/// `tol` times the mean of the columns' variances: what the sum of squared centre shifts is compared with. Weights play no
/// part, as in scikit-learn.
pub(crate) fn threshold(sample: Sample<'_>, tol: f64) -> Result<f64, FitError> {
    if tol == 0.0 {
        return Ok(0.0);
    }
    let count = sample.len() as f64;
    // Offsets from the first row: sums far from the origin would lose digits.
    let first = sample.row(0);
    let mean_offset: Vec<f64> = column_sums(sample, |value, column| value - first[column])?
        .into_iter()
        .map(|sum| sum / count)
        .collect();
    let squares = column_sums(sample, |value, column| {
        let deviation = (value - first[column]) - mean_offset[column];
        deviation * deviation
    })?;
    let variance = squares.into_iter().sum::<f64>() / count / sample.columns() as f64;
    if !variance.is_finite() {
        return Err(FitError::Overflow {
            quantity: "the variance of a column",
        });
    }
    Ok(tol * variance)
}

/// Sum of `term(value, column)` over the rows, for each column.
fn column_sums(sample: Sample<'_>, term: impl Fn(f64, usize) -> f64 + Sync) -> Result<Vec<f64>, FitError> {
    let columns = sample.columns();
    let blocks = Blocks::new(sample.len(), columns, columns, 1);
    let mut partials = vec![vec![0.0; columns]; blocks.count()];
    blocks.reduce(&mut partials, |block, sums| {
        sample.tiles(&blocks, block, |_, rows| {
            for row in rows.rows(columns) {
                for (column, (sum, value)) in sums.iter_mut().zip(row.dense()).enumerate() {
                    *sum += term(*value, column);
                }
            }
        })
    })?;
    let mut totals = vec![0.0; columns];
    for partial in partials {
        add_scaled(&mut totals, 1.0, &partial);
    }
    Ok(totals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::never;
    use crate::rows::Rows;

    fn of(values: &[f64], columns: usize, tol: f64) -> Result<f64, FitError> {
        let rows = Rows::from_values(values, values.len() / columns, columns).unwrap();
        threshold(Sample::check(rows, None, &never)?, tol)
    }

    #[test]
    fn is_the_mean_variance_wherever_the_data_lie() {
        // Columns 0..1000 and twice that: variances (1000² − 1)/12 and four times that.
        for offset in [0.0, 1e12] {
            let values: Vec<f64> = (0..1000)
                .flat_map(|row| [offset + f64::from(row), offset - 2.0 * f64::from(row)])
                .collect();
            assert_eq!(of(&values, 2, 0.5), Ok(0.5 * (999_999.0 / 12.0) * 2.5));
        }
    }

    #[test]
    fn an_overflow_is_an_error() {
        assert!(matches!(of(&[1e300, -1e300], 1, 1e-4), Err(FitError::Overflow { .. })));
        assert_eq!(of(&[1e300, -1e300], 1, 0.0), Ok(0.0));
    }
}
