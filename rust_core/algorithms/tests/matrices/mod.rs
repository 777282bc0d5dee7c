//! Made-up matrices for tests.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::sync::{Mutex, PoisonError};

use ferrule_algorithms::simd::{self, Level};
use ferrule_algorithms::{Csr, CsrValues, Rows};

/// A generator of pseudo-random numbers: the same for the same seed everywhere (SplitMix64).
pub struct Numbers(pub u64);

impl Numbers {
    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) as f64 / 2.0_f64.powi(64)
    }

    /// Roughly normal: the sum of twelve uniform numbers, less its mean.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    /// An integer in `0..below`.
    pub fn below(&mut self, below: usize) -> usize {
        (self.uniform() * below as f64) as usize
    }
}

/// A matrix and the group of each row.
#[derive(Clone, Debug)]
pub struct Blobs {
    pub values: Vec<f64>,
    pub rows: usize,
    pub columns: usize,
    pub group: Vec<u32>,
}

impl Blobs {
    /// `groups` clouds of normal rows around places in a cube of side 20; every group has a row.
    pub fn new(seed: u64, rows: usize, columns: usize, groups: usize, spread: f64) -> Self {
        let mut numbers = Numbers(seed);
        let places: Vec<f64> = (0..groups * columns).map(|_| 20.0 * numbers.uniform()).collect();
        let mut values = Vec::with_capacity(rows * columns);
        let mut group = Vec::with_capacity(rows);
        for row in 0..rows {
            let of = if row < groups { row } else { numbers.below(groups) };
            group.push(of as u32);
            for column in 0..columns {
                values.push(places[of * columns + column] + spread * numbers.normal());
            }
        }
        Self {
            values,
            rows,
            columns,
            group,
        }
    }

    pub fn rows(&self) -> Rows<'_> {
        Rows::from_values(&self.values, self.rows, self.columns).expect("a matrix of that shape")
    }

    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.columns..(index + 1) * self.columns]
    }
}

/// The values as little-endian bytes that start one byte after an aligned address.
pub struct Unaligned(Vec<u8>, usize);

impl Unaligned {
    pub fn new(values: &[f64]) -> Self {
        let mut bytes = vec![0; 16];
        bytes.reserve_exact(values.len() * 8);
        let start = (0..8)
            .find(|start| (bytes.as_ptr() as usize + start) % 8 == 1)
            .expect("one of eight addresses");
        bytes.truncate(start);
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        assert_eq!((bytes.as_ptr() as usize + start) % 8, 1, "the bytes did not move");
        Self(bytes, start)
    }

    pub fn rows(&self, rows: usize, columns: usize) -> Rows<'_> {
        Rows::from_le_bytes(&self.0[self.1..], rows, columns).expect("a matrix of that shape")
    }
}

/// The bits of the values: equal bits are equal answers, also for zeros and NaN.
pub fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Runs `work` on a pool of `threads` threads.
pub fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a thread pool")
        .install(work)
}

/// The values as a sparse matrix that names those that `named` says.
pub fn sparse(values: &[f64], columns: usize, named: impl Fn(f64) -> bool) -> Csr<'static> {
    let (mut indptr, mut indices, mut kept) = (vec![0], Vec::new(), Vec::new());
    for row in values.chunks(columns) {
        for (column, &value) in row.iter().enumerate().filter(|(_, value)| named(**value)) {
            indices.push(column as u32);
            kept.push(value);
        }
        indptr.push(kept.len() as u64);
    }
    Csr::new(indptr.into(), indices.into(), CsrValues::Double(kept.into()), columns).expect("a sparse matrix")
}

/// The definition of a row's label: the nearest centre by direct differences, the lowest among equals.
pub fn nearest(row: &[f64], centers: &[f64]) -> i32 {
    let mut best = (0, f64::INFINITY);
    for (cluster, center) in centers.chunks(row.len()).enumerate() {
        let distance = row.iter().zip(center).fold(0.0, |sum, (value, center)| {
            let difference = value - center;
            sum + difference * difference
        });
        if distance < best.1 {
            best = (cluster as i32, distance);
        }
    }
    best.0
}

/// The level belongs to the process: one test at a time says which.
static TURN: Mutex<()> = Mutex::new(());

/// Does `work` at each level that this CPU has.
pub fn at_each_level(mut work: impl FnMut(Level)) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        simd::force(level).expect("a level that the CPU has");
        assert_eq!(simd::level(), level);
        work(level);
    }
    simd::force(Level::best()).expect("the best level is one that the CPU has");
}
