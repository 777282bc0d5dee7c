//! First centres from some of the rows.

use crate::error::FitError;
use crate::kmeans::lloyd::{Buffers, Lloyd};
use crate::kmeans::mini_batch::Parameters;
use crate::kmeans::{Init, init};
use crate::numpy_random::RandomState;
use crate::rows::Taken;
use crate::sample::Sample;

/// The start with the lowest inertia over rows drawn for that.
pub(crate) fn best(
    sample: Sample<'_>,
    parameters: &Parameters,
    random: &mut RandomState,
) -> Result<Vec<f64>, FitError> {
    let judges = Part::draw(sample, parameters.init_rows(sample.len()), random)?;
    if parameters.starts() == 1 {
        return one(sample, parameters, random);
    }
    let judges = judges.sample(sample);
    let mut buffers = Buffers::new(parameters.n_clusters, sample.columns());
    let mut lloyd = Lloyd::new(judges, &mut buffers);
    let mut labels = vec![-1; judges.len()];
    let mut best = (Vec::new(), f64::INFINITY);
    for start in 0..parameters.starts() {
        let centers = nth(sample, parameters, start, random)?;
        let inertia = lloyd.label(&centers, &mut labels)?;
        if best.0.is_empty() || inertia < best.1 {
            best = (centers, inertia);
        }
    }
    Ok(best.0)
}

/// One start.
pub(crate) fn one(sample: Sample<'_>, parameters: &Parameters, random: &mut RandomState) -> Result<Vec<f64>, FitError> {
    nth(sample, parameters, 0, random)
}

fn nth(
    sample: Sample<'_>,
    parameters: &Parameters,
    start: usize,
    random: &mut RandomState,
) -> Result<Vec<f64>, FitError> {
    let size = parameters.init_rows(sample.len());
    let part;
    let mut chosen = sample;
    if size < sample.len() {
        // Drawn for given centres too, as in scikit-learn: the batches' draws come after.
        part = Part::draw(sample, size, random)?;
        chosen = part.sample(sample);
    }
    match &parameters.init {
        Init::KMeansPlusPlus => {
            chosen.check_weight_sum()?;
            init::k_means_plus_plus(chosen, parameters.n_clusters, random)
        }
        Init::Random => {
            chosen.check_weight_sum()?;
            init::random_rows(chosen, parameters.n_clusters, random)
        }
        Init::Centers(centers) => Ok(centers.clone()),
        Init::Starts(starts) => Ok(starts[start].clone()),
    }
}

/// Some rows of a sample, drawn with equal odds, and their weights.
struct Part {
    rows: Taken,
    weights: Vec<f64>,
}

impl Part {
    fn draw(sample: Sample<'_>, size: usize, random: &mut RandomState) -> Result<Self, FitError> {
        let drawn = random.integers(sample.len(), size);
        let rows = sample.rows().take(&drawn, sample.interrupt)?;
        let weights = drawn.iter().map(|&index| sample.weight(index)).collect();
        Ok(Self { rows, weights })
    }

    fn sample<'a>(&'a self, whole: Sample<'a>) -> Sample<'a> {
        Sample::of_checked(self.rows.rows(), Some(&self.weights), whole.interrupt)
    }
}
