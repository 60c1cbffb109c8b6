//! `MatMul`: the product of two matrices, and `tf.matmul`, which chooses between it and `BatchMatMulV2`.

use std::sync::Arc;

use super::batch_matmul::{BatchMatMulV2, product_dtype};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::kernel::product::{Epilogue, matmul};
use crate::ops::IntoTensor;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// The product of two matrices.
#[derive(Debug, Clone, Copy, Default)]
pub struct MatMul {
    /// The left side is given transposed.
    pub transpose_a: bool,
    /// The right side is given transposed.
    pub transpose_b: bool,
}

/// The row of [`MatMul`].
pub static MAT_MUL: OpKind = OpKind::new("MatMul", "a: T, b: T -> product: T", parse, examples);

impl Tensor {
    /// The matrix product: `(n, k) x (k, m) -> (n, m)`, of the two last axes where there are more, over all
    /// combinations of the leading axes, which broadcast. Floating-point numbers, int32, int64 and complex numbers.
    ///
    /// Makes `MatMul` of two matrices and `BatchMatMulV2` otherwise, also where a rank is unknown; then the shape is
    /// unknown too.
    ///
    /// # Errors
    /// `ShapeMismatch` for an operand of rank 0 or 1, and where the inner sizes differ or leading axes do not
    /// broadcast; `DTypeMismatch`.
    ///
    /// Source: TensorFlow's `tf.matmul`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// let w = g.constant(array![[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]])?;
    /// assert_eq!(x.matmul(&w)?.shape().to_string(), "(?, 2)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.matmul")]
    #[doc(alias = "tf.linalg.matmul")]
    #[track_caller]
    pub fn matmul(&self, other: impl IntoTensor) -> Result<Tensor> {
        self.matmul_t(false, other, false)
    }

    /// As [`Tensor::matmul`], of matrices that are given transposed: `x.matmul_t(true, &y, false)` is `xᵀ · y`.
    /// Complex numbers are not conjugated.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// assert_eq!(x.matmul_t(false, &x, true)?.shape().rank(), Some(2));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.matmul")]
    #[track_caller]
    pub fn matmul_t(&self, transpose_self: bool, other: impl IntoTensor, transpose_other: bool) -> Result<Tensor> {
        let of = |is_given| if is_given { Given::Transposed } else { Given::Plain };
        product(self, of(transpose_self), &other, of(transpose_other))
    }

    /// As [`Tensor::matmul_t`], of matrices that are given as adjoints: transposed, and conjugated where complex.
    #[doc(alias = "tf.matmul")]
    #[track_caller]
    pub fn matmul_adjoint(&self, adjoint_self: bool, other: impl IntoTensor, adjoint_other: bool) -> Result<Tensor> {
        let of = |is_given| if is_given { Given::Adjoint } else { Given::Plain };
        product(self, of(adjoint_self), &other, of(adjoint_other))
    }

    /// The op `MatMul` itself, which takes nothing but matrices: `(n, k) x (k, m) -> (n, m)`.
    ///
    /// # Errors
    /// `ShapeMismatch` for operands that are no matrices, or whose inner sizes differ.
    #[doc(alias = "tf.raw_ops.MatMul")]
    #[track_caller]
    pub fn mat_mul_raw(&self, other: impl IntoTensor) -> Result<Tensor> {
        let other = other.tensor(Some(self))?;
        self.graph().apply_one(MatMul::default(), &[self, &other])
    }
}

/// How a matrix is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Plain,
    Transposed,
    Adjoint,
}

/// `MatMul` transposes and `BatchMatMulV2` takes adjoints: a complex operand that is given otherwise is conjugated.
#[track_caller]
fn product(a: &Tensor, given_a: Given, b: &dyn IntoTensor, given_b: Given) -> Result<Tensor> {
    let b = b.tensor(Some(a))?;
    let g = a.graph();
    let is_matrix = |tensor: &Tensor| tensor.shape().rank().is_some_and(|rank| rank <= 2);
    let are_matrices = is_matrix(a) && is_matrix(&b);
    let (turned_a, turned_b) = (given_a != Given::Plain, given_b != Given::Plain);
    let op: Arc<dyn Op> = match are_matrices {
        true => Arc::new(MatMul { transpose_a: turned_a, transpose_b: turned_b }),
        false => Arc::new(BatchMatMulV2 { adj_x: turned_a, adj_y: turned_b }),
    };
    let conjugated = if are_matrices { Given::Adjoint } else { Given::Transposed };
    if !a.dtype().is_complex() || given_a != conjugated && given_b != conjugated {
        return g.apply_named("MatMul", op, &[a, &b])?.output(0);
    }
    g.composite("MatMul", |scope| {
        let operand = |x: &Tensor, given| if given == conjugated { x.conj() } else { Ok(x.clone()) };
        let (a, b) = (operand(a, given_a)?, operand(&b, given_b)?);
        g.named(scope, || g.apply_named("MatMul", op, &[&a, &b]))?.output(0)
    })
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let transpose_a = attrs.bool_or("transpose_a", false)?;
    Ok(Arc::new(MatMul { transpose_a, transpose_b: attrs.bool_or("transpose_b", false)? }))
}

