//! `TemporaryVariable` and `DestroyTemporaryVariable`: a variable that lives within one run.

use std::sync::Arc;

use super::read::uninitialized;
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, Role, RunCx};
use crate::shape::{Dims, Shape};
use crate::value::{IntoValue, Value};

/// Makes a variable for the rest of the run, or until it is destroyed. TensorFlow leaves open what it holds at first;
/// here these are zeros.
///
/// Source: TensorFlow's `TemporaryVariable`.
#[derive(Debug, Clone)]
pub struct TemporaryVariable {
    /// The dtype of the variable's value.
    pub dtype: DType,
    /// Its shape, of known dims.
    pub shape: Shape,
    /// The variable's name, where it is not the node's.
    pub var_name: String,
}

/// The row of [`TemporaryVariable`].
pub static TEMPORARY_VARIABLE: OpKind =
    OpKind::new("TemporaryVariable", "-> ref: Ref(dtype)", parse_temporary, examples_temporary)
        .effect(Effect::Temporary)
        .not_differentiable("a variable's reference has no inputs");

/// The last value of a temporary variable, whose name is free after that.
///
/// Source: TensorFlow's `DestroyTemporaryVariable`.
#[derive(Debug, Clone)]
pub struct DestroyTemporaryVariable {
    /// The variable's name.
    pub var_name: String,
}

/// The row of [`DestroyTemporaryVariable`].
pub static DESTROY_TEMPORARY_VARIABLE: OpKind =
    OpKind::new("DestroyTemporaryVariable", "ref: Ref(T) -> value: T", parse_destroy, examples_destroy)
        .effect(Effect::Writes)
        .not_differentiable("a variable that is changed in place has no gradient");

fn parse_temporary(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let (dtype, shape) = (attrs.dtype("dtype")?, attrs.shape_or("shape", Shape::unknown())?);
    Ok(Arc::new(TemporaryVariable { dtype, shape, var_name: attrs.str_or("var_name", "")? }))
}

fn parse_destroy(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(DestroyTemporaryVariable { var_name: attrs.str_or("var_name", "")? }))
}

fn examples_temporary() -> Vec<Example> {
    let of = |dims: [usize; 2], name: &str| TemporaryVariable {
        dtype: DType::F32,
        shape: Shape::from(dims),
        var_name: name.to_owned(),
    };
    vec![Example::new(of([2, 3], "v"), []), Example::new(of([0, 3], ""), [])]
}

fn examples_destroy() -> Vec<Example> {
    vec![Example::new(DestroyTemporaryVariable { var_name: "v".to_owned() }, [[1.0f32, 2.0].into_value()])]
}

fn name_attr(name: &str) -> (&'static str, AttrValue) {
    ("var_name", AttrValue::Str(name.as_bytes().to_vec()))
}

impl TemporaryVariable {
    fn dims(&self) -> Result<Dims> {
        let known = self.shape.dims().and_then(|dims| dims.iter().map(|dim| dim.known()).collect());
        known.ok_or_else(|| Error::shape(format!("the shape must be fully known, but is {}", self.shape)))
    }
}

impl Op for TemporaryVariable {
    fn kind(&self) -> &'static OpKind {
        &TEMPORARY_VARIABLE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        self.dims()?;
        cx.output_variable(self.dtype, self.shape.clone(), Role::Ref);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let var = cx.own_variable()?;
        let mut zeros = Some(cx.alloc_zeros(self.dtype, &self.dims()?)?);
        cx.state()?.update(&var, &mut |old| match (old, zeros.take()) {
            (None, Some(zeros)) => Ok(zeros),
            _ => Err(exists_already(&var.name)),
        })?;
        cx.output(0, Value::from_object(DType::Resource, var));
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let (dtype, shape) = (AttrValue::Type(self.dtype), AttrValue::Shape(self.shape.clone()));
        vec![("dtype", dtype), ("shape", shape), name_attr(&self.var_name)]
    }
}

#[cold]
fn exists_already(name: &str) -> Error {
    let text = format!("the temporary variable '{}' must be destroyed before it is made again", escape(name));
    Error::new(ErrorKind::AlreadyExists, text)
}

