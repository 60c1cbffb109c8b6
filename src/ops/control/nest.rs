//! Structures of tensors: what the closures of `cond` and loops take and give back.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::error::{Error, Result};
use crate::graph::{Graph, Operation, Tensor};
use crate::ops::state::Variable;

/// One leaf of a structure.
#[derive(Debug)]
pub enum Leaf<'a> {
    /// A tensor.
    Tensor(&'a mut Tensor),
    /// An operation, which is waited for.
    Operation(&'a mut Operation),
}

/// A structure of tensors and operations: a tensor, an operation, tuples, arrays, vectors and maps of them. Loops and
/// branches take it apart and put it together again: a structure of the same form with other tensors is a clone whose
/// leaves are replaced.
///
/// Structs of a user's own can be loop variables, too:
///
/// ```
/// # use sessile::prelude::*;
/// use sessile::ops::control::{IntoNest, Leaf, Nest};
///
/// #[derive(Clone)]
/// struct State {
///     cell: Tensor,
///     hidden: Tensor,
/// }
///
/// impl Nest for State {
///     fn each(&mut self, visit: &mut dyn FnMut(Leaf<'_>)) {
///         self.cell.each(visit);
///         self.hidden.each(visit);
///     }
/// }
///
/// impl IntoNest for State {
///     type Owned = State;
///     fn into_nest(self, _: &Graph) -> sessile::Result<State> {
///         Ok(self)
///     }
/// }
/// ```
pub trait Nest: Clone {
    /// Visits the leaves, in an order that depends on the form alone.
    fn each(&mut self, visit: &mut dyn FnMut(Leaf<'_>));

    /// Writes the form, so that structures can be compared: a leaf is `*`.
    fn describe(&self, form: &mut String) {
        let mut n = 0;
        self.clone().each(&mut |_| n += 1);
        // Bounded by the inputs.
        write!(form, "{{{}}}", vec!["*"; n].join(", ")).expect("writing to a string does not fail");
    }
}

/// What becomes a [`Nest`]: also references, variables, which are read, and results of builders.
pub trait IntoNest {
    /// The structure of tensors of its own.
    type Owned: Nest + IntoNest<Owned = Self::Owned>;

    /// The structure.
    ///
    /// # Errors
    /// The error of a failed builder.
    fn into_nest(self, g: &Graph) -> Result<Self::Owned>;
}

impl Nest for Tensor {
    fn each(&mut self, visit: &mut dyn FnMut(Leaf<'_>)) {
        visit(Leaf::Tensor(self));
    }

    fn describe(&self, form: &mut String) {
        form.push('*');
    }
}

impl Nest for Operation {
    fn each(&mut self, visit: &mut dyn FnMut(Leaf<'_>)) {
        visit(Leaf::Operation(self));
    }

    fn describe(&self, form: &mut String) {
        form.push('^');
    }
}

macro_rules! leaves {
    ($($t:ty => $owned:ty, |$x:ident| $made:expr;)*) => { $(
        impl IntoNest for $t {
            type Owned = $owned;
            #[track_caller]
            fn into_nest(self, _: &Graph) -> Result<$owned> {
                let $x = self;
                $made
            }
        }
    )* };
}
leaves! {
    Tensor => Tensor, |x| Ok(x);
    &Tensor => Tensor, |x| Ok(x.clone());
    Result<Tensor> => Tensor, |x| x;
    Variable => Tensor, |x| x.value();
    &Variable => Tensor, |x| x.value();
    Operation => Operation, |x| Ok(x);
    &Operation => Operation, |x| Ok(x.clone());
    Result<Operation> => Operation, |x| x;
}

/// Writes `[a, b]` and the like.
fn list<'a, T: Nest + 'a>(items: impl Iterator<Item = &'a T>, [open, close]: [char; 2], form: &mut String) {
    form.push(open);
    for (i, item) in items.enumerate() {
        form.push_str(if i == 0 { "" } else { ", " });
        item.describe(form);
    }
    form.push(close);
}

impl<T: Nest> Nest for Vec<T> {
    fn each(&mut self, visit: &mut dyn FnMut(Leaf<'_>)) {
        self.iter_mut().for_each(|item| item.each(visit));
    }

    fn describe(&self, form: &mut String) {
        list(self.iter(), ['[', ']'], form);
    }
}

impl<T: IntoNest> IntoNest for Vec<T> {
    type Owned = Vec<T::Owned>;
    #[track_caller]
    fn into_nest(self, g: &Graph) -> Result<Vec<T::Owned>> {
        self.into_iter().map(|item| item.into_nest(g)).collect()
    }
}

impl<T: IntoNest + Clone> IntoNest for &[T] {
    type Owned = Vec<T::Owned>;
    #[track_caller]
    fn into_nest(self, g: &Graph) -> Result<Vec<T::Owned>> {
        self.to_vec().into_nest(g)
    }
}

impl<T: Nest, const N: usize> Nest for [T; N] {
    fn each(&mut self, visit: &mut dyn FnMut(Leaf<'_>)) {
        self.iter_mut().for_each(|item| item.each(visit));
    }

    fn describe(&self, form: &mut String) {
        list(self.iter(), ['[', ']'], form);
    }
}

impl<T: IntoNest, const N: usize> IntoNest for [T; N] {
    type Owned = [T::Owned; N];
    #[track_caller]
    fn into_nest(self, g: &Graph) -> Result<[T::Owned; N]> {
        let items = self.into_iter().map(|item| item.into_nest(g)).collect::<Result<Vec<_>>>()?;
        items.try_into().map_err(|_| Error::internal("an array keeps its length"))
    }
}

/// Leaves come in the order of their keys.
impl<K: Clone + Ord + std::fmt::Debug, T: Nest> Nest for BTreeMap<K, T> {
    fn each(&mut self, visit: &mut dyn FnMut(Leaf<'_>)) {
        self.values_mut().for_each(|item| item.each(visit));
    }

    fn describe(&self, form: &mut String) {
        form.push('{');
        for (i, (key, item)) in self.iter().enumerate() {
            write!(form, "{}{key:?}: ", if i == 0 { "" } else { ", " }).expect("writing to a string does not fail");
            item.describe(form);
        }
        form.push('}');
    }
}

impl<K: Clone + Ord + std::fmt::Debug, T: IntoNest> IntoNest for BTreeMap<K, T> {
    type Owned = BTreeMap<K, T::Owned>;
    #[track_caller]
    fn into_nest(self, g: &Graph) -> Result<BTreeMap<K, T::Owned>> {
        self.into_iter().map(|(key, item)| Ok((key, item.into_nest(g)?))).collect()
    }
}

macro_rules! tuples {
    ($($($T:ident $i:tt)*;)*) => { $(
        impl<$($T: Nest),*> Nest for ($($T,)*) {
            #[allow(unused_variables)]
            fn each(&mut self, visit: &mut dyn FnMut(Leaf<'_>)) {
                $(self.$i.each(visit);)*
            }

            fn describe(&self, form: &mut String) {
                form.push('(');
                $(
                    form.push_str(if $i == 0 { "" } else { ", " });
                    self.$i.describe(form);
                )*
                form.push(')');
            }
        }
        impl<$($T: IntoNest),*> IntoNest for ($($T,)*) {
            type Owned = ($($T::Owned,)*);
            #[allow(unused_variables, clippy::unused_unit)]
            #[track_caller]
            fn into_nest(self, g: &Graph) -> Result<Self::Owned> {
                Ok(($(self.$i.into_nest(g)?,)*))
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

/// The form of a structure: `(*, [*, *])`.
pub(super) fn form<N: Nest>(nest: &N) -> String {
    let mut form = String::new();
    nest.describe(&mut form);
    form
}

/// A leaf with its own handle.
#[derive(Debug, Clone)]
pub(super) enum OwnLeaf {
    Tensor(Tensor),
    Operation(Operation),
}

/// The leaves of a structure.
pub(super) fn leaves<N: Nest>(nest: &N) -> Vec<OwnLeaf> {
    let mut all = Vec::new();
    nest.clone().each(&mut |leaf| {
        all.push(match leaf {
            Leaf::Tensor(tensor) => OwnLeaf::Tensor(tensor.clone()),
            Leaf::Operation(operation) => OwnLeaf::Operation(operation.clone()),
        });
    });
    all
}

/// The tensors of a structure.
///
/// # Errors
/// `InvalidArgument` for operations among the leaves.
pub(super) fn tensors<N: Nest>(nest: &N, what: &str) -> Result<Vec<Tensor>> {
    let tensor = |leaf| match leaf {
        OwnLeaf::Tensor(tensor) => Ok(tensor),
        OwnLeaf::Operation(operation) => {
            Err(Error::invalid(format!("{what} must be a tensor, but is the operation '{}'", operation.name())))
        }
    };
    leaves(nest).into_iter().map(tensor).collect()
}

/// A structure of the same form with these tensors, and this operation for all operations.
pub(super) fn pack<N: Nest>(like: &N, tensors: &[Tensor], operation: Option<&Operation>) -> N {
    let (mut packed, mut next) = (like.clone(), tensors.iter());
    packed.each(&mut |leaf| match leaf {
        Leaf::Tensor(tensor) => tensor.clone_from(next.next().expect("a structure has one tensor a leaf")),
        Leaf::Operation(own) => own.clone_from(operation.expect("where operations are leaves there is one")),
    });
    packed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::shape;

    #[test]
    fn structures_are_taken_apart_and_put_together() -> Result<()> {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![])?;
        let y = g.placeholder(DType::F32, shape![])?;
        let map = BTreeMap::from([("b", &x), ("a", &y)]);
        let nest = (&x, vec![(&y, &x)], [&y], map, ()).into_nest(&g)?;
        assert_eq!(form(&nest), "(*, [(*, *)], [*], {\"a\": *, \"b\": *}, ())");
        let names: Vec<_> = tensors(&nest, "a leaf")?.iter().map(|tensor| tensor.operation().name().len()).collect();
        assert_eq!(names, [11, 13, 11, 13, 13, 11]);
        let swapped = pack(&nest, &[&y, &y, &y, &x, &x, &x].map(Tensor::clone), None);
        assert_eq!((&swapped.0, &swapped.1[0], &swapped.2[0]), (&y, &(y.clone(), y.clone()), &x));
        assert!(tensors(&g.no_op()?, "a leaf").unwrap_err().message().starts_with("a leaf must be a tensor"));
        Ok(())
    }
}
