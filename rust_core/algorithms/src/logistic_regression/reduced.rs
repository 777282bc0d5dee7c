//! Sparse rows with fewer columns, whose minimum tells that of all columns.
//!
//! A column without values has no part in a fit. Two more kinds need not be searched either:
//! - Under L1, one whose values are too small to pull its coefficient away from 0, whatever the other coefficients are: no
//!   residual is larger than its row's weight.
//! - Under L2 alone, one that a single row names. All such columns of a row act together as one column does, and the penalty is
//!   least when each has its share: they are merged into one, as long as all of them together.
//!
//! Columns that many rows name come first: their coefficients stay in the cache.

use std::mem;
use std::ops::Range;

use super::census::{self, PARTS};
use super::penalty::Penalty;
use super::{Parameters, Solver};
use crate::blocks;
use crate::csr::{Csr, CsrValues};
use crate::interrupt::{self, Interrupt, Interrupted};

/// Values of a column that comes first, at least.
const MANY: u32 = 16;
/// Rows that a thread takes at a time.
const STRETCH: usize = 1024;
/// Columns of which no order is better than another.
const FEW_COLUMNS: usize = 4096;
/// Stands for the number of a column that is left out.
const ABSENT: u32 = u32::MAX;
/// Stands for the number of a column that is merged with others of its row.
const MERGED: u32 = u32::MAX - 1;

/// The rows with fewer columns, and what became of the others.
pub(super) struct Reduced {
    pub(super) csr: Csr<'static>,
    /// For each of the first columns the one that it was.
    kept: Vec<u32>,
    /// Those that were merged into the columns after these.
    portions: Vec<Vec<Portion>>,
}

/// A column's part in the one that it was merged into.
struct Portion {
    column: u32,
    into: u32,
    /// Its coefficient is that of the other times this.
    part: f64,
}

/// What a fit knows of its rows.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) classes: &'a [u32],
    pub(super) n_classes: usize,
    pub(super) weights: Option<&'a [f64]>,
    pub(super) weight_sum: f64,
}

impl Reduced {
    /// None where nothing would become smaller or faster.
    pub(super) fn new(
        csr: &Csr<'_>,
        known: Known<'_>,
        parameters: &Parameters,
        interrupt: Interrupt<'_>,
    ) -> Result<Option<Self>, Interrupted> {
        let penalty = Penalty::new(parameters, known.weight_sum);
        // L-BFGS takes scikit-learn's steps, and stops by the largest component of the gradient: over all columns.
        let merges = penalty.is_smooth() && penalty.coefficients.l2 > 0.0 && parameters.solver != Solver::Lbfgs;
        // Numbers of columns are to fit below those that stand for something else.
        if csr.nonzeros() >= MERGED as usize || csr.nonzeros() == 0 || parameters.max_iter == 0 {
            return Ok(None);
        }
        let l1 = penalty.coefficients.l1 * known.weight_sum;
        let counts = {
            let mut buffer = Vec::new();
            let rows = csr.tile(0..csr.rows(), None, &mut buffer);
            let mut counts = census::counts(rows, csr.columns(), interrupt)?;
            if l1 > 0.0 {
                census::leave_out(&mut counts, rows, known, l1, interrupt)?;
            }
            counts
        };
        let numbers = Numbers::new(counts, merges);
        if csr.columns() <= FEW_COLUMNS && numbers.kept.len() == csr.columns() {
            return Ok(None);
        }
        if let Some(reduced) = Self::rewritten(csr, &numbers, interrupt)? {
            return Ok(Some(reduced));
        }
        // The lengths of merged columns are not to be told in float64.
        let counts = numbers.of.iter().map(|&number| u32::from(number != ABSENT)).collect();
        Self::rewritten(csr, &Numbers::new(counts, false), interrupt)
    }

    /// None where a merged column's length is not to be told.
    fn rewritten(csr: &Csr<'_>, numbers: &Numbers, interrupt: Interrupt<'_>) -> Result<Option<Self>, Interrupted> {
        let work = census::work(csr.nonzeros());
        let parts = (0..csr.rows()).step_by(STRETCH).collect();
        let parts: Result<Vec<Option<Part>>, Interrupted> = blocks::map_parts(work, parts, |first: usize| {
            interrupt::check(interrupt)?;
            Ok(Part::new(csr, first..csr.rows().min(first + STRETCH), numbers))
        });
        let Some(mut parts) = parts?.into_iter().collect::<Option<Vec<Part>>>() else {
            return Ok(None);
        };

        let mut indptr = Vec::with_capacity(csr.rows() + 1);
        indptr.push(0);
        let kept = numbers.kept.len() as u32;
        let (mut columns, mut count) = (kept, 0);
        for part in &mut parts {
            part.first = columns;
            columns += part.merged;
            indptr.extend(part.ends.iter().map(|&end| (count + end) as u64));
            count += part.values.len();
        }
        let (mut indices, mut values) = (vec![0; count], vec![0.0; count]);
        let (mut places, mut rest) = (Vec::with_capacity(parts.len()), (&mut indices[..], &mut values[..]));
        for part in &mut parts {
            let (indices, after) = rest.0.split_at_mut(part.values.len());
            let (values, after_values) = rest.1.split_at_mut(part.values.len());
            places.push((part, indices, values));
            rest = (after, after_values);
        }
        let portions = blocks::map_parts(work, places, |(part, indices, values)| {
            // What is copied is given back at once.
            values.copy_from_slice(&mem::take(&mut part.values));
            for (to, from) in indices.iter_mut().zip(mem::take(&mut part.indices)) {
                *to = if from < kept { from } else { from - kept + part.first };
            }
            let mut portions = mem::take(&mut part.portions);
            portions.iter_mut().for_each(|portion| portion.into += part.first);
            portions
        });
        let values = CsrValues::Double(values.into());
        let csr = Csr::new(indptr.into(), indices.into(), values, columns as usize);
        Ok(csr.ok().map(|csr| Self {
            csr,
            kept: numbers.kept.clone(),
            portions,
        }))
    }

