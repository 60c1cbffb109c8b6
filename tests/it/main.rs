//! The integration tests, in one binary.

mod alloc;
mod bounds;
mod building;
mod contracts;
mod control;
mod custom;
#[cfg(all(feature = "tensorflow", feature = "examples"))]
mod export;
mod faults;
#[cfg(feature = "tensorflow")]
mod files;
mod floors;
mod hostile;
#[cfg(feature = "tensorflow")]
mod imports;
mod names;
mod numbers;
mod passes;
mod random_programs;
mod recorded;
mod scale;
mod session;
mod sketch;
mod slopes;
mod state;
mod telling;
mod threads;
