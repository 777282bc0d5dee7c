//! Which columns more than one row names, and numbers for these.

use crate::blocks;
use crate::interrupt::{self, Interrupt, Interrupted};

use super::work;

/// Values between two looks at the interrupt.
const LOOK: usize = 1 << 18;
/// Words that a thread takes at a time.
const WORDS: usize = 1 << 10;
/// Columns of a word.
const BITS: usize = 64;

/// Columns that several rows name, numbered in their order.
pub(super) struct Columns {
    words: Vec<Word>,
    /// How many there are.
    pub(super) count: usize,
    /// How many columns any row names.
    pub(super) named: usize,
}

/// 64 columns: those that several rows name, as bits, and how many such columns come before these.
#[derive(Clone, Copy)]
struct Word {
    shared: u64,
    before: u32,
}

impl Columns {
    /// `names` are the columns of all values, less than 2³²: no row names a column twice.
    pub(super) fn new(names: &[u32], columns: usize, interrupt: Interrupt<'_>) -> Result<Self, Interrupted> {
        // A part's bits take no more memory than half of its names.
        let least = columns.div_ceil(BITS / 8).max(1);
        let part = names.len().div_ceil(rayon::current_num_threads()).max(least);
        let see = |names: &[u32]| {
            let mut seen = Seen::new(columns);
            for names in names.chunks(LOOK) {
                interrupt::check(interrupt)?;
                seen.see(names);
            }
            Ok(seen)
        };
        let parts = names.chunks(part).collect();
        let seen: Result<Vec<Seen>, Interrupted> = blocks::map_parts(work(names.len()), parts, see);
        let seen = seen?.into_iter().reduce(Seen::and);
        let seen = seen.unwrap_or_else(|| Seen::new(columns));
        let mut before = 0;
        let words = seen.several.iter().map(|&shared| {
            let word = Word { shared, before };
            before += shared.count_ones();
            word
        });
        Ok(Self {
            words: words.collect(),
            count: before as usize,
            named: seen.any.iter().map(|word| word.count_ones() as usize).sum(),
        })
    }

    /// Whether several rows name a column; then, its number.
    #[inline(always)]
    pub(super) fn find(&self, column: u32) -> (bool, u32) {
        let Word { shared, before } = self.words[column as usize / BITS];
        let bit = 1 << (column as usize % BITS);
        (shared & bit != 0, before + (shared & (bit - 1)).count_ones())
    }

    /// Puts what belongs to these columns among what belongs to all of them.
    pub(super) fn put(&self, values: &[f64], all: &mut [f64]) {
        let size = all.len();
        let parts = self.words.chunks(WORDS).zip(all.chunks_mut(BITS * WORDS)).collect();
        blocks::map_parts::<_, _, ()>(size, parts, |(words, all): (&[Word], &mut [f64])| {
            for (word, all) in words.iter().zip(all.chunks_mut(BITS)) {
                let mut left = word.shared;
                for value in &values[word.before as usize..][..left.count_ones() as usize] {
                    all[left.trailing_zeros() as usize] = *value;
                    left &= left - 1;
                }
            }
        });
    }
}

/// Columns that were named so far, as bits.
struct Seen {
    any: Vec<u64>,
    several: Vec<u64>,
}

impl Seen {
    fn new(columns: usize) -> Self {
        let words = columns.div_ceil(BITS);
        Self {
            any: vec![0; words],
            several: vec![0; words],
        }
    }

    fn see(&mut self, names: &[u32]) {
        let (any, several) = (&mut self.any[..], &mut self.several[..]);
        for &column in names {
            let (word, bit) = (column as usize / BITS, 1 << (column as usize % BITS));
            several[word] |= any[word] & bit;
            any[word] |= bit;
        }
    }

    /// What two saw.
    fn and(mut self, other: Self) -> Self {
        let words = self.any.iter_mut().zip(&mut self.several);
        for ((any, several), (more, again)) in words.zip(other.any.iter().zip(other.several)) {
            *several |= again | (*any & more);
            *any |= more;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::never;

    #[test]
    fn columns_of_several_rows_are_numbered() {
        let rows = [vec![3, 64, 66, 200], vec![3, 66, 70], vec![3, 199]];
        let columns = Columns::new(&rows.concat(), 201, &never).unwrap();
        assert_eq!((columns.count, columns.named), (2, 6));
        assert_eq!([3, 66].map(|column| columns.find(column)), [(true, 0), (true, 1)]);
        assert!([0, 64, 70, 199, 200].iter().all(|&column| !columns.find(column).0));
        let mut all = vec![0.0; 201];
        columns.put(&[5.0, 7.0], &mut all);
        assert_eq!((all[3], all[66], all.iter().sum()), (5.0, 7.0, 12.0));
    }

    #[test]
    fn what_parts_saw_is_what_all_saw() {
        let names: Vec<u32> = (0..300_u32).map(|index| index * index % 173).collect();
        let mut all = Seen::new(173);
        all.see(&names);
        let parts = names.chunks(37).map(|names| {
            let mut seen = Seen::new(173);
            seen.see(names);
            seen
        });
        let both = parts.reduce(Seen::and).unwrap();
        assert_eq!((all.any, all.several), (both.any, both.several));
    }
}
