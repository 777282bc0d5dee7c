use super::*;
use crate::scaling::Step;

/// The values as bytes that start `shift` bytes after an aligned address.
fn shifted(values: &[f64], shift: usize) -> (Vec<f64>, usize) {
    let mut storage = vec![0.0; values.len() + 1];
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    // SAFETY: the vector's memory is initialised, and any byte may be written to an f64's storage.
    let target = unsafe { storage.align_to_mut::<u8>().1 };
    target[shift..shift + bytes.len()].copy_from_slice(&bytes);
    (storage, shift)
}

fn bytes_of(storage: &[f64]) -> &[u8] {
    // SAFETY: f64 has no padding; all its bytes are initialised.
    unsafe { storage.align_to::<u8>().1 }
}

fn dense<'b>(rows: Rows<'b>, range: Range<usize>, buffer: &'b mut Vec<f64>) -> &'b [f64] {
    match rows.tile(range, buffer) {
        Tile::Dense(values) => values,
        Tile::Sparse(_) => panic!("expected dense rows"),
    }
}

#[test]
fn single_precision_is_widened() {
    let values = [1.5_f32, -2.0, f32::MIN_POSITIVE, 3e38, 0.1, -0.0];
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let expected = values.map(f64::from);
    let mut buffer = Vec::new();
    let rows = Rows::from_single_values(&values, 2, 3).unwrap();
    assert_eq!(rows.precision(), Precision::Single);
    assert_eq!(dense(rows, 0..2, &mut buffer), expected);
    for shift in 0..4 {
        let mut shifted = vec![0; shift];
        shifted.extend(&bytes);
        let rows = Rows::from_single_le_bytes(&shifted[shift..], 2, 3).unwrap();
        assert_eq!(rows.precision(), Precision::Single);
        assert_eq!(dense(rows, 1..2, &mut buffer), &expected[3..]);
    }
}

#[test]
fn a_row_is_copied_with_its_zeros() {
    let csr = Csr::new(
        vec![0, 1, 3].into(),
        vec![2, 0, 3].into(),
        crate::csr::CsrValues::Double(vec![5.0, 6.0, 7.0].into()),
        4,
    )
    .unwrap();
    let mut row = [9.0; 4];
    Rows::from(&csr).copy_row(1, &mut row);
    assert_eq!(row, [6.0, 0.0, 0.0, 7.0]);
    Rows::from_values(&[1.0, 2.0, 3.0, 4.0], 2, 2)
        .unwrap()
        .copy_row(1, &mut row[..2]);
    assert_eq!(row[..2], [3.0, 4.0]);
}

#[test]
fn reads_bytes_at_every_alignment() {
    let values = [1.5, -2.0, f64::MIN_POSITIVE, 4e300, 5.0, -0.0];
    for shift in 0..8 {
        let (storage, shift) = shifted(&values, shift);
        let rows = Rows::from_le_bytes(&bytes_of(&storage)[shift..shift + 48], 3, 2).unwrap();
        assert_eq!((rows.rows(), rows.columns()), (3, 2));
        let mut buffer = Vec::new();
        assert_eq!(dense(rows, 0..3, &mut buffer), values);
        let mut buffer = vec![9.0; 3];
        assert_eq!(dense(rows, 1..3, &mut buffer), &values[2..]);
        assert_eq!(dense(rows, 2..9, &mut buffer), &values[4..]);
        assert_eq!(dense(rows, 1..1, &mut buffer), &[] as &[f64]);
        assert_eq!(rows.first_non_finite(), None);
        // Aligned bytes are borrowed, others copied.
        let borrowed = dense(rows, 0..1, &mut buffer).as_ptr().cast::<u8>() == bytes_of(&storage)[shift..].as_ptr();
        assert_eq!(borrowed, shift == 0);
    }
}

