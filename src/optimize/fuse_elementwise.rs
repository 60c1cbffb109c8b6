//! Functions of elements that follow each other become one program over tiles in cache, and a reduction after them with
//! it: nothing between them goes through memory.

use std::sync::Arc;

use smallvec::SmallVec;

use super::rebuild::{Outputs, Rebuild};
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Fact, Node, OutputId};
use crate::ops::fused::{End, Fused, Instruction, MAX_INPUTS, MAX_STEPS, Program, Source, instruction_of};
use crate::ops::math::Reduce;
use crate::shape::Shape;

/// The rule: takes the functions before a node into it, if nobody else sees what they make.
///
/// It goes from the first node of a chain to the last: each takes in the programs of those before it, which are then
/// needed no more.
pub(super) fn fuse(cx: &mut Rebuild<'_>, node: &Node) -> Result<Option<Outputs>> {
    if node.op_as::<Reduce>().is_some() {
        return fuse_reduction(cx, node);
    }
    let inputs = cx.inputs(node);
    let Some((instruction, ref shape)) = elementwise(cx, node, &inputs) else { return Ok(None) };
    let mut parts = Parts::default();
    let mut is_joined = false;
    let mut sources: SmallVec<[Source; 2]> = SmallVec::new();
    for (old, new) in node.inputs().iter().zip(&inputs) {
        let is_repeated = node.inputs()[0] == *old && !sources.is_empty();
        let source = match before(cx, node, *old, shape) {
            _ if is_repeated => Some(sources[0]),
            Some(earlier) if parts.fits(&earlier) => {
                is_joined = true;
                Some(parts.append(earlier))
            }
            _ => parts.input(cx, *new, shape),
        };
        match source {
            Some(source) => sources.push(source),
            None => return Ok(None),
        }
    }
    if !is_joined {
        return Ok(None);
    }
    parts.program.0.push(instruction.map(|source| match source {
        Source::Input(i) => sources[usize::from(i)],
        step => step,
    }));
    parts.push(cx, node, None).map(Some)
}

fn fuse_reduction(cx: &mut Rebuild<'_>, node: &Node) -> Result<Option<Outputs>> {
    let (old, axes) = (node.inputs()[0], cx.output(node.inputs()[1]));
    let shape = cx.fact(cx.output(old)).shape.clone();
    let Some(parts) = before(cx, node, old, &shape) else { return Ok(None) };
    let axes = cx.graph().constant_value(axes).and_then(|value| crate::graph::to_ints(&value));
    let (Some(reduce), Some(axes)) = (node.op_as::<Reduce>().cloned(), axes) else { return Ok(None) };
    parts.push(cx, node, Some(End { reduce, axes })).map(Some)
}

/// A program under way, and what it is run on.
#[derive(Default)]
struct Parts {
    program: Program,
    inputs: SmallVec<[OutputId; 2]>,
    scalars: u32,
}

impl Parts {
    /// Whether the program of another, and one more instruction with one more input, are not too much.
    fn fits(&self, other: &Parts) -> bool {
        self.program.0.len() + other.program.0.len() < MAX_STEPS && self.inputs.len() + other.inputs.len() < MAX_INPUTS
    }

    /// Takes in another program; answers where its result is.
    fn append(&mut self, other: Parts) -> Source {
        let offset = self.program.0.len() as u8;
        let places: SmallVec<[Source; 8]> =
            (0..other.inputs.len()).map(|i| self.place(other.inputs[i], other.scalars >> i & 1 == 1)).collect();
        self.program.0.extend(other.program.0.iter().map(|instruction| {
            instruction.map(|source| match source {
                Source::Input(i) => places[usize::from(i)],
                Source::Step(i) => Source::Step(offset + i),
            })
        }));
        Source::Step(self.program.0.len() as u8 - 1)
    }

    /// An operand that is computed elsewhere, if it has the program's shape or is a scalar.
    fn input(&mut self, cx: &Rebuild<'_>, id: OutputId, shape: &Shape) -> Option<Source> {
        let have = &cx.fact(id).shape;
        (self.inputs.len() < MAX_INPUTS && (have == shape || is_scalar(have)))
            .then(|| self.place(id, is_scalar(have) && !is_scalar(shape)))
    }

    fn place(&mut self, id: OutputId, is_scalar: bool) -> Source {
        let at = self.inputs.iter().position(|input| *input == id).unwrap_or_else(|| {
            self.scalars |= u32::from(is_scalar) << self.inputs.len();
            self.inputs.push(id);
            self.inputs.len() - 1
        });
        Source::Input(at as u8)
    }

    fn push(self, cx: &mut Rebuild<'_>, node: &Node, end: Option<End>) -> Result<Outputs> {
        cx.push(node, Arc::new(Fused::new(self.program, self.scalars, end)?), self.inputs)
    }
}

fn is_scalar(shape: &Shape) -> bool {
    shape.rank() == Some(0)
}

/// The function of a node whose operands have one shape, as is known before the run, or are scalars; and that shape.
fn elementwise(cx: &Rebuild<'_>, node: &Node, inputs: &[OutputId]) -> Option<(Instruction, Shape)> {
    let instruction = instruction_of(node)?;
    let facts = || inputs.iter().map(|input| cx.fact(*input));
    let is_known = |fact: &Fact| matches!(fact.dtype, DType::F32 | DType::F64) && fact.shape.rank().is_some();
    let mut full = facts().filter(|fact| !is_scalar(&fact.shape));
    let shape = full.next().map_or_else(Shape::scalar, |fact| fact.shape.clone());
    (facts().all(is_known) && full.all(|fact| fact.shape == shape)).then_some((instruction, shape))
}

/// The program that an old output has become, if `node` is all that uses it and it has the shape.
fn before(cx: &Rebuild<'_>, node: &Node, old: OutputId, shape: &Shape) -> Option<Parts> {
    let uses_here = node.inputs().iter().filter(|input| **input == old).count();
    let made = cx.graph().node(cx.output(old).node);
    if cx.uses(old) as usize != uses_here || !made.control_inputs().is_empty() {
        return None;
    }
    let inputs: SmallVec<[OutputId; 2]> = made.inputs().iter().copied().collect();
    if let Some(fused) = made.op_as::<Fused>() {
        let scalars = (0..inputs.len()).map(|i| u32::from(fused.is_scalar(i)) << i).sum();
        let is_open = fused.end().is_none() && made.outputs()[0].shape == *shape;
        return is_open.then(|| Parts { program: fused.program().clone(), inputs, scalars });
    }
    let (instruction, _) = elementwise(cx, made, &inputs).filter(|(_, made)| made == shape)?;
    let mut parts = Parts::default();
    let sources: Option<SmallVec<[Source; 2]>> = inputs.iter().map(|id| parts.input(cx, *id, shape)).collect();
    let sources = sources?;
    parts.program.0.push(instruction.map(|source| match source {
        Source::Input(i) => sources[usize::from(i)],
        step => step,
    }));
    Some(parts)
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
            let plan = plan_graph(&g, &request, &Passes { fuse, ..Passes::none() }).unwrap();
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
    fn other_shapes_and_dtypes_stay_apart() {
        check_pass(
            |x, _| Ok(vec![(x.exp()? + x.graph().constant([1.0f32, 2.0, 3.0])?)?]),
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
