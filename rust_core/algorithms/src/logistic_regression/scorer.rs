//! What coefficients say of rows: they are read where they lie, eight rows or eight classes at a time.
//!
//! Scores have the same bits at every level of instructions, and for a sparse row those of the dense row it stands for. For two
//! classes they are added up as [`crate::packed::dot`] does, for more column after column. Probabilities differ from level to
//! level by a few units in the last place.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use super::products::dot_row;
use crate::csr::SparseRow;
use crate::error::{ModelError, PredictError};
use crate::interrupt::Interrupt;
use crate::predict::Prediction;
use crate::rows::{Row, Rows, Tile};
use crate::scaling::Scaling;
use crate::simd::{DOUBLES, Kernel, Simd, dispatch, exponential};

/// Vectors of classes whose sums stay in registers for a sparse row.
const MOST_TILES: usize = 4;

/// Coefficients and intercepts of somebody else's memory, which may have changed since the last prediction.
#[derive(Debug, Clone, Copy)]
pub struct Scorer<'a> {
    /// Column after column: the coefficients of all scores, then what fills them up to the stride.
    coefficients: &'a [f64],
    stride: usize,
    intercepts: &'a [f64],
    columns: usize,
    scaling: Option<&'a Scaling>,
}

impl<'a> Scorer<'a> {
    /// Over `columns × scores` coefficients, column after column, where `scores` is the number of `intercepts`: one for two classes,
    /// else one for each class. Whether they are finite is not looked at; a row's answer has to be.
    ///
    /// # Errors
    /// [`ModelError`] when there is no column, there are no intercepts or two, or another number of coefficients.
    pub fn new(coefficients: &'a [f64], intercepts: &'a [f64], columns: usize) -> Result<Self, ModelError> {
        let scores = intercepts.len();
        if columns == 0 {
            return Err(ModelError::Count {
                name: "columns",
                expected: "at least 1",
                got: columns,
            });
        }
        if scores == 0 || scores == 2 || u32::try_from(scores).is_err() {
            return Err(ModelError::Count {
                name: "intercepts",
                expected: "1, for two classes, or 3 to 4294967295",
                got: scores,
            });
        }
        let expected = scores.saturating_mul(columns);
        if coefficients.len() != expected {
            return Err(ModelError::Length {
                name: "coefficients",
                expected,
                got: coefficients.len(),
            });
        }
        Ok(Self::over(coefficients, scores, intercepts, columns, None))
    }

    /// Over coefficients that are filled up to `stride` for each column.
    pub(super) fn over(
        coefficients: &'a [f64],
        stride: usize,
        intercepts: &'a [f64],
        columns: usize,
        scaling: Option<&'a Scaling>,
    ) -> Self {
        Self {
            coefficients,
            stride,
            intercepts,
            columns,
            scaling,
        }
    }

    /// Values that [`Scorer::decision_function`] gives for each row: 1 for two classes, else one for each class.
    pub fn scores(&self) -> usize {
        self.intercepts.len()
    }

    /// Number of classes, at least 2.
    pub fn n_classes(&self) -> usize {
        self.scores().max(2)
    }

    /// Writes each row's most probable class (the lowest among equals, in `0..n_classes`) to `classes`, one for each row.
    ///
    /// # Errors
    /// [`PredictError`]: other columns or output length, a row with a score that is not finite, or interrupted.
    pub fn predict(&self, rows: Rows<'_>, classes: &mut [u32], interrupt: Interrupt<'_>) -> Result<(), PredictError> {
        self.prediction(rows, 1, interrupt)?
            .write_tiles(classes, |tile, classes| {
                dispatch(Answer(*self, tile, Output::Classes(classes)))
            })
    }

    /// Writes each row's scores to `scores`: one for each row with two classes (above 0 for class 1), else row-major
    /// `rows × n_classes`.
    ///
    /// # Errors
    /// [`PredictError`]: other columns or output length, a row with a score that is not finite, or interrupted.
    pub fn decision_function(
        &self,
        rows: Rows<'_>,
        scores: &mut [f64],
        interrupt: Interrupt<'_>,
    ) -> Result<(), PredictError> {
        self.prediction(rows, self.scores(), interrupt)?
            .write_tiles(scores, |tile, scores| {
                dispatch(Answer(*self, tile, Output::Scores(scores)))
            })
    }

