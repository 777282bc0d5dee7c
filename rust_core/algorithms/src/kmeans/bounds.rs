//! Bounds that tell which rows keep their label without being compared with every centre.
//!
//! For each row there is an upper bound of the distance to its own centre, and a lower bound of that to any other. Scores give both;
//! as centres move, the one grows by the shift of the row's centre, the other shrinks by the greatest shift of any other. While the
//! upper bound lies below the lower one, or below half the way from the row's centre to the nearest other centre, no other centre
//! can be nearer. All are rounded away from what they bound, by more than the rounding errors of the definition's distances, and
//! the comparison is strict: where there could be a tie, the row is compared.
//!
//! Source: G. Hamerly, "Making k-means even faster", SDM 2010.

use crate::interrupt::{self, Interrupt, Interrupted};
use crate::kmeans::centers::Centers;
use crate::kmeans::scores::ROWS;
use crate::packed::{LANES, squared_distance};
use crate::simd::{Kernel, SINGLES, Simd, dispatch};

use rayon::prelude::*;

/// Rows for each centre from which half the ways between centres are worth their cost: as much as scores of six rows for each centre.
const LEAST_ROWS: usize = 16;

/// More than a few roundings of float32, relative.
pub(crate) const MARGIN: f32 = 4.0 * f32::EPSILON;

/// Bounds of all rows.
pub(crate) struct Bounds {
    /// What distances are multiplied by: a power of two; None as long as there are no bounds.
    unit: Option<f64>,
    upper: Vec<f32>,
    lower: Vec<f32>,
    drift: Option<Drift>,
}

/// What a step of the centres does to bounds.
#[derive(Debug, Default)]
pub(crate) struct Drift {
    /// Each centre's shift, or more.
    shifts: Vec<f32>,
    /// Half the distance from each centre to the nearest other, or less.
    half_ways: Vec<f32>,
    /// The greatest of the shifts, and the greatest of the others: the same, where two are as great.
    greatest: f32,
    second: f32,
}

/// Where bounds of some rows are written.
pub(crate) struct Edges<'t> {
    pub(crate) upper: &'t mut [f32],
    pub(crate) lower: &'t mut [f32],
    /// What the scores' distances are multiplied by.
    pub(crate) factor: f32,
}

impl Bounds {
    /// None known yet, of this many rows.
    pub(crate) fn new(rows: usize) -> Self {
        Self {
            unit: None,
            upper: vec![f32::INFINITY; rows],
            lower: vec![0.0; rows],
            drift: None,
        }
    }

    /// Forgets what is known of rows and centres.
    pub(crate) fn clear(&mut self) {
        self.drift = None;
        self.forget();
    }

    /// What distances are multiplied by.
    #[cfg(test)]
    pub(crate) fn unit(&self) -> Option<f64> {
        self.unit
    }

    /// Upper bounds, lower bounds, and what the centres' last step does to them: None where nothing can be said, so that every row has
    /// to be compared.
    pub(crate) fn parts(&mut self) -> (&mut [f32], &mut [f32], Option<&Drift>) {
        (&mut self.upper, &mut self.lower, self.drift.as_ref())
    }

    /// Makes ready for centres that have moved from `old`. What scores scaled by `scale` say of distances is multiplied by the
    /// number that is returned; None where there are no scores, or where that number is too great or small. With `compares_all`
    /// the bounds that there are will not be asked.
    pub(crate) fn step(
        &mut self,
        old: &[f64],
        new: &Centers,
        scale: Option<f64>,
        compares_all: bool,
        interrupt: Interrupt<'_>,
    ) -> Result<Option<f32>, Interrupted> {
        const MOST: f64 = 1e15;
        self.drift = None;
        let unit = self.unit.or(scale);
        let (Some(unit), Some(scale)) = (unit, scale) else {
            self.forget();
            return Ok(None);
        };
        let factor = unit / scale;
        if !(1.0 / MOST..MOST).contains(&factor) {
            self.forget();
            return Ok(None);
        }
        if self.unit.replace(unit).is_some() && !compares_all {
            let half_ways = self.upper.len() >= LEAST_ROWS.saturating_mul(new.count());
            self.drift = Some(Drift::of(old, new, unit, half_ways, interrupt)?);
        }
        Ok(Some(factor as f32))
    }

    fn forget(&mut self) {
        self.unit = None;
        self.upper.fill(f32::INFINITY);
        self.lower.fill(0.0);
    }
}

/// The root of a squared distance times `unit`, or more.
///
/// Squared distances in float64 are right to 2⁻⁴⁰ of themselves for the columns that scores take, and so are their roots; what
/// underflows is less than the least normal number of float32, once it is multiplied.
pub(crate) fn above(square: f64, unit: f64) -> f32 {
    (square.sqrt() * unit) as f32 * (1.0 + MARGIN) + f32::MIN_POSITIVE
}

impl Drift {
    fn of(
        old: &[f64],
        new: &Centers,
        unit: f64,
        half_ways: bool,
        interrupt: Interrupt<'_>,
    ) -> Result<Self, Interrupted> {
        let below = |square: f64| (square.sqrt() * unit) as f32 * (1.0 - MARGIN) - f32::MIN_POSITIVE;
        let columns = new.columns();
        let shifts: Vec<f32> = old
            .chunks_exact(columns)
            .zip(new.values().chunks_exact(columns))
            .map(|(old, new)| above(squared_distance(old, new), unit))
            .collect();
        let (mut greatest, mut second) = (0.0, 0.0);
        for &shift in &shifts {
            second = f32::max(second, shift.min(greatest));
            greatest = shift.max(greatest);
        }
        let half_way = |cluster: usize| {
            interrupt::check(interrupt)?;
            Ok(0.5 * below(dispatch(Nearest { centers: new, cluster })))
        };
        let half_ways = if !half_ways {
            vec![0.0; new.count()]
        } else if new.values().len() * new.count() >= WORTH_THREADS {
            (0..new.count())
                .into_par_iter()
                .map(half_way)
                .collect::<Result<_, _>>()?
        } else {
            (0..new.count()).map(half_way).collect::<Result<_, _>>()?
        };
        Ok(Self {
            shifts,
            half_ways,
            greatest,
            second,
        })
    }

