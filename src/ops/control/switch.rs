//! `Switch`: the fork of TF1's conditionals. One output has the input's value, the other has none.

use std::sync::Arc;

use crate::error::Result;
use crate::graph::{Attrs, Example, Flow, Graph, InferCx, Op, OpKind, Role, RunCx, Tensor};
use crate::value::IntoValue;

/// Passes `data` on as output 1 where `pred` is true, else as output 0: `T.., () bool -> T.., T..`. What depends on the
/// output without a value does not run. Unknown dims stay unknown.
#[derive(Debug, Clone)]
pub struct Switch {
    /// Whether `data` is TF1's reference to a variable (`RefSwitch`).
    pub is_ref: bool,
}

/// The row of [`Switch`].
pub static SWITCH: OpKind =
    OpKind::new("Switch", "data: T, pred: bool -> output_false: T, output_true: T", parse, examples)
        .flow(Flow::Switch)
        .takes_handles();

/// The row of [`Switch`] for references.
pub static REF_SWITCH: OpKind = OpKind::new(
    "RefSwitch",
    "data: Ref(T), pred: bool -> output_false: Ref(T), output_true: Ref(T)",
    parse_ref,
    ref_examples,
)
.flow(Flow::Switch);

impl Graph {
    /// The raw fork of TF1's conditionals: `[if false, if true]`. What depends on the side that is not taken is skipped;
    /// `Graph::merge` joins the sides. Prefer `Graph::cond`.
    ///
    /// # Errors
    /// `DTypeMismatch` if `pred` is not bool, `ShapeMismatch` if it is not a scalar.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let [no, yes] = g.switch(&g.constant([1.0f32, 2.0])?, &g.constant(true)?)?;
    /// assert_eq!((no.name(), yes.shape().to_string()), ("Switch:0".into(), "(2,)".into()));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.switch")]
    #[track_caller]
    pub fn switch(&self, data: &Tensor, pred: &Tensor) -> Result<[Tensor; 2]> {
        let is_ref = data.fact().role == Role::Ref;
        let operation = self.apply(Switch { is_ref }, &[data, pred])?;
        Ok([operation.output(0)?, operation.output(1)?])
    }
}

fn parse(_: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Switch { is_ref: false }))
}

fn parse_ref(_: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Switch { is_ref: true }))
}

fn examples() -> Vec<Example> {
    vec![Example::new(Switch { is_ref: false }, [[1.0f32, 2.0].into_value(), true.into_value()])]
}

fn ref_examples() -> Vec<Example> {
    vec![Example::new(Switch { is_ref: true }, [[1.0f32, 2.0].into_value(), true.into_value()])]
}

impl Op for Switch {
    fn kind(&self) -> &'static OpKind {
        if self.is_ref { &REF_SWITCH } else { &SWITCH }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(1).with_rank(0)?;
        for _ in 0..2 {
            let data = cx.fact(0);
            *cx.output(data.dtype, &data.shape) = data.clone();
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let taken = cx.input(1).scalar::<bool>()?;
        let data = cx.take(0);
        cx.output(usize::from(taken), data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::error::ErrorKind;
    use crate::ops::testing::{infer_err, infer_ok};
    use crate::session::{Config, Session};
    use crate::{exec::StepOrder, feeds, shape};

    #[test]
    fn shapes_pass_through() {
        let op = Switch { is_ref: false };
        infer_ok(&op, "(?,3);bool()", "(?,3);(?,3)");
        infer_err(&op, "(?,3);bool(2)", "rank 0");
    }

    /// In both orders of execution.
    #[track_caller]
    fn each_order(check: impl Fn(&dyn Fn(&Graph) -> Session)) {
        for step_order in [StepOrder::AsBuilt, StepOrder::AsReady] {
            check(&|g| {
                Session::with_config(g, Config { step_order, threads: Some(2), ..Config::default() })
                    .expect("a session")
            });
        }
    }

    #[test]
    fn only_the_taken_branch_runs() -> Result<()> {
        let g = Graph::new();
        let p = g.placeholder(DType::Bool, shape![])?;
        let x = g.constant(6)?;
        let [no, yes] = g.switch(&x, &p)?;
        // An integer division by zero fails if it runs.
        let no = no.floor_div(g.constant(0)?)?;
        let yes = (yes * g.constant(7)?)?;
        let (out, index) = g.merge(&[no.clone(), yes.clone()])?;
        each_order(|session| {
            let sess = session(&g);
            let (out, index) = sess.run_with((&out, &index), feeds! { &p => true }).expect("the branch is fine");
            assert_eq!((out.scalar::<i32>().unwrap(), index.scalar::<i32>().unwrap()), (42, 1));
            let error = sess.run_with(&yes, feeds! { &p => false }).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadFetch, "{error}");
            assert_eq!(error.message(), "a fetched tensor has no value: its branch was not taken");
            assert_eq!(sess.run_with(&no, feeds! { &p => false }).unwrap_err().kind(), ErrorKind::DivisionByZero);
            assert!(sess.run_with(&yes, feeds! { &p => true }).is_ok(), "the session stays usable");
        });
        Ok(())
    }

    /// The size of what has no value is known all the same, but has no value either.
    #[test]
    fn known_sizes_stay_in_their_branch() -> Result<()> {
        let g = Graph::new();
        let p = g.placeholder(DType::Bool, shape![])?;
        let [no, yes] = g.switch(&g.constant([6, 7])?, &p)?;
        let size = g.apply_one(crate::ops::array::Shape { out_type: DType::I32 }, &[&no])?;
        let (out, index) = g.merge(&[size, yes])?;
        each_order(|session| {
            let sess = session(&g);
            let (out, index) = sess.run_with((&out, &index), feeds! { &p => true }).expect("a branch is taken");
            assert_eq!((out.to_string(), index.to_string()), ("[6 7]".into(), "1".into()));
        });
        Ok(())
    }

    #[test]
    fn what_waits_for_a_branch_runs_only_in_it() -> Result<()> {
        let g = Graph::new();
        let v = g.variable(1)?;
        let p = g.placeholder(DType::Bool, shape![])?;
        let [_, yes] = g.switch(&p, &p)?;
        let pivot = yes.identity()?.operation();
        let add = g.control_dependencies(&[pivot], || v.assign_add(10))?;
        each_order(|session| {
            let sess = session(&g);
            sess.run(g.global_variables_initializer().expect("a node")).expect("it initializes");
            sess.run_with(&add, feeds! { &p => false }).expect("nothing runs");
            assert_eq!(sess.run(&v).unwrap().scalar::<i32>().unwrap(), 1);
            sess.run_with(&add, feeds! { &p => true }).expect("it adds");
            assert_eq!(sess.run(&v).unwrap().scalar::<i32>().unwrap(), 11);
        });
        Ok(())
    }
}
