//! Functions of elements that follow each other become one program over tiles in cache, and a reduction after them with
//! it: nothing between them goes through memory.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;

use super::PlanGraph;
use super::rebuild::{may_change, rebuild_needed};
use super::survey::Survey;
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Fact, Graph, Node, NodeId, OutputId, check_limits_at};
use crate::ops::fused::{End, Fused, Instruction, MAX_INPUTS, MAX_STEPS, Program, Repeats, Source, instruction_of};
use crate::ops::math::Reduce;
use crate::shape::{Dim, Shape};

/// Takes the functions before a node into it, if nobody else sees what they make.
///
/// It goes from the first node of a chain to the last: each takes in the programs of those before it. Only what is left
/// in the end becomes an op.
pub(super) fn fuse(plan: PlanGraph) -> Result<PlanGraph> {
    let mut fusion = Fusion { graph: &plan.graph, survey: Survey::of(&plan)?, made: Vec::new() };
    fusion.made.resize_with(plan.graph.len(), || None);
    for node in plan.graph.nodes() {
        check_limits_at(node.id().index())?;
        if fusion.survey.is_needed[node.id().index()] && may_change(node) {
            fusion.made[node.id().index()] = fusion.fused(node).map(Box::new);
        }
    }
    let Fusion { survey, mut made, .. } = fusion;
    if made.iter().all(Option::is_none) {
        return Ok(plan);
    }
    // Of pure nodes without branches of their own those are skipped that follow a skipped one, in one kernel or in many.
    rebuild_needed(plan, survey, |cx, node| {
        let Some(made) = made[node.id().index()].take() else { return Ok(None) };
        let Made { parts: Parts { program, inputs, repeats, .. }, end } = *made;
        let inputs = inputs.into_iter().map(|id| cx.output(id)).collect();
        cx.push(node, Arc::new(Fused::new(program, repeats, end)?), inputs).map(Some)
    })
}

/// What the nodes of a plan have become so far.
struct Fusion<'a> {
    graph: &'a Graph,
    /// Nodes that were taken in are needed no more.
    survey: Survey,
    /// By node, where it is more than one function.
    made: Vec<Option<Box<Made>>>,
}

/// A program of several functions, and what it ends in.
struct Made {
    parts: Parts,
    end: Option<End>,
}

impl Fusion<'_> {
    /// The node together with what it takes in, if that is anything.
    fn fused(&mut self, node: &Node) -> Option<Made> {
        if let Some(reduce) = node.op_as::<Reduce>() {
            return self.reduction(node, reduce);
        }
        let mut parts = Parts::of(self.graph, node)?;
        self.absorb_all(&mut parts).then_some(Made { parts, end: None })
    }

    fn reduction(&mut self, node: &Node, reduce: &Reduce) -> Option<Made> {
        let [value, axes] = *node.inputs() else { return None };
        let single = self.earlier(value, 1, &self.graph.node(value.node).outputs()[value.slot as usize].shape)?;
        let single = owned(single);
        let axes = crate::graph::to_ints(&self.graph.constant_value(axes)?)?;
        let mut parts = self.take(value.node, single)?;
        self.absorb_all(&mut parts);
        Some(Made { parts, end: Some(End { reduce: reduce.clone(), axes }) })
    }

    /// Takes in whatever makes an input that nobody else reads; says whether there was any.
    fn absorb_all(&mut self, parts: &mut Parts) -> bool {
        let mut any = false;
        loop {
            let n = parts.inputs.len();
            let found = (0..n).rev().find_map(|i| Some((i, owned(self.absorbable(parts, i)?))));
            let earlier = found.and_then(|(i, single)| Some((i, self.take(parts.inputs[i].node, single)?)));
            let Some((i, earlier)) = earlier else { return any };
            parts.absorb(i, earlier);
            any = true;
        }
    }

    /// What makes input `i`, if all that read it are in this program, and both together are not too much.
    fn absorbable(&self, parts: &Parts, i: usize) -> Option<Cow<'_, Parts>> {
        if !parts.repeats.is_full(i) {
            return None;
        }
        let earlier = self.earlier(parts.inputs[i], parts.n_uses(i), &parts.shape)?;
        let fits = parts.program.0.len() + earlier.program.0.len() <= MAX_STEPS
            && parts.inputs.len() + earlier.inputs.len() <= MAX_INPUTS;
        fits.then_some(earlier)
    }

    /// What makes a tensor of this shape, if it is used `n_uses` times in all.
    fn earlier(&self, id: OutputId, n_uses: u32, shape: &Shape) -> Option<Cow<'_, Parts>> {
        let node = self.graph.node(id.node);
        if self.survey.uses(id) != n_uses || !node.control_inputs().is_empty() {
            return None;
        }
        let parts = match &self.made[id.node.index()] {
            Some(made) if made.end.is_some() => return None,
            Some(made) => Cow::Borrowed(&made.parts),
            None => Cow::Owned(Parts::of(self.graph, node)?),
        };
        (parts.shape == *shape).then_some(parts)
    }

    /// Takes in what a node has become, or the `single` function that it is; the node is then needed only by those who
    /// wait for it.
    fn take(&mut self, node: NodeId, single: Option<Parts>) -> Option<Parts> {
        let made = &mut self.made[node.index()];
        if self.survey.is_waited_for[node.index()] {
            return single.or_else(|| Some(made.as_ref()?.parts.clone()));
        }
        self.survey.is_needed[node.index()] = false;
        single.or_else(|| Some(made.take()?.parts))
    }
}

