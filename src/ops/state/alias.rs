//! Aliases: values of TF1 that share the buffer of a variable.
//!
//! `Identity` of a reference gives no copy, and neither does what only renames or reshapes that: whoever uses such a value
//! sees what the variable holds when the user runs. So an import reads the variable again where a user stands behind a
//! write that the alias stands before.

use std::collections::HashSet;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::read::{READ_VARIABLE, read};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Effect, GradCx, Graph, InferCx, Node, Op, OpKind, OutputId, Role, RunCx, Tensor, VarHandle};
use crate::value::Value;

/// The value behind TF1's reference where a file has `Identity` of it, or uses it as a value. It is the value at this
/// place of the program; see [`Later`] for users further down.
#[derive(Debug, Clone)]
pub struct ReadAlias;

impl Op for ReadAlias {
    fn kind(&self) -> &'static OpKind {
        &READ_VARIABLE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = cx.shape(0).renew_anonymous();
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = read(cx, 0)?;
        cx.output(0, value);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(cx.dy()?.clone())])
    }
}

/// What an alias of a variable shows that may have got another shape: the alias keeps its own, and its buffer, once that
/// is too small or too large for what was assigned.
#[derive(Debug, Clone)]
pub struct ReadShaped;

/// The row of [`ReadShaped`], which no file can name.
pub static READ_SHAPED: OpKind =
    OpKind::custom("_ReadShaped", "ref: Ref(T), alias: T -> value: T").effect(Effect::Inspects);

impl Op for ReadShaped {
    fn kind(&self) -> &'static OpKind {
        &READ_SHAPED
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let alias = cx.fact(1).clone();
        cx.output(alias.dtype, alias.shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = seen_as(read(cx, 0)?, cx.input(1))?;
        cx.output(0, value);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![None, Some(cx.dy()?.clone())])
    }
}

/// What is stored in a buffer as an alias of the buffer shows it.
pub(super) fn seen_as(stored: Value, alias: &Value) -> Result<Value> {
    match stored.dtype() == alias.dtype() {
        true if stored.len() == alias.len() => stored.reshaped(alias.dims()),
        false if stored.byte_len() == alias.byte_len() => {
            Value::from_bytes(alias.dtype(), alias.dims(), stored.bytes()?)
        }
        _ => Ok(alias.clone()),
    }
}

/// TF1's reference to a variable that is read in the form of an alias.
#[cfg_attr(not(feature = "tensorflow"), allow(dead_code))]
#[derive(Debug, Clone)]
pub struct Viewed;

/// The row of [`Viewed`], which no file can name.
#[cfg_attr(not(feature = "tensorflow"), allow(dead_code))]
pub static VIEWED: OpKind = OpKind::custom("_Viewed", "ref: Ref(dtype), alias: T -> output: Ref(T)")
    .not_differentiable("a reference that is passed on has no gradient");

impl Op for Viewed {
    fn kind(&self) -> &'static OpKind {
        &VIEWED
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let alias = cx.fact(1).clone();
        cx.output_variable(alias.dtype, alias.shape, Role::Ref);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (var, view) = (cx.variable(0)?, Some(cx.take(1)));
        let VarHandle { index, name, referent, dtype, shape, elements, .. } = &*var;
        let (name, shape, elements) = (name.clone(), shape.clone(), elements.clone());
        let viewed = VarHandle { index: *index, name, referent: *referent, dtype: *dtype, shape, elements, view };
        cx.output(0, Value::from_object(DType::Resource, Arc::new(viewed)));
        Ok(())
    }
}

/// What an alias shows at a later place: the first input is the alias, the second what it shows here. A plan has the
/// second in its place, or what is fed for the first.
#[derive(Debug, Clone)]
pub struct Later;

/// The row of [`Later`], which no file can name.
pub static LATER: OpKind = OpKind::custom("_Later", "alias: T, shown: T -> output: T").takes_references();

impl Op for Later {
    fn kind(&self) -> &'static OpKind {
        &LATER
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shown = cx.fact(1).clone();
        *cx.output(shown.dtype, &shown.shape) = shown.clone();
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let shown = cx.take(1);
        cx.output(0, shown);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(cx.dy()?.clone()), None])
    }
}

impl Later {
    /// Which input of such a node counts, where some tensors are fed.
    pub(crate) fn chosen(node: &Node, is_fed: impl Fn(&OutputId) -> bool) -> Option<OutputId> {
        node.op_as::<Later>()?;
        let fed = node.inputs().first().filter(|alias| is_fed(alias));
        fed.or(node.inputs().get(1)).copied()
    }
}

