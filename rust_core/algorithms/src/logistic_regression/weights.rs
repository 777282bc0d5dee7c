//! What each row weighs: its own weight times that of its class.

use super::ClassWeight;

/// The weights of all rows, or none where all weigh 1. The classes are below `n_classes`.
pub(super) fn row_weights(
    weights: Option<&[f64]>,
    class_weight: &ClassWeight,
    classes: &[u32],
    n_classes: usize,
) -> Option<Vec<f64>> {
    let own = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let by_class = match class_weight {
        ClassWeight::Equal => return weights.map(<[f64]>::to_vec),
        ClassWeight::Given(by_class) => by_class.clone(),
        ClassWeight::Balanced => {
            let mut sums = vec![0.0; n_classes];
            for (row, &class) in classes.iter().enumerate() {
                sums[class as usize] += own(row);
            }
            let mean = sums.iter().sum::<f64>() / n_classes as f64;
            // A class whose rows weigh nothing keeps doing so.
            sums.into_iter()
                .map(|sum| if sum > 0.0 { mean / sum } else { 0.0 })
                .collect()
        }
    };
    let weight = |(row, &class): (usize, &u32)| own(row) * by_class[class as usize];
    Some(classes.iter().enumerate().map(weight).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_classes_weigh_the_same() {
        let classes = [0, 0, 0, 1];
        let own = [1.0, 2.0, 3.0, 6.0];
        assert_eq!(
            row_weights(None, &ClassWeight::Balanced, &classes, 2).unwrap(),
            [4.0 / 6.0, 4.0 / 6.0, 4.0 / 6.0, 2.0]
        );
        assert_eq!(
            row_weights(Some(&own), &ClassWeight::Balanced, &classes, 2).unwrap(),
            own
        );
        let given = ClassWeight::Given(vec![0.5, 2.0]);
        assert_eq!(
            row_weights(Some(&own), &given, &classes, 2).unwrap(),
            [0.5, 1.0, 1.5, 12.0]
        );
        assert_eq!(row_weights(None, &ClassWeight::Equal, &classes, 2), None);
    }
}
