//! The stopping threshold, scaled to the data.

use crate::blocks::Blocks;
use crate::error::FitError;
use crate::interrupt::Interrupt;
use crate::kmeans::moments::{self, Moments};
use crate::packed::add_scaled;
use crate::rows::{Row, Rows};
use crate::sample::Sample;

/// Rows and weights, checked, and the [`threshold`]: for dense rows in one pass.
pub(crate) fn sample_and_threshold<'a>(
    rows: Rows<'a>,
    weights: Option<&'a [f64]>,
    tol: f64,
    interrupt: Interrupt<'a>,
) -> Result<(Sample<'a>, f64), FitError> {
    if tol > 0.0 && !rows.is_sparse() && rows.rows() > 0 && rows.columns() <= moments::MOST_COLUMNS {
        let moments = Moments::of(rows, interrupt)?;
        if moments.are_finite() {
            let sample = Sample::of_finite(rows, weights, interrupt)?;
            if let Some(variance) = quick_variance(&moments, rows.rows() as f64) {
                return Ok((sample, tol * variance));
            }
            return Ok((sample, threshold(sample, tol)?));
        }
    }
    let sample = Sample::check(rows, weights, interrupt)?;
    Ok((sample, threshold(sample, tol)?))
}

/// Mean of the columns' variances; None where the first row, which the sums are relative to, lies so far from the mean that digits
/// are lost, or where they overflow.
fn quick_variance(moments: &Moments, count: f64) -> Option<f64> {
    const MOST_LOST: f64 = 1e6;
    let mut total = 0.0;
    let mut lost = 0.0;
    for (sum, squares) in moments.sums.iter().zip(&moments.squares) {
        let of_mean = sum * (sum / count);
        total += squares - of_mean;
        lost += of_mean;
    }
    (total.is_finite() && lost <= MOST_LOST * total).then(|| total / count / moments.sums.len() as f64)
}

/// `tol` times the mean of the columns' variances: what the sum of squared centre shifts is compared with. Weights play no
/// part, as in scikit-learn.
pub(crate) fn threshold(sample: Sample<'_>, tol: f64) -> Result<f64, FitError> {
    if tol == 0.0 {
        return Ok(0.0);
    }
    let variance = if sample.rows().is_sparse() {
        sparse_variance(sample)?
    } else {
        dense_variance(sample)?
    };
    if !variance.is_finite() {
        return Err(FitError::Overflow {
            quantity: "the variance of a column",
        });
    }
    Ok(tol * variance)
}

/// Mean of the columns' variances.
fn dense_variance(sample: Sample<'_>) -> Result<f64, FitError> {
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
    Ok(squares.into_iter().sum::<f64>() / count / sample.columns() as f64)
}

/// [`dense_variance`] of sparse rows: the columns that a row does not name deviate by their means.
fn sparse_variance(sample: Sample<'_>) -> Result<f64, FitError> {
    let count = sample.len() as f64;
    let means: Vec<f64> = column_sums(sample, |value, _| value)?
        .into_iter()
        .map(|sum| sum / count)
        .collect();
    let named = column_sums(sample, |_, _| 1.0)?;
    let squares = column_sums(sample, |value, column| {
        let deviation = value - means[column];
        deviation * deviation
    })?;
    let deviations = squares.iter().zip(&named).zip(&means);
    let sum: f64 = deviations
        .map(|((squares, named), mean)| squares + (count - named) * mean * mean)
        .sum();
    Ok(sum / count / sample.columns() as f64)
}

/// Sum of `term(value, column)` over the rows' values, for each column.
fn column_sums(sample: Sample<'_>, term: impl Fn(f64, usize) -> f64 + Sync) -> Result<Vec<f64>, FitError> {
    let columns = sample.columns();
    let row_values = sample.rows().row_values();
    let blocks = Blocks::new(sample.len(), row_values, row_values, columns.div_ceil(row_values));
    let mut partials = vec![vec![0.0; columns]; blocks.count()];
    blocks.reduce(&mut partials, |block, sums| {
        sample.tiles(&blocks, block, |_, rows| {
            for row in rows.rows(columns) {
                match row {
                    Row::Dense(row) => {
                        for (column, (sum, value)) in sums.iter_mut().zip(row).enumerate() {
                            *sum += term(*value, column);
                        }
                    }
                    Row::Sparse(row) => {
                        for (column, value) in row.entries() {
                            sums[column] += term(value, column);
                        }
                    }
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

    fn of(values: &[f64], columns: usize, tol: f64) -> Result<f64, FitError> {
        let rows = Rows::from_values(values, values.len() / columns, columns).unwrap();
        let slow = threshold(Sample::check(rows, None, &never)?, tol);
        let quick = sample_and_threshold(rows, None, tol, &never).map(|(_, threshold)| threshold);
        assert_eq!(quick, slow);
        slow
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
        // Each column's squares are finite; together they are not.
        let large: Vec<f64> = [1e153, -1e153].iter().flat_map(|&value| [value; 120]).collect();
        let rows = [&[0.0, 0.0], large.as_slice()].concat();
        assert!(matches!(of(&rows, 2, 1e-4), Err(FitError::Overflow { .. })));
    }
}
