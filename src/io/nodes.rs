//! From one node of a file to one of a graph: its attributes are read, its bodies built, its variables read.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::attr::{copy_cost, decode_attr};
use super::budget::Budget;
use super::functions::{Callee, Library};
use super::graph_def::NodeDef;
use super::proto::AttrKind;
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::signature::ArgType;
use crate::graph::{AttrValue, Attrs, Effect, Fact, Graph, Naming, NodeId, Op, OpKind, OutputId, Role, nodes_made};
use crate::ops;
use crate::ops::array::Const;
use crate::ops::control::{LOWERED, SelectValue, While};
use crate::ops::state::alias::ReadAlias;
use crate::ops::state::{FrozenWrite, KnownHandle};
use crate::shape::Shape;
use crate::value::Value;

/// What the names of reads end in that an import adds, before the number of the input.
pub(super) const HIDDEN_READ: &str = "/_read";

/// What the names of nodes end in that say what a handle refers to, before the number of the input.
const HIDDEN_HANDLE: &str = "/_handle";

/// One node of a file on its way into a graph.
pub(super) struct Source<'a> {
    pub(super) node: &'a NodeDef,
    /// Its name in the graph.
    pub(super) name: String,
    /// Whether it goes into the body of a function: then nobody else can name it.
    pub(super) is_inner: bool,
}

/// The way of nodes into one graph.
pub(super) struct Nodes<'a, 'l> {
    pub(super) graph: &'a Graph,
    pub(super) library: &'a mut Library<'l>,
    pub(super) budget: &'a mut Budget,
    /// The version of the writer.
    pub(super) producer: i32,
    /// Attributes that the nodes may take from a call.
    pub(super) parameters: &'a BTreeMap<String, AttrValue>,
    /// Whether the nodes are those of a function that TensorFlow runs as a whole, with all its effects.
    pub(super) keeps_effects: bool,
}

impl Nodes<'_, '_> {
    pub(super) fn push(
        &mut self,
        source: &Source<'_>,
        mut inputs: SmallVec<[OutputId; 2]>,
        control: &[NodeId],
    ) -> Result<NodeId> {
        let Source { node, name, is_inner } = source;
        check_label(node)?;
        let mut attrs = decode_attrs(node, self.parameters, self.budget)?;
        let callee = self.library.callee(node, &attrs);
        let kind = ops::find(if callee.is_some() { "PartitionedCall" } else { &node.op })?;
        if is_shapeless(node, &attrs, self.producer) {
            attrs.remove("shape");
        }
        if node.op == "Stack" {
            inputs.push(self.no_limit(name)?);
        }
        let (kind, instead) = for_values(kind, &self.facts(&inputs))?;
        self.know_handles(kind, &attrs, &mut inputs, name)?;
        let is_read = is_read(kind, self.facts(&inputs).first());
        if !is_read && !self.library.is_loop(node) {
            let reader = instead.as_ref().map_or(kind, |op| op.kind());
            self.read_variables(reader, &mut inputs, name)?;
        }
        if kind.effect == Effect::Calls {
            if self.keeps_effects {
                attrs.remove(LOWERED);
            }
            attrs = self.build_bodies(callee, kind, attrs, &inputs)?;
        }
        let attrs: Attrs = attrs.into_iter().collect();
        let mut op = (kind.parse)(&attrs)?;
        check_unread(kind, &attrs)?;
        if let Some(instead) = instead {
            op = instead;
        }
        if is_read {
            op = Arc::new(ReadAlias);
        }
        let (made, folded) = (nodes_made(), self.graph.folded_bytes());
        let kept: Arc<str> = name.as_str().into();
        let naming = if *is_inner { Naming::Kept(&kept) } else { Naming::Exactly(name) };
        let push = || Ok(self.graph.push(op, inputs, control, naming, None)?.id());
        let has_device = !node.device.is_empty() && !is_inner;
        let id = if has_device { self.graph.device(&node.device, push)? } else { push()? };
        check_types(self.graph, id, &attrs)?;
        if kind.effect == Effect::Calls {
            self.claim_shapes(id, &attrs);
        }
        // Few bytes of a file can make many outputs, be many nodes for each shape, and large constants.
        let outputs = self.graph.node(id).outputs().len().saturating_sub(FREE_OUTPUTS);
        let made = nodes_made().wrapping_sub(made);
        let folded = self.graph.folded_bytes().saturating_sub(folded);
        self.budget.charge(outputs * size_of::<Fact>() + made.saturating_mul(MADE_COST) + folded)?;
        Ok(id)
    }

