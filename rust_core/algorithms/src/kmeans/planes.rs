//! Centres laid out column after column, as scores of sparse rows need them: a value of a row meets the values of all centres in
//! its column side by side, in one or a few lines of the cache.
//!
//! Most columns of a long row of centres lie far from the core, and fetching them is what scores wait for. So where the centres are
//! many bytes, they are kept in float16: half as many lines. What that loses only makes more rows doubtful (see [`super::sparse`]).

use rayon::prelude::*;

use crate::kmeans::centers::{LongSum, MANY_VALUES};
use crate::rows::LINE;
use crate::simd::{DOUBLES, Kernel, Level, SINGLES, Simd, dispatch, level};

/// Vectors of centres that are scored at once.
pub(crate) const ABREAST: usize = 4;

/// Columns that are laid out at once: their vectors stay near while all centres are gone through.
const STRETCH: usize = 256;

/// Bytes of float32 values above which centres are laid out in float16: they would take most of a second-level cache.
const MOST_SINGLES: usize = 1 << 19;

/// Values of sixteen centres in one column.
pub(crate) trait Plane: Copy + Send + Sync {
    /// No centres.
    const EMPTY: Self;
    /// How far a kept value may lie from a centre's, as a part of that value, beside what float32 loses.
    const PART: f64;
    /// The same, for values that are small beside 1.
    const LEAST: f64;

    /// The values in float32.
    fn load<S: Simd>(&self, simd: S) -> S::Single;
    /// Keeps float32 values of at most 2.
    fn store<S: Simd>(&mut self, simd: S, values: S::Single);
}

/// In float32. A vector in a line of the cache of its own: one that lay across two would take as long as two.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Whole([f32; SINGLES]);

impl Plane for Whole {
    const EMPTY: Self = Self([0.0; SINGLES]);
    const PART: f64 = 0.0;
    const LEAST: f64 = 0.0;

    #[inline(always)]
    fn load<S: Simd>(&self, simd: S) -> S::Single {
        simd.load_singles(&self.0)
    }

    #[inline(always)]
    fn store<S: Simd>(&mut self, simd: S, values: S::Single) {
        simd.store_singles(values, &mut self.0);
    }
}

/// In float16: two in a line.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
pub(crate) struct Half([u16; SINGLES]);

impl Plane for Half {
    const EMPTY: Self = Self([0; SINGLES]);
    /// Half a unit of eleven bits, and a little.
    const PART: f64 = 1.001 / 2048.0;
    /// What is less than 2⁻¹⁴ is a multiple of 2⁻²⁴.
    const LEAST: f64 = 1.0 / 16_777_216.0;

    #[inline(always)]
    fn load<S: Simd>(&self, simd: S) -> S::Single {
        simd.load_float16(&self.0)
    }

    #[inline(always)]
    fn store<S: Simd>(&mut self, simd: S, values: S::Single) {
        simd.store_float16(values, &mut self.0);
    }
}

/// Centres, as scores need them.
#[derive(Debug, Clone)]
pub(crate) struct Planes {
    pub(crate) scale: f64,
    /// Vectors of a column: they hold a value of each centre, and are a whole number of times [`ABREAST`] where they are more.
    pub(crate) vectors: usize,
    values: Values,
    /// ½‖c‖², infinite where there is no centre.
    pub(crate) halves: Vec<[f32; SINGLES]>,
    /// ‖c‖².
    pub(crate) squares: Vec<f64>,
    pub(crate) greatest_square: f64,
}

/// Column after column: the centres' values, negated.
#[derive(Debug, Clone)]
enum Values {
    Whole(Vec<Whole>),
    Half {
        /// With one more than needed.
        values: Vec<Half>,
        /// The place of the first column's first: 0 or 1, where a line of the cache begins. A copy of the values may lie otherwise.
        first: usize,
    },
}

impl Values {
    fn into_whole(self) -> Option<Vec<Whole>> {
        match self {
            Self::Whole(values) => Some(values),
            Self::Half { .. } => None,
        }
    }

    fn into_half(self) -> Option<Vec<Half>> {
        match self {
            Self::Whole(_) => None,
            Self::Half { values, .. } => Some(values),
        }
    }
}

