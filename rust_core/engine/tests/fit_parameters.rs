//! The parameters of fits: each does what it says, and each mistake names its field.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod served;

use ferrule_engine::{Code, Status};
use ferrule_proto::ferrule::v1::{
    ClassWeights, FitData, FitPredictRequest, FitPredictResponse, FitSpec, Init, Integers, KMeans, Labels,
    LogisticRegression, Matrix, Output, Solver, Strings, fit_report::Objective, fit_spec::Algorithm, k_means::Start,
    labels::Kind, logistic_regression::ClassWeight,
};
use served::{doubles, field_at_fault, integers, numbers, served, served_with, single, sparse};

/// Three groups on a line, at 0, 10 and 20.
const LINE: [f64; 9] = [0.0, 0.25, 0.5, 10.0, 10.25, 10.5, 20.0, 20.25, 20.5];

fn clustering(change: impl FnOnce(&mut KMeans)) -> FitPredictRequest {
    let mut k_means = KMeans::default();
    change(&mut k_means);
    FitPredictRequest {
        spec: Some(FitSpec {
            algorithm: Some(Algorithm::KMeans(k_means)),
            ..FitSpec::default()
        }),
        data: Some(FitData {
            input: doubles(9, 1, &LINE),
            ..FitData::default()
        }),
    }
}

fn starting_from(centers: Option<Matrix>) -> impl FnOnce(&mut KMeans) {
    |k_means| k_means.start = centers.map(Start::Centers)
}

fn words(values: &[&str]) -> Option<Labels> {
    let values = values.iter().map(|&value| value.to_owned()).collect();
    Some(Labels {
        kind: Some(Kind::Strings(Strings { values })),
    })
}

/// Six rows of two overlapping classes, two to one.
fn classifying(change: impl FnOnce(&mut LogisticRegression)) -> FitPredictRequest {
    let mut parameters = LogisticRegression::default();
    change(&mut parameters);
    FitPredictRequest {
        spec: Some(FitSpec {
            algorithm: Some(Algorithm::LogisticRegression(parameters)),
            outputs: vec![Output::DecisionFunction.into()],
            ..FitSpec::default()
        }),
        data: Some(FitData {
            input: doubles(6, 2, &[0.0, 1.0, 1.0, -1.0, 2.0, 1.0, 3.0, -1.0, 2.5, 1.0, 4.0, -1.0]),
            targets: words(&["no", "no", "no", "no", "yes", "yes"]),
            sample_weight: vec![],
        }),
    }
}

fn scores(response: &FitPredictResponse) -> Vec<f64> {
    numbers(
        response
            .prediction
            .as_ref()
            .unwrap()
            .decision_function
            .as_ref()
            .unwrap(),
    )
}

fn objective(response: &FitPredictResponse) -> f64 {
    match response.report.unwrap().objective.unwrap() {
        Objective::Inertia(value) | Objective::Loss(value) => value,
    }
}

#[test]
fn clusters_have_the_numbers_of_the_given_centers() {
    let served = served();
    for centers in [doubles(3, 1, &[21.0, -1.0, 11.0]).unwrap()] {
        for n_clusters in [None, Some(3)] {
            let fitted = served
                .fit(&clustering(|k_means| {
                    k_means.n_clusters = n_clusters;
                    k_means.start = Some(Start::Centers(centers.clone()));
                }))
                .unwrap();
            let labels = integers(fitted.prediction.clone().unwrap().labels);
            assert_eq!(labels, [1, 1, 1, 2, 2, 2, 0, 0, 0]);
            assert!((objective(&fitted) - 0.375).abs() < 1e-12);
        }
    }
}

#[test]
fn random_rows_are_started_from_ten_times() {
    let served = served();
    let fit = |n_init| {
        let fitted = served.fit(&clustering(|k_means| {
            k_means.n_clusters = Some(3);
            k_means.start = Some(Start::Init(Init::Random.into()));
            k_means.n_init = n_init;
        }));
        objective(&fitted.unwrap())
    };
    assert_eq!(fit(None), fit(Some(10)));
    assert!((fit(None) - 0.375).abs() < 1e-12);
    // What counts against the limit is what is run.
    let strict = served_with(|config| config.limits.max_iterations = 2999);
    let request = |init: Init| {
        clustering(|k_means| {
            k_means.n_clusters = Some(3);
            k_means.start = Some(Start::Init(init.into()));
        })
    };
    assert!(strict.fit(&request(Init::KMeansPlusPlus)).is_ok());
    let status = strict.fit(&request(Init::Random)).unwrap_err();
    assert_eq!(
        status.message,
        "n_init × max_iter is 3000, over the limit of 2999 (limits.max_iterations)"
    );
}

