//! What a run over rows without weights keeps from one iteration to the next: sums that follow the labels, and bounds that save
//! comparisons.

use std::ops::Range;
use std::sync::Mutex;

use crate::blocks::Blocks;
use crate::interrupt::{self, Interrupt, Interrupted};
use crate::kmeans::assign::{Carrier, Look, Outcome, Pass, Route, Stretch};
use crate::kmeans::bounds::{Bounds, Drift, Edges};
use crate::kmeans::centers::Centers;
use crate::kmeans::scores::ROWS;
use crate::kmeans::tally::{Cuts, Tally};
use crate::rows::{Ahead, Lying, Room, Rows};
use crate::sample::Sample;
use crate::simd::{Kernel, Simd, dispatch};

/// Sums and bounds of a run over dense rows.
pub(crate) struct Ledger {
    cuts: Cuts,
    tally: Tally,
    bounds: Bounds,
    /// Empty sums that threads change, to be added to `tally`.
    spare: Mutex<Vec<Tally>>,
}

/// Rows of [`ROWS`] that are compared where they lie, together with the others: to gather them would take longer.
const MANY: u32 = 44;

/// One block of rows in the hands of a thread.
struct Part<'t> {
    /// Index of the first row.
    first: usize,
    labels: &'t mut [i32],
    upper: &'t mut [f32],
    lower: &'t mut [f32],
    outcome: &'t mut Outcome,
    tally: Tally,
}

impl Ledger {
    /// Of rows without labels.
    pub(crate) fn new(cuts: Cuts, rows: usize, n_clusters: usize, columns: usize) -> Self {
        Self {
            cuts,
            tally: Tally::new(n_clusters, columns),
            bounds: Bounds::new(rows),
            spare: Mutex::default(),
        }
    }

    /// Forgets all labels.
    pub(crate) fn clear(&mut self) {
        self.tally.clear();
        self.bounds.clear();
    }

    /// Gives the rows that may have changed their label to their nearest centre, and follows with the sums. `old` are the centres
    /// before: those that the labels were made with. With `inertia`, every row is compared, and outcomes have the inertia.
    #[allow(clippy::too_many_arguments, reason = "the parts of a run, which it borrows apart")]
    pub(crate) fn pass(
        &mut self,
        sample: Sample<'_>,
        blocks: &Blocks,
        old: &[f64],
        centers: &Centers,
        labels: &mut [i32],
        outcomes: &mut [Outcome],
        inertia: bool,
    ) -> Result<(), Interrupted> {
        let scale = centers.panels().map(|panels| panels.scale());
        let factor = self.bounds.step(old, centers, scale, inertia, sample.interrupt)?;
        let Self {
            cuts,
            tally,
            bounds,
            spare,
        } = self;
        let (upper, lower, drift) = bounds.parts();
        let length = blocks.block_rows();
        let mut of_blocks: Vec<_> = outcomes
            .iter_mut()
            .zip(upper.chunks_mut(length).zip(lower.chunks_mut(length)))
            .collect();
        let walk = Walk {
            sample,
            pass: Pass {
                centers,
                route: Route::Scores,
                look: Look {
                    write: true,
                    inertia,
                    ..Look::default()
                },
            },
            cuts,
            factor,
            drift,
        };
        let shared = &*spare;
        let empty = || Tally::new(centers.count(), centers.columns());
        blocks.write_reduce(labels, &mut of_blocks, |block, labels, (outcome, (upper, lower))| {
            outcome.clear(centers, false, false, || interrupt::check(sample.interrupt))?;
            let tally = shared
                .lock()
                .map_or(None, |mut spare| spare.pop())
                .unwrap_or_else(empty);
            let mut part = Part {
                first: block.start,
                labels,
                upper,
                lower,
                outcome,
                tally,
            };
            walk.block(blocks, block, &mut part)?;
            let Part { outcome, tally, .. } = part;
            outcome.sums.finish(centers, false, || Ok(()))?;
            if let Ok(mut spare) = shared.lock() {
                spare.push(tally);
            }
            Ok(())
        })?;
        for other in spare.get_mut().expect("no thread panicked, or this one would have") {
            tally.absorb(other, sample.interrupt)?;
        }
        Ok(())
    }

