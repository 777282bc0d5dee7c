//! Kernels read no value beyond the rows that they are given: the rows end where memory that can't be read begins.
#![cfg(unix)]

mod matrices;

use std::ptr;

use ferrule_algorithms::kmeans::{KMeans, Parameters};
use ferrule_algorithms::simd::{self, Level};
use ferrule_algorithms::{Rows, never};
use matrices::Blobs;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// Bytes that end at a page that can't be read.
struct Guarded {
    start: *mut u8,
    mapped: usize,
    length: usize,
}

const PAGE: usize = 1 << 16;

impl Guarded {
    fn new(bytes: &[u8]) -> Self {
        let mapped = bytes.len().next_multiple_of(PAGE) + PAGE;
        // SAFETY: new memory at an address of the system's choice; its last page is made unreadable, and the bytes go just before.
        let start = unsafe {
            let start = mmap_anonymous(
                ptr::null_mut(),
                mapped,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
            .expect("memory")
            .cast::<u8>();
            mprotect(start.add(mapped - PAGE).cast(), PAGE, MprotectFlags::empty()).expect("a guard");
            ptr::copy_nonoverlapping(bytes.as_ptr(), start.add(mapped - PAGE - bytes.len()), bytes.len());
            start
        };
        Self {
            start,
            mapped,
            length: bytes.len(),
        }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: these bytes were written in `new`, and live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start.add(self.mapped - PAGE - self.length), self.length) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`; nothing borrows it any more.
        unsafe { munmap(self.start.cast(), self.mapped).expect("memory that was mapped") };
    }
}

#[test]
fn no_kernel_reads_beyond_the_rows() {
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        simd::force(level).expect("a level that the CPU has");
        for columns in [1, 2, 3, 4, 5, 7, 9, 15, 17, 33, 100] {
            for (rows, n_clusters) in [(1, 1), (9, 3), (13, 9), (65, 2), (131, 20)] {
                let blobs = Blobs::new(1, rows, columns, n_clusters.min(3), 1.0);
                let doubles: Vec<u8> = blobs.values.iter().flat_map(|value| value.to_le_bytes()).collect();
                let singles: Vec<u8> = blobs
                    .values
                    .iter()
                    .flat_map(|value| (*value as f32).to_le_bytes())
                    .collect();
                let (doubles, singles) = (Guarded::new(&doubles), Guarded::new(&singles));
                let parameters = Parameters {
                    n_clusters,
                    max_iter: 3,
                    ..Parameters::default()
                };
                for rows_of in [
                    Rows::from_le_bytes(doubles.bytes(), rows, columns).expect("rows"),
                    Rows::from_single_le_bytes(singles.bytes(), rows, columns).expect("rows"),
                ] {
                    let fit = KMeans::fit(rows_of, None, &parameters, &never).expect("a fit");
                    let mut labels = vec![-1; rows];
                    fit.model.predict(rows_of, &mut labels, &never).expect("labels");
                    assert_eq!(labels.len(), fit.labels.len());
                }
            }
        }
    }
}
