//! Memory that is brought near before it is read.
//!
//! A loop that knows which rows come next asks for their lines of memory while it computes with those that it has. What has been
//! asked for is on its way when the loop comes to it. Asking changes no answer, and is allowed anywhere: only reading can fail.

use std::ops::Range;

use crate::rows::{Rows, Storage};
use crate::simd::Simd;

/// Where rows lie that come next, so that they can be brought near in time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Ahead<'t> {
    /// Nothing comes, or its place does not matter.
    #[default]
    Unknown,
    Double(&'t [f64]),
    Single(&'t [f32]),
}

impl Ahead<'_> {
    /// The memory that is to be brought near.
    pub(crate) fn lines(self) -> Lines {
        match self {
            Self::Unknown => Lines::over::<f64>(&[]),
            Self::Double(values) => Lines::over(values),
            Self::Single(values) => Lines::over(values),
        }
    }
}

/// Memory that is brought near a few lines at a time, between other work.
pub(crate) struct Lines(Range<*const u8>);

/// Bytes of a line of memory.
pub(crate) const LINE: usize = 64;

impl Lines {
    /// All that lies there.
    pub(crate) fn over<T>(values: &[T]) -> Self {
        let Range { start, end } = values.as_ptr_range();
        Self(start.cast()..end.cast())
    }

    /// Asks for the next `N` lines.
    #[inline(always)]
    pub(crate) fn bring<S: Simd, const N: usize>(&mut self, simd: S) {
        self.bring_some(simd, N);
    }

    /// Asks for the next `count` lines.
    #[inline(always)]
    pub(crate) fn bring_some<S: Simd>(&mut self, simd: S, count: usize) {
        let Range { start, end } = self.0;
        if start < end {
            for line in 0..count {
                simd.prefetch(start.wrapping_add(line * LINE));
            }
            self.0.start = start.wrapping_add(count * LINE);
        }
    }

    /// Asks for all lines that are left.
    #[inline(always)]
    pub(crate) fn bring_all<S: Simd>(&mut self, simd: S) {
        while self.0.start < self.0.end {
            self.bring::<S, 1>(simd);
        }
    }
}

impl<'a> Rows<'a> {
    /// Where dense rows lie that are aligned; `range` is cut to the rows that exist.
    pub(crate) fn ahead(&self, range: Range<usize>) -> Ahead<'a> {
        let end = range.end.min(self.rows);
        let values = range.start.min(end) * self.columns..end * self.columns;
        match self.storage {
            Storage::Double(all) => Ahead::Double(&all[values]),
            Storage::Single(all) => Ahead::Single(&all[values]),
            _ => Ahead::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Kernel, dispatch};

    #[test]
    fn only_rows_that_exist_come_next() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let rows = Rows::from_values(&values, 3, 2).unwrap();
        assert!(matches!(rows.ahead(1..2), Ahead::Double([3.0, 4.0])));
        assert!(matches!(rows.ahead(2..9), Ahead::Double([5.0, 6.0])));
        assert!(matches!(rows.ahead(3..5), Ahead::Double([])));
        let singles = values.map(|value| value as f32);
        let rows = Rows::from_single_values(&singles, 3, 2).unwrap();
        assert!(matches!(rows.ahead(0..1), Ahead::Single([1.0, 2.0])));
        // They are copied before they are read.
        let bytes = [0; 49];
        let odd = usize::from(bytes.as_ptr().cast::<f64>().is_aligned());
        let rows = Rows::from_le_bytes(&bytes[odd..odd + 48], 3, 2).unwrap();
        assert!(matches!(rows.ahead(0..1), Ahead::Unknown));
    }

    #[test]
    fn lines_are_asked_for_once() {
        struct Ask<'a>(&'a mut Lines);

        impl Kernel for Ask<'_> {
            type Output = [usize; 3];

            fn run<S: Simd>(self, simd: S) -> Self::Output {
                let Self(lines) = self;
                let left = |lines: &Lines| (lines.0.end as usize).saturating_sub(lines.0.start as usize);
                lines.bring::<S, 2>(simd);
                let first = left(lines);
                lines.bring_some(simd, 1);
                let second = left(lines);
                lines.bring_all(simd);
                [first, second, left(lines)]
            }
        }

        let values = [0_u8; 5 * LINE - 1];
        assert_eq!(
            dispatch(Ask(&mut Lines::over(&values))),
            [3 * LINE - 1, 2 * LINE - 1, 0]
        );
        assert_eq!(dispatch(Ask(&mut Ahead::Unknown.lines())), [0; 3]);
    }
}
