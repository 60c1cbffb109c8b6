//! `map_fn`: a function of each row, built from a closure.

use std::cell::RefCell;
use std::panic::Location;

use super::loops::{Late, Loop, Var};
use super::nest::{IntoNest, pack, tensors};
use super::rows::{Count, Elems, Rows};
use crate::error::{Error, Result};
use crate::graph::{Graph, Tensor};
use crate::shape::Shape;

impl Graph {
    /// What `f` makes of each row: for tensors `(n, ..)` the `n` results stacked. The closure is called once, now, and
    /// gets a row of each tensor; what it gives back may have another structure and other dtypes. Rows are taken in
    /// turn, each in constant memory beside its result.
    ///
    /// # Errors
    /// `ShapeMismatch` for scalars, and first axes that differ; `InvalidArgument` without tensors; the errors of the
    /// closure.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.constant([[1.0f32, 2.0], [3.0, 4.0]])?;
    /// let sums = g.map_fn(&x, |row| row.square()?.reduce_sum(()))?;
    /// assert_eq!(Session::new(&g)?.run(&sums)?.to_string(), "[ 5. 25.]");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.map_fn")]
    #[track_caller]
    pub fn map_fn<E: IntoNest, R: IntoNest>(
        &self,
        elems: E,
        f: impl FnOnce(E::Owned) -> Result<R>,
    ) -> Result<R::Owned> {
        let (g, user) = (self.root(), self.line());
        self.composite("map", |scope| {
            let elems = Elems::of(g, elems.into_nest(g)?, false)?;
            let (n, n_elems) = (elems.n.clone(), elems.len() as i64);
            let map = Map { g, scope, user, library: g.line(), n, n_elems, found: RefCell::default() };
            let start = g.constant(0)?;
            let mut like = None;
            let flows = map.build(start, |i| {
                let row = map.own(|| elems.read(g, i))?;
                let result = f(row)?.into_nest(g)?;
                let values = tensors(&result, "a result of map_fn")?;
                like = Some(result);
                Ok(values)
            })?;
            let stacked = flows.into_iter().zip(map.found.take());
            let stacked = stacked.map(|(flow, (rows, shape))| elems.stacked(g, Rows { flow, ..rows }, &shape));
            let stacked = stacked.collect::<Result<Vec<_>>>()?;
            let like = like.ok_or_else(|| Error::internal("a loop builds its turn once"))?;
            Ok(pack(&like, &stacked, None))
        })
    }
}

/// The loop of a `map_fn`, whose results are found while its turn is built.
struct Map<'a> {
    g: &'a Graph,
    scope: &'a str,
    /// The line of nodes that the user's closure makes.
    user: Option<&'static Location<'static>>,
    /// The line of all others.
    library: Option<&'static Location<'static>>,
    n: Count,
    /// How many tensors have rows.
    n_elems: i64,
    /// An array for each result, and what is known of the result.
    found: RefCell<Vec<(Rows, Shape)>>,
}

impl Map<'_> {
    /// Runs `build` with nodes that carry the line of the `map_fn`.
    fn own<R>(&self, build: impl FnOnce() -> R) -> R {
        self.g.with_line(self.library, build)
    }

    /// Builds the loop, and answers what it leaves of the arrays.
    fn build(&self, start: Tensor, values: impl FnOnce(&Count) -> Result<Vec<Tensor>>) -> Result<Vec<Tensor>> {
        let g = self.g;
        g.composite("while", |scope| {
            let (late, around) = (RefCell::default(), g.target());
            let looped = Loop { scope, vars: vec![Var::Tensor(start)], invariants: &[], line: self.user, late: &late };
            let less = |vars: &[Tensor]| self.own(|| vars[0].less(&self.n));
            let turn = |vars: &[Tensor]| {
                let i = Count::Tensor(vars[0].clone());
                // TF1 has made the arrays and frames of the results by now. There are mostly as many as tensors with rows.
                let guess = self.n_elems * if matches!(self.n, Count::Known(_)) { 6 } else { 5 };
                around.mark_extra(-guess);
                let values = values(&i)?;
                around.mark_extra(guess);
                for value in values {
                    late.borrow_mut().push(self.own(|| self.write(&i, &value))?);
                }
                Ok(vec![self.own(|| &vars[0] + 1)?])
            };
            Ok(looped.build(g, Some(&self.n.as_turns()), less, turn)?.1)
        })
    }

    /// Writes a result to an array of its own, which is made outside of the loop.
    fn write(&self, i: &Count, value: &Tensor) -> Result<Late> {
        let g = self.g;
        let rows = g.outside(self.scope, || Rows::new(g, value.dtype(), &self.n, Shape::unknown()))?;
        let param = g.target().param(&rows.flow.fact(), "Identity", self.library)?;
        let written = Rows { flow: param.clone(), ..rows.clone() }.write(g, i, value)?;
        let late = Late { initial: rows.flow.clone(), param, turned: written.flow };
        self.found.borrow_mut().push((rows, value.shape()));
        Ok(late)
    }
}
