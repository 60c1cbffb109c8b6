//! `+ - * / %`, unary `-`, and on bools `& | ^ !`, of tensors, variables, results of builders and numbers.
//!
//! An operator answers a `Result`, and a `Result` may stand beside a tensor: every parenthesis and every product on the
//! right gets its `?`, and a chain that leans left needs one.
//!
//! ```
//! # use sessile::prelude::*;
//! # fn main() -> sessile::Result<()> {
//! let g = Graph::new();
//! let (a, b) = (g.constant([1.0f32, 2.0])?, g.constant([3.0f32, 4.0])?);
//! let chain = (&a + &b * 2.0 - &a)?;
//! let both = ((&a * &b)? + (&b * 0.5)?)?;
//! assert_eq!((chain.name(), both.name()), ("sub:0".into(), "add_1:0".into()));
//! # Ok(()) }
//! ```
//!
//! Two results have no operator between them (Rust's orphan rule), so the left one is opened:
//! ```compile_fail
//! # use sessile::prelude::*;
//! # fn f(a: Tensor, b: Tensor) -> sessile::Result<Tensor> {
//! (&a * &b) + (&b * &a)
//! # }
//! ```
//! nor have a result and a number, on either side, and a result takes no minus:
//! ```compile_fail
//! # use sessile::prelude::*;
//! # fn f(a: Tensor, b: Tensor) -> sessile::Result<Tensor> {
//! 2.0 * (&a + &b)
//! # }
//! ```
//! On the left a number is `f64` or `i32`, as a bare literal is; it takes the tensor's dtype all the same:
//! ```compile_fail
//! # use sessile::prelude::*;
//! # fn f(a: Tensor) -> sessile::Result<Tensor> {
//! 2.0f32 * &a
//! # }
//! ```

use std::ops;

use super::binary::{Binary, BinaryOp};
use super::infix::{infix, true_divide};
use super::unary::{Unary, UnaryOp};
use crate::error::Result;
use crate::graph::Tensor;
use crate::ops::IntoTensor;
use crate::ops::state::Variable;

/// The functions behind the operators; the names of nodes are those of Python's operators in TF1.
macro_rules! named_by_python {
    ($($function:ident $scope:literal $f:ident;)*) => { $(
        #[track_caller]
        pub(crate) fn $function(x: &dyn IntoTensor, y: &dyn IntoTensor) -> Result<Tensor> {
            infix(x, y, $scope, Binary { f: BinaryOp::$f })
        }
    )* };
}
named_by_python! {
    plus "add" Add;
    minus "sub" Sub;
    times "mul" Mul;
    modulo "mod" FloorMod;
    both "and" LogicalAnd;
    either "or" LogicalOr;
}

#[track_caller]
pub(crate) fn over(x: &dyn IntoTensor, y: &dyn IntoTensor) -> Result<Tensor> {
    true_divide(x, y)
}

/// Just one of them is true: four nodes, as in TF1.
#[track_caller]
pub(crate) fn one_of(x: &dyn IntoTensor, y: &dyn IntoTensor) -> Result<Tensor> {
    let x = x.tensor(None)?;
    let y = y.tensor(Some(&x))?;
    x.graph().composite("xor", |name| super::functions::xor(&x, &y, name))
}

#[track_caller]
pub(crate) fn negative(x: &dyn IntoTensor) -> Result<Tensor> {
    let x = x.tensor(None)?;
    x.graph().apply_one(Unary { f: UnaryOp::Neg }, &[&x])
}

#[track_caller]
pub(crate) fn not(x: &dyn IntoTensor) -> Result<Tensor> {
    let x = x.tensor(None)?;
    x.graph().apply_one(Unary { f: UnaryOp::LogicalNot }, &[&x])
}

