//! A row's visit: its α, given those of all others.

use super::intercept::Intercept;
use super::split::{Lengths, Split};
use crate::csr::SparseRow;
use crate::rows::Lines;
use crate::simd::{DOUBLES, Kernel, Simd, exponential};
use crate::values::Value;

/// Margins change by so much by one Newton step, at most.
const FAR: f64 = 1.0;
/// A row is solved where its last Newton step changed the margin by no more.
const SOLVED: f64 = 0.5;
/// Newton steps and halvings for one row, at most.
const MOST_STEPS: usize = 60;
/// Rows whose values are brought near ahead.
const AHEAD: usize = 5;

/// What is known of a row: all that a visit needs, in one line of memory.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
pub(super) struct State {
    alpha: f64,
    /// The margin that the row was left with, and there:
    margin: f64,
    /// C·s·σ(−m),
    pull: f64,
    /// minus its derivative.
    curvature: f64,
    /// The squared length of the row, its intercept's column included,
    pub(super) square: f64,
    /// and that in columns of its own.
    own: f64,
    /// C·s.
    pub(super) weight: f64,
    /// 1 for class 1, −1 for class 0.
    pub(super) sign: f64,
}

impl State {
    /// Of a row whose α is 0, left about where it would come to if there were no other; `variance` is that of the intercept.
    pub(super) fn new(lengths: Lengths, variance: f64, weight: f64, sign: f64) -> Self {
        let mut state = Self {
            square: lengths.shared + lengths.own + variance,
            own: lengths.own,
            weight,
            sign,
            ..Self::default()
        };
        // Alone it would settle where m·(1 + eᵐ) = z. So eᵐ is about 1 + z/2 where z is small, and z / ln z where it is large.
        let z = state.square * weight;
        let large = 1.0 + z / z.ln().max(2.0);
        state.leave_with(large.ln(), 1.0 / large);
        state
    }

    /// The margin, where the score is that of shared columns and the intercept.
    #[inline(always)]
    fn margin(&self, score: f64) -> f64 {
        self.sign * score + self.own * self.alpha
    }

    /// The coefficients of the row's own columns, by its values.
    pub(super) fn factor(&self) -> f64 {
        self.sign * self.alpha
    }

    /// The square of these coefficients.
    pub(super) fn own_square(&self) -> f64 {
        self.own * self.alpha * self.alpha
    }

    /// Leaves the row with a margin.
    fn leave(&mut self, margin: f64) {
        self.leave_with(margin, (-margin.abs()).exp());
    }

    /// The same, where `small` is exp(−|m|).
    #[inline(always)]
    fn leave_with(&mut self, margin: f64, small: f64) {
        let share = 1.0 / (1.0 + small);
        self.margin = margin;
        self.pull = self.weight * if margin > 0.0 { small } else { 1.0 } * share;
        // p·(1 − p), without taking a number near 1 from 1.
        self.curvature = self.weight * small * share * share;
    }

    /// One Newton step from the margin that the row was left with, where it is now `margin`. Gives what that and α come to; nothing
    /// where the step leads far or out of bounds.
    #[inline(always)]
    fn step(&self, margin: f64) -> Option<(f64, f64)> {
        let step =
            (margin - self.margin + self.square * (self.pull - self.alpha)) / (1.0 + self.square * self.curvature);
        let alpha = self.pull - self.curvature * step;
        (step.abs() <= FAR && alpha >= 0.0 && alpha <= self.weight).then_some((self.margin + step, alpha))
    }

    /// As many Newton steps as the row takes: the margin grows with α, and C·s·σ(−m) falls, so that bounds close in on where they meet.
    #[cold]
    fn solve(&self, margin: f64) -> (f64, f64) {
        let mut low = margin - self.square * self.alpha;
        let mut high = margin + self.square * (self.weight - self.alpha);
        let mut state = *self;
        let mut solved = (margin, self.alpha);
        state.leave(if low < self.margin && self.margin < high {
            self.margin
        } else {
            margin
        });
        for _ in 0..MOST_STEPS {
            let excess = state.margin - margin - self.square * (state.pull - self.alpha);
            if excess > 0.0 {
                high = state.margin;
            } else {
                low = state.margin;
            }
            let step = -excess / (1.0 + state.square * state.curvature);
            let inside = low < state.margin + step && state.margin + step < high;
            let next = if inside {
                state.margin + step
            } else {
                0.5 * (low + high)
            };
            let alpha = (state.pull - state.curvature * (next - state.margin)).clamp(0.0, self.weight);
            solved = (next, alpha);
            if (next - state.margin).abs() <= SOLVED {
                break;
            }
            state.leave(next);
        }
        solved
    }

