//! Building: `apply`, and the scopes that it happens in.

use std::panic::Location;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use super::context::{self, Context, Entered};
use super::feed::Feed;
use super::limits::check_limits_at;
use super::names::{check_node_name, check_scope_name};
use super::node::{Fact, Node, NodeId, OutputId};
use super::op::Op;
use super::{Graph, InferCx, Operation, Tensor};
use crate::error::{Error, ErrorKind, Result, Site, escape, guarded};

/// How a node is to be named.
pub(crate) enum Naming<'a> {
    /// By the context: pending name, scope, else this default, made unique.
    Ambient(&'a str),
    /// Exactly so, as a file says.
    #[cfg_attr(not(feature = "tensorflow"), allow(dead_code))]
    Exactly(&'a str),
    /// As in the graph that this one is made from: known to be unique, and never looked up.
    Kept(&'a Arc<str>),
}

impl Graph {
    /// Adds a node: infers its outputs, then appends it. Name, scope, control inputs and device come from the context.
    /// This is how ops of the engine and a user's own ops enter a graph.
    ///
    /// # Errors
    /// `GraphMismatch` for tensors of another graph, `Finalized`, and whatever the op's rule refuses.
    #[track_caller]
    pub fn apply(&self, op: impl Op, inputs: &[&Tensor]) -> Result<Operation> {
        let name = op.kind().name;
        self.apply_named(name, Arc::new(op), inputs)
    }

    /// As [`Graph::apply`], for an op with one output.
    #[track_caller]
    pub fn apply_one(&self, op: impl Op, inputs: &[&Tensor]) -> Result<Tensor> {
        self.apply(op, inputs)?.output(0)
    }

    /// As [`Graph::apply`] with a default name other than the op's, such as `add` for `AddV2`.
    #[track_caller]
    pub fn apply_named(&self, name: &str, op: Arc<dyn Op>, inputs: &[&Tensor]) -> Result<Operation> {
        let caller = Location::caller();
        let target = self.target();
        let ids = inputs.iter().map(|tensor| target.capture(tensor)).collect::<Result<SmallVec<[OutputId; 2]>>>()?;
        let location = context::read(target.root().id(), |cx| cx.location).unwrap_or(caller);
        target.push(op, ids, &[], Naming::Ambient(name), Some(location))
    }

    /// The one writer. Ids are of this graph.
    pub(crate) fn push(
        &self,
        op: Arc<dyn Op>,
        inputs: SmallVec<[OutputId; 2]>,
        control: &[NodeId],
        naming: Naming<'_>,
        location: Option<&'static Location<'static>>,
    ) -> Result<Operation> {
        if self.root().is_finalized() {
            return Err(Error::new(ErrorKind::Finalized, "the graph is finalized and cannot be modified"));
        }
        check_limits_at(self.len())?;
        let outputs = self.infer(&op, &inputs, &naming, location)?;
        let root = self.root().id();
        let is_copy = matches!(naming, Naming::Kept(_));
        let ambient = |cx: &Context| (self.controls(cx, control, is_copy), cx.device.clone());
        let (control, device) = context::read(root, ambient);
        let full_name = self.full_name(root, &naming)?;
        let mut names = self.0.names.lock();
        let id = NodeId(u32::try_from(self.len()).map_err(|_| too_many_nodes())?);
        let findable = self.parent().is_none().then_some(id);
        let name: Arc<str> = match full_name {
            FullName::Unique(name) => names.unique(&name, findable),
            FullName::Verbatim(name) => names.verbatim(&name, findable)?,
            FullName::Kept(name) => name,
        };
        let constant = OnceLock::new();
        let node = Node { id, name, op, inputs, control, outputs, device, location, constant };
        self.0.nodes.push(node).map_err(|_| too_many_nodes())?;
        Ok(self.operation(id))
    }

    /// Appends a copy of another graph's node, on inputs of which the same is known: nothing is inferred.
    pub(crate) fn push_copy(
        &self,
        node: &Node,
        inputs: SmallVec<[OutputId; 2]>,
        control: SmallVec<[NodeId; 4]>,
    ) -> Result<NodeId> {
        let control = sorted(control);
        let Node { name, op, outputs, device, location, constant, .. } = node;
        let (name, op, outputs, device) = (name.clone(), op.clone(), outputs.clone(), device.clone());
        let constant = constant.clone();
        let _appending = self.0.names.lock();
        let id = NodeId(u32::try_from(self.len()).map_err(|_| too_many_nodes())?);
        let node = Node { id, name, op, inputs, control, outputs, device, location: *location, constant };
        self.0.nodes.push(node).map_err(|_| too_many_nodes())?;
        Ok(id)
    }

    /// What would be known of the outputs of another graph's node on these inputs.
    ///
    /// # Errors
    /// Those of the op's rule.
    pub(crate) fn outputs_on(&self, node: &Node, inputs: &[OutputId]) -> Result<SmallVec<[Fact; 1]>> {
        self.infer(&node.op, inputs, &Naming::Kept(&node.name), node.location)
    }

    /// The inputs' facts with what `set_shape` said of them; nothing where it was never called.
    fn claimed_facts(&self, inputs: &[OutputId]) -> SmallVec<[Fact; 3]> {
        if !self.0.has_claims.load(Ordering::Acquire) {
            return SmallVec::new();
        }
        inputs.iter().map(|id| self.fact(*id)).collect()
    }

    fn infer(
        &self,
        op: &Arc<dyn Op>,
        inputs: &[OutputId],
        naming: &Naming<'_>,
        location: Option<&'static Location<'static>>,
    ) -> Result<SmallVec<[Fact; 1]>> {
        let claimed = self.claimed_facts(inputs);
        let facts: SmallVec<[&Fact; 3]> = match claimed.is_empty() {
            true => inputs.iter().map(|id| &self.node(id.node).outputs()[id.slot as usize]).collect(),
            false => claimed.iter().collect(),
        };
        let infer = || {
            let mut cx = InferCx::new(self, inputs, &facts);
            op.infer(&mut cx)?;
            Ok(cx.finish())
        };
        let kind = op.kind();
        let inferred =
            kind.args().check(&facts, |role| kind.takes(role)).and_then(|()| guarded("the shape rule", infer));
        inferred.map_err(|error| self.locate(error, op, inputs, &facts, naming, location))
    }

    /// Those given, and those of the context, which are nodes of the graph that new nodes go to.
    fn controls(&self, cx: &Context, given: &[NodeId], is_copy: bool) -> Box<[NodeId]> {
        let is_target = cx.body.as_ref().map_or(self.parent().is_none(), |body| body.id() == self.id());
        let ambient = if is_target && !is_copy { &*cx.control } else { &[] };
        if given.is_empty() && ambient.is_empty() {
            return Box::default();
        }
        sorted(given.iter().chain(ambient).copied().collect())
    }

    fn full_name(&self, root: u64, naming: &Naming<'_>) -> Result<FullName> {
        let default = match naming {
            Naming::Exactly(name) => {
                check_node_name(name.strip_prefix('_').unwrap_or(name))?;
                return Ok(FullName::Verbatim((*name).to_owned()));
            }
            Naming::Kept(name) => return Ok(FullName::Kept((*name).clone())),
            Naming::Ambient(default) => default,
        };
        let pending = context::take_pending(root);
        let name = pending.as_deref().unwrap_or(default);
        if let Some(verbatim) = name.strip_suffix('/') {
            return Ok(FullName::Verbatim(verbatim.to_owned()));
        }
        let full = context::read(root, |cx| join(&cx.scope, name));
        check_node_name(&full)?;
        Ok(FullName::Unique(full))
    }

    /// Attaches the place to an error of a rule: the node, its inputs, the user's line, and the lines that brought the
    /// inputs in.
    #[cold]
    fn locate(
        &self,
        error: Error,
        op: &Arc<dyn Op>,
        inputs: &[OutputId],
        facts: &[&Fact],
        naming: &Naming<'_>,
        location: Option<&'static Location<'static>>,
    ) -> Error {
        let name = match self.full_name(self.root().id(), naming) {
            Ok(FullName::Unique(name)) => self.0.names.lock().peek(&name),
            Ok(FullName::Verbatim(name)) => name,
            Ok(FullName::Kept(name)) => name.to_string(),
            Err(_) => op.kind().name.to_owned(),
        };
        let inputs_text = facts.iter().map(ToString::to_string).collect();
        let is_shape = error.kind() == ErrorKind::ShapeMismatch;
        let mut error = error.at(|| Site { node: name, op: op.kind().name.into(), inputs: inputs_text, location });
        if is_shape {
            for id in inputs {
                error = self.note_origin(error, *id, location);
            }
        }
        error
    }

    /// Says which line brought a shape in: follows inputs of the same shape upwards.
    fn note_origin(&self, error: Error, id: OutputId, location: Option<&'static Location<'static>>) -> Error {
        let shape = self.fact(id).shape;
        let mut at = id;
        while let Some(up) = self.node(at.node).inputs().iter().find(|up| self.fact(**up).shape == shape) {
            at = *up;
        }
        let node = self.node(at.node);
        match node.location() {
            Some(line) if Some(line) != location => {
                let tensor = format!("{}:{}", node.name(), at.slot);
                error.note(format!("{} of '{}' comes from {line}", shape, escape(&tensor)))
            }
            _ => error,
        }
    }

    /// Names the next op, or the scope of the next composite, that `build` makes: TF1's `name=`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.named("x", || g.placeholder(DType::F32, shape![?, 3]))?;
    /// assert_eq!(x.name(), "x:0");
    /// # Ok(()) }
    /// ```
    pub fn named<R>(&self, name: &str, build: impl FnOnce() -> R) -> R {
        let _scope = self.enter_pending(Some(name.into()));
        build()
    }

    /// As [`Graph::named`] where there may be no name to give: the surrounding pending name, if any, is kept away from
    /// what `build` makes.
    pub(crate) fn unnamed<R>(&self, build: impl FnOnce() -> R) -> R {
        let _scope = self.enter_pending(None);
        build()
    }

    fn enter_pending(&self, name: Option<Arc<str>>) -> Entered {
        context::enter(self.root().id(), |cx| cx.pending = name)
    }

    /// The pending name, which is used up, or `default`: for builders that give it to the last of their nodes and open no
    /// scope.
    pub(crate) fn take_name(&self, default: &str) -> Arc<str> {
        context::take_pending(self.root().id()).unwrap_or_else(|| default.into())
    }

    /// Prefixes the names of what is built until the guard is dropped. A second `foo` becomes `foo_1`; `foo/` enters
    /// `foo` again; an empty name leaves all scopes.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = {
    ///     let _tower = g.enter_scope("tower")?;
    ///     g.placeholder(DType::F32, shape![?, 3])?
    /// };
    /// assert_eq!(x.name(), "tower/Placeholder:0");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `InvalidName`.
    #[doc(alias = "tf.name_scope")]
    pub fn enter_scope(&self, name: &str) -> Result<NameScope> {
        let scope = if name.is_empty() { String::new() } else { self.open_scope(name)? };
        let prefix = if scope.is_empty() { String::new() } else { format!("{scope}/") };
        let change = |cx: &mut Context| {
            cx.scope = scope.into();
            cx.pending = None;
        };
        Ok(NameScope { prefix, entered: context::enter(self.root().id(), change) })
    }

    /// As [`Graph::enter_scope`] for the time of `build`, which is given the scope as a name that makes an op take exactly
    /// the scope's name.
    ///
    /// # Errors
    /// `InvalidName`, and the errors of `build`.
    #[doc(alias = "tf.name_scope")]
    pub fn name_scope<R>(&self, name: &str, build: impl FnOnce(&str) -> Result<R>) -> Result<R> {
        let scope = self.enter_scope(name)?;
        build(scope.prefix())
    }

    /// A builder that makes several nodes: opens a scope by the pending name or `default`, and lets all of them carry
    /// the caller's line. `build` names its last op by the scope it is given.
    #[track_caller]
    pub fn composite<R>(&self, default: &str, build: impl FnOnce(&str) -> Result<R>) -> Result<R> {
        let caller = Location::caller();
        // Taken from the context around, where it must not be left for a second op.
        let name = self.take_name(default);
        let _line = self.enter_line(caller);
        let scope = self.enter_scope(&name)?;
        build(scope.prefix())
    }

    /// As [`Graph::composite`], without a scope of its own: only the caller's line is carried.
    pub(crate) fn at_line<R>(&self, line: &'static Location<'static>, build: impl FnOnce() -> R) -> R {
        let _line = self.enter_line(line);
        build()
    }

    fn enter_line(&self, line: &'static Location<'static>) -> Entered {
        let located = |cx: &mut Context| {
            cx.location.get_or_insert(line);
        };
        context::enter(self.root().id(), located)
    }

    /// Leaves all scopes for the time of `build`: variables are named by their own scopes.
    pub(crate) fn at_root_scope<R>(&self, build: impl FnOnce() -> R) -> R {
        let _scope = context::enter(self.root().id(), |cx| cx.scope = "".into());
        build()
    }

    /// The present name scope, without its last slash.
    pub fn current_scope(&self) -> String {
        context::read(self.root().id(), |cx| cx.scope.to_string())
    }

    fn open_scope(&self, name: &str) -> Result<String> {
        if let Some(again) = name.strip_suffix('/') {
            check_scope_name(again, true)?;
            return Ok(again.to_owned());
        }
        let (full, is_root) = context::read(self.root().id(), |cx| (join(&cx.scope, name), cx.scope.is_empty()));
        check_scope_name(name, is_root)?;
        Ok(self.0.names.lock().unique(&full, None).to_string())
    }

    /// Lets every node that is built until the guard is dropped wait for these operations. Inside a body the node that
    /// holds the body waits for operations outside of it.
    ///
    /// # Errors
    /// `GraphMismatch` for an operation of another graph or of a body that this is not in.
    #[doc(alias = "tf.control_dependencies")]
    pub fn enter_control_dependencies(&self, wait_for: &[Operation]) -> Result<Entered> {
        let target = self.target();
        let ids = wait_for.iter().map(|operation| target.wait_for(operation)).collect::<Result<Vec<_>>>()?;
        let change = |cx: &mut Context| {
            cx.control = cx.control.iter().copied().chain(ids.into_iter().flatten()).collect();
        };
        Ok(context::enter(self.root().id(), change))
    }

    /// As [`Graph::enter_control_dependencies`] for the time of `build`.
    ///
    /// # Errors
    /// `GraphMismatch` for an operation of another graph or of a body that this is not in, and the errors of `build`.
    #[doc(alias = "tf.control_dependencies")]
    pub fn control_dependencies<R>(&self, wait_for: &[Operation], build: impl FnOnce() -> Result<R>) -> Result<R> {
        let _scope = self.enter_control_dependencies(wait_for)?;
        build()
    }

    /// Whether new nodes wait for others or go to a body: then a shared read of a variable would be too early.
    pub(crate) fn has_control_context(&self) -> bool {
        context::read(self.root().id(), |cx| !cx.control.is_empty() || cx.body.is_some())
    }

    /// Without the control inputs of the context, at the root of the graph: for variables and their initializers.
    pub(crate) fn without_control<R>(&self, build: impl FnOnce() -> R) -> R {
        let change = |cx: &mut Context| {
            cx.control = Arc::default();
            cx.body = None;
        };
        let _scope = context::enter(self.root().id(), change);
        build()
    }

    /// Puts a device string, such as `/device:CPU:0`, on every node that is built until the guard is dropped; an empty one
    /// takes it away.
    ///
    /// # Errors
    /// `InvalidArgument` for a string that is no device.
    #[doc(alias = "tf.device")]
    pub fn enter_device(&self, device: &str) -> Result<Entered> {
        super::names::check_device(device)?;
        let device = (!device.is_empty()).then(|| device.into());
        Ok(context::enter(self.root().id(), |cx| cx.device = device))
    }

    /// As [`Graph::enter_device`] for the time of `build`.
    ///
    /// # Errors
    /// `InvalidArgument` for a string that is no device, and the errors of `build`.
    #[doc(alias = "tf.device")]
    pub fn device<R>(&self, device: &str, build: impl FnOnce() -> Result<R>) -> Result<R> {
        let _scope = self.enter_device(device)?;
        build()
    }

    /// What a floor above keeps in the context, such as the variable scope.
    pub(crate) fn ambient<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        context::read(self.root().id(), |cx| cx.extra.clone())?.downcast().ok()
    }

    /// Sets what [`Graph::ambient`] answers for the time of `build`.
    pub(crate) fn with_ambient<T: Send + Sync + 'static, R>(&self, value: Arc<T>, build: impl FnOnce() -> R) -> R {
        let _scope = context::enter(self.root().id(), |cx| cx.extra = Some(value));
        build()
    }

    /// Says that `n` nodes are none that TF1 would have made, or below 0 that it would have made so many more: so seeds
    /// stay those of TF1.
    pub(crate) fn mark_extra(&self, n: i64) {
        self.0.extra_nodes.fetch_add(n, Ordering::Relaxed);
    }

    /// A node that stands for what a caller passes in: parameters of bodies, feeds of plans.
    pub(crate) fn feed_node(&self, fact: &Fact, name: &Arc<str>) -> Result<Tensor> {
        let fact = Fact { shape: fact.shape.renew_anonymous(), sizes: None, ..fact.clone() };
        self.push(Arc::new(Feed::of(&fact)), SmallVec::new(), &[], Naming::Kept(name), None)?.output(0)
    }
}

/// A name scope that is open until this is dropped; see [`Graph::enter_scope`].
#[must_use = "a scope ends when its guard is dropped: bind it to a name, `let _scope = ..`"]
#[derive(Debug)]
pub struct NameScope {
    prefix: String,
    #[expect(dead_code, reason = "dropped with the scope")]
    entered: Entered,
}

impl NameScope {
    /// The scope with a slash at its end, empty at the root: [`Graph::named`] makes of it an op that takes exactly the
    /// scope's name.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

enum FullName {
    Unique(String),
    Verbatim(String),
    Kept(Arc<str>),
}

/// Nodes to wait for, each once.
fn sorted(mut nodes: SmallVec<[NodeId; 4]>) -> Box<[NodeId]> {
    nodes.sort_unstable();
    nodes.dedup();
    if nodes.is_empty() { Box::default() } else { nodes.into_vec().into() }
}

fn join(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}/{name}") }
}

#[cold]
fn too_many_nodes() -> Error {
    Error::new(ErrorKind::ResourceExhausted, "a graph holds at most 4294967295 nodes")
}
