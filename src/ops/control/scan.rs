//! `scan`, `foldl` and `foldr`: what a function makes of a value and one row after the other, built from closures.

use std::cell::RefCell;
use std::panic::Location;

use super::loops::{Loop, Var};
use super::nest::{IntoNest, Nest, form, pack, tensors};
use super::rows::{Count, Elems, Rows};
use crate::error::{Error, Result};
use crate::graph::{Graph, Tensor};

/// Reads the row that is taken first.
type First<'a, E> = &'a dyn Fn() -> Result<E>;

/// Which way rows are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    FirstToLast,
    LastToFirst,
}
use Direction::{FirstToLast, LastToFirst};

/// How a fold or a scan goes.
#[derive(Debug, Clone, Copy)]
struct Way {
    direction: Direction,
    /// Whether there is an initial value; else the first row that is taken is it.
    is_given: bool,
}

impl Way {
    /// The number of the row that is taken first.
    fn first(self, n: &Count) -> Result<Count> {
        match self.direction {
            FirstToLast => Ok(Count::Known(0)),
            LastToFirst => n.minus(1),
        }
    }
}

/// Builders in pairs: from the first row that is taken, and from an initial value.
macro_rules! builders {
    ($($name:ident $from:ident $alias:literal $build:ident $direction:ident, $what:literal, $example:literal => $shown:literal;)*) => {
        impl Graph { $(
            #[doc = $what]
            /// The first row that is taken is the first value. The closure is called once, now, with a value and a row of each
            /// tensor.
            ///
            /// # Errors
            /// `ShapeMismatch` for scalars, first axes that differ, and where a turn changes a shape; `InvalidArgument`
            /// without tensors, and in a run without rows; the errors of the closure.
            ///
            /// ```
            /// # use sessile::prelude::*;
            /// # fn main() -> sessile::Result<()> {
            /// let g = Graph::new();
            /// let x = g.constant([1, 2, 3])?;
            #[doc = $example]
            #[doc = concat!("assert_eq!(Session::new(&g)?.run(&y)?.to_string(), \"", $shown, "\");")]
            /// # Ok(()) }
            /// ```
            #[doc(alias = $alias)]
            #[track_caller]
            pub fn $name<E: IntoNest, R: IntoNest<Owned = E::Owned>>(
                &self,
                elems: E,
                f: impl FnOnce(E::Owned, E::Owned) -> Result<R>,
            ) -> Result<E::Owned> {
                self.$build(Way { direction: $direction, is_given: false }, elems, |first| first(), f)
            }

            #[doc = concat!("As [`Graph::", stringify!($name), "`], from an initial value, which may have another structure than rows.")]
            ///
            /// # Errors
            /// As there.
            #[doc(alias = $alias)]
            #[track_caller]
            pub fn $from<A: IntoNest, E: IntoNest, R: IntoNest<Owned = A::Owned>>(
                &self,
                initializer: A,
                elems: E,
                f: impl FnOnce(A::Owned, E::Owned) -> Result<R>,
            ) -> Result<A::Owned> {
                self.$build(Way { direction: $direction, is_given: true }, elems, |_| initializer.into_nest(self.root()), f)
            }
        )* }
    };
}
builders! {
    foldl foldl_from "tf.foldl" fold FirstToLast,
        "The last value that `f` makes of a value and the next row, from the first row to the last.",
        "let y = g.foldl(&x, |sum, n| 10 * sum + n)?;" => "123";
    foldr foldr_from "tf.foldr" fold LastToFirst,
        "The last value that `f` makes of a value and the next row, from the last row to the first.",
        "let y = g.foldr(&x, |sum, n| 10 * sum + n)?;" => "321";
    scan scan_from "tf.scan" scan_all FirstToLast,
        "All values that `f` makes of a value and the next row, stacked, from the first row to the last.",
        "let y = g.scan(&x, |sum, n| sum + n)?;" => "[1 3 6]";
    scan_reversed scan_reversed_from "tf.scan" scan_all LastToFirst,
        "All values that `f` makes of a value and the next row, stacked, from the last row to the first.",
        "let y = g.scan_reversed(&x, |sum, n| sum + n)?;" => "[6 5 3]";
}