/// [`Values`], from the first column on.
pub(crate) enum Table<'a> {
    Whole(&'a [Whole]),
    Half(&'a [Half]),
}

impl Planes {
    /// None where the centres are too small or too great for float32. With `coarse`, float16 may be used.
    pub(crate) fn new(centers: &[f64], columns: usize, coarse: bool) -> Option<Self> {
        Self::of(centers, columns, coarse, false, None)
    }

    /// [`Planes::new`] with the threads of a pool and the memory of `others`. Not for use while a lock is held: a thread that
    /// waits for the others may take up work that wants the same lock.
    pub(crate) fn anew(centers: &[f64], columns: usize, coarse: bool, others: Option<Self>) -> Option<Self> {
        Self::of(centers, columns, coarse, true, others)
    }

    fn of(centers: &[f64], columns: usize, coarse: bool, threads: bool, others: Option<Self>) -> Option<Self> {
        // Of numbers that are not negative, the greatest has the greatest bits; NaN has greater ones.
        let greatest = |values: &[f64]| values.iter().map(|value| value.abs().to_bits()).fold(0, u64::max);
        let greatest = f64::from_bits(if !threads || centers.len() < MANY_VALUES {
            greatest(centers)
        } else {
            centers.par_chunks(MANY_VALUES).map(greatest).max().unwrap_or(0)
        });
        if !(1e-100..1e100).contains(&greatest) {
            return None;
        }
        let vectors = vectors(centers.len() / columns);
        let layout = Layout {
            centers,
            columns,
            vectors,
            scale: (-greatest.log2().floor()).exp2(),
            threads,
        };
        let coarse = coarse && level() > Level::Portable && columns * vectors * size_of::<Whole>() > MOST_SINGLES;
        // Memory of the other kind is given back before more is taken.
        let former = others.map(|others| others.values);
        let (values, squares) = if coarse {
            let mut values = former.and_then(Values::into_half).unwrap_or_default();
            values.resize(columns * vectors + 1, Half::EMPTY);
            let first = values.as_ptr().align_offset(LINE).min(1);
            let squares = layout.fill(&mut values[first..first + columns * vectors]);
            (Values::Half { values, first }, squares)
        } else {
            let mut values = former.and_then(Values::into_whole).unwrap_or_default();
            values.resize(columns * vectors, Whole::EMPTY);
            let squares = layout.fill(&mut values);
            (Values::Whole(values), squares)
        };
        let mut halves = vec![[f32::INFINITY; SINGLES]; vectors];
        for (half, square) in halves.as_flattened_mut().iter_mut().zip(&squares) {
            *half = (0.5 * square) as f32;
        }
        Some(Self {
            scale: layout.scale,
            vectors,
            values,
            halves,
            greatest_square: squares.iter().copied().fold(0.0, f64::max),
            squares,
        })
    }

    /// The values.
    pub(crate) fn table(&self) -> Table<'_> {
        match &self.values {
            Values::Whole(values) => Table::Whole(values),
            Values::Half { values, first } => Table::Half(&values[*first..]),
        }
    }
}

/// Vectors of a column for so many centres.
fn vectors(count: usize) -> usize {
    let vectors = count.div_ceil(SINGLES);
    if vectors > ABREAST {
        vectors.next_multiple_of(ABREAST)
    } else {
        vectors
    }
}

/// What is laid out, and how.
#[derive(Clone, Copy)]
struct Layout<'a> {
    centers: &'a [f64],
    columns: usize,
    vectors: usize,
    scale: f64,
    threads: bool,
}

impl Layout<'_> {
    /// Lays out all columns; each centre's sum of squares.
    fn fill<P: Plane>(self, values: &mut [P]) -> Vec<f64> {
        let length = STRETCH * self.vectors;
        let fill = |(stretch, values)| {
            dispatch(Fill {
                layout: self,
                first: stretch * STRETCH,
                values,
            })
        };
        let squares: Vec<_> = if self.threads {
            values.par_chunks_mut(length).enumerate().map(fill).collect()
        } else {
            values.chunks_mut(length).enumerate().map(fill).collect()
        };
        // Stretch after stretch.
        let mut totals = vec![LongSum::default(); self.centers.len() / self.columns];
        for squares in squares {
            for (total, square) in totals.iter_mut().zip(squares) {
                total.add(square);
            }
        }
        totals.into_iter().map(LongSum::value).collect()
    }
}

/// Lays out the columns from `first` on, as many as `values` has room for; each centre's sum of squares in them.
struct Fill<'a, P> {
    layout: Layout<'a>,
    first: usize,
    values: &'a mut [P],
}

impl<P: Plane> Kernel for Fill<'_, P> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<f64> {
        let Self { layout, first, values } = self;
        let Layout {
            centers,
            columns,
            vectors,
            scale,
            ..
        } = layout;
        let count = centers.len() / columns;
        let scale = simd.double(-scale);
        let mut squares = vec![simd.double(0.0); count];
        // Eight columns of sixteen centres at a time.
        let mut turned = [[0.0; SINGLES]; DOUBLES];
        for (group, values) in values.chunks_mut(DOUBLES * vectors).enumerate() {
            let first = first + group * DOUBLES;
            let width = DOUBLES.min(columns - first);
            for vector in 0..vectors {
                let mut rows = [[simd.narrow_half(simd.double(0.0)); DOUBLES]; 2];
                for (half, rows) in rows.iter_mut().enumerate() {
                    for (lane, row) in rows.iter_mut().enumerate() {
                        let cluster = vector * SINGLES + half * DOUBLES + lane;
                        if cluster < count {
                            let start = cluster * columns + first;
                            let scaled = simd.mul(simd.load_some(&centers[start..start + width]), scale);
                            squares[cluster] = simd.mul_add(scaled, scaled, squares[cluster]);
                            *row = simd.narrow_half(scaled);
                        }
                    }
                }
                simd.transpose(rows, turned.as_flattened_mut(), SINGLES);
                for (column, turned) in turned[..width].iter().enumerate() {
                    values[column * vectors + vector].store(simd, simd.load_singles(turned));
                }
            }
        }
        let mut lanes = [0.0; DOUBLES];
        squares
            .iter()
            .map(|squares| {
                simd.store(*squares, &mut lanes);
                lanes.iter().sum()
            })
            .collect()
    }
}
