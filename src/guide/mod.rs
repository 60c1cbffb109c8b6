//! Pages to read, beside the reference: every line of code on them is compiled and run by the tests.
//!
//! - [`migration`]: TF1 programs, line by line.
//! - [`forms`]: what compiles, and what does not and why.
//! - [`errors`]: what each kind of error means, and what prints it.
//! - [`threads`]: what runs see of each other, and what may run at the same time.

pub mod errors;
pub mod forms;
pub mod migration;
pub mod threads;