impl Graph {
    #[track_caller]
    fn fold<E: IntoNest, A: Nest, R: IntoNest<Owned = A>>(
        &self,
        way: Way,
        elems: E,
        start: impl FnOnce(First<'_, E::Owned>) -> Result<A>,
        f: impl FnOnce(A, E::Owned) -> Result<R>,
    ) -> Result<A> {
        let (g, user) = (self.root(), self.line());
        let name = if way.direction == FirstToLast { "foldl" } else { "foldr" };
        self.composite(name, |_| {
            let elems = Elems::of(g, elems.into_nest(g)?, false)?;
            let (i, value) = fold_start(g, way, &elems, start)?;
            let turns = Turning { g, user, library: g.line(), elems: &elems };
            let vars = std::iter::once(i).chain(tensors(&value, "a value")?.into_iter().map(Var::Tensor)).collect();
            let less = |vars: &[Tensor]| match way.direction {
                FirstToLast => vars[0].less(&elems.n),
                LastToFirst => vars[0].greater(0),
            };
            let turn = |vars: &[Tensor]| {
                let at = match way.direction {
                    FirstToLast => vars[0].clone(),
                    LastToFirst => turns.own(|| &vars[0] - 1)?,
                };
                let mut turned = turns.value(f, &value, &vars[1..], &at)?;
                let next = if way.direction == FirstToLast { turns.own(|| &vars[0] + 1)? } else { at };
                turned.insert(0, next);
                Ok(turned)
            };
            let outputs = turns.build(vars, less, turn)?;
            Ok(pack(&value, &outputs[1..], None))
        })
    }

    #[track_caller]
    fn scan_all<E: IntoNest, A: Nest, R: IntoNest<Owned = A>>(
        &self,
        way: Way,
        elems: E,
        start: impl FnOnce(First<'_, E::Owned>) -> Result<A>,
        f: impl FnOnce(A, E::Owned) -> Result<R>,
    ) -> Result<A> {
        let (g, user) = (self.root(), self.line());
        self.composite("scan", |_| {
            let elems = Elems::of(g, elems.into_nest(g)?, true)?;
            let value = start(&|| elems.read_each(g, || way.first(&elems.n)))?;
            let values = tensors(&value, "a value")?;
            let all = scan_arrays(g, way, &elems.n, &values)?;
            let turns = Turning { g, user, library: g.line(), elems: &elems };
            let flows = all.iter().map(|rows| Var::Tensor(rows.flow.clone()));
            let vars = std::iter::once(scan_start(way, &elems.n)?);
            let vars = vars.chain(values.iter().cloned().map(Var::Tensor)).chain(flows).collect();
            let less = |vars: &[Tensor]| match way.direction {
                FirstToLast => vars[0].less(&elems.n),
                LastToFirst => vars[0].greater_equal(0),
            };
            let k = values.len();
            let turn = |vars: &[Tensor]| {
                let mut turned = turns.value(f, &value, &vars[1..=k], &vars[0])?;
                let i = Count::Tensor(vars[0].clone());
                turns.own(|| {
                    for ((rows, flow), value) in all.iter().zip(&vars[k + 1..]).zip(turned.clone()) {
                        turned.push(Rows { flow: flow.clone(), ..rows.clone() }.write(g, &i, &value)?.flow);
                    }
                    let next = if way.direction == FirstToLast { &vars[0] + 1 } else { &vars[0] - 1 };
                    turned.insert(0, next?);
                    Ok(turned)
                })
            };
            let outputs = turns.build(vars, less, turn)?;
            let left = all.iter().zip(&outputs[k + 1..]).zip(&values);
            let stack = |((rows, flow), value): ((&Rows, &Tensor), &Tensor)| {
                elems.stacked(g, Rows { flow: flow.clone(), ..rows.clone() }, &value.shape())
            };
            let stacked = left.map(stack).collect::<Result<Vec<_>>>()?;
            Ok(pack(&value, &stacked, None))
        })
    }
}

/// Where a fold begins: the number of the next row, and the value.
fn fold_start<E: Nest, A: Nest>(
    g: &Graph,
    way: Way,
    elems: &Elems<E>,
    start: impl FnOnce(First<'_, E>) -> Result<A>,
) -> Result<(Var, A)> {
    if way.direction == FirstToLast {
        let value = start(&|| elems.read(g, &Count::Known(0)))?;
        return Ok((Var::Tensor(g.constant(i32::from(!way.is_given))?), value));
    }
    let n = if way.is_given { elems.n.clone() } else { elems.n.minus(1)? };
    let value = start(&|| elems.read(g, &n))?;
    Ok((n.as_var(), value))
}

/// The number of the row that a scan takes in its first turn.
fn scan_start(way: Way, n: &Count) -> Result<Var> {
    let done = i32::from(!way.is_given);
    match way.direction {
        FirstToLast => Ok(Var::Int(done)),
        LastToFirst => Ok(n.minus(1)?.minus(done)?.as_var()),
    }
}

/// The arrays of the values of a scan; the first one is written where there is no initial value.
fn scan_arrays(g: &Graph, way: Way, n: &Count, values: &[Tensor]) -> Result<Vec<Rows>> {
    let fresh = |value: &Tensor| Rows::new(g, value.dtype(), n, value.shape());
    let rows = values.iter().map(fresh).collect::<Result<Vec<_>>>()?;
    if way.is_given {
        return Ok(rows);
    }
    rows.into_iter().zip(values).map(|(rows, value)| rows.write(g, &way.first(n)?, value)).collect()
}

/// The loop of a fold or a scan.
struct Turning<'a, E> {
    g: &'a Graph,
    /// The line of nodes that the user's closure makes.
    user: Option<&'static Location<'static>>,
    /// The line of all others.
    library: Option<&'static Location<'static>>,
    elems: &'a Elems<E>,
}

impl<E: Nest> Turning<'_, E> {
    /// Runs `build` with nodes that carry the line of the fold or scan.
    fn own<R>(&self, build: impl FnOnce() -> R) -> R {
        self.g.with_line(self.library, build)
    }

    /// What the user's closure makes of a value and a row.
    fn value<A: Nest, R: IntoNest<Owned = A>>(
        &self,
        f: impl FnOnce(A, E) -> Result<R>,
        like: &A,
        vars: &[Tensor],
        i: &Tensor,
    ) -> Result<Vec<Tensor>> {
        let row = self.own(|| self.elems.read(self.g, &Count::Tensor(i.clone())))?;
        let turned = f(pack(like, vars, None), row)?.into_nest(self.g)?;
        let (want, have) = (form(like), form(&turned));
        if want != have {
            return Err(Error::invalid(format!("the function must give back a value {want}, but gives {have}")));
        }
        tensors(&turned, "a value")
    }

    fn build(
        &self,
        vars: Vec<Var>,
        less: impl FnOnce(&[Tensor]) -> Result<Tensor>,
        turn: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
    ) -> Result<Vec<Tensor>> {
        let g = self.g;
        g.composite("while", |scope| {
            let late = RefCell::default();
            let looped = Loop { scope, vars, invariants: &[], line: self.user, late: &late };
            let less = |vars: &[Tensor]| self.own(|| less(vars));
            Ok(looped.build(g, Some(&self.elems.n.as_turns()), less, turn)?.0)
        })
    }
}
