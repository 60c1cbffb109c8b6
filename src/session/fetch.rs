//! What a run can be asked for: tensors, operations, names, and tuples, arrays, slices and vectors of them.

use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::{Graph, NodeId, Operation, OutputId, Tensor, foreign};
use crate::ops::state::Variable;
use crate::value::Value;

/// What a fetch wants from a run.
pub struct Wanted<'a> {
    graph: &'a Graph,
    pub(super) fetches: Vec<OutputId>,
    pub(super) targets: Vec<NodeId>,
}

impl<'a> Wanted<'a> {
    pub(super) fn of(graph: &'a Graph) -> Wanted<'a> {
        Wanted { graph, fetches: Vec::new(), targets: Vec::new() }
    }

    /// Wants a tensor's value; answers its place among the results.
    pub fn tensor(&mut self, tensor: &Tensor) -> Result<usize> {
        check_graph(self.graph, tensor.graph(), || tensor.name())?;
        self.fetches.push(tensor.id());
        Ok(self.fetches.len() - 1)
    }

    /// Wants a node to run.
    pub fn operation(&mut self, operation: &Operation) -> Result<()> {
        check_graph(self.graph, operation.graph(), || operation.name().to_owned())?;
        self.targets.push(operation.id());
        Ok(())
    }

    /// Wants the tensor of a name such as `x:0`, or the operation of a name such as `init`, which has no value. An
    /// operation that does nothing but compute is refused: TF1 gives `None`, but `:0` was forgotten.
    pub fn name(&mut self, name: &str) -> Result<Option<usize>> {
        let refused = |error: Error| {
            let text = format!("fetch '{}' cannot be interpreted as a tensor: {}", escape(name), error.message());
            Error::new(ErrorKind::BadFetch, text).with_notes_of(&error)
        };
        let acts = |operation: &Operation| operation.node().outputs().is_empty() || operation.node().has_effects();
        let operation =
            if name.contains(':') { None } else { Some(self.graph.operation_by_name(name).map_err(refused)?) };
        if let Some(operation) = operation.filter(acts) {
            return self.operation(&operation).map(|()| None);
        }
        let tensor = self.graph.tensor_by_name(name).map_err(refused)?;
        self.tensor(&tensor).map(Some)
    }
}

pub(super) fn check_graph(mine: &Graph, other: &Graph, name: impl FnOnce() -> String) -> Result<()> {
    if mine.id() == other.id() {
        return Ok(());
    }
    Err(foreign(other, &name(), mine))
}

/// The values of a run, one for each tensor that was wanted.
pub struct Results<'a>(pub(super) &'a mut [Option<Value>]);

impl Results<'_> {
    fn take(&mut self, i: usize) -> Result<Value> {
        let absent = || Error::internal("a fetch collects each of its values once");
        self.0.get_mut(i).and_then(Option::take).ok_or_else(absent)
    }
}

/// What can be fetched. A tensor gives a [`Value`], an operation gives `()`, tuples give tuples, lists give vectors.
pub trait Fetch {
    /// What comes back.
    type Output: 'static;
    /// Where in the results it is: owned, so that nothing is borrowed once a run is prepared.
    type Layout: Send + Sync + 'static;
    /// Says what is wanted.
    fn declare(&self, wanted: &mut Wanted<'_>) -> Result<Self::Layout>;
    /// Picks it from the results.
    fn collect(layout: &Self::Layout, results: &mut Results<'_>) -> Result<Self::Output>;
}

impl Fetch for Tensor {
    type Output = Value;
    type Layout = usize;
    fn declare(&self, wanted: &mut Wanted<'_>) -> Result<usize> {
        wanted.tensor(self)
    }
    fn collect(layout: &usize, results: &mut Results<'_>) -> Result<Value> {
        results.take(*layout)
    }
}

/// Reads the variable, after the writes that were built so far.
impl Fetch for Variable {
    type Output = Value;
    type Layout = usize;
    fn declare(&self, wanted: &mut Wanted<'_>) -> Result<usize> {
        wanted.tensor(&self.value()?)
    }
    fn collect(layout: &usize, results: &mut Results<'_>) -> Result<Value> {
        results.take(*layout)
    }
}

/// A name: of a tensor, such as `x:0`, or of an operation, such as `init`. What an operation gives, TF1's `None`, is
/// here an empty value.
impl Fetch for str {
    type Output = Value;
    type Layout = Option<usize>;
    fn declare(&self, wanted: &mut Wanted<'_>) -> Result<Option<usize>> {
        wanted.name(self)
    }
    fn collect(layout: &Option<usize>, results: &mut Results<'_>) -> Result<Value> {
        layout.map_or_else(|| Value::zeros(DType::F32, &[0]), |place| results.take(place))
    }
}

/// As `str`.
impl Fetch for String {
    type Output = Value;
    type Layout = Option<usize>;
    fn declare(&self, wanted: &mut Wanted<'_>) -> Result<Option<usize>> {
        wanted.name(self)
    }
    fn collect(layout: &Option<usize>, results: &mut Results<'_>) -> Result<Value> {
        layout.map_or_else(|| Value::zeros(DType::F32, &[0]), |place| results.take(place))
    }
}

impl Fetch for Operation {
    type Output = ();
    type Layout = ();
    fn declare(&self, wanted: &mut Wanted<'_>) -> Result<()> {
        wanted.operation(self)
    }
    fn collect((): &(), _: &mut Results<'_>) -> Result<()> {
        Ok(())
    }
}

impl<T: Fetch + ?Sized> Fetch for &T {
    type Output = T::Output;
    type Layout = T::Layout;
    fn declare(&self, wanted: &mut Wanted<'_>) -> Result<T::Layout> {
        (**self).declare(wanted)
    }
    fn collect(layout: &T::Layout, results: &mut Results<'_>) -> Result<T::Output> {
        T::collect(layout, results)
    }
}

macro_rules! lists {
    ($([$($g:tt)*] $t:ty),*) => { $(
        impl<$($g)*> Fetch for $t {
            type Output = Vec<T::Output>;
            type Layout = Vec<T::Layout>;
            fn declare(&self, wanted: &mut Wanted<'_>) -> Result<Self::Layout> {
                self.iter().map(|fetch| fetch.declare(wanted)).collect()
            }
            fn collect(layout: &Self::Layout, results: &mut Results<'_>) -> Result<Self::Output> {
                layout.iter().map(|layout| T::collect(layout, results)).collect()
            }
        }
    )* };
}
lists! { [T: Fetch] [T], [T: Fetch] Vec<T>, [T: Fetch, const N: usize] [T; N] }

macro_rules! tuples {
    ($($($T:ident $i:tt)*;)*) => { $(
        impl<$($T: Fetch),*> Fetch for ($($T,)*) {
            type Output = ($($T::Output,)*);
            type Layout = ($($T::Layout,)*);
            #[allow(unused_variables)]
            fn declare(&self, wanted: &mut Wanted<'_>) -> Result<Self::Layout> {
                Ok(($(self.$i.declare(wanted)?,)*))
            }
            #[allow(unused_variables, clippy::unused_unit)]
            fn collect(layout: &Self::Layout, results: &mut Results<'_>) -> Result<Self::Output> {
                Ok(($($T::collect(&layout.$i, results)?,)*))
            }
        }
    )* };
}
tuples! {
    ;
    A 0;
    A 0 B 1;
    A 0 B 1 C 2;
    A 0 B 1 C 2 D 3;
    A 0 B 1 C 2 D 3 E 4;
    A 0 B 1 C 2 D 3 E 4 F 5;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11;
}
