//! What this machine could do at best: `ceilings THREADS` prints multiply-adds and bytes read a second, as JSON.
//!
//! The loops use the widest vectors that the processor has, the reading ones because this is built for it. The best of
//! several short runs counts: a ceiling is what was reached once.

use std::{hint::black_box, sync::Barrier, thread, time::Instant};

/// Independent chains, each as long as a few vector registers: more multiply-adds in flight than one takes cycles.
const CHAINS: usize = 12;
const FMA_ROUNDS: usize = 4_000_000;
const RUNS: usize = 5;
/// In the last cache that a server's cores share, and far beyond it; bytes for each thread.
const CACHED_BYTES: usize = 4 << 20;
const MEMORY_BYTES: usize = 192 << 20;

/// The multiply-adds done by chains of vectors: two operations for each lane of each chain and round.
macro_rules! multiply_adds {
    ($name:ident, $float:ty, $lanes:expr, $feature:literal, $set:ident, $fma:ident) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $feature)]
        fn $name() -> f64 {
            use std::arch::x86_64::{$fma, $set};
            let mut sums = [$set(1.0); CHAINS];
            let (factor, addend) = ($set(black_box(0.999)), $set(black_box(1e-3)));
            for _ in 0..FMA_ROUNDS {
                for sum in &mut sums {
                    *sum = $fma(*sum, factor, addend);
                }
            }
            black_box(sums);
            (2 * FMA_ROUNDS * CHAINS * $lanes) as f64
        }
    };
}

multiply_adds!(doubles_512, f64, 8, "avx512f", _mm512_set1_pd, _mm512_fmadd_pd);
multiply_adds!(singles_512, f32, 16, "avx512f", _mm512_set1_ps, _mm512_fmadd_ps);
multiply_adds!(doubles_256, f64, 4, "avx,fma", _mm256_set1_pd, _mm256_fmadd_pd);
multiply_adds!(singles_256, f32, 8, "avx,fma", _mm256_set1_ps, _mm256_fmadd_ps);

/// Without vectors that are known here: what the compiler makes of the same.
macro_rules! portable_multiply_adds {
    ($name:ident, $float:ty) => {
        fn $name() -> f64 {
            let mut sums: [$float; 4 * CHAINS] = [1.0; 4 * CHAINS];
            let (factor, addend): ($float, $float) = (black_box(0.999), black_box(1e-3));
            for _ in 0..FMA_ROUNDS {
                for sum in &mut sums {
                    *sum = *sum * factor + addend;
                }
            }
            black_box(sums);
            (2 * FMA_ROUNDS * sums.len()) as f64
        }
    };
}

portable_multiply_adds!(portable_doubles, f64);
portable_multiply_adds!(portable_singles, f32);

/// A loop of multiply-adds; gives their number.
type Loop = fn() -> f64;

/// The widest loops that this processor has, for float64 and float32.
fn widest() -> (Loop, Loop) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has the feature.
            return (|| unsafe { doubles_512() }, || unsafe { singles_512() });
        }
        if is_x86_feature_detected!("fma") {
            // SAFETY: the processor has the feature, and with it AVX.
            return (|| unsafe { doubles_256() }, || unsafe { singles_256() });
        }
    }
    (portable_doubles, portable_singles)
}

/// Reads the values, `passes` times over; the bytes read.
fn read(values: &[u64], passes: usize) -> f64 {
    for _ in 0..passes {
        let mut sums = [0_u64; 64];
        for block in black_box(values).chunks_exact(64) {
            for (sum, value) in sums.iter_mut().zip(block) {
                *sum ^= *value;
            }
        }
        black_box(sums);
    }
    (passes * size_of_val(values)) as f64
}

/// The work of all threads together, a second: the best run.
fn rate(threads: usize, work: impl Fn() -> Box<dyn Fn() -> f64> + Sync) -> f64 {
    let begin = Barrier::new(threads);
    let best_of = |_| {
        let run = work();
        (0..RUNS)
            .map(|_| {
                begin.wait();
                let started = Instant::now();
                let done = run();
                // Until the last has finished.
                begin.wait();
                done / started.elapsed().as_secs_f64()
            })
            .fold(0.0, f64::max)
    };
    thread::scope(|scope| {
        let best_of = &best_of;
        let all: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || best_of(thread)))
            .collect();
        all.into_iter()
            .map(|thread| thread.join().expect("the loops do not panic"))
            .sum()
    })
}

fn main() {
    let threads = std::env::args()
        .nth(1)
        .and_then(|given| given.parse().ok())
        .unwrap_or(1);
    let reading = |bytes: usize, passes| {
        rate(threads, move || {
            let values = vec![1_u64; bytes / 8];
            Box::new(move || read(&values, passes))
        })
    };
    let (doubles, singles) = widest();
    println!(
        r#"{{"threads": {threads}, "float64_flops": {}, "float32_flops": {}, "cache_bytes": {}, "memory_bytes": {}}}"#,
        rate(threads, || Box::new(doubles)),
        rate(threads, || Box::new(singles)),
        reading(CACHED_BYTES, 64),
        reading(MEMORY_BYTES, 2),
    );
}