fn assert_invalid(answer: Result<FitPredictResponse, Status>, field: &str, problem: &str) {
    let status = answer.unwrap_err();
    assert_eq!(status.code, Code::InvalidArgument, "{status:?}");
    assert_eq!(status.message, format!("{field}: {problem}"));
    assert_eq!(field_at_fault(&status), field);
}

#[test]
fn centers_that_do_not_fit_are_refused() {
    let served = served();
    let invalid = |centers: Option<Matrix>, n_clusters, field: &str, problem: &str| {
        let mut request = clustering(|k_means| {
            k_means.n_clusters = n_clusters;
            starting_from(centers)(k_means);
        });
        request.data.as_mut().unwrap().input.as_mut().unwrap().feature_names = vec!["x".into()];
        let field = format!("spec.k_means.{field}");
        assert_invalid(served.fit(&request), &field, problem);
    };
    let two = doubles(2, 1, &[0.0, 10.0]);
    invalid(two.clone(), Some(3), "centers.rows", "expected 3, got 2");
    let wide = doubles(2, 2, &[0.0; 4]);
    invalid(wide, None, "centers.columns", "expected 1, got 2");
    let finite = "expected finite values, got NaN or infinity in row 1, column 0";
    invalid(doubles(2, 1, &[0.0, f64::NAN]), None, "centers.values", finite);
    let dense = "expected dense centres, got sparse ones";
    invalid(Some(sparse(1, &[&[], &[]])), None, "centers.csr", dense);
    invalid(
        Some(Matrix::default()),
        None,
        "centers.rows",
        "expected at least 1, got 0",
    );
    let mut named = two.unwrap();
    named.feature_names = vec!["y".into()];
    invalid(
        Some(named),
        None,
        "centers.feature_names[0]",
        r#"data.input has "x", got "y""#,
    );
    let ten = doubles(10, 1, &[0.0; 10]);
    invalid(
        ten,
        None,
        "n_clusters",
        "expected at most the number of rows, 9, got 10",
    );
    let unknown = served.fit(&clustering(|k_means| k_means.start = Some(Start::Init(9))));
    assert_invalid(unknown, "spec.k_means.init", "expected an Init, got 9");
}

#[test]
fn every_solver_finds_the_same_minimum() {
    let served = served();
    let fit = |solver: Solver, l1_ratio: f64| {
        served.fit(&classifying(|given| {
            given.solver = solver.into();
            given.l1_ratio = Some(l1_ratio);
            given.tol = Some(1e-10);
            given.max_iter = Some(10_000);
        }))
    };
    let with_l1 = [Solver::Unspecified, Solver::Saga];
    let without = [Solver::Lbfgs, Solver::NewtonCholesky, Solver::NewtonCg, Solver::Sag];
    for (l1_ratio, solvers) in [(0.0, &[&with_l1[..], &without].concat()), (0.5, &with_l1.to_vec())] {
        let expected = fit(Solver::Unspecified, l1_ratio).unwrap();
        assert!(expected.report.unwrap().converged);
        for &solver in solvers {
            let fitted = fit(solver, l1_ratio).unwrap();
            for (score, expected) in scores(&fitted).into_iter().zip(scores(&expected)) {
                assert!((score - expected).abs() < 1e-4, "{solver:?}: {score} and {expected}");
            }
        }
    }
    for solver in without {
        let expected = "expected saga, liblinear or auto where l1_ratio is above 0, got ";
        let status = fit(solver, 0.5).unwrap_err();
        assert_eq!(field_at_fault(&status), "spec.logistic_regression.solver");
        assert!(status.message.contains(expected), "{}", status.message);
    }
}

#[test]
fn the_penalty_is_what_the_parameters_say() {
    let served = served();
    let fit = |change: &dyn Fn(&mut LogisticRegression)| served.fit(&classifying(change)).unwrap();
    let norm = |fitted: &FitPredictResponse| {
        let scores = scores(fitted);
        scores.iter().map(|score| (score - scores[0]).abs()).sum::<f64>()
    };
    let (strong, weak) = (fit(&|given| given.c = Some(0.01)), fit(&|given| given.c = Some(100.0)));
    assert!(norm(&strong) < norm(&weak));
    // L1 strong enough leaves the intercept alone: scores that do not depend on the row.
    let nothing = fit(&|given| (given.c, given.l1_ratio) = (Some(1e-3), Some(1.0)));
    assert_eq!(norm(&nothing), 0.0);
    // liblinear penalises the intercept, less so when it is scaled.
    let offset = |scaling: Option<f64>| {
        let fitted = fit(&|given| {
            given.solver = Solver::Liblinear.into();
            given.intercept_scaling = scaling;
            (given.c, given.l1_ratio) = (Some(1e-3), Some(0.0));
        });
        scores(&fitted)[0].abs()
    };
    assert_eq!(offset(None), offset(Some(1.0)));
    assert!(offset(None) < 0.1 * offset(Some(1000.0)));
}

