//! Rows in every encoding: what is answered, and what is refused before anything is allocated for it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod served;

use bytes::Bytes;
use ferrule_engine::{Call, Code, Context, Method, Status};
use ferrule_proto::ferrule::v1::{
    Csr, FitData, FitPredictRequest, FitPredictResponse, FitSpec, Integers, KMeans, Labels, LogisticRegression, Matrix,
    Output, PredictRequest, Prediction, Solver, fit_spec::Algorithm, labels::Kind,
};
use proptest::prelude::*;
use prost::Message;
use served::{
    Served, asking, field_at_fault, float64, integers, numbers, readable, served, served_with, single, sparse,
};

/// Rows of three kinds in four columns, of numbers that float32 has too, half of them zero.
const DENSE: [f64; 36] = [
    5.0, 0.0, 0.5, 0.0, 5.5, 0.0, 0.0, 0.0, 4.5, 0.25, 0.0, 0.0, //
    0.0, 6.0, 0.0, 1.0, 0.0, 6.5, 0.0, 0.0, 0.5, 5.5, 0.0, 0.75, //
    0.0, 0.0, 7.0, 0.0, 0.0, 0.5, 6.0, 0.0, 0.25, 0.0, 6.5, 0.0,
];

fn dense() -> Matrix {
    float64(9, 4, &DENSE).unwrap()
}

/// The non-zero values of rows of four columns.
fn entries(values: &[f64]) -> Vec<Vec<(u32, f64)>> {
    let row = |row: &[f64]| {
        (0..)
            .zip(row.iter().copied())
            .filter(|(_, value)| *value != 0.0)
            .collect()
    };
    values.chunks(4).map(row).collect()
}

