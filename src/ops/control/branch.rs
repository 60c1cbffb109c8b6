//! `If` and `Case`: one of several bodies runs.

use std::sync::Arc;

use super::LOWERED;
use super::bodies::{arguments, call, call_gradient, is_true, join, output};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Body, Effect, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::ops::control::samples;
use crate::value::{IntoValue, Value};

/// Runs one of its bodies on the inputs behind the first, which chooses. The results have what the branches agree on:
/// dims that differ are unknown.
#[derive(Debug, Clone)]
pub struct Branch {
    /// How the first input chooses, and the name in files.
    pub by: Choose,
    /// The bodies: of `If` the one for true comes first.
    pub bodies: Vec<Arc<Body>>,
    /// Whether only that runs of a branch which somebody needs: what the results lead to that are used, and the targets
    /// where the node itself is waited for. Else all of it runs.
    pub lowered: bool,
}

/// How a branch is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choose {
    /// `If`: by truth, of a number other than 0, a string with text or a tensor with elements.
    Truth,
    /// `StatelessIf`.
    TruthStateless,
    /// `Case`: by number; the last branch stands for all that are not there.
    Index,
    /// `StatelessCase`.
    IndexStateless,
}

/// The row of [`Branch`] that chooses by truth.
pub static IF: OpKind =
    row("If", "cond: Tcond, input: [Tin] >= 0 -> output: [Tout] >= 0", parse_if, || examples(Choose::Truth));
/// The row of [`Branch`] that chooses by truth and has no effects.
pub static STATELESS_IF: OpKind =
    row("StatelessIf", "cond: Tcond, input: [Tin] >= 0 -> output: [Tout] >= 0", parse_stateless_if, || {
        examples(Choose::TruthStateless)
    });
/// The row of [`Branch`] that chooses by number.
pub static CASE: OpKind =
    row("Case", "branch_index: int32, input: [Tin] >= 0 -> output: [Tout] >= 0", parse_case, || {
        examples(Choose::Index)
    });
/// The row of [`Branch`] that chooses by number and has no effects.
pub static STATELESS_CASE: OpKind =
    row("StatelessCase", "branch_index: int32, input: [Tin] >= 0 -> output: [Tout] >= 0", parse_stateless_case, || {
        examples(Choose::IndexStateless)
    });

const fn row(
    name: &'static str,
    signature: &'static str,
    parse: fn(&Attrs) -> Result<Arc<dyn Op>>,
    examples: fn() -> Vec<Example>,
) -> OpKind {
    OpKind::new(name, signature, parse, examples).effect(Effect::Calls)
}

fn parse_if(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    parse(Choose::Truth, attrs)
}

fn parse_stateless_if(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    parse(Choose::TruthStateless, attrs)
}

fn parse_case(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    parse(Choose::Index, attrs)
}

fn parse_stateless_case(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    parse(Choose::IndexStateless, attrs)
}

fn parse(by: Choose, attrs: &Attrs) -> Result<Arc<dyn Op>> {
    // What TensorFlow's builder knew of the shapes; here they are inferred.
    let _: Option<&AttrValue> = attrs.get("output_shapes");
    let bodies = match by {
        Choose::Truth | Choose::TruthStateless => vec![attrs.body("then_branch")?, attrs.body("else_branch")?],
        Choose::Index | Choose::IndexStateless => attrs.bodies("branches")?,
    };
    if bodies.is_empty() {
        return Err(Error::invalid("there must be at least 1 branch, but there is none"));
    }
    Ok(Arc::new(Branch { by, bodies, lowered: attrs.bool_or(LOWERED, false)? }))
}

fn examples(by: Choose) -> Vec<Example> {
    let first: Value = match by {
        Choose::Truth | Choose::TruthStateless => true.into_value(),
        _ => 1i32.into_value(),
    };
    let bodies = vec![samples::same_body(DType::F32), samples::negated_body(DType::F32)];
    let branch = |lowered| Branch { by, bodies: bodies.clone(), lowered };
    [false, true].map(|lowered| Example::new(branch(lowered), [first.clone(), [1.0f32, 2.0].into_value()])).into()
}

impl Op for Branch {
    fn kind(&self) -> &'static OpKind {
        match self.by {
            Choose::Truth => &IF,
            Choose::TruthStateless => &STATELESS_IF,
            Choose::Index => &CASE,
            Choose::IndexStateless => &STATELESS_CASE,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if matches!(self.by, Choose::Index | Choose::IndexStateless) {
            cx.shape(0).with_rank(0)?;
        }
        let arguments = arguments(cx, 1);
        let mut joined = self.bodies[0].made_for(&arguments)?.1;
        for body in &self.bodies[1..] {
            let facts = body.made_for(&arguments)?.1;
            if facts.len() != joined.len() {
                let (a, b) = (joined.len(), facts.len());
                return Err(Error::invalid(format!("branches must give back equally much, but give {a} and {b}")));
            }
            let pairs = joined.into_iter().zip(&facts).enumerate();
            joined = pairs.map(|(i, (a, b))| join(i, a, b)).collect::<Result<_>>()?;
        }
        joined.into_iter().for_each(|fact| output(cx, fact));
        Ok(())
    }

    fn bodies(&self, cx: &InferCx<'_>) -> Result<Vec<Arc<Body>>> {
        let arguments = arguments(cx, 1);
        self.bodies.iter().map(|body| Ok(body.made_for(&arguments)?.0)).collect()
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let taken = match self.by {
            Choose::Truth | Choose::TruthStateless => usize::from(!is_true(cx.input(0))?),
            Choose::Index | Choose::IndexStateless => {
                let index = cx.input(0).scalar::<i32>()?;
                usize::try_from(index).ok().filter(|i| *i < self.bodies.len()).unwrap_or(self.bodies.len() - 1)
            }
        };
        call(cx, taken, 1)
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let bodies = self.bodies.iter().map(|body| cx.body_gradient(body)).collect::<Result<_>>()?;
        call_gradient(cx, 1, Arc::new(Branch { by: self.by, bodies, lowered: self.lowered }))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mut attrs = match self.by {
            Choose::Truth | Choose::TruthStateless => vec![
                ("then_branch", AttrValue::Body(self.bodies[0].clone())),
                ("else_branch", AttrValue::Body(self.bodies[1].clone())),
            ],
            Choose::Index | Choose::IndexStateless => vec![("branches", AttrValue::Bodies(self.bodies.clone()))],
        };
        attrs.extend(self.lowered.then_some((LOWERED, AttrValue::Bool(true))));
        attrs
    }
}
