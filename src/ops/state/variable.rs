//! [`Variable`]: what a session remembers from run to run.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::assign::Assign;
use super::handle::{Spelling, VariableV2};
use super::initial::Initial;
use super::inspect::IsVariableInitialized;
use super::read::ReadVariable;
use super::table::{VariableData, Variables};
use super::update::AssignUpdate;
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::{Graph, Op, Operation, Role, Tensor};
use crate::ops::IntoTensor;
use crate::ops::control::Fork;
use crate::shape::Shape;

/// The collection of variables that are saved and that [`Graph::global_variables_initializer`] sets.
pub const GLOBAL_VARIABLES: &str = "variables";
/// The collection of variables that belong to one process only, such as counters of epochs.
pub const LOCAL_VARIABLES: &str = "local_variables";
/// The collection of variables that optimizers change.
pub const TRAINABLE_VARIABLES: &str = "trainable_variables";

/// What a session remembers from run to run. A variable has a value in a session once its initializer has run there.
///
/// Used as a tensor it reads: the value at this place of the program, before any write that is built later and after
/// any that was built earlier. Reads are shared until a write is built.
#[derive(Clone)]
pub struct Variable {
    graph: Graph,
    data: Arc<VariableData>,
}

/// How a variable is made.
#[derive(Debug, Clone)]
pub struct VariableOptions {
    /// Whether optimizers change it.
    pub trainable: bool,
    /// The collections it joins.
    pub collections: Vec<String>,
    /// Whether its shape is fixed: that of the initial value, which must then be fully known.
    pub validate_shape: bool,
}

impl Default for VariableOptions {
    fn default() -> VariableOptions {
        VariableOptions { trainable: true, collections: vec![GLOBAL_VARIABLES.to_owned()], validate_shape: true }
    }
}

impl VariableOptions {
    /// A variable that is neither trained nor saved.
    pub fn local() -> VariableOptions {
        VariableOptions { trainable: false, collections: vec![LOCAL_VARIABLES.to_owned()], ..Default::default() }
    }

    /// A variable that is saved and not trained.
    pub fn untrained() -> VariableOptions {
        VariableOptions { trainable: false, ..Default::default() }
    }
}

impl Graph {
    /// A variable with this initial value, which it gets when its initializer runs. Named `Variable`, or by
    /// [`Graph::named`]; a bare number becomes float32 or int32.
    ///
    /// # Errors
    /// `ShapeMismatch` if the initial value's shape is not fully known before the run.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let v = g.named("v", || g.variable([[1.0f32, 2.0]]))?;
    /// assert_eq!(v.to_string(), "<tf.Variable 'v:0' shape=(1, 2) dtype=float32_ref>");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.Variable")]
    #[track_caller]
    pub fn variable(&self, initial: impl Initial) -> Result<Variable> {
        self.variable_with(initial, VariableOptions::default())
    }

    /// As [`Graph::variable`], with options.
    #[doc(alias = "tf.Variable")]
    #[track_caller]
    pub fn variable_with(&self, initial: impl Initial, options: VariableOptions) -> Result<Variable> {
        let initial = |g: &Graph| g.named("initial_value", || initial.initial(g));
        self.variable_from("Variable", initial, options)
    }

    /// As [`Graph::variable_with`], with an initial value that `build` makes in the variable's scope.
    ///
    /// # Errors
    /// As there, and those of `build`.
    #[doc(alias = "tf.Variable")]
    #[track_caller]
    pub fn variable_built(
        &self,
        build: impl FnOnce(&Graph) -> Result<Tensor>,
        options: VariableOptions,
    ) -> Result<Variable> {
        self.variable_from("Variable", |g| g.name_scope("Initializer", |_| build(g)), options)
    }

    /// A variable whose initial value is built in its scope.
    #[track_caller]
    pub(crate) fn variable_from(
        &self,
        name: &str,
        initial: impl FnOnce(&Graph) -> Result<Tensor>,
        options: VariableOptions,
    ) -> Result<Variable> {
        let g = self.root();
        let caller = Location::caller();
        g.at_line(caller, || {
            g.without_control(|| g.composite(name, |scope| new_variable(g, scope, initial(g)?, options)))
        })
    }

    /// The variables of a collection, in the order in which they were made.
    pub fn variables_in(&self, collection: &str) -> Vec<Variable> {
        self.collection(collection).iter().filter_map(Variable::of_handle).collect()
    }

    /// The variables that are saved.
    #[doc(alias = "tf.global_variables")]
    pub fn global_variables(&self) -> Vec<Variable> {
        self.variables_in(GLOBAL_VARIABLES)
    }

    /// The variables that belong to one process only.
    #[doc(alias = "tf.local_variables")]
    pub fn local_variables(&self) -> Vec<Variable> {
        self.variables_in(LOCAL_VARIABLES)
    }