    /// Where the row stands at a score of shared columns and the intercept.
    pub(super) fn standing(&self, score: f64) -> Standing {
        let margin = self.margin(score);
        let small = (-margin.abs()).exp();
        let rest = small.ln_1p();
        // Minus the logarithms of σ(−m) and σ(m), and these.
        let (wrong, right) = ((-margin).max(0.0) + rest, margin.max(0.0) + rest);
        let (less, more) = (small / (1.0 + small), 1.0 / (1.0 + small));
        let (pull, push) = if margin > 0.0 { (less, more) } else { (more, less) };
        let share = self.alpha / self.weight;
        let off = share - pull;
        let apart = divergence(share, pull, off, right) + divergence(1.0 - share, push, -off, wrong);
        Standing {
            loss: self.weight * wrong,
            apart: self.weight * apart,
            off: self.weight * off.abs(),
        }
    }
}

/// What the objectives and the gradient have of a row.
pub(super) struct Standing {
    pub(super) loss: f64,
    /// How far the margin and α are from being each other's: summed, how far the primal is above the dual.
    pub(super) apart: f64,
    /// How far α is from C·s·σ(−m).
    pub(super) off: f64,
}

/// share · ln(share / part) − share + part, which is at least 0, where `off` is share − part, and `minus_log` −ln(part).
fn divergence(share: f64, part: f64, off: f64, minus_log: f64) -> f64 {
    let change = off / part;
    if change.abs() < 0.01 {
        // Its terms would cancel: Σ (−x)ᵏ / (k·(k − 1)) from k = 2 on.
        let series = 1.0 / 2.0 - change * (1.0 / 6.0 - change * (1.0 / 12.0 - change * (1.0 / 20.0 - change / 30.0)));
        return part * change * change * series;
    }
    let entropy = if share > 0.0 {
        share * (share.ln() + minus_log)
    } else {
        0.0
    };
    (entropy - off).max(0.0)
}

/// Some rows, one after the other.
pub(super) struct Visits<'v, V> {
    pub(super) split: &'v Split<V>,
    pub(super) order: &'v [u32],
    pub(super) states: &'v mut [State],
    pub(super) coefficients: &'v mut [f64],
    pub(super) intercept: &'v mut Intercept,
    /// How much further α goes than the row alone would have it.
    pub(super) beyond: f64,
}

impl<V: Value> Kernel for Visits<'_, V> {
    /// How far the objective was above its minimum, as far as these rows are concerned, roughly; where they were not visited before,
    /// how far their margins were from what they would be alone has a part in it.
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        let mut missing = 0.0;
        let mut left = Left::default();
        for (place, &row) in self.order.iter().enumerate() {
            if let Some(&ahead) = self.order.get(place + AHEAD) {
                let row = self.split.shared(ahead as usize);
                Lines::over(row.columns).bring_all(simd);
                Lines::over(row.values).bring_all(simd);
                Lines::over(&self.states[ahead as usize..=ahead as usize]).bring_all(simd);
            }
            let SparseRow { columns, values } = self.split.shared(row as usize);
            let state = &mut self.states[row as usize];
            let margin = state.margin(product(columns, values, self.coefficients) + self.intercept.value());
            let (solved, alpha) = state.step(margin).unwrap_or_else(|| state.solve(margin));
            missing += 0.5 * ((alpha - state.alpha) * (solved - state.margin)).abs();
            let next = (state.alpha + self.beyond * (alpha - state.alpha)).clamp(0.0, state.weight);
            let change = state.sign * (next - state.alpha);
            add(columns, values, change, self.coefficients);
            self.intercept.sum += change;
            state.alpha = next;
            left.rows[left.count] = row;
            left.margins[left.count] = solved;
            left.count += 1;
            if left.count == DOUBLES {
                left.leave(simd, self.states);
            }
        }
        left.leave(simd, self.states);
        missing
    }
}

/// Rows that are to be left with their new margins, some at a time.
#[derive(Default)]
struct Left {
    rows: [u32; DOUBLES],
    margins: [f64; DOUBLES],
    count: usize,
}

impl Left {
    #[inline(always)]
    fn leave<S: Simd>(&mut self, simd: S, states: &mut [State]) {
        let margins = simd.load(&self.margins);
        let minus = simd.sub(simd.double(0.0), margins);
        let mut small = [0.0; DOUBLES];
        simd.store(exponential(simd, simd.min(minus, margins)), &mut small);
        let margins = self.margins.iter().zip(small);
        for (&row, (&margin, small)) in self.rows[..self.count].iter().zip(margins) {
            states[row as usize].leave_with(margin, small);
        }
        self.count = 0;
    }
}

