//! A small prediction allocates nothing.

mod matrices;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ferrule_algorithms::kmeans::KMeans;
use ferrule_algorithms::logistic_regression::{LogisticRegression, Scorer};
use ferrule_algorithms::{Csr, CsrValues, Rows, never};
use matrices::{Blobs, Unaligned};

/// The system's allocator, counting each thread's allocations.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as required of the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as required of the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Number of allocations that `work` makes on this thread.
fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn small_predictions_allocate_nothing() {
    assert_eq!(
        allocations(|| drop(std::hint::black_box(Box::new(1)))),
        1,
        "the counter counts"
    );
    let (rows, columns) = (20, 50);
    let blobs = Blobs::new(1, rows, columns, 3, 1.0);
    let clusters = KMeans::new(blobs.values[..20 * columns].to_vec(), 20, columns).unwrap();
    let binary = LogisticRegression::new(blobs.values[..columns].to_vec(), vec![0.5], 2, columns).unwrap();
    let several = LogisticRegression::new(blobs.values[..9 * columns].to_vec(), vec![0.5; 9], 9, columns).unwrap();
    let single: Vec<f32> = blobs.row(7).iter().map(|&value| value as f32).collect();
    let scorer = Scorer::new(&single[..], &[0.5], columns).unwrap();
    let bytes = Unaligned::new(&blobs.values);
    let row = Unaligned::new(blobs.row(7));
    let mut labels = [0; 20];
    let mut classes = [0; 20];
    let mut outputs = [0.0; 400];

    let mut predict = |rows: Rows<'_>| {
        let n = rows.rows();
        clusters.predict(rows, &mut labels[..n], &never).unwrap();
        clusters.transform(rows, &mut outputs[..20 * n], &never).unwrap();
        for (model, n_classes) in [(&binary, 2), (&several, 9)] {
            model.predict(rows, &mut classes[..n], &never).unwrap();
            model
                .decision_function(rows, &mut outputs[..model.scores() * n], &never)
                .unwrap();
            model
                .predict_proba(rows, &mut outputs[..n_classes * n], &never)
                .unwrap();
        }
    };
    let aligned = Rows::from_values(blobs.row(7), 1, columns).unwrap();
    assert_eq!(allocations(|| predict(aligned)), 0);
    assert_eq!(allocations(|| predict(blobs.rows())), 0);
    // Unaligned rows are copied into a buffer that the thread keeps: the first call makes it.
    predict(bytes.rows(rows, columns));
    assert_eq!(allocations(|| predict(row.rows(1, columns))), 0);
    assert_eq!(allocations(|| predict(bytes.rows(rows, columns))), 0);
    // Sparse rows are compared by tables of the centres, which the first call makes.
    let indptr = (0..=rows).map(|row| (row * columns) as u64).collect();
    let indices = (0..rows * columns).map(|place| (place % columns) as u32).collect();
    let csr = Csr::new(indptr, indices, CsrValues::Double(blobs.values[..].into()), columns).unwrap();
    let mut label = || clusters.predict(Rows::from(&csr), &mut labels, &never).unwrap();
    label();
    assert_eq!(allocations(label), 0);
    // Answers in float32 are rounded from such a buffer.
    let mut probabilities = [0.0_f32; 2];
    let mut answer = || {
        let rows = Rows::from_single_values(&single, 1, columns).unwrap();
        scorer.predict_proba(rows, &mut probabilities[..], &never).unwrap();
    };
    answer();
    assert_eq!(allocations(answer), 0);
}
