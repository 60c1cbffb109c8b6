//! What can stand where TensorFlow takes a list of integers or a tensor of them: sizes, axes, permutations.

use std::panic::Location;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Graph, Ints, RunCx, Tensor};
use crate::shape::{MAX_RANK, Shape};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// One entry of a list: a number, or a scalar tensor.
#[derive(Debug, Clone)]
pub enum Size {
    /// A number; -1 where the op solves for it.
    Number(i64),
    /// A scalar tensor.
    Tensor(Tensor),
}

macro_rules! size_from {
    ($($t:ty),*) => { $(
        impl From<$t> for Size {
            fn from(number: $t) -> Size {
                // A size past i64 is refused by whoever multiplies it.
                Size::Number(i64::try_from(number).unwrap_or(i64::MAX))
            }
        }
    )* };
}
size_from! { i32, i64, usize }

impl From<Tensor> for Size {
    fn from(tensor: Tensor) -> Size {
        Size::Tensor(tensor)
    }
}

impl From<&Tensor> for Size {
    fn from(tensor: &Tensor) -> Size {
        Size::Tensor(tensor.clone())
    }
}

/// A list of sizes in which numbers and scalar tensors mix: `x.reshape(sizes![&n, -1, 3])`.
#[macro_export]
macro_rules! sizes {
    ($($size:expr),* $(,)?) => { [$($crate::ops::array::Size::from($size)),*] };
}

/// A list of integers: arrays, slices, `Vec`s, a known [`Shape`], lists that [`sizes!`](crate::sizes) mixes, or an
/// integer tensor.
pub trait IntoSizes {
    /// The tensor; numbers become a constant of the given name, and mixed lists a `Pack` of that name.
    ///
    /// # Errors
    /// The error of a failed builder; `ShapeMismatch` for a shape that is not fully known.
    fn sizes(&self, g: &Graph, name: &str) -> Result<Tensor>;

    /// The numbers, where all are known without looking at a tensor.
    fn numbers(&self) -> Option<Vec<i64>>;
}

impl IntoSizes for Tensor {
    fn sizes(&self, _: &Graph, _: &str) -> Result<Tensor> {
        Ok(self.clone())
    }

    fn numbers(&self) -> Option<Vec<i64>> {
        None
    }
}

impl IntoSizes for Result<Tensor> {
    fn sizes(&self, _: &Graph, _: &str) -> Result<Tensor> {
        self.clone()
    }

    fn numbers(&self) -> Option<Vec<i64>> {
        None
    }
}

impl IntoSizes for Shape {
    #[track_caller]
    fn sizes(&self, g: &Graph, name: &str) -> Result<Tensor> {
        let unknown = || Error::shape(format!("sizes must be known, but the shape is {self}"));
        let numbers = self.numbers().ok_or_else(unknown)?;
        g.at_line(Location::caller(), || g.named(name, || g.constant(sizes_value(&numbers))))
    }

    fn numbers(&self) -> Option<Vec<i64>> {
        self.known_dims().map(|dims| dims.iter().map(|dim| *dim as i64).collect())
    }
}

impl IntoSizes for [Size] {
    #[track_caller]
    fn sizes(&self, g: &Graph, name: &str) -> Result<Tensor> {
        g.at_line(Location::caller(), || match self.numbers() {
            Some(numbers) => g.named(name, || g.constant(sizes_value(&numbers))),
            None => g.named(name, || super::pack::pack_sizes(g, self)),
        })
    }

    fn numbers(&self) -> Option<Vec<i64>> {
        self.iter().map(|size| if let Size::Number(n) = size { Some(*n) } else { None }).collect()
    }
}

impl<T: IntoSizes + ?Sized> IntoSizes for &T {
    #[track_caller]
    fn sizes(&self, g: &Graph, name: &str) -> Result<Tensor> {
        (**self).sizes(g, name)
    }

    fn numbers(&self) -> Option<Vec<i64>> {
        (**self).numbers()
    }
}

