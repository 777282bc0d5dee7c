//! Vectors, as kernels see them.

/// Lanes of a vector of float64.
pub(crate) const DOUBLES: usize = 8;

/// Lanes of a vector of float32.
pub(crate) const SINGLES: usize = 16;

/// Values of a vector, on a line of memory of their own.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
pub(crate) struct Line(pub(crate) [f64; DOUBLES]);

/// The vectors of one level. A value of this type exists only where the CPU has the level's instructions.
#[allow(dead_code, reason = "a whole set, of which kernels use what they need")]
pub(crate) trait Simd: Copy {
    /// [`DOUBLES`] float64 values.
    type Double: Copy;
    /// [`SINGLES`] float32 values.
    type Single: Copy;
    /// [`DOUBLES`] float32 values.
    type Half: Copy;
    /// A truth for each lane of a [`Simd::Double`].
    type DoubleMask: Copy;
    /// A truth for each lane of a [`Simd::Single`].
    type SingleMask: Copy;

    /// Vectors of float32 or float64 that a kernel can hold in registers at once.
    const REGISTERS: usize;

    /// The same value in all lanes.
    fn double(self, value: f64) -> Self::Double;
    /// Values from memory.
    fn load(self, values: &[f64; DOUBLES]) -> Self::Double;
    /// Up to [`DOUBLES`] values from memory; zeros in the other lanes.
    #[inline(always)]
    fn load_some(self, values: &[f64]) -> Self::Double {
        let mut vector = [0.0; DOUBLES];
        vector[..values.len()].copy_from_slice(values);
        self.load(&vector)
    }
    /// float32 values from memory.
    fn load_widened(self, values: &[f32; DOUBLES]) -> Self::Double;
    /// Up to [`DOUBLES`] float32 values from memory; zeros in the other lanes.
    #[inline(always)]
    fn load_some_widened(self, values: &[f32]) -> Self::Double {
        let mut vector = [0.0; DOUBLES];
        vector[..values.len()].copy_from_slice(values);
        self.load_widened(&vector)
    }
    /// Values to memory.
    fn store(self, vector: Self::Double, values: &mut [f64; DOUBLES]);
    /// The first lanes to memory, as many as there are places, up to [`DOUBLES`].
    #[inline(always)]
    fn store_some(self, vector: Self::Double, values: &mut [f64]) {
        let mut all = [0.0; DOUBLES];
        self.store(vector, &mut all);
        values.copy_from_slice(&all[..values.len()]);
    }
    /// Eight rows of `D` values (1 to 4), column after column.
    fn columns<const D: usize>(self, rows: &[[f64; D]; DOUBLES]) -> [Self::Double; D];
    /// Eight rows of eight values, column after column.
    fn turn(self, rows: [Self::Double; DOUBLES]) -> [Self::Double; DOUBLES];
    /// `a + b`.
    fn add(self, a: Self::Double, b: Self::Double) -> Self::Double;
    /// `a − b`.
    fn sub(self, a: Self::Double, b: Self::Double) -> Self::Double;
    /// `a × b`.
    fn mul(self, a: Self::Double, b: Self::Double) -> Self::Double;
    /// `a ÷ b`.
    fn div(self, a: Self::Double, b: Self::Double) -> Self::Double;
    /// `a × b + c`, rounded once or twice.
    fn mul_add(self, a: Self::Double, b: Self::Double, c: Self::Double) -> Self::Double;
    /// The smaller one; `b` where either is NaN.
    fn min(self, a: Self::Double, b: Self::Double) -> Self::Double;
    /// The greater one; `b` where either is NaN.
    fn max(self, a: Self::Double, b: Self::Double) -> Self::Double;
    /// Whether `a < b`; false for NaN.
    fn less(self, a: Self::Double, b: Self::Double) -> Self::DoubleMask;
    /// Whether `a = b`; false for NaN.
    fn equal(self, a: Self::Double, b: Self::Double) -> Self::DoubleMask;
    /// `a` where the mask is true, else `b`.
    fn select(self, mask: Self::DoubleMask, a: Self::Double, b: Self::Double) -> Self::Double;
    /// The mask as bits, the first lane lowest.
    fn bits(self, mask: Self::DoubleMask) -> u32;
    /// The sum of each vector's lanes: ((0+4)+(2+6)) + ((1+5)+(3+7)).
    fn sums(self, vectors: &[Self::Double; DOUBLES]) -> Self::Double;
    /// Values without a fraction, within the range of i32, as such.
    fn integers(self, vector: Self::Double) -> [i32; DOUBLES];
    /// Whole numbers below 2³¹ from memory.
    fn load_integers(self, values: &[u32; DOUBLES]) -> Self::Double;
    /// 2 to the power of each value, which has no fraction and is −1022 to 1023.
    fn power_of_two(self, vector: Self::Double) -> Self::Double;

