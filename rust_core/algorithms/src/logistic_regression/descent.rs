//! Proximal Newton search for sparse rows of two classes, whose parabolas are minimised by coordinate descent: it needs no Hessian, only the
//! columns of the coefficients that are not zero or are pulled away from it.
//!
//! Source: G.-X. Yuan, C.-H. Ho and C.-J. Lin, "An improved GLMNET for L1-regularized logistic regression", JMLR 13 (2012). Where
//! it stops within a parabola is decided as in [`super::newton_cg`].

use super::by_column::sparse_dot;
use super::cholesky;
use super::loss::Objective;
use super::newton::{Ended, PRECISION, Why};
use super::trial::Trial;
use crate::interrupt::{self, Interrupt, Interrupted};
use crate::packed::{add_scaled, dot};

/// Passes over the coefficients of a parabola, at most.
const MOST_PASSES: usize = 200;
/// A parabola is left when a pass lowers it by no more than this part of what all passes did, or less near the minimum.
const LEFT: f64 = 0.1;
/// What the last pass of a parabola may fall by near the minimum, as a part of the precision that is asked for: passes that crawl
/// have many times as far to go.
const CRAWL: f64 = 0.02;
/// Passes whose ends are mixed.
const MIXED: usize = 5;

/// Searches from `point`, for a least subgradient whose components are at most `tol`.
pub(super) fn minimise(
    objective: &mut Objective<'_>,
    point: Vec<f64>,
    tol: f64,
    max_iter: usize,
) -> Result<Ended, Interrupted> {
    let mut here = Trial::at(objective, point)?;
    let mut trial = here.clone();
    let mut step = vec![0.0; here.point.len()];
    let mut columns = Columns::default();
    let (mut n_iter, mut left) = (0, LEFT);
    let why = loop {
        if !here.value.is_finite() {
            break Why::Stuck;
        }
        if here.is_flat(0.0) {
            break Why::Converged;
        }
        if n_iter == max_iter {
            break Why::Exhausted;
        }
        objective.go_to(&here.point)?;
        columns.gather(objective, &here);
        let enough = CRAWL * PRECISION * here.value.abs();
        let (fall, missing) = columns.descend(objective, &here, left, enough, &mut step)?;
        if trial.search(objective, &here, &step)?.is_none() {
            break if here.is_flat(tol) { Why::Converged } else { Why::Stuck };
        }
        let close = fall + missing <= PRECISION * here.value.abs() || trial.value >= here.value;
        n_iter += 1;
        // Where steps fall as the parabola says, the next is worth more exactness.
        left = LEFT.min((fall / here.value.abs()).sqrt());
        std::mem::swap(&mut here, &mut trial);
        objective.report(n_iter, here.value);
        if close && here.is_flat(tol) {
            break Why::Converged;
        }
    };
    Ok(here.ended(n_iter, why))
}

/// The columns of the parameters that may move, the intercept's too, each value times the root of its row's second derivative.
#[derive(Default)]
struct Columns {
    /// The parameters' places in a point.
    indices: Vec<usize>,
    /// Where each one's values end.
    ends: Vec<usize>,
    rows: Vec<u32>,
    values: Vec<f64>,
    /// For each parameter, the parabola's second derivative.
    curvatures: Vec<f64>,
    /// For each row its change of score, times the root of its second derivative.
    changes: Vec<f64>,
    roots: Vec<f64>,
    /// How far each parameter goes.
    way: Vec<f64>,
}

impl Columns {
    /// Takes the parameters that are not zero or are pulled away from it.
    fn gather(&mut self, objective: &Objective<'_>, here: &Trial) {
        let Some(pairs) = &objective.pairs else { return };
        let scale = 1.0 / objective.sample.weight_sum();
        self.roots.clear();
        for partial in &objective.partials {
            self.roots.extend(partial.kept.iter().map(|kept| (kept * scale).sqrt()));
        }
        self.changes.clear();
        self.changes.resize(self.roots.len(), 0.0);
        self.indices.clear();
        self.ends.clear();
        self.rows.clear();
        self.values.clear();
        self.curvatures.clear();
        for (index, (value, pull)) in here.point.iter().zip(&here.subgradient).enumerate() {
            if *value == 0.0 && *pull == 0.0 {
                continue;
            }
            let first = self.values.len();
            if index < objective.coefficient_count() {
                let (rows, values) = pairs.columns.column(index);
                self.rows.extend_from_slice(rows);
                let scaled = rows
                    .iter()
                    .zip(values)
                    .map(|(row, value)| value * self.roots[*row as usize]);
                self.values.extend(scaled);
            } else {
                self.rows.extend(0..self.roots.len() as u32);
                self.values.extend_from_slice(&self.roots);
            }
            let squares: f64 = self.values[first..].iter().map(|value| value * value).sum();
            self.indices.push(index);
            self.ends.push(self.values.len());
            self.curvatures.push(squares + objective.strength(index).l2);
        }
    }