    /// Functions in attributes become bodies; so does the function that a node calls otherwise.
    fn build_bodies(
        &mut self,
        callee: Option<Callee>,
        kind: &OpKind,
        attrs: BTreeMap<String, AttrValue>,
        inputs: &[OutputId],
    ) -> Result<BTreeMap<String, AttrValue>> {
        // The arguments are the last inputs, behind what chooses; a `For` passes the number of the turn before them.
        let n_others = kind.args().inputs.len().saturating_sub(1);
        let first = if kind.name == "For" { n_others.saturating_sub(1) } else { n_others };
        let facts: Vec<Fact> = inputs.iter().skip(first).map(|id| self.graph.fact(*id)).collect();
        if let Some(callee) = callee {
            let body = self.library.callee_body(&callee, &facts, self.budget, self.producer)?;
            return Ok([("f".to_owned(), AttrValue::Body(body))].into());
        }
        // TensorFlow prunes what calls run, and branches and loops of which it makes plain nodes; others of them, and
        // calls by a function's name, keep all effects.
        let is_call = matches!(kind.name, "PartitionedCall" | "StatefulPartitionedCall");
        let keeps_effects = !is_call && !matches!(attrs.get(LOWERED), Some(AttrValue::Bool(true)));
        let mut build = |name: String, parameters: BTreeMap<String, AttrValue>| {
            self.library.body(&name, &parameters, &facts, self.budget, self.producer, keeps_effects)
        };
        let mut built = BTreeMap::new();
        for (name, attr) in attrs {
            let attr = match attr {
                AttrValue::Func(function, parameters) => AttrValue::Body(build(function, parameters)?),
                AttrValue::Funcs(functions) => {
                    let bodies = functions.into_iter().map(|(function, parameters)| build(function, parameters));
                    AttrValue::Bodies(bodies.collect::<Result<_>>()?)
                }
                attr => attr,
            };
            built.insert(name, attr);
        }
        Ok(built)
    }

    /// Takes the shapes over that TensorFlow has for what a branch or a loop puts out, as claims for the run to check:
    /// those of an attribute, else those that a loop starts from. Where the bodies are known to give others, they count.
    fn claim_shapes(&self, id: NodeId, attrs: &Attrs) {
        let node = self.graph.node(id);
        let said = match attrs.get("output_shapes") {
            Some(AttrValue::Shapes(shapes)) => Some(shapes.clone()),
            _ => None,
        };
        let claims = match node.op_as::<While>() {
            None => said,
            Some(op) => {
                let inputs = self.facts(node.inputs());
                let said = said.unwrap_or_else(|| inputs.iter().map(|fact| fact.shape.clone()).collect());
                op.may_keep(&inputs, said).ok()
            }
        };
        let claims: Vec<Shape> = claims.unwrap_or_default();
        for (slot, (claim, fact)) in claims.iter().zip(node.outputs()).enumerate() {
            if fact.role == Role::Value {
                let _ = self.graph.refine(OutputId { node: id, slot: slot as u32 }, claim);
            }
        }
    }

    fn facts(&self, inputs: &[OutputId]) -> SmallVec<[Fact; 3]> {
        inputs.iter().map(|id| self.graph.fact(*id)).collect()
    }

    /// The size of a stack that may grow without end, which the older op does not say.
    fn no_limit(&self, stack: &str) -> Result<OutputId> {
        let name: Arc<str> = format!("{stack}/_max_size").into();
        let size = Arc::new(Const { value: Value::scalar_of(-1i32) });
        let node = self.graph.push(size, SmallVec::new(), &[], Naming::Kept(&name), None)?.id();
        self.graph.mark_extra(1);
        Ok(OutputId { node, slot: 0 })
    }

