//! What an op is: the trait, and the row that the table of ops holds for it.

use std::any::Any;
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};

use super::attrs::{AttrValue, Attrs};
use super::body::Body;
use super::grad::GradCx;
use super::infer::InferCx;
use super::node::Role;
use super::run::RunCx;
use super::signature::Signature;
use super::tensor::Tensor;
use crate::error::{Error, ErrorKind, Result};
use crate::value::Value;

/// An operation that a node performs. Immutable: state lives in the session's variables or in the run.
///
/// Users write their own ops with this trait; nothing has to be registered.
pub trait Op: Any + Debug + Send + Sync {
    /// The row: TensorFlow's name, the signature, how to parse attributes.
    fn kind(&self) -> &'static OpKind;

    /// Infers dtype and shape of each output from what is known of the inputs, and validates them: whatever can be
    /// refused before the run is refused here. Number and dtypes of the inputs already agree with the signature.
    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()>;

    /// Computes the outputs. Sizes that `infer` could not know are validated here.
    fn run(&self, cx: &mut RunCx<'_>) -> Result<()>;

    /// The sub-graphs that a run calls, made for these inputs, in the order in which [`RunCx::call`] numbers them. Ops
    /// of [`Effect::Calls`] have some.
    fn bodies(&self, cx: &InferCx<'_>) -> Result<Vec<Arc<Body>>> {
        let _ = cx;
        Ok(Vec::new())
    }

    /// Gradients of the inputs, built from graph ops, one entry an input; `None` where none flows. Asked where one flows
    /// into some output, by [`gradients`](crate::gradients()).
    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let _ = cx;
        Err(match self.kind().gradient {
            Gradient::Exists => Error::unsupported("the gradient of this op is not available yet"),
            Gradient::Never(reason) => Error::new(ErrorKind::NotDifferentiable, reason),
        })
    }

    /// The attributes as TensorFlow's files hold them, but for those that the signature gives (`T`, `N`): the inverse
    /// of [`OpKind::parse`].
    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        Vec::new()
    }
}

/// What running a node does beside computing outputs from inputs. Passes and the order of state rest on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: equal inputs give equal outputs. May be folded, merged with an equal node, or left out.
    Pure,
    /// Must be fed, or stands for what a caller passes in.
    Fed,
    /// Makes a reference to a variable.
    Variable,
    /// Makes a variable that lives until the end of the run at most, and a reference to it.
    Temporary,
    /// Its one output is the value of the variable that is its one input.
    Reads,
    /// Looks at the variables among its inputs in another way.
    Inspects,
    /// Writes the variables among its inputs, and may read them.
    Writes,
    /// Draws random numbers: the counter belongs to the session and the node.
    Random,
    /// Does what its bodies do.
    Calls,
    /// Makes, reads or changes an object of the run, such as a `TensorArray`: kept, and ordered with others that are
    /// given the same handle.
    Object,
    /// Reaches outside of the engine (prints, calls a user's function): kept, and ordered with others of its kind.
    Outside,
}

/// What an op makes of inputs without a value: those of a branch that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It does not run, and its outputs have no values either.
    Plain,
    /// The same; when it runs it may leave outputs without a value.
    Switch,
    /// It runs as soon as one input has a value, whatever it waits for.
    Merge,
    /// It runs in any case.
    Trigger,
}

/// What there is to know of a gradient without asking the op.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gradient {
    /// There is one: `Op::grad` gives it, or says that this version does not have it yet.
    Exists,
    /// There is none, and why.
    Never(&'static str),
}

/// One op with inputs that it accepts: the tests over the whole table run it, hide its dims, cut it by threads.
#[derive(Debug)]
pub struct Example {
    /// The op.
    pub op: Arc<dyn Op>,
    /// What it is run on.
    pub inputs: Vec<Value>,
}

impl Example {
    /// An op and what it is run on.
    pub fn new(op: impl Op, inputs: impl IntoIterator<Item = Value>) -> Example {
        Example { op: Arc::new(op), inputs: inputs.into_iter().collect() }
    }
}

