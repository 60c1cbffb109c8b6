//! `While`: a body runs as long as a condition holds.

use std::sync::Arc;

use smallvec::SmallVec;

use super::LOWERED;
use super::bodies::{arguments, is_true, output};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Argument, AttrValue, Attrs, Body, Effect, Elements, Example, Fact, InferCx, Op, OpKind, RunCx};
use crate::ops::control::samples;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Value};

/// The loop variables as the last turn leaves them: while `cond` of them is true they become `body` of them. What a turn
/// made of the variables is freed by the next, so a loop runs in constant memory, and it stops between turns when its
/// run is cancelled or its deadline has passed.
///
/// A dim that a turn may change is unknown in the results; so is the rank.
#[derive(Debug, Clone)]
pub struct While {
    /// From the loop variables to one number, string or bool.
    pub cond: Arc<Body>,
    /// From the loop variables to the loop variables of the next turn.
    pub body: Arc<Body>,
    /// The shapes that the user says the variables keep; empty where nothing was said.
    pub invariants: Vec<Shape>,
    /// Whether the name in files is `StatelessWhile`.
    pub stateless: bool,
    /// Whether TensorFlow makes plain nodes of it. The bodies already hold no effects but those that must happen.
    pub lowered: bool,
}

/// The row of [`While`].
pub static WHILE: OpKind =
    OpKind::new("While", "input: [T] >= 0 -> output: [T] >= 0", parse, || examples(false)).effect(Effect::Calls);

/// The row of [`While`] for bodies without effects.
pub static STATELESS_WHILE: OpKind =
    OpKind::new("StatelessWhile", "input: [T] >= 0 -> output: [T] >= 0", parse_stateless, || examples(true))
        .effect(Effect::Calls);

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    parse_while(false, attrs)
}

fn parse_stateless(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    parse_while(true, attrs)
}

fn parse_while(stateless: bool, attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let (cond, body) = (attrs.body("cond")?, attrs.body("body")?);
    // What TensorFlow's builder knew of the shapes, which are inferred here, and how it is to run the loop.
    for name in ["output_shapes", "parallel_iterations"] {
        let _: Option<&AttrValue> = attrs.get(name);
    }
    Ok(Arc::new(While { cond, body, invariants: Vec::new(), stateless, lowered: attrs.bool_or(LOWERED, false)? }))
}

fn examples(stateless: bool) -> Vec<Example> {
    // Never runs a turn: the examples only build it.
    let while_loop = While {
        cond: samples::never_body(DType::F32),
        body: samples::negated_body(DType::F32),
        invariants: Vec::new(),
        stateless,
        lowered: false,
    };
    vec![Example::new(while_loop, [[1.0f32, 2.0].into_value()])]
}

impl While {
    /// What holds of the loop variables in every turn: what is known of the inputs, less what a turn may change.
    fn fixed_point(&self, cx: &InferCx<'_>) -> Result<Vec<Argument>> {
        let mut vars = arguments(cx, 0);
        for (i, var) in vars.iter_mut().enumerate() {
            if !self.body.passes_on(i) {
                var.value = None;
                var.fact.sizes = None;
            }
            if let Some(said) = self.invariants.get(i).filter(|said| said.rank().is_some()) {
                var.fact.shape = weaken(&var.fact.shape, said);
            }
        }
        let mut widened = Vec::new();
        loop {
            let results = self.body.made_for(&vars)?.1;
            self.check(&vars, &results)?;
            let mut is_stable = true;
            for (var, result) in vars.iter_mut().zip(&results) {
                if let Some(shape) = widen(&var.fact.shape, &result.shape, &mut widened) {
                    var.fact.shape = shape;
                    is_stable = false;
                }
                is_stable &= !widen_elements(&mut var.fact, result, &mut widened);
            }
            if is_stable {
                return Ok(vars);
            }
        }
    }

    /// What a turn does not contradict of shapes that somebody says the variables keep.
    ///
    /// # Errors
    /// What the rules inside refuse.
    #[cfg(feature = "tensorflow")]
    pub(crate) fn may_keep(&self, inputs: &[Fact], said: Vec<Shape>) -> Result<Vec<Shape>> {
        let vars: Vec<Argument> = inputs.iter().map(|fact| Argument { fact: fact.clone(), value: None }).collect();
        let results = self.body.made_for(&vars)?.1;
        let pairs = said.into_iter().zip(inputs).zip(&results);
        Ok(pairs.map(|((said, input), result)| uncontradicted(said, &input.shape, &result.shape)).collect())
    }

