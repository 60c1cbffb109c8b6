//! What runs see of each other, and what may run at the same time.
//!
//! # What is shared
//! [`Graph`](crate::Graph), [`Tensor`](crate::Tensor), [`Session`](crate::Session) and
//! [`Prepared`](crate::Prepared) are handles: cheap to clone, `Send` and `Sync`. Any number of threads may build one
//! graph and run one session. Sessions on one graph share nothing but the graph: each has its own variables and random
//! counters. There is one pool of threads in the process; a session has one of its own where
//! [`Config::threads`](crate::Config::threads) says so.
//!
//! ```
//! use sessile::prelude::*;
//!
//! # fn main() -> sessile::Result<()> {
//! let g = Graph::new();
//! let x = g.placeholder(DType::F32, shape![?])?;
//! let (count, doubled) = (g.variable(0i64)?, (&x * 2)?);
//! let step = count.assign_add(1)?;
//! let sess = Session::new(&g)?;
//! sess.run(g.global_variables_initializer()?)?;
//!
//! std::thread::scope(|scope| {
//!     for n in 0..8 {
//!         let (sess, x, doubled, step) = (&sess, &x, &doubled, &step);
//!         scope.spawn(move || {
//!             let (y, ()) = sess.run_with((doubled, step), feeds! { x => [n as f32] }).expect("the run succeeds");
//!             assert_eq!(y.to_string(), format!("[{}.]", 2 * n));
//!         });
//!     }
//! });
//! assert_eq!(sess.run(&count)?.scalar::<i64>()?, 8); // no update is lost
//! # Ok(()) }
//! ```
//!
//! # What a run sees of others
//! A run reads its variables as they were at one moment: its start. What it writes, all others see at one moment: its
//! end. Runs that write take turns, in the order in which they came; runs that only read wait for nobody.
//! ```text
//! run A (reads v)        |---- sees v0 ----|
//! run B (writes v)    |------ makes v1 ------|commit
//! run C (writes v)       (waits for B)        |------ starts from v1 ------|commit
//! run D (reads v)                              |-- sees v1 --|
//! ```
//! A run that fails, is cancelled or passes its deadline commits nothing: variables are as they were.
//!
//! Two runs that read, compute on the caller's side and assign can still lose an update between them, as anywhere:
//! `assign_add` and the optimizers' ops read and write in one run, and cannot.
//!
//! # Order inside a run
//! Reads and writes of one variable happen in the order in which the program built them, on any number of threads. In TF1
//! that order is undefined without control dependencies; those are kept here as well, and are needed for order among
//! ops that touch no common variable. In a file's graph the order that control and data inputs give comes first: what
//! uses a reference variable, or `v/read` of it, sees each write that they put before it.
//!
//! # Same bits
//! Same feeds, same variables and same random counters give the same bits, on one thread or sixteen, for one build on one
//! type of CPU: work is cut by the sizes of tensors, never by the number of threads. Random numbers come from streams
//! of their own, counted by the session; concurrent runs take their turns in order of arrival.
//!
//! # Stopping
//! A [`CancelToken`](crate::CancelToken) or a timeout in [`RunOptions`](crate::RunOptions) ends a run between steps and
//! between the chunks of long kernels; [`Session::close`](crate::Session::close) ends all runs. A user's own closure is
//! waited for: it cannot be interrupted. The first run of a request makes its plan, within the same limits; where these
//! end before, nothing is kept of it. The limits are looked at once more when the last step has ended: a run never
//! succeeds after its deadline, and one that is too late commits nothing.
//!
//! # Runs inside runs
//! A closure may run a session, also its own: such a run works on its caller's thread, so nothing waits for a thread
//! that is waiting itself. A run that writes cannot start inside another that writes to the same session: it would
//! wait for itself, and is refused (`Reentrant`).
//!
//! # Panics and forks
//! A kernel or closure that panics makes its run fail with `Panicked`; the session, the pool and other runs go on. The
//! panic's message goes to standard error first, because the engine installs no hook; a program built with
//! `panic = "abort"` ends there. After `fork`, make sessions in the child: threads do not survive a fork.
