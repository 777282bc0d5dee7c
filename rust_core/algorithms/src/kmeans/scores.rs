//! Many rows against many centres, by scores in float32 that are checked.
//!
//! The nearest centre has the least score ½‖c‖² − x·c. Rows lie in the lanes of vectors, column after column, and the least score
//! and the second least are kept while the scores of a few centres at a time are made: no score is written to memory. Rows and
//! centres are taken relative to the centres' mean and divided by a power of two, so that the digits of float32 go to what tells
//! centres apart. A row whose two least scores differ by less than twice their rounding error is left to [`exact`].

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use crate::kmeans::assign::Task;
use crate::kmeans::{exact, margins};
use crate::packed::dot;
use crate::rows::{Ahead, LINE, Lines};
use crate::simd::{DOUBLES, Kernel, SINGLES, Simd};
use crate::values::{Frame, Value};

/// Columns that rows are rounded to a multiple of, to be turned.
const TURNED: usize = DOUBLES;

/// Vectors of rows that are compared with the same centres at once, where there are registers for it.
const ABREAST: usize = 4;

/// Rows of a tile that are scored at once.
pub(crate) const ROWS: usize = ABREAST * SINGLES;

/// Centres, as scores need them.
#[derive(Debug, Clone)]
pub(crate) struct Panels {
    /// What rows and centres are taken relative to, filled up with zeros to a multiple of [`TURNED`].
    shift: Vec<f64>,
    /// What they are multiplied by then: a power of two.
    scale: f64,
    /// Both in float32, where they are the same there.
    single: Option<(Vec<f32>, f32)>,
    columns: usize,
    /// Centres of a group.
    width: usize,
    /// Group after group, column after column: the group's centres, negated.
    values: Vec<f32>,
    /// ½‖c‖², infinite where there is no centre.
    halves: Vec<f32>,
    /// The limit for the difference of two scores is `relative` × ½‖x‖² + `absolute`.
    relative: f32,
    absolute: f32,
}

impl Panels {
    /// None where the centres are too small or too great for float32.
    pub(crate) fn new(centers: &[f64], columns: usize) -> Option<Self> {
        let count = centers.len() / columns;
        let mut shift = vec![0.0; columns.next_multiple_of(TURNED)];
        let part = 1.0 / count as f64;
        for center in centers.chunks_exact(columns) {
            for (mean, value) in shift.iter_mut().zip(center) {
                *mean += value * part;
            }
        }
        let mut of_columns = vec![0.0_f64; columns];
        for center in centers.chunks_exact(columns) {
            for ((most, value), mean) in of_columns.iter_mut().zip(center).zip(&shift) {
                let offset = (value - mean).abs();
                *most = if offset > *most { offset } else { *most };
            }
        }
        let greatest = of_columns.iter().copied().fold(0.0, f64::max);
        if !(1e-100..1e100).contains(&greatest) || shift.iter().any(|mean| mean.abs() > 1e100) {
            return None;
        }
        // float32 rows are shifted in float32 where centres stay about as near to the shift.
        let rounded: Vec<f64> = shift.iter().map(|mean| f64::from(*mean as f32)).collect();
        let in_single = shift
            .iter()
            .zip(&rounded)
            .all(|(mean, rounded)| (mean - rounded).abs() <= greatest / 16.0);
        if in_single {
            shift = rounded;
        }
        let scale = (-greatest.log2().floor()).exp2();
        let single = (in_single && (1e-30..1e30).contains(&scale)).then(|| {
            let shift = shift.iter().map(|mean| *mean as f32).collect();
            (shift, scale as f32)
        });
        let width = [6, 5, 4]
            .into_iter()
            .min_by_key(|width| count.next_multiple_of(*width))?;
        let groups = count.div_ceil(width);
        let mut values = vec![0.0; groups * columns * width];
        let mut halves = vec![f32::INFINITY; groups * width];
        let mut greatest_square = 0.0_f64;
        let mut offsets = of_columns;
        for (cluster, center) in centers.chunks_exact(columns).enumerate() {
            for ((offset, value), mean) in offsets.iter_mut().zip(center).zip(&shift) {
                *offset = (value - mean) * scale;
            }
            let group = &mut values[cluster / width * columns * width..][..columns * width];
            for (place, offset) in group.chunks_exact_mut(width).zip(&offsets) {
                place[cluster % width] = -offset as f32;
            }
            let square = dot(&offsets, &offsets);
            halves[cluster] = (0.5 * square) as f32;
            greatest_square = greatest_square.max(square);
        }
        // With u = 2⁻²⁴ and d columns: rounding x and c, d products and their sum cost a score at most
        // (d + 4)u(½‖x‖² + ‖c‖²), by |x·c| ≤ ½‖x‖² + ½‖c‖²; a difference twice that. The rest covers the rounding of ‖x‖² and of
        // the limit itself, and of the exact kernel, whose error is 2⁻²⁹ of this. What underflows costs the least normal number.
        let relative = 2.5 * (columns as f64 + 8.0) * f64::from(f32::EPSILON) / 2.0;
        let absolute = relative * greatest_square + (columns as f64 + 8.0) * 8.0 * f64::from(f32::MIN_POSITIVE);
        Some(Self {
            shift,
            scale,
            single,
            columns,
            width,
            values,
            halves,
            relative: relative as f32,
            absolute: absolute as f32,
        })
    }
}

