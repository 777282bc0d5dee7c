//! A fitted model as it is served.

use ferrule_algorithms::{Precision, kmeans::KMeans, logistic_regression::LogisticRegression, scaling::Step};
use ferrule_proto::ferrule::v1::{Integers, Labels, Strings, labels::Kind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An algorithm's result with the names that its data had.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub algorithm: Algorithm,
    /// None, or one for each column.
    pub feature_names: Vec<String>,
    /// The type of the values that it was fitted to.
    pub precision: Precision,
    pub origin: Origin,
}

/// Where a model came from. For people and tools: nothing here changes an answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The library and class that it was fitted by, as "scikit-learn 1.9.1, sklearn.cluster.KMeans"; empty when it was Ferrule.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// What a Python estimator has beside its arrays (parameters, iterations, inertia); null when it was none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub estimator: Value,
}

/// What was fitted.
#[derive(Debug, Clone)]
pub(crate) enum Algorithm {
    KMeans(KMeans),
    LogisticRegression(LogisticRegression, Classes),
}

/// The classes in the order that the model counts them, of the type that its targets had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Classes {
    Integers(Vec<i64>),
    Strings(Vec<String>),
}

impl Model {
    pub(crate) fn columns(&self) -> usize {
        match &self.algorithm {
            Algorithm::KMeans(model) => model.columns(),
            Algorithm::LogisticRegression(model, _) => model.columns(),
        }
    }

    /// The scaling steps that rows pass before they reach the algorithm; usually none.
    pub(crate) fn scaling(&self) -> &[Step] {
        match &self.algorithm {
            Algorithm::KMeans(model) => model.scaling(),
            Algorithm::LogisticRegression(model, _) => model.scaling(),
        }
    }

    pub(crate) fn family(&self) -> Family<'_> {
        match &self.algorithm {
            Algorithm::KMeans(model) => Family::KMeans {
                n_clusters: model.n_clusters(),
            },
            Algorithm::LogisticRegression(_, classes) => Family::LogisticRegression { classes },
        }
    }
}

/// What decides which outputs a model has and how large they are. Known before a fit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Family<'a> {
    KMeans { n_clusters: usize },
    LogisticRegression { classes: &'a Classes },
}

impl Family<'_> {
    /// Clusters or classes.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::KMeans { n_clusters } => n_clusters,
            Self::LogisticRegression { classes } => classes.len(),
        }
    }

    /// The name of the kind in messages and responses.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::KMeans { .. } => "k_means",
            Self::LogisticRegression { .. } => "logistic_regression",
        }
    }
}

impl Classes {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Integers(values) => values.len(),
            Self::Strings(values) => values.len(),
        }
    }

    /// Refuses classes of which two are the same.
    pub(crate) fn check(&self) -> Result<(), String> {
        fn twice<T: Ord + std::fmt::Debug>(classes: &[T]) -> Result<(), String> {
            let mut sorted: Vec<&T> = classes.iter().collect();
            sorted.sort_unstable();
            match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                Some(pair) => Err(format!("expected distinct classes, got {:?} twice", pair[0])),
                None => Ok(()),
            }
        }
        match self {
            Self::Integers(classes) => twice(classes),
            Self::Strings(classes) => twice(classes),
        }
    }

    /// The distinct targets in rising order, and the class of each row as an index into them.
    pub(crate) fn of_targets(targets: Kind) -> (Self, Vec<u32>) {
        match targets {
            Kind::Integers(Integers { values }) => {
                let (classes, indices) = distinct(&values);
                (Self::Integers(classes), indices)
            }
            Kind::Strings(Strings { values }) => {
                let (classes, indices) = distinct(&values);
                (Self::Strings(classes), indices)
            }
        }
    }

    /// The labels of rows, given the class index of each.
    pub(crate) fn labels(&self, indices: &[u32]) -> Labels {
        let kind = match self {
            Self::Integers(classes) => Kind::Integers(Integers {
                values: indices.iter().map(|&class| classes[class as usize]).collect(),
            }),
            Self::Strings(classes) => Kind::Strings(Strings {
                values: indices.iter().map(|&class| classes[class as usize].clone()).collect(),
            }),
        };
        Labels { kind: Some(kind) }
    }

    /// The classes themselves, in order.
    pub(crate) fn to_labels(&self) -> Labels {
        let all: Vec<u32> = (0..self.len() as u32).collect();
        self.labels(&all)
    }
}

fn distinct<T: Ord + Clone>(targets: &[T]) -> (Vec<T>, Vec<u32>) {
    let mut classes = targets.to_vec();
    classes.sort_unstable();
    classes.dedup();
    let indices = targets
        .iter()
        .map(|target| classes.partition_point(|class| class < target) as u32)
        .collect();
    (classes, indices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_become_indices_into_sorted_classes_and_back() {
        let strings = ["b", "a", "b", "c"].map(str::to_owned).to_vec();
        let (classes, indices) = Classes::of_targets(Kind::Strings(Strings {
            values: strings.clone(),
        }));
        assert_eq!(classes, Classes::Strings(["a", "b", "c"].map(str::to_owned).to_vec()));
        assert_eq!(indices, [1, 0, 1, 2]);
        assert_eq!(
            classes.labels(&indices).kind,
            Some(Kind::Strings(Strings { values: strings }))
        );
    }
}