fn examples() -> Vec<Example> {
    let a = || [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
    let b = || [[1i32, 0], [2, -1]].into_value();
    vec![
        Example::new(MatMul { transpose_a: true, transpose_b: false }, [a(), a()]),
        Example::new(MatMul { transpose_a: false, transpose_b: true }, [a(), a()]),
        Example::new(MatMul::default(), [b(), b()]),
        Example::new(MatMul::default(), [empty(&[2, 0]), empty(&[0, 3])]),
    ]
}

fn empty(dims: &[usize]) -> Value {
    Value::from_vec(dims, Vec::<f32>::new()).expect("dims with a zero hold no elements")
}

impl Op for MatMul {
    fn kind(&self) -> &'static OpKind {
        &MAT_MUL
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        product_dtype(cx.dtype(0))?;
        let dims = self.outer_dims(cx.shape(0), cx.shape(1))?;
        cx.output(cx.dtype(0), Shape::new(dims));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (a, b) = (cx.input(0), cx.input(1));
        let [m, k, n] = self.sizes(a.dims(), b.dims())?;
        let mut product = cx.alloc(a.dtype(), &[m, n])?;
        with_type!(a.dtype(), T in products => self.multiply::<T>(cx, [m, k, n], &mut product)?, else => {
            return product_dtype(a.dtype());
        });
        cx.output(0, product);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let (a, b, dy) = (cx.input(0).conj()?, cx.input(1).conj()?, cx.dy()?);
        let (ta, tb) = (self.transpose_a, self.transpose_b);
        let da = if ta { b.matmul_t(tb, dy, true)? } else { dy.matmul_t(false, &b, !tb)? };
        let db = if tb { dy.matmul_t(true, &a, ta)? } else { a.matmul_t(!ta, dy, false)? };
        Ok(vec![Some(da), Some(db)])
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("transpose_a", AttrValue::Bool(self.transpose_a)), ("transpose_b", AttrValue::Bool(self.transpose_b))]
    }
}

impl MatMul {
    /// Rows and columns of the product, as far as known.
    pub(super) fn outer_dims(&self, a: &Shape, b: &Shape) -> Result<[Dim; 2]> {
        let (a, b) = (a.with_rank(2)?, b.with_rank(2)?);
        let (rows, inner_a) = if self.transpose_a { (1, 0) } else { (0, 1) };
        let (inner_b, columns) = if self.transpose_b { (1, 0) } else { (0, 1) };
        a.dim(inner_a).merge(&b.dim(inner_b))?;
        Ok([a.dim(rows), b.dim(columns)])
    }

    /// Rows, inner size and columns.
    pub(super) fn sizes(&self, a: &[usize], b: &[usize]) -> Result<[usize; 3]> {
        let (&[a0, a1], &[b0, b1]) = (a, b) else {
            let (i, dims) = if a.len() == 2 { (1, b) } else { (0, a) };
            return Err(Error::shape(format!("in[{i}] must be a matrix, but has shape {dims:?}")));
        };
        let (m, inner_a) = if self.transpose_a { (a1, a0) } else { (a0, a1) };
        let (inner_b, n) = if self.transpose_b { (b1, b0) } else { (b0, b1) };
        if inner_a != inner_b {
            return Err(Error::shape(format!("matrix size-incompatible: in[0]: {a:?}, in[1]: {b:?}")));
        }
        Ok([m, inner_a, n])
    }

