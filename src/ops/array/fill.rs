//! `Fill`, `ZerosLike` and `OnesLike`: one number all over.

use std::sync::Arc;

use super::cells::{cells, cells_mut, fill_cells, with_cells};
use super::into_sizes::{IntoSizes, check_index, dims_of};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, GradCx, Graph, InferCx, Op, OpKind, RunCx, Tensor};
use crate::ops::container::zeros_like;
use crate::shape::{Dims, element_count};
use crate::value::{IntoValue, Value};

/// Below this many elements TF1 makes zeros and ones constants.
const SMALL: usize = 1000;

/// A scalar, all over a shape.
#[derive(Debug, Clone)]
pub struct Fill;

/// Zeros in the input's shape.
#[derive(Debug, Clone)]
pub struct ZerosLike;

/// Ones in the input's shape.
#[derive(Debug, Clone)]
pub struct OnesLike;

/// The row of [`Fill`].
pub static FILL: OpKind = OpKind::new(
    "Fill",
    "dims: index_type, value: T -> output: T",
    |_: &Attrs| Ok(Arc::new(Fill) as Arc<dyn Op>),
    || {
        vec![
            Example::new(Fill, [[2i32, 3].into_value(), Value::scalar_of(1.5f32)]),
            Example::new(Fill, [[0i64].into_value(), "text".into_value()]),
            Example::new(Fill, [[2i32].into_value(), Value::scalar_of(7i32)]),
        ]
    },
);

/// The row of [`ZerosLike`].
pub static ZEROS_LIKE: OpKind = OpKind::new(
    "ZerosLike",
    "x: T -> y: T",
    |_: &Attrs| Ok(Arc::new(ZerosLike) as Arc<dyn Op>),
    || vec![Example::new(ZerosLike, [[1.0f32, 2.0].into_value()]), Example::new(ZerosLike, ["text".into_value()])],
)
.not_differentiable("it is a constant, whatever the numbers of its input are");

/// The row of [`OnesLike`].
pub static ONES_LIKE: OpKind = OpKind::new(
    "OnesLike",
    "x: T -> y: T",
    |_: &Attrs| Ok(Arc::new(OnesLike) as Arc<dyn Op>),
    || vec![Example::new(OnesLike, [[1.0f32, 2.0].into_value()]), Example::new(OnesLike, [[true, false].into_value()])],
)
.not_differentiable("it is a constant, whatever the numbers of its input are");

impl Graph {
    /// A scalar, all over a shape: `() -> dims`. A bare number is float32 or int32.
    ///
    /// # Errors
    /// `InvalidArgument` for negative sizes and sizes that no value can have; `ShapeMismatch` if the value is no scalar.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// assert_eq!(g.fill([2, 3], 7)?.to_string(), r#"Tensor("Fill:0", shape=(2, 3), dtype=int32)"#);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.fill")]
    #[track_caller]
    pub fn fill(&self, dims: impl IntoSizes, value: impl IntoValue) -> Result<Tensor> {
        self.composite("Fill", |scope| {
            let dims = dims.sizes(self, "dims")?;
            let value = self.named("value", || self.constant(value))?;
            self.named(scope, || self.apply_one(Fill, &[&dims, &value]))
        })
    }

    /// Zeros, or empty strings: a constant where they are known to be few, as in TF1.
    ///
    /// # Errors
    /// As for [`Graph::fill`].
    #[doc(alias = "tf.zeros")]
    #[track_caller]
    pub fn zeros(&self, dtype: DType, shape: impl IntoSizes) -> Result<Tensor> {
        self.filled("zeros", Value::zeros(dtype, &[])?, shape)
    }

    /// Ones: a constant where they are known to be few, as in TF1.
    ///
    /// # Errors
    /// As for [`Graph::fill`]; `Unsupported` for strings.
    #[doc(alias = "tf.ones")]
    #[track_caller]
    pub fn ones(&self, dtype: DType, shape: impl IntoSizes) -> Result<Tensor> {
        self.filled("ones", one(dtype)?, shape)
    }

