//! Fits with bounds and without give the same bits: bounds save comparisons, and change nothing.

mod matrices;

use std::sync::Mutex;

use ferrule_algorithms::kmeans::{Init, KMeans, Parameters};
use ferrule_algorithms::{Interrupt, Iteration, Observer, Rows, never};
use matrices::{Blobs, Numbers, at_each_level, bits, nearest, on_threads};

/// Wants every iteration's inertia: so every row is compared with every centre.
#[derive(Default)]
struct Follower(Mutex<Vec<f64>>);

impl Observer for Follower {
    fn interrupted(&self) -> bool {
        false
    }

    fn iteration(&self, iteration: Iteration) {
        self.0
            .lock()
            .expect("no panic while it was held")
            .push(iteration.objective);
    }
}

type Outcome = (Vec<i32>, Vec<u64>, u64, usize, bool);

fn outcome(rows: Rows<'_>, weights: Option<&[f64]>, parameters: &Parameters, interrupt: Interrupt<'_>) -> Outcome {
    let fit = KMeans::fit(rows, weights, parameters, interrupt).expect("a fit");
    let centers = bits(fit.model.centers());
    (fit.labels, centers, fit.inertia.to_bits(), fit.n_iter, fit.strict)
}

/// Fits with bounds and without, at every level and on one thread and several: all the same.
fn same(what: &str, rows: Rows<'_>, weights: Option<&[f64]>, parameters: &Parameters) -> Outcome {
    let mut expected = None;
    at_each_level(|level| {
        for threads in [1, 2, 3] {
            let follower = Follower::default();
            let all = on_threads(threads, || outcome(rows, weights, parameters, &follower));
            let some = on_threads(threads, || outcome(rows, weights, parameters, &never));
            assert!(all == some, "{what}, {level}, {threads} threads");
            let told = follower.0.lock().expect("no panic while it was held");
            if parameters.n_init.is_none() {
                assert_eq!(told.len(), all.3);
            }
            drop(told);
            let expected = expected.get_or_insert_with(|| all.clone());
            assert!(*expected == all, "{what}, {level}, {threads} threads");
        }
    });
    expected.expect("there is a level")
}

/// The label of each row by the definition.
fn labels(values: &[f64], columns: usize, centers: &[f64]) -> Vec<i32> {
    values.chunks(columns).map(|row| nearest(row, centers)).collect()
}

fn given(centers: &[f64], n_clusters: usize, max_iter: usize) -> Parameters {
    Parameters {
        n_clusters,
        init: Init::Centers(centers.to_vec()),
        max_iter,
        tol: 0.0,
        ..Parameters::default()
    }
}

#[test]
fn shapes_weights_and_types() {
    for (case, (rows, columns, n_clusters)) in [
        (700, 1, 9),
        (3001, 2, 40),
        (2500, 3, 5),
        (2000, 8, 100),
        (1777, 10, 33),
        (1300, 17, 300),
        (900, 64, 12),
        (600, 130, 7),
    ]
    .into_iter()
    .enumerate()
    {
        for (offset, spread) in [(0.0, 1.0), (0.0, 12.0), (1e4, 2.0), (1e9, 2.0)] {
            let mut blobs = Blobs::new(case as u64, rows, columns, n_clusters, spread);
            blobs.values.iter_mut().for_each(|value| *value += offset);
            let singles: Vec<f32> = blobs.values.iter().map(|value| *value as f32).collect();
            let mut numbers = Numbers(case as u64 + 1);
            let weights: Vec<f64> = (0..rows)
                .map(|row| if row % 7 == 0 { 0.0 } else { numbers.uniform() })
                .collect();
            let what = format!("{rows} × {columns}, {n_clusters} centres, {spread} wide at {offset}");
            let parameters = given(&blobs.values[..n_clusters * columns], n_clusters, 12);
            same(&what, blobs.rows(), Some(&weights), &parameters);
            let single = Rows::from_single_values(&singles, rows, columns).expect("rows");
            same(&what, single, None, &parameters);
            let all = same(&what, blobs.rows(), None, &parameters);
            if all.3 == 12 {
                let centers: Vec<f64> = all.1.iter().map(|bits| f64::from_bits(*bits)).collect();
                assert_eq!(all.0, labels(&blobs.values, columns, &centers), "{what}");
            }
        }
    }
}

#[test]
fn ties_and_rows_that_come_again() {
    // A grid: many rows lie as near to one centre as to another, and centres coincide.
    for (columns, n_clusters) in [(1, 5), (2, 16), (3, 40), (6, 20)] {
        let mut numbers = Numbers(3);
        let mut whole = |count: usize| -> Vec<f64> { (0..count).map(|_| numbers.below(5) as f64).collect() };
        let values = whole(1500 * columns);
        let centers = whole(n_clusters * columns);
        let rows = Rows::from_values(&values, 1500, columns).expect("rows");
        let what = format!("a grid of {columns} columns, {n_clusters} centres");
        for max_iter in [1, 2, 3, 20] {
            same(&what, rows, None, &given(&centers, n_clusters, max_iter));
        }
    }
}

