use ferrule_algorithms::{
    Precision, Rows,
    kmeans::KMeans,
    logistic_regression::LogisticRegression,
    never,
    scaling::{Norm, Step},
};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::{Algorithm, Classes, Origin};

fn logistic_regression() -> Model {
    let model = LogisticRegression::new(vec![0.5, -2.0, 1e-300], vec![0.25], 2, 3).unwrap();
    let classes = Classes::Strings(vec!["no".into(), "yes".into()]);
    Model {
        algorithm: Algorithm::LogisticRegression(model, classes),
        feature_names: ["a", "b", "c"].map(str::to_owned).to_vec(),
        precision: Precision::Double,
        origin: Origin::default(),
    }
}

fn k_means(centers: Vec<f64>) -> Model {
    Model {
        algorithm: Algorithm::KMeans(KMeans::new(centers, 2, 2).unwrap()),
        feature_names: vec![],
        precision: Precision::Double,
        origin: Origin::default(),
    }
}

fn scaled() -> Model {
    let steps = vec![
        Step::StandardScaler {
            mean: Some(vec![0.1, 1e300]),
            scale: None,
        },
        Step::StandardScaler {
            mean: None,
            scale: Some(vec![3.0, -0.5]),
        },
        Step::StandardScaler {
            mean: None,
            scale: None,
        },
        Step::MinMaxScaler {
            scale: vec![0.1, 0.2],
            min: vec![-0.0, 5e-324],
            clip: Some((0.1, 0.3)),
        },
        Step::MaxAbsScaler {
            scale: vec![2.0, 7.0],
            clip: true,
        },
        Step::Normalizer(Norm::L1),
        Step::Normalizer(Norm::L2),
        Step::Normalizer(Norm::Max),
    ];
    let model = KMeans::new(vec![0.1, 0.2, -0.0, 1e300], 2, 2).unwrap();
    Model {
        algorithm: Algorithm::KMeans(model.with_scaling(steps).unwrap()),
        origin: Origin {
            source: "scikit-learn 1.9.1, sklearn.cluster.KMeans".into(),
            estimator: json!({"inertia": 0.1 + 0.2, "parameters": {"tol": 1e-4, "init": "random"}}),
        },
        ..k_means(vec![0.0; 4])
    }
}

fn format_version(model: &Model) -> u64 {
    let (description, _) = description::of_model(model).unwrap();
    let description: serde_json::Value = serde_json::from_str(&description).unwrap();
    description["format_version"].as_u64().unwrap()
}

#[test]
fn a_model_survives_a_round_trip_bit_for_bit() {
    let single = Model {
        precision: Precision::Single,
        ..k_means(vec![f64::from(0.1_f32), f64::from(f32::MIN_POSITIVE), -0.0, 3.0])
    };
    // What float32 can't hold is kept in float64, whatever the model was fitted to.
    let mixed = Model {
        precision: Precision::Single,
        ..k_means(vec![0.1, 0.2, 0.3, 0.4])
    };
    for model in [
        k_means(vec![0.1, 0.2, -0.0, 1e300]),
        logistic_regression(),
        scaled(),
        single,
        mixed,
    ] {
        let read = decode(&encode(&model).unwrap()).unwrap().0;
        assert_eq!(format!("{read:?}"), format!("{model:?}"));
    }
}

