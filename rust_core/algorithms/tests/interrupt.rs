//! A fit or a prediction stops soon after it is told to: counted in looks at the interrupt, never in time.

mod matrices;

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ThreadId};

use ferrule_algorithms::kmeans::{self, Init, KMeans};
use ferrule_algorithms::logistic_regression::{self, LogisticRegression};
use ferrule_algorithms::{FitError, Interrupt, PredictError, Rows, never};
use matrices::{Blobs, on_threads};

/// Runs `work` with an interrupt that says stop from the look number `allowed` on. The outcome, and the number of looks.
fn stopped_after<T>(allowed: usize, work: impl FnOnce(Interrupt<'_>) -> T) -> (T, usize) {
    let looks = AtomicUsize::new(0);
    let outcome = work(&|| looks.fetch_add(1, Ordering::Relaxed) >= allowed);
    (outcome, looks.into_inner())
}

/// `work` looks often enough, and stops at the first look that says so, wherever in the work that is.
fn stops_everywhere<T>(least_looks: usize, stopped: impl Fn(&T) -> bool, work: impl Fn(Interrupt<'_>) -> T) {
    let (outcome, looks) = stopped_after(usize::MAX, &work);
    assert!(!stopped(&outcome));
    assert!(looks >= least_looks, "only {looks} looks");
    for allowed in (0..looks).step_by((looks / 97).max(1)) {
        let (outcome, seen) = stopped_after(allowed, &work);
        assert!(stopped(&outcome), "went on after look {allowed} of {looks}");
        assert_eq!(seen, allowed + 1);
    }
}

#[test]
fn fits_stop_everywhere() {
    // 3000 × 64: 47 tiles of 64 rows in every pass.
    let blobs = Blobs::new(1, 3000, 64, 6, 6.0);
    let interrupted = |outcome: &Result<_, FitError>| matches!(outcome, Err(FitError::Interrupted));
    let parameters = kmeans::Parameters {
        n_clusters: 6,
        n_init: Some(2),
        max_iter: 4,
        tol: 0.0,
        ..kmeans::Parameters::default()
    };
    // Passes: check, mean, variance, extents; then twice: 6 of k-means++, at least one iteration, inertia.
    stops_everywhere(47 * 20, interrupted, |interrupt| {
        on_threads(1, || {
            KMeans::fit(blobs.rows(), None, &parameters, interrupt).map(|_| ())
        })
    });

    for n_classes in [2, 6] {
        let classes: Vec<u32> = blobs.group.iter().map(|group| group % n_classes).collect();
        let parameters = logistic_regression::Parameters {
            max_iter: 10,
            tol: 0.0,
            ..Default::default()
        };
        stops_everywhere(47 * 10, interrupted, |interrupt| {
            on_threads(1, || {
                let n_classes = n_classes as usize;
                LogisticRegression::fit(blobs.rows(), &classes, n_classes, None, &parameters, interrupt).map(|_| ())
            })
        });
    }
}

#[test]
fn relocation_stops() {
    // All rows in one cluster: the second, empty, needs a pass over all rows to find its new place.
    let values: Vec<f64> = (0..40_000).map(f64::from).collect();
    let rows = Rows::from_values(&values, 40_000, 1).unwrap();
    let parameters = kmeans::Parameters {
        n_clusters: 2,
        init: Init::Centers(vec![0.0, -1e9]),
        max_iter: 1,
        tol: 0.0,
        ..kmeans::Parameters::default()
    };
    // Passes: check, assignment, relocation, labels with inertia; blocks of 625 rows are one tile.
    stops_everywhere(
        10 + 3 * 64,
        |outcome: &Result<_, _>| outcome.is_err(),
        |interrupt| on_threads(1, || KMeans::fit(rows, None, &parameters, interrupt).map(|_| ())),
    );
}

#[test]
fn predictions_stop_everywhere() {
    let blobs = Blobs::new(2, 5000, 20, 3, 1.0);
    let clusters = KMeans::new(blobs.values[..60].to_vec(), 3, 20).unwrap();
    let interrupted = |outcome: &Result<(), PredictError>| *outcome == Err(PredictError::Interrupted);
    stops_everywhere(25, interrupted, |interrupt| {
        on_threads(1, || clusters.predict(blobs.rows(), &mut vec![0; 5000], interrupt))
    });
    stops_everywhere(25, interrupted, |interrupt| {
        on_threads(1, || {
            clusters.transform(blobs.rows(), &mut vec![0.0; 15_000], interrupt)
        })
    });
    for (n_classes, scores) in [(2, 1), (3, 3)] {
        let model =
            LogisticRegression::new(blobs.values[..20 * scores].to_vec(), vec![0.0; scores], n_classes, 20).unwrap();
        stops_everywhere(25, interrupted, |interrupt| {
            on_threads(1, || model.predict(blobs.rows(), &mut vec![0; 5000], interrupt))
        });
        stops_everywhere(25, interrupted, |interrupt| {
            on_threads(1, || {
                model.decision_function(blobs.rows(), &mut vec![0.0; 5000 * scores], interrupt)
            })
        });
        stops_everywhere(25, interrupted, |interrupt| {
            on_threads(1, || {
                model.predict_proba(blobs.rows(), &mut vec![0.0; 5000 * n_classes], interrupt)
            })
        });
    }
}

#[test]
fn every_thread_stops() {
    let blobs = Blobs::new(3, 20_000, 16, 8, 4.0);
    let parameters = kmeans::Parameters {
        n_clusters: 8,
        tol: 0.0,
        ..kmeans::Parameters::default()
    };
    for allowed in [0, 1, 100, 1000] {
        let (outcome, looks) = stopped_after(allowed, |interrupt| {
            on_threads(3, || KMeans::fit(blobs.rows(), None, &parameters, interrupt))
        });
        assert_eq!(outcome.unwrap_err(), FitError::Interrupted);
        // Each of the 64 blocks may look once more.
        assert!(looks <= allowed + 64, "{looks} looks, {allowed} allowed");
    }
}

#[test]
fn small_work_stays_on_the_calling_thread() {
    let blobs = Blobs::new(4, 500, 4, 3, 1.0);
    let seen: Mutex<HashSet<ThreadId>> = Mutex::default();
    let watch = || {
        seen.lock().unwrap().insert(thread::current().id());
        never()
    };
    let parameters = kmeans::Parameters {
        n_clusters: 3,
        ..kmeans::Parameters::default()
    };
    let fit = KMeans::fit(blobs.rows(), None, &parameters, &watch).unwrap();
    fit.model.predict(blobs.rows(), &mut [0; 500], &watch).unwrap();
    assert_eq!(seen.into_inner().unwrap(), HashSet::from([thread::current().id()]));
}
