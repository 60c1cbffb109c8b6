//! A run that is bound once and for all.

use std::sync::Arc;

use smallvec::SmallVec;

use super::fetch::Results;
use super::terms::{OwnTerms, Terms};
use super::{FeedValues, RunOptions, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Fetched, Plan, RunMetadata};
use crate::value::Value;

/// Fetches and feeds that [`Session::prepare`] has bound: running looks nothing up. Named by what comes out, so that it
/// can be kept in a struct beside its tensors.
pub struct Prepared<O> {
    session: Session,
    plan: Arc<Plan>,
    /// For each feed of the plan its place among the values that `run` is given.
    order: SmallVec<[usize; 4]>,
    is_in_order: bool,
    collect: Collect<O>,
}

type Collect<O> = Box<dyn Fn(&mut Results<'_>) -> Result<O> + Send + Sync>;

impl<O> Prepared<O> {
    pub(super) fn new(
        session: Session,
        plan: Arc<Plan>,
        order: SmallVec<[usize; 4]>,
        collect: Collect<O>,
    ) -> Prepared<O> {
        let is_in_order = order.iter().enumerate().all(|(i, place)| i == *place);
        Prepared { session, plan, order, is_in_order, collect }
    }

    /// Runs on one value a feed, in the order in which [`Session::prepare`] was told of the feeds: `()`, one value, or a
    /// tuple.
    ///
    /// # Errors
    /// Those of [`Session::run_with`].
    pub fn run(&self, values: impl FeedValues) -> Result<O> {
        self.run_values(&mut values.into_values(), Terms::plain(&self.session.0.default_limits()))
    }

    /// Runs with options; answers what was done beside what was fetched.
    ///
    /// ```
    /// # use sessile::RunOptions;
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?])?;
    /// let double = Session::new(&g)?.prepare((&x * 2)?, &[&x])?;
    /// let options = RunOptions { trace: true, ..RunOptions::default() };
    /// let (y, metadata) = double.run_with_options([1.0f32], &options)?;
    /// assert_eq!((y.to_string(), metadata.steps.len()), ("[2.]".into(), 1));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`Session::run_with_options`].
    pub fn run_with_options(&self, values: impl FeedValues, options: &RunOptions) -> Result<(O, RunMetadata)> {
        let mut metadata = RunMetadata::default();
        let output = self.run_with_metadata(values, options, &mut metadata)?;
        Ok((output, metadata))
    }

    /// Runs with options; writes what was done to `metadata`, also where the run fails: then up to the failing step.
    ///
    /// # Errors
    /// Those of [`Session::run_with_options`].
    pub fn run_with_metadata(
        &self,
        values: impl FeedValues,
        options: &RunOptions,
        metadata: &mut RunMetadata,
    ) -> Result<O> {
        let mut values = values.into_values();
        OwnTerms::new(&self.session.0, options).run(metadata, |terms| self.run_values(&mut values, terms))
    }

    fn run_values(&self, values: &mut SmallVec<[Value; 4]>, terms: Terms<'_>) -> Result<O> {
        if values.len() != self.order.len() {
            let text = format!("the run was prepared for {} feeds, but got {}", self.order.len(), values.len());
            return Err(Error::new(ErrorKind::BadFeed, text));
        }
        if !self.is_in_order {
            *values = self.reorder(values);
        }
        let mut fetched = Fetched::new();
        self.session.execute(&self.plan, values, &mut fetched, terms)?;
        (self.collect)(&mut Results(&mut fetched))
    }

    fn reorder(&self, values: &[Value]) -> SmallVec<[Value; 4]> {
        self.order.iter().map(|place| values[*place].clone()).collect()
    }

    /// How many kernel calls one run makes.
    pub fn n_steps(&self) -> usize {
        self.plan.n_steps()
    }
}

impl<O> std::fmt::Debug for Prepared<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prepared({} feeds, {} steps)", self.order.len(), self.plan.n_steps())
    }
}