    /// What coefficients of all columns are in the columns of [`Reduced::csr`].
    pub(super) fn narrow(&self, coefficients: &[f64]) -> Vec<f64> {
        let kept = self.kept.iter().map(|&column| coefficients[column as usize]);
        let mut narrow: Vec<f64> = kept.collect();
        narrow.resize(self.csr.columns(), 0.0);
        for portion in self.portions.iter().flatten() {
            narrow[portion.into as usize] += portion.part * coefficients[portion.column as usize];
        }
        narrow
    }

    /// Writes coefficients of the columns of [`Reduced::csr`] to those of all columns; those that were left out stay.
    pub(super) fn widen(&self, narrow: &[f64], coefficients: &mut [f64]) {
        for (&column, &value) in self.kept.iter().zip(narrow) {
            coefficients[column as usize] = value;
        }
        for portion in self.portions.iter().flatten() {
            coefficients[portion.column as usize] = portion.part * narrow[portion.into as usize];
        }
    }
}

/// Some rows with fewer columns. Merged columns are counted from the number of the others on.
struct Part {
    ends: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f64>,
    /// Of merged columns counted from 0 on.
    portions: Vec<Portion>,
    merged: u32,
    /// The number of the first merged column among those of all parts.
    first: u32,
}

impl Part {
    /// None where a merged column's length is not to be told.
    fn new(csr: &Csr<'_>, rows: Range<usize>, numbers: &Numbers) -> Option<Self> {
        let mut buffer = Vec::new();
        let rows = csr.tile(rows, None, &mut buffer);
        let count = rows.values().len();
        let mut part = Self {
            ends: Vec::with_capacity(rows.iter().len()),
            indices: Vec::with_capacity(count),
            values: Vec::with_capacity(count),
            portions: Vec::new(),
            merged: 0,
            first: 0,
        };
        let mut seldom = Vec::new();
        for row in rows.iter() {
            let first = part.portions.len();
            let mut square = 0.0;
            seldom.clear();
            for (column, value) in row.entries() {
                match numbers.of[column] {
                    ABSENT => {}
                    MERGED => {
                        square += value * value;
                        part.portions.push(Portion {
                            column: column as u32,
                            into: part.merged,
                            part: value,
                        });
                    }
                    number if number < numbers.often => {
                        part.indices.push(number);
                        part.values.push(value);
                    }
                    number => seldom.push((number, value)),
                }
            }
            for &(number, value) in &seldom {
                part.indices.push(number);
                part.values.push(value);
            }
            if part.portions[first..].iter().all(|portion| portion.part == 0.0) {
                // Zeros that are written down say nothing.
                part.portions.truncate(first);
            } else {
                let length = square.sqrt();
                if !square.is_normal() {
                    return None;
                }
                part.portions[first..]
                    .iter_mut()
                    .for_each(|portion| portion.part /= length);
                part.indices.push(numbers.kept.len() as u32 + part.merged);
                part.values.push(length);
                part.merged += 1;
            }
            part.ends.push(part.values.len());
        }
        Some(part)
    }
}

/// The new number of each column.
struct Numbers {
    of: Vec<u32>,
    /// Columns in the order of their new numbers.
    kept: Vec<u32>,
    /// How many of them have many values.
    often: u32,
}

