//! The integration tests, in one binary.

mod building;
mod custom;
mod floors;
mod names;
mod passes;
mod scale;
mod session;
mod state;