macro_rules! lists {
    ($($t:ty),*) => { $(
        impl IntoSizes for [$t] {
            #[track_caller]
            fn sizes(&self, g: &Graph, name: &str) -> Result<Tensor> {
                let numbers: Vec<Size> = self.iter().map(|n| Size::from(*n)).collect();
                numbers[..].sizes(g, name)
            }

            fn numbers(&self) -> Option<Vec<i64>> {
                self.iter().map(|n| i64::try_from(*n).ok()).collect()
            }
        }
        owned_lists! { $t }
    )* };
}
macro_rules! owned_lists {
    ($t:ty) => {
        impl<const N: usize> IntoSizes for [$t; N] {
            #[track_caller]
            fn sizes(&self, g: &Graph, name: &str) -> Result<Tensor> {
                self[..].sizes(g, name)
            }

            fn numbers(&self) -> Option<Vec<i64>> {
                self[..].numbers()
            }
        }

        impl IntoSizes for Vec<$t> {
            #[track_caller]
            fn sizes(&self, g: &Graph, name: &str) -> Result<Tensor> {
                self[..].sizes(g, name)
            }

            fn numbers(&self) -> Option<Vec<i64>> {
                self[..].numbers()
            }
        }
    };
}
lists! { i32, i64, usize }
owned_lists! { Size }

/// The numbers as an int32 vector, as Python's lists become one; int64 where one does not fit.
pub(super) fn sizes_value(numbers: &[i64]) -> Value {
    let narrow: Option<Vec<i32>> = numbers.iter().map(|n| i32::try_from(*n).ok()).collect();
    narrow.map_or_else(|| numbers.to_vec().into_value(), IntoValue::into_value)
}

/// The elements of an int32 or int64 value as dims.
///
/// # Errors
/// `InvalidArgument` for a negative size, for more than [`MAX_RANK`] and for a product that no value can have.
pub(super) fn dims_of(value: &Value) -> Result<crate::shape::Dims> {
    let size =
        |n: i64| usize::try_from(n).map_err(|_| Error::invalid(format!("dimensions must be >= 0, but one is {n}")));
    let sizes = Ints::of(value)?;
    if sizes.len() > MAX_RANK {
        return Err(Error::invalid(format!(
            "a shape must have at most {MAX_RANK} dimensions, but has {}",
            sizes.len()
        )));
    }
    let dims = sizes.iter().map(size).collect::<Result<crate::shape::Dims>>()?;
    crate::shape::element_count(&dims)?;
    Ok(dims)
}

/// An int32 or int64 vector of these numbers.
pub(super) fn int_vector(cx: &RunCx<'_>, dtype: DType, numbers: &[i64]) -> Result<Value> {
    let mut out = cx.alloc(dtype, &[numbers.len()])?;
    with_type!(dtype, T in index => {
        out.make_mut::<T>()?.iter_mut().zip(numbers).for_each(|(cell, n)| *cell = *n as T);
    }, else => return Err(Error::internal("indices are int32 or int64")));
    Ok(out)
}

/// An op without attributes of another family, by its name in the table: composites need a few of them.
#[track_caller]
pub(super) fn by_name(name: &str, inputs: &[&Tensor]) -> Result<Tensor> {
    let op = (crate::ops::find(name)?.parse)(&Attrs::default())?;
    inputs[0].graph().apply_named(name, op, inputs)?.output(0)
}

/// As [`check_index`], for the ops that TensorFlow 2 gives int16 indices too.
pub(super) fn check_short_index(what: &str, dtype: DType) -> Result<()> {
    if dtype == DType::I16 { Ok(()) } else { check_index(what, dtype) }
}

/// Refuses an argument of another dtype than int32 and int64.
pub(super) fn check_index(what: &str, dtype: DType) -> Result<()> {
    if matches!(dtype, DType::I32 | DType::I64) {
        return Ok(());
    }
    Err(Error::dtype(format!("{what} must be int32 or int64, but is {dtype}")))
}