#[test]
fn clusters_that_lose_their_rows() {
    let blobs = Blobs::new(5, 2000, 4, 30, 0.5);
    let mut centers = blobs.values[..30 * 4].to_vec();
    for far in [3, 11, 12] {
        centers[far * 4..(far + 1) * 4].fill(1e6);
    }
    // Twice the same centre: the second gets no row.
    centers.copy_within(0..4, 20 * 4);
    for max_iter in [1, 2, 5, 50] {
        let all = same("empty clusters", blobs.rows(), None, &given(&centers, 30, max_iter));
        assert!(all.3 <= max_iter);
        let centers: Vec<f64> = all.1.iter().map(|bits| f64::from_bits(*bits)).collect();
        if max_iter < 50 {
            assert_eq!(all.0, labels(&blobs.values, 4, &centers));
        }
    }
}

#[test]
fn scales_that_float32_does_not_hold() {
    for scale in [1e-200, 1e-120, 1e-30, 1e30, 1e90, 1e120] {
        let mut blobs = Blobs::new(9, 900, 5, 12, 1.0);
        blobs.values.iter_mut().for_each(|value| *value *= scale);
        let parameters = given(&blobs.values[..12 * 5], 12, 10);
        same(&format!("scale {scale}"), blobs.rows(), None, &parameters);
    }
    // One row far away from all others, and columns of very different size.
    let mut blobs = Blobs::new(10, 900, 5, 12, 1.0);
    blobs.values[1234] = 1e15;
    for row in blobs.values.chunks_mut(5) {
        row[0] *= 1e-9;
        row[1] *= 1e9;
    }
    let parameters = given(&blobs.values[..12 * 5], 12, 10);
    same("unequal columns", blobs.rows(), None, &parameters);
}

#[test]
fn several_runs_and_drawn_centres() {
    let blobs = Blobs::new(11, 3000, 6, 25, 3.0);
    let parameters = Parameters {
        n_clusters: 25,
        n_init: Some(3),
        max_iter: 25,
        ..Parameters::default()
    };
    same("three runs", blobs.rows(), None, &parameters);
}

/// A number that stands for no value is no reason to forget the others.
#[test]
fn a_value_far_beyond_all_others_costs_them_no_digit() {
    let mut blobs = Blobs::new(13, 3000, 4, 20, 1.0);
    for row in 0..3000 {
        blobs.values[row * 4] = if row % 50 == 7 {
            3.4e38
        } else {
            500.0 + (row % 9) as f64
        };
    }
    let parameters = given(&blobs.values[..20 * 4], 20, 8);
    let all = same("a value for none", blobs.rows(), None, &parameters);
    for (cluster, center) in all.1.chunks(4).enumerate() {
        let rows = || (0..3000).filter(|row| all.0[*row] == cluster as i32);
        let far = rows().filter(|row| row % 50 == 7).count();
        if far == 0 && rows().count() > 0 {
            let first = f64::from_bits(center[0]);
            assert!((500.0..=508.0).contains(&first), "{first}");
        }
    }
}

/// Fewer kinds of rows than clusters: rows lie on their centres exactly, and the search ends.
#[test]
fn equal_rows_have_themselves_for_centres() {
    let kinds = [0.1, 1.75 + 7.0 * f64::EPSILON, 1.0 / 3.0, 1e9 / 7.0];
    let values: Vec<f64> = (0..1000 * 3)
        .map(|place| kinds[place / 3 * 7 % 4] * (1 + place % 3) as f64)
        .collect();
    let rows = Rows::from_values(&values, 1000, 3).expect("rows");
    let parameters = given(&values[..6 * 3], 6, 100);
    let all = same("equal rows", rows, None, &parameters);
    assert_eq!(f64::from_bits(all.2), 0.0);
    assert!(all.4, "the search ends because no label changes");
    for (row, label) in values.chunks(3).zip(&all.0) {
        let center = all.1.chunks(3).nth(*label as usize).expect("a centre for each label");
        assert_eq!(bits(row), center);
    }
}

/// Sums that are kept are those of the labels, to the last digits: each centre is the mean of its rows.
#[test]
fn centres_are_the_means_of_their_rows() {
    for offset in [0.0, 1e9] {
        let mut blobs = Blobs::new(12, 4000, 7, 40, 4.0);
        blobs.values.iter_mut().for_each(|value| *value += offset);
        let parameters = given(&blobs.values[..40 * 7], 40, 300);
        let fit = KMeans::fit(blobs.rows(), None, &parameters, &never).expect("a fit");
        assert!(fit.strict);
        for (cluster, center) in fit.model.centers().chunks(7).enumerate() {
            for (column, value) in center.iter().enumerate() {
                // In whole multiples of 2⁻¹⁰⁰: exact but for digits that no float64 number beside 1 has.
                let (mut sum, mut count) = (0_i128, 0_i128);
                for (row, _) in fit
                    .labels
                    .iter()
                    .enumerate()
                    .filter(|(_, label)| **label == cluster as i32)
                {
                    let scaled = (blobs.row(row)[column] - offset) * 2.0_f64.powi(100);
                    sum += scaled as i128;
                    count += 1;
                }
                let mean = offset + sum as f64 / count as f64 / 2.0_f64.powi(100);
                let ulp = mean.abs() * f64::EPSILON;
                assert!((value - mean).abs() <= 2.0 * ulp, "{value} is not {mean}");
            }
        }
    }
}