    /// The variables that optimizers change.
    #[doc(alias = "tf.trainable_variables")]
    pub fn trainable_variables(&self) -> Vec<Variable> {
        self.variables_in(TRAINABLE_VARIABLES)
    }

    /// The operation that initializes the variables that are saved, as many as there are now.
    #[doc(alias = "tf.global_variables_initializer")]
    #[track_caller]
    pub fn global_variables_initializer(&self) -> Result<Operation> {
        self.variables_initializer(&self.global_variables())
    }

    /// The operation that initializes the variables that belong to one process only, as many as there are now.
    #[doc(alias = "tf.local_variables_initializer")]
    #[track_caller]
    pub fn local_variables_initializer(&self) -> Result<Operation> {
        self.variables_initializer(&self.local_variables())
    }

    /// The operation that initializes these variables.
    #[doc(alias = "tf.variables_initializer")]
    #[track_caller]
    pub fn variables_initializer(&self, variables: &[Variable]) -> Result<Operation> {
        let all: Vec<Operation> = variables.iter().map(Variable::initializer).collect();
        self.group_as("init", &all)
    }
}

fn new_variable(g: &Graph, scope: &str, initial: Tensor, options: VariableOptions) -> Result<Variable> {
    let shape = initial.shape();
    if options.validate_shape && !shape.is_fully_known() {
        let text = format!(
            "the initial value of a variable must have a fully known shape, but '{}' is {shape}",
            escape(&initial.name())
        );
        return Err(
            Error::shape(text).note("set_shape(..) says more of it; validate_shape: false lets the shape change")
        );
    }
    let shape = if options.validate_shape { shape } else { Shape::unknown() };
    let op = VariableV2::new(Spelling::Ref, initial.dtype(), shape);
    let handle = g.named(scope, || g.apply_one(op, &[]))?;
    let assign = Assign { spelling: Spelling::Ref, validate_shape: options.validate_shape };
    let initializer = g.apply(assign, &[&handle, &initial])?;
    let read = g.apply_named("read", Arc::new(ReadVariable), &[&handle])?.output(0)?;
    let data = Arc::new(VariableData {
        handle: handle.id(),
        initial: initial.id(),
        initializer: initializer.id(),
        trainable: options.trainable,
    });
    g.registry::<Variables>().add(data.clone(), read.id());
    let trainable = options.trainable.then(|| TRAINABLE_VARIABLES.to_owned());
    for collection in options.collections.into_iter().chain(trainable) {
        g.add_to_collection(&collection, &handle)?;
    }
    Ok(Variable { graph: g.clone(), data })
}

impl Variable {
    /// The variable of a reference; `None` if no builder made it.
    pub(crate) fn of_handle(handle: &Tensor) -> Option<Variable> {
        let graph = handle.graph().root().clone();
        let data = graph.registry::<Variables>().get(handle.id())?;
        Some(Variable { graph, data })
    }

    pub(super) fn from_data(graph: &Graph, data: Arc<VariableData>) -> Variable {
        Variable { graph: graph.clone(), data }
    }

    pub(super) fn data(&self) -> &Arc<VariableData> {
        &self.data
    }

    /// The graph it belongs to.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The reference, for ops that change variables. It cannot be computed with.
    pub fn handle(&self) -> Tensor {
        self.graph.tensor(self.data.handle)
    }

    /// The operation that makes the reference: its name is the variable's name without `:0`.
    pub fn operation(&self) -> Operation {
        self.graph.operation(self.data.handle.node)
    }

    /// `name:0`.
    pub fn name(&self) -> String {
        self.handle().name()
    }

    /// The dtype of the value.
    pub fn dtype(&self) -> DType {
        self.handle().dtype()
    }

    /// The static shape of the value.
    pub fn shape(&self) -> Shape {
        self.handle().shape()
    }

    /// Whether optimizers change it.
    pub fn is_trainable(&self) -> bool {
        self.data.trainable
    }

    /// What it is initialized with.
    pub fn initial_value(&self) -> Tensor {
        self.graph.tensor(self.data.initial)
    }

    /// The value, or what the variable is initialized with where it has none yet: for variables whose initial value
    /// depends on others.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let v = g.variable(2.0)?;
    /// let twice = (v.initialized_value()? * 2.0)?;
    /// assert_eq!(Session::new(&g)?.run(&twice)?.scalar::<f32>()?, 4.0);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.Variable.initialized_value")]
    #[track_caller]
    pub fn initialized_value(&self) -> Result<Tensor> {
        let g = &self.graph;
        let has_value = self.is_initialized()?;
        g.composite("cond", |_| {
            let fork = Fork::of(g, &has_value)?;
            let handle = fork.if_so(g, &self.handle(), "read/Switch")?;
            let read = g.apply_named("read", Arc::new(ReadVariable), &[&handle])?.output(0)?;
            let initial = fork.if_not(g, &self.initial_value(), "Switch")?;
            Ok(g.merge(&[initial, read])?.0)
        })
    }