    fn multiply<T: Number>(&self, cx: &RunCx<'_>, [m, k, n]: [usize; 3], product: &mut Value) -> Result<()> {
        let (a, b) = (cx.input(0).slice::<T>()?, cx.input(1).slice::<T>()?);
        let (ta, tb) = (self.transpose_a, self.transpose_b);
        matmul(cx.threads(), m, k, n, a, ta, b, tb, product.make_mut::<T>()?, &Epilogue::NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::shape::Shape;

    #[test]
    fn inner_sizes_must_agree() {
        infer_ok(&MatMul::default(), "(2,3);(3,4)", "(2,4)");
        infer_ok(&MatMul::default(), "(?,3);(?,?)", "(?,?)");
        infer_ok(&MatMul { transpose_a: true, transpose_b: true }, "(3,2);<unknown>", "(2,?)");
        infer_err(&MatMul::default(), "(2,3);(4,5)", "dimensions must be equal, but are 3 and 4");
        infer_err(&MatMul::default(), "(2,2,3);(3,4)", "shape must be rank 2 but is rank 3");
        infer_err(&MatMul::default(), "int8(2,3);int8(3,4)", "int8");
    }

    #[test]
    fn products_are_those_of_the_definition() {
        let a = [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
        let b = [[1.0f32, 0.0], [2.0, -1.0], [0.5, 3.0]].into_value();
        let got = &run_op(MatMul::default(), &[a.clone(), b]).unwrap()[0];
        assert_eq!(got.slice::<f32>().unwrap(), [6.5, 7.0, 17.0, 13.0]);
        let gram = &run_op(MatMul { transpose_a: true, transpose_b: false }, &[a.clone(), a]).unwrap()[0];
        assert_eq!(gram.slice::<f32>().unwrap(), [17.0, 22.0, 27.0, 22.0, 29.0, 36.0, 27.0, 36.0, 45.0]);
    }

    /// By hand: `[i, 1]` times its adjoint is 2, times its transpose 0; the same in a stack of one matrix.
    #[test]
    fn complex_matrices_are_conjugated_as_adjoints_alone() {
        use num_complex::Complex32;
        let g = Graph::new();
        let row = Value::from_vec(&[1, 2], vec![Complex32::i(), Complex32::from(1.0)]).unwrap();
        for dims in [&[1, 2][..], &[1, 1, 2]] {
            let x = g.constant(row.clone().reshaped(dims).unwrap()).unwrap();
            let products = [x.matmul_t(false, &x, true).unwrap(), x.matmul_adjoint(false, &x, true).unwrap()];
            let got = crate::Session::new(&g).unwrap().run(&products).unwrap();
            let numbers = got.iter().map(|value| value.slice::<Complex32>().unwrap()[0]);
            assert_eq!(numbers.collect::<Vec<_>>(), [0.0.into(), 2.0.into()]);
        }
    }

    #[test]
    fn no_inner_elements_give_zeros() {
        let got = &run_op(MatMul::default(), &[empty(&[2, 0]), empty(&[0, 3])]).unwrap()[0];
        assert_eq!((got.dims(), got.slice::<f32>().unwrap()), (&[2, 3][..], &[0.0; 6][..]));
    }

    /// As TensorFlow 1.15.5 does.
    #[test]
    fn ranks_choose_the_op_and_the_name_stays() {
        let g = Graph::new();
        let of = |shape: Shape| g.placeholder(crate::DType::F32, shape).unwrap();
        let matrix = || of(crate::shape![3, 4]);
        let check = |product: Result<Tensor>, name: &str, op: &str, shape: &str| {
            let product = product.unwrap();
            assert_eq!(product.name(), name);
            assert_eq!(product.node().op().kind().name, op);
            assert_eq!(product.shape().to_string(), shape);
        };
        check(of(crate::shape![2, 3]).matmul(matrix()), "MatMul:0", "MatMul", "(2, 4)");
        check(of(crate::shape![2, 2, 3]).matmul(matrix()), "MatMul_1:0", "BatchMatMulV2", "(2, 2, 4)");
        check(of(Shape::unknown()).matmul(matrix()), "MatMul_2:0", "BatchMatMulV2", "<unknown>");
        let error = of(crate::shape![3]).matmul(matrix()).unwrap_err();
        assert!(error.message().contains("shape must be rank 2 but is rank 1"), "{error}");
        let error = of(crate::shape![2, 2, 3]).mat_mul_raw(matrix()).unwrap_err();
        assert!(error.message().contains("shape must be rank 2 but is rank 3"), "{error}");
    }
}
