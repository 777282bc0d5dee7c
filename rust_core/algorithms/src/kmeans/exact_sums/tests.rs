use super::*;
use crate::interrupt::never;
use crate::rows::Rows;

/// Rows of one value each, in the columns 0 to 8 by turns.
fn csr(values: &[f64]) -> Csr<'static> {
    let indices: Vec<u32> = (0..values.len() as u32).map(|row| row % 9).collect();
    let indptr: Vec<u64> = (0..=values.len() as u64).collect();
    Csr::new(
        indptr.into(),
        indices.into(),
        CsrValues::Double(values.to_vec().into()),
        9,
    )
    .unwrap()
}

fn sums(csr: &Csr<'_>) -> Option<ExactSums> {
    ExactSums::new(Sample::check(Rows::from(csr), None, &never).unwrap(), 2)
}

fn means(csr: &Csr<'_>, labels: &[&[i32]]) -> Vec<f64> {
    let sample = Sample::check(Rows::from(csr), None, &never).unwrap();
    let mut sums = ExactSums::new(sample, 2).unwrap();
    for labels in labels {
        sums.follow(sample, labels).unwrap();
    }
    let mut centers = vec![7.0; 18];
    sums.means(&mut centers);
    centers
}

#[test]
fn equal_rows_have_themselves_for_their_mean() {
    for value in [0.1, -0.1, 1.0 / 3.0, -1e30, 5e-100, 123_456.789, f64::from(0.3_f32)] {
        for rows in [1, 3, 49, 4097] {
            let csr = Csr::new(
                (0..=rows as u64).collect(),
                vec![8; rows].into(),
                CsrValues::Double(vec![value; rows].into()),
                9,
            )
            .unwrap();
            let centers = means(&csr, &[&vec![1; rows]]);
            assert_eq!(centers[17], value, "{rows} rows");
            // No row, no mean.
            assert_eq!(centers[..9], [7.0; 9]);
            assert_eq!(centers[9..17], [0.0; 8]);
        }
    }
}

#[test]
fn what_has_left_leaves_nothing_behind() {
    // The sums of column 0 pass 2⁶⁴ units and change their sign.
    let values = [1e9, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, -3e9, 1e-3, 1.0, 0.0];
    let csr = csr(&values);
    let alone = |row: usize| {
        let mut labels = [1; 13];
        labels[row] = 0;
        labels
    };
    for row in 0..13 {
        let there_and_back = means(&csr, &[&[0; 13], &alone(3), &[1; 13], &alone(9), &alone(row)]);
        assert_eq!(there_and_back, means(&csr, &[&alone(row)]));
        assert_eq!(there_and_back[row % 9], values[row]);
    }
}

#[test]
fn a_row_that_is_left_out_counts_again_later() {
    let csr = csr(&[4.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0]);
    let sample = Sample::check(Rows::from(&csr), None, &never).unwrap();
    let mut sums = ExactSums::new(sample, 2).unwrap();
    let mean = |sums: &ExactSums| {
        let mut centers = vec![0.0; 18];
        sums.means(&mut centers);
        centers[0]
    };
    sums.follow(sample, &[0; 10]).unwrap();
    assert_eq!((mean(&sums), sums.counts()), (6.0 / 10.0, &[10, 0][..]));
    sums.leave_out(sample, 0);
    assert_eq!((mean(&sums), sums.counts()), (2.0 / 9.0, &[9, 0][..]));
    sums.follow(sample, &[0; 10]).unwrap();
    assert_eq!((mean(&sums), sums.counts()), (6.0 / 10.0, &[10, 0][..]));
    sums.clear();
    assert_eq!(sums.counts(), [0, 0]);
    sums.follow(sample, &[0; 10]).unwrap();
    assert_eq!(mean(&sums), 6.0 / 10.0);
}

#[test]
fn values_of_too_many_bits_are_refused() {
    assert!(sums(&csr(&[1.0, 1e-15, 0.0])).is_some());
    assert!(sums(&csr(&[1.0, 1e-30])).is_none());
    assert!(sums(&csr(&[1e-300, 1e-300])).is_none());
    assert!(sums(&csr(&[0.0, 0.0])).is_some());
    assert!(sums(&csr(&[1e300, -1e300])).is_some());
}
