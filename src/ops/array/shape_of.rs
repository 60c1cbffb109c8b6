//! `Shape`, `ShapeN`, `Size` and `Rank`: shapes as values.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Shape as Static};
use crate::value::{IntoValue, Value};

/// The dims of the input.
#[derive(Debug, Clone)]
pub struct Shape {
    /// int32 or int64.
    pub out_type: DType,
}

/// The dims of each input.
#[derive(Debug, Clone)]
pub struct ShapeN {
    /// int32 or int64.
    pub out_type: DType,
}

/// The number of elements of the input.
#[derive(Debug, Clone)]
pub struct Size {
    /// int32 or int64.
    pub out_type: DType,
}

/// The number of dims of the input.
#[derive(Debug, Clone)]
pub struct Rank;

/// The row of [`Shape`].
pub static SHAPE: OpKind = OpKind::new(
    "Shape",
    "input: T -> output: out_type",
    |attrs: &Attrs| Ok(Arc::new(Shape { out_type: out_type(attrs)? }) as Arc<dyn Op>),
    || {
        let value = || Value::zeros(DType::F32, &[2, 0, 3]).unwrap_or(1.0.into_value());
        vec![
            Example::new(Shape { out_type: DType::I32 }, [value()]),
            Example::new(Shape { out_type: DType::I64 }, ["text".into_value()]),
        ]
    },
)
.not_differentiable("a shape does not depend on the elements");

/// The row of [`ShapeN`].
pub static SHAPE_N: OpKind = OpKind::new(
    "ShapeN",
    "input: N*T -> output: N*out_type",
    |attrs: &Attrs| Ok(Arc::new(ShapeN { out_type: out_type(attrs)? }) as Arc<dyn Op>),
    || vec![Example::new(ShapeN { out_type: DType::I32 }, [[1.0f32, 2.0].into_value(), 3.0f32.into_value()])],
)
.not_differentiable("a shape does not depend on the elements");

/// The row of [`Size`].
pub static SIZE: OpKind = OpKind::new(
    "Size",
    "input: T -> output: out_type",
    |attrs: &Attrs| Ok(Arc::new(Size { out_type: out_type(attrs)? }) as Arc<dyn Op>),
    || vec![Example::new(Size { out_type: DType::I32 }, [[[1.0f32, 2.0]].into_value()])],
)
.not_differentiable("a shape does not depend on the elements");

/// The row of [`Rank`].
pub static RANK: OpKind = OpKind::new(
    "Rank",
    "input: T -> output: int32",
    |_: &Attrs| Ok(Arc::new(Rank) as Arc<dyn Op>),
    || vec![Example::new(Rank, [[[1.0f32, 2.0]].into_value()])],
)
.not_differentiable("a shape does not depend on the elements");

impl Tensor {
    /// The shape as an int32 vector that a run computes: `(d0, .., dn) -> (n)`. A constant where the shape is known, as
    /// in TF1.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// assert_eq!(g.placeholder(DType::F32, shape![?, 3])?.shape_tensor()?.shape().to_string(), "(2,)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.shape")]
    #[track_caller]
    pub fn shape_tensor(&self) -> Result<Tensor> {
        self.shape_tensor_as(DType::I32)
    }

    /// As [`Tensor::shape_tensor`], of int32 or int64.
    ///
    /// # Errors
    /// `DTypeMismatch` for another dtype.
    #[doc(alias = "tf.shape")]
    #[track_caller]
    pub fn shape_tensor_as(&self, out_type: DType) -> Result<Tensor> {
        check_out_type(out_type)?;
        let g = self.graph();
        g.composite("Shape", |scope| {
            g.named(scope, || match self.shape().known_dims() {
                Some(dims) => g.constant(sizes(dims.iter().map(|dim| *dim as i64), out_type)?.reshaped(&[dims.len()])?),
                None => g.apply_one(Shape { out_type }, &[self]),
            })
        })
    }

    /// The number of elements as an int32 scalar that a run computes; a constant where it is known, as in TF1.
    ///
    /// # Errors
    /// `InvalidArgument` for a known number that int32 does not hold.
    #[doc(alias = "tf.size")]
    #[track_caller]
    pub fn size_tensor(&self) -> Result<Tensor> {
        let g = self.graph();
        g.composite("Size", |scope| {
            g.named(scope, || match self.shape().num_elements().and_then(|count| count.as_i64()) {
                Some(count) => g.constant(sizes([count], DType::I32)?.reshaped(&[])?),
                None => g.apply_one(Size { out_type: DType::I32 }, &[self]),
            })
        })
    }

    /// The number of dims as an int32 scalar that a run computes; a constant where it is known, as in TF1.
    /// [`Tensor::rank`] is the number itself.
    #[doc(alias = "tf.rank")]
    #[track_caller]
    pub fn rank_tensor(&self) -> Result<Tensor> {
        let g = self.graph();
        g.composite("Rank", |scope| {
            g.named(scope, || match self.shape().rank() {
                Some(rank) => g.constant(sizes([rank as i64], DType::I32)?.reshaped(&[])?),
                None => g.apply_one(Rank, &[self]),
            })
        })
    }
}

