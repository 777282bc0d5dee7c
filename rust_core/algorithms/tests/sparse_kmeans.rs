//! K-Means over sparse rows: what must hold for any data.

mod matrices;

use std::sync::atomic::{AtomicUsize, Ordering};

use ferrule_algorithms::kmeans::mini_batch::{self, State};
use ferrule_algorithms::kmeans::{self, Init, KMeans};
use ferrule_algorithms::{Csr, CsrValues, FitError, Iteration, Observer, RandomState, Rows, never};
use matrices::{Blobs, Numbers, bits, on_threads, sparse};
use proptest::prelude::*;

/// Blobs of which most values are zero: each group has values in columns of its own, and in the first.
fn gappy(seed: u64, rows: usize, columns: usize, groups: usize) -> Blobs {
    let mut blobs = Blobs::new(seed, rows, columns, groups, 0.5);
    for row in 0..rows {
        let group = blobs.group[row] as usize;
        for column in 1..columns {
            if column % groups != group {
                blobs.values[row * columns + column] = 0.0;
            }
        }
    }
    blobs
}

fn parameters(n_clusters: usize, seed: u32) -> kmeans::Parameters {
    kmeans::Parameters {
        n_clusters,
        seed,
        n_init: Some(2),
        ..kmeans::Parameters::default()
    }
}

/// Everything that a fit gives, as bits.
fn whole(rows: Rows<'_>, weights: Option<&[f64]>, parameters: &kmeans::Parameters) -> (Vec<i32>, Vec<u64>, u64, usize) {
    let fit = KMeans::fit(rows, weights, parameters, &never).expect("a fit");
    (fit.labels, bits(fit.model.centers()), fit.inertia.to_bits(), fit.n_iter)
}

/// Everything that a fit in mini-batches gives, as bits.
fn whole_mini_batch(rows: Rows<'_>, weights: Option<&[f64]>, n_clusters: usize) -> (Vec<i32>, Vec<u64>, u64, usize) {
    let parameters = mini_batch::Parameters {
        n_clusters,
        batch_size: 300,
        max_iter: 3,
        ..mini_batch::Parameters::default()
    };
    let mut random = RandomState::new(1);
    let fit = mini_batch::fit(rows, weights, &parameters, &mut random, &never).expect("a fit");
    (
        fit.labels,
        bits(fit.state.centers()),
        fit.inertia.to_bits(),
        fit.n_steps,
    )
}