/// Puts a value into a variable of the run's own, and gives a reference to it.
#[derive(Debug, Clone)]
pub struct Stored;

/// The row of [`Stored`], which no file can name.
pub static STORED: OpKind = OpKind::custom("_Stored", "value: T -> ref: Ref(T)")
    .effect(Effect::Temporary)
    .not_differentiable("a variable that is changed in place has no gradient");

impl Op for Stored {
    fn kind(&self) -> &'static OpKind {
        &STORED
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let value = cx.fact(0).clone();
        cx.output_variable(value.dtype, value.shape, Role::Ref);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (var, mut value) = (cx.own_variable()?, Some(cx.take(0)));
        let twice = || Error::internal("a variable is changed once");
        cx.state()?.update(&var, &mut |_| value.take().ok_or_else(twice))?;
        cx.output(0, Value::from_object(DType::Resource, var));
        Ok(())
    }
}

/// Which outputs of an op share the buffers of which inputs, where a buffer is never copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shares {
    /// All outputs that of the first input.
    First,
    /// Each output that of the input at its place.
    Each,
    /// The first output that of any input.
    Any,
}

/// What TensorFlow 1.15.5 does not copy, whatever the sizes are: seen in 50 of 50 sessions for each. Slices, splits and
/// joins of one part share buffers too where sizes happen to allow it; nobody can rely on that, so they count as copies.
pub(crate) fn shares(op: &str) -> Option<Shares> {
    match op {
        "Identity"
        | "StopGradient"
        | "PreventGradient"
        | "PlaceholderWithDefault"
        | "Reshape"
        | "ExpandDims"
        | "Squeeze"
        | "Bitcast"
        | "EnsureShape"
        | "CheckNumerics"
        | "Print"
        | "GuaranteeConst"
        | "Switch"
        | "_Later" => Some(Shares::First),
        "IdentityN" => Some(Shares::Each),
        "Merge" => Some(Shares::Any),
        _ => None,
    }
}

impl Shares {
    /// The inputs, among `n`, whose buffers an output may share.
    pub(crate) fn inputs(self, slot: usize, n: usize) -> std::ops::Range<usize> {
        match self {
            Shares::First => 0..n.min(1),
            Shares::Each => slot.min(n)..(slot + 1).min(n),
            Shares::Any if slot == 0 => 0..n,
            Shares::Any => 0..0,
        }
    }
}

/// The tensors whose buffer a tensor may share.
fn shared_by(graph: &Graph, id: OutputId) -> SmallVec<[OutputId; 2]> {
    let node = graph.node(id.node);
    let inputs = node.inputs();
    match shares(node.op().kind().name) {
        Some(shares) => inputs.get(shares.inputs(id.slot as usize, inputs.len())).unwrap_or_default().into(),
        None => smallvec![],
    }
}

/// The aliases through which a tensor shows variables, each after those that it shows; the tensor itself is the last.
/// Nothing where it shows none. Those that are `known` are left out with what they show.
pub(crate) fn chain(graph: &Graph, of: OutputId, known: impl Fn(&OutputId) -> bool) -> Vec<OutputId> {
    let (mut found, mut stack) = (HashSet::new(), vec![of]);
    while let Some(id) = stack.pop() {
        if !known(&id) && found.insert(id) {
            stack.extend(shared_by(graph, id));
        }
    }
    let mut chain: Vec<OutputId> = found.into_iter().collect();
    chain.sort_unstable();
    let mut aliases: HashSet<OutputId> = HashSet::new();
    chain.retain(|id| {
        let is_alias = graph.node(id.node).op_as::<ReadAlias>().is_some()
            || shared_by(graph, *id).iter().any(|id| known(id) || aliases.contains(id));
        is_alias && aliases.insert(*id)
    });
    chain
}

/// The op that reads a variable again behind the alias `read`, and whether it takes the alias beside the reference.
pub(crate) fn read_again(graph: &Graph, read: &Node) -> (Arc<dyn Op>, bool) {
    let has_one_shape = read.inputs().first().is_some_and(|id| graph.fact(*id).shape.is_fully_known());
    if has_one_shape { (Arc::new(ReadAlias), false) } else { (Arc::new(ReadShaped), true) }
}

/// The op that shows an alias again with the same inputs, but for those that are aliases themselves: what must not
/// happen twice is only named again.
pub(crate) fn shown_again(node: &Node) -> Arc<dyn Op> {
    match node.op().kind().effect {
        Effect::Pure | Effect::Reads => node.op_arc().clone(),
        _ => Arc::new(crate::ops::array::Identity),
    }
}