    /// Writes to `step` the way to the parabola's minimum, until what is missing is the part `left` of the fall, or `enough`. Gives
    /// the parabola's fall, and what is missing of the whole, by estimate.
    fn descend(
        &mut self,
        objective: &Objective<'_>,
        here: &Trial,
        left: f64,
        enough: f64,
        step: &mut [f64],
    ) -> Result<(f64, f64), Interrupted> {
        let interrupt = objective.sample.interrupt;
        self.way.clear();
        self.way.resize(self.indices.len(), 0.0);
        let (mut fall, mut missing) = (0.0, f64::INFINITY);
        let mut path = Path::default();
        path.push(&self.way, &self.changes);
        for _ in 0..MOST_PASSES {
            interrupt::check(interrupt)?;
            missing = self.pass(objective, here);
            fall += missing;
            if missing <= enough.max(left * fall) {
                break;
            }
            path.push(&self.way, &self.changes);
            if let Some((way, changes)) = path.end(interrupt)? {
                let lower = self.height(objective, here, &way, &changes);
                let further = self.height(objective, here, &self.way, &self.changes) - lower;
                if further > 0.0 {
                    (self.way, self.changes) = (way, changes);
                    fall += further;
                }
                path.clear();
                path.push(&self.way, &self.changes);
            }
        }
        step.fill(0.0);
        for (&index, &way) in self.indices.iter().zip(&self.way) {
            step[index] = way;
        }
        Ok((fall, missing))
    }

    /// Takes each parameter to where the parabola is lowest along it. Gives the parabola's fall.
    fn pass(&mut self, objective: &Objective<'_>, here: &Trial) -> f64 {
        let (mut first, mut fall) = (0, 0.0);
        for (place, way) in self.way.iter_mut().enumerate() {
            let (index, curvature) = (self.indices[place], self.curvatures[place]);
            let span = first..self.ends[place];
            first = span.end;
            if curvature <= 0.0 {
                continue;
            }
            let (rows, values) = (&self.rows[span.clone()], &self.values[span]);
            let strength = objective.strength(index);
            let slope = here.gradient[index] + strength.l2 * *way + sparse_dot(rows, values, &self.changes);
            let at = here.point[index] + *way;
            let free = at - slope / curvature;
            let reach = strength.l1 / curvature;
            let to = free - free.max(-reach).min(reach);
            let moved = to - at;
            if moved == 0.0 {
                continue;
            }
            *way = to - here.point[index];
            for (row, value) in rows.iter().zip(values) {
                self.changes[*row as usize] += moved * value;
            }
            fall -= moved * (slope + 0.5 * curvature * moved) + strength.l1 * (to.abs() - at.abs());
        }
        fall
    }

    /// The parabola, absolute values included, less what it is here.
    fn height(&self, objective: &Objective<'_>, here: &Trial, way: &[f64], changes: &[f64]) -> f64 {
        let mut height = 0.5 * dot(changes, changes);
        for (&index, way) in self.indices.iter().zip(way) {
            let (strength, at) = (objective.strength(index), here.point[index]);
            height += way * (here.gradient[index] + 0.5 * strength.l2 * way);
            height += strength.l1 * ((at + way).abs() - at.abs());
        }
        height
    }
}

/// How far each parameter went, and what that changes for each row.
type Place = (Vec<f64>, Vec<f64>);

/// Where some passes led one after the other, to guess where they lead.
///
/// Source: Q. Bertrand and M. Massias, "Anderson acceleration of coordinate descent", AISTATS 2021.
#[derive(Default)]
struct Path {
    ways: Vec<Vec<f64>>,
    changes: Vec<Vec<f64>>,
}

impl Path {
    fn push(&mut self, way: &[f64], changes: &[f64]) {
        if self.ways.len() > MIXED {
            // They could not be mixed.
            self.clear();
        }
        self.ways.push(way.to_vec());
        self.changes.push(changes.to_vec());
    }

    fn clear(&mut self) {
        self.ways.clear();
        self.changes.clear();
    }

    /// The mixture of the last points whose pass would change the scores least, once there are enough points.
    fn end(&self, interrupt: Interrupt<'_>) -> Result<Option<Place>, Interrupted> {
        if self.ways.len() <= MIXED {
            return Ok(None);
        }
        let passes: Vec<Vec<f64>> = self
            .changes
            .windows(2)
            .map(|pair| {
                pair[1]
                    .iter()
                    .zip(&pair[0])
                    .map(|(after, before)| after - before)
                    .collect()
            })
            .collect();
        let mut gram = [0.0; MIXED * MIXED];
        for row in 0..MIXED {
            for column in 0..=row {
                gram[row * MIXED + column] = dot(&passes[row], &passes[column]);
            }
        }
        let trace: f64 = (0..MIXED).map(|row| gram[row * MIXED + row]).sum();
        for row in 0..MIXED {
            gram[row * MIXED + row] += 1e-10 * trace;
        }
        if cholesky::factorise(&mut gram, MIXED, interrupt)?.is_err() {
            return Ok(None);
        }
        let mut parts = [1.0; MIXED];
        cholesky::solve(&gram, &mut parts);
        let sum: f64 = parts.iter().sum();
        let mixed = |points: &[Vec<f64>]| {
            let mut mixed = vec![0.0; points[0].len()];
            for (point, part) in points[1..].iter().zip(parts) {
                add_scaled(&mut mixed, part / sum, point);
            }
            mixed
        };
        Ok(Some((mixed(&self.ways), mixed(&self.changes))))
    }
}