    /// The same value in all lanes.
    fn single(self, value: f32) -> Self::Single;
    /// Values from memory.
    fn load_singles(self, values: &[f32; SINGLES]) -> Self::Single;
    /// float16 values from memory.
    fn load_float16(self, values: &[u16; SINGLES]) -> Self::Single;
    /// Values below 65,520 to memory, rounded to float16.
    fn store_float16(self, vector: Self::Single, values: &mut [u16; SINGLES]);
    /// The table's values at sixteen places; the last value where a place lies outside, zero where there is none.
    fn gather_singles(self, table: &[f32], places: &[i32; SINGLES]) -> Self::Single;
    /// Values to memory.
    fn store_singles(self, vector: Self::Single, values: &mut [f32; SINGLES]);
    /// `a + b`.
    fn add_singles(self, a: Self::Single, b: Self::Single) -> Self::Single;
    /// `a × b`.
    fn mul_singles(self, a: Self::Single, b: Self::Single) -> Self::Single;
    /// `a − b`.
    fn sub_singles(self, a: Self::Single, b: Self::Single) -> Self::Single;
    /// `a × b + c`, rounded once or twice.
    fn mul_add_singles(self, a: Self::Single, b: Self::Single, c: Self::Single) -> Self::Single;
    /// The smaller one; `b` where either is NaN.
    fn min_singles(self, a: Self::Single, b: Self::Single) -> Self::Single;
    /// The greater one; `b` where either is NaN.
    fn max_singles(self, a: Self::Single, b: Self::Single) -> Self::Single;
    /// The least of the lanes, where none is NaN.
    fn least_single(self, vector: Self::Single) -> f32;
    /// Whether `a < b`; false for NaN.
    fn less_singles(self, a: Self::Single, b: Self::Single) -> Self::SingleMask;
    /// `a` where the mask is true, else `b`.
    fn select_singles(self, mask: Self::SingleMask, a: Self::Single, b: Self::Single) -> Self::Single;
    /// The mask as bits, the first lane lowest.
    fn bits_singles(self, mask: Self::SingleMask) -> u32;
    /// Values without a fraction, within the range of i32, as such.
    fn integers_singles(self, vector: Self::Single) -> [i32; SINGLES];

    /// Asks for the line of memory at `place` to be brought near, wherever that is: nothing is read.
    fn prefetch(self, place: *const u8);

    /// Rounded to float32: the lanes of `low`, then those of `high`.
    fn narrow(self, low: Self::Double, high: Self::Double) -> Self::Single;
    /// In float64: the first half of the lanes, then the second.
    fn widen(self, vector: Self::Single) -> [Self::Double; 2];

    /// Values from memory.
    fn load_half(self, values: &[f32; DOUBLES]) -> Self::Half;
    /// Up to [`DOUBLES`] values from memory; zeros in the other lanes.
    #[inline(always)]
    fn load_some_half(self, values: &[f32]) -> Self::Half {
        let mut vector = [0.0; DOUBLES];
        vector[..values.len()].copy_from_slice(values);
        self.load_half(&vector)
    }
    /// `a − b`.
    fn sub_halves(self, a: Self::Half, b: Self::Half) -> Self::Half;
    /// `a × b`.
    fn mul_halves(self, a: Self::Half, b: Self::Half) -> Self::Half;
    /// Rounded to float32.
    fn narrow_half(self, vector: Self::Double) -> Self::Half;
    /// Sixteen rows of eight values, turned: column `c` goes to `to[c × stride..]`.
    ///
    /// # Panics
    /// When `to` is too short.
    fn transpose(self, rows: [[Self::Half; DOUBLES]; 2], to: &mut [f32], stride: usize);
}