/// The shapes of several tensors of one dtype as vectors.
///
/// # Errors
/// `InvalidArgument` without tensors; `DTypeMismatch` for tensors of several dtypes.
#[doc(alias = "tf.shape_n")]
#[track_caller]
pub fn shape_n(inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
    let first = inputs.first().ok_or_else(|| Error::invalid("shape_n needs at least one tensor"))?;
    Ok(first.graph().apply(ShapeN { out_type: DType::I32 }, inputs)?.outputs())
}

fn out_type(attrs: &Attrs) -> Result<DType> {
    let dtype = attrs.dtype_or("out_type", DType::I32)?;
    check_out_type(dtype)?;
    Ok(dtype)
}

fn check_out_type(dtype: DType) -> Result<()> {
    if matches!(dtype, DType::I32 | DType::I64) {
        return Ok(());
    }
    Err(Error::dtype(format!("out_type must be int32 or int64, but is {dtype}")))
}

/// A vector of sizes.
fn sizes(sizes: impl IntoIterator<Item = i64>, dtype: DType) -> Result<Value> {
    let wide: Vec<i64> = sizes.into_iter().collect();
    if dtype == DType::I64 {
        return Ok(wide.into_value());
    }
    let too_large = |n: &i64| Error::invalid(format!("int32 must hold the size, but it is {n}; ask for int64"));
    let narrow = wide.iter().map(|n| i32::try_from(*n).map_err(|_| too_large(n))).collect::<Result<Vec<i32>>>()?;
    Ok(narrow.into_value())
}

fn shape_fact(cx: &mut InferCx<'_>, i: usize, dtype: DType) {
    match cx.shape(i).dims() {
        Some(dims) => cx.output_sizes(dtype, dims, false),
        None => drop(cx.output(dtype, Static::from([Dim::unknown()]))),
    }
}

fn shape_value(cx: &RunCx<'_>, i: usize, dtype: DType) -> Result<Value> {
    sizes(cx.input(i).dims().iter().map(|dim| *dim as i64), dtype)
}

impl Op for Shape {
    fn kind(&self) -> &'static OpKind {
        &SHAPE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        shape_fact(cx, 0, self.out_type);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = shape_value(cx, 0, self.out_type)?;
        cx.output(0, value);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("out_type", AttrValue::Type(self.out_type))]
    }
}

impl Op for ShapeN {
    fn kind(&self) -> &'static OpKind {
        &SHAPE_N
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        (0..cx.n_inputs()).for_each(|i| shape_fact(cx, i, self.out_type));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        for i in 0..cx.n_inputs() {
            let value = shape_value(cx, i, self.out_type)?;
            cx.output(i, value);
        }
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("out_type", AttrValue::Type(self.out_type))]
    }
}

impl Op for Size {
    fn kind(&self) -> &'static OpKind {
        &SIZE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        match cx.shape(0).num_elements() {
            Some(count) => cx.output_sizes(self.out_type, &[count], true),
            None => drop(cx.output(self.out_type, Static::scalar())),
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = sizes([cx.input(0).len() as i64], self.out_type)?.reshaped(&[])?;
        cx.output(0, value);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("out_type", AttrValue::Type(self.out_type))]
    }
}

impl Op for Rank {
    fn kind(&self) -> &'static OpKind {
        &RANK
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        match cx.shape(0).rank() {
            Some(rank) => cx.output_sizes(DType::I32, &[Dim::from(rank)], true),
            None => drop(cx.output(DType::I32, Static::scalar())),
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let rank = cx.input(0).rank() as i32;
        cx.output(0, Value::scalar_of(rank));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::shape;

    #[test]
    fn what_is_known_becomes_a_constant() {
        let g = Graph::new();
        let known = g.placeholder(DType::F32, shape![2, 3]).unwrap();
        let partly = g.placeholder(DType::F32, shape![?, 3]).unwrap();
        let made = |tensor: Tensor| format!("{} {}", tensor.name(), tensor.node().op().kind().name);
        assert_eq!(made(known.shape_tensor().unwrap()), "Shape:0 Const");
        assert_eq!(made(partly.shape_tensor().unwrap()), "Shape_1:0 Shape");
        assert_eq!(made(known.size_tensor().unwrap()), "Size:0 Const");
        assert_eq!(made(partly.size_tensor().unwrap()), "Size_1:0 Size");
        assert_eq!(made(partly.rank_tensor().unwrap()), "Rank:0 Const");
    }

    #[test]
    fn sizes_are_followed() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape!["b", 3]).unwrap();
        let sizes = |tensor: Tensor| tensor.fact().sizes.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(sizes(x.shape_tensor().unwrap()), ["b", "3"]);
        assert_eq!(sizes(x.size_tensor().unwrap()), ["3*b"]);
        assert_eq!(sizes(shape_n(&[&x, &x]).unwrap().remove(1)), ["b", "3"]);
    }
}
