use super::*;

fn csr(indptr: &[u64], indices: &[u32], values: &[f64], columns: usize) -> Result<Csr<'static>, CsrError> {
    Csr::new(
        indptr.to_vec().into(),
        indices.to_vec().into(),
        CsrValues::Double(values.to_vec().into()),
        columns,
    )
}

fn entries(csr: &Csr<'_>) -> Vec<Vec<(usize, f64)>> {
    let mut buffer = Vec::new();
    let rows = csr.tile(0..csr.rows(), None, &mut buffer);
    rows.iter().map(|row| row.entries().collect()).collect()
}

#[test]
fn rows_come_as_they_are_or_sorted_with_duplicates_added() {
    let plain = csr(&[0, 2, 2, 3], &[0, 3, 1], &[1.0, 2.0, 3.0], 4).unwrap();
    assert_eq!((plain.rows(), plain.columns(), plain.nonzeros()), (3, 4, 3));
    assert_eq!(entries(&plain), [vec![(0, 1.0), (3, 2.0)], vec![], vec![(1, 3.0)]]);
    let mixed = csr(&[0, 4, 4, 5], &[3, 0, 3, 1, 1], &[1.0, 2.0, 0.5, 4.0, 7.0], 4).unwrap();
    assert_eq!(
        entries(&mixed),
        [vec![(0, 2.0), (1, 4.0), (3, 1.5)], vec![], vec![(1, 7.0)]]
    );
}

#[test]
fn nothing_is_copied_that_is_in_order() {
    let (indptr, indices, values) = ([0, 1, 2], [1, 0], [1.0_f32, 2.0]);
    let single = Csr::new(
        (&indptr).into(),
        (&indices).into(),
        CsrValues::Single((&values).into()),
        2,
    )
    .unwrap();
    assert!(matches!(&single.indices, Cow::Borrowed(_)));
    assert!(matches!(&single.values, CsrValues::Single(Cow::Borrowed(_))));
    assert_eq!(single.precision(), Precision::Single);
    let mut buffer = Vec::new();
    let row = single.tile(1..2, None, &mut buffer).iter().next().unwrap();
    assert_eq!((row.columns, row.values), (&[0][..], &[2.0][..]));
}

#[test]
fn offsets_are_checked_also_beyond_32_bits() {
    let most = 5_000_000_000;
    assert_eq!(check_offsets(&[0, 4_294_967_296, most], most), Ok(()));
    for (indptr, values) in [
        (&[0, 4_294_967_296, most][..], most - (1 << 32)),
        (&[1, most], most),
        (&[0, most, most - 1], most - 1),
        (&[0, u64::MAX], most),
        (&[], 0),
    ] {
        assert!(check_offsets(indptr, values).is_err(), "{indptr:?}");
    }
    assert_eq!(
        check_offsets(&[0, 3, 2, 5], 5).unwrap_err().to_string(),
        "indptr[2]: expected at least 3, got 2"
    );
}

#[test]
fn what_does_not_fit_together_is_refused() {
    assert!(matches!(
        csr(&[0, 1], &[4], &[1.0], 4),
        Err(CsrError::Index { position: 0, .. })
    ));
    // In rows in order and not.
    for (indices, outside) in [
        ([0, 1, 5, 9], 3),
        ([1, 0, 2, 9], 3),
        ([9, 0, 5, 6], 0),
        ([0, 1, 9, 5], 2),
    ] {
        let refused = csr(&[0, 2, 4], &indices, &[1.0; 4], 9).unwrap_err();
        assert!(
            matches!(refused, CsrError::Index { position, got: 9, .. } if position == outside),
            "{indices:?}"
        );
    }
    assert!(matches!(
        csr(&[0, 1], &[0, 1], &[1.0], 4),
        Err(CsrError::Indices { .. })
    ));
    assert!(matches!(csr(&[0], &[], &[], 0), Err(CsrError::Columns { got: 0 })));
    assert_eq!(csr(&[0], &[], &[], 1).unwrap().rows(), 0);
}

#[test]
fn the_first_value_that_is_not_finite_is_found_by_its_place() {
    let bad = csr(&[0, 1, 1, 3], &[2, 0, 5], &[1.0, 2.0, f64::NAN], 6).unwrap();
    assert_eq!(bad.first_non_finite(), Some((2, 5)));
}