fn owned(parts: Cow<'_, Parts>) -> Option<Parts> {
    if let Cow::Owned(parts) = parts { Some(parts) } else { None }
}

/// A program under way, and what it is run on.
#[derive(Clone)]
struct Parts {
    program: Program,
    inputs: SmallVec<[OutputId; 2]>,
    repeats: Repeats,
    shape: Shape,
}

impl Parts {
    /// The function of a node whose operands have one shape, as is known before the run, or are rows or scalars.
    fn of(graph: &Graph, node: &Node) -> Option<Parts> {
        let instruction = instruction_of(node)?;
        let fact = |id: &OutputId| &graph.node(id.node).outputs()[id.slot as usize];
        let facts = || node.inputs().iter().map(fact);
        let is_known = |fact: &Fact| matches!(fact.dtype, DType::F32 | DType::F64) && fact.shape.rank().is_some();
        if !facts().all(is_known) {
            return None;
        }
        let shape = facts().map(|fact| &fact.shape).rev().max_by_key(|shape| shape.rank())?.clone();
        let mut parts =
            Parts { program: Program::default(), inputs: SmallVec::new(), repeats: Repeats::default(), shape };
        let mut places: SmallVec<[Source; 2]> = SmallVec::new();
        for input in node.inputs() {
            let have = &fact(input).shape;
            let is_full = *have == parts.shape;
            if !is_full && !is_scalar(have) && !is_row(have, &parts.shape) {
                return None;
            }
            places.push(parts.place(*input, !is_full && !is_scalar(have), !is_full && is_scalar(have)));
        }
        parts.program.0.push(instruction.map(|source| match source {
            Source::Input(i) => places[usize::from(i)],
            step => step,
        }));
        (0..parts.inputs.len()).any(|i| parts.repeats.is_full(i)).then_some(parts)
    }

    /// How often the program reads input `i`.
    fn n_uses(&self, i: usize) -> u32 {
        let sources = self.program.0.iter().flat_map(Instruction::sources);
        // A function of one operand names it once.
        sources.filter(|source| *source == Source::Input(i as u8)).count() as u32
    }

    /// Puts a program before this one: it makes input `i`.
    fn absorb(&mut self, i: usize, earlier: Parts) {
        let offset = earlier.program.0.len() as u8;
        let later = std::mem::replace(self, earlier);
        let places: SmallVec<[Source; 8]> = (0..later.inputs.len())
            .map(|input| match input == i {
                true => Source::Step(offset - 1),
                false => {
                    let Repeats { scalars, rows } = later.repeats;
                    self.place(later.inputs[input], rows >> input & 1 == 1, scalars >> input & 1 == 1)
                }
            })
            .collect();
        self.program.0.extend(later.program.0.iter().map(|instruction| {
            instruction.map(|source| match source {
                Source::Input(input) => places[usize::from(input)],
                Source::Step(step) => Source::Step(offset + step),
            })
        }));
    }

    /// The place of an input among the others.
    fn place(&mut self, id: OutputId, is_row: bool, is_scalar: bool) -> Source {
        let at = self.inputs.iter().position(|input| *input == id).unwrap_or_else(|| {
            self.repeats.rows |= u32::from(is_row) << self.inputs.len();
            self.repeats.scalars |= u32::from(is_scalar) << self.inputs.len();
            self.inputs.push(id);
            self.inputs.len() - 1
        });
        Source::Input(at as u8)
    }
}

fn is_scalar(shape: &Shape) -> bool {
    shape.rank() == Some(0)
}