impl Panels {
    /// What distances are multiplied by: a power of two.
    pub(crate) fn scale(&self) -> f64 {
        self.scale
    }
}

/// A tile of rows.
pub(crate) struct Scores<'a, 't, V> {
    pub(crate) task: Task<'a, 't, V>,
    pub(crate) panels: &'a Panels,
    /// Rows that come next: brought near while these are scored, which leaves memory idle.
    pub(crate) ahead: Ahead<'t>,
    /// Room for turned rows.
    pub(crate) scratch: &'t mut Vec<f32>,
}

impl<V: Value> Kernel for Scores<'_, '_, V> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            mut task,
            panels,
            ahead,
            scratch,
        } = self;
        let columns = panels.columns;
        let turned = on_lines(scratch, ROWS * panels.shift.len());
        let values = task.values;
        let mut ahead = ahead.lines();
        let mut inertias = task.outcome.sums.inertias(simd);
        let mut found = Found::default();
        for (block, rows) in values.chunks(ROWS * columns).enumerate() {
            turn(simd, panels, rows, turned);
            let doubtful = match (S::REGISTERS >= 32, panels.width) {
                (true, 4) => score::<S, ABREAST, 4>(simd, panels, &mut ahead, turned, &mut found),
                (true, 5) => score::<S, ABREAST, 5>(simd, panels, &mut ahead, turned, &mut found),
                (true, _) => score::<S, ABREAST, 6>(simd, panels, &mut ahead, turned, &mut found),
                (false, 4) => score::<S, 1, 4>(simd, panels, &mut ahead, turned, &mut found),
                (false, 5) => score::<S, 1, 5>(simd, panels, &mut ahead, turned, &mut found),
                (false, _) => score::<S, 1, 6>(simd, panels, &mut ahead, turned, &mut found),
            };
            if let Some(edges) = &mut task.edges {
                edges.note(block * ROWS, &found.nearest, &found.next, doubtful);
            }
            if task.look.margins {
                let rows = rows.len() / columns;
                margins::note(&mut task.outcome.margins, rows, &found.nearest, &found.next, doubtful);
            }
            for (index, row) in rows.chunks_exact(columns).enumerate() {
                let mut cluster = found.labels[index] as usize;
                if doubtful >> index & 1 == 1 {
                    match exact::nearest(simd, task.centers.packed(), row) {
                        Some(nearest) => cluster = nearest,
                        None => {
                            task.outcome.not_finite = true;
                            continue;
                        }
                    }
                }
                task.settle(simd, block * ROWS + index, row, cluster, &mut inertias);
            }
        }
        task.outcome.sums.set_inertias(simd, inertias);
    }
}

/// So many places of a buffer, from the start of a line of memory on: a vector that lies in two lines takes two reads.
fn on_lines(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    buffer.resize(length + LINE / size_of::<f32>(), 0.0);
    let start = buffer.as_ptr().align_offset(LINE).min(LINE / size_of::<f32>());
    &mut buffer[start..][..length]
}

/// Writes up to [`ROWS`] rows, shifted and scaled, to `turned`, column after column. What lies there of rows that do not exist is
/// of no account.
#[inline(always)]
fn turn<S: Simd, V: Value>(simd: S, panels: &Panels, rows: &[V], turned: &mut [f32]) {
    let columns = panels.columns;
    let (shifts, _) = panels.shift.as_chunks::<DOUBLES>();
    let single = panels
        .single
        .as_ref()
        .map(|(shift, scale)| (shift.as_chunks::<DOUBLES>().0, *scale));
    for (sixteen, rows) in rows.chunks(SINGLES * columns).enumerate() {
        let last = rows.len() / columns - 1;
        for (part, shift) in shifts.iter().enumerate() {
            let first = part * DOUBLES;
            let width = DOUBLES.min(columns - first);
            let frame = Frame {
                shift,
                scale: panels.scale,
                single: single.map(|(shifts, scale)| (&shifts[part], scale)),
            };
            let mut offsets = [[simd.load_half(&[0.0; DOUBLES]); DOUBLES]; 2];
            for half in 0..2 {
                for row in 0..DOUBLES {
                    let index = (half * DOUBLES + row).min(last);
                    let values = &rows[index * columns + first..][..width];
                    offsets[half][row] = match values.first_chunk() {
                        Some(values) => V::offsets(simd, values, frame),
                        None => V::offsets_of_some(simd, values, frame),
                    };
                }
            }
            simd.transpose(offsets, &mut turned[first * ROWS + SINGLES * sixteen..], ROWS);
        }
    }
}