/// The product of a row with the coefficients, in four running sums.
#[inline(always)]
pub(super) fn product<V: Value>(columns: &[u32], values: &[V], coefficients: &[f64]) -> f64 {
    let (four, last) = columns.as_chunks::<4>();
    let (four_values, last_values) = values.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (columns, values) in four.iter().zip(four_values) {
        for lane in 0..4 {
            sums[lane] += values[lane].into() * coefficients[columns[lane] as usize];
        }
    }
    for ((lane, column), &value) in last.iter().enumerate().zip(last_values) {
        sums[lane] += value.into() * coefficients[*column as usize];
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

/// Adds the row, times a factor.
#[inline(always)]
fn add<V: Value>(columns: &[u32], values: &[V], factor: f64, coefficients: &mut [f64]) {
    let (four, last) = columns.as_chunks::<4>();
    let (four_values, last_values) = values.as_chunks::<4>();
    for (columns, values) in four.iter().zip(four_values) {
        for lane in 0..4 {
            coefficients[columns[lane] as usize] += factor * values[lane].into();
        }
    }
    for (column, &value) in last.iter().zip(last_values) {
        coefficients[*column as usize] += factor * value.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(shared: f64) -> Lengths {
        Lengths { shared, own: 0.0 }
    }

    #[test]
    fn a_row_is_solved_where_alpha_and_its_margin_belong_together() {
        for square in [1e-6, 0.3, 20.0, 1e4] {
            for weight in [1e-8, 0.5, 1e6] {
                for (share, last) in [(0.0, 0.0), (1e-9, 900.0), (0.4, -900.0), (1.0, 3.0)] {
                    for margin in [-900.0, -300.0, -30.0, -1.0, 0.0, 0.7, 40.0, 900.0] {
                        let mut state = State::new(alone(square), 0.0, weight, 1.0);
                        state.leave(last);
                        state.alpha = share * weight;
                        let (solved, alpha) = state.solve(margin);
                        assert!((0.0..=weight).contains(&alpha));
                        // One more step from there leads hardly any further.
                        state.alpha = alpha;
                        state.leave(solved);
                        let margin = margin + square * (alpha - share * weight);
                        let (_, again) = state.step(margin).unwrap_or_else(|| state.solve(margin));
                        assert!(
                            (again - alpha).abs() <= 0.03 * weight,
                            "{square} {weight} {share} {margin}: {alpha} {again}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_begins_about_where_it_would_settle_alone() {
        for z in [1e-8, 0.01, 1.0, 17.0, 300.0, 1e5, 1e8] {
            let state = State::new(alone(z / 2.0), 0.0, 2.0, 1.0);
            let (settled, alpha) = state.step(0.0).expect("a short step");
            assert!((settled - state.margin).abs() < 0.4, "{z}: {} {settled}", state.margin);
            assert!((settled - alpha * z / 2.0).abs() < 1e-9 * z.max(1.0));
        }
        assert_eq!(State::new(alone(0.0), 0.0, 2.0, 1.0).margin, 0.0);
        assert_eq!(State::new(alone(3.0), 0.1, 0.0, 1.0).margin, 0.0);
    }

    #[test]
    fn loss_and_dual_meet_where_alpha_is_the_margins() {
        let mut state = State::new(alone(2.0), 0.0, 3.0, 1.0);
        for margin in [-800.0, -3.0, 0.0, 5.0, 30.0] {
            state.leave(margin);
            state.alpha = state.pull;
            let Standing { loss, apart, off } = state.standing(margin);
            assert!((loss - 3.0 * (-margin).exp().ln_1p()).abs() < 1e-12 || margin == -800.0 && loss == 2400.0);
            assert!((0.0..1e-15).contains(&apart) && off < 1e-15);
            // So near to each other as no difference of logarithms could tell.
            state.alpha = state.pull * (1.0 + 1e-9);
            let apart = state.standing(margin).apart;
            let expected = 0.5e-18 * state.pull * state.pull / state.curvature.max(f64::MIN_POSITIVE);
            assert!(
                (apart - expected).abs() <= 1e-6 * expected || margin == -800.0,
                "{apart} {expected}"
            );
            state.alpha = 0.9 * state.pull + 0.03;
            let Standing { apart, off, .. } = state.standing(margin);
            assert!(apart > 1e-5 && (off - (state.alpha - state.pull).abs()).abs() < 1e-15);
        }
    }
}
