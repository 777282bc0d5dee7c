//! Values of dense rows as they lie in memory, and as kernels compute with them: in float64.

use std::borrow::Cow;

use crate::simd::{DOUBLES, Simd};

/// float64 or float32.
pub(crate) trait Value: Copy + Into<f64> + Send + Sync + 'static {
    /// Eight values.
    fn load<S: Simd>(simd: S, values: &[Self; DOUBLES]) -> S::Double;
    /// Up to eight values; zeros in the other lanes.
    fn load_some<S: Simd>(simd: S, values: &[Self]) -> S::Double;
    /// Eight rows of `D` values (1 to 4), column after column.
    fn columns<S: Simd, const D: usize>(simd: S, rows: &[[Self; D]; DOUBLES]) -> [S::Double; D];
    /// The values in float64.
    fn widened(values: &[Self]) -> Cow<'_, [f64]>;
}

impl Value for f64 {
    #[inline(always)]
    fn load<S: Simd>(simd: S, values: &[Self; DOUBLES]) -> S::Double {
        simd.load(values)
    }

    #[inline(always)]
    fn load_some<S: Simd>(simd: S, values: &[Self]) -> S::Double {
        simd.load_some(values)
    }

    #[inline(always)]
    fn columns<S: Simd, const D: usize>(simd: S, rows: &[[Self; D]; DOUBLES]) -> [S::Double; D] {
        simd.columns(rows)
    }

    fn widened(values: &[Self]) -> Cow<'_, [f64]> {
        Cow::Borrowed(values)
    }
}

impl Value for f32 {
    #[inline(always)]
    fn load<S: Simd>(simd: S, values: &[Self; DOUBLES]) -> S::Double {
        simd.load_widened(values)
    }

    #[inline(always)]
    fn load_some<S: Simd>(simd: S, values: &[Self]) -> S::Double {
        simd.load_some_widened(values)
    }

    #[inline(always)]
    fn columns<S: Simd, const D: usize>(simd: S, rows: &[[Self; D]; DOUBLES]) -> [S::Double; D] {
        let mut widened = [[0.0; D]; DOUBLES];
        let (vectors, _) = widened.as_flattened_mut().as_chunks_mut::<DOUBLES>();
        let (values, _) = rows.as_flattened().as_chunks::<DOUBLES>();
        for (vector, values) in vectors.iter_mut().zip(values) {
            simd.store(simd.load_widened(values), vector);
        }
        simd.columns(&widened)
    }

    fn widened(values: &[Self]) -> Cow<'_, [f64]> {
        values.iter().copied().map(f64::from).collect()
    }
}
