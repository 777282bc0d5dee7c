use super::*;
use crate::interrupt::never;
use crate::kmeans::scores::ROWS;
use crate::packed::squared_distance;
use crate::rows::Rows;

const COLUMNS: usize = 5;
const CENTERS: usize = 20;

/// Rows around the first of them.
fn rows(count: usize) -> Vec<f64> {
    let mut state = 1_u64;
    let mut values = Vec::new();
    for row in 0..count {
        for column in 0..COLUMNS {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let noise = (state >> 40) as f64 / 16_777_216.0;
            let near = if row < CENTERS {
                20.0 * noise
            } else {
                values[row % CENTERS * COLUMNS + column] + noise
            };
            values.push(near);
        }
    }
    values
}

#[test]
fn bounds_hold_as_centres_move_and_leave_few_rows_open() {
    const COUNT: usize = 3000;
    let values = rows(COUNT);
    let sample = Sample::check(Rows::from_values(&values, COUNT, COLUMNS).unwrap(), None, &never).unwrap();
    let cuts = Cuts::of(sample).unwrap().unwrap();
    let blocks = Blocks::new(COUNT, COLUMNS, CENTERS * COLUMNS, 1);
    let mut outcomes = vec![Outcome::default(); blocks.count()];
    let mut labels = vec![-1; COUNT];
    let mut ledger = Ledger::new(cuts.clone(), COUNT, CENTERS, COLUMNS);
    let mut old = vec![0.0; CENTERS * COLUMNS];
    for step in 0..6 {
        let moved = values[..CENTERS * COLUMNS].iter().enumerate();
        let moved: Vec<f64> = moved
            .map(|(place, value)| value + f64::from(step) * 0.01 * (place % 7) as f64)
            .collect();
        let centers = Centers::new(moved, COLUMNS);
        ledger
            .pass(sample, &blocks, &old, &centers, &mut labels, &mut outcomes, false)
            .unwrap();
        old.copy_from_slice(centers.values());
        let unit = ledger.bounds.unit().unwrap();
        let (upper, lower, drift) = ledger.bounds.parts();
        for (index, row) in values.chunks(COLUMNS).enumerate() {
            let own = labels[index] as usize;
            assert_eq!(centers.nearest(crate::rows::Row::Dense(row)).unwrap().0, own);
            for cluster in 0..CENTERS {
                let distance = squared_distance(row, centers.center(cluster)).sqrt() * unit;
                if cluster == own {
                    assert!(f64::from(upper[index]) >= distance);
                } else {
                    assert!(f64::from(lower[index]) <= distance);
                }
            }
        }
        assert_eq!(drift.is_some(), step > 0);
        if let Some(drift) = drift {
            let mut open = 0;
            for start in (0..COUNT).step_by(ROWS) {
                let some = start..COUNT.min(start + ROWS);
                let (mut upper, mut lower) = (upper[some.clone()].to_vec(), lower[some.clone()].to_vec());
                open += drift.sweep(&labels[some], &mut upper, &mut lower).count_ones();
            }
            assert!(open < 600, "{open} rows are open");
        }
    }
}

#[test]
fn sums_are_those_of_the_labels_whatever_way_rows_have_come() {
    const COUNT: usize = 500;
    let mut values = rows(COUNT);
    // Digits that plain sums would lose.
    values.iter_mut().step_by(11).for_each(|value| *value *= 1e-12);
    values.iter_mut().step_by(13).for_each(|value| *value *= 1e9);
    let sample = Sample::check(Rows::from_values(&values, COUNT, COLUMNS).unwrap(), None, &never).unwrap();
    let cuts = Cuts::of(sample).unwrap().unwrap();
    let label = |row: usize| (row * row % CENTERS) as i32;
    let tally = |moves: &[(usize, i32, i32)]| {
        let mut tally = Tally::new(CENTERS, COLUMNS);
        for &(row, from, to) in moves {
            dispatch(Carry {
                cuts: &cuts,
                row: &values[row * COLUMNS..(row + 1) * COLUMNS],
                from,
                to,
                tally: &mut tally,
            });
        }
        let mut means = vec![7.0; CENTERS * COLUMNS];
        tally.means(&mut means, &never).unwrap();
        (tally, means)
    };
    let straight: Vec<_> = (0..COUNT).map(|row| (row, -1, label(row))).collect();
    let mut about: Vec<_> = (0..COUNT).rev().map(|row| (row, -1, (row % 3) as i32)).collect();
    about.extend((0..COUNT).map(|row| (row, (row % 3) as i32, 7)));
    about.extend((0..COUNT).map(|row| (row, 7, label(row))));
    let (of_straight, means) = tally(&straight);
    let (mut total, again) = tally(&about);
    assert_eq!((of_straight.counts(), &means), (total.counts(), &again));
    // Taken away again, nothing is left.
    let away: Vec<_> = (0..COUNT).map(|row| (row, label(row), -1)).collect();
    total.absorb(&mut tally(&away).0, &never).unwrap();
    assert!(total.counts().iter().all(|count| *count == 0));
    let kept = [(0, -1, 7)];
    total.absorb(&mut tally(&kept).0, &never).unwrap();
    let mut means = vec![0.0; CENTERS * COLUMNS];
    total.means(&mut means, &never).unwrap();
    assert_eq!(means[7 * COLUMNS..8 * COLUMNS], values[..COLUMNS]);
}

#[test]
fn equal_rows_have_themselves_for_their_mean() {
    for value in [0.1, -0.1, 1.0 / 3.0, 1.75 + 7.0 * f64::EPSILON, -1e30, 5e-100, 5e-324] {
        for count in [1, 3, 5, 49, 4097] {
            let values = vec![value; count];
            let sample = Sample::check(Rows::from_values(&values, count, 1).unwrap(), None, &never).unwrap();
            let cuts = Cuts::of(sample).unwrap().unwrap();
            let mut ledger = Ledger::new(cuts.clone(), count, 1, 1);
            let moves: Vec<_> = (0..count).map(|row| (0, row)).collect();
            ledger.set_aside(sample, &vec![0; count], &moves, true);
            let mut mean = [0.0];
            ledger.means(&mut mean, &never).unwrap();
            assert_eq!(mean, [value], "{count} rows");
        }
    }
}

#[test]
fn a_value_that_would_lose_its_digits_beside_a_greater_one_is_not_cut() {
    let cuts = |values: &[f64]| {
        let sample = Sample::check(Rows::from_values(values, values.len(), 1).unwrap(), None, &never).unwrap();
        Cuts::of(sample).unwrap().is_some()
    };
    assert!(cuts(&[1e15, 1.0, 0.0, 1e-9]));
    assert!(!cuts(&[3.4e38, 1000.0, 1.0]));
    assert!(!cuts(&[1e281, 1e280]));
    assert!(cuts(&[0.0, -0.0]));
}