    /// Writes the probability of each class for each row to `probabilities` (row-major, `rows × n_classes`).
    ///
    /// # Errors
    /// [`PredictError`]: other columns or output length, a row with a score that is not finite, or interrupted.
    pub fn predict_proba(
        &self,
        rows: Rows<'_>,
        probabilities: &mut [f64],
        interrupt: Interrupt<'_>,
    ) -> Result<(), PredictError> {
        self.prediction(rows, self.n_classes(), interrupt)?
            .write_tiles(probabilities, |tile, probabilities| {
                dispatch(Answer(*self, tile, Output::Probabilities(probabilities)))
            })
    }

    fn prediction<'r>(
        &self,
        rows: Rows<'r>,
        width: usize,
        interrupt: Interrupt<'r>,
    ) -> Result<Prediction<'r>, PredictError>
    where
        'a: 'r,
    {
        let row_work = self.scores().saturating_mul(rows.row_values());
        Ok(Prediction {
            rows: match self.scaling {
                Some(scaling) => rows.scaled(scaling)?,
                None => rows,
            },
            columns: self.columns,
            width,
            row_work,
            interrupt,
        })
    }
}

/// Where answers go: the classes, scores or probabilities of a tile's rows.
enum Output<'o> {
    Classes(&'o mut [u32]),
    Scores(&'o mut [f64]),
    Probabilities(&'o mut [f64]),
}

/// Answers for the rows of a tile; gives the first whose scores are not finite.
struct Answer<'a, 't, 'o>(Scorer<'a>, Tile<'t>, Output<'o>);

impl Kernel for Answer<'_, '_, '_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Option<usize> {
        let Self(scorer, tile, mut output) = self;
        match (scorer.scores(), tile) {
            (1, Tile::Dense(values)) => {
                let mut first = None;
                let count = values.len() / scorer.columns;
                for start in (0..count).step_by(DOUBLES) {
                    let used = DOUBLES.min(count - start);
                    // Where there are fewer than eight the first is repeated, and not asked for.
                    let mut rows = [&values[start * scorer.columns..][..scorer.columns]; DOUBLES];
                    for lane in 1..used {
                        rows[lane] = &values[(start + lane) * scorer.columns..][..scorer.columns];
                    }
                    let scores = eight_products(simd, &rows, scorer.coefficients);
                    first = first.or(finish_two(simd, &scorer, scores, start..start + used, &mut output));
                }
                first
            }
            (1, Tile::Sparse(rows)) => {
                let mut first = None;
                let mut scores = [0.0; DOUBLES];
                let (mut start, mut used) = (0, 0);
                for row in rows.iter() {
                    scores[used] = dot_row(scorer.coefficients, Row::Sparse(row));
                    used += 1;
                    if used == DOUBLES {
                        let eight = simd.load(&scores);
                        first = first.or(finish_two(simd, &scorer, eight, start..start + used, &mut output));
                        (start, used) = (start + used, 0);
                    }
                }
                if used > 0 {
                    let eight = simd.load(&scores);
                    first = first.or(finish_two(simd, &scorer, eight, start..start + used, &mut output));
                }
                first
            }
            (_, Tile::Dense(values)) => {
                let mut first = None;
                let count = values.len() / scorer.columns;
                let mut start = 0;
                while start < count {
                    let rows = &values[start * scorer.columns..];
                    let (found, more) = if count - start >= DOUBLES {
                        (dense::<S, DOUBLES>(simd, &scorer, rows, start, &mut output), DOUBLES)
                    } else {
                        (dense::<S, 1>(simd, &scorer, rows, start, &mut output), 1)
                    };
                    first = first.or(found);
                    start += more;
                }
                first
            }
            (_, Tile::Sparse(rows)) => {
                let mut first = None;
                for (index, row) in rows.iter().enumerate() {
                    first = first.or(sparse(simd, &scorer, row, index, &mut output));
                }
                first
            }
        }
    }
}

/// The scalar product of each row with the coefficients, a lane for each.
#[inline(always)]
fn eight_products<S: Simd>(simd: S, rows: &[&[f64]; DOUBLES], coefficients: &[f64]) -> S::Double {
    let (whole, rest) = coefficients.as_chunks::<DOUBLES>();
    let mut sums = [simd.double(0.0); DOUBLES];
    let mut chunks: [&[[f64; DOUBLES]]; DOUBLES] = [&[]; DOUBLES];
    for row in 0..DOUBLES {
        chunks[row] = &rows[row].as_chunks::<DOUBLES>().0[..whole.len()];
    }
    for (index, coefficients) in whole.iter().enumerate() {
        let coefficients = simd.load(coefficients);
        for row in 0..DOUBLES {
            sums[row] = simd.add(sums[row], simd.mul(coefficients, simd.load(&chunks[row][index])));
        }
    }
    let sums = simd.sums(&sums);
    if rest.is_empty() {
        return sums;
    }
    let mut others = [0.0; DOUBLES];
    for row in 0..DOUBLES {
        for (coefficient, value) in rest.iter().zip(&rows[row][whole.len() * DOUBLES..]) {
            others[row] += coefficient * value;
        }
    }
    simd.add(sums, simd.load(&others))
}

