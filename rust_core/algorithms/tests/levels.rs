//! K-Means gives the same bits at every level of vector instructions, and the labels of the plain definition.

mod matrices;

use ferrule_algorithms::kmeans::{Init, KMeans, Parameters};
use ferrule_algorithms::{Rows, never};
use matrices::{Blobs, Numbers, at_each_level, bits, nearest, sparse};

/// Everything that a fit and a prediction give, as bits.
type Everything = (Vec<i32>, Vec<u64>, u64, usize, Vec<i32>);

fn everything(rows: Rows<'_>, weights: Option<&[f64]>, parameters: &Parameters) -> Everything {
    let fit = KMeans::fit(rows, weights, parameters, &never).expect("a fit");
    let mut labels = vec![-1; rows.rows()];
    fit.model.predict(rows, &mut labels, &never).expect("labels");
    (
        fit.labels,
        bits(fit.model.centers()),
        fit.inertia.to_bits(),
        fit.n_iter,
        labels,
    )
}

/// Does `check` at each level that this CPU has, and expects the same of all.
fn at_every_level<T: PartialEq>(check: impl Fn() -> T) {
    let mut expected = None;
    at_each_level(|level| {
        let got = check();
        if let Some(expected) = &expected {
            assert!(got == *expected, "{level} differs");
        }
        expected = Some(got);
    });
}

#[test]
fn levels_agree_to_the_last_bit_and_labels_with_the_definition() {
    for (case, (rows, columns, n_clusters)) in [
        (1000, 1, 2),
        (1003, 2, 3),
        (777, 3, 4),
        (2001, 4, 4),
        (1500, 2, 9),
        (1200, 4, 30),
        (900, 5, 7),
        (1031, 10, 25),
        (700, 16, 6),
        (650, 33, 20),
        (400, 100, 5),
        (90, 300, 17),
        (63, 20, 8),
    ]
    .into_iter()
    .enumerate()
    {
        for offset in [0.0, 1e4, 1e9] {
            let mut blobs = Blobs::new(case as u64, rows, columns, n_clusters.min(6), 2.0);
            blobs.values.iter_mut().for_each(|value| *value += offset);
            let singles: Vec<f32> = blobs.values.iter().map(|value| *value as f32).collect();
            let mut numbers = Numbers(case as u64 + 1);
            let weights: Vec<f64> = (0..rows)
                .map(|row| if row % 7 == 0 { 0.0 } else { numbers.uniform() })
                .collect();
            let parameters = Parameters {
                n_clusters,
                max_iter: 6,
                ..Parameters::default()
            };
            let single = Rows::from_single_values(&singles, rows, columns).expect("rows");
            at_every_level(|| {
                [
                    everything(blobs.rows(), None, &parameters),
                    everything(blobs.rows(), Some(&weights), &parameters),
                    everything(single, None, &parameters),
                ]
            });
            let fit = KMeans::fit(blobs.rows(), None, &parameters, &never).expect("a fit");
            let mut labels = vec![-1; rows];
            fit.model.predict(blobs.rows(), &mut labels, &never).expect("labels");
            for (row, label) in blobs.values.chunks(columns).zip(&labels) {
                assert_eq!(
                    *label,
                    nearest(row, fit.model.centers()),
                    "{rows} × {columns}, {n_clusters}"
                );
            }
        }
    }

    // A grid, where many rows lie as near to one centre as to another: the lowest wins, at every level.
    for (columns, n_clusters) in [(1, 3), (2, 4), (2, 16), (3, 40), (6, 20)] {
        let mut numbers = Numbers(3);
        let mut whole = |count: usize| -> Vec<f64> { (0..count).map(|_| numbers.below(5) as f64).collect() };
        let values = whole(640 * columns);
        let centers = whole(n_clusters * columns);
        let model = KMeans::new(centers.clone(), n_clusters, columns).expect("a model");
        at_every_level(|| {
            let rows = Rows::from_values(&values, 640, columns).expect("rows");
            let mut labels = vec![-1; 640];
            model.predict(rows, &mut labels, &never).expect("labels");
            for (row, label) in values.chunks(columns).zip(&labels) {
                assert_eq!(
                    *label,
                    nearest(row, &centers),
                    "{columns} columns, {n_clusters} centres"
                );
            }
            labels
        });
    }

    // Sparse rows: few columns, and more than a block's rows have values.
    for (rows, columns, n_clusters) in [
        (600_usize, 4_usize, 3_usize),
        (900, 40, 9),
        (500, 3000, 20),
        (300, 2000, 70),
    ] {
        let mut numbers = Numbers(columns as u64);
        let values: Vec<f64> = (0..rows * columns)
            .map(|_| {
                if numbers.below(columns.div_ceil(8)) == 0 {
                    numbers.uniform()
                } else {
                    0.0
                }
            })
            .collect();
        let csr = sparse(&values, columns, |value| value != 0.0);
        let parameters = Parameters {
            n_clusters,
            init: Init::Centers(values[..n_clusters * columns].to_vec()),
            max_iter: 4,
            ..Parameters::default()
        };
        at_every_level(|| everything(Rows::from(&csr), None, &parameters));
        let dense = Rows::from_values(&values, rows, columns).expect("rows");
        let (dense, sparse) = (
            KMeans::fit(dense, None, &parameters, &never).expect("a fit"),
            KMeans::fit(Rows::from(&csr), None, &parameters, &never).expect("a fit"),
        );
        assert_eq!(dense.labels, sparse.labels);
        assert!((dense.inertia - sparse.inertia).abs() <= 1e-12 * dense.inertia);
    }
}

#[test]
fn a_row_without_a_finite_distance_is_named_at_every_level() {
    for (rows, columns, n_clusters) in [(100, 2, 3), (100, 2, 30), (100, 20, 30), (10, 20, 30)] {
        for bad in [f64::NAN, f64::INFINITY, 1e200] {
            let mut values = vec![1.0; rows * columns];
            values[(rows - 3) * columns + 1] = bad;
            values[(rows - 1) * columns] = bad;
            let centers: Vec<f64> = (0..n_clusters * columns).map(|value| value as f64).collect();
            let model = KMeans::new(centers, n_clusters, columns).expect("a model");
            at_every_level(|| {
                let rows_of = Rows::from_values(&values, rows, columns).expect("rows");
                let error = model
                    .predict(rows_of, &mut vec![0; rows], &never)
                    .expect_err("an error");
                assert_eq!(error, ferrule_algorithms::PredictError::NotFinite { row: rows - 3 });
            });
        }
    }
}
