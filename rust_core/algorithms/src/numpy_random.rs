//! The draws of NumPy's `RandomState`, so that a seed gives the centres that scikit-learn's `random_state` gives.
//!
//! NumPy guarantees that this stream never changes (NEP 19). Each draw below names the NumPy method it repeats.

use rand_mt::Mt;

use crate::interrupt::{self, Interrupt, Interrupted};

/// Words of a Mersenne Twister's state.
const WORDS: usize = 624;

/// NumPy's `RandomState`: a Mersenne Twister and the draws that are made from it.
#[derive(Debug, Clone)]
pub struct RandomState {
    /// Words that a given state had not given out yet, the next one last. They come before the generator's.
    pending: Vec<u32>,
    generator: Box<Mt>,
    words_drawn: u64,
}

/// Where draws come from. A generator whose state takes long to fetch is asked for only when something is drawn.
pub trait Draws: Send {
    /// The generator, the same one each time.
    fn generator(&mut self) -> &mut RandomState;
}

impl Draws for RandomState {
    fn generator(&mut self) -> &mut RandomState {
        self
    }
}

impl RandomState {
    /// `RandomState(seed)`.
    pub fn new(seed: u32) -> Self {
        Self {
            pending: Vec::new(),
            generator: Box::new(Mt::new(seed)),
            words_drawn: 0,
        }
    }

    /// A generator in the state that `RandomState.get_state()` describes: the key, and how many of its words are used up.
    /// `None` when `position` is beyond the key's end.
    pub fn from_state(key: &[u32; WORDS], position: usize) -> Option<Self> {
        let mut pending: Vec<u32> = key.get(position..)?.iter().copied().map(tempered).collect();
        pending.reverse();
        // The library takes a state as the words it would give out.
        let generator = Box::new(Mt::from(key.map(tempered)));
        Some(Self {
            pending,
            generator,
            words_drawn: 0,
        })
    }

    /// How many 32-bit words were drawn from this generator: what another one in the same state has to skip to be level.
    pub fn words_drawn(&self) -> u64 {
        self.words_drawn
    }

    fn next_u32(&mut self) -> u32 {
        self.words_drawn += 1;
        self.pending.pop().unwrap_or_else(|| self.generator.next_u32())
    }