    #[track_caller]
    fn filled(&self, name: &str, scalar: Value, shape: impl IntoSizes) -> Result<Tensor> {
        self.composite(name, |scope| {
            let numbers = shape.numbers();
            let dims: Option<Dims> =
                numbers.as_ref().and_then(|all| all.iter().map(|n| usize::try_from(*n).ok()).collect());
            if let Some(dims) = dims
                && element_count(&dims)? < SMALL
            {
                return self.named(scope, || self.constant(repeat(&scalar, &dims)?));
            }
            let dims = shape.sizes(self, if numbers.is_some() { "shape_as_tensor" } else { "packed" })?;
            let value = self.named("Const", || self.constant(scalar))?;
            self.named(scope, || self.apply_one(Fill, &[&dims, &value]))
        })
    }
}

impl Tensor {
    /// Zeros, or empty strings, of this tensor's dtype and shape; a constant where they are known to be few, as in TF1.
    #[doc(alias = "tf.zeros_like")]
    #[track_caller]
    pub fn zeros_like(&self) -> Result<Tensor> {
        let (g, shape) = (self.graph(), self.shape());
        if shape.is_fully_known() {
            return g.filled("zeros_like", Value::zeros(self.dtype(), &[])?, shape);
        }
        g.composite("zeros_like", |scope| g.named(scope, || g.apply_one(ZerosLike, &[self])))
    }

    /// Ones of this tensor's dtype and shape.
    ///
    /// # Errors
    /// `Unsupported` for strings.
    #[doc(alias = "tf.ones_like")]
    #[track_caller]
    pub fn ones_like(&self) -> Result<Tensor> {
        let g = self.graph();
        g.composite("ones_like", |scope| {
            let dims = g.named("Shape", || self.shape_tensor())?;
            let value = g.named("Const", || g.constant(one(self.dtype())?))?;
            g.named(scope, || g.apply_one(Fill, &[&dims, &value]))
        })
    }
}

/// The number 1, or true.
fn one(dtype: DType) -> Result<Value> {
    super::cast::cast_value(&Value::scalar_of(true), dtype)
}

/// A scalar all over a shape, without a run.
#[allow(clippy::clone_on_copy)] // strings are cells too, and they are no copies
fn repeat(scalar: &Value, dims: &[usize]) -> Result<Value> {
    // Bounded by the constant that is asked for, and fallible.
    let mut out = Value::zeros(scalar.dtype(), dims)?;
    with_cells!(scalar.dtype(), E => cells_mut::<E>(&mut out)?.fill(cells::<E>(scalar)?[0].clone()));
    Ok(out)
}

/// A value of a scalar all over.
fn filled(cx: &RunCx<'_>, dims: &[usize], scalar: &Value) -> Result<Value> {
    let mut out = cx.alloc(scalar.dtype(), dims)?;
    with_cells!(scalar.dtype(), E => fill_cells::<E>(cx, cells_mut(&mut out)?, &cells(scalar)?[0])?);
    Ok(out)
}

impl Op for Fill {
    fn kind(&self) -> &'static OpKind {
        &FILL
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("dims", cx.dtype(0))?;
        cx.shape(0).with_rank(1)?;
        cx.shape(1).with_rank(0)?;
        if let Some(negative) = cx.ints(0).and_then(|dims| dims.into_iter().find(|n| *n < 0)) {
            return Err(Error::invalid(format!("fill dimensions must be >= 0, but one is {negative}")));
        }
        let shape = cx.shape_from(0)?;
        if let Some(dims) = shape.known_dims() {
            element_count(&dims)?;
        }
        let short = shape.dims().filter(|dims| dims.len() == 1).and_then(|dims| dims[0].known()).filter(|n| *n < 255);
        let sizes = short.and_then(|n| cx.sizes(1).map(|one| vec![one[0].clone(); n].into()));
        cx.output(cx.dtype(1), shape).sizes = sizes;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dims = dims_of(cx.input(0))?;
        // TensorFlow's kernel still takes a scalar as one dim, and a vector of one element as the value.
        if cx.input(0).rank() > 1 || !matches!(cx.input(1).dims(), [] | [1]) {
            let ranks = (cx.input(0).rank(), cx.input(1).rank());
            return Err(Error::shape(format!(
                "dims must have rank 1 and value rank 0, but have {} and {}",
                ranks.0, ranks.1
            )));
        }
        let out = filled(cx, &dims, cx.input(1))?;
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![None, Some(cx.dy()?.reduce_sum(())?)])
    }
}

