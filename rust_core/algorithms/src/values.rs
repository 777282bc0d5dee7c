//! Values of rows as they lie in memory, and as kernels compute with them: in float64.

use crate::simd::{DOUBLES, Simd};

/// float64 or float32.
pub(crate) trait Value: Copy + Default + Into<f64> + Send + Sync + 'static {
    /// Eight values.
    fn load<S: Simd>(simd: S, values: &[Self; DOUBLES]) -> S::Double;
    /// Up to eight values; zeros in the other lanes.
    fn load_some<S: Simd>(simd: S, values: &[Self]) -> S::Double;
    /// Eight rows of `D` values (1 to 4), column after column.
    fn columns<S: Simd, const D: usize>(simd: S, rows: &[[Self; D]; DOUBLES]) -> [S::Double; D];
    /// Eight values less the shift, times the scale, rounded to float32.
    fn offsets<S: Simd>(simd: S, values: &[Self; DOUBLES], frame: Frame<'_>) -> S::Half;
    /// [`Value::offsets`] of up to eight values.
    fn offsets_of_some<S: Simd>(simd: S, values: &[Self], frame: Frame<'_>) -> S::Half;
    /// The values in float64: where they lie, or in `room`, which loses its former content.
    fn widened<'t>(values: &'t [Self], room: &'t mut Vec<f64>) -> &'t [f64];
}

/// What eight values are taken relative to, and multiplied by then.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) shift: &'a [f64; DOUBLES],
    pub(crate) scale: f64,
    /// The same in float32, where that is no less exact.
    pub(crate) single: Option<(&'a [f32; DOUBLES], f32)>,
}

impl Frame<'_> {
    #[inline(always)]
    fn of_doubles<S: Simd>(self, simd: S, values: S::Double) -> S::Half {
        simd.narrow_half(simd.mul(simd.sub(values, simd.load(self.shift)), simd.double(self.scale)))
    }

    #[inline(always)]
    fn of_singles<S: Simd>(simd: S, values: S::Half, shift: &[f32; DOUBLES], scale: f32) -> S::Half {
        simd.mul_halves(
            simd.sub_halves(values, simd.load_half(shift)),
            simd.load_half(&[scale; DOUBLES]),
        )
    }
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

    #[inline(always)]
    fn offsets<S: Simd>(simd: S, values: &[Self; DOUBLES], frame: Frame<'_>) -> S::Half {
        frame.of_doubles(simd, simd.load(values))
    }

    #[inline(always)]
    fn offsets_of_some<S: Simd>(simd: S, values: &[Self], frame: Frame<'_>) -> S::Half {
        frame.of_doubles(simd, simd.load_some(values))
    }

    fn widened<'t>(values: &'t [Self], _: &'t mut Vec<f64>) -> &'t [f64] {
        values
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

    #[inline(always)]
    fn offsets<S: Simd>(simd: S, values: &[Self; DOUBLES], frame: Frame<'_>) -> S::Half {
        match frame.single {
            Some((shift, scale)) => Frame::of_singles(simd, simd.load_half(values), shift, scale),
            None => frame.of_doubles(simd, simd.load_widened(values)),
        }
    }

    #[inline(always)]
    fn offsets_of_some<S: Simd>(simd: S, values: &[Self], frame: Frame<'_>) -> S::Half {
        match frame.single {
            Some((shift, scale)) => Frame::of_singles(simd, simd.load_some_half(values), shift, scale),
            None => frame.of_doubles(simd, simd.load_some_widened(values)),
        }
    }

    fn widened<'t>(values: &'t [Self], room: &'t mut Vec<f64>) -> &'t [f64] {
        room.clear();
        room.extend(values.iter().copied().map(f64::from));
        room
    }
}