#[test]
fn finds_the_first_value_that_is_not_finite() {
    let values = [0.0, 1.0, 2.0, f64::NEG_INFINITY, f64::NAN, 5.0];
    assert_eq!(
        Rows::from_values(&values, 2, 3).unwrap().first_non_finite(),
        Some((1, 0))
    );
    let (storage, shift) = shifted(&values, 3);
    let rows = Rows::from_le_bytes(&bytes_of(&storage)[shift..shift + 48], 3, 2).unwrap();
    assert_eq!(rows.first_non_finite(), Some((1, 1)));
}

#[test]
fn scaled_rows_are_scaled_wherever_they_lie() {
    let steps = vec![Step::MaxAbsScaler {
        scale: vec![2.0, 4.0],
        clip: false,
    }];
    let scaling = Scaling::new(steps, 2).unwrap();
    let values = [2.0_f64, 4.0, 1.0, -8.0];
    let singles = values.map(|value| value as f32);
    let doubles: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let mut buffer = Vec::new();
    for rows in [
        Rows::from_values(&values, 2, 2).unwrap(),
        Rows::from_single_values(&singles, 2, 2).unwrap(),
        Rows::from_le_bytes(&doubles, 2, 2).unwrap(),
    ] {
        let rows = rows.scaled(&scaling).unwrap();
        assert_eq!(dense(rows, 0..2, &mut buffer), [1.0, 1.0, 0.5, -2.0]);
        assert_eq!(dense(rows, 1..2, &mut buffer), [0.5, -2.0]);
    }
    for values in [
        crate::csr::CsrValues::Double(vec![4.0, 2.0].into()),
        crate::csr::CsrValues::Single(vec![4.0, 2.0].into()),
    ] {
        let csr = Csr::new(vec![0, 1, 2].into(), vec![1, 0].into(), values, 2).unwrap();
        let rows = Rows::from(&csr).scaled(&scaling).unwrap();
        let mut row = [9.0; 2];
        rows.copy_row(0, &mut row);
        assert_eq!(row, [0.0, 1.0]);
        rows.copy_row(1, &mut row);
        assert_eq!(row, [1.0, 0.0]);
        let centred = Step::StandardScaler {
            mean: Some(vec![0.0; 2]),
            scale: None,
        };
        let centred = Scaling::new(vec![centred], 2).unwrap();
        let step = "StandardScaler with a mean";
        assert_eq!(
            Rows::from(&csr).scaled(&centred).unwrap_err(),
            PredictError::Sparse { step }
        );
    }
    // Without steps nothing is copied.
    let rows = Rows::from_values(&values, 2, 2).unwrap();
    let none = Scaling::default();
    assert_eq!(
        dense(rows.scaled(&none).unwrap(), 0..2, &mut buffer).as_ptr(),
        values.as_ptr()
    );
}

#[test]
fn refuses_a_buffer_of_another_length() {
    assert_eq!(Rows::from_values(&[], 0, 0).unwrap_err(), ShapeError::NoColumns);
    assert!(matches!(
        Rows::from_values(&[1.0], usize::MAX, 2).unwrap_err(),
        ShapeError::TooLarge { .. }
    ));
    assert!(matches!(
        Rows::from_le_bytes(&[], usize::MAX / 8, 1).unwrap_err(),
        ShapeError::TooLarge { .. }
    ));
    let error = Rows::from_le_bytes(&[0; 15], 2, 1).unwrap_err();
    assert_eq!(
        error,
        ShapeError::Length {
            rows: 2,
            columns: 1,
            unit: "bytes",
            expected: 16,
            got: 15
        }
    );
    assert_eq!(error.to_string(), "expected 16 bytes for 2 rows of 1 columns, got 15");
    assert!(Rows::from_values(&[1.0; 3], 2, 2).is_err());
    assert!(Rows::from_single_values(&[1.0; 3], 2, 2).is_err());
    assert!(Rows::from_single_le_bytes(&[0; 15], 2, 2).is_err());
    assert_eq!(Rows::from_values(&[], 0, 3).unwrap().rows(), 0);
}
