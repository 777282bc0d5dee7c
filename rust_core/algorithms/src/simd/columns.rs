//! Where the columns of rows of `D` values lie in the vectors that eight such rows fill.

use super::lanes::DOUBLES;

/// For each column and each vector, lane by lane, what to take: for the first two vectors (whose lanes count as 0 to 15) the lane;
/// for each further one, the lane of what was taken so far, or 8 plus the lane of that vector.
pub(super) const fn picks<const D: usize>() -> [[[i64; DOUBLES]; D]; D] {
    let mut picks = [[[0; DOUBLES]; D]; D];
    let mut column = 0;
    while column < D {
        let mut vector = 0;
        while vector < D {
            let mut lane = 0;
            while lane < DOUBLES {
                let place = lane * D + column;
                picks[column][vector][lane] = if vector == 1 {
                    (place % (2 * DOUBLES)) as i64
                } else if place / DOUBLES == vector {
                    (DOUBLES + place % DOUBLES) as i64
                } else {
                    lane as i64
                };
                lane += 1;
            }
            vector += 1;
        }
        column += 1;
    }
    picks
}
