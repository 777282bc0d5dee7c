//! The exponential function and the logarithm, lane by lane.
//!
//! Both are within a relative 4 × 2⁻⁵² at every level of instructions, and differ from level to level by at most twice that. The exponential's argument is cut in two as in fdlibm's `e_exp.c`; the series are Taylor's.

use super::lanes::Simd;

/// 1.5 × 2⁵²: added to a number of at most 2⁵¹, what is left of it is whole.
const WHOLE: f64 = 6_755_399_441_055_744.0;
/// ln 2, the part whose products with small whole numbers are exact, and the rest.
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Below this the exponential is taken for 0; it is less than 1e-307.
const LEAST: f64 = -708.0;

/// 1/13!, …, 1/0!.
const EXPONENTIAL: [f64; 14] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    1.0 / 2.0,
    1.0,
    1.0,
];

/// 1/23, …, 1/3, of the series s + s³/3 + s⁵/5 + … = artanh s.
const HYPERBOLIC: [f64; 11] = [
    1.0 / 23.0,
    1.0 / 21.0,
    1.0 / 19.0,
    1.0 / 17.0,
    1.0 / 15.0,
    1.0 / 13.0,
    1.0 / 11.0,
    1.0 / 9.0,
    1.0 / 7.0,
    1.0 / 5.0,
    1.0 / 3.0,
];

/// exp(x) for x from −∞ to 0.
#[inline(always)]
pub(crate) fn exponential<S: Simd>(simd: S, x: S::Double) -> S::Double {
    let tiny = simd.less(x, simd.double(LEAST));
    let x = simd.select(tiny, simd.double(0.0), x);
    let whole = simd.double(WHOLE);
    let count = simd.sub(simd.mul_add(x, simd.double(std::f64::consts::LOG2_E), whole), whole);
    let rest = simd.mul_add(count, simd.double(-LN_2_HIGH), x);
    let rest = simd.mul_add(count, simd.double(-LN_2_LOW), rest);
    let series = polynomial(simd, rest, &EXPONENTIAL);
    let powers = simd
        .integers(count)
        .map(|count| f64::from_bits(((i64::from(count) + 1023) as u64) << 52));
    simd.select(tiny, simd.double(0.0), simd.mul(series, simd.load(&powers)))
}

/// ln(1 + x) for x from 0 to 1.
#[inline(always)]
pub(crate) fn logarithm_of_one_plus<S: Simd>(simd: S, x: S::Double) -> S::Double {
    // ln(1 + x) = ln 2 + ln(1 + (x − 1)/2), which keeps the series short.
    let large = simd.less(simd.double(0.414), x);
    let half = simd.mul(simd.sub(x, simd.double(1.0)), simd.double(0.5));
    let x = simd.select(large, half, x);
    // ln(1 + x) = 2·artanh(x / (2 + x)).
    let s = simd.div(x, simd.add(simd.double(2.0), x));
    let square = simd.mul(s, s);
    let series = simd.mul(square, polynomial(simd, square, &HYPERBOLIC));
    let twice = simd.add(s, s);
    let logarithm = simd.mul_add(twice, series, twice);
    let more = simd.select(large, simd.double(std::f64::consts::LN_2), simd.double(0.0));
    simd.add(more, logarithm)
}

/// The polynomial of these coefficients, the highest first.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, x: S::Double, coefficients: &[f64; N]) -> S::Double {
    let mut sum = simd.double(coefficients[0]);
    for coefficient in &coefficients[1..] {
        sum = simd.mul_add(sum, x, simd.double(*coefficient));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::super::lanes::DOUBLES;
    use super::super::{Kernel, Level, portable};
    #[cfg(target_arch = "x86_64")]
    use super::super::{avx2, avx512};
    use super::*;

    struct Both([f64; DOUBLES]);

    impl Kernel for Both {
        type Output = [[f64; DOUBLES]; 2];

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Self::Output {
            let x = simd.load(&self.0);
            let mut answers = [[0.0; DOUBLES]; 2];
            let small = exponential(simd, x);
            simd.store(small, &mut answers[0]);
            simd.store(logarithm_of_one_plus(simd, small), &mut answers[1]);
            answers
        }
    }

    /// Miri takes many thousand times as long.
    const STEPS: i32 = if cfg!(miri) { 30 } else { 40_000 };

    fn at(level: Level, values: [f64; DOUBLES]) -> [[f64; DOUBLES]; 2] {
        match level {
            // SAFETY: only levels that the CPU has are asked for.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { avx512::run(Both(values)) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { avx2::run(Both(values)) },
            _ => Both(values).run(portable::Portable),
        }
    }

    #[test]
    fn four_units_in_the_last_place() {
        let close = |got: f64, expected: f64| (got - expected).abs() <= 4.0 * f64::EPSILON * expected.abs();
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            for step in 0..STEPS {
                let values: [f64; DOUBLES] = std::array::from_fn(|lane| {
                    let position = f64::from(step * DOUBLES as i32 + lane as i32);
                    match step % 3 {
                        0 => -position * 1e-4,
                        1 => -position * 2e-3,
                        _ => -(position * 0.01).sin().powi(8),
                    }
                });
                let answers = at(level, values);
                for (lane, x) in values.into_iter().enumerate() {
                    let expected = if x < LEAST { 0.0 } else { x.exp() };
                    assert!(
                        close(answers[0][lane], expected),
                        "{level}: exp {x}: {}",
                        answers[0][lane]
                    );
                    let expected = answers[0][lane].ln_1p();
                    assert!(close(answers[1][lane], expected), "{level}: ln1p: {}", answers[1][lane]);
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite() {
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let answers = at(
                level,
                [
                    f64::NAN,
                    f64::NEG_INFINITY,
                    -0.0,
                    0.0,
                    -1e300,
                    -1e-300,
                    -709.0,
                    -f64::NAN,
                ],
            );
            assert!(
                [0, 7]
                    .iter()
                    .all(|&lane| answers.iter().all(|answer| answer[lane].is_nan()))
            );
            assert_eq!(answers[0][1..7], [0.0, 1.0, 1.0, 0.0, 1.0, 0.0]);
            assert_eq!(answers[1][1..2], [0.0]);
        }
    }
}
