//! The parameters of a fit, from the contract's terms to the algorithms'. Ranges are checked there, sizes here.

use ferrule_algorithms::{
    kmeans::{self, Init},
    logistic_regression::{self, ClassWeight, Solver},
};
use ferrule_proto::ferrule::v1::{
    self, ClassWeights, Matrix, k_means::Start, labels::Kind, logistic_regression::ClassWeight as Weighing,
};

use crate::{
    config::Limits,
    error::{Error, over_limit, shown},
    matrix::CheckedMatrix,
    model::Classes,
};

/// Where the parameters of K-Means are in a request.
pub(crate) const K_MEANS: &str = "spec.k_means";
/// Where the parameters of logistic regression are in a request.
pub(crate) const LOGISTIC_REGRESSION: &str = "spec.logistic_regression";

/// Parameters for a fit to the rows of `matrix`.
pub(crate) fn k_means(given: v1::KMeans, matrix: &CheckedMatrix, limits: &Limits) -> Result<kmeans::Parameters, Error> {
    let defaults = kmeans::Parameters::default();
    let as_many = match &given.start {
        Some(Start::Centers(centers)) => centers.rows as usize,
        _ => defaults.n_clusters,
    };
    let n_clusters = size(given.n_clusters, as_many);
    over_limit(
        "n_clusters",
        n_clusters as u64,
        limits.max_clusters,
        "limits.max_clusters",
    )?;
    let values = n_clusters as u64 * matrix.columns() as u64;
    over_limit("n_clusters × columns", values, limits.max_cells, "limits.max_cells")?;
    let init = match given.start {
        None => Init::KMeansPlusPlus,
        Some(Start::Centers(centers)) => Init::Centers(start_centers(centers, n_clusters, matrix, limits)?),
        Some(Start::Init(number)) => match v1::Init::try_from(number) {
            Ok(v1::Init::Unspecified | v1::Init::KMeansPlusPlus) => Init::KMeansPlusPlus,
            Ok(v1::Init::Random) => Init::Random,
            Err(_) => {
                let problem = format!("expected an Init, got {number}");
                return Err(Error::invalid(format!("{K_MEANS}.init"), problem));
            }
        },
    };
    let parameters = kmeans::Parameters {
        n_clusters,
        init,
        n_init: given.n_init.map(|n_init| n_init as usize),
        max_iter: size(given.max_iter, defaults.max_iter),
        tol: given.tol.unwrap_or(defaults.tol),
        seed: given.random_state.unwrap_or(defaults.seed),
    };
    let iterations = parameters.runs() as u64 * parameters.max_iter as u64;
    over_limit(
        "n_init × max_iter",
        iterations,
        limits.max_iterations,
        "limits.max_iterations",
    )?;
    Ok(parameters)
}

/// The values of centres to start from, in the type of the rows.
fn start_centers(
    centers: Matrix,
    n_clusters: usize,
    matrix: &CheckedMatrix,
    limits: &Limits,
) -> Result<Vec<f64>, Error> {
    let field = format!("{K_MEANS}.centers");
    let centers = CheckedMatrix::check(Some(centers), &field, limits)?;
    for (part, expected, got) in [
        ("rows", n_clusters, centers.rows()),
        ("columns", matrix.columns(), centers.columns()),
    ] {
        if got != expected {
            let problem = format!("expected {expected}, got {got}");
            return Err(Error::invalid(format!("{field}.{part}"), problem));
        }
    }
    centers.check_names(matrix.feature_names(), format_args!("data.input has"), &field)?;
    let mut values = centers
        .into_dense()
        .ok_or_else(|| Error::invalid(format!("{field}.csr"), "expected dense centres, got sparse ones"))?;
    matrix.view().precision().round(&mut values);
    Ok(values)
}

