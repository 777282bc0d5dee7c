//! Arguments that cannot work are refused with the field at fault, and never panic.

use ferrule_algorithms::kmeans::{self, Init, KMeans};
use ferrule_algorithms::logistic_regression::{self, LogisticRegression};
use ferrule_algorithms::{Field, FitError, ModelError, PredictError, Rows, never};

const VALUES: [f64; 8] = [0.0, 1.0, 5.0, 2.0, 3.0, 9.0, 4.0, 4.0];

fn rows() -> Rows<'static> {
    Rows::from_values(&VALUES, 4, 2).expect("a matrix")
}

/// The field at fault and the message of a refused fit.
fn refused<T: std::fmt::Debug>(outcome: Result<T, FitError>) -> (Field, String) {
    let error = outcome.expect_err("a refusal");
    match &error {
        FitError::Invalid { field, .. } => (*field, error.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn k_means_refuses_parameters() {
    let good = kmeans::Parameters {
        n_clusters: 2,
        ..kmeans::Parameters::default()
    };
    KMeans::fit(rows(), None, &good, &never).unwrap();
    let infinite = Init::Centers(vec![0.0, 1.0, 2.0, f64::INFINITY]);
    let cases = [
        (
            kmeans::Parameters {
                n_clusters: 0,
                ..good.clone()
            },
            "n_clusters: expected 1 to 2147483647, got 0",
        ),
        (
            kmeans::Parameters {
                n_clusters: 5,
                ..good.clone()
            },
            "n_clusters: expected at most the number of rows, 4, got 5",
        ),
        (
            kmeans::Parameters {
                n_clusters: usize::MAX,
                ..good.clone()
            },
            "n_clusters: expected 1 to 2147483647, got 18446744073709551615",
        ),
        (
            kmeans::Parameters {
                n_init: Some(0),
                ..good.clone()
            },
            "n_init: expected at least 1, got 0",
        ),
        (
            kmeans::Parameters {
                max_iter: 0,
                ..good.clone()
            },
            "max_iter: expected at least 1, got 0",
        ),
        (
            kmeans::Parameters {
                tol: -1e-9,
                ..good.clone()
            },
            "tol: expected a finite number, at least 0, got -0.000000001",
        ),
        (
            kmeans::Parameters {
                tol: f64::NAN,
                ..good.clone()
            },
            "tol: expected a finite number, at least 0, got NaN",
        ),
        (
            kmeans::Parameters {
                tol: f64::INFINITY,
                ..good.clone()
            },
            "tol: expected a finite number, at least 0, got inf",
        ),
        (
            kmeans::Parameters {
                init: Init::Centers(vec![1.0; 3]),
                ..good.clone()
            },
            "init: expected 2 centres of 2 columns, got 3 values",
        ),
        (
            kmeans::Parameters {
                init: infinite,
                ..good.clone()
            },
            "init: expected finite values, got a value that is not in centre 1, column 1",
        ),
    ];
    for (parameters, message) in cases {
        let (field, got) = refused(KMeans::fit(rows(), None, &parameters, &never));
        assert_eq!(got, message);
        assert!(message.starts_with(field.name()));
    }
}

#[test]
fn logistic_regression_refuses_parameters() {
    let good = logistic_regression::Parameters::default();
    let fit = |classes: &[u32], n_classes, parameters: &_| {
        refused(LogisticRegression::fit(
            rows(),
            classes,
            n_classes,
            None,
            parameters,
            &never,
        ))
    };
    for c in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
        let (field, message) = fit(&[0, 1, 0, 1], 2, &logistic_regression::Parameters { c, ..good.clone() });
        assert_eq!(
            (field, message),
            (Field::C, format!("C: expected a number above 0, got {c}"))
        );
    }
    let (field, _) = fit(
        &[0, 1, 0, 1],
        2,
        &logistic_regression::Parameters {
            tol: f64::NAN,
            ..good.clone()
        },
    );
    assert_eq!(field, Field::Tol);
    let cases: [(&[u32], usize, Field, &str); 7] = [
        (
            &[0, 0, 0, 0],
            1,
            Field::NClasses,
            "n_classes: expected 2 to 4294967295, got 1",
        ),
        (
            &[0, 0, 0, 0],
            0,
            Field::NClasses,
            "n_classes: expected 2 to 4294967295, got 0",
        ),
        (
            &[0, 1, 2, 3],
            usize::MAX,
            Field::NClasses,
            "n_classes: expected 2 to 4294967295, got 18446744073709551615",
        ),
        (
            &[0, 1, 2, 3],
            5,
            Field::NClasses,
            "n_classes: expected at most the number of rows, 4, got 5",
        ),
        (
            &[0, 1, 0],
            2,
            Field::Classes,
            "y: expected one class for each of the 4 rows, got 3",
        ),
        (
            &[0, 1, 0, 2],
            2,
            Field::Classes,
            "y: expected classes from 0 to 1, got 2 at row 3",
        ),
        (
            &[0, 2, 0, 2],
            3,
            Field::Classes,
            "y: expected at least one row of each class, got none of class 1",
        ),
    ];
    for (classes, n_classes, field, message) in cases {
        assert_eq!(fit(classes, n_classes, &good), (field, message.to_owned()));
    }
}

#[test]
fn fits_refuse_rows_and_weights() {
    let clusters = kmeans::Parameters {
        n_clusters: 2,
        ..kmeans::Parameters::default()
    };
    let classifier = logistic_regression::Parameters::default();
    let fit = |rows: Rows<'_>, weights: Option<&[f64]>| {
        let first = refused(KMeans::fit(rows, weights, &clusters, &never));
        let second = refused(LogisticRegression::fit(
            rows,
            &[0, 1, 0, 1],
            2,
            weights,
            &classifier,
            &never,
        ));
        assert_eq!(first, second);
        first
    };
    let cases: [(&[f64], &str); 6] = [
        (
            &[1.0; 3],
            "sample_weight: expected one weight for each of the 4 rows, got 3",
        ),
        (
            &[1.0, -0.5, 1.0, 1.0],
            "sample_weight: expected finite weights, none negative, got -0.5 at row 1",
        ),
        (
            &[1.0, 1.0, f64::NAN, 1.0],
            "sample_weight: expected finite weights, none negative, got NaN at row 2",
        ),
        (
            &[f64::INFINITY; 4],
            "sample_weight: expected finite weights, none negative, got inf at row 0",
        ),
        (
            &[0.0; 4],
            "sample_weight: expected at least one weight above zero, got only zeros",
        ),
        (
            &[f64::MAX; 4],
            "sample_weight: expected weights with a finite sum, got an overflow",
        ),
    ];
    for (weights, message) in cases {
        assert_eq!(fit(rows(), Some(weights)), (Field::SampleWeight, message.to_owned()));
    }
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut values = VALUES;
        values[5] = bad;
        values[7] = bad;
        let message = "X: expected finite values, got NaN or infinity at row 2, column 1".to_owned();
        assert_eq!(
            fit(Rows::from_values(&values, 4, 2).unwrap(), None),
            (Field::Rows, message)
        );
    }
}

