//! K-Means and logistic regression: slices in, slices out.