fn listed(rows: &[Vec<(u32, f64)>]) -> Matrix {
    sparse(4, &rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// The same numbers in every way that the contract has.
fn every_encoding() -> Vec<(&'static str, Matrix)> {
    let csr = listed(&entries(&DENSE));
    // Each value in two halves, from the last column to the first.
    let halves = |row: &Vec<(u32, f64)>| {
        row.iter()
            .rev()
            .flat_map(|&(column, value)| [(column, value / 2.0); 2])
            .collect()
    };
    let jumbled = listed(&entries(&DENSE).iter().map(halves).collect::<Vec<_>>());
    vec![
        ("float64", dense()),
        ("values", readable(&dense())),
        ("float32", single(&dense())),
        ("csr float64", csr.clone()),
        ("csr values", readable(&csr)),
        ("csr float32", single(&csr)),
        ("jumbled float64", jumbled.clone()),
        ("jumbled float32", single(&jumbled)),
    ]
}

fn fitting(name: &str, algorithm: Algorithm, input: Matrix) -> FitPredictRequest {
    let classes = Integers {
        values: vec![1, 1, 1, 2, 2, 2, 3, 3, 3],
    };
    let targets = matches!(algorithm, Algorithm::LogisticRegression(_)).then_some(Labels {
        kind: Some(Kind::Integers(classes)),
    });
    FitPredictRequest {
        spec: Some(FitSpec {
            model: name.into(),
            algorithm: Some(algorithm),
            outputs: vec![],
        }),
        data: Some(FitData {
            input: Some(input),
            targets,
            sample_weight: vec![],
        }),
    }
}

fn k_means(n_clusters: u32) -> Algorithm {
    Algorithm::KMeans(KMeans {
        n_clusters: Some(n_clusters),
        ..KMeans::default()
    })
}

fn logistic_regression() -> Algorithm {
    Algorithm::LogisticRegression(LogisticRegression::default())
}

/// An engine with a model of each kind, fitted to the dense rows.
fn fitted() -> Served {
    let served = served();
    served.fit(&fitting("clusters", k_means(3), dense())).unwrap();
    served.fit(&fitting("classes", logistic_regression(), dense())).unwrap();
    served
}

/// Asks for every output of a model.
fn ask(served: &Served, model: &str, input: Matrix) -> Prediction {
    served.predict(&everything(model, input)).unwrap().prediction.unwrap()
}

fn everything(model: &str, input: Matrix) -> PredictRequest {
    let mut request = asking(model, Some(input));
    request.outputs = match model {
        "clusters" => vec![Output::Labels.into(), Output::Distances.into()],
        _ => vec![
            Output::Labels.into(),
            Output::Probabilities.into(),
            Output::DecisionFunction.into(),
        ],
    };
    request
}

fn tables(prediction: &Prediction) -> Vec<&Matrix> {
    let Prediction {
        labels: _,
        probabilities,
        decision_function,
        distances,
    } = prediction;
    [probabilities, decision_function, distances]
        .into_iter()
        .flatten()
        .collect()
}

fn assert_close(left: &[f64], right: &[f64], tolerance: f64, what: &str) {
    assert_eq!(left.len(), right.len(), "{what}");
    for (left, right) in left.iter().zip(right) {
        assert!(
            (left - right).abs() <= tolerance * right.abs().max(1.0),
            "{what}: {left} and {right}"
        );
    }
}

#[test]
fn every_encoding_of_the_same_numbers_gets_the_same_answers_in_its_own_encoding() {
    let served = fitted();
    for model in ["clusters", "classes"] {
        let expected = ask(&served, model, dense());
        for (encoding, input) in every_encoding() {
            let answered = ask(&served, model, input.clone());
            assert_eq!(answered.labels, expected.labels, "{model}, {encoding}");
            for (table, expected) in tables(&answered).into_iter().zip(tables(&expected)) {
                assert_eq!((table.rows, table.columns), (expected.rows, expected.columns));
                assert!(table.csr.is_none(), "answers are dense");
                let filled = [&input, table].map(|matrix| {
                    [
                        matrix.values.is_empty(),
                        matrix.float64.is_empty(),
                        matrix.float32.is_empty(),
                    ]
                });
                assert_eq!(filled[0], filled[1], "{model}, {encoding}");
                let tolerance = if table.float32.is_empty() { 1e-12 } else { 1e-6 };
                assert_close(&numbers(table), &numbers(expected), tolerance, encoding);
            }
        }
    }
}

#[test]
fn rows_as_float32_are_answered_as_their_float64_is_and_rounded_once() {
    let served = fitted();
    for model in ["clusters", "classes"] {
        for input in [dense(), listed(&entries(&DENSE))] {
            let (double, rounded) = (ask(&served, model, input.clone()), ask(&served, model, single(&input)));
            for (double, rounded) in tables(&double).into_iter().zip(tables(&rounded)) {
                assert_eq!(single(double), *rounded, "{model}");
            }
        }
    }
}

#[test]
fn a_fit_to_any_encoding_finds_the_same_groups() {
    let served = served();
    for (algorithm, name) in [(k_means(3), "clusters"), (logistic_regression(), "classes")] {
        let fit =
            |input: Matrix| -> FitPredictResponse { served.fit(&fitting(name, algorithm.clone(), input)).unwrap() };
        let expected = fit(dense()).prediction.unwrap().labels;
        for (encoding, input) in every_encoding() {
            let fitted = fit(input);
            assert!(fitted.report.unwrap().converged, "{name}, {encoding}");
            assert_eq!(fitted.prediction.unwrap().labels, expected, "{name}, {encoding}");
        }
    }
}

#[test]
fn rows_without_a_value_are_rows_of_zeros() {
    let served = fitted();
    for model in ["clusters", "classes"] {
        let zeros = ask(&served, model, float64(3, 4, &[0.0; 12]).unwrap());
        // Without a value there is no encoding either: float64.
        assert_eq!(ask(&served, model, sparse(4, &[&[], &[], &[]])).labels, zeros.labels);
        assert_eq!(
            ask(&served, model, sparse(4, &[&[], &[(2, 0.0)], &[]])).labels,
            zeros.labels
        );
        assert!(
            tables(&ask(&served, model, sparse(4, &[&[]])))
                .iter()
                .all(|table| !table.float64.is_empty())
        );
    }
    let fitted = served
        .fit(&fitting("", k_means(1), sparse(1_000, &[&[], &[]])))
        .unwrap();
    assert_eq!(integers(fitted.prediction.unwrap().labels), [0, 0]);
}

/// A request for a matrix that `change` has spoilt.
fn refused(served: &Served, input: &Matrix, change: impl FnOnce(&mut Matrix)) -> Status {
    let mut input = input.clone();
    change(&mut input);
    served.predict(&asking("clusters", Some(input))).unwrap_err()
}

#[test]
fn every_mistake_in_a_matrix_names_its_field() {
    let served = fitted();
    let csr = listed(&entries(&DENSE));
    let nonzeros = csr.float64.len() / 8;
    let invalid = |input: &Matrix, field: &str, problem: &str, change: &dyn Fn(&mut Matrix)| {
        let status = refused(&served, input, change);
        assert_eq!(status.code, Code::InvalidArgument, "{status:?}");
        assert_eq!(field_at_fault(&status), field);
        assert_eq!(status.message, format!("{field}: {problem}"));
    };
    let offsets = |offsets: [u64; 10]| {
        move |m: &mut Matrix| {
            csr_of(m).indptr = offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect();
        }
    };
    let some = nonzeros as u64;

    let both = "expected one of values, float64 and float32, got values and float32";
    invalid(&single(&dense()), "input", both, &|m| m.values = vec![1.0]);
    let both = "expected one of values, float64 and float32, got float64 and float32";
    invalid(&csr, "input", both, &|m| m.float32 = Bytes::from_static(&[0; 4]));
    let none = "expected 36 values, got none";
    invalid(&single(&dense()), "input", none, &|m| m.float32 = Bytes::new());
    let short = "expected rows × columns × 4 = 144 bytes, got 140";
    invalid(&single(&dense()), "input.float32", short, &|m| m.float32.truncate(140));
    invalid(&csr, "input.float64", "expected a multiple of 8 bytes, got 9", &|m| {
        m.float64.truncate(9);
    });
    invalid(
        &single(&csr),
        "input.float32",
        "expected a multiple of 4 bytes, got 7",
        &|m| m.float32.truncate(7),
    );
    let bytes = "expected (rows + 1) × 8 = 80 bytes, got 72";
    invalid(&csr, "input.csr.indptr", bytes, &|m| csr_of(m).indptr.truncate(72));
    let bytes = "expected (rows + 1) × 8 = 80 bytes, got 0";
    invalid(&csr, "input.csr.indptr", bytes, &|m| csr_of(m).indptr.clear());
    let bytes = format!("expected values × 4 = {} bytes, got 5", 4 * nonzeros);
    invalid(&csr, "input.csr.indices", &bytes, &|m| csr_of(m).indices.truncate(5));
    let bytes = format!("expected values × 4 = 0 bytes, got {}", 4 * nonzeros);
    invalid(&csr, "input.csr.indices", &bytes, &|m| m.float64.clear());
    invalid(
        &csr,
        "input.csr.indptr[0]",
        "expected 0, got 1",
        &offsets([1, 2, 2, 2, 2, 2, 2, 2, 2, some]),
    );
    let falling = offsets([0, 2, 4, 3, 4, 4, 4, 4, 4, some]);
    invalid(&csr, "input.csr.indptr[3]", "expected at least 4, got 3", &falling);
    let beyond = offsets([0, 2, u64::MAX, 3, 4, 4, 4, 4, 4, some]);
    invalid(
        &csr,
        "input.csr.indptr[3]",
        "expected at least 18446744073709551615, got 3",
        &beyond,
    );
    let end = format!("expected the number of values, {some}, got 4");
    invalid(
        &csr,
        "input.csr.indptr[9]",
        &end,
        &offsets([0, 2, 4, 4, 4, 4, 4, 4, 4, 4]),
    );
    let end = format!("expected the number of values, {some}, got 18446744073709551615");
    invalid(
        &csr,
        "input.csr.indptr[9]",
        &end,
        &offsets([0, 2, 4, 4, 4, 4, 4, 4, 4, u64::MAX]),
    );
    let index = sparse(4, &[&[], &[(0, 1.0), (u32::MAX, 1.0)]]);
    invalid(
        &index,
        "input.csr.indices[1]",
        "expected a column below 4, got 4294967295",
        &|_| {},
    );
    let finite = |row, column| format!("expected finite values, got NaN or infinity in row {row}, column {column}");
    let nan = sparse(4, &[&[], &[(3, 1.0), (1, f64::NAN)]]);
    invalid(&nan, "input.float64", &finite(1, 1), &|_| {});
    invalid(&readable(&nan), "input.values", &finite(1, 1), &|_| {});
    invalid(&single(&nan), "input.float32", &finite(1, 1), &|_| {});
    let sum = sparse(4, &[&[(2, 1e308), (2, 1e308)]]);
    invalid(&sum, "input.float64", &finite(0, 2), &|_| {});
    let infinite = single(&float64(1, 4, &[0.0, 1e39, 0.0, 0.0]).unwrap());
    invalid(&infinite, "input.float32", &finite(0, 1), &|_| {});
    invalid(&csr, "input.rows", "expected at least 1, got 0", &|m| m.rows = 0);
    invalid(&csr, "input.columns", "expected at least 1, got 0", &|m| m.columns = 0);
    let names = "expected none or 4 names, got 1";
    invalid(&csr, "input.feature_names", names, &|m| {
        m.feature_names = vec!["a".into()];
    });
    invalid(&csr, "input.columns", "clusters/1 expects 4, got 5", &|m| m.columns = 5);
}

fn csr_of(matrix: &mut Matrix) -> &mut Csr {
    matrix.csr.as_mut().unwrap()
}

#[test]
fn sizes_are_limited_before_anything_is_allocated() {
    let served = served_with(|config| config.limits.max_cells = 100);
    served.fit(&fitting("clusters", k_means(3), dense())).unwrap();
    let over = |status: Status, what: &str| {
        assert_eq!(status.code, Code::ResourceExhausted, "{status:?}");
        assert_eq!(
            status.message,
            format!("{what}, over the limit of 100 (limits.max_cells)")
        );
    };
    over(
        refused(&served, &sparse(4, &[&[]]), |m| m.rows = u32::MAX),
        "rows + 1 is 4294967296",
    );
    over(
        refused(&served, &sparse(4, &[&[(0, 1.0); 101]]), |_| {}),
        "number of values is 101",
    );
    assert!(
        served
            .predict(&asking("clusters", Some(sparse(4, &[&[(0, 1.0); 100]]))))
            .is_ok()
    );
    // However wide, a sparse matrix is as large as what it names; but not so what is fitted to it.
    let wide = sparse(u32::MAX, &[&[(7, 1.0)], &[(u32::MAX - 1, 1.0)]]);
    let status = served.fit(&fitting("", k_means(2), wide.clone())).unwrap_err();
    over(status, "n_clusters × columns is 8589934590");
    let mut classes = fitting("", logistic_regression(), wide);
    let targets = Integers { values: vec![1, 2] };
    classes.data.as_mut().unwrap().targets = Some(Labels {
        kind: Some(Kind::Integers(targets)),
    });
    over(served.fit(&classes).unwrap_err(), "classes × columns is 8589934590");
}

#[test]
fn a_number_that_float32_has_not_is_refused_rather_than_infinite() {
    let served = fitted();
    let far = |value: f64| float64(2, 4, &[0.0, 0.0, 0.0, 0.0, value, value, 0.0, 0.0]).unwrap();
    let mut request = everything("clusters", single(&far(3e38)));
    let status = served.predict(&request).unwrap_err();
    assert_eq!(status.code, Code::InvalidArgument, "{status:?}");
    assert_eq!(
        status.message,
        "input: expected values for which clusters/1 has a finite answer, got a row 1 too large for it"
    );
    request.input = Some(far(3e38));
    assert!(served.predict(&request).is_ok());
}

#[test]
fn one_sparse_row_of_a_million_columns_is_answered_where_it_arrives() {
    let columns = 1_000_000;
    let served = served();
    let rows = sparse(
        columns,
        &[&[(3, 1.0)], &[(999_999, 2.0)], &[(3, 1.5)], &[(999_999, 2.5)]],
    );
    served.fit(&fitting("clusters", k_means(2), rows.clone())).unwrap();
    let mut classes = fitting("classes", logistic_regression(), rows.clone());
    classes.data.as_mut().unwrap().targets = Some(Labels {
        kind: Some(Kind::Integers(Integers {
            values: vec![1, 2, 1, 2],
        })),
    });
    served.fit(&classes).unwrap();
    // No solver makes a matrix of columns × columns.
    for (solver, l1_ratio) in [
        (Solver::NewtonCholesky, 0.0),
        (Solver::Lbfgs, 0.0),
        (Solver::Unspecified, 1.0),
    ] {
        let mut fit = classes.clone();
        let spec = fit.spec.as_mut().unwrap();
        spec.model.clear();
        spec.algorithm = Some(Algorithm::LogisticRegression(LogisticRegression {
            solver: solver.into(),
            l1_ratio: Some(l1_ratio),
            c: Some(10.0),
            ..LogisticRegression::default()
        }));
        let labels = integers(served.fit(&fit).unwrap().prediction.unwrap().labels);
        assert_eq!(labels, [1, 2, 1, 2], "{solver:?}");
    }
    for model in ["clusters", "classes"] {
        let whole = ask(&served, model, rows.clone());
        let labels = integers(whole.labels);
        assert_eq!((labels[0], labels[1]), (labels[2], labels[3]), "{model}");
        assert_ne!(labels[0], labels[1], "{model}");
        let one = everything(model, sparse(columns, &[&[(3, 1.0)]])).encode_to_vec();
        match served.engine.call(Method::Predict, one.into(), Context::default()) {
            Call::Answered(answer) => assert!(answer.is_ok(), "{answer:?}"),
            Call::Running(_) => panic!("{model}: one row went to a pool"),
        }
    }
}

/// Rows of four columns that name any columns in any order.
fn some_rows() -> impl Strategy<Value = Vec<Vec<(u32, f64)>>> {
    let value = prop_oneof![Just(0.0), -1e3..1e3, -1e100..1e100];
    let row = proptest::collection::vec((0..4_u32, value), 0..7);
    proptest::collection::vec(row, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_sparse_row_alone_is_answered_as_among_others(rows in some_rows()) {
        thread_local!(static SERVED: Served = fitted());
        SERVED.with(|served| {
            for model in ["clusters", "classes"] {
                for encode in [Matrix::clone, single] {
                    let Ok(whole) = served.predict(&everything(model, encode(&listed(&rows)))) else {
                        continue;
                    };
                    let whole = whole.prediction.unwrap();
                    let labels = integers(whole.labels.clone());
                    for (index, row) in rows.iter().enumerate() {
                        // A row without a value has no encoding.
                        if row.is_empty() {
                            continue;
                        }
                        let alone = ask(served, model, encode(&listed(std::slice::from_ref(row))));
                        prop_assert_eq!(integers(alone.labels.clone()), &labels[index..=index]);
                        for (alone, whole) in tables(&alone).into_iter().zip(tables(&whole)) {
                            let width = whole.columns as usize;
                            prop_assert_eq!(numbers(alone), &numbers(whole)[index * width..(index + 1) * width]);
                        }
                    }
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn no_bytes_of_a_sparse_matrix_make_the_engine_fail(
        position in 0..10_000usize, byte in any::<u8>(), cut in 0..10_000usize, choice in 0..4usize,
    ) {
        thread_local!(static SERVED: Served = fitted());
        let csr = listed(&entries(&DENSE));
        let mut bytes = match choice {
            0 => asking("clusters", Some(csr)).encode_to_vec(),
            1 => asking("classes", Some(single(&csr))).encode_to_vec(),
            2 => fitting("", k_means(3), single(&csr)).encode_to_vec(),
            _ => fitting("", logistic_regression(), csr).encode_to_vec(),
        };
        let position = position % bytes.len();
        bytes[position] = byte;
        bytes.truncate(bytes.len() - (cut % 4));
        let method = if choice < 2 { Method::Predict } else { Method::FitPredict };
        SERVED.with(|served| {
            if let Err(status) = served.bytes(method, bytes.into(), Context::default()) {
                prop_assert!(!matches!(status.code, Code::Internal), "{status:?}");
            }
            Ok(())
        })?;
    }
}