/// Writes the answers for some rows of two classes, at most eight, from their scalar products.
#[inline(always)]
fn finish_two<S: Simd>(
    simd: S,
    scorer: &Scorer<'_>,
    products: S::Double,
    rows: std::ops::Range<usize>,
    output: &mut Output<'_>,
) -> Option<usize> {
    let (zero, one) = (simd.double(0.0), simd.double(1.0));
    let score = simd.add(products, simd.double(scorer.intercepts[0]));
    match output {
        Output::Classes(classes) => {
            let above = simd.bits(simd.less(zero, score));
            for (lane, class) in classes[rows.clone()].iter_mut().enumerate() {
                *class = (above >> lane) & 1;
            }
        }
        Output::Scores(scores) => simd.store_some(score, &mut scores[rows.clone()]),
        Output::Probabilities(probabilities) => {
            // 1 / (1 + exp(−|score|)) and the rest, neither of which overflows.
            let small = exponential(simd, simd.min(simd.sub(zero, score), score));
            let whole = simd.add(one, small);
            let (larger, smaller) = (simd.div(one, whole), simd.div(small, whole));
            let negative = simd.less(score, zero);
            let mut both = [[0.0; DOUBLES]; 2];
            simd.store(simd.select(negative, larger, smaller), &mut both[0]);
            simd.store(simd.select(negative, smaller, larger), &mut both[1]);
            let (pairs, _) = probabilities.as_chunks_mut::<2>();
            for (lane, pair) in pairs[rows.clone()].iter_mut().enumerate() {
                *pair = [both[0][lane], both[1][lane]];
            }
        }
    }
    // The difference of what is not finite from itself is not a number.
    let finite = simd.bits(simd.equal(simd.sub(score, score), zero));
    let first = rows.start + (!finite).trailing_zeros() as usize;
    (first < rows.end).then_some(first)
}

/// Eight coefficients of a column, from a place on; what lies behind them where there are fewer is no score's.
#[inline(always)]
fn coefficients_at<S: Simd>(simd: S, coefficients: &[f64], place: usize) -> S::Double {
    let from = &coefficients[place..];
    match from.first_chunk() {
        Some(eight) => simd.load(eight),
        None => simd.load_some(from),
    }
}

/// The best class so far of some rows.
#[derive(Clone, Copy)]
struct Best {
    score: f64,
    class: u32,
    finite: bool,
}

impl Best {
    const NONE: Self = Self {
        score: f64::NEG_INFINITY,
        class: 0,
        finite: true,
    };
}

/// Scores of eight classes at most, from `class` on, go to the row's place in the output, or are compared with the best so far.
#[inline(always)]
fn put<S: Simd>(
    simd: S,
    scorer: &Scorer<'_>,
    products: S::Double,
    (row, class): (usize, usize),
    output: &mut Output<'_>,
    best: &mut Best,
) {
    let scores = scorer.scores();
    let intercepts = &scorer.intercepts[class..scores.min(class + DOUBLES)];
    let sums = simd.add(products, simd.load_some(intercepts));
    match output {
        Output::Classes(_) => {
            let mut lanes = [0.0; DOUBLES];
            simd.store(sums, &mut lanes);
            for (lane, &score) in lanes[..intercepts.len()].iter().enumerate() {
                best.finite &= score.is_finite();
                if score > best.score {
                    best.score = score;
                    best.class = (class + lane) as u32;
                }
            }
        }
        Output::Scores(all) | Output::Probabilities(all) => {
            let from = row * scores + class;
            simd.store_some(sums, &mut all[from..from + intercepts.len()]);
        }
    }
}

/// Completes the answer for a row of more than two classes, whose scores were [`put`].
#[inline(always)]
fn finish<S: Simd>(simd: S, scorer: &Scorer<'_>, row: usize, output: &mut Output<'_>, best: Best) -> Option<usize> {
    let width = scorer.scores();
    let finite = match output {
        Output::Classes(classes) => {
            classes[row] = best.class;
            best.finite
        }
        Output::Scores(scores) => all_finite(&scores[row * width..][..width]),
        Output::Probabilities(scores) => {
            let scores = &mut scores[row * width..][..width];
            let finite = all_finite(scores);
            softmax(simd, scores);
            finite
        }
    };
    (!finite).then_some(row)
}

