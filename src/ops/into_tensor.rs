//! What can stand where a tensor is wanted.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::Tensor;
use crate::value::{IntoValue, Value};

/// Tensors, variables, results of builders, and bare scalars. A scalar is weak: it takes the dtype of the tensor it
/// meets, as a Python number does in TF1.
pub trait IntoTensor {
    /// The tensor; `like` gives a scalar its graph and dtype.
    ///
    /// # Errors
    /// The error of a failed builder; `InvalidArgument` for a scalar that nothing gives a graph to, or that does not
    /// fit the dtype.
    fn tensor(&self, like: Option<&Tensor>) -> Result<Tensor>;

    /// Whether this is a bare scalar, which becomes a constant of its own.
    #[doc(hidden)]
    fn is_bare(&self) -> bool {
        false
    }
}

impl IntoTensor for Tensor {
    fn tensor(&self, _: Option<&Tensor>) -> Result<Tensor> {
        Ok(self.clone())
    }
}

impl IntoTensor for Result<Tensor> {
    fn tensor(&self, _: Option<&Tensor>) -> Result<Tensor> {
        self.clone()
    }
}

impl<T: IntoTensor + ?Sized> IntoTensor for &T {
    #[track_caller]
    fn tensor(&self, like: Option<&Tensor>) -> Result<Tensor> {
        (**self).tensor(like)
    }

    fn is_bare(&self) -> bool {
        (**self).is_bare()
    }
}

macro_rules! weak_scalars {
    ($($t:ty),*) => { $(
        impl IntoTensor for $t {
            #[track_caller]
            fn tensor(&self, like: Option<&Tensor>) -> Result<Tensor> {
                weak_constant((*self).into_value(), like)
            }

            fn is_bare(&self) -> bool {
                true
            }
        }
    )* };
}
weak_scalars! { f32, f64, i32, i64, bool }

#[track_caller]
fn weak_constant(scalar: Value, like: Option<&Tensor>) -> Result<Tensor> {
    let like = like.ok_or_else(|| Error::invalid("a bare number needs a tensor beside it; write g.constant(..)"))?;
    let dtype = if like.dtype() == DType::String { scalar.dtype() } else { like.dtype() };
    like.graph().constant(scalar.weak_cast(dtype)?)
}
