//! What a variable can start from.

use ndarray::{ArrayBase, Data, Dimension};

use super::Variable;
use crate::dtype::Element;
use crate::error::Result;
use crate::graph::{Graph, Tensor};
use crate::ops::IntoTensor;
use crate::value::{IntoValue, Value};

/// What a variable can start from: tensors, variables, results of builders, and whatever a constant is made of.
pub trait Initial {
    /// The tensor; a value becomes a constant.
    ///
    /// # Errors
    /// The error of a failed builder.
    fn initial(self, g: &Graph) -> Result<Tensor>;
}

macro_rules! tensors {
    ($($t:ty),*) => { $(
        impl Initial for $t {
            #[track_caller]
            fn initial(self, _: &Graph) -> Result<Tensor> {
                self.tensor(None)
            }
        }
    )* };
}
tensors! { Tensor, &Tensor, Variable, &Variable, Result<Tensor>, &Result<Tensor> }

macro_rules! values {
    ($([$($g:tt)*] $t:ty),* $(,)?) => { $(
        impl<$($g)*> Initial for $t {
            #[track_caller]
            fn initial(self, g: &Graph) -> Result<Tensor> {
                g.constant(self)
            }
        }
    )* };
}
values! {
    [] f32, [] f64, [] i32, [] i64, [] bool, [] &str, [] Value, [] &Value,
    [S: Data<Elem: Element>, D: Dimension] ArrayBase<S, D>, ['a, S: Data<Elem: Element>, D: Dimension] &'a ArrayBase<S, D>,
}

macro_rules! lists {
    ($([$($g:tt)*] $t:ty),*) => { $(
        impl<$($g)*> Initial for $t where $t: IntoValue {
            #[track_caller]
            fn initial(self, g: &Graph) -> Result<Tensor> {
                g.constant(self)
            }
        }
    )* };
}
lists! { [T] Vec<T>, ['a, T] &'a [T], [T, const N: usize] [T; N], ['a, T, const N: usize] &'a [T; N] }