/// Parameters for a fit to rows of these classes.
pub(crate) fn logistic_regression(
    given: v1::LogisticRegression,
    classes: &Classes,
    limits: &Limits,
) -> Result<logistic_regression::Parameters, Error> {
    let defaults = logistic_regression::Parameters::default();
    let solver = match v1::Solver::try_from(given.solver) {
        Ok(v1::Solver::Unspecified) => Solver::Auto,
        Ok(v1::Solver::Lbfgs) => Solver::Lbfgs,
        Ok(v1::Solver::NewtonCholesky) => Solver::NewtonCholesky,
        Ok(v1::Solver::NewtonCg) => Solver::NewtonCg,
        Ok(v1::Solver::Liblinear) => Solver::Liblinear,
        Ok(v1::Solver::Sag) => Solver::Sag,
        Ok(v1::Solver::Saga) => Solver::Saga,
        Err(_) => {
            let problem = format!("expected a Solver, got {}", given.solver);
            return Err(Error::invalid(format!("{LOGISTIC_REGRESSION}.solver"), problem));
        }
    };
    let class_weight = match given.class_weight {
        None | Some(Weighing::Balanced(false)) => ClassWeight::Equal,
        Some(Weighing::Balanced(true)) => ClassWeight::Balanced,
        Some(Weighing::ClassWeights(weights)) => ClassWeight::Given(class_weights(weights, classes)?),
    };
    let parameters = logistic_regression::Parameters {
        c: given.c.unwrap_or(defaults.c),
        l1_ratio: given.l1_ratio.unwrap_or(defaults.l1_ratio),
        solver,
        fit_intercept: given.fit_intercept.unwrap_or(defaults.fit_intercept),
        intercept_scaling: (solver == Solver::Liblinear).then(|| given.intercept_scaling.unwrap_or(1.0)),
        class_weight,
        max_iter: size(given.max_iter, defaults.max_iter),
        tol: given.tol.unwrap_or(defaults.tol),
        start: None,
    };
    over_limit(
        "max_iter",
        parameters.max_iter as u64,
        limits.max_iterations,
        "limits.max_iterations",
    )?;
    Ok(parameters)
}

/// The weight of each class of the targets.
fn class_weights(given: ClassWeights, classes: &Classes) -> Result<Vec<f64>, Error> {
    let field = format!("{LOGISTIC_REGRESSION}.class_weights");
    let invalid = |part: &str, problem: String| Err(Error::invalid(format!("{field}.{part}"), problem));
    let ClassWeights {
        classes: named,
        weights,
    } = given;
    let places: Vec<Result<usize, String>> = match (named.and_then(|named| named.kind), classes) {
        (None, _) => return invalid("classes", "expected classes, got none".into()),
        (Some(Kind::Integers(named)), Classes::Integers(classes)) => named
            .values
            .iter()
            .map(|class| classes.binary_search(class).map_err(|_| class.to_string()))
            .collect(),
        (Some(Kind::Strings(named)), Classes::Strings(classes)) => named
            .values
            .iter()
            .map(|class| classes.binary_search(class).map_err(|_| format!("{:?}", shown(class))))
            .collect(),
        (Some(_), Classes::Integers(_)) => {
            return invalid("classes", "expected integers, as the targets are, got strings".into());
        }
        (Some(_), Classes::Strings(_)) => {
            return invalid("classes", "expected strings, as the targets are, got integers".into());
        }
    };
    if weights.len() != places.len() {
        let problem = format!("expected {}, one for each class, got {}", places.len(), weights.len());
        return invalid("weights", problem);
    }
    let mut of_class = vec![None; classes.len()];
    for (position, (place, weight)) in places.iter().zip(&weights).enumerate() {
        if !(weight.is_finite() && *weight >= 0.0) {
            let problem = format!("expected a finite number, at least 0, got {weight}");
            return invalid(&format!("weights[{position}]"), problem);
        }
        if let Ok(place) = *place
            && of_class[place].replace(*weight).is_some()
        {
            let problem = "expected each class once, got it twice".into();
            return invalid(&format!("classes[{position}]"), problem);
        }
    }
    if of_class.iter().all(|weight| *weight == Some(0.0)) {
        return invalid("weights", "expected a weight above 0, got only zeros".into());
    }
    // As scikit-learn: a class that no row has is a slip, unless all that rows have are there.
    if of_class.contains(&None)
        && let Some((position, Err(stranger))) = places.iter().enumerate().find(|(_, place)| place.is_err())
    {
        let problem = format!("expected a class of the targets, got {stranger}");
        return invalid(&format!("classes[{position}]"), problem);
    }
    Ok(of_class.into_iter().map(|weight| weight.unwrap_or(1.0)).collect())
}

fn size(given: Option<u32>, default: usize) -> usize {
    given.map_or(default, |given| given as usize)
}