#[test]
fn only_what_older_readers_would_answer_wrongly_is_kept_from_them() {
    assert_eq!(format_version(&k_means(vec![0.1; 4])), 1);
    assert_eq!(format_version(&logistic_regression()), 1);
    assert_eq!(format_version(&scaled()), 2);
    let single = Model {
        precision: Precision::Single,
        ..k_means(vec![0.5; 4])
    };
    assert_eq!(format_version(&single), 2);
    let text = String::from_utf8_lossy(&encode(&single).unwrap()).into_owned();
    assert!(text.contains(r#""dtype":"F32""#) && !text.contains(r#""dtype":"F64""#));
}

/// Written by Ferrule's first format.
#[test]
fn files_of_version_1_stay_readable() {
    let rows = [0.2, 0.2, 9.0, 9.0];
    let rows = Rows::from_values(&rows, 2, 2).unwrap();
    let Algorithm::KMeans(corners) = decode(include_bytes!("../../testdata/version-1-k-means.safetensors"))
        .unwrap()
        .0
        .algorithm
    else {
        panic!("expected K-Means");
    };
    let mut labels = [9; 2];
    corners.predict(rows, &mut labels, &never).unwrap();
    assert_ne!(labels[0], labels[1]);
    let mut centers = corners.centers().to_vec();
    centers.sort_by(f64::total_cmp);
    assert_eq!(centers, [(0.1 + 0.2) / 2.0, 0.2, 9.0, 9.0]);
    let (model, _) = decode(include_bytes!(
        "../../testdata/version-1-logistic-regression.safetensors"
    ))
    .unwrap();
    let Algorithm::LogisticRegression(height, classes) = model.algorithm else {
        panic!("expected logistic regression");
    };
    assert_eq!(classes, Classes::Strings(vec!["high".into(), "low".into()]));
    assert_eq!(model.precision, Precision::Double);
    let mut indices = [9; 2];
    height.predict(rows, &mut indices, &never).unwrap();
    assert_eq!(indices, [1, 0]);
}

#[test]
fn every_flipped_byte_is_noticed_or_changes_nothing() {
    for model in [logistic_regression(), scaled()] {
        let bytes = encode(&model).unwrap();
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 0x10;
            if let Ok(read) = decode(&damaged) {
                assert_eq!(format!("{read:?}"), format!("{model:?}"), "byte {position}");
            }
        }
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err());
        }
    }
}

/// A file with a valid checksum, whatever it says.
fn file(description: &str, arrays: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) -> Vec<u8> {
    let views: Vec<(&str, TensorView<'_>)> = arrays
        .iter()
        .map(|(name, dtype, shape, bytes)| (*name, TensorView::new(*dtype, shape.clone(), bytes).unwrap()))
        .collect();
    let metadata = HashMap::from([
        (DESCRIPTION.to_owned(), description.to_owned()),
        (
            CHECKSUM.to_owned(),
            checksum(description, views.iter().map(|(name, view)| (*name, view))),
        ),
    ]);
    safetensors::serialize(views, Some(metadata)).unwrap()
}

#[test]
fn a_file_of_a_later_format_says_so_whatever_else_it_holds() {
    let description = r#"{"format_version":3,"library_version":"9.0.0","kind":"forest"}"#;
    assert_eq!(
        decode(&file(description, &[("trees", Dtype::I64, vec![1], vec![0; 8])])).unwrap_err(),
        "expected format version 2 or lower, got 3 (written by version 9.0.0)"
    );
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let doubles = |values: &[f64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let centers = ("cluster_centers", Dtype::F64, vec![1, 2], doubles(&[1.0, 2.0]));
    let problem = |description: &str, arrays: &[_]| decode(&file(description, arrays)).unwrap_err();
    let head = r#""format_version":2,"library_version":"0""#;
    for (description, arrays, expected) in [
        (
            r#""kind":"k_means""#,
            vec![],
            "expected an array \"cluster_centers\", got none",
        ),
        (
            r#""kind":"k_means","scaling":[{"min_max_scaler":{"clip":null}}]"#,
            vec![centers.clone()],
            "expected an array \"scaling.0.scale\", got none",
        ),
        (
            r#""kind":"k_means","scaling":[{"max_abs_scaler":{"clip":false}}]"#,
            vec![
                centers.clone(),
                ("scaling.0.scale", Dtype::F64, vec![2], doubles(&[1.0, 0.0])),
            ],
            "MaxAbsScaler.scale: value 1 is 0",
        ),
        (
            r#""kind":"k_means","scaling":["power_transformer"]"#,
            vec![centers.clone()],
            "description: unknown variant `power_transformer`, expected one of `standard_scaler`, `min_max_scaler`, \
             `max_abs_scaler`, `normalizer`",
        ),
        (
            r#""kind":"k_means""#,
            vec![("cluster_centers", Dtype::I64, vec![1], vec![0; 8])],
            "array \"cluster_centers\": expected F64 or F32, got I64",
        ),
        (
            r#""kind":{"logistic_regression":{"classes":{"integers":[1,1]}}}"#,
            vec![],
            "expected distinct classes, got 1 twice",
        ),
        (
            r#""kind":"k_means","feature_names":["a"]"#,
            vec![centers],
            "expected 2 feature names, got 1",
        ),
    ] {
        let problem = problem(&format!("{{{head},{description}}}"), &arrays);
        assert!(problem.starts_with(expected), "{problem}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(decode(&bytes).is_err());
    }
}
