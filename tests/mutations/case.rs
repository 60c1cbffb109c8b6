//! An example, mutated, built and run.

use std::sync::Arc;
use std::time::Duration;

use sessile::graph::{AttrValue, Attrs, Op, OpKind, Referent, Role};
use sessile::ops::handles::make_handle;
use sessile::prelude::*;
use sessile::{Result, RunOptions, gradients};

use super::mutation::{Change, Mutation};

/// Bytes that a run may take.
pub const BUDGET: usize = 64 << 20;

/// When a run has to end.
pub const TIMEOUT: Duration = Duration::from_millis(200);

/// An example of a row, taken apart.
#[derive(Clone)]
pub struct Subject {
    pub row: &'static OpKind,
    /// Which of the row's examples.
    pub number: usize,
    pub op: Arc<dyn Op>,
    pub inputs: Vec<Input>,
    /// All that a file would hold.
    pub attrs: Vec<(String, AttrValue)>,
}

#[derive(Clone)]
pub enum Input {
    Value(Value),
    /// A handle, and a value for what it refers to.
    Handle(Referent, Value),
}

/// How much the engine knows of the inputs before it runs.
#[derive(Debug, Clone, Copy)]
pub enum Known {
    /// Constants.
    All,
    /// Fed, of known shape.
    Shape,
    /// Fed, of unknown shape.
    DType,
}

/// One case.
pub struct Case {
    pub subject: Subject,
    pub mutations: Vec<Mutation>,
    /// By input; the last holds for the rest.
    pub known: Vec<Known>,
    pub with_gradient: bool,
}

impl Input {
    pub fn value(&self) -> &Value {
        match self {
            Input::Value(value) | Input::Handle(_, value) => value,
        }
    }

    fn set(&mut self, new: Value) {
        match self {
            Input::Value(value) | Input::Handle(_, value) => *value = new,
        }
    }
}

impl Subject {
    /// The examples of a row.
    pub fn all_of(row: &'static OpKind) -> Vec<Subject> {
        (row.examples)().into_iter().enumerate().map(|(number, example)| Subject::of(row, number, example)).collect()
    }

    fn of(row: &'static OpKind, number: usize, example: sessile::graph::Example) -> Subject {
        let input = |(i, value)| match row.args().input(i).filter(|arg| arg.is_variable) {
            Some(arg) => Input::Handle(arg.referent, value),
            None => Input::Value(value),
        };
        let inputs: Vec<Input> = example.inputs.into_iter().enumerate().map(input).collect();
        let own = example.op.attrs().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let mut subject = Subject { row, number, op: example.op, inputs, attrs: own };
        let typed = subject.typed_attrs().unwrap_or_default();
        subject.attrs.extend(typed);
        subject
    }

    /// What the signature says of the inputs and outputs.
    fn typed_attrs(&self) -> Result<Vec<(String, AttrValue)>> {
        let g = Graph::new();
        let node = self.build(&g, &[Known::Shape], &mut Feeds::new())?;
        let inputs: Vec<_> = node.node().inputs().iter().map(|id| g.fact(*id)).collect();
        let outputs: Vec<_> = node.node().outputs().iter().collect();
        Ok(self.row.args().attrs(&inputs.iter().collect::<Vec<_>>(), &outputs))
    }

    fn build(&self, g: &Graph, known: &[Known], feeds: &mut Feeds) -> Result<Operation> {
        let (mut tensors, mut before) = (Vec::new(), Vec::new());
        for (i, input) in self.inputs.iter().enumerate() {
            let known = known.get(i).or(known.last()).copied().unwrap_or(Known::All);
            tensors.push(match input {
                Input::Value(value) => self.feed(g, value, known, feeds)?,
                Input::Handle(referent, value) => {
                    let dtype =
                        |i: usize, default: DType| self.inputs.get(i).map_or(default, |input| input.value().dtype());
                    let (tensor, fills) =
                        make_handle(g, *referent, value, [dtype(1, DType::String), dtype(2, DType::F32)])?;
                    before.extend(fills);
                    tensor
                }
            });
        }
        let name = self.row.name.trim_start_matches('_');
        let tensors: Vec<&Tensor> = tensors.iter().collect();
        g.control_dependencies(&before, || g.apply_named(name, self.op.clone(), &tensors))
    }