    /// Moves the bounds of up to [`ROWS`] rows. A bit for each row that has to be compared with the centres.
    pub(crate) fn sweep(&self, labels: &[i32], upper: &mut [f32], lower: &mut [f32]) -> u64 {
        dispatch(Sweep {
            drift: self,
            labels,
            upper,
            lower,
        })
    }
}

/// Squared differences that are worth other threads.
const WORTH_THREADS: usize = 1 << 18;

/// The squared distance from a centre to the nearest other.
struct Nearest<'a> {
    centers: &'a Centers,
    cluster: usize,
}

impl Kernel for Nearest<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        let mut nearest = [f64::INFINITY; LANES];
        for (index, tile) in self.centers.packed().tiles().enumerate() {
            let mut sum = simd.double(0.0);
            for (value, lanes) in self.centers.center(self.cluster).iter().zip(tile) {
                let difference = simd.sub(simd.double(*value), simd.load(lanes));
                sum = simd.add(sum, simd.mul(difference, difference));
            }
            let mut distances = [0.0; LANES];
            simd.store(sum, &mut distances);
            for (lane, distance) in distances.into_iter().enumerate() {
                if index * LANES + lane != self.cluster {
                    nearest[lane] = nearest[lane].min(distance);
                }
            }
        }
        nearest.into_iter().fold(f64::INFINITY, f64::min)
    }
}

struct Sweep<'a> {
    drift: &'a Drift,
    labels: &'a [i32],
    upper: &'a mut [f32],
    lower: &'a mut [f32],
}

impl Kernel for Sweep<'_> {
    type Output = u64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> u64 {
        debug_assert!(self.labels.len() <= ROWS);
        let mut open = 0;
        let rows = self.labels.chunks(SINGLES).zip(self.upper.chunks_mut(SINGLES));
        for (index, ((labels, upper), lower)) in rows.zip(self.lower.chunks_mut(SINGLES)).enumerate() {
            let (Some(of_labels), Some(uppers), Some(lowers)) =
                (labels.as_array(), upper.as_mut_array(), lower.as_mut_array())
            else {
                // The last rows, filled up to a vector.
                let mut of_labels = [0; SINGLES];
                let (mut uppers, mut lowers) = ([0.0; SINGLES], [0.0; SINGLES]);
                of_labels[..labels.len()].copy_from_slice(labels);
                uppers[..upper.len()].copy_from_slice(upper);
                lowers[..lower.len()].copy_from_slice(lower);
                let bits = sweep(simd, self.drift, &of_labels, &mut uppers, &mut lowers);
                upper.copy_from_slice(&uppers[..upper.len()]);
                lower.copy_from_slice(&lowers[..lower.len()]);
                open |= (bits & ((1 << labels.len()) - 1)) << (index * SINGLES);
                continue;
            };
            open |= sweep(simd, self.drift, of_labels, uppers, lowers) << (index * SINGLES);
        }
        open
    }
}

/// The bounds of [`SINGLES`] rows.
#[inline(always)]
fn sweep<S: Simd>(
    simd: S,
    drift: &Drift,
    labels: &[i32; SINGLES],
    uppers: &mut [f32; SINGLES],
    lowers: &mut [f32; SINGLES],
) -> u64 {
    let (more, less) = (simd.single(1.0 + MARGIN), simd.single(1.0 - MARGIN));
    let shift = simd.gather_singles(&drift.shifts, labels);
    let half_way = simd.gather_singles(&drift.half_ways, labels);
    let greatest = simd.single(drift.greatest);
    let others = simd.select_singles(simd.less_singles(shift, greatest), greatest, simd.single(drift.second));
    let upper = simd.mul_singles(simd.add_singles(simd.load_singles(uppers), shift), more);
    let lower = simd.mul_singles(simd.sub_singles(simd.load_singles(lowers), others), less);
    simd.store_singles(upper, uppers);
    simd.store_singles(lower, lowers);
    // False for NaN: then the row is compared.
    let kept = simd.less_singles(upper, simd.max_singles(lower, half_way));
    u64::from(!simd.bits_singles(kept) & 0xFFFF)
}

impl Edges<'_> {
    /// Notes bounds of the rows from `first` on: their squared distances from the nearest centre are at most `nearest`, from any other
    /// at least `next`. Of rows with a bit in `doubtful` another centre may be the nearest: they have no lower bound.
    #[inline(always)]
    pub(crate) fn note(&mut self, first: usize, nearest: &[f32; ROWS], next: &[f32; ROWS], doubtful: u64) {
        let (upper, lower) = (&mut self.upper[first..], &mut self.lower[first..]);
        let rows = upper.iter_mut().zip(&mut *lower).zip(nearest.iter().zip(next));
        for ((upper, lower), (nearest, next)) in rows {
            *upper = nearest.sqrt() * self.factor * (1.0 + MARGIN);
            // NaN and what lies below zero become zero.
            *lower = next.max(0.0).sqrt() * self.factor * (1.0 - MARGIN);
        }
        if doubtful != 0 {
            for (index, lower) in lower.iter_mut().take(ROWS).enumerate() {
                if doubtful >> index & 1 == 1 {
                    *lower = 0.0;
                }
            }
        }
    }
}
