//! Rows whose values are in two parts: those in columns that other rows name too, then those in columns of their own.
//!
//! The coefficient of a column that one row alone names is that row's α·(±x): it adds α·x² to the row's margin, and concerns no other. So
//! visits pass these values over; in rows as of words they are a fourth of all, and two thirds of the columns.

use std::hint::select_unpredictable;

use super::columns::Columns;
use super::{STRETCH, work};
use crate::blocks;
use crate::csr::{SparseRow, SparseRows};
use crate::interrupt::{self, Interrupt, Interrupted};
use crate::simd::{DOUBLES, Kernel, Simd, dispatch};
use crate::values::Value;

/// A copy of the rows.
pub(super) struct Split<V> {
    places: Vec<Place>,
    columns: Vec<u32>,
    values: Vec<V>,
    /// Of each row.
    pub(super) lengths: Vec<Lengths>,
    /// The largest value, without its sign, also of rows that weigh nothing.
    pub(super) largest: f64,
}

/// Where a row's values lie: from `start` on those in shared columns, from `own` to `end` the others.
#[derive(Clone, Copy, Default)]
struct Place {
    start: u32,
    own: u32,
    end: u32,
}

/// How long a row is, squared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Lengths {
    /// In columns that other rows name too.
    pub(super) shared: f64,
    /// In columns of its own.
    pub(super) own: f64,
}

impl<V: Value> Split<V> {
    /// There are less than 2³² values.
    pub(super) fn new(
        rows: SparseRows<'_, V>,
        columns: &Columns,
        interrupt: Interrupt<'_>,
    ) -> Result<Self, Interrupted> {
        let length = rows.values().len();
        let mut split = Self {
            places: vec![Place::default(); rows.count()],
            columns: vec![0; length],
            values: vec![V::default(); length],
            lengths: vec![Lengths::default(); rows.count()],
            largest: 0.0,
        };
        let mut parts = Vec::new();
        let (mut names, mut values) = (&mut split.columns[..], &mut split.values[..]);
        let of_rows = split.places.chunks_mut(STRETCH).zip(split.lengths.chunks_mut(STRETCH));
        for (part, (places, lengths)) in of_rows.enumerate() {
            let rows = rows.part(part * STRETCH..part * STRETCH + places.len());
            let count = rows.values().len();
            let first = (length - values.len()) as u32;
            parts.push(Part {
                first,
                names: names.split_off_mut(..count).unwrap_or_default(),
                values: values.split_off_mut(..count).unwrap_or_default(),
                rows,
                columns,
                places,
                lengths,
            });
        }
        let largest: Result<Vec<f64>, Interrupted> = blocks::map_parts(work(length), parts, |part| {
            interrupt::check(interrupt)?;
            Ok(dispatch(part))
        });
        split.largest = largest?.into_iter().fold(0.0, f64::max);
        Ok(split)
    }

    /// A row's values in shared columns, by the columns' numbers.
    #[inline(always)]
    pub(super) fn shared(&self, row: usize) -> SparseRow<'_, V> {
        let Place { start, own, .. } = self.places[row];
        self.between(start, own)
    }

    /// A row's values in columns of its own.
    pub(super) fn own(&self, row: usize) -> SparseRow<'_, V> {
        let Place { own, end, .. } = self.places[row];
        self.between(own, end)
    }

    #[inline(always)]
    fn between(&self, start: u32, end: u32) -> SparseRow<'_, V> {
        let span = start as usize..end as usize;
        SparseRow {
            columns: &self.columns[span.clone()],
            values: &self.values[span],
        }
    }

    /// The work of a pass over the rows, in multiply-adds.
    pub(super) fn work(&self) -> usize {
        work(self.values.len())
    }
}

/// Some rows that are yet to be split.
struct Part<'p, V> {
    rows: SparseRows<'p, V>,
    columns: &'p Columns,
    /// How many values come before these.
    first: u32,
    names: &'p mut [u32],
    values: &'p mut [V],
    places: &'p mut [Place],
    lengths: &'p mut [Lengths],
}

impl<V: Value> Kernel for Part<'_, V> {
    /// The largest value, without its sign.
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        let mut largest = simd.double(0.0);
        let (mut names, mut values) = (self.names, self.values);
        let mut first = self.first;
        let of_rows = self.places.iter_mut().zip(self.lengths);
        for (row, (place, lengths)) in self.rows.iter().zip(of_rows) {
            let (names, values) = (
                names.split_off_mut(..row.values.len()).unwrap_or_default(),
                values.split_off_mut(..row.values.len()).unwrap_or_default(),
            );
            // From both ends.
            let (mut front, mut back) = (0, row.values.len());
            for (&column, &value) in row.columns.iter().zip(row.values) {
                let (is_shared, number) = self.columns.find(column);
                back -= usize::from(!is_shared);
                let at = select_unpredictable(is_shared, front, back);
                front += usize::from(is_shared);
                names[at] = select_unpredictable(is_shared, number, column);
                values[at] = value;
            }
            let end = first + row.values.len() as u32;
            *place = Place {
                start: first,
                own: first + front as u32,
                end,
            };
            first = end;
            let (shared, own) = values.split_at(front);
            *lengths = Lengths {
                shared: measure(simd, shared, &mut largest),
                own: measure(simd, own, &mut largest),
            };
        }
        let mut lanes = [0.0; DOUBLES];
        simd.store(largest, &mut lanes);
        lanes.into_iter().fold(0.0, f64::max)
    }
}

