//! `assert_equal` and its kin: a comparison of all elements, and an `Assert` on it.

use super::assert::AssertData;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::{Operation, Tensor};
use crate::ops::IntoTensor;

macro_rules! checks {
    ($($name:ident $alias:literal $sign:literal $compare:ident;)*) => {
        impl Tensor { $(
            #[doc = concat!("Ends the run with `CheckFailed` unless `x ", $sign, " y` holds for all elements; the message, which may be")]
            /// empty, says what is wrong. Shapes broadcast. The check is made only where something waits for it: see
            /// `control_dependencies` and [`Tensor::after`].
            ///
            /// # Errors
            /// `CheckFailed` at once where both are small constants and it does not hold; `DTypeMismatch`,
            /// `ShapeMismatch`.
            #[doc(alias = $alias)]
            #[track_caller]
            pub fn $name(&self, y: impl IntoTensor, message: &str) -> Result<Operation> {
                check(self, &y, message, stringify!($name), $sign, |x, y| x.$compare(y))
            }
        )* }
    };
}
checks! {
    assert_equal "tf.assert_equal" "==" equal;
    assert_none_equal "tf.assert_none_equal" "!=" not_equal;
    assert_less "tf.assert_less" "<" less;
    assert_less_equal "tf.assert_less_equal" "<=" less_equal;
    assert_greater "tf.assert_greater" ">" greater;
    assert_greater_equal "tf.assert_greater_equal" ">=" greater_equal;
}

#[track_caller]
fn check(
    x: &Tensor,
    y: &dyn IntoTensor,
    message: &str,
    name: &str,
    sign: &str,
    compare: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Operation> {
    let g = x.graph().root();
    if name == "assert_equal" {
        // TF1 opens a scope to look whether it is the same tensor, and another one for the check.
        let is_same = !y.is_bare() && y.tensor(None)? == *x;
        if let Some(nothing) = g.composite(name, |_| is_same.then(|| g.no_op()).transpose())? {
            return Ok(nothing);
        }
    }
    g.composite(name, |_| {
        let y = g.named("y", || y.tensor(Some(x)))?;
        let rule = format!("Condition x {sign} y did not hold element-wise:");
        let (x_is, y_is) = (format!("x ({}) = ", x.name()), format!("y ({}) = ", y.name()));
        let holds = compare(x, &y)?.reduce_all(())?;
        let value = holds.graph().constant_value(holds.id());
        if value.is_some_and(|value| value.scalar::<bool>().is_ok_and(|holds| !holds)) {
            let text = format!("{}{}x {sign} y does not hold for constants", escape(message), separator(message));
            return Err(Error::new(ErrorKind::CheckFailed, text));
        }
        let data: [&dyn AssertData; 6] = [&message, &rule, &x_is, x, &y_is, &y];
        holds.assert(if message.is_empty() { &data[1..] } else { &data })
    })
}

fn separator(message: &str) -> &str {
    if message.is_empty() { "" } else { ": " }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::graph::Graph;
    use crate::session::Session;
    use crate::shape;

    #[test]
    fn elements_are_compared_in_the_run() -> Result<()> {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![?])?;
        let check = x.assert_less(2.0, "too large")?;
        let sess = Session::new(&g)?;
        sess.run_with(&check, crate::feeds! { &x => [0.0f32, 1.0] })?;
        let error = sess.run_with(&check, crate::feeds! { &x => [0.0f32, 3.0] }).unwrap_err();
        let text = "assertion failed: [too large] [Condition x < y did not hold element-wise:] \
                    [x (Placeholder:0) = ] [0 3] [y (assert_less/y:0) = ] [2]";
        assert_eq!((error.kind(), error.message()), (ErrorKind::CheckFailed, text));
        Ok(())
    }

    #[test]
    fn constants_are_compared_at_once() -> Result<()> {
        let g = Graph::new();
        let x = g.constant([1, 2])?;
        let error = x.assert_greater(1, "").unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::CheckFailed, "x > y does not hold for constants"));
        assert_eq!(x.assert_greater_equal(1, "")?.name(), "assert_greater_equal/Assert/Assert");
        assert_eq!(x.assert_equal(&x, "")?.name(), "assert_equal/NoOp");
        assert!(x.assert_none_equal(3, "").is_ok() && x.assert_less_equal(2, "").is_ok());
        Ok(())
    }
}
