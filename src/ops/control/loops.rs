//! `while_loop`: a loop built from closures.

use std::panic::Location;
use std::sync::Arc;

use super::held::{exits, hold};
use super::nest::{IntoNest, form, pack, tensors};
use super::while_loop::While;
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::{BodyPlan, Built, Fact, Graph, Tensor};
use crate::shape::{Dim, Shape};

/// How a loop is built.
#[derive(Debug, Clone)]
pub struct WhileOptions {
    /// The shape that each loop variable keeps, in the order of the leaves; with none given the variables keep the
    /// known dims that they enter with.
    pub shape_invariants: Vec<Shape>,
    /// The loop ends after so many turns, whatever its condition says: an int32 or int64 scalar.
    pub maximum_iterations: Option<Tensor>,
    /// How many turns TensorFlow may run at once. Here turns run one after another, and work inside of them in
    /// parallel.
    pub parallel_iterations: usize,
    /// Whether gradients flow through the loop.
    pub back_prop: bool,
    /// Whether TensorFlow may move what gradients need out of a GPU's memory; it makes no difference here.
    pub swap_memory: bool,
}

impl Default for WhileOptions {
    fn default() -> WhileOptions {
        WhileOptions {
            shape_invariants: Vec::new(),
            maximum_iterations: None,
            parallel_iterations: 10,
            back_prop: true,
            swap_memory: false,
        }
    }
}

impl Graph {
    /// The loop variables as the last turn leaves them: while `cond` of them holds they become `body` of them. The
    /// closures are called once each, now; tensors from outside can be used in them as they are. A turn frees what the
    /// one before made, so a loop of any number of turns runs in constant memory, and it can be cancelled.
    ///
    /// A loop variable keeps its dtype and its known dims; where a dim is to change say so by
    /// [`WhileOptions::shape_invariants`]. In the closures all other dims are unknown.
    ///
    /// # Errors
    /// `DTypeMismatch` and `ShapeMismatch` where a turn changes them, or where the condition is no bool scalar;
    /// `InvalidArgument` where a turn gives another structure back, or there are no loop variables; the errors of the
    /// closures.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let start = (g.constant(0)?, g.constant(1.0)?);
    /// let (_, power) = g.while_loop(start, |(i, _)| i.less(10), |(i, x)| Ok((&i + 1, &x * 2.0)))?;
    /// assert_eq!(Session::new(&g)?.run(&power)?.scalar::<f32>()?, 1024.0);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.while_loop")]
    #[track_caller]
    pub fn while_loop<V: IntoNest, B: IntoNest<Owned = V::Owned>>(
        &self,
        vars: V,
        cond: impl FnOnce(V::Owned) -> Result<Tensor>,
        body: impl FnOnce(V::Owned) -> Result<B>,
    ) -> Result<V::Owned> {
        self.while_loop_with(vars, cond, body, &WhileOptions::default())
    }

    /// As [`Graph::while_loop`], with options.
    ///
    /// # Errors
    /// As there; `InvalidArgument` and `ShapeMismatch` for options that do not fit.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// use sessile::ops::control::WhileOptions;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let options = WhileOptions { shape_invariants: vec![shape![?]], maximum_iterations: Some(g.constant(3)?), ..Default::default() };
    /// let x = g.while_loop_with(g.constant([1])?, |_| g.constant(true), |x| concat(&[&x, &x], 0), &options)?;
    /// assert_eq!((x.shape().to_string(), Session::new(&g)?.run(&x)?.len()), ("(?,)".into(), 8));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.while_loop")]
    #[track_caller]
    pub fn while_loop_with<V: IntoNest, B: IntoNest<Owned = V::Owned>>(
        &self,
        vars: V,
        cond: impl FnOnce(V::Owned) -> Result<Tensor>,
        body: impl FnOnce(V::Owned) -> Result<B>,
        options: &WhileOptions,
    ) -> Result<V::Owned> {
        let (g, line) = (self.root(), self.line());
        self.composite("while", |scope| {
            let nest = vars.into_nest(g)?;
            let flat = Loop { scope, vars: tensors(&nest, "a loop variable")?, line, options };
            let outputs = flat.build(
                g,
                |vars| cond(pack(&nest, vars, None)),
                |vars| {
                    let turned = body(pack(&nest, vars, None))?.into_nest(g)?;
                    let (want, have) = (form(&nest), form(&turned));
                    if want != have {
                        let text = format!("a turn must give back the loop variables {want}, but gives {have}");
                        return Err(Error::invalid(text));
                    }
                    tensors(&turned, "a loop variable")
                },
            )?;
            Ok(pack(&nest, &outputs, None))
        })
    }
}