#[test]
fn no_rows_are_refused_by_fits_and_answered_by_predictions() {
    let none = Rows::from_values(&[], 0, 2).unwrap();
    let (field, _) = refused(KMeans::fit(none, None, &kmeans::Parameters::default(), &never));
    assert_eq!(field, Field::NClusters);
    let (field, _) = refused(LogisticRegression::fit(none, &[], 2, None, &Default::default(), &never));
    assert_eq!(field, Field::NClasses);
    KMeans::new(vec![1.0, 2.0], 1, 2)
        .unwrap()
        .predict(none, &mut [], &never)
        .unwrap();
    let model = LogisticRegression::new(vec![1.0, 2.0], vec![0.0], 2, 2).unwrap();
    model.predict_proba(none, &mut [], &never).unwrap();
}

#[test]
fn predictions_refuse_other_shapes() {
    let clusters = KMeans::new(VALUES.to_vec(), 4, 2).unwrap();
    let classifier = LogisticRegression::new(VALUES.to_vec(), vec![0.0; 4], 4, 2).unwrap();
    let length = |expected, got| Err(PredictError::OutputLength { expected, got });
    assert_eq!(clusters.predict(rows(), &mut [0; 3], &never), length(4, 3));
    assert_eq!(clusters.transform(rows(), &mut [0.0; 17], &never), length(16, 17));
    assert_eq!(classifier.predict(rows(), &mut [], &never), length(4, 0));
    assert_eq!(
        classifier.decision_function(rows(), &mut [0.0; 4], &never),
        length(16, 4)
    );
    assert_eq!(classifier.predict_proba(rows(), &mut [0.0; 8], &never), length(16, 8));
    let wide = Rows::from_values(&VALUES, 2, 4).unwrap();
    let columns = Err(PredictError::Columns { expected: 2, got: 4 });
    assert_eq!(clusters.predict(wide, &mut [0; 2], &never), columns);
    assert_eq!(classifier.predict_proba(wide, &mut [0.0; 8], &never), columns);
}