    /// `random_sample()`: uniform in [0, 1), with 53 bits taken from two 32-bit words.
    pub(crate) fn random_sample(&mut self) -> f64 {
        let high = f64::from(self.next_u32() >> 5);
        let low = f64::from(self.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// A whole number from 0 to `most`: words with the needed bits, until one is not too large.
    fn interval(&mut self, most: u64) -> u64 {
        if most == 0 {
            return 0;
        }
        let mask = u64::MAX >> most.leading_zeros();
        loop {
            let mut bits = u64::from(self.next_u32());
            if most > u64::from(u32::MAX) {
                bits = bits << 32 | u64::from(self.next_u32());
            }
            if bits & mask <= most {
                return bits & mask;
            }
        }
    }

    /// `randint(0, below, count)`; `below` is at least 1.
    pub(crate) fn integers(&mut self, below: usize, count: usize) -> Vec<usize> {
        (0..count).map(|_| self.interval(below as u64 - 1) as usize).collect()
    }

    /// `choice(population, count, replace=False)`: the first of a permutation.
    pub(crate) fn distinct(&mut self, population: usize, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..population).collect();
        for last in (1..population).rev() {
            order.swap(last, self.interval(last as u64) as usize);
        }
        order.truncate(count);
        order
    }

    /// `choice(n, count, replace=False, p=odds)`: `count` indices, none twice. At least as many odds are above zero.
    pub(crate) fn distinct_by_odds(
        &mut self,
        population: usize,
        odds: impl Fn(usize) -> f64,
        count: usize,
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<usize>, Interrupted> {
        let mut found: Vec<usize> = Vec::with_capacity(count);
        let mut taken = vec![false; population];
        while found.len() < count {
            let draws: Vec<f64> = (found.len()..count).map(|_| self.random_sample()).collect();
            let left = |index: usize| if taken[index] { 0.0 } else { odds(index) };
            let cumulative = Cumulative::new(population, left, interrupt)?;
            for draw in draws {
                let index = cumulative.at(draw);
                if !std::mem::replace(&mut taken[index], true) {
                    found.push(index);
                }
            }
        }
        Ok(found)
    }
}

/// Running sums of odds, scaled so that the last is 1: what `choice(n, p=odds)` draws from.
pub(crate) struct Cumulative(Vec<f64>);

/// `choice(count, p=odds)` with equal odds, without the running sums where the draw lies clear of a step between two of them. None
/// where rounding might decide; the draw is then spent.
pub(crate) fn equal_choice(count: usize, draw: f64) -> Option<usize> {
    let place = draw * count as f64;
    // Each of the `count` running sums has at most that many roundings, each of at most half an epsilon.
    let doubt = (count as f64) * (count as f64) * f64::EPSILON;
    let below = place.floor();
    (place - below > doubt && below + 1.0 - place > doubt).then_some(below as usize)
}

impl Cumulative {
    /// The odds of each of `count` indices sum to about 1; at least one is above zero, none is below.
    pub(crate) fn new(
        count: usize,
        odds: impl Fn(usize) -> f64,
        interrupt: Interrupt<'_>,
    ) -> Result<Self, Interrupted> {
        const STRETCH: usize = 1 << 16;
        let mut sums = vec![0.0; count];
        let mut total = 0.0;
        for (stretch, sums) in sums.chunks_mut(STRETCH).enumerate() {
            interrupt::check(interrupt)?;
            for (index, sum) in sums.iter_mut().enumerate() {
                total += odds(stretch * STRETCH + index);
                *sum = total;
            }
        }
        for sums in sums.chunks_mut(STRETCH) {
            interrupt::check(interrupt)?;
            for sum in sums {
                *sum /= total;
            }
        }
        Ok(Self(sums))
    }

    /// `choice(n, p=odds)`: an index.
    pub(crate) fn choice(&self, random: &mut RandomState) -> usize {
        self.at(random.random_sample())
    }

    /// `searchsorted(sums, draw, side="right")`; the last sum is 1, above every draw.
    pub(crate) fn at(&self, draw: f64) -> usize {
        let index = self.0.partition_point(|sum| *sum <= draw);
        index.min(self.0.len().saturating_sub(1))
    }
}

/// A word of the state as it is given out (Matsumoto and Nishimura, 1998).
fn tempered(word: u32) -> u32 {
    let mut word = word;
    word ^= word >> 11;
    word ^= (word << 7) & 0x9d2c_5680;
    word ^= (word << 15) & 0xefc6_0000;
    word ^ (word >> 18)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::never;

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
        assert_eq!(random.words_drawn(), 6);
    }

    #[test]
    fn repeats_numpys_whole_numbers_and_choices() {
        // random = numpy.random.RandomState(7): randint(0, 1000, 6), choice(10, 10, replace=False),
        // choice(8, 6, replace=False, p=p), choice(8, 5, p=p), random_sample(), with p as below; NumPy 2.4.6
        let mut random = RandomState::new(7);
        let odds = [1.0, 2.0, 3.0, 0.0, 4.0, 5.0, 0.0, 6.0].map(|odds| odds / 21.0);
        assert_eq!(random.integers(1000, 6), [175, 196, 537, 502, 579, 211]);
        assert_eq!(random.distinct(10, 10), [8, 5, 3, 2, 6, 0, 1, 4, 9, 7]);
        let distinct = random.distinct_by_odds(8, |index| odds[index], 6, &never).unwrap();
        assert_eq!(distinct, [0, 5, 7, 4, 2, 1]);
        let cumulative = Cumulative::new(8, |index| odds[index], &never).unwrap();
        let drawn: Vec<usize> = (0..5).map(|_| cumulative.choice(&mut random)).collect();
        assert_eq!(drawn, [7, 2, 7, 2, 7]);
        assert_eq!(random.random_sample(), 0.174_052_764_091_565_56);
    }

    #[test]
    fn whole_numbers_beyond_32_bits_take_two_words() {
        // RandomState(3): random_sample(103), then randint(0, 2**32 + 5, 2); NumPy 2.4.6
        let mut random = RandomState::new(3);
        for _ in 0..103 {
            random.random_sample();
        }
        assert_eq!(random.integers((1 << 32) + 5, 2), [3_290_601_031, 808_531_236]);
        assert_eq!(random.integers(1, 2), [0, 0]);
    }

    #[test]
    fn goes_on_from_a_state() {
        let mut whole = RandomState::new(5);
        let words: Vec<u32> = (0..2 * WORDS).map(|_| whole.next_u32()).collect();
        // What a state's words give out is the words tempered, so this state gives out others than the seed; but the twist
        // after its end must go on as from the whole key.
        let key: [u32; WORDS] = std::array::from_fn(|index| words[index]);
        let mut all = RandomState::from_state(&key, 0).unwrap();
        let mut rest = RandomState::from_state(&key, 600).unwrap();
        for _ in 0..600 {
            all.next_u32();
        }
        for _ in 0..1000 {
            assert_eq!(all.next_u32(), rest.next_u32());
        }
        assert_eq!((all.words_drawn(), rest.words_drawn()), (1600, 1000));
        assert!(RandomState::from_state(&key, WORDS).is_some());
        assert!(RandomState::from_state(&key, WORDS + 1).is_none());
    }

    #[test]
    fn equal_odds_need_no_sums_but_at_the_steps() {
        for count in [1, 3, 10, 1000] {
            let sums = Cumulative::new(count, |_| 1.0 / count as f64, &never).unwrap();
            let mut random = RandomState::new(4);
            for _ in 0..1000 {
                let draw = random.random_sample();
                assert_eq!(equal_choice(count, draw), Some(sums.at(draw)));
            }
        }
        assert_eq!(equal_choice(10, 0.3), None);
        assert_eq!(equal_choice(10, 0.0), None);
    }

    #[test]
    fn never_chooses_a_weight_of_zero() {
        let odds = [0.0, 0.75, 0.0, 0.25, 0.0];
        let cumulative = Cumulative::new(5, |index| odds[index], &never).unwrap();
        let mut random = RandomState::new(0);
        let mut counts = [0; 5];
        for _ in 0..4000 {
            counts[cumulative.choice(&mut random)] += 1;
        }
        assert_eq!([counts[0], counts[2], counts[4]], [0; 3]);
        assert!((2900..3100).contains(&counts[1]), "{counts:?}");
        let mut both = random.distinct_by_odds(5, |index| odds[index], 2, &never).unwrap();
        both.sort_unstable();
        assert_eq!(both, [1, 3]);
    }
}
