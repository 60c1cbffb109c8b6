//! A number that a composite computes with before any tensor is made, or a tensor.

use crate::graph::Tensor;

/// A rate or a weight: a number, which is checked while the graph is built, or a tensor.
#[derive(Debug, Clone)]
pub enum Factor {
    /// Known now.
    Number(f64),
    /// Known in the run.
    Tensor(Tensor),
}

impl From<f64> for Factor {
    fn from(number: f64) -> Factor {
        Factor::Number(number)
    }
}

impl From<Tensor> for Factor {
    fn from(tensor: Tensor) -> Factor {
        Factor::Tensor(tensor)
    }
}

impl From<&Tensor> for Factor {
    fn from(tensor: &Tensor) -> Factor {
        Factor::Tensor(tensor.clone())
    }
}