    fn check(&self, vars: &[Argument], results: &[Fact]) -> Result<()> {
        if vars.len() != results.len() {
            let (vars, results) = (vars.len(), results.len());
            return Err(Error::invalid(format!("a turn must give back {vars} loop variables, but gives {results}")));
        }
        for (i, (var, result)) in vars.iter().zip(results).enumerate() {
            if var.fact.dtype != result.dtype {
                let (before, after) = (var.fact.dtype, result.dtype);
                let text = format!("loop variable {i} enters the loop as {before}, but is {after} after one turn");
                return Err(Error::dtype(text));
            }
        }
        Ok(())
    }
}

/// What a shape and a claim have in common.
fn weaken(shape: &Shape, said: &Shape) -> Shape {
    let (Some(dims), Some(said)) = (shape.dims(), said.dims()) else { return Shape::unknown() };
    if dims.len() != said.len() {
        return Shape::unknown();
    }
    let keep = |(dim, said): (&Dim, &Dim)| if said.known().is_some() { dim.clone() } else { Dim::unknown() };
    Shape::new(dims.iter().zip(said).map(keep))
}

/// The dims of a shape that are the same before and after a turn, or not known after it.
#[cfg(feature = "tensorflow")]
fn uncontradicted(said: Shape, before: &Shape, after: &Shape) -> Shape {
    let (Some(dims), Some(before), Some(after)) = (said.dims(), before.dims(), after.dims()) else { return said };
    if dims.len() != after.len() || dims.len() != before.len() {
        return Shape::unknown();
    }
    let keeps = |i: usize| after[i].is_anonymous() || after[i] == before[i];
    Shape::new(dims.iter().enumerate().map(|(i, dim)| if keeps(i) { dim.clone() } else { Dim::unknown() }))
}

/// What holds before and after a turn, if that is less than what was thought. `widened` has the dims that a turn may
/// change, each a symbol of one turn.
fn widen(before: &Shape, after: &Shape, widened: &mut Vec<Dim>) -> Option<Shape> {
    let dims = before.dims()?;
    let Some(after) = after.dims().filter(|after| after.len() == dims.len()) else { return Some(Shape::unknown()) };
    let mut changed = false;
    let joined = dims.iter().zip(after).map(|(dim, after)| {
        if dim == after || widened.contains(dim) {
            return dim.clone();
        }
        changed = true;
        widened.push(Dim::unknown());
        widened[widened.len() - 1].clone()
    });
    let joined: Vec<Dim> = joined.collect();
    changed.then(|| Shape::from(joined))
}

/// The same for the elements of lists; answers whether less is known than was thought.
fn widen_elements(before: &mut Fact, after: &Fact, widened: &mut Vec<Dim>) -> bool {
    let Some(known) = &before.elements else { return false };
    let changed = match after.elements.as_ref().filter(|after| after.dtype == known.dtype) {
        None => None,
        Some(after) => match widen(&known.shape, &after.shape, widened) {
            None => return false,
            Some(shape) => Some(Arc::new(Elements { shape, ..(**known).clone() })),
        },
    };
    before.elements = changed;
    true
}

