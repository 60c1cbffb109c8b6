//! Functions of elements that follow each other become one program over tiles in cache, and a reduction after them with
//! it: nothing between them goes through memory.

use std::sync::Arc;

use smallvec::SmallVec;

use super::rebuild::{Outputs, Rebuild};
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Fact, Node, OutputId};
use crate::ops::fused::{End, Fused, Instruction, MAX_INPUTS, MAX_STEPS, Program, Repeats, Source, instruction_of};
use crate::ops::math::Reduce;
use crate::shape::{Dim, Shape};

/// The rule: takes the functions before a node into it, if nobody else sees what they make.
///
/// It goes from the first node of a chain to the last: each takes in the programs of those before it, which are then
/// needed no more.
pub(super) fn fuse(cx: &mut Rebuild<'_>, node: &Node) -> Result<Option<Outputs>> {
    if node.op_as::<Reduce>().is_some() {
        return fuse_reduction(cx, node);
    }
    let Some(mut parts) = Parts::of(cx, node, &cx.inputs(node)) else { return Ok(None) };
    match parts.absorb_all(cx) {
        true => parts.push(cx, node, None).map(Some),
        false => Ok(None),
    }
}

fn fuse_reduction(cx: &mut Rebuild<'_>, node: &Node) -> Result<Option<Outputs>> {
    let (value, axes) = (cx.output(node.inputs()[0]), cx.output(node.inputs()[1]));
    let Some(mut parts) = Parts::earlier(cx, value, 1, &cx.fact(value).shape) else { return Ok(None) };
    let axes = cx.graph().constant_value(axes).and_then(|value| crate::graph::to_ints(&value));
    let (Some(reduce), Some(axes)) = (node.op_as::<Reduce>().cloned(), axes) else { return Ok(None) };
    parts.absorb_all(cx);
    parts.push(cx, node, Some(End { reduce, axes })).map(Some)
}

/// A program under way, and what it is run on.
pub(super) struct Parts {
    pub(super) program: Program,
    pub(super) inputs: SmallVec<[OutputId; 2]>,
    pub(super) repeats: Repeats,
    shape: Shape,
}

impl Parts {
    /// The function of a node whose operands have one shape, as is known before the run, or are rows or scalars.
    pub(super) fn of(cx: &Rebuild<'_>, node: &Node, inputs: &[OutputId]) -> Option<Parts> {
        let instruction = instruction_of(node)?;
        let facts = || inputs.iter().map(|input| cx.fact(*input));
        let is_known = |fact: &Fact| matches!(fact.dtype, DType::F32 | DType::F64) && fact.shape.rank().is_some();
        if !facts().all(is_known) {
            return None;
        }
        let shape = facts().map(|fact| &fact.shape).rev().max_by_key(|shape| shape.rank())?.clone();
        let mut parts =
            Parts { program: Program::default(), inputs: SmallVec::new(), repeats: Repeats::default(), shape };
        let mut places: SmallVec<[Source; 2]> = SmallVec::new();
        for input in inputs {
            let have = &cx.fact(*input).shape;
            if *have != parts.shape && !is_scalar(have) && !is_row(have, &parts.shape) {
                return None;
            }
            let (is_row, is_scalar) =
                (*have != parts.shape && !is_scalar(have), *have != parts.shape && is_scalar(have));
            places.push(parts.place(*input, is_row, is_scalar));
        }
        parts.program.0.push(instruction.map(|source| match source {
            Source::Input(i) => places[usize::from(i)],
            step => step,
        }));
        (0..parts.inputs.len()).any(|i| parts.repeats.is_full(i)).then_some(parts)
    }

    /// What makes a tensor of this shape, if it is used `n_uses` times in all.
    fn earlier(cx: &Rebuild<'_>, id: OutputId, n_uses: u32, shape: &Shape) -> Option<Parts> {
        let made = cx.graph().node(id.node);
        if cx.uses_of_new(id) != n_uses || !made.control_inputs().is_empty() {
            return None;
        }
        let parts = match made.op_as::<Fused>() {
            Some(fused) => Parts::of_fused(fused, made),
            None => Parts::of(cx, made, made.inputs()),
        };
        parts.filter(|parts| parts.shape == *shape)
    }

    /// A program that earlier nodes have become.
    pub(super) fn of_fused(fused: &Fused, node: &Node) -> Option<Parts> {
        fused.end().is_none().then(|| Parts {
            program: fused.program().clone(),
            inputs: node.inputs().iter().copied().collect(),
            repeats: fused.repeats(),
            shape: node.outputs()[0].shape.clone(),
        })
    }

    /// Takes in whatever makes an input that nobody else reads; says whether there was any.
    fn absorb_all(&mut self, cx: &Rebuild<'_>) -> bool {
        let mut any = false;
        while let Some((i, earlier)) = (0..self.inputs.len()).rev().find_map(|i| Some((i, self.absorbable(cx, i)?))) {
            self.absorb(i, earlier);
            any = true;
        }
        any
    }

    /// What makes input `i`, if all that read it are in this program, and both together are not too much.
    fn absorbable(&self, cx: &Rebuild<'_>, i: usize) -> Option<Parts> {
        if !self.repeats.is_full(i) {
            return None;
        }
        let earlier = Parts::earlier(cx, self.inputs[i], self.n_uses(i), &self.shape)?;
        let fits = self.program.0.len() + earlier.program.0.len() <= MAX_STEPS
            && self.inputs.len() + earlier.inputs.len() <= MAX_INPUTS;
        fits.then_some(earlier)
    }

    /// How often the program reads input `i`.
    pub(super) fn n_uses(&self, i: usize) -> u32 {
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

    fn push(self, cx: &mut Rebuild<'_>, node: &Node, end: Option<End>) -> Result<Outputs> {
        cx.push(node, Arc::new(Fused::new(self.program, self.repeats, end)?), self.inputs)
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
