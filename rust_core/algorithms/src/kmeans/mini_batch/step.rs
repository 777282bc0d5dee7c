//! What centres learn from one batch.

use crate::error::{Field, FitError};
use crate::interrupt::Interrupt;
use crate::kmeans::lloyd::{Buffers, Lloyd};
use crate::kmeans::mini_batch::check_reassignment_ratio;
use crate::kmeans::{KMeans, check_centers, check_label_range};
use crate::numpy_random::Draws;
use crate::packed::quick_squared_distance;
use crate::precision::Precision;
use crate::rows::Rows;
use crate::sample::{self, Sample};

/// Centres, and what they have learnt from so far.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    centers: Vec<f64>,
    columns: usize,
    counts: Vec<f64>,
    rows_since_reassignment: usize,
}

/// Rows to learn from.
#[derive(Clone, Copy)]
struct Batch<'a> {
    rows: Rows<'a>,
    weights: Option<&'a [f64]>,
    /// What they count as towards the next look for centres that win little.
    batch_size: usize,
}

/// What a step says of its batch.
pub(crate) struct Step {
    /// Of the batch's rows, before the centres moved. None where margins were asked for and scores give them.
    pub(crate) inertia: Option<f64>,
    /// Sum of the centres' squared shifts.
    pub(crate) shift: f64,
    /// Of its rows, before the centres moved.
    labels: Vec<i32>,
}

impl State {
    pub(crate) fn new(centers: Vec<f64>, columns: usize) -> Self {
        let counts = vec![0.0; centers.len() / columns];
        Self {
            centers,
            columns,
            counts,
            rows_since_reassignment: 0,
        }
    }

    /// A state as it was: row-major `centers` of `columns` values, what each has won ([`State::counts`]), and
    /// [`State::rows_since_reassignment`].
    ///
    /// # Errors
    /// [`FitError::Invalid`] when the lengths do not fit, or a value is not finite or a count below 0.
    pub fn resume(
        centers: Vec<f64>,
        columns: usize,
        counts: Vec<f64>,
        rows_since_reassignment: usize,
    ) -> Result<Self, FitError> {
        check_label_range(counts.len())?;
        check_centers(&centers, counts.len(), columns)?;
        if let Some(count) = counts.iter().find(|count| !(count.is_finite() && **count >= 0.0)) {
            let expected = "counts that are finite and not negative";
            return Err(FitError::invalid(Field::Init, expected, count));
        }
        Ok(Self {
            centers,
            columns,
            counts,
            rows_since_reassignment,
        })
    }

    /// The centres, row-major (`n_clusters × columns`).
    pub fn centers(&self) -> &[f64] {
        &self.centers
    }

    /// Weight that each centre has won, which is how slowly it moves.
    pub fn counts(&self) -> &[f64] {
        &self.counts
    }

    /// Rows seen since centres that win little were last looked for.
    pub fn rows_since_reassignment(&self) -> usize {
        self.rows_since_reassignment
    }

    /// A model of the centres.
    ///
    /// # Errors
    /// [`FitError::Overflow`] when a centre has left float64's range.
    pub fn model(&self) -> Result<KMeans, FitError> {
        KMeans::new(self.centers.clone(), self.counts.len(), self.columns)
            .map_err(|_| FitError::Overflow { quantity: "a centre" })
    }

    /// Moves the centres towards the means of the rows that they win, and now and then centres that win little to random rows.
    /// `batch_size` is what a batch counts as towards the next such look. The centres of float32 rows are rounded to float32.
    ///
    /// # Errors
    /// [`FitError`]: other columns than the centres', a weight, value or ratio out of its range, an overflow, or interrupted. The
    /// state is then as before.
    pub fn learn(
        &mut self,
        rows: Rows<'_>,
        weights: Option<&[f64]>,
        batch_size: usize,
        reassignment_ratio: f64,
        random: &mut dyn Draws,
        interrupt: Interrupt<'_>,
    ) -> Result<(), FitError> {
        let batch = Batch {
            rows,
            weights,
            batch_size,
        };
        self.learnt(batch, reassignment_ratio, random, interrupt, false, |_, _, _, _| Ok(()))
    }

