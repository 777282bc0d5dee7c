//! Centres, in the layouts that kernels want.

mod distances;
mod squares;

pub(crate) use squares::LongSum;

use std::sync::OnceLock;

use rayon::prelude::*;

use crate::kmeans::planes::Planes;
use crate::kmeans::scores::Panels;
use crate::packed::Packed;
use crate::simd::{DOUBLES, Line};
use squares::Squares;

/// Values of centres that are worth other threads.
pub(crate) const MANY_VALUES: usize = 1 << 17;

/// Centres, laid out for comparison with rows. A layout is made when it is first asked for, and again when the centres change.
#[derive(Debug, Clone)]
pub(crate) struct Centers {
    values: Vec<f64>,
    columns: usize,
    /// Made when dense rows are first summed: each centre filled up to whole vectors, with zeros.
    lines: OnceLock<Vec<Line>>,
    /// Made when a row is first compared with all of them at full length.
    packed: OnceLock<Packed>,
    /// Made when sparse rows first come.
    squares: OnceLock<Squares>,
    /// Made when many dense rows first come; None where float32 can't hold them.
    panels: OnceLock<Option<Panels>>,
    /// Made when many sparse rows first come; None where float32 can't hold them.
    planes: OnceLock<Option<Box<Planes>>>,
    /// Those of the centres before, for their memory.
    former_planes: Option<Box<Planes>>,
    /// Whether planes are not to be in float16.
    fine: bool,
}

/// Values that a thread copies at once.
const STRETCH: usize = 1 << 16;

impl Centers {
    /// Row-major `values`, a whole number of centres of `columns` values.
    pub(crate) fn new(values: Vec<f64>, columns: usize) -> Self {
        Self {
            lines: OnceLock::new(),
            packed: OnceLock::new(),
            values,
            columns,
            squares: OnceLock::new(),
            panels: OnceLock::new(),
            planes: OnceLock::new(),
            former_planes: None,
            fine: false,
        }
    }

    /// Replaces the centres by as many others.
    pub(crate) fn set(&mut self, values: &[f64]) {
        self.values.copy_from_slice(values);
        if let Some(lines) = self.lines.get_mut() {
            fill(lines, values, self.columns);
        }
        if let Some(packed) = self.packed.get_mut() {
            packed.set(values);
        }
        self.squares.take();
        self.panels.take();
        self.former_planes = self.planes.take().flatten().or(self.former_planes.take());
    }

    /// [`Centers::set`] with all threads, where many rows need planes alone: what few rows need is made when one comes.
    pub(crate) fn set_apart(&mut self, values: &[f64]) {
        let stretches = self.values.par_chunks_mut(STRETCH).zip(values.par_chunks(STRETCH));
        stretches.for_each(|(own, values)| own.copy_from_slice(values));
        self.lines.take();
        self.packed.take();
        self.squares.take();
        self.panels.take();
        self.former_planes = self.planes.take().flatten().or(self.former_planes.take());
    }

    /// Makes the sums of squares now, with all threads.
    pub(crate) fn prepare_squares(&mut self) {
        if self.squares.get().is_none() {
            let sums = self.values.par_chunks_exact(self.columns).map(LongSum::of_squares);
            self.squares = OnceLock::from(Squares::new(&sums.collect::<Vec<_>>()));
        }
    }

    /// Makes [`Centers::planes`] now, with all threads.
    pub(crate) fn prepare_planes(&mut self) {
        if self.planes.get().is_none() {
            let former = self.former_planes.take().map(|former| *former);
            self.planes = OnceLock::from(Planes::anew(&self.values, self.columns, !self.fine, former).map(Box::new));
        }
    }

    /// Keeps the centres of [`Centers::planes`] in float32 from the next ones on: float16 leaves too many rows in doubt.
    pub(crate) fn be_fine(&mut self) {
        self.fine = true;
    }

    fn squares(&self) -> &Squares {
        self.squares.get_or_init(|| {
            let sums = self.values.chunks_exact(self.columns).map(LongSum::of_squares);
            Squares::new(&sums.collect::<Vec<_>>())
        })
    }

    /// The centres as scores in float32 need them, where they can be had.
    pub(crate) fn panels(&self) -> Option<&Panels> {
        self.panels
            .get_or_init(|| Panels::new(&self.values, self.columns))
            .as_ref()
    }

    /// [`Centers::panels`] for sparse rows.
    pub(crate) fn planes(&self) -> Option<&Planes> {
        self.planes
            .get_or_init(|| Planes::new(&self.values, self.columns, !self.fine).map(Box::new))
            .as_deref()
    }

    /// The centres side by side.
    pub(crate) fn packed(&self) -> &Packed {
        self.packed
            .get_or_init(|| Packed::new(&self.values, self.columns, f64::INFINITY))
    }

    /// One centre, vector after vector.
    #[inline(always)]
    pub(crate) fn lines(&self, cluster: usize) -> &[Line] {
        let lines = self.lines.get_or_init(|| {
            let mut lines = vec![Line::default(); self.count() * self.columns.div_ceil(DOUBLES)];
            fill(&mut lines, &self.values, self.columns);
            lines
        });
        let length = self.columns.div_ceil(DOUBLES);
        &lines[cluster * length..(cluster + 1) * length]
    }

    /// Values of a centre.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Number of centres.
    pub(crate) fn count(&self) -> usize {
        self.values.len() / self.columns
    }

    /// The centres, row-major.
    pub(crate) fn into_values(self) -> Vec<f64> {
        self.values
    }

    /// The centres, row-major.
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    /// One centre.
    pub(crate) fn center(&self, cluster: usize) -> &[f64] {
        &self.values[cluster * self.columns..(cluster + 1) * self.columns]
    }
}

/// Lays each centre out in vectors, whose last lanes stay as they are.
fn fill(lines: &mut [Line], values: &[f64], columns: usize) {
    let centers = values.chunks_exact(columns);
    for (lines, center) in lines.chunks_exact_mut(columns.div_ceil(DOUBLES)).zip(centers) {
        let (vectors, last) = center.as_chunks();
        for (line, vector) in lines.iter_mut().zip(vectors) {
            line.0 = *vector;
        }
        if let Some(line) = lines.get_mut(vectors.len()) {
            line.0[..last.len()].copy_from_slice(last);
        }
    }
}
