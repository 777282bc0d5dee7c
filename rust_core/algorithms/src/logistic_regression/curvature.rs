//! The objective's second derivatives with respect to some of its parameters.

use std::ops::Range;

use super::loss::{Objective, softmax};
use super::share::Share;
use super::triangle::{Batch, Triangle};
use crate::blocks::Blocks;
use crate::interrupt::Interrupted;
use crate::packed::{LANES, Lanes, add_scaled};
use crate::rows::{Row, Tile};

/// Some of an objective's parameters, class by class; in each by column, the intercept last.
#[derive(Debug)]
pub(super) struct Chosen {
    /// Their places in a point.
    pub(super) indices: Vec<usize>,
    /// For each score the columns; the intercept counts as the column after the last.
    columns: Vec<Vec<usize>>,
    /// For each score the number of parameters before its own.
    offsets: Vec<usize>,
    /// Whether it is all of them.
    all: bool,
}

impl Chosen {
    /// The parameters of which `wanted` says yes.
    pub(super) fn new(objective: &Objective<'_>, wanted: impl Fn(usize) -> bool) -> Self {
        let width = objective.sample.columns();
        let mut chosen = Self {
            indices: Vec::new(),
            columns: Vec::with_capacity(objective.scores),
            offsets: Vec::with_capacity(objective.scores),
            all: false,
        };
        for score in 0..objective.scores {
            chosen.offsets.push(chosen.indices.len());
            let place = |column: usize| match column < width {
                true => score * width + column,
                false => objective.coefficient_count() + score,
            };
            let all = 0..width + usize::from(objective.fit_intercept);
            let columns: Vec<usize> = all.filter(|&column| wanted(place(column))).collect();
            chosen.indices.extend(columns.iter().map(|&column| place(column)));
            chosen.columns.push(columns);
        }
        chosen.all = chosen.len() == objective.parameter_count();
        chosen
    }

    pub(super) fn len(&self) -> usize {
        self.indices.len()
    }

    /// For each score and column, the place among that score's chosen columns, or `ABSENT`.
    fn places(&self, columns: usize) -> Vec<u32> {
        let mut places = vec![ABSENT; self.columns.len() * (columns + 1)];
        for (places, chosen) in places.chunks_exact_mut(columns + 1).zip(&self.columns) {
            for (place, &column) in (0..).zip(chosen) {
                places[column] = place;
            }
        }
        places
    }
}

const ABSENT: u32 = u32::MAX;

/// Where only some of the rows are taken, at least so many of each block, if there are as many. Memory for a block's sums, used for the first
/// time, takes longer to get than outer products of a few rows to add.
const LEAST_TAKEN: usize = 512;
/// Numbers in a block's sums that count as many.
const LARGE: usize = 1 << 16;
/// Blocks with so many numbers, at most, where only some of their rows are taken.
const BLOCKS_OF_LARGE: usize = 8;

/// Sums over rows.
struct Curvature {
    /// For each class.
    by_class: Vec<Triangle>,
    /// For all of them together.
    joint: Option<Triangle>,
    /// The weights of these rows.
    weight: f64,
}

/// What the rows of one block add. With weight s, probabilities p and row x, the second derivatives are
/// s·(diag(p) − p·pᵀ) ⊗ x·xᵀ: a sum of outer products for each class, less one for all of them.
#[derive(Clone)]
struct Partial {
    by_class: Vec<Triangle>,
    /// None for two classes.
    joint: Option<Triangle>,
    batches: Vec<Batch>,
    joint_batch: Batch,
    /// One row's, where they are not kept.
    probabilities: Vec<Lanes>,
    entries: Vec<(usize, f64)>,
    joint_entries: Vec<(usize, f64)>,
}

