//! Sessions: they own variables, look up plans, check feeds, and run.

mod cache;
mod config;
mod device;
mod explain;
mod feed;
mod fetch;
mod growth;
mod prepared;
mod terms;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use smallvec::SmallVec;

use self::cache::Cache;
pub use self::config::{Config, GpuOptions, PrintFn, RunOptions};
pub use self::feed::{FeedKey, Feeds, Key};
use self::feed::{check_feeds, resolve_all};
pub use self::fetch::{Fetch, Results, Wanted};
use self::growth::Growth;
pub use self::prepared::Prepared;
use self::terms::{OwnTerms, Terms};
use crate::cancel::{CancelToken, Limits};
use crate::error::{Error, ErrorKind, Result, escape, guarded};
use crate::exec::{Fetched, Host, Plan, RunMetadata, SessionState, StepOrder};
use crate::graph::{Graph, Operation, Tensor, check_limits, limit};
use crate::optimize::{Request, plan_graph};
use crate::pool::Pool;
pub use crate::value::FeedValues;
use crate::value::Value;

/// Runs a graph. Owns the values of its variables: two sessions on one graph share nothing but the graph. A handle:
/// clones are the same session, and any number of threads may run at once.
///
/// ```
/// # use sessile::prelude::*;
/// # fn main() -> sessile::Result<()> {
/// let g = Graph::new();
/// let x = g.placeholder(DType::F32, shape![?])?;
/// let y = x.identity()?;
/// let sess = Session::new(&g)?;
/// assert_eq!(sess.run_with(&y, feeds! { x => [1.0f32, 2.0] })?.to_string(), "[1. 2.]");
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[doc(alias = "tf.Session")]
pub struct Session(Arc<Inner>);

struct Inner {
    graph: Graph,
    config: Config,
    pool: Pool,
    state: SessionState,
    cache: Mutex<Cache>,
    closed: AtomicBool,
    growth: Growth,
    /// Cancelled by `close`.
    running: CancelToken,
    /// The limits of a run without options.
    limits: Limits,
}

impl Session {
    /// A session on a graph, with the pool of the process. The graph may grow afterwards.
    ///
    /// # Errors
    /// `InvalidArgument` for a configuration that cannot be.
    pub fn new(graph: &Graph) -> Result<Session> {
        Session::with_config(graph, Config::default())
    }

    /// A session that is set up by `config`.
    pub fn with_config(graph: &Graph, config: Config) -> Result<Session> {
        let fraction = config.gpu_options.per_process_gpu_memory_fraction;
        if !(0.0..=1.0).contains(&fraction) {
            return Err(Error::invalid(format!(
                "per_process_gpu_memory_fraction must be in [0, 1], but is {fraction}"
            )));
        }
        let pool = config.threads.map_or_else(|| Ok(Pool::global()), Pool::new)?;
        let running = CancelToken::new();
        let limits = Limits::new(vec![running.clone()], None);
        let print = config
            .print
            .clone()
            .map(|print| Box::new(move |line: &str| print(line)) as Box<dyn Fn(&str) + Send + Sync>);
        let state = SessionState::with_print(print);
        let (cache, closed, growth) = (Mutex::default(), AtomicBool::new(false), Growth::default());
        let graph = graph.root().clone();
        Ok(Session(Arc::new(Inner { graph, config, pool, state, cache, closed, growth, running, limits })))
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.0.graph
    }

    /// Runs without feeds: computes the fetches, and runs the operations among them.
    ///
    /// # Errors
    /// See [`Session::run_with`].
    pub fn run<F: Fetch>(&self, fetches: F) -> Result<F::Output> {
        self.run_with(fetches, Feeds::new())
    }

    /// Runs with feeds. Any tensor may be fed, also a constant or an intermediate one.
    ///
    /// # Errors
    /// `MissingFeed` with all placeholders that are needed and not fed, `BadFeed` for a value that its tensor does not
    /// take, `BadFetch`, `GraphMismatch`, `Uninitialized` with all variables that have no value, `Closed`, and what the
    /// kernels say. A run that fails changes no variable.
    pub fn run_with<F: Fetch>(&self, fetches: F, feeds: Feeds) -> Result<F::Output> {
        let mut wanted = Wanted::of(&self.0.graph);
        let layout = fetches.declare(&mut wanted)?;
        let limits = self.0.default_limits();
        let (plan, mut values) = self.bind(wanted, feeds, &limits)?;
        let mut fetched = Fetched::new();
        self.execute(&plan, &mut values, &mut fetched, Terms::plain(&limits))?;
        F::collect(&layout, &mut Results(&mut fetched))
    }

