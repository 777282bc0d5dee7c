//! The intercept: one column more where it is penalised, else what the method of multipliers makes of it.

/// Of an intercept that is not penalised, the sum of rows' weights times the variance, at least: it is to weigh little beside the rows.
const FREEDOM: f64 = 1000.0;
/// And the variance beside rows' mean squared length, at least: columns that many rows name can stand in for the intercept, and it would
/// follow them slowly with less. With much more, rows have so much in common that epochs bring less.
const SHARE: f64 = 0.005;

/// `center` + `variance` · `sum`, where `sum` is that of ±α.
#[derive(Clone, Copy)]
pub(super) struct Intercept {
    center: f64,
    pub(super) sum: f64,
    pub(super) variance: f64,
    /// Whether it is not penalised: then the center follows.
    free: bool,
}

impl Intercept {
    /// None, which is 0.
    pub(super) fn none() -> Self {
        Self::penalised(0.0)
    }

    /// One that is penalised by its square over twice the variance.
    pub(super) fn penalised(variance: f64) -> Self {
        Self {
            center: 0.0,
            sum: 0.0,
            variance,
            free: false,
        }
    }

    /// One that is not penalised, where rows have this weight together and this squared length on average.
    pub(super) fn free(weights: f64, square: f64) -> Self {
        Self {
            free: true,
            ..Self::penalised((FREEDOM / weights).max(SHARE * square))
        }
    }

    #[inline(always)]
    pub(super) fn value(self) -> f64 {
        self.center + self.variance * self.sum
    }

    /// Ends an epoch.
    pub(super) fn follow(&mut self) {
        if self.free {
            self.center = self.value();
        }
    }

    /// By how much Σ ±α is not what it is to be.
    pub(super) fn imbalance(self) -> f64 {
        if self.free { self.sum.abs() } else { 0.0 }
    }

    /// What the constraint lacks, and a guess at the way that the center has yet to go.
    pub(super) fn unmet(self) -> f64 {
        if self.free {
            2.0 * self.variance * self.sum * self.sum
        } else {
            0.0
        }
    }
}
