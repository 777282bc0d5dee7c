//! Every operation, at every level that this CPU has, gives what arrays give.

use std::array::from_fn;

use super::portable::Portable;
use super::{DOUBLES, Kernel, Level, SINGLES, Simd};

/// Values that lanes could mix up, and those that compare oddly.
const DOUBLE: [[f64; DOUBLES]; 3] = [
    [1.5, -2.0, 0.0, 1e300, f64::INFINITY, f64::NAN, -0.0, 7.25],
    [2.5, -3.0, -0.0, -1e300, 1.0, 3.0, f64::NAN, 7.25],
    [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
];

fn singles(row: usize) -> [f32; SINGLES] {
    from_fn(|lane| DOUBLE[row][lane % DOUBLES] as f32 + if lane < DOUBLES { 0.0 } else { 1.0 })
}

/// The bits of all that the operations give for the values above. NaNs, whose signs may differ, are all one.
struct Everything;

impl Kernel for Everything {
    type Output = Vec<u64>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<u64> {
        let mut seen = Vec::new();
        doubles(simd, &mut seen);
        floats(simd, &mut seen);
        memory(simd, &mut seen);
        seen
    }
}

#[inline(always)]
fn doubles<S: Simd>(simd: S, seen: &mut Vec<u64>) {
    let [a, b, c] = DOUBLE.map(|values| simd.load(&values));
    let less = simd.less(a, b);
    for vector in [
        simd.double(0.5),
        simd.add(a, b),
        simd.sub(a, b),
        simd.mul(a, b),
        simd.div(a, b),
        simd.min(a, b),
        simd.max(a, b),
        simd.select(less, a, c),
        // Exact, so that one rounding and two are the same.
        simd.mul_add(simd.double(3.0), b, simd.double(0.5)),
    ] {
        let mut values = [0.0; DOUBLES];
        simd.store(vector, &mut values);
        seen.extend(values.map(bits));
    }
    seen.push(simd.bits(less).into());
    seen.push(simd.bits(simd.equal(a, b)).into());
    let whole = simd.load(&[0.0, -1.0, 2.0, 3.0, 2e9, -2e9, 6.0, 7.0]);
    seen.extend(simd.integers(whole).map(|value| i64::from(value).cast_unsigned()));
    let powers = simd.power_of_two(simd.load(&[0.0, -1.0, 2.0, 1023.0, -1022.0, -7.0, 52.0, -53.0]));
    for vector in [powers, simd.load_integers(&[0, 1, 2, 3, u32::MAX >> 1, 5, 6, 7])] {
        let mut values = [0.0; DOUBLES];
        simd.store(vector, &mut values);
        seen.extend(values.map(bits));
    }
    let mut values = [9.0; DOUBLES];
    let half = from_fn(|lane| singles(1)[lane]);
    simd.store(simd.load_widened(&half), &mut values);
    seen.extend(values.map(bits));
    for count in 0..=DOUBLES {
        let mut values = [9.0; DOUBLES];
        simd.store(simd.load_some(&DOUBLE[0][..count]), &mut values);
        seen.extend(values.map(bits));
        let mut values = [9.0; DOUBLES];
        simd.store(simd.load_some_widened(&singles(0)[..count]), &mut values);
        seen.extend(values.map(bits));
        let mut values = [9.0; DOUBLES];
        simd.store_some(a, &mut values[..count]);
        seen.extend(values.map(bits));
    }
}

#[inline(always)]
fn floats<S: Simd>(simd: S, seen: &mut Vec<u64>) {
    let [a, b, c] = [0, 1, 2].map(|row| simd.load_singles(&singles(row)));
    let less = simd.less_singles(a, b);
    for vector in [
        simd.single(0.5),
        simd.add_singles(a, b),
        simd.sub_singles(a, b),
        simd.mul_singles(a, b),
        simd.min_singles(a, b),
        simd.max_singles(a, b),
        simd.select_singles(less, a, c),
        simd.mul_add_singles(simd.single(4.0), b, simd.single(0.0)),
        simd.narrow(simd.load(&DOUBLE[0]), simd.load(&DOUBLE[2])),
    ] {
        let mut values = [0.0; SINGLES];
        simd.store_singles(vector, &mut values);
        seen.extend(values.map(|value| bits(value.into())));
    }
    seen.push(simd.bits_singles(less).into());
    for lane in 0..SINGLES {
        let mut values: [f32; SINGLES] = from_fn(|lane| 3.0 + lane as f32);
        values[lane] = -2.5;
        assert_eq!(simd.least_single(simd.load_singles(&values)), -2.5);
    }
    let whole = simd.load_singles(&from_fn(|lane| lane as f32 * 1000.0 - 3000.0));
    seen.extend(
        simd.integers_singles(whole)
            .map(|value| i64::from(value).cast_unsigned()),
    );
    let table: [f32; 37] = from_fn(|place| place as f32 * 0.5);
    let places = from_fn(|lane| [0, 36, 5, 37, -1, i32::MIN, 17, i32::MAX][lane % 8]);
    for table in [&table[..], &table[..1], &[]] {
        let mut values = [0.0; SINGLES];
        simd.store_singles(simd.gather_singles(table, &places), &mut values);
        for (value, place) in values.into_iter().zip(places) {
            let place = usize::try_from(place).map_or(36, |place| place.min(36));
            let expected = table.get(place.min(table.len().saturating_sub(1)));
            assert_eq!(value, expected.copied().unwrap_or(0.0));
        }
        seen.extend(values.map(|value| bits(value.into())));
    }
    for values in [
        from_fn(|lane| (lane as f32 - 7.5) * 1e-3),
        from_fn(|lane| 1.0 / (lane as f32 + 3.0)),
        [
            -0.0,
            0.0,
            65_504.0,
            -65_504.0,
            2049.0,
            2051.0,
            1.0 + 3.0 / 2048.0,
            6.0e-8,
        ]
        .repeat(2)
        .try_into()
        .unwrap(),
    ] {
        let (mut shorts, mut again) = ([0; SINGLES], [9.0; SINGLES]);
        simd.store_float16(simd.load_singles(&values), &mut shorts);
        simd.store_singles(simd.load_float16(&shorts), &mut again);
        seen.extend(shorts.map(u64::from));
        seen.extend(again.map(|value| bits(value.into())));
        for (value, again) in values.into_iter().zip(again) {
            let value: f32 = value;
            assert!((value - again).abs() <= value.abs() / 2048.0 + 6e-8, "{value} {again}");
        }
    }
    for half in simd.widen(a) {
        let mut values = [0.0; DOUBLES];
        simd.store(half, &mut values);
        seen.extend(values.map(bits));
    }
}

#[inline(always)]
fn memory<S: Simd>(simd: S, seen: &mut Vec<u64>) {
    columns::<S, 1>(simd, seen);
    columns::<S, 2>(simd, seen);
    columns::<S, 3>(simd, seen);
    columns::<S, 4>(simd, seen);
    let rows: [[f64; DOUBLES]; DOUBLES] = from_fn(|row| from_fn(|column| (10 * row + column) as f64));
    for (column, vector) in simd.turn(rows.map(|row| simd.load(&row))).into_iter().enumerate() {
        let mut values = [0.0; DOUBLES];
        simd.store(vector, &mut values);
        assert_eq!(values, from_fn(|row| rows[row][column]));
    }
    let from: Vec<f32> = (0..15 * 9 + 8).map(|value| value as f32).collect();
    let mut to = vec![-1.0; 7 * 20 + 16];
    let halves = |row: usize| {
        let values = from[9 * row..][..DOUBLES].try_into().expect("eight values");
        simd.sub_halves(
            simd.mul_halves(simd.load_half(values), simd.load_half(&[3.0; DOUBLES])),
            simd.load_half(&[0.5; DOUBLES]),
        )
    };
    simd.transpose([from_fn(halves), from_fn(|row| halves(row + DOUBLES))], &mut to, 20);
    for (column, to) in to.chunks(20).enumerate() {
        for (row, to) in to.iter().take(SINGLES).enumerate() {
            assert_eq!(*to, from[9 * row + column] * 3.0 - 0.5);
        }
    }
    seen.extend(to.iter().map(|&value| bits(value.into())));
    for count in 0..=DOUBLES {
        simd.transpose([[simd.load_some_half(&from[..count]); DOUBLES]; 2], &mut to, 16);
        seen.extend(to.iter().map(|&value| bits(value.into())));
    }
    simd.transpose([[simd.narrow_half(simd.load(&DOUBLE[2])); DOUBLES]; 2], &mut to, 16);
    seen.extend(to.iter().map(|&value| bits(value.into())));
}

#[inline(always)]
fn columns<S: Simd, const D: usize>(simd: S, seen: &mut Vec<u64>) {
    let rows: [[f64; D]; DOUBLES] = from_fn(|row| from_fn(|column| (10 * row + column) as f64));
    for (column, vector) in simd.columns(&rows).into_iter().enumerate() {
        let mut values = [0.0; DOUBLES];
        simd.store(vector, &mut values);
        assert_eq!(values, from_fn(|row| rows[row][column]));
        seen.extend(values.map(bits));
    }
}

fn bits(value: f64) -> u64 {
    if value.is_nan() { u64::MAX } else { value.to_bits() }
}

/// `Everything` at a level, without telling the rest of the process.
fn at(level: Level) -> Vec<u64> {
    match level {
        Level::Portable => Everything.run(Portable),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: asked for only where the CPU has it.
        Level::Avx2 => unsafe { super::avx2::run(Everything) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx512 => unsafe { super::avx512::run(Everything) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => unreachable!("no other level is available"),
    }
}

#[test]
fn every_level_does_the_same() {
    // Miri has the instructions that the crate is compiled for, and no others (see the Makefile).
    if cfg!(target_feature = "avx2") {
        assert!(Level::Avx2.is_available(), "compiled for a part of the level");
    }
    let expected = at(Level::Portable);
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        assert_eq!(at(level), expected, "{level}");
    }
}