/// Gives a type that is a tensor (`IntoTensor`) all operators.
macro_rules! tensor_operators {
    ($T:ty) => {
        tensor_operators! { @binary $T: Add add plus, Sub sub minus, Mul mul times, Div div over, Rem rem modulo }
        tensor_operators! { @binary $T: BitAnd bitand both, BitOr bitor either, BitXor bitxor one_of }
        tensor_operators! { @unary $T: Neg neg negative, Not not not }
    };
    (@binary $T:ty: $($Op:ident $op:ident $function:ident),*) => { $(
        // The right side is generic: so the type of a literal there is inferred.
        impl<R: IntoTensor> ops::$Op<R> for &$T {
            type Output = Result<Tensor>;
            #[track_caller]
            fn $op(self, right: R) -> Result<Tensor> {
                $function(self, &right)
            }
        }
        impl<R: IntoTensor> ops::$Op<R> for $T {
            type Output = Result<Tensor>;
            #[track_caller]
            fn $op(self, right: R) -> Result<Tensor> {
                $function(&self, &right)
            }
        }
        tensor_operators! { @left $Op $op $function: Result<Tensor>, $T; Result<Tensor>, &$T }
        // One float and one integer type only: with a second one `(2.0 * &x)?` would not infer.
        tensor_operators! { @left $Op $op $function: f64, $T; f64, &$T; i32, $T; i32, &$T }
    )* };
    (@left $Op:ident $op:ident $function:ident: $($L:ty, $R:ty);*) => { $(
        impl ops::$Op<$R> for $L {
            type Output = Result<Tensor>;
            #[track_caller]
            fn $op(self, right: $R) -> Result<Tensor> {
                $function(&self, &right)
            }
        }
    )* };
    (@unary $T:ty: $($Op:ident $op:ident $function:ident),*) => { $(
        impl ops::$Op for &$T {
            type Output = Result<Tensor>;
            #[track_caller]
            fn $op(self) -> Result<Tensor> {
                $function(self)
            }
        }
        impl ops::$Op for $T {
            type Output = Result<Tensor>;
            #[track_caller]
            fn $op(self) -> Result<Tensor> {
                $function(&self)
            }
        }
    )* };
}
tensor_operators!(Tensor);
tensor_operators!(Variable);

#[cfg(test)]
mod tests {
    use crate::dtype::DType;
    use crate::error::Result;
    use crate::graph::{Graph, Tensor};
    use crate::shape;

    /// The names and types of the nodes that `build` makes beside placeholders `x` (float32), `i` (int32) and `b`.
    #[track_caller]
    fn check(build: impl FnOnce(Tensor, Tensor, Tensor) -> Result<Tensor>, want: &str) {
        let g = Graph::new();
        let x = g.named("x", || g.placeholder(DType::F32, shape![2, 2])).unwrap();
        let i = g.named("i", || g.placeholder(DType::I32, shape![2])).unwrap();
        let b = g.named("b", || g.placeholder(DType::Bool, shape![2])).unwrap();
        let _ = build(x, i, b).unwrap();
        let nodes = g.nodes().skip(3).map(|node| format!("{} {}", node.name(), node.op().kind().name));
        assert_eq!(nodes.collect::<Vec<_>>().join(", "), want);
    }

    #[test]
    fn nodes_are_named_as_in_python() {
        check(|x, _, _| &x + 1.0, "add/y Const, add AddV2");
        check(|x, _, _| &x + &x, "add AddV2");
        check(|x, _, _| 1 - x, "sub/x Const, sub Sub");
        check(|x, _, _| x * 2.0f32, "mul/y Const, mul Mul");
        check(|x, _, _| x / 2, "truediv/y Const, truediv RealDiv");
        check(|_, i, _| i / 2, "truediv/y Const, truediv/Cast Cast, truediv/Cast_1 Cast, truediv RealDiv");
        check(|_, i, _| 2 / i, "truediv/x Const, truediv/Cast Cast, truediv/Cast_1 Cast, truediv RealDiv");
        check(|_, i, _| &i / &i, "truediv/Cast Cast, truediv/Cast_1 Cast, truediv RealDiv");
        check(|x, _, _| x % 2, "mod/y Const, mod FloorMod");
        check(|x, _, _| -&x, "Neg Neg");
        check(|_, _, b| &b & &b, "and LogicalAnd");
        check(|_, _, b| !&b, "LogicalNot LogicalNot");
        let xor = "xor/LogicalOr LogicalOr, xor/LogicalAnd LogicalAnd, xor/LogicalNot LogicalNot, xor LogicalAnd";
        check(|_, _, b| &b ^ &b, xor);
    }

    #[test]
    fn results_stand_beside_tensors() {
        check(|x, _, _| &x + &x * &x - &x, "mul Mul, add AddV2, sub Sub");
        check(|x, _, _| (&x + &x) * &x, "add AddV2, mul Mul");
    }

    #[test]
    fn names_given_by_the_user_count() {
        check(|x, _, _| x.graph().named("z", || &x + 1.0), "z/y Const, z AddV2");
        check(|x, _, _| x.graph().named("z", || &x + &x), "z AddV2");
    }

    #[test]
    fn a_number_that_loses_its_kind_is_refused() {
        let g = Graph::new();
        let i = g.placeholder(DType::I32, shape![2]).unwrap();
        let text = (&i + 1.5).unwrap_err().to_string();
        assert!(text.contains("1.5 would lose its fraction in int32"), "{text}");
        let x = g.placeholder(DType::F32, shape![2]).unwrap();
        assert!((&x / &i).unwrap_err().to_string().contains("must have one dtype"));
    }
}
