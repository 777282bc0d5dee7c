//! Sparse rows of so many columns that their centres are kept in float16: the labels are those of the definition, and the same at every
//! level of vector instructions, of which the least keeps float32, and on any number of threads.

mod matrices;

use ferrule_algorithms::kmeans::{Init, KMeans, Parameters};
use ferrule_algorithms::simd::{self, Level};
use ferrule_algorithms::{Csr, CsrValues, Rows, never};
use matrices::{Numbers, bits, on_threads};

const ROWS: usize = 700;

/// Sixteen centres of so many columns are more than 512 KiB.
const COLUMNS: usize = 8500;

/// Numbers of centres: one vector of sixteen or several, full or not.
const CLUSTERS: [[usize; 2]; 6] = [[20, 33], [2, 70], [20, 50], [16, 20], [20, 70], [2, 33]];

/// How values are drawn for a column.
type Draw = fn(&mut Numbers, usize) -> f64;

const DRAWS: [Draw; 6] = [
    |numbers, _| 0.5 + numbers.uniform(),
    |numbers, _| 1e-30 * numbers.normal(),
    |numbers, _| 1e30 * numbers.normal(),
    // Columns of very different sizes: float16 says little of the small ones.
    |numbers, column| 10.0_f64.powi(column as i32 % 13 - 6) * numbers.normal(),
    // Far more than float16's exponents.
    |numbers, column| 10.0_f64.powi(column as i32 % 3 * 12 - 24) * (1.0 + numbers.uniform()),
    // Ties.
    |numbers, _| (1 + numbers.below(2)) as f64,
];

/// Rows whose values stand half in columns of their group; every seventh row comes twice, every eleventh is empty.
fn rows(seed: u64, draw: Draw) -> (Vec<u64>, Vec<u32>, Vec<f64>) {
    let mut numbers = Numbers(seed);
    let (mut indptr, mut indices, mut values) = (vec![0_u64], Vec::new(), Vec::new());
    for row in 0..ROWS {
        if row % 7 == 1 {
            let last = indptr[row - 1] as usize..indptr[row] as usize;
            indices.extend_from_within(last.clone());
            values.extend_from_within(last);
        } else if row % 11 != 0 {
            let group = numbers.below(9);
            let mut columns: Vec<u32> = (0..10 + numbers.below(25))
                .map(|place| {
                    let steep = (numbers.uniform() * numbers.uniform() * 850.0) as usize;
                    (if place % 2 == 0 {
                        steep * 10
                    } else {
                        group * 900 + steep
                    }) as u32
                })
                .collect();
            columns.sort_unstable();
            columns.dedup();
            values.extend(columns.iter().map(|column| draw(&mut numbers, *column as usize)));
            indices.extend(columns);
        }
        indptr.push(indices.len() as u64);
    }
    (indptr, indices, values)
}

/// Labels, centres, inertia, and labels of a prediction.
type Everything = (Vec<i32>, Vec<u64>, u64, Vec<i32>);

fn everything(csr: &Csr<'_>, weights: Option<&[f64]>, centers: &[f64]) -> Everything {
    let parameters = Parameters {
        n_clusters: centers.len() / COLUMNS,
        init: Init::Centers(centers.to_vec()),
        max_iter: 4,
        tol: 0.0,
        ..Parameters::default()
    };
    let rows = Rows::from(csr);
    let fit = KMeans::fit(rows, weights, &parameters, &never).expect("a fit");
    let mut labels = vec![-1; ROWS];
    fit.model.predict(rows, &mut labels, &never).expect("labels");
    let clusters = fit.model.n_clusters();
    let mut distances = vec![0.0; ROWS * clusters];
    fit.model.transform(rows, &mut distances, &never).expect("distances");
    for (label, distances) in labels.iter().zip(distances.chunks(clusters)) {
        let least = distances.iter().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(distances[*label as usize].to_bits(), least.to_bits());
    }
    // Without a change a fit's labels are those of its centres.
    assert!(fit.strict || fit.labels == labels);
    (fit.labels, bits(fit.model.centers()), fit.inertia.to_bits(), labels)
}

#[test]
fn labels_are_those_of_the_definition_whatever_the_level_and_the_threads() {
    for (case, draw) in DRAWS.into_iter().enumerate() {
        for clusters in CLUSTERS[case] {
            let (indptr, indices, values) = rows(case as u64 * 100 + clusters as u64, draw);
            // Some rows, one of them twice, and a centre that gets no rows.
            let mut centers = vec![0.0; clusters * COLUMNS];
            for cluster in 0..clusters {
                let row = (cluster * 9 + 2) % ROWS / if cluster == 3 { 2 } else { 1 };
                for place in indptr[row] as usize..indptr[row + 1] as usize {
                    centers[cluster * COLUMNS + indices[place] as usize] = values[place];
                }
            }
            let weights: Vec<f64> = (0..ROWS).map(|row| (row % 4) as f64 / 2.0).collect();
            let single = CsrValues::Single(values.iter().map(|value| *value as f32).collect());
            for (values, weights) in [(single, None), (CsrValues::Double(values.into()), Some(&weights[..]))] {
                let weights = weights.filter(|_| case % 2 == 0);
                let csr = Csr::new(indptr.clone().into(), indices.clone().into(), values, COLUMNS).expect("a matrix");
                let mut seen = None;
                let levels = Level::ALL.into_iter().filter(|level| level.is_available());
                for (level, threads) in levels.map(|level| (level, 1)).chain([(Level::best(), 3)]) {
                    simd::force(level).expect("a level that the CPU has");
                    let found = on_threads(threads, || everything(&csr, weights, &centers));
                    let expected = seen.get_or_insert_with(|| found.clone());
                    assert!(
                        *expected == found,
                        "case {case}, {clusters} clusters, {level}, {threads} threads"
                    );
                }
            }
        }
    }
    simd::force(Level::best()).expect("the CPU's own");
}