fn close(left: &[f64], right: &[f64], tolerance: f64) -> bool {
    let scale = right.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    let pairs = left.iter().zip(right);
    left.len() == right.len()
        && pairs
            .into_iter()
            .all(|(left, right)| (left - right).abs() <= tolerance * scale)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A sparse matrix that names every value is the dense one: batches to the last bit, fits to the rounding of the sums, which
    /// are exact for dense rows. (Not farther away than 2¹²: there rounding moves centres past rows that lie between two.)
    #[test]
    fn naming_every_value_is_the_dense_matrix(seed in 0..1000_u32, rows in 20..1500_usize, columns in 1..8_usize, power in 0..12_i32) {
        let mut blobs = Blobs::new(seed.into(), rows, columns, 4, 0.7);
        for value in &mut blobs.values {
            *value += 2.0_f64.powi(power);
        }
        let all = sparse(&blobs.values, columns, |_| true);
        let mut numbers = Numbers(seed.into());
        let weights: Vec<f64> = (0..rows).map(|_| numbers.uniform()).collect();
        // The tolerance is computed in another order, and only there.
        let parameters = kmeans::Parameters { tol: 0.0, ..parameters(4, seed) };
        for weights in [None, Some(weights.as_slice())] {
            let sparse = KMeans::fit(Rows::from(&all), weights, &parameters, &never).expect("a fit");
            let dense = KMeans::fit(blobs.rows(), weights, &parameters, &never).expect("a fit");
            prop_assert_eq!((&sparse.labels, sparse.n_iter), (&dense.labels, dense.n_iter));
            prop_assert!(close(sparse.model.centers(), dense.model.centers(), 4.0 * f64::EPSILON));
            prop_assert!(close(&[sparse.inertia], &[dense.inertia], 1e-10));
            prop_assert_eq!(whole_mini_batch(Rows::from(&all), weights, 4), whole_mini_batch(blobs.rows(), weights, 4));
        }
    }

    /// Leaving zeros out changes rounding alone: fit, prediction and distances.
    #[test]
    fn leaving_zeros_out_changes_rounding_alone(seed in 0..1000_u32, rows in 40..800_usize, columns in 6..30_usize) {
        let blobs = gappy(seed.into(), rows, columns, 3);
        let named = sparse(&blobs.values, columns, |value| value != 0.0);
        let start = Init::Centers(blobs.values[..3 * columns].to_vec());
        let parameters = kmeans::Parameters { init: start, ..parameters(3, seed) };
        let dense = KMeans::fit(blobs.rows(), None, &parameters, &never).expect("a fit");
        let fit = KMeans::fit(Rows::from(&named), None, &parameters, &never).expect("a fit");
        prop_assert_eq!(&fit.labels, &dense.labels);
        prop_assert_eq!(fit.n_iter, dense.n_iter);
        prop_assert!(close(fit.model.centers(), dense.model.centers(), 1e-13));
        prop_assert!((fit.inertia - dense.inertia).abs() <= 1e-12 * dense.inertia);

        let mut labels = vec![-1; rows];
        dense.model.predict(Rows::from(&named), &mut labels, &never).expect("labels");
        prop_assert_eq!(&labels, &dense.labels);
        let mut distances = [vec![0.0; 3 * rows], vec![0.0; 3 * rows]];
        dense.model.transform(Rows::from(&named), &mut distances[0], &never).expect("distances");
        dense.model.transform(blobs.rows(), &mut distances[1], &never).expect("distances");
        prop_assert!(close(&distances[0], &distances[1], 1e-13));
    }

    /// A row given twice counts as a row of weight two; a row of weight zero counts for nothing.
    #[test]
    fn weights_count_sparse_rows(seed: u64, rows in 20..200_usize) {
        let blobs = gappy(seed, rows, 12, 3);
        let mut numbers = Numbers(seed ^ 2);
        let counts: Vec<usize> = (0..rows).map(|row| if row < 3 { 1 } else { numbers.below(4) }).collect();
        let weights: Vec<f64> = counts.iter().map(|count| *count as f64).collect();
        let repeated: Vec<usize> = (0..rows).flat_map(|row| std::iter::repeat_n(row, counts[row])).collect();
        let values: Vec<f64> = repeated.iter().flat_map(|row| blobs.row(*row).to_vec()).collect();
        let once = sparse(&blobs.values, 12, |value| value != 0.0);
        let often = sparse(&values, 12, |value| value != 0.0);
        let init = Init::Centers(blobs.values[..36].to_vec());
        let parameters = kmeans::Parameters { init, tol: 0.0, ..parameters(3, 0) };
        let weighted = KMeans::fit(Rows::from(&once), Some(&weights), &parameters, &never).expect("a fit");
        let plain = KMeans::fit(Rows::from(&often), None, &parameters, &never).expect("a fit");
        prop_assert!((weighted.inertia - plain.inertia).abs() <= 1e-9 * plain.inertia.max(1e-9));
        let labels: Vec<i32> = repeated.iter().map(|row| weighted.labels[*row]).collect();
        prop_assert_eq!(labels, plain.labels);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// The same bits on any number of threads, and however rows to predict are batched.
    #[test]
    fn threads_and_batches_change_no_bit(seed in 0..1000_u32, rows in 1500..4000_usize, columns in 20..60_usize) {
        let blobs = gappy(seed.into(), rows, columns, 9);
        let csr = sparse(&blobs.values, columns, |value| value != 0.0);
        let fit = || {
            let of = Rows::from(&csr);
            (whole(of, None, &parameters(9, seed)), whole_mini_batch(of, None, 9), whole_mini_batch(blobs.rows(), None, 9))
        };
        let one = on_threads(1, fit);
        prop_assert_eq!(&one, &on_threads(3, fit));

        let model = KMeans::new(blobs.values[..9 * columns].to_vec(), 9, columns).expect("a model");
        let mut together = vec![0.0; 9 * rows];
        model.transform(Rows::from(&csr), &mut together, &never).expect("distances");
        for row in (0..rows).step_by(97) {
            let alone = sparse(blobs.row(row), columns, |value| value != 0.0);
            let mut distances = vec![0.0; 9];
            model.transform(Rows::from(&alone), &mut distances, &never).expect("distances");
            prop_assert_eq!(bits(&distances), bits(&together[9 * row..9 * (row + 1)]));
        }
    }
}

/// Sums that follow rows from cluster to cluster, and sums made anew in each iteration, which weights need.
#[test]
fn sums_that_follow_rows_are_those_made_anew() {
    for (seed, offset) in [(1, 0.0), (2, 1e6)] {
        let mut blobs = gappy(seed, 3000, 300, 9);
        blobs
            .values
            .iter_mut()
            .filter(|value| **value != 0.0)
            .for_each(|value| *value += offset);
        let csr = sparse(&blobs.values, 300, |value| value != 0.0);
        // Two starts in the same group, so that rows change their clusters and a cluster loses all of its rows.
        let mut start = blobs.values[..9 * 300].to_vec();
        start.copy_within(..300, 300);
        start[600..900].fill(offset + 1e3);
        let parameters = kmeans::Parameters {
            init: Init::Centers(start),
            tol: 0.0,
            ..parameters(9, 0)
        };
        let follow = KMeans::fit(Rows::from(&csr), None, &parameters, &never).expect("a fit");
        let anew = KMeans::fit(Rows::from(&csr), Some(&vec![1.0; 3000]), &parameters, &never).expect("a fit");
        assert!(follow.n_iter > 2);
        assert_eq!((&follow.labels, follow.n_iter), (&anew.labels, anew.n_iter));
        assert!(close(follow.model.centers(), anew.model.centers(), 1e-14));
        assert!((follow.inertia - anew.inertia).abs() <= 1e-12 * anew.inertia);
    }
}

/// Memory for rows × columns values does not exist: these would be 1.6 TB.
#[test]
fn many_columns_take_no_more_memory_than_the_centres() {
    let (rows, columns) = (1_000_000_usize, 200_000_usize);
    let indptr: Vec<u64> = (0..=rows as u64).collect();
    let indices: Vec<u32> = (0..rows).map(|row| (row % 2 * 100_000 + row % 7) as u32).collect();
    let values = CsrValues::Single(vec![1.0_f32; rows].into());
    let csr = Csr::new(indptr.into(), indices.into(), values, columns).expect("a sparse matrix");
    let init = Init::Starts(vec![[0, 100_001].iter().fold(
        vec![0.0; 2 * columns],
        |mut centers, &column| {
            centers[column + usize::from(column > 0) * columns] = 0.5;
            centers
        },
    )]);
    let parameters = kmeans::Parameters {
        init,
        max_iter: 2,
        ..parameters(2, 0)
    };
    let fit = KMeans::fit(Rows::from(&csr), None, &parameters, &never).expect("a fit");
    assert_eq!(fit.distinct_labels, 2);
    assert_eq!(fit.labels.len(), rows);
}

#[test]
fn centres_beyond_memory_are_refused_before_they_are_made() {
    let columns = 1_usize << 32;
    let values = CsrValues::Double(vec![1.0; 4096].into());
    let csr = Csr::new((0..=4096).collect(), vec![5; 4096].into(), values, columns).expect("a sparse matrix");
    for n_clusters in [2048, 4096] {
        let error = KMeans::fit(Rows::from(&csr), None, &parameters(n_clusters, 0), &never).unwrap_err();
        assert!(error.to_string().contains("do not fit in memory"), "{error}");
        let given = mini_batch::Parameters {
            n_clusters,
            ..mini_batch::Parameters::default()
        };
        let mut random = RandomState::new(0);
        mini_batch::fit(Rows::from(&csr), None, &given, &mut random, &never).unwrap_err();
    }
}

/// Fits that look at the interrupt in every pass end at the first look that says so.
#[test]
fn every_kind_of_fit_stops() {
    let blobs = gappy(5, 3000, 40, 6);
    let csr = sparse(&blobs.values, 40, |value| value != 0.0);
    let run = |kind: usize, allowed: usize| {
        let looks = AtomicUsize::new(0);
        let stop = || looks.fetch_add(1, Ordering::Relaxed) >= allowed;
        let given = mini_batch::Parameters {
            n_clusters: 6,
            batch_size: 500,
            init: Init::Random,
            max_iter: 2,
            ..mini_batch::Parameters::default()
        };
        let mut random = RandomState::new(0);
        let outcome = on_threads(1, || match kind {
            0 => KMeans::fit(Rows::from(&csr), None, &parameters(6, 0), &stop).map(|_| ()),
            1 => {
                let parameters = kmeans::Parameters {
                    init: Init::Random,
                    ..parameters(6, 0)
                };
                KMeans::fit(
                    blobs.rows(),
                    Some(&blobs.values[..3000].iter().map(|_| 0.5).collect::<Vec<_>>()),
                    &parameters,
                    &stop,
                )
                .map(|_| ())
            }
            2 => mini_batch::fit(Rows::from(&csr), None, &given, &mut random, &stop).map(|_| ()),
            _ => {
                let mut state = State::resume(blobs.values[..240].to_vec(), 40, vec![0.0; 6], 0)?;
                state.learn(blobs.rows(), None, 500, 0.01, &mut random, &stop)
            }
        });
        (outcome, looks.into_inner())
    };
    for kind in 0..4 {
        let (outcome, looks) = run(kind, usize::MAX);
        outcome.expect("a fit");
        for allowed in (0..looks).step_by((looks / 53).max(1)) {
            let (outcome, seen) = run(kind, allowed);
            assert_eq!(
                outcome,
                Err(FitError::Interrupted),
                "kind {kind}, look {allowed} of {looks}"
            );
            assert_eq!(seen, allowed + 1);
        }
    }
}

/// Notes what it is told.
#[derive(Default)]
struct Follower(std::sync::Mutex<Vec<Iteration>>);

impl Observer for Follower {
    fn interrupted(&self) -> bool {
        false
    }

    fn iteration(&self, iteration: Iteration) {
        self.0.lock().expect("no panic while it was held").push(iteration);
    }
}

#[test]
fn each_iteration_is_told_with_its_inertia() {
    let blobs = gappy(7, 900, 20, 5);
    let csr = sparse(&blobs.values, 20, |value| value != 0.0);
    let follower = Follower::default();
    let starts = vec![blobs.values[..100].to_vec(), blobs.values[200..300].to_vec()];
    let parameters = kmeans::Parameters {
        init: Init::Starts(starts.clone()),
        ..parameters(5, 0)
    };
    let fit = KMeans::fit(Rows::from(&csr), None, &parameters, &follower).expect("a fit");
    let told = follower.0.into_inner().expect("no panic while it was held");
    for (run, start) in starts.into_iter().enumerate() {
        let of_run: Vec<&Iteration> = told.iter().filter(|told| told.run == run + 1).collect();
        assert!(
            of_run
                .windows(2)
                .all(|pair| pair[1].n_iter == pair[0].n_iter + 1 && pair[1].objective <= pair[0].objective)
        );
        let (_, first) = KMeans::new(start, 5, 20)
            .unwrap()
            .label(Rows::from(&csr), None, &never)
            .unwrap();
        assert_eq!(of_run[0].objective, first);
    }
    assert!(told.iter().any(|told| told.n_iter == fit.n_iter));
}

#[test]
fn a_batch_without_rows_is_refused() {
    let mut state = State::resume(vec![0.0, 1.0], 1, vec![0.0; 2], 0).unwrap();
    let none = Rows::from_values(&[], 0, 1).unwrap();
    let refused = state.learn(none, None, 2, 0.01, &mut RandomState::new(0), &never);
    assert_eq!(refused.unwrap_err().to_string(), "X: expected at least one row, got 0");
}

#[test]
fn dense_and_sparse_rows_have_the_same_labels_where_squares_underflow() {
    for scale in [1e-154, 1e-160, 1e-161, 3e-162, 1e-162, 1e-170] {
        let mut blobs = Blobs::new(3, 600, 6, 5, 0.5);
        blobs.values.iter_mut().for_each(|value| *value *= scale);
        let model = KMeans::new(blobs.values[..30].to_vec(), 5, 6).unwrap();
        let csr = sparse(&blobs.values, 6, |_| true);
        let labels = |rows: Rows<'_>| {
            let mut labels = vec![-1; 600];
            model.predict(rows, &mut labels, &never).unwrap();
            labels
        };
        assert_eq!(labels((&csr).into()), labels(blobs.rows()), "{scale}");
    }
}

