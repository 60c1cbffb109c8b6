//! The integration tests, in one binary.

mod alloc;
mod building;
mod control;
mod custom;
mod export;
mod faults;
mod files;
mod floors;
mod hostile;
mod names;
mod numbers;
mod passes;
mod random_programs;
mod scale;
mod session;
mod sketch;
mod state;
mod telling;
mod threads;