impl Numbers {
    /// From the number of values in each column, or 0 for one that is left out.
    fn new(mut counts: Vec<u32>, merges: bool) -> Self {
        let width = counts.len().div_ceil(PARTS).max(1);
        let work = census::work(counts.len());
        let parts = counts.chunks_mut(width).enumerate().collect();
        let groups: Vec<[Vec<u32>; 2]> = blocks::map_parts(work, parts, |(part, counts): (usize, &mut [u32])| {
            let (mut often, mut seldom) = (Vec::new(), Vec::new());
            for (column, count) in (part * width..).zip(counts) {
                match *count {
                    0 => *count = ABSENT,
                    1 if merges => *count = MERGED,
                    _ => {
                        let group = if *count >= MANY { &mut often } else { &mut seldom };
                        group.push(column as u32);
                    }
                }
            }
            [often, seldom]
        });
        let mut often: Vec<u32> = groups.iter().flat_map(|[often, _]| often).copied().collect();
        let count = often.len() as u32;
        often.extend(groups.iter().flat_map(|[_, seldom]| seldom));
        for (number, &column) in (0..).zip(&often) {
            counts[column as usize] = number;
        }
        Self {
            of: counts,
            kept: often,
            often: count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::never;

    const CLASSES: [u32; 3] = [0, 1, 0];

    /// Three rows: column 1 is in all, 4 in two, 0, 6 and 7 in one each, 2, 3 and 5 in none.
    fn csr() -> Csr<'static> {
        let indices = vec![0, 1, 4, 6, 1, 4, 1, 7];
        let values = vec![3.0, 1.0, 2.0, 4.0, -1.0, 2.0, 1.0, 0.5];
        Csr::new(
            vec![0, 4, 6, 8].into(),
            indices.into(),
            CsrValues::Double(values.into()),
            8,
        )
        .unwrap()
    }

    fn reduced(csr: &Csr<'_>, parameters: &Parameters) -> Reduced {
        let known = Known {
            classes: &CLASSES,
            n_classes: 2,
            weights: None,
            weight_sum: 3.0,
        };
        Reduced::new(csr, known, parameters, &never).unwrap().unwrap()
    }

    #[test]
    fn columns_of_one_row_are_merged_under_l2_alone() {
        let csr = csr();
        let auto = Parameters {
            solver: Solver::Auto,
            ..Parameters::default()
        };
        let merged = reduced(&csr, &auto);
        assert_eq!(merged.kept, [1, 4]);
        // Columns 0 and 6 of the first row, 7 of the last.
        assert_eq!(merged.csr.columns(), 4);
        let mut row = [9.0; 4];
        crate::rows::Rows::from(&merged.csr).copy_row(0, &mut row);
        assert_eq!(row, [1.0, 2.0, 5.0, 0.0]);
        let mut wide = [7.0; 8];
        merged.widen(&[1.0, 2.0, 10.0, 3.0], &mut wide);
        assert_eq!(wide, [6.0, 1.0, 7.0, 7.0, 2.0, 7.0, 8.0, 3.0]);
        assert_eq!(merged.narrow(&wide), [1.0, 2.0, 10.0, 3.0]);
        for other in [
            Parameters {
                solver: Solver::Lbfgs,
                ..auto.clone()
            },
            Parameters {
                c: f64::INFINITY,
                ..auto.clone()
            },
            Parameters {
                l1_ratio: 0.5,
                c: 100.0,
                ..auto
            },
        ] {
            let kept = reduced(&csr, &other);
            assert_eq!(kept.kept, [0, 1, 4, 6, 7]);
            assert_eq!(kept.csr.nonzeros(), 8);
        }
    }

    #[test]
    fn a_column_that_l1_holds_at_zero_is_left_out() {
        let csr = csr();
        // Residuals pull column 1 by up to 1 + 1 + 1 one way, 4 by 2 either way, 0 by 3, 6 by 4, 7 by 0.5.
        for (l1, kept) in [(0.4, vec![0, 1, 4, 6, 7]), (2.5, vec![0, 1, 6]), (3.5, vec![6])] {
            let parameters = Parameters {
                l1_ratio: 1.0,
                c: 1.0 / l1,
                solver: Solver::Saga,
                ..Parameters::default()
            };
            assert_eq!(reduced(&csr, &parameters).kept, kept);
        }
    }

    #[test]
    fn zeros_that_are_written_down_are_left_out_and_others_still_merged() {
        let values = vec![0.0, 0.0, 3.0, 4.0, 1.0];
        let csr = Csr::new(
            vec![0, 2, 4, 5].into(),
            vec![0, 1, 2, 3, 4].into(),
            CsrValues::Double(values.into()),
            8,
        )
        .unwrap();
        let auto = Parameters {
            solver: Solver::Auto,
            ..Parameters::default()
        };
        let merged = reduced(&csr, &auto);
        assert_eq!(merged.csr.columns(), 2);
        let mut wide = [7.0; 8];
        merged.widen(&[10.0, 1.0], &mut wide);
        assert_eq!(wide, [7.0, 7.0, 6.0, 8.0, 1.0, 7.0, 7.0, 7.0]);
    }

    #[test]
    fn lengths_that_float64_cannot_tell_are_not_merged() {
        let values = vec![1e200, 1e200, 1.0];
        let csr = Csr::new(
            vec![0, 2, 3, 3].into(),
            vec![0, 1, 4].into(),
            CsrValues::Double(values.into()),
            8,
        )
        .unwrap();
        let auto = Parameters {
            solver: Solver::Auto,
            ..Parameters::default()
        };
        assert_eq!(reduced(&csr, &auto).kept, [0, 1, 4]);
    }
}
