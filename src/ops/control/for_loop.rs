//! `For`: a body runs for each number of a range.

use std::sync::Arc;

use super::bodies::{arguments, output};
use crate::error::{Error, Result};
use crate::graph::{Argument, AttrValue, Attrs, Body, Effect, Example, Fact, InferCx, Op, OpKind, RunCx};
use crate::ops::control::samples;
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// The loop variables as the last turn leaves them: for each number from `start` by `delta` up to `limit`, which does not
/// belong to the range, they become `body` of the number and of them. `(), (), () and variables -> variables`.
///
/// A turn may change the shapes of the variables, so nothing is known of those of the results.
#[derive(Debug, Clone)]
pub struct For {
    /// From the number, int32, and the loop variables to the loop variables of the next turn.
    pub body: Arc<Body>,
}

/// The row of [`For`].
pub static FOR: OpKind = OpKind::new(
    "For",
    "start: int32, limit: int32, delta: int32, input: [T] >= 0 -> output: [T] >= 0",
    |attrs: &Attrs| Ok(Arc::new(For { body: attrs.body("body")? }) as Arc<dyn Op>),
    || {
        let range = [0i32, 3, 1].map(IntoValue::into_value);
        let inputs = range.into_iter().chain([[1.0f32, 2.0].into_value()]);
        vec![Example::new(For { body: samples::counted_body() }, inputs.collect::<Vec<Value>>())]
    },
)
.effect(Effect::Calls);

impl For {
    /// What holds of the number and of the variables in every turn: dtypes, and what handles refer to.
    fn in_a_turn(cx: &InferCx<'_>) -> Vec<Argument> {
        let number = Argument { fact: cx.fact(0).clone(), value: None };
        let loosen = |argument: Argument| {
            let shape = if argument.fact.is_variable() { argument.fact.shape.clone() } else { Shape::unknown() };
            Argument { fact: Fact { shape, sizes: None, ..argument.fact }, value: None }
        };
        let mut turn = vec![Argument { fact: Fact { sizes: None, shape: Shape::scalar(), ..number.fact }, ..number }];
        turn.extend(arguments(cx, 3).into_iter().map(loosen));
        turn
    }
}

impl Op for For {
    fn kind(&self) -> &'static OpKind {
        &FOR
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        for i in 0..3 {
            cx.shape(i).with_rank(0)?;
        }
        let turn = For::in_a_turn(cx);
        let (vars, results) = (&turn[1..], self.body.made_for(&turn)?.1);
        if vars.len() != results.len() {
            let (vars, results) = (vars.len(), results.len());
            return Err(Error::invalid(format!("a turn must give back {vars} loop variables, but gives {results}")));
        }
        for (i, (var, result)) in vars.iter().zip(&results).enumerate() {
            if var.fact.dtype != result.dtype {
                let (before, after) = (var.fact.dtype, result.dtype);
                let text = format!("loop variable {i} enters the loop as {before}, but is {after} after one turn");
                return Err(Error::dtype(text));
            }
        }
        vars.iter().for_each(|var| output(cx, var.fact.clone()));
        Ok(())
    }

    fn bodies(&self, cx: &InferCx<'_>) -> Result<Vec<Arc<Body>>> {
        Ok(vec![self.body.made_for(&For::in_a_turn(cx))?.0])
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let number = |cx: &RunCx<'_>, i: usize| cx.input(i).scalar::<i32>();
        let (start, limit, delta) = (number(cx, 0)?, number(cx, 1)?, number(cx, 2)?);
        if (delta == 0 && start != limit) || (delta > 0 && start > limit) || (delta < 0 && start < limit) {
            return Err(Error::invalid(format!(
                "delta must lead from start to limit, but start is {start}, limit is {limit} and delta is {delta}"
            )));
        }
        let mut vars: Vec<Value> = (3..cx.n_inputs()).map(|i| cx.take(i)).collect();
        let (mut at, limit, delta) = (i64::from(start), i64::from(limit), i64::from(delta));
        while (delta > 0 && at < limit) || (delta < 0 && at > limit) {
            cx.check()?;
            vars.insert(0, (at as i32).into_value());
            vars = cx.call(0, vars.into_iter().collect())?.into_iter().collect();
            at += delta;
        }
        for (i, value) in vars.into_iter().enumerate() {
            cx.output(i, value);
        }
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("body", AttrValue::Body(self.body.clone()))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::session::Session;

    /// 1 as a loop of these numbers leaves it, where each turn adds its number.
    fn run(start: i32, limit: i32, delta: i32) -> Result<f32> {
        let g = Graph::new();
        let range = [start, limit, delta].map(|n| g.constant(n));
        let [start, limit, delta] = range;
        let x = g.constant([1.0f32])?;
        let looped = g.apply(For { body: samples::counted_body() }, &[&start?, &limit?, &delta?, &x])?.output(0)?;
        Ok(Session::new(&g)?.run(&looped)?.slice::<f32>()?[0])
    }

    #[test]
    fn a_body_runs_for_each_number() {
        assert_eq!(run(0, 4, 1).unwrap(), 7.0);
        assert_eq!(run(5, 0, -2).unwrap(), 10.0);
        assert_eq!(run(3, 3, 1).unwrap(), 1.0);
        assert_eq!(run(i32::MAX - 1, i32::MAX, i32::MAX).unwrap(), 1.0 + (i32::MAX - 1) as f32);
    }

    #[test]
    fn a_range_that_does_not_end_is_refused() {
        for (start, limit, delta) in [(0, 3, 0), (0, 3, -1), (3, 0, 1)] {
            let error = run(start, limit, delta).unwrap_err();
            assert!(error.message().contains("delta must lead from start to limit"), "{error}");
        }
    }
}
