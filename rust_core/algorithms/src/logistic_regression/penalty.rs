//! The penalty on coefficients and intercepts.

use super::Parameters;

/// How strongly each part of a point is penalised.
#[derive(Debug, Clone, Copy)]
pub(super) struct Penalty {
    pub(super) coefficients: Strength,
    pub(super) intercepts: Strength,
}

/// The penalty l1·|w| + l2·w²/2 of each number w.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Strength {
    pub(super) l1: f64,
    pub(super) l2: f64,
}

impl Penalty {
    /// The penalty beside the mean loss of rows that weigh `weight_sum` together.
    pub(super) fn new(parameters: &Parameters, weight_sum: f64) -> Self {
        let strength = 1.0 / (parameters.c * weight_sum);
        let coefficients = Strength {
            l1: strength * parameters.l1_ratio,
            l2: strength * (1.0 - parameters.l1_ratio),
        };
        let intercepts = match parameters.intercept_scaling {
            None => Strength { l1: 0.0, l2: 0.0 },
            Some(scaling) => Strength {
                l1: coefficients.l1 / scaling,
                l2: coefficients.l2 / (scaling * scaling),
            },
        };
        Self {
            coefficients,
            intercepts,
        }
    }

    /// Whether there are absolute values, which have no gradient at 0.
    pub(super) fn is_smooth(&self) -> bool {
        self.coefficients.l1 == 0.0
    }
}
