//! `SparseMatMul`: the product of two matrices that hold many zeros.

use std::sync::Arc;

use super::matmul::MatMul;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::product::{Epilogue, matmul};
use crate::ops::array::cast::cast_for;
use crate::shape::Shape;
use crate::value::IntoValue;

/// `(m, k) x (k, n) -> (m, n)` of bfloat16 and float32, each side of its own; float32 comes out. Which side holds zeros is a
/// hint for speed, of which nothing is made.
#[derive(Debug, Clone, Default)]
pub struct SparseMatMul {
    /// Which sides are given transposed.
    pub sides: MatMul,
    /// Whether the left side holds many zeros.
    pub a_is_sparse: bool,
    /// Whether the right side holds many zeros.
    pub b_is_sparse: bool,
}

/// The row of [`SparseMatMul`].
pub static SPARSE_MAT_MUL: OpKind = OpKind::new(
    "SparseMatMul",
    "a: Ta, b: Tb -> product: float32",
    |attrs: &Attrs| {
        let flag = |name: &str| attrs.bool_or(name, false);
        let sides = MatMul { transpose_a: flag("transpose_a")?, transpose_b: flag("transpose_b")? };
        Ok(Arc::new(SparseMatMul { sides, a_is_sparse: flag("a_is_sparse")?, b_is_sparse: flag("b_is_sparse")? }))
    },
    || {
        let of = |transpose_a, transpose_b| {
            let (a, b) = ([[1.0f32, 0.0], [0.5, 3.0]].into_value(), [[0.0f32, 2.0], [-1.0, 4.0]].into_value());
            let sides = MatMul { transpose_a, transpose_b };
            Example::new(SparseMatMul { sides, a_is_sparse: transpose_a, b_is_sparse: transpose_b }, [a, b])
        };
        vec![of(false, false), of(true, false), of(false, true), of(true, true)]
    },
);

impl Op for SparseMatMul {
    fn kind(&self) -> &'static OpKind {
        &SPARSE_MAT_MUL
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        for i in 0..2 {
            if !matches!(cx.dtype(i), DType::BF16 | DType::F32) {
                return Err(Error::dtype(format!("sides must be bfloat16 or float32, but one is {}", cx.dtype(i))));
            }
        }
        let [rows, columns] = self.sides.outer_dims(cx.shape(0), cx.shape(1))?;
        cx.output(DType::F32, Shape::new([rows, columns]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let [m, k, n] = self.sides.sizes(cx.input(0).dims(), cx.input(1).dims())?;
        let (a, b) = (cast_for(cx, cx.input(0), DType::F32)?, cast_for(cx, cx.input(1), DType::F32)?);
        let (mut product, MatMul { transpose_a, transpose_b }) = (cx.alloc(DType::F32, &[m, n])?, self.sides);
        let out = product.make_mut::<f32>()?;
        matmul(cx.threads(), m, k, n, a.slice()?, transpose_a, b.slice()?, transpose_b, out, &Epilogue::NONE)?;
        cx.output(0, product);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let (a, b, dy) = (cx.input(0), cx.input(1), cx.dy()?);
        let MatMul { transpose_a: ta, transpose_b: tb } = self.sides;
        let side = |x: &Tensor, tx, y: &Tensor, ty, like: &Tensor| {
            let op = SparseMatMul { sides: MatMul { transpose_a: tx, transpose_b: ty }, ..SparseMatMul::default() };
            cx.graph().apply_one(op, &[x, y])?.cast(like.dtype())
        };
        let da = if ta { side(&b, tb, dy, true, &a) } else { side(dy, false, &b, !tb, &a) };
        let db = if tb { side(dy, true, &a, ta, &b) } else { side(&a, !ta, dy, false, &b) };
        Ok(vec![Some(da?), Some(db?)])
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mut attrs = self.sides.attrs();
        attrs.extend([
            ("a_is_sparse", AttrValue::Bool(self.a_is_sparse)),
            ("b_is_sparse", AttrValue::Bool(self.b_is_sparse)),
        ]);
        attrs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn inner_sizes_must_agree() {
        infer_ok(&SparseMatMul::default(), "bfloat16(?,3);(3,4)", "(?,4)");
        infer_err(&SparseMatMul::default(), "(2,3);(4,5)", "dimensions must be equal, but are 3 and 4");
        infer_err(&SparseMatMul::default(), "float64(2,3);(3,5)", "bfloat16 or float32");
    }

    /// By hand.
    #[test]
    fn dtypes_may_differ() {
        let a = crate::ops::array::cast::cast_value(&[[1.0f32, 0.0], [0.5, 3.0]].into_value(), DType::BF16).unwrap();
        let got = run_op(SparseMatMul::default(), &[a, [[0.0f32, 2.0], [-1.0, 4.0]].into_value()]).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [0.0, 2.0, -3.0, 13.0]);
    }

    /// By hand: the gradient of a sum of products is the sum of the other side's rows or columns.
    #[test]
    fn gradients_are_products_with_the_other_side() {
        for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
            let g = Graph::new();
            let (a, b) =
                (g.constant([[1.0f32, 2.0], [3.0, 4.0]]).unwrap(), g.constant([[5.0f32, 6.0], [7.0, 8.0]]).unwrap());
            let sides = MatMul { transpose_a: ta, transpose_b: tb };
            let y = g.apply_one(SparseMatMul { sides, ..SparseMatMul::default() }, &[&a, &b]).unwrap();
            let plain = a.matmul_t(ta, &b, tb).unwrap();
            let of = |y: &Tensor| {
                crate::gradients(&[y], &[&a, &b]).unwrap().into_iter().map(Option::unwrap).collect::<Vec<_>>()
            };
            let (got, want) = (of(&y), of(&plain));
            let got = crate::Session::new(&g).unwrap().run(&[&got[0], &want[0], &got[1], &want[1]]).unwrap();
            assert!(got[0].same_bits(&got[1]) && got[2].same_bits(&got[3]), "{ta} {tb}");
        }
    }
}