/// A loop over tensors without structure.
struct Loop<'a> {
    scope: &'a str,
    vars: Vec<Tensor>,
    line: Option<&'static Location<'static>>,
    options: &'a WhileOptions,
}

impl Loop<'_> {
    fn build(
        mut self,
        g: &Graph,
        cond: impl FnOnce(&[Tensor]) -> Result<Tensor>,
        body: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
    ) -> Result<Vec<Tensor>> {
        if self.vars.is_empty() {
            return Err(Error::invalid("a loop takes at least 1 loop variable, but got 0"));
        }
        let mut invariants = self.invariants()?;
        let Some(limit) = &self.options.maximum_iterations else {
            return self.build_all(g, &invariants, cond, body);
        };
        if limit.shape().rank().is_some_and(|rank| rank > 0) || !matches!(limit.dtype(), DType::I32 | DType::I64) {
            let (dtype, shape) = (limit.dtype(), limit.shape());
            return Err(Error::shape(format!("maximum_iterations must be an integer scalar, but is {dtype} {shape}")));
        }
        let counter = g.named("iteration_counter", || g.constant_as(limit.dtype(), 0))?;
        self.vars.insert(0, counter);
        invariants.insert(0, None);
        let line = g.line();
        let outputs = self.build_all(
            g,
            &invariants,
            |vars| {
                let goes_on = g.with_line(line, || vars[0].less(limit))?;
                let wanted = cond(&vars[1..])?;
                g.with_line(line, || goes_on.logical_and(&wanted))
            },
            |vars| {
                let next = g.with_line(line, || &vars[0] + 1)?;
                let mut turned = body(&vars[1..])?;
                turned.insert(0, next);
                Ok(turned)
            },
        )?;
        Ok(outputs[1..].to_vec())
    }

    /// The shape that the user says each variable keeps.
    fn invariants(&self) -> Result<Vec<Option<Shape>>> {
        let said = &self.options.shape_invariants;
        if said.is_empty() {
            return Ok(vec![None; self.vars.len()]);
        }
        if said.len() != self.vars.len() {
            let (vars, said) = (self.vars.len(), said.len());
            return Err(Error::invalid(format!("there are {vars} loop variables, but {said} shape invariants")));
        }
        for (var, said) in self.vars.iter().zip(said) {
            let shape = var.shape();
            if !is_kept(said, &shape) {
                return Err(Error::shape(format!(
                    "the shape invariant specified for {} is not compatible with the initial shape of the loop variable: \
                     it enters the loop with shape {shape}, but the specified shape invariant is {said}",
                    escape(&var.name())
                )));
            }
        }
        Ok(said.iter().cloned().map(Some).collect())
    }

    fn build_all(
        &self,
        g: &Graph,
        invariants: &[Option<Shape>],
        cond: impl FnOnce(&[Tensor]) -> Result<Tensor>,
        body: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
    ) -> Result<Vec<Tensor>> {
        let (target, n) = (g.target(), self.vars.len() as i64);
        let facts: Vec<Fact> = self.vars.iter().zip(invariants).map(|(var, said)| seen_inside(var, said)).collect();
        // TF1 makes Enter and Merge before the condition; LoopCond, Switch and Identity before the turn.
        target.mark_extra(-2 * n);
        let (built_cond, condition) = self.body(g, "condition", "Merge", &facts, None, |vars| Ok(vec![cond(vars)?]))?;
        check_condition(&condition[0], self.name())?;
        target.mark_extra(-1 - 2 * n);
        let shares_with = Some(&built_cond.graph);
        let (built_body, turned) = self.body(g, "body", "Identity", &facts, shares_with, body)?;
        self.check_turn(&facts, &turned)?;
        target.mark_extra(-2 * n);
        let invariants: Vec<Shape> =
            facts.iter().zip(invariants).map(|(fact, said)| said.clone().unwrap_or(fact.shape.clone())).collect();
        let inputs: Vec<&Tensor> = self.vars.iter().collect();
        let node = hold(g, self.scope, &inputs, &[&built_cond, &built_body], true, |mut bodies| {
            let (cond, body) = (bodies.remove(0), bodies.remove(0));
            Arc::new(While { cond, body, invariants, stateless: false })
        })?;
        target.mark_extra(1 + n);
        exits(g, &node, self.vars.len(), "Exit")
    }

    fn name(&self) -> &str {
        self.scope.strip_suffix('/').unwrap_or(self.scope)
    }

    /// One of the two bodies, and what its closure gave.
    fn body(
        &self,
        g: &Graph,
        what: &str,
        param_name: &str,
        facts: &[Fact],
        shares_with: Option<&Graph>,
        build: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
    ) -> Result<(Built, Vec<Tensor>)> {
        let plan = BodyPlan { place: format!("the {what} of '{}'", self.name()), shares_with, line: self.line };
        let around = g.target();
        let graph = around.new_body(&plan)?;
        let params = facts.iter().map(|fact| graph.param(fact, param_name, g.line())).collect::<Result<Vec<_>>>()?;
        graph.mark_extra(params.len() as i64);
        let given = graph.in_body(&plan, || build(&params))?;
        let results = given.iter().map(|tensor| graph.capture(tensor)).collect::<Result<Vec<_>>>()?;
        around.mark_extra(-graph.own_tf_nodes());
        let params = params.iter().map(|param| param.id().node).collect();
        let given = results.iter().map(|id| graph.tensor(*id)).collect();
        Ok((Built { graph, params, results, targets: Vec::new() }, given))
    }

    /// Refuses turns that change a dtype, or a shape that is to stay.
    fn check_turn(&self, facts: &[Fact], turned: &[Tensor]) -> Result<()> {
        if facts.len() != turned.len() {
            let (want, have) = (facts.len(), turned.len());
            return Err(Error::invalid(format!("a turn must give back {want} loop variables, but gives {have}")));
        }
        for ((fact, turned), var) in facts.iter().zip(turned).zip(&self.vars) {
            let (name, before, after) = (escape(&var.name()), var.fact(), turned.fact());
            if before.dtype != after.dtype {
                let (before, after) = (before.dtype, after.dtype);
                let text = format!("loop variable '{name}' enters the loop as {before}, but is {after} after one turn");
                return Err(Error::dtype(text));
            }
            if !is_kept(&fact.shape, &after.shape) {
                let (before, after) = (before.shape, after.shape);
                return Err(Error::shape(format!(
                    "input tensor '{name}' enters the loop with shape {before}, but has shape {after} after one \
                     iteration; to allow the shape to vary across iterations, use shape_invariants to specify a less \
                     specific shape"
                )));
            }
        }
        Ok(())
    }
}

/// What is known of a loop variable inside: the dims that every turn keeps.
fn seen_inside(var: &Tensor, said: &Option<Shape>) -> Fact {
    let known = var.fact();
    let shape = match said {
        Some(said) => said.renew_anonymous(),
        None => match known.shape.dims() {
            None => Shape::unknown(),
            Some(dims) => Shape::new(dims.iter().map(|dim| match dim.known() {
                Some(size) => Dim::from(size),
                None => Dim::unknown(),
            })),
        },
    };
    Fact { shape, sizes: None, ..known }
}

/// Whether a shape has all known dims of another one.
fn is_kept(known: &Shape, shape: &Shape) -> bool {
    let Some(known) = known.dims() else { return true };
    let Some(dims) = shape.dims().filter(|dims| dims.len() == known.len()) else { return false };
    known.iter().zip(dims).all(|(known, dim)| known.known().is_none() || known == dim)
}

fn check_condition(condition: &Tensor, name: &str) -> Result<()> {
    let fact = condition.fact();
    if fact.dtype != DType::Bool || fact.shape.rank().is_some_and(|rank| rank > 0) {
        let name = escape(name);
        return Err(Error::invalid(format!("the condition of '{name}' must be a bool scalar, but is {fact}")));
    }
    Ok(())
}