impl Op for While {
    fn kind(&self) -> &'static OpKind {
        if self.stateless { &STATELESS_WHILE } else { &WHILE }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let vars = self.fixed_point(cx)?;
        let conditions = self.cond.made_for(&vars)?.1.len();
        if conditions != 1 {
            return Err(Error::invalid(format!("a condition must give back 1 tensor, but gives {conditions}")));
        }
        vars.into_iter().for_each(|var| output(cx, var.fact));
        Ok(())
    }

    fn bodies(&self, cx: &InferCx<'_>) -> Result<Vec<Arc<Body>>> {
        let vars = self.fixed_point(cx)?;
        Ok(vec![self.cond.made_for(&vars)?.0, self.body.made_for(&vars)?.0])
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let mut vars: SmallVec<[Value; 4]> = (0..cx.n_inputs()).map(|i| cx.take(i)).collect();
        loop {
            cx.check()?;
            let condition = cx.call(0, vars.clone())?;
            if !is_true(&condition[0])? {
                break;
            }
            drop(condition);
            vars = cx.call(1, vars)?.into_iter().collect();
        }
        for (i, value) in vars.into_iter().enumerate() {
            cx.output(i, value);
        }
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mut attrs =
            vec![("cond", AttrValue::Body(self.cond.clone())), ("body", AttrValue::Body(self.body.clone()))];
        attrs.extend(self.lowered.then_some((LOWERED, AttrValue::Bool(true))));
        attrs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::CancelToken;
    use crate::error::ErrorKind;
    use crate::graph::{Graph, Operation, Tensor};
    use crate::session::{Feeds, RunOptions, Session};
    use crate::shape;

    /// A body built from a closure on its parameters.
    fn body_of(params: &[(DType, Shape)], build: impl FnOnce(&Graph, &[Tensor]) -> Result<Vec<Tensor>>) -> Arc<Body> {
        let graph = Graph::new();
        let feed = |(dtype, shape): &(DType, Shape)| graph.feed_node(&Fact::new(*dtype, shape.clone()), &"p".into());
        let params = params.iter().map(feed).collect::<Result<Vec<_>>>().expect("parameters");
        let results = build(&graph, &params).expect("a body");
        let ids = params.iter().map(|param| param.id().node).collect();
        Body::new(graph, ids, results.iter().map(Tensor::id).collect(), Vec::new()).expect("a body")
    }

    fn counter() -> Vec<(DType, Shape)> {
        vec![(DType::I32, Shape::unknown())]
    }

    fn count_to(limit: i32) -> While {
        While {
            cond: body_of(&counter(), |g, i| Ok(vec![i[0].less(g.constant(limit)?)?])),
            body: body_of(&counter(), |_, i| Ok(vec![(&i[0] + 1)?])),
            invariants: Vec::new(),
            stateless: true,
            lowered: false,
        }
    }

    fn run(operation: &Operation) -> Result<Value> {
        Session::new(operation.graph())?.run(&operation.output(0)?)
    }

    #[test]
    fn a_loop_of_many_turns_ends() -> Result<()> {
        let g = Graph::new();
        let counted = g.apply(count_to(100_000), &[&g.constant(0)?])?;
        assert_eq!(run(&counted)?.scalar::<i32>()?, 100_000);
        assert_eq!(run(&g.apply(count_to(0), &[&g.constant(7)?])?)?.scalar::<i32>()?, 7);
        Ok(())
    }

    #[test]
    fn an_endless_loop_can_be_stopped() -> Result<()> {
        let g = Graph::new();
        let endless = g.apply(count_to(i32::MAX), &[&g.constant(i32::MIN)?])?;
        let sess = Session::new(&g)?;
        let timeout = Some(std::time::Duration::from_millis(30));
        let options = RunOptions { timeout, ..RunOptions::default() };
        let error = sess.run_with_options(&endless, Feeds::new(), &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        let token = CancelToken::new();
        let options = RunOptions { cancel: Some(token.clone()), ..RunOptions::default() };
        let error = std::thread::scope(|scope| {
            scope.spawn(|| token.cancel());
            sess.run_with_options(&endless, Feeds::new(), &options).unwrap_err()
        });
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        Ok(())
    }

    #[test]
    fn dims_that_a_turn_may_change_are_unknown() -> Result<()> {
        let vars = [(DType::I32, Shape::unknown()), (DType::F32, Shape::unknown())];
        let growing = While {
            cond: body_of(&vars, |g, vars| Ok(vec![vars[0].less(g.constant(3)?)?])),
            body: body_of(&vars, |_, vars| {
                let longer = crate::ops::array::concat(&[&vars[1], &vars[1]], 0)?;
                Ok(vec![(&vars[0] + 1)?, longer])
            }),
            invariants: Vec::new(),
            stateless: false,
            lowered: false,
        };
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![2, "n"])?;
        let looped = g.apply(growing, &[&g.constant(0)?, &x])?;
        assert_eq!(looped.output(0)?.shape().to_string(), "()");
        assert_eq!(looped.output(1)?.shape().to_string(), "(?, n)");
        let out = Session::new(&g)?.run_with(&looped.output(1)?, crate::feeds! { &x => [[1.0f32], [2.0]] })?;
        assert_eq!(out.dims(), [16, 1]);
        Ok(())
    }

    #[test]
    fn a_turn_must_keep_the_kinds_of_its_variables() -> Result<()> {
        let wrong = While { body: body_of(&counter(), |_, i| Ok(vec![i[0].cast(DType::F32)?])), ..count_to(3) };
        let g = Graph::new();
        let error = g.apply(wrong, &[&g.constant(0)?]).unwrap_err();
        assert_eq!(error.message(), "loop variable 0 enters the loop as int32, but is float32 after one turn");
        let short = While { body: body_of(&counter(), |_, _| Ok(Vec::new())), ..count_to(3) };
        let error = g.apply(short, &[&g.constant(0)?]).unwrap_err();
        assert_eq!(error.message(), "a turn must give back 1 loop variables, but gives 0");
        Ok(())
    }

    #[test]
    fn an_error_in_a_turn_names_the_node_inside() -> Result<()> {
        let by_zero =
            While { body: body_of(&counter(), |g, i| Ok(vec![i[0].floor_div(g.constant(0)?)?])), ..count_to(3) };
        let g = Graph::new();
        let error = run(&g.apply(by_zero, &[&g.constant(0)?])?).unwrap_err();
        assert_eq!(
            (error.kind(), error.site().map(|site| site.op.as_str())),
            (ErrorKind::DivisionByZero, Some("FloorDiv"))
        );
        Ok(())
    }
}
