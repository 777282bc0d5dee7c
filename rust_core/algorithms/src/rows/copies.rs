//! Rows that are copied out of their matrix.

use crate::csr::{Csr, Gather};
use crate::interrupt::{self, Interrupt, Interrupted};
use crate::rows::{Lying, Rows, Storage, Tile};
use crate::simd::{DOUBLES, Kernel, Simd, dispatch};

/// Where rows are copied to that do not lie side by side.
#[derive(Default)]
pub(crate) struct Room {
    /// With a vector behind the last row that means nothing.
    doubles: Vec<f64>,
    singles: Vec<f32>,
    /// For rows that have to be converted.
    buffer: Vec<f64>,
}

/// A copy of some rows.
pub(crate) enum Taken {
    /// Row after row.
    Dense {
        values: Vec<f64>,
        rows: usize,
        columns: usize,
    },
    /// As sparse as they were.
    Sparse(Csr<'static>),
}

impl Taken {
    /// The rows.
    pub(crate) fn rows(&self) -> Rows<'_> {
        match self {
            Self::Dense { values, rows, columns } => Rows::over(Storage::Double(values), *rows, *columns),
            Self::Sparse(csr) => csr.into(),
        }
    }
}

impl Rows<'_> {
    /// Writes the values of one row, zeros included, to `row`, which has a place for each column.
    pub(crate) fn copy_row(&self, index: usize, row: &mut [f64]) {
        match self.tile(index..index + 1, &mut Vec::new()) {
            Tile::Dense(values) => row.copy_from_slice(values),
            Tile::Sparse(rows) => {
                row.fill(0.0);
                for (column, value) in rows.iter().flat_map(|row| row.entries()) {
                    row[column] = value;
                }
            }
        }
    }

    /// A copy of some rows, in float64; any may come more than once.
    pub(crate) fn take(&self, indices: &[usize], interrupt: Interrupt<'_>) -> Result<Taken, Interrupted> {
        const STRETCH: usize = 1024;
        if let Storage::Csr(csr) = self.storage {
            let mut taken = Gather::new(csr.columns(), indices.len());
            for stretch in indices.chunks(STRETCH) {
                interrupt::check(interrupt)?;
                stretch.iter().for_each(|&index| taken.push(csr, index));
            }
            return Ok(Taken::Sparse(taken.csr()));
        }
        let mut values = vec![0.0; indices.len() * self.columns];
        let mut buffer = Vec::new();
        for (indices, rows) in indices.chunks(STRETCH).zip(values.chunks_mut(STRETCH * self.columns)) {
            interrupt::check(interrupt)?;
            for (&index, row) in indices.iter().zip(rows.chunks_exact_mut(self.columns)) {
                if let Tile::Dense(values) = self.tile(index..index + 1, &mut buffer) {
                    row.copy_from_slice(values);
                }
            }
        }
        Ok(Taken::Dense {
            values,
            rows: indices.len(),
            columns: self.columns,
        })
    }

    /// Copies dense rows into `room`, one after another.
    pub(crate) fn gather<'t>(&self, indices: &[usize], room: &'t mut Room) -> Lying<'t> {
        let length = indices.len() * self.columns;
        if let Some(all) = self.singles() {
            room.singles.resize(length, 0.0);
            for (index, row) in indices.iter().zip(room.singles.chunks_exact_mut(self.columns)) {
                row.copy_from_slice(&all[index * self.columns..(index + 1) * self.columns]);
            }
            return Lying::Single(&room.singles);
        }
        let Room {
            doubles: values,
            buffer,
            ..
        } = room;
        values.resize(length + DOUBLES, 0.0);
        match self.storage {
            Storage::Double(all) if self.scaling.is_none() => dispatch(Collect {
                all,
                columns: self.columns,
                indices,
                values,
            }),
            _ => {
                for (index, row) in indices.iter().zip(values.chunks_exact_mut(self.columns)) {
                    if let Tile::Dense(values) = self.tile(*index..*index + 1, buffer) {
                        row.copy_from_slice(values);
                    }
                }
            }
        }
        Lying::Double(&values[..length])
    }
}

/// Copies rows, each behind the one before; the last vector of one may reach into the next, which comes later.
struct Collect<'a> {
    all: &'a [f64],
    columns: usize,
    indices: &'a [usize],
    /// With room for a vector behind the last row.
    values: &'a mut [f64],
}

impl Kernel for Collect<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut place = 0;
        for index in self.indices {
            let row = &self.all[index * self.columns..(index + 1) * self.columns];
            let (vectors, last) = row.as_chunks::<DOUBLES>();
            let (to, _) = self.values[place..].as_chunks_mut::<DOUBLES>();
            for (vector, to) in vectors.iter().zip(&mut *to) {
                simd.store(simd.load(vector), to);
            }
            if let Some(to) = to.get_mut(vectors.len())
                && !last.is_empty()
            {
                simd.store(simd.load_some(last), to);
            }
            place += self.columns;
        }
    }
}
