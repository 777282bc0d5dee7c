//! Leaving out columns that no row names, without a change in any sum over a row.

use std::borrow::Cow;

use super::{Csr, CsrValues};
use crate::packed::LANES;

/// Values up to which columns are sorted; of more, each column is marked in a table.
const FEW: usize = 1 << 12;

impl Csr<'_> {
    /// The matrix without columns in which no row names a value, and for each column that is named its new and its old number,
    /// rising; None where that would not leave out half of them. Only the indices are copied.
    ///
    /// Columns stay in order: sums that run over them so keep their bits. With `lanes` whole groups of eight columns are left out or
    /// kept, and the last group keeps its length, so that sums in eight lanes keep their bits too.
    #[must_use]
    pub fn narrow(&self, lanes: bool) -> Option<(Csr<'_>, Vec<(u32, u32)>)> {
        if self.indices.len() >= self.columns {
            return None;
        }
        let group_columns = if lanes { LANES } else { 1 };
        let lanes = group_columns as u32;
        let named = self.named();
        let mut groups: Vec<u32> = named.iter().map(|column| column / lanes).collect();
        groups.dedup();
        let last_group = ((self.columns - 1) / group_columns) as u32;
        let columns = match groups.last() {
            Some(&last) if last == last_group => {
                (groups.len() - 1) * group_columns + (self.columns - 1) % group_columns + 1
            }
            // A matrix has a column, named or not.
            _ => groups.len().max(1) * group_columns,
        };
        if columns > self.columns / 2 {
            return None;
        }
        let mut places = Vec::with_capacity(named.len());
        let mut group = 0;
        for column in named {
            while groups[group] != column / lanes {
                group += 1;
            }
            places.push((group as u32 * lanes + column % lanes, column));
        }
        let indices: Vec<u32> = if self.indices.len() <= FEW {
            let number = |column: &u32| {
                let place = places.partition_point(|&(_, named)| named < *column);
                places[place].0
            };
            self.indices.iter().map(number).collect()
        } else {
            let mut numbers = vec![0; self.columns];
            for &(number, column) in &places {
                numbers[column as usize] = number;
            }
            self.indices.iter().map(|&column| numbers[column as usize]).collect()
        };
        let values = match &self.values {
            CsrValues::Single(values) => CsrValues::Single(Cow::Borrowed(values)),
            CsrValues::Double(values) => CsrValues::Double(Cow::Borrowed(values)),
        };
        let narrow = Csr {
            indptr: Cow::Borrowed(&self.indptr),
            indices: indices.into(),
            values,
            columns,
        };
        Some((narrow, places))
    }

    /// The columns that some row names, rising.
    fn named(&self) -> Vec<u32> {
        if self.indices.len() <= FEW {
            let mut named = self.indices.to_vec();
            named.sort_unstable();
            named.dedup();
            return named;
        }
        let mut marks = vec![false; self.columns];
        for &column in self.indices.iter() {
            marks[column as usize] = true;
        }
        (0..=u32::MAX)
            .zip(marks)
            .filter_map(|(column, mark)| mark.then_some(column))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_keep_order_and_place() {
        for (columns, rows) in [(1000, 3), (1003, 3), (100_000, 700)] {
            let mut indptr = vec![0];
            let (mut indices, mut values) = (Vec::new(), Vec::new());
            for row in 0..rows {
                // Some columns in several rows, and the last of all.
                let mut named: Vec<u32> = (0..10_u32).map(|k| (row * 331 * k + 7 * k) % columns).collect();
                named.push(columns - 1);
                named.sort_unstable();
                named.dedup();
                values.extend(named.iter().map(|&column| f64::from(column)));
                indices.extend(named);
                indptr.push(values.len() as u64);
            }
            let csr = Csr::new(
                indptr.into(),
                indices.into(),
                CsrValues::Double(values.into()),
                columns as usize,
            )
            .unwrap();
            let (exact, named) = csr.narrow(false).unwrap();
            assert!(named.iter().enumerate().all(|(index, place)| index == place.0 as usize));
            assert!(exact.columns() == named.len() && exact.rows() == csr.rows());
            for (new, was) in exact.indices.iter().zip(csr.indices.iter()) {
                assert_eq!(named[*new as usize].1, *was);
            }
            let (narrow, places) = csr.narrow(true).unwrap();
            assert!(narrow.columns() < columns as usize / 2 && narrow.rows() == csr.rows());
            assert!(places.is_sorted_by(|left, right| left.0 < right.0 && left.1 < right.1));
            assert!(places.iter().all(|(new, old)| new % 8 == old % 8));
            assert_eq!(narrow.columns() % 8, columns as usize % 8);
            let old = |new: u32| places[places.binary_search_by_key(&new, |place| place.0).unwrap()].1;
            for (new, was) in narrow.indices.iter().zip(csr.indices.iter()) {
                assert_eq!(old(*new), *was);
            }
        }
    }

    #[test]
    fn what_is_dense_stays() {
        let values = CsrValues::Double(vec![1.0; 4].into());
        let csr = Csr::new(vec![0, 4].into(), vec![0, 9, 17, 30].into(), values, 33).unwrap();
        assert!(csr.narrow(true).is_none());
    }

    #[test]
    fn rows_that_name_nothing_need_one_group() {
        let empty = Csr::new(vec![0, 0].into(), vec![].into(), CsrValues::Double(vec![].into()), 33).unwrap();
        for (lanes, columns) in [(false, 1), (true, 8)] {
            let (narrow, places) = empty.narrow(lanes).unwrap();
            assert!(places.is_empty() && narrow.columns() == columns && narrow.rows() == 1);
        }
    }
}
