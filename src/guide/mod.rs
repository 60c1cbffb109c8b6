//! Pages to read, beside the reference: every line of code on them is compiled and run by the tests.
//!
//! - [`migration`]: TF1 programs, line by line.
//! - [`forms`]: what compiles, and what does not and why.
//! - [`threads`]: what runs see of each other, and what may run at the same time.

pub mod forms;
pub mod migration;
pub mod threads;