/// Whether a shape repeats along all axes of another but the last, which is equal.
fn is_row(row: &Shape, shape: &Shape) -> bool {
    let (Some((last, before)), Some(dims)) = (row.dims().and_then(<[_]>::split_last), shape.dims()) else {
        return false;
    };
    let one = Dim::constant(1);
    before.len() < dims.len() && dims.last() == Some(last) && before.iter().all(|dim| *dim == one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Graph, Tensor};
    use crate::optimize::{Passes, Request, plan_graph};
    use crate::shape;

    /// The ops of a plan but for feeds and constants, before and after the pass. `build` gets two tensors `(?, 3)` of
    /// one unknown size and makes what is fetched.
    #[track_caller]
    fn check_pass(build: impl Fn(&Tensor, &Tensor) -> Result<Vec<Tensor>>, before: &[&str], after: &[&str]) {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape!["n", 3]).unwrap();
        let y = g.placeholder(DType::F32, shape!["n", 3]).unwrap();
        let fetches = build(&x, &y).unwrap().iter().map(Tensor::id).collect();
        let request = Request { feeds: vec![x.id(), y.id()], fetches, ..Request::default() };
        for (fuse, want) in [(false, before), (true, after)] {
            let plan =
                plan_graph(&g, &request, &Passes { fuse_products: fuse, fuse_elementwise: fuse, ..Passes::none() })
                    .unwrap();
            let shown = plan.graph.nodes().map(|node| match node.op_as::<Fused>() {
                Some(fused) => format!("{fused:?}"),
                None => node.op().kind().name.to_owned(),
            });
            let got: Vec<_> = shown.filter(|text| !["_Arg", "Const"].contains(&text.as_str())).collect();
            assert_eq!(got, want, "fuse: {fuse}");
        }
    }

    #[test]
    fn a_chain_is_one_program() {
        check_pass(
            |x, y| Ok(vec![((x.tanh()? * y)? + (y.exp()? * 0.5)?)?]),
            &["Tanh", "Mul", "Exp", "Mul", "AddV2"],
            &["Fused(Tanh(x0) Mul(t0,x1) Exp(x1) Mul(t2,x2) Add(t1,t3))"],
        );
    }

    #[test]
    fn a_reduction_ends_a_chain() {
        check_pass(
            |x, y| Ok(vec![(x - y)?.square()?.reduce_mean(())?, x.relu()?.reduce_sum([-1])?]),
            &["Sub", "Square", "Mean", "Relu", "Sum"],
            &["Fused(Sub(x0,x1) Square(t0); Mean [0, 1])", "Fused(Relu(x0); Sum [-1])"],
        );
    }

    #[test]
    fn what_others_see_stays() {
        check_pass(
            |x, y| {
                let shared = (x + y)?;
                Ok(vec![shared.exp()?, shared.tanh()?])
            },
            &["AddV2", "Exp", "Tanh"],
            &["AddV2", "Exp", "Tanh"],
        );
        check_pass(
            |x, _| {
                let fetched = x.exp()?;
                Ok(vec![fetched.tanh()?.negative()?.negative()?, fetched])
            },
            &["Exp", "Tanh", "Neg", "Neg"],
            &["Exp", "Fused(Tanh(x0) Neg(t0) Neg(t1))"],
        );
    }

    #[test]
    fn an_operand_may_come_twice() {
        check_pass(
            |x, _| {
                let t = x.tanh()?;
                Ok(vec![(&t * &t)?])
            },
            &["Tanh", "Mul"],
            &["Fused(Tanh(x0) Mul(t0,t0))"],
        );
    }

    #[test]
    fn a_row_repeats() {
        check_pass(
            |x, _| Ok(vec![(x.exp()? + x.graph().constant([1.0f32, 2.0, 3.0])?)?.relu()?]),
            &["Exp", "AddV2", "Relu"],
            &["Fused(Exp(x0) Add(t0,x1) Relu(t1))"],
        );
        check_pass(
            |x, y| Ok(vec![x.exp()?.bias_add(&y.graph().constant([1.0f32, 2.0, 3.0])?)?]),
            &["Exp", "BiasAdd"],
            &["Fused(Exp(x0) Add(t0,x1))"],
        );
        check_pass(
            |x, _| Ok(vec![(x.exp()? * x.graph().constant([[1.0f32, 2.0, 3.0]])?)?]),
            &["Exp", "Mul"],
            &["Fused(Exp(x0) Mul(t0,x1))"],
        );
    }

    #[test]
    fn what_only_the_chain_reads_twice_is_part_of_it() {
        check_pass(
            |x, y| {
                let shared = (x + y)?;
                Ok(vec![(shared.exp()? * shared.tanh()?)?])
            },
            &["AddV2", "Exp", "Tanh", "Mul"],
            &["Fused(Add(x0,x1) Exp(t0) Tanh(t0) Mul(t1,t2))"],
        );
    }

    #[test]
    fn other_shapes_and_dtypes_stay_apart() {
        check_pass(
            |x, _| Ok(vec![(x.exp()? + x.graph().constant([[1.0f32], [2.0]])?)?]),
            &["Exp", "AddV2"],
            &["Exp", "AddV2"],
        );
        check_pass(
            |x, y| Ok(vec![x.exp()?.less(y)?.cast(DType::F32)?.exp()?]),
            &["Exp", "Less", "Cast", "Exp"],
            &["Exp", "Less", "Cast", "Exp"],
        );
    }

    #[test]
    fn long_chains_are_cut() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![?]).unwrap();
        let mut y = x.clone();
        for _ in 0..3 * MAX_STEPS {
            y = y.sin().unwrap();
        }
        let request = Request { feeds: vec![x.id()], fetches: vec![y.id()], ..Request::default() };
        let plan = plan_graph(&g, &request, &Passes::default()).unwrap();
        let steps = plan.graph.nodes().filter_map(|node| node.op_as::<Fused>()).map(|fused| fused.program().0.len());
        let steps: Vec<usize> = steps.collect();
        assert_eq!(steps, [MAX_STEPS; 3]);
    }
}
