//! A model behind scaling steps answers raw rows as it answers rows that were scaled before.

use ferrule_algorithms::{
    Csr, CsrValues, PredictError, Rows,
    kmeans::KMeans,
    logistic_regression::LogisticRegression,
    never,
    scaling::{Norm, Step},
};

const COLUMNS: usize = 3;
const CENTERS: [f64; 9] = [0.0, 0.5, -1.0, 2.0, 0.1, 0.3, -0.7, 0.2, 1.5];

/// More rows than a tile or a block holds.
fn values() -> Vec<f64> {
    (0..20_000 * COLUMNS)
        .map(|index| ((index * 7919) % 1000) as f64 / 50.0 - 7.0)
        .collect()
}

fn steps() -> Vec<Step> {
    vec![
        Step::StandardScaler {
            mean: Some(vec![1.0, -2.0, 0.3]),
            scale: Some(vec![4.0, 0.7, 3.0]),
        },
        Step::MinMaxScaler {
            scale: vec![0.3, 0.2, 0.9],
            min: vec![0.1, -0.4, 0.5],
            clip: Some((-2.0, 2.0)),
        },
        Step::MaxAbsScaler {
            scale: vec![1.5, 0.9, 2.0],
            clip: true,
        },
        Step::Normalizer(Norm::L2),
    ]
}

/// The steps written down once more.
fn scaled(values: &[f64]) -> Vec<f64> {
    let (mean, scale) = ([1.0, -2.0, 0.3], [4.0, 0.7, 3.0]);
    let (factor, min, most) = ([0.3, 0.2, 0.9], [0.1, -0.4, 0.5], [1.5, 0.9, 2.0]);
    let mut rows = Vec::new();
    for row in values.chunks(COLUMNS) {
        let row: Vec<f64> = (0..COLUMNS)
            .map(|column| {
                let value = (row[column] - mean[column]) / scale[column];
                let value = (value * factor[column] + min[column]).clamp(-2.0, 2.0);
                (value / most[column]).clamp(-1.0, 1.0)
            })
            .collect();
        let norm = row.iter().map(|value| value * value).sum::<f64>().sqrt();
        rows.extend(row.iter().map(|value| value / norm));
    }
    rows
}

fn k_means() -> KMeans {
    KMeans::new(CENTERS.to_vec(), 3, COLUMNS).expect("the shapes fit")
}

fn logistic_regression() -> LogisticRegression {
    LogisticRegression::new(CENTERS.to_vec(), vec![0.1, -0.2, 0.3], 3, COLUMNS).expect("the shapes fit")
}

#[test]
fn raw_rows_get_the_answers_of_scaled_ones() {
    let raw = values();
    let bytes: Vec<u8> = std::iter::once(0)
        .chain(raw.iter().flat_map(|value| value.to_le_bytes()))
        .collect();
    let count = raw.len() / COLUMNS;
    let scaled = scaled(&raw);
    let expected = Rows::from_values(&scaled, count, COLUMNS).unwrap();
    let (clusters, classes) = (k_means(), logistic_regression());
    let behind = (
        clusters.clone().with_scaling(steps()).unwrap(),
        classes.clone().with_scaling(steps()).unwrap(),
    );
    assert_eq!(behind.0.scaling(), steps());
    for rows in [
        Rows::from_values(&raw, count, COLUMNS).unwrap(),
        Rows::from_le_bytes(&bytes[1..], count, COLUMNS).unwrap(),
    ] {
        let mut labels = (vec![9; count], vec![7; count]);
        clusters.predict(expected, &mut labels.0, &never).unwrap();
        behind.0.predict(rows, &mut labels.1, &never).unwrap();
        assert_eq!(labels.0, labels.1);
        let mut tables = (vec![0.0; count * 3], vec![9.0; count * 3]);
        clusters.transform(expected, &mut tables.0, &never).unwrap();
        behind.0.transform(rows, &mut tables.1, &never).unwrap();
        assert_eq!(tables.0, tables.1);
        classes.predict_proba(expected, &mut tables.0, &never).unwrap();
        behind.1.predict_proba(rows, &mut tables.1, &never).unwrap();
        assert_eq!(tables.0, tables.1);
        classes.decision_function(expected, &mut tables.0, &never).unwrap();
        behind.1.decision_function(rows, &mut tables.1, &never).unwrap();
        assert_eq!(tables.0, tables.1);
    }
}

#[test]
fn sparse_rows_are_scaled_where_steps_keep_zeros() {
    let steps = || {
        vec![
            Step::StandardScaler {
                mean: None,
                scale: Some(vec![4.0, 0.5, 8.0]),
            },
            Step::Normalizer(Norm::L1),
        ]
    };
    let model = logistic_regression().with_scaling(steps()).unwrap();
    let csr = Csr::new(
        vec![0, 2, 2, 3].into(),
        vec![0, 2, 1].into(),
        CsrValues::Double(vec![2.0, -8.0, 3.0].into()),
        COLUMNS,
    )
    .unwrap();
    let dense = [2.0, 0.0, -8.0, 0.0, 0.0, 0.0, 0.0, 3.0, 0.0];
    let (mut sparse, mut expected) = ([0.0; 9], [0.0; 9]);
    model.predict_proba(Rows::from(&csr), &mut sparse, &never).unwrap();
    let dense = Rows::from_values(&dense, 3, COLUMNS).unwrap();
    model.predict_proba(dense, &mut expected, &never).unwrap();
    for (sparse, expected) in sparse.iter().zip(expected) {
        assert!((sparse - expected).abs() < 1e-15);
    }
    let model = k_means().with_scaling(self::steps()).unwrap();
    assert_eq!(
        model.predict(Rows::from(&csr), &mut [0; 3], &never),
        Err(PredictError::Sparse {
            step: "StandardScaler with a mean"
        })
    );
}

#[test]
fn what_scaling_makes_of_no_number_is_noticed() {
    let step = Step::StandardScaler {
        mean: Some(vec![-1e308, 0.0, 0.0]),
        scale: None,
    };
    let model = k_means().with_scaling(vec![step]).unwrap();
    let values = [1.0, 1.0, 1.0, 1e308, 1.0, 1.0];
    let rows = Rows::from_values(&values, 2, COLUMNS).unwrap();
    assert!(matches!(
        model.predict(rows, &mut [0; 2], &never),
        Err(PredictError::NotFinite { .. })
    ));
    let step = Step::MaxAbsScaler {
        scale: vec![1.0; 4],
        clip: false,
    };
    assert!(k_means().with_scaling(vec![step]).is_err());
}