#[test]
fn predictions_name_the_first_row_without_an_answer() {
    let clusters = KMeans::new(VALUES.to_vec(), 4, 2).unwrap();
    let binary = LogisticRegression::new(vec![2.0, 0.0], vec![0.0], 2, 2).unwrap();
    let several = LogisticRegression::new(VALUES.to_vec(), vec![0.0; 4], 4, 2).unwrap();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX] {
        let mut values = vec![1.0; 2000];
        values[2 * 431] = bad;
        values[2 * 900] = bad;
        let rows = Rows::from_values(&values, 1000, 2).unwrap();
        let expected = Err(PredictError::NotFinite { row: 431 });
        assert_eq!(clusters.predict(rows, &mut [0; 1000], &never), expected, "{bad}");
        assert_eq!(clusters.transform(rows, &mut [0.0; 4000], &never), expected, "{bad}");
        for (model, n_classes) in [(&binary, 2), (&several, 4)] {
            assert_eq!(model.predict(rows, &mut [0; 1000], &never), expected, "{bad}");
            assert_eq!(
                model.decision_function(rows, &mut vec![0.0; 1000 * model.scores()], &never),
                expected,
                "{bad}"
            );
            assert_eq!(
                model.predict_proba(rows, &mut vec![0.0; 1000 * n_classes], &never),
                expected,
                "{bad}"
            );
        }
    }
}

#[test]
fn models_refuse_arrays() {
    let error = KMeans::new(vec![1.0; 5], 2, 3).unwrap_err();
    assert_eq!(
        error,
        ModelError::Length {
            name: "centers",
            expected: 6,
            got: 5
        }
    );
    let error = KMeans::new(vec![1.0, f64::NAN], 1, 2).unwrap_err();
    assert_eq!(
        error,
        ModelError::NotFinite {
            name: "centers",
            index: 1
        }
    );
    assert!(matches!(
        KMeans::new(vec![], 0, 2),
        Err(ModelError::Count { name: "n_clusters", .. })
    ));
    assert!(matches!(
        KMeans::new(vec![], 1 << 31, 2),
        Err(ModelError::Count { name: "n_clusters", .. })
    ));
    assert!(matches!(
        KMeans::new(vec![], 2, 0),
        Err(ModelError::Count { name: "columns", .. })
    ));
    assert!(matches!(
        KMeans::new(vec![], 2, usize::MAX),
        Err(ModelError::Length { name: "centers", .. })
    ));

    let error = LogisticRegression::new(vec![1.0; 4], vec![0.0; 2], 2, 2).unwrap_err();
    assert_eq!(
        error,
        ModelError::Length {
            name: "coefficients",
            expected: 2,
            got: 4
        }
    );
    let error = LogisticRegression::new(vec![1.0; 6], vec![0.0], 3, 2).unwrap_err();
    assert_eq!(
        error,
        ModelError::Length {
            name: "intercepts",
            expected: 3,
            got: 1
        }
    );
    let error = LogisticRegression::new(vec![1.0; 2], vec![f64::INFINITY], 2, 2).unwrap_err();
    assert_eq!(
        error,
        ModelError::NotFinite {
            name: "intercepts",
            index: 0
        }
    );
    assert!(matches!(
        LogisticRegression::new(vec![], vec![], 1, 2),
        Err(ModelError::Count { name: "n_classes", .. })
    ));
    assert!(matches!(
        LogisticRegression::new(vec![], vec![], 2, 0),
        Err(ModelError::Count { name: "columns", .. })
    ));
}