#[inline(always)]
#[allow(clippy::eq_op, reason = "what is not finite has no difference from itself of zero")]
fn all_finite(scores: &[f64]) -> bool {
    let mut differences = 0.0;
    for score in scores {
        differences += score - score;
    }
    differences == 0.0
}

/// Some dense rows of more than two classes.
#[inline(always)]
fn dense<S: Simd, const ROWS: usize>(
    simd: S,
    scorer: &Scorer<'_>,
    values: &[f64],
    first: usize,
    output: &mut Output<'_>,
) -> Option<usize> {
    let columns = scorer.columns;
    let mut rows: [&[f64]; ROWS] = [&[]; ROWS];
    for row in 0..ROWS {
        rows[row] = &values[row * columns..][..columns];
    }
    let mut best = [Best::NONE; ROWS];
    for class in (0..scorer.scores()).step_by(DOUBLES) {
        let mut sums = [simd.double(0.0); ROWS];
        for column in 0..columns {
            let coefficients = coefficients_at(simd, scorer.coefficients, column * scorer.stride + class);
            for row in 0..ROWS {
                let term = simd.mul(simd.double(rows[row][column]), coefficients);
                sums[row] = simd.add(sums[row], term);
            }
        }
        for row in 0..ROWS {
            put(simd, scorer, sums[row], (first + row, class), output, &mut best[row]);
        }
    }
    let mut not_finite = None;
    for row in 0..ROWS {
        not_finite = not_finite.or(finish(simd, scorer, first + row, output, best[row]));
    }
    not_finite
}

/// A sparse row of more than two classes.
#[inline(always)]
fn sparse<S: Simd>(
    simd: S,
    scorer: &Scorer<'_>,
    values: SparseRow<'_>,
    row: usize,
    output: &mut Output<'_>,
) -> Option<usize> {
    let mut best = Best::NONE;
    let mut class = 0;
    while class < scorer.scores() {
        let tiles = (scorer.scores() - class).div_ceil(DOUBLES).min(MOST_TILES);
        let at = (row, class);
        match tiles {
            1 => sparse_tiles::<S, 1>(simd, scorer, values, at, output, &mut best),
            2 => sparse_tiles::<S, 2>(simd, scorer, values, at, output, &mut best),
            3 => sparse_tiles::<S, 3>(simd, scorer, values, at, output, &mut best),
            _ => sparse_tiles::<S, MOST_TILES>(simd, scorer, values, at, output, &mut best),
        }
        class += tiles * DOUBLES;
    }
    finish(simd, scorer, row, output, best)
}

#[inline(always)]
fn sparse_tiles<S: Simd, const TILES: usize>(
    simd: S,
    scorer: &Scorer<'_>,
    values: SparseRow<'_>,
    (row, class): (usize, usize),
    output: &mut Output<'_>,
    best: &mut Best,
) {
    let mut sums = [simd.double(0.0); TILES];
    for (column, value) in values.entries() {
        let value = simd.double(value);
        for tile in 0..TILES {
            let place = column * scorer.stride + class + tile * DOUBLES;
            let term = simd.mul(value, coefficients_at(simd, scorer.coefficients, place));
            sums[tile] = simd.add(sums[tile], term);
        }
    }
    for tile in 0..TILES {
        put(simd, scorer, sums[tile], (row, class + tile * DOUBLES), output, best);
    }
}

/// Scores to probabilities, in place, without overflow.
#[inline(always)]
fn softmax<S: Simd>(simd: S, scores: &mut [f64]) {
    let mut largest = f64::NEG_INFINITY;
    for &score in scores.iter() {
        if score > largest {
            largest = score;
        }
    }
    let largest = simd.double(largest);
    let (whole, rest) = scores.as_chunks_mut::<DOUBLES>();
    let mut sums = simd.double(0.0);
    for eight in whole.iter_mut() {
        let small = exponential(simd, simd.sub(simd.load(eight), largest));
        simd.store(small, eight);
        sums = simd.add(sums, small);
    }
    if !rest.is_empty() {
        let mut last = [f64::NEG_INFINITY; DOUBLES];
        last[..rest.len()].copy_from_slice(rest);
        let small = exponential(simd, simd.sub(simd.load(&last), largest));
        simd.store_some(small, rest);
        sums = simd.add(sums, small);
    }
    let mut lanes = [0.0; DOUBLES];
    simd.store(sums, &mut lanes);
    let mut sum = 0.0;
    for lane in lanes {
        sum += lane;
    }
    for score in scores {
        *score /= sum;
    }
}