    /// [`State::learn`]; then each row's cluster by the new centres, and the inertia, as [`KMeans::label`] says them.
    ///
    /// # Errors
    /// Those of [`State::learn`].
    pub fn learn_and_label(
        &mut self,
        rows: Rows<'_>,
        weights: Option<&[f64]>,
        batch_size: usize,
        reassignment_ratio: f64,
        random: &mut dyn Draws,
        interrupt: Interrupt<'_>,
    ) -> Result<(Vec<i32>, f64), FitError> {
        let batch = Batch {
            rows,
            weights,
            batch_size,
        };
        self.learnt(
            batch,
            reassignment_ratio,
            random,
            interrupt,
            true,
            |next, sample, buffers, mut labels| {
                let inertia = Lloyd::new(sample, buffers).label_again(&next.centers, &mut labels)?;
                Ok((labels, inertia))
            },
        )
    }

    /// Learns from a batch, and does `more` with what came of it; the state changes when that succeeds too.
    fn learnt<T>(
        &mut self,
        batch: Batch<'_>,
        reassignment_ratio: f64,
        random: &mut dyn Draws,
        interrupt: Interrupt<'_>,
        margins: bool,
        more: impl FnOnce(&Self, Sample<'_>, &mut Buffers, Vec<i32>) -> Result<T, FitError>,
    ) -> Result<T, FitError> {
        let Batch {
            rows,
            weights,
            batch_size,
        } = batch;
        check_reassignment_ratio(reassignment_ratio)?;
        if rows.columns() != self.columns {
            let expected = format!("{} columns", self.columns);
            return Err(FitError::invalid(Field::Rows, expected, rows.columns()));
        }
        if rows.rows() == 0 {
            return Err(FitError::invalid(Field::Rows, "at least one row", 0));
        }
        // A dense row that is not finite has no nearest centre, which the step notices without reading the rows twice.
        let sample = if rows.is_sparse() {
            Sample::check(rows, weights, interrupt)?
        } else {
            Sample::of_finite(rows, weights, interrupt)?
        };
        let mut next = self.clone();
        let mut buffers = Buffers::new(self.counts.len(), self.columns);
        let step = next
            .step(sample, batch_size, reassignment_ratio, random, &mut buffers, margins)
            .map_err(|error| match error {
                FitError::Overflow { .. } => sample::not_finite(rows).unwrap_or(error),
                _ => error,
            })?;
        next.round(rows.precision());
        let more = more(&next, sample, &mut buffers, step.labels)?;
        *self = next;
        Ok(more)
    }

    pub(crate) fn step(
        &mut self,
        batch: Sample<'_>,
        batch_size: usize,
        reassignment_ratio: f64,
        random: &mut dyn Draws,
        buffers: &mut Buffers,
        margins: bool,
    ) -> Result<Step, FitError> {
        self.rows_since_reassignment = self.rows_since_reassignment.saturating_add(batch_size);
        let due = self.rows_since_reassignment >= self.counts.len().saturating_mul(10);
        let reassign = due || self.counts.contains(&0.0);
        if reassign {
            self.rows_since_reassignment = 0;
        }

        let mut labels = vec![-1; batch.len()];
        let mut lloyd = Lloyd::new(batch, buffers);
        let won = lloyd.win(&self.centers, &mut labels, margins)?;
        let mut centers = self.centers.clone();
        let clusters = centers.chunks_exact_mut(self.columns).zip(&mut self.counts);
        for (cluster, (center, count)) in clusters.enumerate() {
            if won.weights[cluster] > 0.0 {
                *count += won.weights[cluster];
                let deviations = &won.deviations[cluster * self.columns..(cluster + 1) * self.columns];
                for (value, deviation) in center.iter_mut().zip(deviations) {
                    *value += deviation / *count;
                }
            }
        }
        if reassign && reassignment_ratio > 0.0 {
            self.reassign(batch, &mut centers, reassignment_ratio, random);
        }
        let shift = quick_squared_distance(&centers, &self.centers);
        self.centers = centers;
        if !shift.is_finite() {
            return Err(FitError::Overflow {
                quantity: "a squared distance",
            });
        }
        Ok(Step {
            inertia: won.inertia,
            shift,
            labels,
        })
    }

    /// Moves centres that have won less than `ratio` of the most that one has won to random rows of the batch, at most half as
    /// many as it has rows, the centres that have won least first.
    fn reassign(&mut self, batch: Sample<'_>, centers: &mut [f64], ratio: f64, random: &mut dyn Draws) {
        let most = self.counts.iter().copied().fold(0.0, f64::max);
        let mut chosen: Vec<bool> = self.counts.iter().map(|count| *count < ratio * most).collect();
        let limit = batch.len() / 2;
        let wanted = chosen.iter().filter(|chosen| **chosen).count();
        // Half the rows as a fraction: one row is more than half of one.
        if 2 * wanted > batch.len() {
            let mut by_count: Vec<usize> = (0..self.counts.len()).collect();
            by_count.sort_by(|left, right| self.counts[*left].total_cmp(&self.counts[*right]));
            for &cluster in by_count.iter().skip(limit) {
                chosen[cluster] = false;
            }
        }
        let moved: Vec<usize> = (0..chosen.len()).filter(|&cluster| chosen[cluster]).collect();
        if moved.is_empty() {
            return;
        }
        for (&cluster, row) in moved.iter().zip(random.generator().distinct(batch.len(), moved.len())) {
            let center = &mut centers[cluster * self.columns..(cluster + 1) * self.columns];
            batch.rows().copy_row(row, center);
        }
        // A moved centre starts with the least that another has won, lest it be moved again at once. Where all were moved, they
        // keep what they had.
        let others = (0..chosen.len()).filter(|&cluster| !chosen[cluster]);
        let least = others.map(|cluster| self.counts[cluster]).fold(f64::INFINITY, f64::min);
        if least.is_finite() {
            for &cluster in &moved {
                self.counts[cluster] = least;
            }
        }
    }

    pub(crate) fn round(&mut self, precision: Precision) {
        precision.round(&mut self.centers);
        precision.round(&mut self.counts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::never;
    use crate::numpy_random::RandomState;

    #[test]
    fn a_centre_is_the_mean_of_all_it_has_won() {
        let mut state = State::resume(vec![0.0, 100.0], 1, vec![0.0, 3.0], 0).unwrap();
        let mut random = RandomState::new(0);
        for batch in [[1.0, 2.0, 96.0], [4.0, 5.0, 99.0]] {
            let rows = Rows::from_values(&batch, 3, 1).unwrap();
            state.learn(rows, None, 3, 0.0, &mut random, &never).unwrap();
        }
        assert_eq!(state.centers(), [3.0, 99.0]);
        assert_eq!(state.counts(), [4.0, 5.0]);
        assert_eq!(random.words_drawn(), 0);
    }

    #[test]
    fn a_centre_that_wins_nothing_moves_to_a_row() {
        let mut state = State::new(vec![0.0, 1e6], 1);
        let rows = Rows::from_values(&[1.0, 2.0, 3.0], 3, 1).unwrap();
        state
            .learn(rows, None, 3, 0.01, &mut RandomState::new(0), &never)
            .unwrap();
        assert_eq!(state.centers()[0], 2.0);
        assert!([1.0, 2.0, 3.0].contains(&state.centers()[1]), "{state:?}");
        assert_eq!(state.counts(), [3.0, 3.0]);
    }

    #[test]
    fn a_refused_batch_leaves_the_state() {
        let mut state = State::resume(vec![0.0, 9.0], 1, vec![1.0, 1.0], 5).unwrap();
        let before = state.clone();
        let mut random = RandomState::new(0);
        for values in [[f64::NAN, 1.0], [1e300, 1.0]] {
            let rows = Rows::from_values(&values, 2, 1).unwrap();
            state.learn(rows, None, 2, 0.01, &mut random, &never).unwrap_err();
            assert_eq!(state, before);
        }
        let rows = Rows::from_values(&[1.0, 2.0], 1, 2).unwrap();
        state.learn(rows, None, 2, 0.01, &mut random, &never).unwrap_err();
        assert_eq!(state, before);
        State::resume(vec![0.0, 9.0], 1, vec![1.0, -1.0], 5).unwrap_err();
        State::resume(vec![0.0], 1, vec![1.0, 1.0], 5).unwrap_err();
    }

    #[test]
    fn labels_are_those_of_a_fresh_look() {
        let (rows, columns, clusters) = (300, 6, 7);
        for offset in [0.0, 1e6] {
            // A grid full of ties.
            let grid: Vec<f64> = (0..rows * columns)
                .map(|place| offset + (place * place % 11 % 5) as f64)
                .collect();
            let singles: Vec<f32> = grid.iter().map(|value| *value as f32).collect();
            for rows in [
                Rows::from_values(&grid, rows, columns).unwrap(),
                Rows::from_single_values(&singles, rows, columns).unwrap(),
            ] {
                let centers = grid[..clusters * columns].iter().enumerate();
                let centers = centers.map(|(place, value)| value + place as f64 / 64.0).collect();
                let mut state = State::new(centers, columns);
                let mut random = RandomState::new(0);
                for _ in 0..40 {
                    let (labels, inertia) = state
                        .learn_and_label(rows, None, 300, 0.01, &mut random, &never)
                        .unwrap();
                    assert_eq!(
                        state.model().unwrap().label(rows, None, &never).unwrap(),
                        (labels, inertia)
                    );
                }
            }
        }
    }
}
