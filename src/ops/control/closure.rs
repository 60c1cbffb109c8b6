//! A user's function as an op: TF1's `py_func`.

use std::fmt;
use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Effect, Graph, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::Shape;
use crate::value::Value;

type Function = dyn Fn(&[Value]) -> Result<Vec<Value>> + Send + Sync;

/// Calls a user's function with the values of its inputs.
#[derive(Clone)]
pub struct Closure {
    f: Arc<Function>,
    outputs: Vec<(DType, Shape)>,
    is_pure: bool,
}

/// The row of a [`Closure`] that reaches outside: each run calls it, in the order of the program.
pub static PY_FUNC: OpKind = OpKind::custom("PyFunc", "input: [Tin] >= 0 -> output: [Tout] >= 0")
    .effect(Effect::Outside)
    .not_differentiable("the engine does not know what the function does");

/// The row of a [`Closure`] that is a function of its inputs alone.
pub static PY_FUNC_STATELESS: OpKind = OpKind::custom("PyFuncStateless", "input: [Tin] >= 0 -> output: [Tout] >= 0")
    .not_differentiable("the engine does not know what the function does");

impl Graph {
    /// Tensors that a Rust function computes in each run, with the dtypes and shapes that are promised here. The
    /// function may do anything: it is called once a run, in the order of the program. It cannot be interrupted and
    /// cannot be written to files.
    ///
    /// The graph keeps the function, so it must not capture tensors or graphs: what it holds of its own graph would
    /// never be freed. Give tensors as inputs.
    ///
    /// # Errors
    /// `GraphMismatch`. A run fails with the function's error, and with `ShapeMismatch` or `DTypeMismatch` where it does
    /// not keep the promise.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.constant([1.0f32, 2.0])?;
    /// let sum = g.closure("sum", &[&x], &[(DType::F32, shape![])], |inputs| {
    ///     Ok(vec![Value::scalar_of(inputs[0].slice::<f32>()?.iter().sum::<f32>())])
    /// })?;
    /// assert_eq!(Session::new(&g)?.run(&sum[0])?.scalar::<f32>()?, 3.0);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.py_func")]
    #[track_caller]
    pub fn closure(
        &self,
        name: &str,
        inputs: &[&Tensor],
        outputs: &[(DType, Shape)],
        f: impl Fn(&[Value]) -> Result<Vec<Value>> + Send + Sync + 'static,
    ) -> Result<Vec<Tensor>> {
        let op = Closure { f: Arc::new(f), outputs: outputs.to_vec(), is_pure: false };
        Ok(self.apply_named(name, Arc::new(op), inputs)?.outputs())
    }

    /// As [`Graph::closure`], for a function whose results depend on its inputs alone: it may be called at any time,
    /// also while the graph is built, or not at all.
    ///
    /// # Errors
    /// As there.
    #[doc(alias = "tf.py_func")]
    #[track_caller]
    pub fn pure_closure(
        &self,
        name: &str,
        inputs: &[&Tensor],
        outputs: &[(DType, Shape)],
        f: impl Fn(&[Value]) -> Result<Vec<Value>> + Send + Sync + 'static,
    ) -> Result<Vec<Tensor>> {
        let op = Closure { f: Arc::new(f), outputs: outputs.to_vec(), is_pure: true };
        Ok(self.apply_named(name, Arc::new(op), inputs)?.outputs())
    }
}

impl fmt::Debug for Closure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address tells closures apart.
        write!(f, "Closure({:p} -> {:?})", Arc::as_ptr(&self.f), self.outputs)
    }
}

impl Op for Closure {
    fn kind(&self) -> &'static OpKind {
        if self.is_pure { &PY_FUNC_STATELESS } else { &PY_FUNC }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        for (dtype, shape) in &self.outputs {
            cx.output(*dtype, shape.renew_anonymous());
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let inputs: Vec<Value> = (0..cx.n_inputs()).map(|i| cx.input(i).clone()).collect();
        let outputs = (self.f)(&inputs)?;
        if outputs.len() != self.outputs.len() {
            let text = format!("the function promised {} outputs, but gave {}", self.outputs.len(), outputs.len());
            return Err(Error::invalid(text));
        }
        for (i, (value, (dtype, shape))) in outputs.into_iter().zip(&self.outputs).enumerate() {
            if value.dtype() != *dtype {
                let text = format!("the function promised {dtype} for output {i}, but gave {}", value.dtype());
                return Err(Error::dtype(text));
            }
            if !shape.is_compatible_with(value.dims()) {
                let given = Shape::from(value.dims());
                return Err(Error::shape(format!("the function promised {shape} for output {i}, but gave {given}")));
            }
            cx.output(i, value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::error::ErrorKind;
    use crate::session::Session;
    use crate::shape;

    #[test]
    fn a_function_is_called_once_a_run_and_held_to_its_promise() -> Result<()> {
        let g = Graph::new();
        let x = g.constant([1.0f32, 2.0])?;
        let calls = Arc::new(AtomicUsize::new(0));
        let count = calls.clone();
        let outputs = [(DType::F32, shape![?]), (DType::I32, shape![])];
        let both = g.closure("both", &[&x], &outputs, move |inputs| {
            let n = count.fetch_add(1, Ordering::Relaxed) as i32;
            let one = if n < 2 { Value::scalar_of(n) } else { Value::scalar_of(0.5f32) };
            Ok(vec![inputs[0].clone(), one])
        })?;
        assert_eq!((both[0].name(), both[1].name()), ("both:0".to_owned(), "both:1".to_owned()));
        let sess = Session::new(&g)?;
        assert_eq!(sess.run((&both[0], &both[1]))?.1.scalar::<i32>()?, 0);
        assert_eq!(sess.run((&both[1], &both[1]))?.1.scalar::<i32>()?, 1);
        let error = sess.run(&both[0]).unwrap_err();
        assert_eq!(error.message(), "the function promised int32 for output 1, but gave float32");
        assert_eq!((error.kind(), error.node()), (ErrorKind::DTypeMismatch, Some("both")));
        Ok(())
    }
}
