//! Data at the edges: tiny, huge, equal, separable.

mod matrices;

use ferrule_algorithms::kmeans::{self, Fit, Init, KMeans};
use ferrule_algorithms::logistic_regression::{self, LogisticRegression};
use ferrule_algorithms::{FitError, Rows, never};
use matrices::Blobs;

fn k_means(values: &[f64], columns: usize, n_clusters: usize) -> Result<Fit, FitError> {
    let rows = Rows::from_values(values, values.len() / columns, columns).expect("a matrix");
    KMeans::fit(
        rows,
        None,
        &kmeans::Parameters {
            n_clusters,
            ..kmeans::Parameters::default()
        },
        &never,
    )
}

fn classify(values: &[f64], classes: &[u32], c: f64) -> Result<logistic_regression::Fit, FitError> {
    let rows = Rows::from_values(values, classes.len(), values.len() / classes.len()).expect("a matrix");
    let n_classes = 1 + *classes.iter().max().expect("a class") as usize;
    let parameters = logistic_regression::Parameters {
        c,
        ..logistic_regression::Parameters::default()
    };
    LogisticRegression::fit(rows, classes, n_classes, None, &parameters, &never)
}

#[test]
fn one_row_is_one_cluster() {
    let fit = k_means(&[3.0, -4.0], 2, 1).unwrap();
    assert_eq!(
        (fit.labels, fit.model.centers(), fit.inertia),
        (vec![0], [3.0, -4.0].as_slice(), 0.0)
    );
    assert!(fit.converged);
}

#[test]
fn as_many_clusters_as_rows_leave_no_distance() {
    let values: Vec<f64> = (0..60).map(|value| f64::from(value * value)).collect();
    for seed in 0..5 {
        let rows = Rows::from_values(&values, 20, 3).unwrap();
        let parameters = kmeans::Parameters {
            n_clusters: 20,
            seed,
            ..kmeans::Parameters::default()
        };
        let fit = KMeans::fit(rows, None, &parameters, &never).unwrap();
        assert_eq!((fit.inertia, fit.distinct_labels, fit.n_iter), (0.0, 20, 1));
        let mut labels = fit.labels.clone();
        labels.sort_unstable();
        assert_eq!(labels, (0..20).collect::<Vec<_>>());
    }
}

#[test]
fn equal_rows_are_one_cluster() {
    let fit = k_means(&[7.5; 60], 3, 4).unwrap();
    assert_eq!(fit.labels, [0; 20]);
    assert_eq!((fit.distinct_labels, fit.inertia, fit.converged), (1, 0.0, true));
    assert!(fit.model.centers().iter().all(|value| *value == 7.5));
}

#[test]
fn more_clusters_than_distinct_rows_part_the_distinct_ones() {
    let values: Vec<f64> = (0..90).map(|row| f64::from(row % 3) * 10.0).collect();
    for seed in 0..10 {
        let rows = Rows::from_values(&values, 90, 1).unwrap();
        let parameters = kmeans::Parameters {
            n_clusters: 7,
            seed,
            ..kmeans::Parameters::default()
        };
        let fit = KMeans::fit(rows, None, &parameters, &never).unwrap();
        assert_eq!((fit.distinct_labels, fit.inertia), (3, 0.0));
        assert!((0..90).all(|row| fit.labels[row] == fit.labels[row % 3]));
    }
}

#[test]
fn empty_clusters_take_the_farthest_rows() {
    // Two centres so far away that no row is nearest to them: they take the two rows farthest from their own centre.
    let values = [0.0, 1.0, 2.0, 3.0, 100.0, -90.0];
    let parameters = kmeans::Parameters {
        n_clusters: 3,
        init: Init::Centers(vec![0.0, 1e6, 1e7]),
        max_iter: 1,
        ..kmeans::Parameters::default()
    };
    let rows = Rows::from_values(&values, 6, 1).unwrap();
    let fit = KMeans::fit(rows, None, &parameters, &never).unwrap();
    assert_eq!(fit.model.centers(), [1.5, 100.0, -90.0]);
    assert_eq!(fit.labels, [0, 0, 0, 0, 1, 2]);
    assert_eq!((fit.n_iter, fit.converged, fit.inertia), (1, false, 5.0));
}

#[test]
fn a_cluster_of_rows_without_weight_is_empty() {
    let values = [0.0, 1.0, 10.0, 11.0];
    let parameters = kmeans::Parameters {
        n_clusters: 2,
        init: Init::Centers(vec![0.0, 10.0]),
        ..kmeans::Parameters::default()
    };
    let rows = Rows::from_values(&values, 4, 1).unwrap();
    let fit = KMeans::fit(rows, Some(&[1.0, 3.0, 0.0, 0.0]), &parameters, &never).unwrap();
    assert!(fit.model.centers().iter().all(|value| value.is_finite()));
    assert!(fit.inertia <= 0.75, "{fit:?}");
}