#[test]
fn classes_weigh_what_the_caller_says() {
    let served = served();
    let weighing = |class_weight: Option<ClassWeight>| {
        let fitted = served.fit(&classifying(|given| {
            given.class_weight = class_weight;
            given.tol = Some(1e-10);
        }));
        scores(&fitted.unwrap())
    };
    let weights = |classes: &[&str], weights: &[f64]| {
        Some(ClassWeight::ClassWeights(ClassWeights {
            classes: words(classes),
            weights: weights.to_vec(),
        }))
    };
    let close = |left: &[f64], right: &[f64]| left.iter().zip(right).all(|(left, right)| (left - right).abs() < 1e-6);
    let plain = weighing(None);
    assert_eq!(weighing(Some(ClassWeight::Balanced(false))), plain);
    assert!(close(&weighing(weights(&["no"], &[1.0])), &plain));
    // Four rows of "no", two of "yes".
    let balanced = weighing(Some(ClassWeight::Balanced(true)));
    assert!(!close(&balanced, &plain));
    assert!(close(&weighing(weights(&["yes", "no"], &[1.5, 0.75])), &balanced));
    assert!(close(
        &weighing(weights(&["never", "yes", "no"], &[7.0, 1.5, 0.75])),
        &balanced
    ));
    let by_row = served.fit(&{
        let mut request = classifying(|given| given.tol = Some(1e-10));
        request.data.as_mut().unwrap().sample_weight = vec![0.75, 0.75, 0.75, 0.75, 1.5, 1.5];
        request
    });
    assert!(close(&scores(&by_row.unwrap()), &balanced));
}

#[test]
fn every_wrong_parameter_names_its_field() {
    let served = served();
    let invalid = |field: &str, problem: &str, change: &dyn Fn(&mut LogisticRegression)| {
        let field = format!("spec.logistic_regression.{field}");
        assert_invalid(served.fit(&classifying(change)), &field, problem);
    };
    invalid("solver", "expected a Solver, got 77", &|given| given.solver = 77);
    for ratio in [-0.5, 1.5, f64::NAN] {
        let problem = format!("expected a number from 0 to 1, got {ratio}");
        invalid("l1_ratio", &problem, &|given| given.l1_ratio = Some(ratio));
    }
    invalid(
        "intercept_scaling",
        "expected a finite number above 0, got 0",
        &|given| {
            given.solver = Solver::Liblinear.into();
            given.intercept_scaling = Some(0.0);
        },
    );
    let weights = |classes: Option<Labels>, weights: &[f64]| {
        let weights = weights.to_vec();
        move |given: &mut LogisticRegression| {
            given.class_weight = Some(ClassWeight::ClassWeights(ClassWeights {
                classes: classes.clone(),
                weights: weights.clone(),
            }));
        }
    };
    let field = "class_weights.classes";
    invalid(field, "expected classes, got none", &weights(None, &[1.0]));
    let integers = Labels {
        kind: Some(Kind::Integers(Integers { values: vec![1] })),
    };
    let problem = "expected strings, as the targets are, got integers";
    invalid(field, problem, &weights(Some(integers), &[1.0]));
    let problem = r#"expected a class of the targets, got "maybe""#;
    invalid(
        "class_weights.classes[1]",
        problem,
        &weights(words(&["no", "maybe"]), &[1.0, 1.0]),
    );
    let problem = "expected each class once, got it twice";
    invalid(
        "class_weights.classes[1]",
        problem,
        &weights(words(&["no", "no"]), &[1.0, 1.0]),
    );
    let problem = "expected 2, one for each class, got 1";
    invalid(
        "class_weights.weights",
        problem,
        &weights(words(&["no", "yes"]), &[1.0]),
    );
    let problem = "expected a weight above 0, got only zeros";
    invalid(
        "class_weights.weights",
        problem,
        &weights(words(&["no", "yes"]), &[0.0, 0.0]),
    );
    for weight in [-1.0, f64::INFINITY] {
        let problem = format!("expected a finite number, at least 0, got {weight}");
        invalid(
            "class_weights.weights[0]",
            &problem,
            &weights(words(&["no"]), &[weight]),
        );
    }
}

#[test]
fn centers_for_float32_rows_are_float32() {
    let served = served();
    let mut request = clustering(starting_from(doubles(2, 1, &[0.1, 20.1])));
    let input = &mut request.data.as_mut().unwrap().input;
    let float64 = served::float64(9, 1, &LINE).unwrap();
    *input = Some(single(&float64));
    let rounded = served.fit(&request).unwrap();
    let centers = single(&served::float64(2, 1, &[0.1, 20.1]).unwrap());
    request.spec.as_mut().unwrap().algorithm = clustering(starting_from(Some(centers))).spec.unwrap().algorithm;
    assert_eq!(served.fit(&request).unwrap(), rounded);
}