#[test]
fn values_beyond_float32_have_the_label_of_the_nearest_centre() {
    let (columns, huge) = (6, 1e60);
    let mut centers = vec![0.0; 3 * columns];
    centers[..2].copy_from_slice(&[2.0, -1.0]);
    centers[columns..columns + 2].copy_from_slice(&[0.001, 0.001]);
    centers[2 * columns..2 * columns + 2].copy_from_slice(&[-3.0, -3.0]);
    let values = [[huge, huge], [huge, 0.0], [-huge, huge], [0.0, -huge]].map(|[a, b]| [a, b, 0.0, 0.0, 0.0, 0.0]);
    let values = values.concat();
    let model = KMeans::new(centers, 3, columns).unwrap();
    let labels = |rows: Rows<'_>| {
        let mut labels = vec![-1; 4];
        model.predict(rows, &mut labels, &never).unwrap();
        labels
    };
    let csr = sparse(&values, columns, |value| value != 0.0);
    assert_eq!(
        labels((&csr).into()),
        labels(Rows::from_values(&values, 4, columns).unwrap())
    );
}

#[test]
fn a_copy_of_a_model_that_has_predicted_says_the_same() {
    // Centres of more than 512 KiB in float32, which are laid out in float16.
    let (rows, columns, clusters, named) = (400, 6000, 33, 20);
    let mut numbers = Numbers(7);
    let indices: Vec<u32> = (0..rows * named)
        .map(|place| (place % named * 300 + numbers.below(300)) as u32)
        .collect();
    let values: Vec<f64> = indices.iter().map(|_| numbers.normal()).collect();
    let indptr: Vec<u64> = (0..=rows).map(|row| (row * named) as u64).collect();
    let csr = Csr::new(indptr.into(), indices.into(), CsrValues::Double(values.into()), columns).expect("a matrix");
    // As far from the origin, all of them: only what a row meets in its columns says which is the nearest.
    let centers = (0..clusters * columns)
        .map(|_| if numbers.below(2) == 0 { 1.0 } else { -1.0 })
        .collect();
    let model = KMeans::new(centers, clusters, columns).expect("a model");
    let labels = |model: &KMeans| {
        let mut labels = vec![-1; rows];
        model.predict(Rows::from(&csr), &mut labels, &never).expect("labels");
        labels
    };
    let expected = labels(&model);
    // The copies are to begin at different places in a line of the cache: between them lies other memory. A large piece is given back
    // first, since allocators take such ones from the system, whole pages, until they see that they come and go.
    drop(std::hint::black_box(vec![1_u8; 1 << 24]));
    let copies: Vec<(KMeans, Vec<u8>)> = (1..13).map(|place| (model.clone(), vec![0; 16 * place])).collect();
    for (copy, _) in &copies {
        assert_eq!(labels(copy), expected);
    }
}
