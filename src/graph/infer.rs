//! What an op's shape rule sees and says.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Graph;
use super::ints::Ints;
use super::node::{Fact, OutputId, Role};
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::shape::{Dim, MAX_RANK, Shape};
use crate::value::Value;

/// Longest integer vector whose elements are followed as sizes.
const MAX_SIZES: usize = MAX_RANK;

/// Most outputs of a node: an attribute of a few bytes must not make any number of them.
const MAX_OUTPUTS: usize = 1 << 16;

/// The inputs' facts, and the place for the outputs' facts.
pub struct InferCx<'a> {
    graph: &'a Graph,
    inputs: &'a [OutputId],
    facts: &'a [&'a Fact],
    outputs: SmallVec<[Fact; 1]>,
}

impl<'a> InferCx<'a> {
    pub(crate) fn new(graph: &'a Graph, inputs: &'a [OutputId], facts: &'a [&'a Fact]) -> InferCx<'a> {
        InferCx { graph, inputs, facts, outputs: SmallVec::new() }
    }

    pub(crate) fn finish(self) -> SmallVec<[Fact; 1]> {
        self.outputs
    }

    /// How many inputs there are.
    pub fn n_inputs(&self) -> usize {
        self.facts.len()
    }

    /// What is known of input `i`.
    pub fn fact(&self, i: usize) -> &'a Fact {
        self.facts[i]
    }

    /// The graph, for rules that look past their inputs.
    pub(crate) fn graph(&self) -> &'a Graph {
        self.graph
    }

    /// Which tensor input `i` is.
    pub(crate) fn input_id(&self, i: usize) -> OutputId {
        self.inputs[i]
    }

    /// The inputs of the node that makes input `i`, if its op has this name and so many inputs.
    pub(crate) fn made_by<const N: usize>(&self, i: usize, op: &str) -> Option<[OutputId; N]> {
        let node = self.graph.node(self.inputs[i].node);
        if node.op().kind().name == op { node.inputs().try_into().ok() } else { None }
    }

    /// The dtype of input `i`.
    pub fn dtype(&self, i: usize) -> DType {
        self.facts[i].dtype
    }

    /// The static shape of input `i`.
    pub fn shape(&self, i: usize) -> &'a Shape {
        &self.facts[i].shape
    }

    /// The value of input `i`, if it is a small constant. Fed constants are none: a plan infers again with its feeds
    /// as unknown values.
    pub fn value(&self, i: usize) -> Option<Value> {
        self.graph.constant_value(self.inputs[i])
    }

    /// The elements of the integer scalar or vector that is input `i`, as far as known: a constant, or sizes that came
    /// from shapes.
    pub fn sizes(&self, i: usize) -> Option<Arc<[Dim]>> {
        if let Some(sizes) = &self.facts[i].sizes {
            // Sizes that nothing is known of may still be those of constants, such as the number of distinct ones.
            let is_open = sizes.iter().any(Dim::has_anonymous);
            let ints = if is_open { self.ints(i) } else { None };
            return Some(ints.map_or_else(|| sizes.clone(), |ints| ints.into_iter().map(Dim::constant).collect()));
        }
        if !matches!(self.dtype(i), DType::I16 | DType::I32 | DType::I64)
            || self.shape(i).rank().is_none_or(|rank| rank > 1)
        {
            return None;
        }
        let ints = self.ints(i)?;
        (ints.len() <= MAX_SIZES).then(|| ints.into_iter().map(Dim::constant).collect())
    }

    /// The elements of the constant integer tensor that is input `i`.
    pub fn ints(&self, i: usize) -> Option<Vec<i64>> {
        to_ints(&self.value(i)?)
    }

    /// Input `i` read as a shape, as `Fill` and `Placeholder` do: -1 is an unknown dim, an unknown vector of known
    /// length is that many unknown dims.
    pub fn shape_from(&self, i: usize) -> Result<Shape> {
        let rank = match self.shape(i).rank() {
            None => return Ok(Shape::unknown()),
            Some(1) => self.shape(i).dim(0).known(),
            // A scalar -1 is TensorFlow's spelling of the unknown shape.
            Some(0) if self.ints(i).is_none_or(|ints| ints == [-1]) => return Ok(Shape::unknown()),
            Some(rank) => return Err(Error::shape(format!("a shape must be a vector, but has rank {rank}"))),
        };
        match (self.sizes(i), rank) {
            (Some(sizes), _) => sizes.iter().map(size_as_dim).collect::<Result<Vec<_>>>().map(Shape::from),
            (None, Some(rank)) if rank <= MAX_SIZES => {
                Ok(Shape::from((0..rank).map(|_| Dim::unknown()).collect::<Vec<_>>()))
            }
            _ => Ok(Shape::unknown()),
        }
    }

    /// Refuses more outputs than a node may have. Ask before adding as many as an attribute or an axis says.
    ///
    /// # Errors
    /// `ResourceExhausted`.
    pub fn check_n_outputs(&self, n: usize) -> Result<()> {
        if n > MAX_OUTPUTS {
            let text = format!("a node has at most {MAX_OUTPUTS} outputs, but {n} were asked for");
            return Err(Error::new(ErrorKind::ResourceExhausted, text));
        }
        Ok(())
    }

    /// Adds an output.
    pub fn output(&mut self, dtype: DType, shape: impl Into<Shape>) -> &mut Fact {
        self.outputs.push(Fact::new(dtype, shape.into()));
        self.outputs.last_mut().expect("an output was just added")
    }

    /// Adds an integer output whose elements are known sizes: a vector, or a scalar if `is_scalar`.
    pub fn output_sizes(&mut self, dtype: DType, sizes: &[Dim], is_scalar: bool) {
        let shape = if is_scalar { Shape::scalar() } else { Shape::from([sizes.len()]) };
        let known = sizes.len() <= MAX_SIZES && matches!(dtype, DType::I32 | DType::I64);
        self.output(dtype, shape).sizes = known.then(|| sizes.into());
    }

    /// Adds an output that is a reference to a variable.
    pub fn output_variable(&mut self, dtype: DType, shape: impl Into<Shape>, role: Role) {
        self.output(dtype, shape).role = role;
    }

    /// The output that was added last, to say more of it.
    ///
    /// # Panics
    /// If none was added yet.
    pub fn last_output(&mut self) -> &mut Fact {
        self.outputs.last_mut().expect("a rule adds an output before it says more of it")
    }

    /// Adds an output of input `i`'s dtype and shape.
    pub fn output_like(&mut self, i: usize) {
        let fact = self.facts[i];
        self.output(fact.dtype, &fact.shape).elements = fact.elements.clone();
    }
}

/// The one element of an integer tensor; `None` where there are more, or none.
pub(crate) fn to_int(value: &Value) -> Option<i64> {
    if value.len() == 1 { to_ints(value)?.first().copied() } else { None }
}

/// The elements of an int32 or int64 value.
pub(crate) fn to_ints(value: &Value) -> Option<Vec<i64>> {
    Ints::of(value).ok().map(|ints| ints.iter().collect())
}

fn size_as_dim(size: &Dim) -> Result<Dim> {
    match size.as_i64() {
        Some(-1) => Ok(Dim::unknown()),
        Some(n) if n < 0 => Err(Error::invalid(format!("a dimension must be -1 or more, but is {n}"))),
        _ => Ok(size.clone()),
    }
}