    /// Puts between a handle of which nothing is known, and an op that says what it refers to, a node that says so.
    fn know_handles(
        &self,
        kind: &OpKind,
        attrs: &BTreeMap<String, AttrValue>,
        inputs: &mut [OutputId],
        consumer: &str,
    ) -> Result<()> {
        for (i, input) in inputs.iter_mut().enumerate() {
            let fact = self.graph.fact(*input);
            let arg = kind.args().input(i).filter(|arg| arg.is_variable);
            let (Some(ArgType::Attr(attr)), Role::Handle(_), DType::Resource) =
                (arg.map(|arg| &arg.ty), fact.role, fact.dtype)
            else {
                continue;
            };
            let Some(AttrValue::Type(dtype)) = attrs.get(attr) else { continue };
            let name: Arc<str> = format!("{consumer}{HIDDEN_HANDLE}{i}").into();
            let (op, handle) = (Arc::new(KnownHandle { dtype: *dtype }), SmallVec::from_slice(&[*input]));
            let known = self.graph.push(op, handle, &[], Naming::Kept(&name), None)?;
            self.graph.mark_extra(1);
            *input = OutputId { node: known.id(), slot: 0 };
        }
        Ok(())
    }

    /// Puts a hidden read between a TF1 reference and an op that takes a value.
    fn read_variables(&self, kind: &OpKind, inputs: &mut [OutputId], consumer: &str) -> Result<()> {
        for (i, input) in inputs.iter_mut().enumerate() {
            let takes_variable = kind.args().input(i).is_some_and(|arg| arg.is_variable);
            if takes_variable || self.graph.fact(*input).role != Role::Ref {
                continue;
            }
            let name: Arc<str> = format!("{consumer}{HIDDEN_READ}{i}").into();
            let read = self.graph.push(
                Arc::new(ReadAlias),
                SmallVec::from_slice(&[*input]),
                &[],
                Naming::Kept(&name),
                None,
            )?;
            self.graph.mark_extra(1);
            *input = OutputId { node: read.id(), slot: 0 };
        }
        Ok(())
    }
}

/// What a node is where constants have taken the place of variables, as in a frozen graph: what passes references on
/// passes values on, and a write is one that cannot be done.
fn for_values(kind: &'static OpKind, inputs: &[Fact]) -> Result<(&'static OpKind, Option<Arc<dyn Op>>)> {
    let is_value =
        |(i, fact): (usize, &Fact)| kind.args().input(i).is_some_and(|arg| arg.is_variable) && !fact.is_variable();
    if !kind.args().outputs.first().is_some_and(|arg| arg.is_variable) || !inputs.iter().enumerate().any(is_value) {
        return Ok((kind, None));
    }
    Ok(match kind.name {
        "RefSwitch" | "RefMerge" | "RefIdentity" => (ops::find(kind.name.trim_start_matches("Ref"))?, None),
        "RefSelect" => (kind, Some(Arc::new(SelectValue))),
        name if kind.effect == Effect::Writes => (kind, Some(Arc::new(FrozenWrite { op: name }))),
        _ => (kind, None),
    })
}

/// `Identity` of a TF1 reference reads the variable.
fn is_read(kind: &OpKind, input: Option<&Fact>) -> bool {
    kind.name == "Identity" && input.is_some_and(|fact| fact.role == Role::Ref)
}

/// All attributes but those that start with `_`, which TensorFlow ignores too, except for one.
fn decode_attrs(
    node: &NodeDef,
    parameters: &BTreeMap<String, AttrValue>,
    budget: &mut Budget,
) -> Result<BTreeMap<String, AttrValue>> {
    let decode = |(name, attr): (&String, &super::proto::AttrProto)| {
        let parameter = match &attr.value {
            Some(AttrKind::Placeholder(parameter)) => parameters.get(parameter),
            _ => None,
        };
        let value = match parameter {
            Some(parameter) => budget.charge(copy_cost(parameter)).map(|()| parameter.clone()),
            None => decode_attr(attr, budget),
        };
        let value = value.map_err(|error| error.note(format!("in attribute '{}'", escape(name))))?;
        Ok((name.clone(), value))
    };
    node.attrs.iter().filter(|(name, _)| !name.starts_with('_') || *name == LOWERED).map(decode).collect()
}