    fn feed(&self, g: &Graph, value: &Value, known: Known, feeds: &mut Feeds) -> Result<Tensor> {
        let shape = match known {
            Known::All => return g.constant(value),
            Known::Shape => Shape::from(value.dims()),
            Known::DType => Shape::unknown(),
        };
        let tensor = g.placeholder(value.dtype(), shape)?;
        *feeds = std::mem::take(feeds).with(&tensor, value.clone());
        Ok(tensor)
    }
}

impl Case {
    /// All that is needed to see it again.
    pub fn describe(&self) -> String {
        let what: Vec<&str> = self.mutations.iter().map(|mutation| mutation.what.as_str()).collect();
        let grad = if self.with_gradient { ", with gradient" } else { "" };
        let known = &self.known;
        format!("{}, example {}, {known:?}{grad}: {}", self.subject.row.name, self.subject.number, what.join("; "))
    }

    /// Builds and runs it. What is wrong comes out as an error, whatever it is.
    pub fn run(&self) -> Result<()> {
        let subject = self.mutated()?;
        let g = Graph::new();
        g.set_random_seed(7);
        let mut feeds = Feeds::new();
        let operation = subject.build(&g, &self.known, &mut feeds)?;
        let init = g.global_variables_initializer()?;
        let outputs = operation.node().outputs().iter().enumerate();
        let slots = outputs.filter(|(_, fact)| fact.role == Role::Value).map(|(slot, _)| slot);
        let mut fetches = slots.map(|slot| operation.output(slot)).collect::<Result<Vec<_>>>()?;
        if self.with_gradient {
            let inputs = operation.node().inputs().iter().map(|id| g.tensor(*id));
            let inputs: Vec<Tensor> = inputs.filter(|input| input.dtype().is_floating()).collect();
            let sources: Vec<&Tensor> = inputs.iter().collect();
            let targets: Vec<&Tensor> = fetches.iter().collect();
            fetches = gradients(&targets, &sources)?.into_iter().flatten().collect();
        }
        let print = Some(Arc::new(|_: &str| {}) as sessile::session::PrintFn);
        let session = Session::with_config(&g, Config { threads: Some(1), print, ..Config::default() })?;
        let options = RunOptions { timeout: Some(TIMEOUT), memory_budget: Some(BUDGET), ..RunOptions::default() };
        session.run_with_options(&init, Feeds::new(), &options)?;
        session.run_with_options((&fetches[..], &[operation][..]), feeds, &options).map(drop)
    }

    fn mutated(&self) -> Result<Subject> {
        let mut subject = self.subject.clone();
        let mut is_parsed = false;
        for mutation in &self.mutations {
            match &mutation.change {
                Change::Values(values) => {
                    for (i, value) in values {
                        if let Some(input) = subject.inputs.get_mut(*i) {
                            input.set(value.clone());
                        }
                    }
                }
                Change::Attr(name, value) => {
                    is_parsed = true;
                    subject.attrs.retain(|(have, _)| have != name);
                    subject.attrs.push((name.clone(), value.clone()));
                }
                Change::Order(order) => {
                    subject.inputs = order.iter().filter_map(|i| subject.inputs.get(*i).cloned()).collect();
                }
                Change::Handle(i, referent) => {
                    if let Some(input) = subject.inputs.get_mut(*i) {
                        *input = Input::Handle(*referent, input.value().clone());
                    }
                }
            }
        }
        if is_parsed {
            subject.op = (subject.row.parse)(&subject.attrs.iter().cloned().collect::<Attrs>())?;
        }
        Ok(subject)
    }
}
