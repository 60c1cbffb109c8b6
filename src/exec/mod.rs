//! Plans and their runs: a plan is frozen and packed, a run executes it on the caller's thread or on the pool.

mod budget;
mod memory;
mod names;
mod order;
mod parallel;
mod plan;
mod run;
mod serial;
mod state;
mod stats;
mod step;
mod turns;

pub use self::plan::Plan;
pub(crate) use self::run::Trace;
pub use self::run::{Fetched, Host, StepOrder};
pub use self::state::SessionState;
pub use self::stats::{RunMetadata, StepRecord};
