//! The same bits on any number of threads, however rows are batched, and however their bytes lie.

mod matrices;

use ferrule_algorithms::kmeans::{self, KMeans};
use ferrule_algorithms::logistic_regression::{self, LogisticRegression};
use ferrule_algorithms::{Rows, never};
use matrices::{Blobs, Numbers, Unaligned, bits, on_threads};
use proptest::prelude::*;

/// Everything that a K-Means fit gives, as bits.
fn k_means(rows: Rows<'_>, weights: Option<&[f64]>, n_clusters: usize, seed: u32) -> (Vec<i32>, Vec<u64>, u64, usize) {
    let parameters = kmeans::Parameters {
        n_clusters,
        seed,
        n_init: Some(2),
        max_iter: 20,
        ..kmeans::Parameters::default()
    };
    let fit = KMeans::fit(rows, weights, &parameters, &never).expect("a fit");
    (fit.labels, bits(fit.model.centers()), fit.inertia.to_bits(), fit.n_iter)
}

/// Everything that a logistic regression fit gives, as bits.
fn logistic_regression(blobs: &Blobs, rows: Rows<'_>, n_classes: usize, weights: Option<&[f64]>) -> (Vec<u64>, usize) {
    let parameters = logistic_regression::Parameters {
        max_iter: 15,
        ..logistic_regression::Parameters::default()
    };
    let fit = LogisticRegression::fit(rows, &blobs.group, n_classes, weights, &parameters, &never).expect("a fit");
    let mut all = bits(fit.model.coefficients());
    all.extend(bits(fit.model.intercepts()));
    all.push(fit.loss.to_bits());
    (all, fit.n_iter)
}

fn weights(rows: usize) -> Vec<f64> {
    let mut numbers = Numbers(11);
    (0..rows).map(|_| numbers.uniform()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn fits_do_not_depend_on_threads_or_alignment(
        seed in 0..1000_u32,
        rows in 1500..4000_usize,
        columns in 6..20_usize,
        groups in 2..20_usize,
    ) {
        let blobs = Blobs::new(seed.into(), rows, columns, groups, 3.0);
        let weights = weights(rows);
        let bytes = Unaligned::new(&blobs.values);
        let fit = |rows| {
            (
                k_means(rows, Some(&weights), groups, seed),
                logistic_regression(&blobs, rows, groups, Some(&weights)),
                logistic_regression(&blobs, rows, groups, None),
            )
        };
        let one = on_threads(1, || fit(blobs.rows()));
        prop_assert_eq!(&one, &on_threads(2, || fit(blobs.rows())));
        prop_assert_eq!(&one, &on_threads(3, || fit(bytes.rows(rows, columns))));
    }
}

/// All outputs of both models for these rows, as bits, row after row.
fn predictions(clusters: &KMeans, classifier: &LogisticRegression, rows: Rows<'_>) -> Vec<Vec<u64>> {
    let (n, k) = (rows.rows(), classifier.n_classes());
    let mut labels = vec![-1; n];
    let mut distances = vec![f64::NAN; n * clusters.n_clusters()];
    let mut classes = vec![u32::MAX; n];
    let mut scores = vec![f64::NAN; n * classifier.scores()];
    let mut probabilities = vec![f64::NAN; n * k];
    clusters.predict(rows, &mut labels, &never).expect("labels");
    clusters.transform(rows, &mut distances, &never).expect("distances");
    classifier.predict(rows, &mut classes, &never).expect("classes");
    classifier.decision_function(rows, &mut scores, &never).expect("scores");
    classifier
        .predict_proba(rows, &mut probabilities, &never)
        .expect("probabilities");
    (0..n)
        .map(|row| {
            let mut all = vec![labels[row] as u64, u64::from(classes[row])];
            all.extend(bits(&distances[row * clusters.n_clusters()..][..clusters.n_clusters()]));
            all.extend(bits(&scores[row * classifier.scores()..][..classifier.scores()]));
            all.extend(bits(&probabilities[row * k..][..k]));
            all
        })
        .collect()
}

/// A K-Means model and a classifier with random parameters.
fn models(seed: u64, columns: usize, n_clusters: usize, n_classes: usize) -> (KMeans, LogisticRegression) {
    let mut numbers = Numbers(seed);
    let mut normal = |count: usize| (0..count).map(|_| numbers.normal()).collect::<Vec<_>>();
    let scores = if n_classes == 2 { 1 } else { n_classes };
    let clusters = KMeans::new(normal(n_clusters * columns), n_clusters, columns).expect("a model");
    let classifier =
        LogisticRegression::new(normal(scores * columns), normal(scores), n_classes, columns).expect("a model");
    (clusters, classifier)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_row_gets_the_same_answer_in_any_batch(
        seed: u64,
        rows in 1..700_usize,
        columns in 1..40_usize,
        n_clusters in 1..20_usize,
        n_classes in 2..20_usize,
        cuts in prop::collection::vec(0..700_usize, 0..4),
    ) {
        let blobs = Blobs::new(seed, rows, columns, 1, 1.0);
        let (clusters, classifier) = models(seed, columns, n_clusters, n_classes);
        let whole = predictions(&clusters, &classifier, blobs.rows());

        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(rows)).chain([0, rows]).collect();
        cuts.sort_unstable();
        for cut in cuts.windows(2) {
            let (start, end) = (cut[0], cut[1]);
            let part = &blobs.values[start * columns..end * columns];
            let part = Rows::from_values(part, end - start, columns).expect("a part");
            prop_assert_eq!(&predictions(&clusters, &classifier, part)[..], &whole[start..end]);
        }
        let alone = seed as usize % rows;
        let bytes = Unaligned::new(blobs.row(alone));
        prop_assert_eq!(&predictions(&clusters, &classifier, bytes.rows(1, columns))[0], &whole[alone]);
        let bytes = Unaligned::new(&blobs.values);
        prop_assert_eq!(&predictions(&clusters, &classifier, bytes.rows(rows, columns)), &whole);
    }
}

#[test]
fn large_predictions_do_not_depend_on_threads() {
    let blobs = Blobs::new(5, 6000, 12, 9, 2.0);
    for n_classes in [2, 9] {
        let (clusters, classifier) = models(5, 12, 9, n_classes);
        let one = on_threads(1, || predictions(&clusters, &classifier, blobs.rows()));
        for threads in [2, 3] {
            assert_eq!(
                one,
                on_threads(threads, || predictions(&clusters, &classifier, blobs.rows()))
            );
        }
    }
}
