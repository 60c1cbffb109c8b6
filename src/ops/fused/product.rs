//! `_FusedMatMul`: a product over the last axis of its left side, with bias and activation while the result is in cache.

use std::sync::Arc;

use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Number;
use crate::kernel::product::{Activation, Epilogue, matmul};
use crate::ops::math::MatMul;
use crate::shape::{Dims, element_count};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// `activation(a · b + bias)`: `(d.., k) x (k, n) + (n) -> (d.., n)`, the bits of the same ops one after the other. The
/// bias may be absent.
#[derive(Debug, Clone, Default)]
pub struct FusedMatMul {
    /// The left side, then a matrix, is given transposed.
    pub transpose_a: bool,
    /// The right side is given transposed.
    pub transpose_b: bool,
    /// What follows the bias.
    pub activation: Activation,
}

/// The row of [`FusedMatMul`].
pub static FUSED_MAT_MUL: OpKind =
    OpKind::new("_FusedMatMul", "a: T, b: T, args: num_args*T >= 0 -> product: T", parse, examples)
        .not_differentiable("passes make it, after gradients were built");

const ACTIVATIONS: [(Activation, &str); 5] = [
    (Activation::None, "None"),
    (Activation::Relu, "Relu"),
    (Activation::Relu6, "Relu6"),
    (Activation::Tanh, "Tanh"),
    (Activation::Sigmoid, "Sigmoid"),
];

/// The activation that an op of this name is.
pub fn activation_of(name: &str) -> Option<Activation> {
    ACTIVATIONS.iter().find(|(_, have)| *have == name).map(|(activation, _)| *activation)
}

/// The attribute `activation`.
pub(super) fn parse_activation(attrs: &Attrs) -> Result<Activation> {
    let name = attrs.str_or("activation", "None")?;
    let unknown = || Error::invalid(format!("activation must be None or that of an op, but is {}", escape(&name)));
    activation_of(&name).ok_or_else(unknown)
}

/// The reverse of [`parse_activation`].
pub(super) fn activation_attr(activation: Activation) -> (&'static str, AttrValue) {
    let name = ACTIVATIONS.iter().find(|(have, _)| *have == activation).map_or("None", |(_, name)| name);
    ("activation", AttrValue::Str(name.into()))
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(FusedMatMul {
        transpose_a: attrs.bool_or("transpose_a", false)?,
        transpose_b: attrs.bool_or("transpose_b", false)?,
        activation: parse_activation(attrs)?,
    }))
}

fn examples() -> Vec<Example> {
    let a = || [[1.0f32, -2.0, 3.0], [4.0, 5.0, -6.0]].into_value();
    let cube = || [[[1.0f32, -2.0, 3.0]], [[4.0, 5.0, -6.0]]].into_value();
    let relu = |transpose_a, transpose_b| FusedMatMul { transpose_a, transpose_b, activation: Activation::Relu };
    let empty = |dims: &[usize]| Value::from_vec(dims, Vec::<f32>::new()).expect("dims with a zero hold no elements");
    vec![
        Example::new(relu(false, true), [cube(), a(), [0.5f32, -100.0].into_value()]),
        Example::new(relu(true, false), [a(), a()]),
        Example::new(FusedMatMul::default(), [[1i32, 2].into_value(), [[1i32, 0], [2, -1]].into_value()]),
        Example::new(FusedMatMul::default(), [empty(&[2, 2, 0]), empty(&[0, 3]), [1.0f32, 2.0, 3.0].into_value()]),
    ]
}

impl From<&MatMul> for FusedMatMul {
    fn from(product: &MatMul) -> FusedMatMul {
        let MatMul { transpose_a, transpose_b } = *product;
        FusedMatMul { transpose_a, transpose_b, activation: Activation::None }
    }
}