impl Objective<'_> {
    /// The Hessian at `point` over the chosen parameters, row-major and whole, as a share of the rows has it.
    ///
    /// Where nothing keeps the classes' numbers for a column from moving together, which changes no probability, that
    /// direction is given a curvature, so that a step does not take it.
    pub(super) fn hessian(&mut self, point: &[f64], chosen: &Chosen, share: Share) -> Result<Vec<f64>, Interrupted> {
        let size = chosen.len();
        let Curvature {
            by_class,
            joint,
            weight,
        } = self.curvature(point, chosen, share)?;
        let mut hessian = vec![0.0; size * size];
        for (score, triangle) in by_class.iter().enumerate() {
            let offset = chosen.offsets[score];
            for row in 0..chosen.columns[score].len() {
                for column in 0..=row {
                    hessian[(offset + row) * size + offset + column] = triangle.get(row, column);
                }
            }
        }
        for row in 0..size {
            for column in 0..=row {
                let common = joint.as_ref().map_or(0.0, |joint| joint.get(row, column));
                let value = (hessian[row * size + column] - common) / weight;
                hessian[row * size + column] = value;
                hessian[column * size + row] = value;
            }
            hessian[row * size + row] += self.strength(chosen.indices[row]).l2;
        }
        if joint.is_some() {
            self.hold(&mut hessian, chosen);
        }
        Ok(hessian)
    }

    /// Adds curvature along the directions in which unpenalised numbers of all classes move together.
    fn hold(&self, hessian: &mut [f64], chosen: &Chosen) {
        let (size, width) = (chosen.len(), self.sample.columns());
        let free = |column: usize| {
            let strength = match column < width {
                true => self.penalty.coefficients,
                false => self.penalty.intercepts,
            };
            strength.l1 == 0.0 && strength.l2 == 0.0
        };
        for &column in chosen.columns[0].iter().filter(|&&column| free(column)) {
            let places: Vec<usize> = chosen
                .columns
                .iter()
                .zip(&chosen.offsets)
                .filter_map(|(columns, offset)| Some(offset + columns.binary_search(&column).ok()?))
                .collect();
            if places.len() < self.scores {
                continue;
            }
            let sum: f64 = places.iter().map(|&place| hessian[place * size + place]).sum();
            let mean = sum / (places.len() * places.len()) as f64;
            for &row in &places {
                for &column in &places {
                    hessian[row * size + column] += mean;
                }
            }
        }
    }

    fn curvature(&mut self, point: &[f64], chosen: &Chosen, share: Share) -> Result<Curvature, Interrupted> {
        let (size, columns, scores) = (chosen.len(), self.sample.columns(), self.scores);
        let several = scores > 1;
        let (coefficients, intercepts) = point.split_at(self.coefficient_count());
        // Else each row's probabilities are computed again.
        let keeps = self.can_bend();
        if keeps {
            self.go_to(point)?;
        } else {
            self.coefficients.set(coefficients, columns);
        }
        let sparse = self.sample.rows().is_sparse();
        let row_values = self.sample.rows().row_values();
        let sizes = chosen.columns.iter().map(Vec::len);
        let kept = sizes.clone().map(Triangle::len).sum::<usize>() + if several { Triangle::len(size) } else { 0 };
        let row_work = if sparse {
            (scores * row_values).pow(2).min(kept)
        } else {
            kept
        };
        let mut partial_rows = kept.div_ceil(row_values);
        if share != Share::WHOLE {
            // A block has four times as many rows, at least.
            partial_rows = partial_rows.max(share.rows_for(LEAST_TAKEN).min(self.sample.len()).div_ceil(4));
            if kept > LARGE {
                partial_rows = partial_rows.max(self.sample.len().div_ceil(4 * BLOCKS_OF_LARGE));
            }
        }
        let blocks = Blocks::new(self.sample.len(), row_values, row_work, partial_rows);
        let batch = |size| Batch::new(if sparse { 0 } else { size });
        let partial = Partial {
            by_class: sizes.clone().map(Triangle::zeros).collect(),
            joint: several.then(|| Triangle::zeros(size)),
            batches: sizes.map(batch).collect(),
            joint_batch: batch(if several { size } else { 0 }),
            probabilities: Vec::new(),
            entries: Vec::new(),
            joint_entries: Vec::new(),
        };
        let places = if sparse { chosen.places(columns) } else { Vec::new() };
        let mut partials = vec![partial; blocks.count()];
        let (sample, known, known_blocks, laid_out) = (self.sample, &self.partials, &self.blocks, &self.coefficients);
        blocks.reduce(&mut partials, |block, partial| {
            let mut add = |tile: Range<usize>, rows: Tile<'_>| {
                for (index, row) in tile.zip(rows.rows(columns)) {
                    if !keeps {
                        let mut computed = std::mem::take(&mut partial.probabilities);
                        computed.resize(scores.div_ceil(LANES), [0.0; LANES]);
                        laid_out.write_products(row, &mut computed);
                        let probabilities = &mut computed.as_flattened_mut()[..scores];
                        add_scaled(probabilities, 1.0, intercepts);
                        softmax(probabilities);
                        partial.several(row, sample.weight(index), probabilities, chosen, &places);
                        partial.probabilities = computed;
                        continue;
                    }
                    let kept = Self::kept(known, known_blocks, index, scores);
                    if several {
                        partial.several(row, sample.weight(index), kept, chosen, &places);
                    } else {
                        partial.class(0, row, kept[0], chosen, &places);
                    }
                }
            };
            for run in share.of(block) {
                sample.tiles(&blocks, run, &mut add)?;
            }
            partial.finish();
            Ok(())
        })?;
        let weight_of = |rows: Range<usize>| match sample.weights_of(rows.clone()) {
            Some(weights) => weights.iter().sum(),
            None => rows.len() as f64,
        };
        let weight = match share {
            Share::WHOLE => sample.weight_sum(),
            _ => share.of(0..sample.len()).map(weight_of).sum(),
        };
        let mut partials = partials.into_iter();
        let Some(mut total) = partials.next() else {
            return Ok(Curvature {
                by_class: Vec::new(),
                joint: None,
                weight,
            });
        };
        for other in partials {
            for (total, other) in total.by_class.iter_mut().zip(&other.by_class) {
                total.add_all(other);
            }
            if let (Some(total), Some(other)) = (&mut total.joint, &other.joint) {
                total.add_all(other);
            }
        }
        Ok(Curvature {
            by_class: total.by_class,
            joint: total.joint,
            weight,
        })
    }
}