#[test]
fn values_whose_squares_overflow_are_an_error() {
    let huge = [1e300, -1e300, 1.0, 2.0];
    assert!(matches!(k_means(&huge, 1, 2), Err(FitError::Overflow { .. })));
    assert!(matches!(k_means(&huge, 2, 1), Err(FitError::Overflow { .. })));
    let rows = Rows::from_values(&huge, 4, 1).unwrap();
    for init in [Init::KMeansPlusPlus, Init::Centers(vec![1e300, 0.0])] {
        let parameters = kmeans::Parameters {
            n_clusters: 2,
            tol: 0.0,
            init,
            ..kmeans::Parameters::default()
        };
        assert!(matches!(
            KMeans::fit(rows, None, &parameters, &never),
            Err(FitError::Overflow { .. })
        ));
    }
    // Large values that can be squared are like any others.
    let fit = k_means(&[1e150, 1.1e150, -1e150, -1.1e150], 1, 2).unwrap();
    assert_eq!(fit.labels[0], fit.labels[1]);
    assert_ne!(fit.labels[0], fit.labels[2]);
}

#[test]
fn values_whose_squares_vanish_are_all_equal() {
    let fit = k_means(&[5e-324, 1e-310, 0.0, -1e-320], 1, 2).unwrap();
    assert_eq!(fit.inertia, 0.0);
    assert!(fit.model.centers().iter().all(|value| value.abs() < 1e-300));
    let fit = k_means(&[1e-150, 1.1e-150, -1e-150, -1.1e-150], 1, 2).unwrap();
    assert_eq!(fit.distinct_labels, 2);
    assert_eq!(fit.labels[0], fit.labels[1]);
}

#[test]
fn separable_classes_are_separated() {
    for c in [1e-3, 1.0, 1e6, f64::INFINITY] {
        let values = [-2.0, -1.0, 1.0, 2.0];
        let fit = classify(&values, &[0, 0, 1, 1], c).unwrap();
        let mut classes = [9; 4];
        fit.model
            .predict(Rows::from_values(&values, 4, 1).unwrap(), &mut classes, &never)
            .unwrap();
        assert_eq!(classes, [0, 0, 1, 1]);
        assert!(fit.loss.is_finite() && fit.loss < std::f64::consts::LN_2);
        // Without a penalty there is no best fit, however good the last one is.
        assert_eq!((fit.separable, fit.converged), (c.is_infinite(), c.is_finite()));
    }
    let blobs = Blobs::new(9, 400, 5, 12, 0.01);
    let fit = classify(&blobs.values, &blobs.group, 1e9).unwrap();
    let mut classes = vec![99; 400];
    fit.model.predict(blobs.rows(), &mut classes, &never).unwrap();
    assert_eq!(classes, blobs.group);
}

#[test]
fn columns_that_say_nothing_get_no_coefficient() {
    let values = [0.0, 1.0, 0.0, 1.0, 0.0, 2.0, 0.0, 2.0];
    let fit = classify(&values, &[0, 1, 0, 1], 1.0).unwrap();
    assert_eq!(fit.model.coefficients(), [0.0, 0.0]);
    assert_eq!(fit.model.intercepts(), [0.0]);
    assert_eq!((fit.n_iter, fit.converged), (0, true));
    assert!((fit.loss - std::f64::consts::LN_2).abs() < 1e-15);
}

#[test]
fn classifiers_survive_extreme_values() {
    let extremes = [1e300, 1e200, 1e-300, 5e-324, f64::MAX, f64::MIN_POSITIVE, -1e308];
    for &first in &extremes {
        for &second in &extremes {
            for classes in [[0, 1, 0, 1], [0, 1, 2, 1]] {
                match classify(&[first, second, -first, 1.0], &classes, 1.0) {
                    Ok(fit) => {
                        assert!(fit.loss.is_finite());
                        assert!(fit.model.coefficients().iter().all(|value| value.is_finite()));
                    }
                    Err(error) => assert!(matches!(error, FitError::Overflow { .. }), "{error}"),
                }
                let fit = k_means(&[first, second, -first, 1.0], 1, 2);
                assert!(fit.is_ok_and(|fit| fit.inertia.is_finite()) || first.abs().max(second.abs()) > 1e150);
            }
        }
    }
}

#[test]
fn vanishing_weights_do_not_divide_by_zero() {
    let rows = Rows::from_values(&[1.0, 2.0, 3.0, 4.0], 4, 1).unwrap();
    let weights = [5e-324; 4];
    let parameters = kmeans::Parameters {
        n_clusters: 2,
        ..kmeans::Parameters::default()
    };
    let fit = KMeans::fit(rows, Some(&weights), &parameters, &never);
    assert!(fit.is_ok_and(|fit| { fit.model.centers().iter().all(|value| (1.0..=4.0).contains(value)) }));
    let fit = LogisticRegression::fit(rows, &[0, 0, 1, 1], 2, Some(&weights), &Default::default(), &never);
    assert!(matches!(fit, Err(FitError::Overflow { .. })), "{fit:?}");
}