/// The row of an op in the table: everything about it that no instance is needed for.
pub struct OpKind {
    /// TensorFlow's name.
    pub name: &'static str,
    /// Other names in files, such as older versions with the same meaning.
    pub aliases: &'static [&'static str],
    /// Arguments, as TensorFlow's op definitions write them: see [`Signature`].
    pub signature: &'static str,
    /// Makes the op from a file's attributes.
    pub parse: fn(&Attrs) -> Result<Arc<dyn Op>>,
    /// Ops and inputs for the tests over the whole table, which alone are compiled with them.
    #[cfg(any(test, feature = "examples"))]
    pub examples: fn() -> Vec<Example>,
    /// What a run does beside computing.
    pub effect: Effect,
    /// What it makes of inputs without a value.
    pub flow: Flow,
    /// Whether a gradient has a meaning.
    pub gradient: Gradient,
    /// Output 0 is input 0 in another shape: no copy is made, the buffer is shared.
    pub shares_input: bool,
    /// Handles are taken where the signature says a value, and are passed on or kept.
    pub takes_handles: bool,
    /// References are taken where the signature says a value.
    pub takes_references: bool,
    parsed: OnceLock<Signature>,
}

impl OpKind {
    /// A pure op that has a gradient; the methods below change that.
    #[cfg_attr(not(any(test, feature = "examples")), allow(unused_variables))]
    pub const fn new(
        name: &'static str,
        signature: &'static str,
        parse: fn(&Attrs) -> Result<Arc<dyn Op>>,
        examples: fn() -> Vec<Example>,
    ) -> OpKind {
        OpKind {
            name,
            aliases: &[],
            signature,
            parse,
            #[cfg(any(test, feature = "examples"))]
            examples,
            effect: Effect::Pure,
            flow: Flow::Plain,
            gradient: Gradient::Exists,
            shares_input: false,
            takes_handles: false,
            takes_references: false,
            parsed: OnceLock::new(),
        }
    }

    /// A user's own op: it has a name and a signature, and no file to be parsed from.
    pub const fn custom(name: &'static str, signature: &'static str) -> OpKind {
        OpKind::new(
            name,
            signature,
            |_| Err(Error::unsupported("a user's own op cannot be read from a file")),
            Vec::new,
        )
    }

    /// Other names in files.
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> OpKind {
        self.aliases = aliases;
        self
    }

    /// What a run does beside computing.
    pub const fn effect(mut self, effect: Effect) -> OpKind {
        self.effect = effect;
        self
    }

    /// What it makes of inputs without a value.
    pub const fn flow(mut self, flow: Flow) -> OpKind {
        self.flow = flow;
        self
    }

    /// There is no gradient, and why.
    pub const fn not_differentiable(mut self, reason: &'static str) -> OpKind {
        self.gradient = Gradient::Never(reason);
        self
    }

    /// Handles are taken as values are.
    pub const fn takes_handles(mut self) -> OpKind {
        self.takes_handles = true;
        self
    }

    /// References are taken as values are.
    pub const fn takes_references(mut self) -> OpKind {
        self.takes_references = true;
        self
    }

    /// Output 0 shares the buffer of input 0.
    pub const fn shares_input(mut self) -> OpKind {
        self.shares_input = true;
        self
    }

    /// Whether an argument that is a value by the signature may be of this role. Bodies get what their caller gets.
    pub(crate) fn takes(&self, role: Role) -> bool {
        let is_call = self.effect == Effect::Calls;
        match role {
            Role::Value | Role::Unfed => true,
            Role::Ref => is_call || self.takes_references,
            Role::Handle(_) => is_call || self.takes_handles,
        }
    }

    /// The arguments, parsed once.
    pub fn args(&self) -> &Signature {
        self.parsed.get_or_init(|| Signature::parse(self.signature))
    }
}

impl Debug for OpKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpKind({})", self.name)
    }
}