    /// Runs with options; answers what was done beside what was fetched.
    ///
    /// # Errors
    /// Those of [`Session::run_with`]; `Cancelled`, `DeadlineExceeded`.
    pub fn run_with_options<F: Fetch>(
        &self,
        fetches: F,
        feeds: Feeds,
        options: &RunOptions,
    ) -> Result<(F::Output, RunMetadata)> {
        let mut metadata = RunMetadata::default();
        let output = self.run_with_metadata(fetches, feeds, options, &mut metadata)?;
        Ok((output, metadata))
    }

    /// Runs with options; writes what was done to `metadata`, also where the run fails: then up to the failing step.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # use sessile::{RunOptions, exec::RunMetadata};
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?])?;
    /// let y = x.exp()?.check_numerics("y")?;
    /// let options = RunOptions { trace: true, ..RunOptions::default() };
    /// let mut metadata = RunMetadata::default();
    /// let run = Session::new(&g)?.run_with_metadata(&y, feeds! { x => [1000.0f32] }, &options, &mut metadata);
    /// assert!(run.is_err());
    /// assert_eq!(metadata.steps[0].op, "Exp");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`Session::run_with_options`].
    pub fn run_with_metadata<F: Fetch>(
        &self,
        fetches: F,
        feeds: Feeds,
        options: &RunOptions,
        metadata: &mut RunMetadata,
    ) -> Result<F::Output> {
        OwnTerms::new(&self.0, options).run(metadata, |terms| {
            let mut wanted = Wanted::of(&self.0.graph);
            let layout = fetches.declare(&mut wanted)?;
            let (plan, mut values) = self.bind(wanted, feeds, terms.limits)?;
            let mut fetched = Fetched::new();
            self.execute(&plan, &mut values, &mut fetched, terms)?;
            F::collect(&layout, &mut Results(&mut fetched))
        })
    }

    /// The form without static types: values for tensors in, values of tensors out.
    ///
    /// # Errors
    /// Those of [`Session::run_with`].
    pub fn run_values(
        &self,
        feeds: &[(Tensor, Value)],
        fetches: &[Tensor],
        targets: &[Operation],
    ) -> Result<Vec<Value>> {
        let feeds = feeds.iter().map(|(tensor, value)| (Key::Tensor(tensor.clone()), value.clone())).collect();
        Ok(self.run_with((fetches, targets), Feeds(feeds))?.0)
    }

    /// Binds fetches and feeds once and for all: later runs look nothing up.
    ///
    /// # Errors
    /// Those of [`Session::run_with`] that do not depend on values.
    #[doc(alias = "tf.Session.make_callable")]
    pub fn prepare<F: Fetch>(&self, fetches: F, feeds: &[&dyn FeedKey]) -> Result<Prepared<F::Output>> {
        let mut wanted = Wanted::of(&self.0.graph);
        let layout = fetches.declare(&mut wanted)?;
        let tensors = feeds.iter().map(|key| key.key().resolve(&self.0.graph)).collect::<Result<Vec<_>>>()?;
        let order = feed_order(&tensors)?;
        let ids = order.iter().map(|i| tensors[*i].id()).collect();
        let request = Request { feeds: ids, fetches: wanted.fetches, targets: wanted.targets, ..Request::default() };
        let plan = self.plan(request, &self.0.limits)?;
        Ok(Prepared::new(self.clone(), plan, order, Box::new(move |results| F::collect(&layout, results))))
    }

    /// Ends runs that are under way, and refuses later ones. Closing twice is harmless.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.running.cancel();
    }

    /// How many plans are kept.
    pub fn n_plans(&self) -> usize {
        self.0.cache.lock().len()
    }

    /// Bytes that the kept plans take, as [`Config::plan_memory`] counts them.
    pub fn plan_memory(&self) -> usize {
        self.0.cache.lock().memory()
    }

    /// How many runs have found the graph larger than the run before. A number that grows with the runs says that ops
    /// are built in the loop that runs them; the hundredth time is told to `tracing`, once.
    pub fn n_growths(&self) -> usize {
        self.0.growth.times()
    }

    /// The plan of a request, from the cache or new. Where the limits end before it is made, nothing is kept of it.
    pub(crate) fn plan(&self, request: Request, limits: &Limits) -> Result<Arc<Plan>> {
        self.check_open()?;
        if let Some(plan) = self.0.cache.lock().get(&request) {
            return Ok(plan);
        }
        self.place_devices(&request)?;
        let _limited = limit(limits);
        let passes = &self.0.config.passes;
        let make = || Plan::new(plan_graph(&self.0.graph, &request, passes)?, &self.0.state, passes);
        let plan = Arc::new(guarded("the planning of the run", make)?);
        check_limits()?;
        let gone = self.0.cache.lock().insert(request, plan.clone(), self.0.config.plan_memory);
        drop(gone);
        Ok(plan)
    }

    fn bind(&self, wanted: Wanted<'_>, feeds: Feeds, limits: &Limits) -> Result<(Arc<Plan>, SmallVec<[Value; 4]>)> {
        self.0.growth.see(self.0.graph.len());
        let mut bound = resolve_all(&self.0.graph, feeds)?;
        bound.sort_by_key(|(id, _)| *id);
        if let Some(twice) = bound.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(fed_twice(&self.0.graph.tensor(twice[0].0)));
        }
        let ids = bound.iter().map(|(id, _)| *id).collect();
        let request = Request { feeds: ids, fetches: wanted.fetches, targets: wanted.targets, ..Request::default() };
        let plan = self.plan(request, limits)?;
        Ok((plan, bound.into_iter().map(|(_, value)| value).collect()))
    }

    /// Checks the feeds, which are in the plan's order, and runs.
    fn execute(
        &self,
        plan: &Plan,
        values: &mut SmallVec<[Value; 4]>,
        fetched: &mut Fetched,
        terms: Terms<'_>,
    ) -> Result<()> {
        let Terms { limits, meter, trace } = terms;
        self.check_open()?;
        check_feeds(plan, values)?;
        plan.check_named_dims(values)?;
        // With a budget the steps have one order, so what exceeds it does not depend on timing.
        let is_limited = meter.is_some() || limits.has_steps();
        let order = if is_limited { StepOrder::AsBuilt } else { self.0.config.step_order };
        let host = Host { pool: &self.0.pool, state: &self.0.state, limits, meter, order, trace };
        plan.run(values, fetched, &host)
    }

    fn check_open(&self) -> Result<()> {
        if self.0.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, "attempted to use a closed session"));
        }
        Ok(())
    }

    fn print(&self, line: &str) {
        match &self.0.config.print {
            Some(print) => print(line),
            None => eprintln!("{line}"),
        }
    }
}

impl Inner {
    fn default_limits(&self) -> std::borrow::Cow<'_, Limits> {
        match self.config.operation_timeout {
            None => std::borrow::Cow::Borrowed(&self.limits),
            Some(timeout) => std::borrow::Cow::Owned(self.limits_after(timeout)),
        }
    }

    fn limits_after(&self, timeout: Duration) -> Limits {
        Limits::new(vec![self.running.clone()], Instant::now().checked_add(timeout))
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({:?}, {} threads)", self.0.graph, self.0.pool.threads())
    }
}

/// The order in which a plan takes feeds: by id.
fn feed_order(tensors: &[Tensor]) -> Result<SmallVec<[usize; 4]>> {
    let mut order: SmallVec<[usize; 4]> = (0..tensors.len()).collect();
    order.sort_by_key(|i| tensors[*i].id());
    match order.windows(2).find(|pair| tensors[pair[0]].id() == tensors[pair[1]].id()) {
        Some(pair) => Err(fed_twice(&tensors[pair[0]])),
        None => Ok(order),
    }
}

#[cold]
fn fed_twice(tensor: &Tensor) -> Error {
    Error::new(ErrorKind::BadFeed, format!("tensor '{}' is fed twice", escape(&tensor.name())))
}
