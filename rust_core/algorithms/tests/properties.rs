//! What must hold for any data.

mod matrices;

use ferrule_algorithms::kmeans::{self, Init, KMeans};
use ferrule_algorithms::logistic_regression::{self, LogisticRegression};
use ferrule_algorithms::{Rows, never};
use matrices::{Blobs, Numbers};
use proptest::prelude::*;

fn parameters(n_clusters: usize, init: Init) -> kmeans::Parameters {
    kmeans::Parameters {
        n_clusters,
        init,
        ..kmeans::Parameters::default()
    }
}

fn squared_distance(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| (left - right).powi(2)).sum()
}

/// Whether fits to both find the same minimum. The way there may differ: over many iterations rounding grows.
fn same_classifier(
    first: &Blobs,
    first_weights: Option<&[f64]>,
    second: &Blobs,
    second_weights: Option<&[f64]>,
) -> bool {
    let parameters = logistic_regression::Parameters {
        tol: 1e-10,
        max_iter: 10_000,
        ..Default::default()
    };
    let fit = |blobs: &Blobs, weights: Option<&[f64]>| {
        LogisticRegression::fit(blobs.rows(), &blobs.group, 3, weights, &parameters, &never).expect("a fit")
    };
    let (first, second) = (fit(first, first_weights), fit(second, second_weights));
    let close = |first: &[f64], second: &[f64], tolerance: f64| {
        first
            .iter()
            .zip(second)
            .all(|(first, second)| (first - second).abs() <= tolerance * first.abs().max(1.0))
    };
    // Near a minimum the loss is flat: it agrees in twice the digits, as part of 1 like the stopping rule. No penalty
    // holds the intercepts.
    close(first.model.coefficients(), second.model.coefficients(), 1e-3)
        && close(first.model.intercepts(), second.model.intercepts(), 1e-2)
        && (first.loss - second.loss).abs() <= 1e-8 * first.loss.max(1.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Labels name the nearest centres, centres are the weighted means of their rows, inertia is what it says.
    #[test]
    fn a_k_means_fit_is_a_fixed_point(seed: u64, rows in 30..300_usize, columns in 1..8_usize, n_clusters in 1..8_usize) {
        let blobs = Blobs::new(seed, rows, columns, 5, 1.0);
        let mut numbers = Numbers(seed ^ 1);
        let weights: Vec<f64> = (0..rows).map(|_| 0.1 + numbers.uniform()).collect();
        let parameters = kmeans::Parameters { tol: 0.0, ..parameters(n_clusters, Init::KMeansPlusPlus) };
        let fit = KMeans::fit(blobs.rows(), Some(&weights), &parameters, &never).expect("a fit");
        prop_assert!(fit.converged);

        let centers: Vec<&[f64]> = fit.model.centers().chunks(columns).collect();
        let mut sums = vec![vec![0.0; columns]; n_clusters];
        let mut totals = vec![0.0; n_clusters];
        let mut inertia = 0.0;
        for (row, &label) in fit.labels.iter().enumerate() {
            let label = label as usize;
            let own = squared_distance(blobs.row(row), centers[label]);
            for center in &centers {
                prop_assert!(own <= squared_distance(blobs.row(row), center));
            }
            inertia += weights[row] * own;
            totals[label] += weights[row];
            for (sum, value) in sums[label].iter_mut().zip(blobs.row(row)) {
                *sum += weights[row] * value;
            }
        }
        prop_assert!((inertia - fit.inertia).abs() <= 1e-12 * inertia);
        for (center, (sum, total)) in centers.iter().zip(sums.iter().zip(totals)) {
            for (value, sum) in center.iter().zip(sum) {
                prop_assert!((value - sum / total).abs() < 1e-10, "{value} {}", sum / total);
            }
        }
    }

    /// Data far from the origin keep their clusters, and prediction agrees with the fit: the offset is a power of two, so that
    /// moving the rows is exact.
    #[test]
    fn moving_all_rows_keeps_the_clusters(seed: u64, rows in 40..200_usize, columns in 1..6_usize, power in 0..28_i32) {
        let mut blobs = Blobs::new(seed, rows, columns, 4, 0.5);
        // Few enough digits that the sum with the offset is exact.
        for value in &mut blobs.values {
            *value = (*value * 1024.0).round() / 1024.0;
        }
        let offset = 2.0_f64.powi(power);
        let moved = Blobs { values: blobs.values.iter().map(|value| value + offset).collect(), ..blobs.clone() };
        for seed in 0..3 {
            let parameters = kmeans::Parameters { seed, ..parameters(4, Init::KMeansPlusPlus) };
            let here = KMeans::fit(blobs.rows(), None, &parameters, &never).expect("a fit");
            let there = KMeans::fit(moved.rows(), None, &parameters, &never).expect("a fit");
            prop_assert_eq!(&here.labels, &there.labels);
            prop_assert_eq!(here.n_iter, there.n_iter);
            prop_assert!((here.inertia - there.inertia).abs() <= 1e-6 * here.inertia);
            let mut labels = vec![-1; rows];
            there.model.predict(moved.rows(), &mut labels, &never).expect("labels");
            prop_assert_eq!(labels, there.labels);
        }
    }

    /// A row given twice counts as a row of weight two; a row of weight zero counts for nothing.
    #[test]
    fn weights_count_rows(seed: u64, rows in 20..150_usize, columns in 1..6_usize) {
        let blobs = Blobs::new(seed, rows, columns, 3, 0.5);
        let mut numbers = Numbers(seed ^ 2);
        let counts: Vec<usize> = (0..rows).map(|row| if row < 3 { 1 } else { numbers.below(4) }).collect();
        let weights: Vec<f64> = counts.iter().map(|count| *count as f64).collect();
        let repeated = (0..rows).flat_map(|row| std::iter::repeat_n(row, counts[row])).collect::<Vec<_>>();
        let many = Blobs {
            values: repeated.iter().flat_map(|row| blobs.row(*row).to_vec()).collect(),
            rows: repeated.len(),
            columns,
            group: repeated.iter().map(|row| blobs.group[*row]).collect(),
        };

        let parameters = parameters(3, Init::Centers(blobs.values[..3 * columns].to_vec()));
        let parameters = kmeans::Parameters { tol: 0.0, ..parameters };
        let weighted = KMeans::fit(blobs.rows(), Some(&weights), &parameters, &never).expect("a fit");
        let plain = KMeans::fit(many.rows(), None, &parameters, &never).expect("a fit");
        prop_assert!((weighted.inertia - plain.inertia).abs() <= 1e-9 * plain.inertia.max(1e-9));
        let labels: Vec<i32> = repeated.iter().map(|row| weighted.labels[*row]).collect();
        prop_assert_eq!(labels, plain.labels);

        prop_assert!(same_classifier(&blobs, Some(&weights), &many, None));
    }

    /// The order of the rows changes rounding alone.
    #[test]
    fn the_order_of_rows_does_not_matter(seed: u64, rows in 20..300_usize, columns in 1..6_usize) {
        let blobs = Blobs::new(seed, rows, columns, 3, 0.3);
        let mut order: Vec<usize> = (0..rows).collect();
        let mut numbers = Numbers(seed ^ 3);
        for last in (1..rows).rev() {
            order.swap(last, numbers.below(last + 1));
        }
        let shuffled = Blobs {
            values: order.iter().flat_map(|row| blobs.row(*row).to_vec()).collect(),
            group: order.iter().map(|row| blobs.group[*row]).collect(),
            ..blobs.clone()
        };
        let parameters = parameters(3, Init::Centers(blobs.values[..3 * columns].to_vec()));
        let first = KMeans::fit(blobs.rows(), None, &parameters, &never).expect("a fit");
        let second = KMeans::fit(shuffled.rows(), None, &parameters, &never).expect("a fit");
        let labels: Vec<i32> = order.iter().map(|row| first.labels[*row]).collect();
        prop_assert_eq!(labels, second.labels);
        prop_assert!((first.inertia - second.inertia).abs() <= 1e-12 * first.inertia.max(1e-12));

        prop_assert!(same_classifier(&blobs, None, &shuffled, None));
    }

    /// Probabilities are those of the scores, sum to one, and the likeliest class is the one predicted.
    #[test]
    fn classes_scores_and_probabilities_agree(seed: u64, rows in 1..50_usize, columns in 1..10_usize, n_classes in 2..12_usize) {
        let mut numbers = Numbers(seed);
        let scores = if n_classes == 2 { 1 } else { n_classes };
        let mut normal = |count: usize| (0..count).map(|_| 30.0 * numbers.normal()).collect::<Vec<_>>();
        let model = LogisticRegression::new(normal(scores * columns), normal(scores), n_classes, columns).expect("a model");
        let values = normal(rows * columns);
        let data = Rows::from_values(&values, rows, columns).expect("rows");
        let mut classes = vec![0; rows];
        let mut decision = vec![0.0; rows * scores];
        let mut probabilities = vec![0.0; rows * n_classes];
        model.predict(data, &mut classes, &never).expect("classes");
        model.decision_function(data, &mut decision, &never).expect("scores");
        model.predict_proba(data, &mut probabilities, &never).expect("probabilities");
        for row in 0..rows {
            let probabilities = &probabilities[row * n_classes..(row + 1) * n_classes];
            let decision = &decision[row * scores..(row + 1) * scores];
            prop_assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-14);
            let class = classes[row] as usize;
            prop_assert!(probabilities.iter().all(|other| *other <= probabilities[class]));
            if n_classes == 2 {
                prop_assert_eq!(class, usize::from(decision[0] > 0.0));
            } else {
                prop_assert!(decision.iter().all(|other| *other <= decision[class]));
            }
        }
    }
}
