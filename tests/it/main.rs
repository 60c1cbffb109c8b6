//! The integration tests, in one binary.

mod alloc;
mod building;
mod custom;
#[cfg(feature = "tensorflow")]
mod export;
mod floors;
mod names;
mod passes;
mod scale;
mod session;
mod state;
mod threads;