impl Op for FusedMatMul {
    fn kind(&self) -> &'static OpKind {
        &FUSED_MAT_MUL
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if cx.n_inputs() > 3 {
            return Err(Error::invalid(format!("the op takes at most 3 inputs, but got {}", cx.n_inputs())));
        }
        let b = cx.shape(1).with_rank(2)?;
        let (inner, columns) = if self.transpose_b { (1, 0) } else { (0, 1) };
        let mut n = b.dim(columns);
        if cx.n_inputs() == 3 {
            n = n.merge(&cx.shape(2).with_rank(1)?.dim(0))?;
        }
        let a = if self.transpose_a { cx.shape(0).with_rank(2)? } else { cx.shape(0).with_rank_at_least(1)? };
        let shape = match a.rank() {
            None => a,
            Some(rank) => {
                let (axis, rows) = if self.transpose_a { (0, a.slice(1..)?) } else { (rank - 1, a.slice(..rank - 1)?) };
                a.dim(axis).merge(&b.dim(inner))?;
                rows.insert(rank - 1, n)?
            }
        };
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (a, b) = (cx.input(0), cx.input(1));
        let bias = (cx.n_inputs() == 3).then(|| cx.input(2));
        let sizes = self.sizes(a.dims(), b.dims(), bias.map(Value::dims))?;
        let mut dims = if self.transpose_a { Dims::from_slice(&a.dims()[1..]) } else { Dims::from_slice(a.dims()) };
        *dims.last_mut().expect("the left side has an axis") = sizes[2];
        if self.transpose_a {
            dims = Dims::from_slice(&[sizes[0], sizes[2]]);
        }
        let mut product = cx.alloc(a.dtype(), &dims)?;
        with_type!(a.dtype(), T in products => self.multiply::<T>(cx, sizes, &mut product)?, else => {
            return Err(Error::unsupported(format!("products are for numbers, not for {}", a.dtype())));
        });
        cx.output(0, product);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![
            ("transpose_a", AttrValue::Bool(self.transpose_a)),
            ("transpose_b", AttrValue::Bool(self.transpose_b)),
            activation_attr(self.activation),
        ]
    }
}

impl FusedMatMul {
    /// Rows, inner size and columns.
    fn sizes(&self, a: &[usize], b: &[usize], bias: Option<&[usize]>) -> Result<[usize; 3]> {
        let wrong = || match bias {
            None => Error::shape(format!("matrix size-incompatible: in[0]: {a:?}, in[1]: {b:?}")),
            Some(bias) => Error::shape(format!("matrix size-incompatible: in[0]: {a:?}, in[1]: {b:?}, bias: {bias:?}")),
        };
        let ([.., last], &[b0, b1]) = (a, b) else { return Err(wrong()) };
        let (rows, inner) = match (self.transpose_a, a) {
            (false, _) => (element_count(&a[..a.len() - 1])?, *last),
            (true, &[k, m]) => (m, k),
            (true, _) => return Err(wrong()),
        };
        let (k, n) = if self.transpose_b { (b1, b0) } else { (b0, b1) };
        if k != inner || bias.is_some_and(|bias| bias != [n]) {
            return Err(wrong());
        }
        Ok([rows, k, n])
    }

    fn multiply<T: Number>(&self, cx: &RunCx<'_>, [m, k, n]: [usize; 3], product: &mut Value) -> Result<()> {
        let (a, b) = (cx.input(0).slice::<T>()?, cx.input(1).slice::<T>()?);
        let bias = if cx.n_inputs() == 3 { Some(cx.input(2).slice::<T>()?) } else { None };
        let epilogue = Epilogue { bias, activation: self.activation };
        matmul(cx.threads(), m, k, n, a, self.transpose_a, b, self.transpose_b, product.make_mut::<T>()?, &epilogue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok};

    #[test]
    fn the_left_side_has_any_rank() {
        let op = FusedMatMul::default();
        infer_ok(&op, "(?,3,4);(4,10);(10)", "(?,3,10)");
        infer_ok(&op, "(4);(4,?);(10)", "(10)");
        infer_ok(&op, "(?,4);(4,?)", "(?,?)");
        infer_ok(&FusedMatMul { transpose_a: true, ..op.clone() }, "(4,?);(4,10)", "(?,10)");
        infer_err(&op, "(2,3);(4,10)", "dimensions must be equal, but are 3 and 4");
        infer_err(&op, "(2,4);(4,10);(9)", "dimensions must be equal, but are 10 and 9");
    }
}