    /// The operation that gives it its initial value. Nothing happens before a session runs it.
    #[doc(alias = "tf.Variable.initializer")]
    pub fn initializer(&self) -> Operation {
        self.graph.operation(self.data.initializer)
    }

    /// The value at this place of the program: after the writes that were built before, before those built later.
    /// Reads are shared until a write is built; inside `control_dependencies` and bodies each use has its own.
    #[doc(alias = "tf.Variable.value")]
    #[track_caller]
    pub fn value(&self) -> Result<Tensor> {
        let (g, table) = (&self.graph, self.graph.registry::<Variables>());
        if g.has_control_context() {
            return self.extra_read();
        }
        if let Some(read) = table.shared_read(g, self.data.handle) {
            return Ok(g.tensor(read));
        }
        let read = self.extra_read()?;
        table.share(self.data.handle, read.id());
        Ok(read)
    }

    /// A read of its own at this place of the program, such as inside `control_dependencies`.
    #[doc(alias = "tf.Variable.read_value")]
    #[track_caller]
    pub fn read(&self) -> Result<Tensor> {
        self.graph.apply_named("read", Arc::new(ReadVariable), &[&self.handle()])?.output(0)
    }

    /// A read that TF1 does not make, beside `v/read`.
    #[track_caller]
    fn extra_read(&self) -> Result<Tensor> {
        let g = &self.graph;
        let caller = Location::caller();
        let name = format!("{}/read", self.operation().name());
        let build = || g.apply_one(ReadVariable, &[&self.handle()]);
        let read = g.at_line(caller, || g.at_root_scope(|| g.named(&name, build)))?;
        // In a body TF1 takes in the value, and here the handle is taken in and read.
        read.graph().mark_extra(1);
        Ok(read)
    }

    /// An operation that gives the variable a new value. Nothing happens before a session runs it.
    ///
    /// # Errors
    /// `ShapeMismatch`, `DTypeMismatch`. A run whose value does not fit leaves the variable as it was.
    #[doc(alias = "tf.assign")]
    #[track_caller]
    pub fn assign(&self, value: impl IntoTensor) -> Result<Operation> {
        self.write("Assign", Assign { spelling: Spelling::Ref, validate_shape: true }, &value)
    }

    /// As [`Variable::assign`], for a value of another shape than the present one. The variable must have been made
    /// without `validate_shape`.
    #[doc(alias = "tf.assign")]
    #[track_caller]
    pub fn assign_any_shape(&self, value: impl IntoTensor) -> Result<Operation> {
        self.write("Assign", Assign { spelling: Spelling::Ref, validate_shape: false }, &value)
    }

    /// An operation that adds to the variable. Nothing happens before a session runs it.
    ///
    /// # Errors
    /// `ShapeMismatch`, `DTypeMismatch`; a run fails if the variable has no value.
    #[doc(alias = "tf.assign_add")]
    #[track_caller]
    pub fn assign_add(&self, value: impl IntoTensor) -> Result<Operation> {
        self.write("AssignAdd", AssignUpdate { spelling: Spelling::Ref, subtracts: false }, &value)
    }

    /// An operation that subtracts from the variable; otherwise as [`Variable::assign_add`].
    #[doc(alias = "tf.assign_sub")]
    #[track_caller]
    pub fn assign_sub(&self, value: impl IntoTensor) -> Result<Operation> {
        self.write("AssignSub", AssignUpdate { spelling: Spelling::Ref, subtracts: true }, &value)
    }

    /// Whether the variable has a value: `() -> ()`, bool.
    #[doc(alias = "tf.is_variable_initialized")]
    #[track_caller]
    pub fn is_initialized(&self) -> Result<Tensor> {
        self.graph.apply_one(IsVariableInitialized { spelling: Spelling::Ref }, &[&self.handle()])
    }

    #[track_caller]
    fn write(&self, name: &str, op: impl Op, value: &dyn IntoTensor) -> Result<Operation> {
        let (g, handle) = (&self.graph, self.handle());
        g.composite(name, |scope| {
            let value = g.named("value", || value.tensor(Some(&handle)))?;
            g.named(scope, || g.apply(op, &[&handle, &value]))
        })
    }
}

/// Reads: see [`Variable::value`].
impl IntoTensor for Variable {
    #[track_caller]
    fn tensor(&self, _: Option<&Tensor>) -> Result<Tensor> {
        self.value()
    }
}

impl PartialEq for Variable {
    fn eq(&self, other: &Variable) -> bool {
        self.handle() == other.handle()
    }
}
impl Eq for Variable {}

/// As TF1's repr: `<tf.Variable 'v:0' shape=(2, 3) dtype=float32_ref>`.
impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fact = self.handle().fact();
        let suffix = if fact.role == Role::Ref { "_ref" } else { "" };
        write!(f, "<tf.Variable '{}' shape={} dtype={}{suffix}>", self.name(), fact.shape, fact.dtype)
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
