//! How to fit: what is minimised, and by which solver.

use std::fmt;
use std::str::FromStr;

use super::LogisticRegression;
use crate::error::{Field, FitError};

/// How to fit. [`Default`] gives scikit-learn's defaults, with the solver left to us ([`Solver::Auto`]).
///
/// What is minimised, which is scikit-learn's objective since 1.5 over coefficients w and intercepts b:
/// Σᵢ sᵢ·lossᵢ / S + ((1 − l1_ratio)·‖w‖²/2 + l1_ratio·‖w‖₁) / (C·S). Here s are the rows' weights (that of the row times that of its
/// class), S is their sum, and lossᵢ is minus the natural logarithm of the probability given to row i's class. With
/// [`Parameters::intercept_scaling`] b/scaling is penalised as the coefficients are.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// Inverse of the penalty's strength, above 0; infinite for no penalty. Default 1.
    pub c: f64,
    /// The part of the absolute values in the penalty, 0 to 1: 0 is L2, 1 is L1, between them lies the elastic net. Default 0.
    pub l1_ratio: f64,
    /// How the minimum is searched. Default [`Solver::Auto`].
    pub solver: Solver,
    /// Whether the scores have an intercept. Default true.
    pub fit_intercept: bool,
    /// Above 0: the intercept is penalised, as if it were the coefficient of a column of this value (liblinear's way). None, the
    /// default: it is not penalised. Ignored without an intercept.
    pub intercept_scaling: Option<f64>,
    /// What the rows of each class weigh, times their own weights. Default equal.
    pub class_weight: ClassWeight,
    /// Most iterations; with 0 the fit is its start. (But L-BFGS takes its first step then, and counts none: what SciPy does, and so
    /// scikit-learn.) Default 100.
    pub max_iter: usize,
    /// The fit stops when no component of the objective's gradient (with L1: of its least subgradient) is larger; finite, at
    /// least 0. Solvers other than L-BFGS also go on until the objective is within 1e-10 of its minimum by their own estimate (1e-6 in the dual).
    /// Default 1e-4.
    pub tol: f64,
    /// A model of as many columns and classes, whose coefficients are the first point. Default none: zeros.
    pub start: Option<LogisticRegression>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            c: 1.0,
            l1_ratio: 0.0,
            solver: Solver::Auto,
            fit_intercept: true,
            intercept_scaling: None,
            class_weight: ClassWeight::Equal,
            max_iter: 100,
            tol: 1e-4,
            start: None,
        }
    }
}

/// What the rows of each class weigh.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum ClassWeight {
    /// As much in each class.
    #[default]
    Equal,
    /// Each class weighs as much as any other: its rows weigh S / (classes · S_class), where S are sums of the rows' own weights.
    Balanced,
    /// A finite weight for each class, none negative.
    Given(Vec<f64>),
}

/// How the minimum is searched. All solvers minimise the same objective; the names are scikit-learn's, and one that is not
/// implemented here stands for the fastest route to the same minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Solver {
    /// The fastest route: Newton's method, with conjugate gradients where a Hessian is dear; dual coordinate descent for sparse rows of
    /// two classes that name more columns than there are rows (and than 2,048); with L1 a proximal Newton method while few coefficients are not zero.
    #[default]
    Auto,
    /// L-BFGS, with scikit-learn's stopping tests.
    Lbfgs,
    /// Newton's method with a Cholesky decomposition of the Hessian (conjugate gradients where that is too large or singular).
    NewtonCholesky,
    /// Newton's method with conjugate gradients; L2 only.
    NewtonCg,
    /// As [`Solver::Auto`]; L1 or L2, two classes. The caller sets [`Parameters::intercept_scaling`].
    Liblinear,
    /// As [`Solver::Auto`]; L2 only.
    Sag,
    /// As [`Solver::Auto`].
    Saga,
}

