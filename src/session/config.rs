//! How a session and a run are set up.

use std::sync::Arc;
use std::time::Duration;

use crate::cancel::CancelToken;
use crate::exec::StepOrder;
use crate::optimize::Passes;

/// How a session is set up: TF1's `ConfigProto`, as far as it means something here.
///
/// ```
/// use sessile::session::{Config, GpuOptions};
///
/// let config = Config {
///     log_device_placement: true,
///     gpu_options: GpuOptions { allow_growth: true, per_process_gpu_memory_fraction: 0.5 },
///     ..Config::default()
/// };
/// assert_eq!(config.threads, None);
/// ```
#[derive(Clone)]
#[doc(alias = "tf.ConfigProto")]
pub struct Config {
    /// Threads of a pool of the session's own, the caller's included; `None` shares the pool of the process, which has
    /// as many as the machine.
    pub threads: Option<usize>,
    /// Says for each node of a new plan on which device it runs.
    pub log_device_placement: bool,
    /// Runs nodes that ask for a device that is not there on the CPU. TF1's default is false; graphs of real models
    /// name GPUs, and there is only the CPU here, so it is true.
    pub allow_soft_placement: bool,
    /// Accepted so that programs need no change; there is no GPU here.
    pub gpu_options: GpuOptions,
    /// Ends each run that takes longer.
    pub operation_timeout: Option<Duration>,
    /// Which rewrites plans go through.
    pub passes: Passes,
    /// How steps that do not wait for each other are ordered.
    pub step_order: StepOrder,
    /// Bytes that the plans of runs may take that are kept for the next such runs; the least recently used ones leave
    /// first, and the last one stays whatever it takes. What a plan shares with the graph is not counted, nor the buffers
    /// that its runs use again.
    pub plan_memory: usize,
    /// Where lines of `Print` and of device placement go; standard error by default.
    pub print: Option<PrintFn>,
}

/// Takes a line for the user.
pub type PrintFn = Arc<dyn Fn(&str) + Send + Sync>;

/// TF1's `GPUOptions`: accepted, without effect.
#[derive(Debug, Clone, Copy, PartialEq)]
#[doc(alias = "tf.GPUOptions")]
pub struct GpuOptions {
    /// Whether GPU memory grows as needed.
    pub allow_growth: bool,
    /// The share of GPU memory that may be used, from 0 to 1.
    pub per_process_gpu_memory_fraction: f64,
}

impl Default for GpuOptions {
    fn default() -> GpuOptions {
        GpuOptions { allow_growth: false, per_process_gpu_memory_fraction: 1.0 }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            threads: None,
            log_device_placement: false,
            allow_soft_placement: true,
            gpu_options: GpuOptions::default(),
            operation_timeout: None,
            passes: Passes::default(),
            step_order: StepOrder::Auto,
            plan_memory: 1 << 30,
            print: None,
        }
    }
}

/// What one run may do: TF1's `RunOptions`.
#[derive(Debug, Clone, Default)]
#[doc(alias = "tf.RunOptions")]
pub struct RunOptions {
    /// Ends the run when it takes longer.
    pub timeout: Option<Duration>,
    /// Ends the run when somebody cancels the token.
    pub cancel: Option<CancelToken>,
    /// Bytes that the values of the run's steps may take at once; fed values, variables and constants are not counted.
    /// Beyond it the run fails with `ResourceExhausted`, which names the step: before anything runs where the sizes of
    /// the feeds tell, else at that step. The steps run in plan order, so the peak follows from shapes alone; memory is
    /// not recycled, which makes the run slower.
    ///
    /// What a kernel keeps for itself while it runs must fit, too, where it is in proportion to its operands: windows and
    /// channel groups of convolutions, operands laid out anew by `einsum`, numbers of distinct elements, elements of
    /// lists. Not counted are buffers of a fixed size for each thread (panels of products, tiles of fused chains),
    /// half floats widened for a product, what strings hold, what the
    /// allocator adds, and what a user's own ops allocate other than by `RunCx::alloc`.
    pub memory_budget: Option<usize>,
    /// Steps that the run may take, those of bodies counted each time: what ends a loop that never ends. Beyond it
    /// the run fails with `ResourceExhausted`.
    pub step_budget: Option<u64>,
    /// Records each step, at the cost of two looks at the clock.
    pub trace: bool,
}
