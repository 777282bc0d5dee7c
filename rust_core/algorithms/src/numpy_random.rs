//! The draws of NumPy's `RandomState`, so that a seed gives the centres that scikit-learn's `random_state` gives.
//!
//! NumPy guarantees that this stream never changes (NEP 19). Each draw below names the NumPy method it repeats.

use rand_mt::Mt;

/// A Mersenne Twister seeded as `RandomState(seed)` is.
#[derive(Debug, Clone)]
pub(crate) struct RandomState(Mt);

impl RandomState {
    pub(crate) fn new(seed: u32) -> Self {
        Self(Mt::new(seed))
    }

    /// `random_sample()`: uniform in [0, 1), with 53 bits taken from two 32-bit words.
    pub(crate) fn random_sample(&mut self) -> f64 {
        let high = f64::from(self.0.next_u32() >> 5);
        let low = f64::from(self.0.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// `choice(n, p=weights / sum(weights))`: an index drawn by weight. `weight` gives each of `count` weights, not all zero.
    pub(crate) fn choice(&mut self, count: usize, sum: f64, weight: impl Fn(usize) -> f64) -> usize {
        let draw = self.random_sample();
        let total: f64 = (0..count).map(|index| weight(index) / sum).sum();
        let mut running = 0.0;
        (0..count)
            .position(|index| {
                running += weight(index) / sum;
                running / total > draw
            })
            .unwrap_or(count - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_numpy() {
        // numpy.random.RandomState(42).random_sample(3), NumPy 2.4.6
        let mut random = RandomState::new(42);
        let draws = [random.random_sample(), random.random_sample(), random.random_sample()];
        assert_eq!(
            draws,
            [
                0.374_540_118_847_362_5,
                0.950_714_306_409_916_2,
                0.731_993_941_811_405_1
            ]
        );
    }

    #[test]
    fn never_chooses_a_weight_of_zero() {
        let weights = [0.0, 3.0, 0.0, 1.0, 0.0];
        let mut random = RandomState::new(0);
        let mut counts = [0; 5];
        for _ in 0..4000 {
            counts[random.choice(5, 4.0, |index| weights[index])] += 1;
        }
        assert_eq!([counts[0], counts[2], counts[4]], [0; 3]);
        assert!((2900..3100).contains(&counts[1]), "{counts:?}");
    }
}