/// The squared length. Makes `largest` that of these values too.
#[inline(always)]
fn measure<S: Simd, V: Value>(simd: S, values: &[V], largest: &mut S::Double) -> f64 {
    let (eights, rest) = values.as_chunks::<DOUBLES>();
    let mut squares = simd.double(0.0);
    let mut take = |values: S::Double| {
        squares = simd.mul_add(values, values, squares);
        let minus = simd.sub(simd.double(0.0), values);
        *largest = simd.max(*largest, simd.max(values, minus));
    };
    for values in eights {
        take(V::load(simd, values));
    }
    take(V::load_some(simd, rest));
    let mut lanes = [0.0; DOUBLES];
    simd.store(squares, &mut lanes);
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::{Csr, CsrValues};
    use crate::interrupt::never;

    #[test]
    fn many_rows_come_apart_as_few() {
        const ROWS: usize = 2500;
        const COLUMNS: usize = 70_000;
        let names = |row: usize| (0..80).map(move |place| (row * 977 + place * place * 31 + place) % COLUMNS);
        let (mut indptr, mut indices) = (vec![0], Vec::new());
        for row in 0..ROWS {
            let mut names: Vec<u32> = names(row).take(30 + row % 51).map(|column| column as u32).collect();
            names.sort_unstable();
            names.dedup();
            indices.extend(names);
            indptr.push(indices.len() as u64);
        }
        let values: Vec<f64> = (0..indices.len()).map(|index| -((index % 13) as f64) - 0.5).collect();
        let mut counts = vec![0; COLUMNS];
        indices.iter().for_each(|&column: &u32| counts[column as usize] += 1);
        let is_shared = |column: usize| counts[column] > 1;
        let csr = Csr::new(indptr.into(), indices.into(), CsrValues::Double(values.into()), COLUMNS).unwrap();
        let mut buffer = Vec::new();
        let rows = csr.tile(0..ROWS, None, &mut buffer);
        let columns = Columns::new(rows.columns(), COLUMNS, &never).unwrap();
        let split = Split::new(rows, &columns, &never).unwrap();
        // Some are shared and some are not; and on several threads.
        assert!(split.work() > 1 << 19 && columns.count > 1000 && columns.count + 1000 < columns.named);
        let square = |part: &[(usize, f64)]| part.iter().map(|(_, value)| value * value).sum::<f64>();
        let mut numbered = vec![0.0; columns.count];
        for (index, row) in rows.iter().enumerate() {
            let (shared, mut own): (Vec<_>, Vec<_>) = row.entries().partition(|&(column, _)| is_shared(column));
            // Quarters, which are added without rounding.
            let lengths = split.lengths[index];
            assert_eq!((lengths.shared, lengths.own), (square(&shared), square(&own)));
            own.reverse();
            assert_eq!(split.own(index).entries().collect::<Vec<_>>(), own);
            let found: Vec<_> = split.shared(index).entries().collect();
            assert_eq!(found.len(), shared.len());
            for ((number, value), (column, expected)) in found.into_iter().zip(shared) {
                assert_eq!((number, value), (columns.find(column as u32).1 as usize, expected));
                numbered[number] = column as f64;
            }
        }
        assert_eq!(split.largest, 12.5);
        let mut all = vec![-1.0; COLUMNS];
        columns.put(&numbered, &mut all);
        let expected = |column: usize| if is_shared(column) { column as f64 } else { -1.0 };
        assert!(all.iter().enumerate().all(|(column, value)| *value == expected(column)));
    }

    #[test]
    fn rows_come_apart_by_whether_others_name_a_column() {
        let values: Vec<f64> = (1..=8).map(f64::from).collect();
        let names = vec![0, 2, 5, 1, 2, 7, 5, 8];
        let csr = Csr::new(
            vec![0, 3, 6, 6, 8].into(),
            names.into(),
            CsrValues::Double(values.into()),
            9,
        )
        .unwrap();
        let mut buffer = Vec::new();
        let rows = csr.tile(0..4, None, &mut buffer);
        let columns = Columns::new(rows.columns(), 9, &never).unwrap();
        let split = Split::new(rows, &columns, &never).unwrap();
        let all = |part: SparseRow<'_>| (part.columns.to_vec(), part.values.to_vec());
        // Columns 2 and 5 are shared.
        let shared = [0, 1, 2, 3].map(|row| all(split.shared(row)));
        let expected = [
            (vec![0, 1], vec![2.0, 3.0]),
            (vec![0], vec![5.0]),
            (vec![], vec![]),
            (vec![1], vec![7.0]),
        ];
        assert_eq!(shared, expected);
        let own = [0, 1, 2, 3].map(|row| all(split.own(row)));
        let expected = [
            (vec![0], vec![1.0]),
            (vec![7, 1], vec![6.0, 4.0]),
            (vec![], vec![]),
            (vec![8], vec![8.0]),
        ];
        assert_eq!(own, expected);
        let lengths =
            [(13.0, 1.0), (25.0, 52.0), (0.0, 0.0), (49.0, 64.0)].map(|(shared, own)| Lengths { shared, own });
        assert_eq!((&split.lengths[..], split.largest), (&lengths[..], 8.0));
    }
}