impl Solver {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Auto,
        Self::Lbfgs,
        Self::NewtonCholesky,
        Self::NewtonCg,
        Self::Liblinear,
        Self::Sag,
        Self::Saga,
    ];

    /// The name that scikit-learn users know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Lbfgs => "lbfgs",
            Self::NewtonCholesky => "newton-cholesky",
            Self::NewtonCg => "newton-cg",
            Self::Liblinear => "liblinear",
            Self::Sag => "sag",
            Self::Saga => "saga",
        }
    }
}

impl fmt::Display for Solver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Solver {
    type Err = FitError;

    fn from_str(name: &str) -> Result<Self, FitError> {
        Self::ALL
            .into_iter()
            .find(|solver| solver.name() == name)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                FitError::invalid(Field::Solver, format!("one of {names}"), format!("'{name}'"))
            })
    }
}

impl Parameters {
    /// Checks ranges, and that the solver has the penalty: what scikit-learn refuses is refused.
    pub(super) fn check(&self, n_classes: usize, columns: usize) -> Result<(), FitError> {
        if self.c.is_nan() || self.c <= 0.0 {
            return Err(FitError::invalid(Field::C, "a number above 0", self.c));
        }
        if !(0.0..=1.0).contains(&self.l1_ratio) {
            return Err(FitError::invalid(Field::L1Ratio, "a number from 0 to 1", self.l1_ratio));
        }
        if !(self.tol.is_finite() && self.tol >= 0.0) {
            return Err(FitError::invalid(Field::Tol, "a finite number, at least 0", self.tol));
        }
        if let Some(scaling) = self.intercept_scaling
            && !(scaling.is_finite() && scaling > 0.0)
        {
            let expected = "a finite number above 0";
            return Err(FitError::invalid(Field::InterceptScaling, expected, scaling));
        }
        self.check_solver(n_classes)?;
        self.check_class_weight(n_classes)?;
        if let Some(start) = &self.start
            && (start.n_classes(), start.columns()) != (n_classes, columns)
        {
            let expected = format!("a model of {n_classes} classes and {columns} columns");
            let got = format!("one of {} classes and {} columns", start.n_classes(), start.columns());
            return Err(FitError::invalid(Field::Start, expected, got));
        }
        Ok(())
    }

    fn check_solver(&self, n_classes: usize) -> Result<(), FitError> {
        let penalised = self.c.is_finite();
        let refused = |expected: &str| Err(FitError::invalid(Field::Solver, expected, self.solver));
        match self.solver {
            Solver::Auto | Solver::Saga => Ok(()),
            Solver::Lbfgs | Solver::NewtonCholesky | Solver::NewtonCg | Solver::Sag => {
                if penalised && self.l1_ratio > 0.0 {
                    return refused("saga, liblinear or auto where l1_ratio is above 0");
                }
                Ok(())
            }
            Solver::Liblinear => {
                if n_classes > 2 {
                    return refused("a solver for more than two classes");
                }
                if !penalised {
                    return refused("a solver that goes without a penalty (C infinite)");
                }
                if self.l1_ratio > 0.0 && self.l1_ratio < 1.0 {
                    return refused("saga or auto where l1_ratio is between 0 and 1");
                }
                Ok(())
            }
        }
    }

    fn check_class_weight(&self, n_classes: usize) -> Result<(), FitError> {
        let ClassWeight::Given(weights) = &self.class_weight else {
            return Ok(());
        };
        if weights.len() != n_classes {
            let expected = format!("one weight for each of the {n_classes} classes");
            return Err(FitError::invalid(Field::ClassWeight, expected, weights.len()));
        }
        match weights
            .iter()
            .position(|weight| !(weight.is_finite() && *weight >= 0.0))
        {
            None => Ok(()),
            Some(class) => {
                let got = format!("{} for class {class}", weights[class]);
                Err(FitError::invalid(
                    Field::ClassWeight,
                    "finite weights, none negative",
                    got,
                ))
            }
        }
    }
}
