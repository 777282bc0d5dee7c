//! When the steps end.

use crate::kmeans::mini_batch::Parameters;

/// The stopping tests, and the smoothed inertia that one of them watches.
pub(crate) struct Convergence {
    threshold: f64,
    max_no_improvement: Option<usize>,
    /// Part of the smoothed inertia that the last batch makes up.
    share: f64,
    steps: usize,
    /// Inertia of one row, by the batches so far: the last one before any is smoothed.
    smoothed: f64,
    lowest: f64,
    no_improvement: usize,
}

impl Convergence {
    pub(crate) fn new(parameters: &Parameters, threshold: f64, batch_size: usize, rows: usize) -> Self {
        Self {
            threshold,
            max_no_improvement: parameters.max_no_improvement,
            share: (batch_size as f64 * 2.0 / (rows as f64 + 1.0)).min(1.0),
            steps: 0,
            smoothed: 0.0,
            lowest: f64::INFINITY,
            no_improvement: 0,
        }
    }

    /// Whether to end after a step whose batch had this mean inertia, and that moved the centres by this sum of squared shifts.
    pub(crate) fn reached(&mut self, mean_inertia: f64, shift: f64) -> bool {
        self.steps += 1;
        match self.steps {
            // The first batch shows the first centres, not what was learnt.
            1 => {
                self.smoothed = mean_inertia;
                return false;
            }
            2 => self.smoothed = mean_inertia,
            _ => self.smoothed = self.smoothed * (1.0 - self.share) + mean_inertia * self.share,
        }
        if self.threshold > 0.0 && shift <= self.threshold {
            return true;
        }
        if self.smoothed < self.lowest {
            self.lowest = self.smoothed;
            self.no_improvement = 0;
        } else {
            self.no_improvement += 1;
        }
        self.max_no_improvement.is_some_and(|most| self.no_improvement >= most)
    }

    /// Inertia of one row, smoothed over the batches.
    pub(crate) fn smoothed_inertia(&self) -> f64 {
        self.smoothed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convergence(max_no_improvement: Option<usize>, threshold: f64) -> Convergence {
        let parameters = Parameters {
            max_no_improvement,
            ..Parameters::default()
        };
        Convergence::new(&parameters, threshold, 10, 199)
    }

    #[test]
    fn ends_after_steps_without_improvement() {
        let mut convergence = convergence(Some(2), 0.0);
        let ends: Vec<bool> = [9.0, 5.0, 4.0, 8.0, 3.0, 9.0, 9.0]
            .map(|inertia| convergence.reached(inertia, 0.0))
            .into();
        // Smoothed: 5, 4.9, 5.21, 4.989, which twice is not below 4.9.
        assert_eq!(ends[..5], [false, false, false, false, true]);
        assert!((0.9 * 5.0 + 0.1 * 4.0_f64 - 4.9).abs() < 1e-15);
    }

    #[test]
    fn ends_when_centres_rest() {
        let mut convergence = convergence(None, 0.5);
        let ends = [0.1, 0.6, 0.5].map(|shift| convergence.reached(1.0, shift));
        assert_eq!(ends, [false, false, true]);
        assert_eq!(convergence.smoothed_inertia(), 1.0);
    }
}
