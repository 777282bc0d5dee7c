//! Which numbers the caller's values are.

/// The floating-point type of values. Arithmetic is in float64 whatever it says; it decides what a fit's results are rounded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// float32.
    Single,
    /// float64.
    #[default]
    Double,
}

impl Precision {
    /// Rounds values to what this type can hold.
    pub fn round(self, values: &mut [f64]) {
        if self == Self::Single {
            for value in values {
                *value = f64::from(*value as f32);
            }
        }
    }
}