impl Op for DestroyTemporaryVariable {
    fn kind(&self) -> &'static OpKind {
        &DESTROY_TEMPORARY_VARIABLE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output(cx.dtype(0), cx.shape(0).renew_anonymous());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let var = cx.variable(0)?;
        if *var.name != *self.var_name {
            let (want, got) = (escape(&self.var_name), escape(&var.name));
            let text = format!("the temporary variable to destroy is '{want}', but the reference is that of '{got}'");
            return Err(Error::new(ErrorKind::NotFound, text));
        }
        let last = cx.state()?.clear(&var)?.ok_or_else(|| uninitialized(&var))?;
        cx.output(0, last);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![name_attr(&self.var_name)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Graph, Tensor};
    use crate::ops::state::{Assign, AssignUpdate, ReadVariable, Spelling};
    use crate::ops::testing::{infer_err, infer_ok};
    use crate::session::Session;

    fn temporary(g: &Graph, var_name: &str) -> Result<Tensor> {
        let shape = Shape::from([1, 2]);
        g.apply_one(TemporaryVariable { dtype: DType::F32, shape, var_name: var_name.to_owned() }, &[])
    }

    fn read(of: &Tensor) -> Result<Tensor> {
        of.graph().apply_one(ReadVariable, &[of])
    }

    fn destroy(of: &Tensor, var_name: &str) -> Result<Tensor> {
        of.graph().apply_one(DestroyTemporaryVariable { var_name: var_name.to_owned() }, &[of])
    }

    #[test]
    fn a_shape_must_be_known() {
        let of = |shape: Shape| TemporaryVariable { dtype: DType::F32, shape, var_name: String::new() };
        infer_ok(&of(Shape::from([2, 0])), "", "(2,0)");
        infer_err(&of(Shape::unknown()), "", "the shape must be fully known, but is <unknown>");
        infer_err(&of(crate::shape![2, ?]), "", "the shape must be fully known, but is (2, ?)");
    }

    #[test]
    fn each_run_makes_its_own() -> Result<()> {
        let g = Graph::new();
        let var = temporary(&g, "t")?;
        let assign = Assign { spelling: Spelling::Ref, validate_shape: true };
        let set = g.apply_one(assign, &[&var, &g.constant([[10.0f32, 12.0]])?])?;
        let add = AssignUpdate { spelling: Spelling::Ref, subtracts: false };
        let sum = g.apply_one(add.clone(), &[&set, &g.constant([[1.0f32, 2.0]])?])?;
        let last = destroy(&sum, "t")?;
        let more = read(&g.apply_one(add, &[&temporary(&g, "u")?, &g.constant([[1.0f32, 2.0]])?])?)?;
        let sess = Session::new(&g)?;
        for _ in 0..2 {
            let (last, more) = sess.run((&last, &more))?;
            assert_eq!((last.slice::<f32>()?, more.slice::<f32>()?), (&[11.0, 14.0][..], &[1.0, 2.0][..]));
        }
        Ok(())
    }

    #[test]
    fn a_name_is_that_of_one_variable_at_a_time() -> Result<()> {
        let g = Graph::new();
        let first = temporary(&g, "t")?;
        let both = (&read(&first)? + &read(&temporary(&g, "t")?)?)?;
        let wrong = destroy(&g.named("v", || temporary(&g, ""))?, "w")?;
        let (sess, kind) = (Session::new(&g)?, |result: Result<Value>| result.unwrap_err().kind());
        assert_eq!(kind(sess.run(&both)), ErrorKind::AlreadyExists);
        assert_eq!(kind(sess.run(&wrong)), ErrorKind::NotFound);
        assert_eq!(sess.run(read(&first)?)?.slice::<f32>()?, [0.0, 0.0]);

        let g = Graph::new();
        let gone = destroy(&temporary(&g, "t")?, "t")?;
        let again = g.control_dependencies(&[gone.operation()], || read(&temporary(&g, "t")?))?;
        assert_eq!(Session::new(&g)?.run(&again)?.dims(), [1, 2]);
        Ok(())
    }
}