/// What scores say of rows.
struct Found {
    /// The centre with the least score.
    labels: [i32; ROWS],
    /// Its squared distance, or more.
    nearest: [f32; ROWS],
    /// The squared distance of any other centre, or less.
    next: [f32; ROWS],
}

impl Default for Found {
    fn default() -> Self {
        Self {
            labels: [0; ROWS],
            nearest: [0.0; ROWS],
            next: [0.0; ROWS],
        }
    }
}

/// The centre with the least score for each of [`ROWS`] rows, and a bit for each row where that is in doubt.
#[inline(always)]
fn score<S: Simd, const R: usize, const C: usize>(
    simd: S,
    panels: &Panels,
    ahead: &mut Lines,
    turned: &[f32],
    found: &mut Found,
) -> u64 {
    let (turned, _) = turned.as_chunks::<SINGLES>();
    let (turned, _) = turned[..panels.columns * ABREAST].as_chunks::<ABREAST>();
    let (halves, _) = panels.halves.as_chunks::<C>();
    let (values, _) = panels.values.as_chunks::<C>();
    let mut doubtful = 0;
    for part in 0..ABREAST / R {
        let first = part * R;
        let mut best = [simd.single(f32::INFINITY); R];
        let mut second = best;
        let mut place = [simd.single(0.0); R];
        let mut number = 0.0;
        for (halves, group) in halves.iter().zip(values.chunks_exact(panels.columns)) {
            let mut scores = [[simd.single(0.0); C]; R];
            for row in 0..R {
                for center in 0..C {
                    scores[row][center] = simd.single(halves[center]);
                }
            }
            for (turned, values) in turned.iter().zip(group) {
                ahead.bring::<S, 2>(simd);
                let mut rows = [simd.single(0.0); R];
                for row in 0..R {
                    rows[row] = simd.load_singles(&turned[first + row]);
                }
                for center in 0..C {
                    let value = simd.single(values[center]);
                    for row in 0..R {
                        scores[row][center] = simd.mul_add_singles(rows[row], value, scores[row][center]);
                    }
                }
            }
            for center in 0..C {
                let name = simd.single(number);
                number += 1.0;
                for row in 0..R {
                    let score = scores[row][center];
                    let nearer = simd.less_singles(score, best[row]);
                    place[row] = simd.select_singles(nearer, name, place[row]);
                    second[row] = simd.min_singles(simd.max_singles(score, best[row]), second[row]);
                    best[row] = simd.min_singles(score, best[row]);
                }
            }
        }
        let (relative, absolute) = (simd.single(panels.relative), simd.single(panels.absolute));
        // Two sums for each, since a sum waits for the one before.
        let mut squares = [simd.single(0.0); R];
        let mut others = squares;
        let (pairs, last) = turned.as_chunks::<2>();
        for [even, odd] in pairs {
            for row in 0..R {
                let (even, odd) = (
                    simd.load_singles(&even[first + row]),
                    simd.load_singles(&odd[first + row]),
                );
                squares[row] = simd.mul_add_singles(even, even, squares[row]);
                others[row] = simd.mul_add_singles(odd, odd, others[row]);
            }
        }
        for turned in last {
            for row in 0..R {
                let value = simd.load_singles(&turned[first + row]);
                squares[row] = simd.mul_add_singles(value, value, squares[row]);
            }
        }
        for row in 0..R {
            squares[row] = simd.add_singles(squares[row], others[row]);
        }
        for row in 0..R {
            let limit = simd.mul_add_singles(squares[row], relative, absolute);
            let clear = simd.less_singles(limit, simd.sub_singles(second[row], best[row]));
            let bits = u64::from(!simd.bits_singles(clear) & 0xFFFF);
            doubtful |= bits << ((first + row) * SINGLES);
            let span = (first + row) * SINGLES;
            found.labels[span..].as_chunks_mut().0[0] = simd.integers_singles(place[row]);
            // ‖x‖² + 2 × score; the limit is more than twice a score's error and that of the square.
            let two = simd.single(2.0);
            let most = simd.mul_add_singles(two, best[row], simd.add_singles(squares[row], limit));
            let least = simd.mul_add_singles(two, second[row], simd.sub_singles(squares[row], limit));
            simd.store_singles(most, &mut found.nearest[span..].as_chunks_mut().0[0]);
            simd.store_singles(least, &mut found.next[span..].as_chunks_mut().0[0]);
        }
    }
    doubtful
}