/// Refuses a node that asks for a kernel by a label: those that TensorFlow has are of other devices.
fn check_label(node: &NodeDef) -> Result<()> {
    match node.attrs.get("_kernel").and_then(|attr| attr.value.as_ref()) {
        Some(AttrKind::S(label)) if !label.is_empty() => {
            let label = String::from_utf8_lossy(label);
            let text = format!("no kernel of {} is registered under the label '{}'", escape(&node.op), escape(&label));
            Err(Error::invalid(text))
        }
        _ => Ok(()),
    }
}

/// Before version 24 a placeholder's scalar shape meant that nothing is known of it.
fn is_shapeless(node: &NodeDef, attrs: &BTreeMap<String, AttrValue>, producer: i32) -> bool {
    let is_scalar = matches!(attrs.get("shape"), Some(AttrValue::Shape(shape)) if shape.rank() == Some(0));
    node.op == "Placeholder" && producer < 24 && is_scalar
}

/// Outputs of a node that are not charged to the file's budget: as many as ops have without an attribute that says so.
const FREE_OUTPUTS: usize = 16;

/// What a node costs that is inferred again for the arguments of a call: time more than memory.
const MADE_COST: usize = 64;

/// Attributes that only say how TensorFlow is to compute.
const HINTS: &[&str] = &[
    "use_locking",
    "use_cudnn_on_gpu",
    "parallel_iterations",
    "swap_memory",
    "colocate_gradients_with_ops",
    "allowed_devices",
    "debug_name",
    "sparse_gradient",
    LOWERED,
];

/// Refuses attributes that the op does not know.
fn check_unread(kind: &OpKind, attrs: &Attrs) -> Result<()> {
    let unread: Vec<String> = attrs
        .unread()
        .into_iter()
        .filter(|name| !HINTS.contains(name) && !is_of_signature(kind, name))
        .map(|name| format!("'{}'", escape(name)))
        .collect();
    if unread.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(format!("the op {} has no attribute {}", kind.name, unread.join(", "))))
}

fn is_of_signature(kind: &OpKind, name: &str) -> bool {
    let args = kind.args();
    args.inputs.iter().chain(&args.outputs).any(|arg| {
        let of_type = match &arg.ty {
            ArgType::Attr(attr) | ArgType::List(attr) => attr == name,
            ArgType::Fixed(_) | ArgType::Object => false,
        };
        of_type || arg.count.as_deref() == Some(name)
    })
}

/// Compares the type attributes of the file with the tensors that are there.
fn check_types(graph: &Graph, id: NodeId, attrs: &Attrs) -> Result<()> {
    let node = graph.node(id);
    let inputs: Vec<Fact> = node.inputs().iter().map(|id| graph.fact(*id)).collect();
    if inputs.iter().chain(node.outputs()).any(Fact::is_handle) {
        return Ok(());
    }
    let (inputs, outputs): (Vec<&Fact>, Vec<&Fact>) = (inputs.iter().collect(), node.outputs().iter().collect());
    for (name, have) in node.op().kind().args().attrs(&inputs, &outputs) {
        let Some(said) = attrs.get(&name) else { continue };
        if said.kind() == have.kind() && !said.same(&have) {
            let text = format!("attribute '{name}' is {}, but the tensors are {}", show(said), show(&have));
            return Err(Error::dtype(text));
        }
    }
    Ok(())
}

fn show(value: &AttrValue) -> String {
    match value {
        AttrValue::Type(dtype) => dtype.to_string(),
        AttrValue::Types(dtypes) => dtypes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        AttrValue::Int(n) => n.to_string(),
        other => other.kind().to_owned(),
    }
}