impl Partial {
    /// Adds `factor × row·rowᵀ` over the columns chosen for one score.
    fn class(&mut self, score: usize, row: Row<'_>, factor: f64, chosen: &Chosen, places: &[u32]) {
        match row {
            Row::Dense(values) => {
                let root = factor.sqrt();
                if chosen.all {
                    self.batches[score].set_row(values, root, chosen.columns[score].len() > values.len());
                } else {
                    self.batches[score].set(0, scaled(&chosen.columns[score], values, root));
                }
                self.batches[score].advance(&mut self.by_class[score]);
            }
            Row::Sparse(_) => {
                self.entries.clear();
                named(row, score, chosen, places, |place, value| {
                    self.entries.push((place, value));
                });
                self.by_class[score].add_sparse(&self.entries, factor);
            }
        }
    }

    /// Adds a row where there are more than two classes.
    fn several(&mut self, row: Row<'_>, weight: f64, probabilities: &[f64], chosen: &Chosen, places: &[u32]) {
        self.joint_entries.clear();
        let root = weight.sqrt();
        for (score, &probability) in probabilities.iter().enumerate() {
            self.class(score, row, weight * probability, chosen, places);
            match row {
                Row::Dense(values) => self.joint_batch.set(
                    chosen.offsets[score],
                    scaled(&chosen.columns[score], values, root * probability),
                ),
                Row::Sparse(_) => {
                    let offset = chosen.offsets[score];
                    self.joint_entries.extend(
                        self.entries
                            .iter()
                            .map(|&(place, value)| (offset + place, probability * value)),
                    );
                }
            }
        }
        let Some(joint) = &mut self.joint else {
            return;
        };
        match row {
            Row::Dense(_) => self.joint_batch.advance(joint),
            Row::Sparse(_) => joint.add_sparse(&self.joint_entries, weight),
        }
    }

    /// Adds what the batches still hold.
    fn finish(&mut self) {
        for (batch, triangle) in self.batches.iter_mut().zip(&mut self.by_class) {
            batch.flush(triangle);
        }
        if let Some(joint) = &mut self.joint {
            self.joint_batch.flush(joint);
        }
    }
}

/// Values of a dense row in the chosen columns, and 1 for the intercept, times a factor.
fn scaled<'v>(columns: &'v [usize], values: &'v [f64], factor: f64) -> impl Iterator<Item = f64> + 'v {
    columns
        .iter()
        .map(move |&column| factor * values.get(column).copied().unwrap_or(1.0))
}

/// Calls `each` with place and value of a sparse row's chosen columns, and of the intercept.
fn named(row: Row<'_>, score: usize, chosen: &Chosen, places: &[u32], mut each: impl FnMut(usize, f64)) {
    let Row::Sparse(row) = row else { return };
    let width = places.len() / chosen.columns.len();
    let places = &places[score * width..][..width];
    let intercept = (width - 1, 1.0);
    for (column, value) in row.entries().chain([intercept]) {
        if places[column] != ABSENT {
            each(places[column] as usize, value);
        }
    }
}