    /// Rows of each cluster.
    pub(crate) fn counts(&self) -> &[i64] {
        self.tally.counts()
    }

    /// Takes rows (the second of each pair) from the sums of their labels, or with `back` adds them again.
    pub(crate) fn set_aside(&mut self, sample: Sample<'_>, labels: &[i32], moves: &[(usize, usize)], back: bool) {
        for &(_, row) in moves {
            let (from, to) = if back { (-1, labels[row]) } else { (labels[row], -1) };
            dispatch(Carry {
                cuts: &self.cuts,
                row: &sample.row(row),
                from,
                to,
                tally: &mut self.tally,
            });
        }
    }

    /// Writes the mean of each cluster that has rows to `centers`.
    pub(crate) fn means(&self, centers: &mut [f64], interrupt: Interrupt<'_>) -> Result<(), Interrupted> {
        self.tally.means(centers, interrupt)
    }
}

/// Carries one row.
struct Carry<'a> {
    cuts: &'a Cuts,
    row: &'a [f64],
    from: i32,
    to: i32,
    tally: &'a mut Tally,
}

impl Kernel for Carry<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.tally.carry(simd, self.cuts, self.row, self.from, self.to);
    }
}

/// A walk over the rows.
struct Walk<'a> {
    sample: Sample<'a>,
    pass: Pass<'a>,
    cuts: &'a Cuts,
    /// See [`Bounds::step`].
    factor: Option<f32>,
    /// None where every row is compared.
    drift: Option<&'a Drift>,
}

/// Rows that are not side by side, to be compared together.
#[derive(Default)]
struct Gathered {
    /// The rows' indices.
    indices: Vec<usize>,
    labels: Vec<i32>,
    upper: Vec<f32>,
    lower: Vec<f32>,
    room: Room,
    buffer: Vec<f64>,
}

impl Walk<'_> {
    fn block(&self, blocks: &Blocks, block: Range<usize>, part: &mut Part<'_>) -> Result<(), Interrupted> {
        let rows = self.sample.rows();
        let Some(drift) = self.drift else {
            return self.sample.lying(blocks, block, |tile, values| {
                let ahead = rows.ahead(tile.end..tile.end + tile.len());
                self.side_by_side(tile, values, ahead, part);
            });
        };
        let mut gathered = Gathered::default();
        let (first, end) = (block.start, block.end);
        blocks.tiles(block, self.sample.interrupt, |tile| {
            for start in tile.clone().step_by(ROWS) {
                let some = start..tile.end.min(start + ROWS);
                let places = some.start - first..some.end - first;
                let (upper, lower) = (&mut part.upper[places.clone()], &mut part.lower[places.clone()]);
                let mut open = drift.sweep(&part.labels[places], upper, lower);
                if open.count_ones() >= MANY {
                    let ahead = rows.ahead(some.end..end.min(some.end + ROWS));
                    let values = rows.lying(some.clone(), &mut gathered.buffer);
                    self.side_by_side(some, values, ahead, part);
                    continue;
                }
                dispatch(BringNear { rows, start, open });
                while open != 0 {
                    gathered.indices.push(start + open.trailing_zeros() as usize);
                    open &= open - 1;
                    if gathered.indices.len() == ROWS {
                        self.apart(&mut gathered, part);
                    }
                }
            }
        })?;
        self.apart(&mut gathered, part);
        Ok(())
    }

    /// Compares rows that lie side by side.
    fn side_by_side(&self, tile: Range<usize>, rows: Lying<'_>, ahead: Ahead<'_>, part: &mut Part<'_>) {
        let places = tile.start - part.first..tile.end - part.first;
        let stretch = Stretch {
            rows,
            ahead,
            place: places.start,
            labels: &mut part.labels[places.clone()],
            weights: None,
            carrier: Some(Carrier {
                cuts: self.cuts,
                tally: &mut part.tally,
            }),
            edges: self.factor.map(|factor| Edges {
                upper: &mut part.upper[places.clone()],
                lower: &mut part.lower[places],
                factor,
            }),
        };
        self.pass.rows(stretch, part.outcome);
    }

    /// Compares the rows that were gathered, and forgets them.
    fn apart(&self, gathered: &mut Gathered, part: &mut Part<'_>) {
        let Gathered {
            indices,
            labels,
            upper,
            lower,
            room,
            ..
        } = gathered;
        let count = indices.len();
        let rows = self.sample.rows().gather(indices, room);
        labels.clear();
        labels.extend(indices.iter().map(|index| part.labels[index - part.first]));
        upper.resize(count, 0.0);
        lower.resize(count, 0.0);
        let stretch = Stretch {
            rows,
            ahead: Ahead::Unknown,
            place: 0,
            labels,
            weights: None,
            carrier: Some(Carrier {
                cuts: self.cuts,
                tally: &mut part.tally,
            }),
            edges: self.factor.map(|factor| Edges { upper, lower, factor }),
        };
        self.pass.rows(stretch, part.outcome);
        for (at, index) in indices.drain(..).enumerate() {
            let place = index - part.first;
            part.labels[place] = labels[at];
            if self.factor.is_some() {
                part.upper[place] = upper[at];
                part.lower[place] = lower[at];
            }
        }
    }
}

