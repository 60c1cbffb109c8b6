//! `while_loop`: a loop built from closures.

use std::cell::RefCell;
use std::panic::Location;
use std::sync::Arc;

use super::held::{exits, hold};
use super::nest::{IntoNest, form, pack, tensors};
use super::while_loop::While;
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::{BodyPlan, Built, Fact, Graph, Tensor};
use crate::shape::{Dim, Shape};

/// A number of turns: known now, or an int32 or int64 scalar.
#[derive(Debug, Clone)]
pub enum Turns {
    /// So many.
    Known(i32),
    /// As many as the run says.
    Tensor(Tensor),
}

impl From<i32> for Turns {
    fn from(n: i32) -> Turns {
        Turns::Known(n)
    }
}

impl From<Tensor> for Turns {
    fn from(n: Tensor) -> Turns {
        Turns::Tensor(n)
    }
}

impl From<&Tensor> for Turns {
    fn from(n: &Tensor) -> Turns {
        Turns::Tensor(n.clone())
    }
}

/// How a loop is built.
#[derive(Debug, Clone)]
pub struct WhileOptions {
    /// The shape that each loop variable keeps, in the order of the leaves; with none given the variables keep the
    /// known dims that they enter with.
    pub shape_invariants: Vec<Shape>,
    /// The loop ends after so many turns, whatever its condition says.
    pub maximum_iterations: Option<Turns>,
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
    /// let options = WhileOptions { shape_invariants: vec![shape![?]], maximum_iterations: Some(3.into()), ..Default::default() };
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
            let vars = tensors(&nest, "a loop variable")?.into_iter().map(Var::Tensor).collect();
            let late = RefCell::default();
            let flat = Loop { scope, vars, invariants: &options.shape_invariants, line, late: &late };
            let (outputs, _) = flat.build(
                g,
                options.maximum_iterations.as_ref(),
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

/// What a loop variable starts from.
#[derive(Debug)]
pub(super) enum Var {
    Tensor(Tensor),
    /// A constant that TF1 makes in the scope of the loop.
    Int(i32),
}

/// A loop variable that is found while the turn is built.
#[derive(Debug)]
pub(super) struct Late {
    /// What it starts from.
    pub(super) initial: Tensor,
    /// What stands for it in the turn.
    pub(super) param: Tensor,
    /// What the turn makes of it.
    pub(super) turned: Tensor,
}

/// A loop over tensors without structure.
pub(super) struct Loop<'a> {
    /// Its scope, open.
    pub(super) scope: &'a str,
    pub(super) vars: Vec<Var>,
    /// The shapes that the user says the variables keep; empty where nothing was said.
    pub(super) invariants: &'a [Shape],
    /// The line that nodes of the user's closures carry.
    pub(super) line: Option<&'static Location<'static>>,
    /// Loop variables that the turn adds.
    pub(super) late: &'a RefCell<Vec<Late>>,
}

impl Loop<'_> {
    /// What the loop leaves of its variables, and of those that the turn has added.
    pub(super) fn build(
        self,
        g: &Graph,
        limit: Option<&Turns>,
        cond: impl FnOnce(&[Tensor]) -> Result<Tensor>,
        body: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
    ) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
        if self.vars.is_empty() {
            return Err(Error::invalid("a loop takes at least 1 loop variable, but got 0"));
        }
        let Some(limit) = limit else {
            let vars = self.started(g)?;
            let invariants = self.checked_invariants(&vars)?;
            return self.build_all(g, &vars, &invariants, cond, body);
        };
        let limit = limit_tensor(g, limit)?;
        let counter = g.named("iteration_counter", || g.constant_as(limit.dtype(), 0))?;
        let mut vars = self.started(g)?;
        let mut invariants = self.checked_invariants(&vars)?;
        vars.insert(0, counter);
        invariants.insert(0, None);
        let line = g.line();
        let (outputs, late) = self.build_all(
            g,
            &vars,
            &invariants,
            |vars| {
                let goes_on = g.with_line(line, || vars[0].less(&limit))?;
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
        Ok((outputs[1..].to_vec(), late))
    }

    fn started(&self, g: &Graph) -> Result<Vec<Tensor>> {
        let start = |var: &Var| match var {
            Var::Tensor(tensor) => Ok(tensor.clone()),
            Var::Int(n) => g.constant(*n),
        };
        self.vars.iter().map(start).collect()
    }

    /// The shape that the user says each variable keeps.
    fn checked_invariants(&self, vars: &[Tensor]) -> Result<Vec<Option<Shape>>> {
        let said = self.invariants;
        if said.is_empty() {
            // Bounded by the inputs.
            return Ok(vec![None; vars.len()]);
        }
        if said.len() != vars.len() {
            let (vars, said) = (vars.len(), said.len());
            return Err(Error::invalid(format!("there are {vars} loop variables, but {said} shape invariants")));
        }
        for (var, said) in vars.iter().zip(said) {
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
        vars: &[Tensor],
        invariants: &[Option<Shape>],
        cond: impl FnOnce(&[Tensor]) -> Result<Tensor>,
        body: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
    ) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
        let (target, n) = (g.target(), vars.len() as i64);
        let facts: Vec<Fact> = vars.iter().zip(invariants).map(|(var, said)| seen_inside(var, said)).collect();
        // What is outside of an open body is taken in first, as in TF1.
        vars.iter().try_for_each(|var| target.capture(var).map(drop))?;
        // TF1 makes Enter and Merge before the condition; LoopCond, Switch and Identity before the turn.
        target.mark_extra(-2 * n);
        let (mut built_cond, condition) =
            self.body(g, "condition", "Merge", &facts, None, |vars| Ok(vec![cond(vars)?]))?;
        check_condition(&condition[0], self.name())?;
        target.mark_extra(-1 - 2 * n);
        let shares_with = Some(&built_cond.graph);
        let (mut built_body, turned) = self.body(g, "body", "Identity", &facts, shares_with, body)?;
        self.check_turn(vars, &facts, &turned)?;
        target.mark_extra(-2 * n);
        let (mut inputs, mut facts) = (vars.to_vec(), facts);
        for late in self.late.take() {
            built_cond.params.push(built_cond.graph.param(&late.param.fact(), "Merge", g.line())?.id().node);
            built_body.params.push(late.param.id().node);
            built_body.results.push(built_body.graph.capture(&late.turned)?);
            facts.push(late.param.fact());
            inputs.push(late.initial);
            // Enter, Merge, Switch, Identity and NextIteration, less the parameter.
            target.mark_extra(-4);
        }
        let said = invariants.iter().cloned().chain(std::iter::repeat(None));
        let invariants: Vec<Shape> =
            facts.iter().zip(said).map(|(fact, said)| said.unwrap_or(fact.shape.clone())).collect();
        let n_vars = inputs.len();
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let node = hold(g, self.scope, &inputs, &[&built_cond, &built_body], true, |mut bodies| {
            let (cond, body) = (bodies.remove(0), bodies.remove(0));
            Arc::new(While { cond, body, invariants, stateless: false, lowered: true })
        })?;
        // NextIteration and Exit were counted above.
        target.mark_extra(1 + n);
        let mut outputs = exits(g, &node, n_vars, "Exit")?;
        let late = outputs.split_off(vars.len());
        Ok((outputs, late))
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
    fn check_turn(&self, vars: &[Tensor], facts: &[Fact], turned: &[Tensor]) -> Result<()> {
        if facts.len() != turned.len() {
            let (want, have) = (facts.len(), turned.len());
            return Err(Error::invalid(format!("a turn must give back {want} loop variables, but gives {have}")));
        }
        for ((fact, turned), var) in facts.iter().zip(turned).zip(vars) {
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

/// The number of turns as a tensor.
fn limit_tensor(g: &Graph, limit: &Turns) -> Result<Tensor> {
    let limit = match limit {
        Turns::Known(n) => return g.named("maximum_iterations", || g.constant(*n)),
        Turns::Tensor(limit) => limit,
    };
    if limit.shape().rank().is_some_and(|rank| rank > 0) || !matches!(limit.dtype(), DType::I32 | DType::I64) {
        let (dtype, shape) = (limit.dtype(), limit.shape());
        return Err(Error::shape(format!("maximum_iterations must be an integer scalar, but is {dtype} {shape}")));
    }
    Ok(limit.clone())
}

fn check_condition(condition: &Tensor, name: &str) -> Result<()> {
    let fact = condition.fact();
    if fact.dtype != DType::Bool || fact.shape.rank().is_some_and(|rank| rank > 0) {
        let name = escape(name);
        return Err(Error::invalid(format!("the condition of '{name}' must be a bool scalar, but is {fact}")));
    }
    Ok(())
}