impl Op for ZerosLike {
    fn kind(&self) -> &'static OpKind {
        &ZEROS_LIKE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = cx.input(0);
        let out = match value.dtype() {
            DType::Variant => zeros_like(cx, value)?,
            dtype => filled(cx, value.dims(), &Value::zeros(dtype, &[])?)?,
        };
        cx.output(0, out);
        Ok(())
    }
}

impl Op for OnesLike {
    fn kind(&self) -> &'static OpKind {
        &ONES_LIKE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        one(cx.dtype(0))?;
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = cx.input(0);
        let out = filled(cx, value.dims(), &one(value.dtype())?)?;
        cx.output(0, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok};
    use crate::shape;

    /// As TensorFlow 1.15.5: what is large is filled in the run.
    #[test]
    fn zeros_like_a_large_tensor_are_no_constant() {
        let g = Graph::new();
        let large = g.placeholder(DType::F32, [1 << 20, 1 << 20]).unwrap().zeros_like().unwrap();
        let small = g.placeholder(DType::F32, [4, 4]).unwrap().zeros_like().unwrap();
        let ops: Vec<String> = g.nodes().map(|node| format!("{} {}", node.name(), node.op().kind().name)).collect();
        let want = "Placeholder Placeholder, zeros_like/shape_as_tensor Const, zeros_like/Const Const, zeros_like Fill, \
                    Placeholder_1 Placeholder, zeros_like_1 Const";
        assert_eq!(ops.join(", "), want);
        assert_eq!(
            (large.shape().to_string(), small.shape().to_string()),
            ("(1048576, 1048576)".into(), "(4, 4)".into())
        );
    }

    #[test]
    fn few_zeros_are_a_constant() {
        let g = Graph::new();
        let made = |tensor: Result<Tensor>| {
            let tensor = tensor.unwrap();
            format!("{} {} {}", tensor.name(), tensor.node().op().kind().name, tensor.shape())
        };
        assert_eq!(made(g.zeros(DType::F32, [2, 3])), "zeros:0 Const (2, 3)");
        assert_eq!(made(g.zeros(DType::F32, [1000])), "zeros_1:0 Fill (1000,)");
        assert!(g.operation_by_name("zeros_1/shape_as_tensor").is_ok());
        assert_eq!(made(g.ones(DType::Bool, shape![2])), "ones:0 Const (2,)");
        let x = g.placeholder(DType::F32, shape!["b", 3]).unwrap();
        assert_eq!(made(x.zeros_like()), "zeros_like:0 ZerosLike (b, 3)");
        assert_eq!(made(x.ones_like()), "ones_like:0 Fill (b, 3)");
        assert_eq!(made(g.zeros(DType::F32, x.shape_tensor())), "zeros_2:0 Fill (b, 3)");
    }

    /// As TensorFlow 2.15.1 answers where ranks are unknown before the run.
    #[test]
    fn scalars_and_vectors_of_one_are_alike_in_the_run() {
        let g = Graph::new();
        let any = |dtype| g.placeholder(dtype, crate::Shape::unknown()).unwrap();
        let (dims, value) = (any(DType::I32), any(DType::F32));
        let filled = g.apply_one(Fill, &[&dims, &value]).unwrap();
        let sess = crate::Session::new(&g).unwrap();
        let run = |n: Value, x: Value| {
            sess.run_values(&[(dims.clone(), n), (value.clone(), x)], std::slice::from_ref(&filled), &[])
        };
        assert_eq!(run(2.into_value(), 7.0f32.into_value()).unwrap()[0].to_string(), "[7. 7.]");
        assert_eq!(run([2].into_value(), [7.0f32].into_value()).unwrap()[0].to_string(), "[7. 7.]");
        assert!(run([2].into_value(), [7.0f32, 8.0].into_value()).is_err());
        let error = run(vec![1; 255].into_value(), 7.0f32.into_value()).unwrap_err();
        assert_eq!(error.message(), "a shape must have at most 254 dimensions, but has 255");
    }

    #[test]
    fn sizes_that_no_value_has_are_refused() {
        let g = Graph::new();
        assert!(g.fill([i64::MAX, i64::MAX], 1.0f32).is_err());
        assert!(g.fill([-1], 1.0f32).unwrap_err().message().contains("fill dimensions must be >= 0"));
        infer_ok(&Fill, "int32(2);()", "(?,?)");
        infer_err(&Fill, "int32(2);(1)", "shape must be rank 0 but is rank 1");
    }
}