/// Asks for rows that are soon to be gathered: those with a bit in `open`, from `start` on.
struct BringNear<'a> {
    rows: Rows<'a>,
    start: usize,
    open: u64,
}

impl Kernel for BringNear<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut open = self.open;
        while open != 0 {
            let row = self.start + open.trailing_zeros() as usize;
            open &= open - 1;
            self.rows.ahead(row..row + 1).lines().bring_all(simd);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::never;
    use crate::packed::squared_distance;

    const COLUMNS: usize = 5;
    const CENTERS: usize = 20;

    /// Rows around the first of them.
    fn rows(count: usize) -> Vec<f64> {
        let mut state = 1_u64;
        let mut values = Vec::new();
        for row in 0..count {
            for column in 0..COLUMNS {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let noise = (state >> 40) as f64 / 16_777_216.0;
                let near = if row < CENTERS {
                    20.0 * noise
                } else {
                    values[row % CENTERS * COLUMNS + column] + noise
                };
                values.push(near);
            }
        }
        values
    }

    #[test]
    fn bounds_hold_as_centres_move_and_leave_few_rows_open() {
        const COUNT: usize = 3000;
        let values = rows(COUNT);
        let sample = Sample::check(Rows::from_values(&values, COUNT, COLUMNS).unwrap(), None, &never).unwrap();
        let cuts = Cuts::of(sample).unwrap().unwrap();
        let blocks = Blocks::new(COUNT, COLUMNS, CENTERS * COLUMNS, 1);
        let mut outcomes = vec![Outcome::default(); blocks.count()];
        let mut labels = vec![-1; COUNT];
        let mut ledger = Ledger::new(cuts.clone(), COUNT, CENTERS, COLUMNS);
        let mut old = vec![0.0; CENTERS * COLUMNS];
        for step in 0..6 {
            let moved = values[..CENTERS * COLUMNS].iter().enumerate();
            let moved: Vec<f64> = moved
                .map(|(place, value)| value + f64::from(step) * 0.01 * (place % 7) as f64)
                .collect();
            let centers = Centers::new(moved, COLUMNS);
            ledger
                .pass(sample, &blocks, &old, &centers, &mut labels, &mut outcomes, false)
                .unwrap();
            old.copy_from_slice(centers.values());
            let unit = ledger.bounds.unit().unwrap();
            let (upper, lower, drift) = ledger.bounds.parts();
            for (index, row) in values.chunks(COLUMNS).enumerate() {
                let own = labels[index] as usize;
                assert_eq!(centers.nearest(crate::rows::Row::Dense(row)).unwrap().0, own);
                for cluster in 0..CENTERS {
                    let distance = squared_distance(row, centers.center(cluster)).sqrt() * unit;
                    if cluster == own {
                        assert!(f64::from(upper[index]) >= distance);
                    } else {
                        assert!(f64::from(lower[index]) <= distance);
                    }
                }
            }
            assert_eq!(drift.is_some(), step > 0);
            if let Some(drift) = drift {
                let mut open = 0;
                for start in (0..COUNT).step_by(ROWS) {
                    let some = start..COUNT.min(start + ROWS);
                    let (mut upper, mut lower) = (upper[some.clone()].to_vec(), lower[some.clone()].to_vec());
                    open += drift.sweep(&labels[some], &mut upper, &mut lower).count_ones();
                }
                assert!(open < 600, "{open} rows are open");
            }
        }
    }

    #[test]
    fn sums_are_those_of_the_labels_whatever_way_rows_have_come() {
        const COUNT: usize = 500;
        let mut values = rows(COUNT);
        // Digits that plain sums would lose.
        values.iter_mut().step_by(11).for_each(|value| *value *= 1e-12);
        values.iter_mut().step_by(13).for_each(|value| *value *= 1e9);
        let sample = Sample::check(Rows::from_values(&values, COUNT, COLUMNS).unwrap(), None, &never).unwrap();
        let cuts = Cuts::of(sample).unwrap().unwrap();
        let label = |row: usize| (row * row % CENTERS) as i32;
        let tally = |moves: &[(usize, i32, i32)]| {
            let mut tally = Tally::new(CENTERS, COLUMNS);
            for &(row, from, to) in moves {
                dispatch(Carry {
                    cuts: &cuts,
                    row: &values[row * COLUMNS..(row + 1) * COLUMNS],
                    from,
                    to,
                    tally: &mut tally,
                });
            }
            let mut means = vec![7.0; CENTERS * COLUMNS];
            tally.means(&mut means, &never).unwrap();
            (tally, means)
        };
        let straight: Vec<_> = (0..COUNT).map(|row| (row, -1, label(row))).collect();
        let mut about: Vec<_> = (0..COUNT).rev().map(|row| (row, -1, (row % 3) as i32)).collect();
        about.extend((0..COUNT).map(|row| (row, (row % 3) as i32, 7)));
        about.extend((0..COUNT).map(|row| (row, 7, label(row))));
        let (of_straight, means) = tally(&straight);
        let (mut total, again) = tally(&about);
        assert_eq!((of_straight.counts(), &means), (total.counts(), &again));
        // Taken away again, nothing is left.
        let away: Vec<_> = (0..COUNT).map(|row| (row, label(row), -1)).collect();
        total.absorb(&mut tally(&away).0, &never).unwrap();
        assert!(total.counts().iter().all(|count| *count == 0));
        let kept = [(0, -1, 7)];
        total.absorb(&mut tally(&kept).0, &never).unwrap();
        let mut means = vec![0.0; CENTERS * COLUMNS];
        total.means(&mut means, &never).unwrap();
        assert_eq!(means[7 * COLUMNS..8 * COLUMNS], values[..COLUMNS]);
    }

    #[test]
    fn equal_rows_have_themselves_for_their_mean() {
        for value in [0.1, -0.1, 1.0 / 3.0, 1.75 + 7.0 * f64::EPSILON, -1e30, 5e-100, 5e-324] {
            for count in [1, 3, 5, 49, 4097] {
                let values = vec![value; count];
                let sample = Sample::check(Rows::from_values(&values, count, 1).unwrap(), None, &never).unwrap();
                let cuts = Cuts::of(sample).unwrap().unwrap();
                let mut ledger = Ledger::new(cuts.clone(), count, 1, 1);
                let moves: Vec<_> = (0..count).map(|row| (0, row)).collect();
                ledger.set_aside(sample, &vec![0; count], &moves, true);
                let mut mean = [0.0];
                ledger.means(&mut mean, &never).unwrap();
                assert_eq!(mean, [value], "{count} rows");
            }
        }
    }

    #[test]
    fn a_value_that_would_lose_its_digits_beside_a_greater_one_is_not_cut() {
        let cuts = |values: &[f64]| {
            let sample = Sample::check(Rows::from_values(values, values.len(), 1).unwrap(), None, &never).unwrap();
            Cuts::of(sample).unwrap().is_some()
        };
        assert!(cuts(&[1e15, 1.0, 0.0, 1e-9]));
        assert!(!cuts(&[3.4e38, 1000.0, 1.0]));
        assert!(!cuts(&[1e281, 1e280]));
        assert!(cuts(&[0.0, -0.0]));
    }
}
