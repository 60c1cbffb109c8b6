//! Errors you will meet: what each kind means, what prints it, and what to do.
//!
//! There is one type, [`Error`](crate::Error). Its [`kind`](crate::Error::kind) is the cause, its
//! [`code`](crate::Error::code) the canonical code that TensorFlow gives to it. `Debug` prints the same screen as
//! `Display`, so `fn main() -> sessile::Result<()>` shows what is wrong, in which node, and which of your lines made it:
//! ```text
//! dimensions must be equal, but are 3 and 5
//!   in node 'MatMul' (MatMul) with inputs float32 (?, 3), float32 (5, 1)
//!   created at src/main.rs:17:22
//! ```
//!
//! | kind | code | it means |
//! |---|---|---|
//! | `InvalidArgument` | INVALID_ARGUMENT | a value or attribute that the op does not accept |
//! | `ShapeMismatch` | INVALID_ARGUMENT | shapes that do not fit together |
//! | `DTypeMismatch` | INVALID_ARGUMENT | dtypes that do not; nothing is converted silently |
//! | `InvalidName` | INVALID_ARGUMENT | a name that no node can have |
//! | `GraphMismatch` | INVALID_ARGUMENT | tensors of two graphs, or of a body and the graph around it |
//! | `NotFound` | NOT_FOUND | no such node, variable, symbol or entry of a file |
//! | `AlreadyExists` | ALREADY_EXISTS | the name is taken |
//! | `Finalized` | FAILED_PRECONDITION | the graph was finalized, and cannot grow |
//! | `MissingFeed` | INVALID_ARGUMENT | placeholders that the fetches need were not fed; all are named but for those in branches and loops |
//! | `BadFeed` | INVALID_ARGUMENT | a feed that its tensor cannot take |
//! | `BadFetch` | INVALID_ARGUMENT | a fetch that cannot be answered |
//! | `Uninitialized` | FAILED_PRECONDITION | variables without a value; all are named |
//! | `Conflict` | FAILED_PRECONDITION | a table that has other contents already |
//! | `IndexOutOfRange` | INVALID_ARGUMENT | an index outside of its dimension |
//! | `DivisionByZero` | INVALID_ARGUMENT | integers; floats give infinity or NaN |
//! | `CheckFailed` | INVALID_ARGUMENT | an `Assert` or `CheckNumerics` of the program |
//! | `Unsupported` | UNIMPLEMENTED | the engine has no such op, dtype or mode |
//! | `NotDifferentiable` | UNIMPLEMENTED | there is no gradient here |
//! | `Cancelled` | CANCELLED | somebody cancelled the run's token, or closed the session meanwhile |
//! | `DeadlineExceeded` | DEADLINE_EXCEEDED | the run took longer than it may |
//! | `Closed` | CANCELLED | the session was closed before |
//! | `Panicked` | INTERNAL | a kernel, a rule of an op, or a closure of yours, panicked; graph and session stay usable |
//! | `ResourceExhausted` | RESOURCE_EXHAUSTED | memory, or a budget of the run or of a file |
//! | `Reentrant` | FAILED_PRECONDITION | a run that writes was started inside of one that writes |
//! | `EndOfSequence` | OUT_OF_RANGE | a queue is closed and empty, a sequence has ended |
//! | `DataLoss` | DATA_LOSS | a file is damaged |
//! | `Io` | UNAVAILABLE | the operating system refused |
//! | `Internal` | INTERNAL | a broken promise inside of the engine, or of an op of yours |
//!
//! # While the graph is built
//! Whatever can be refused is refused here, at the line that is wrong.
//! ```
//! use sessile::prelude::*;
//! # fn says<T>(result: sessile::Result<T>, kind: sessile::ErrorKind, text: &str) {
//! #     let error = result.map(drop).unwrap_err();
//! #     assert_eq!(error.kind(), kind, "{error}");
//! #     assert!(error.to_string().contains(text), "{error}");
//! # }
//! use sessile::ErrorKind::*;
//!
//! # fn main() -> sessile::Result<()> {
//! let (g, other) = (Graph::new(), Graph::new());
//! let x = g.placeholder(DType::F32, shape![?, 3])?;
//! let whole = g.constant([1, 2, 3])?;
//! says(x.matmul(g.constant([[1.0f32]; 5])?), ShapeMismatch, "dimensions must be equal, but are 3 and 5");
//! says(&x + &whole, DTypeMismatch, "convert one of them: .cast(DType::F32)");
//! says(x.softmax()?.expand_dims(7), InvalidArgument, "");
//! says(&x + other.constant(1.0f32)?, GraphMismatch, "belongs to another graph");
//! says(g.named("a b", || x.identity()), InvalidName, "a b");
//! says(g.tensor_by_name("Plaecholder:0"), NotFound, "the nearest name is 'Placeholder'");
//! let twice = || g.get_variable("w", shape![3]);
//! twice()?;
//! says(twice(), AlreadyExists, "w");
//! g.finalize();
//! says(x.identity(), Finalized, "the graph is finalized");
//! # Ok(()) }
//! ```
//!
//! # Before the run
//! Feeds and fetches are checked before anything runs. A run that fails changes no variable.
//! ```
//! # use sessile::prelude::*;
//! # fn says<T>(result: sessile::Result<T>, kind: sessile::ErrorKind, text: &str) {
//! #     let error = result.map(drop).unwrap_err();
//! #     assert_eq!(error.kind(), kind, "{error}");
//! #     assert!(error.to_string().contains(text), "{error}");
//! # }
//! # use sessile::ErrorKind::*;
//! # fn main() -> sessile::Result<()> {
//! let g = Graph::new();
//! let x = g.named("x", || g.placeholder(DType::F32, shape![2]))?;
//! let v = g.named("v", || g.variable([1.0f32, 2.0]))?;
//! let sess = Session::new(&g)?;
//! says(sess.run(&x), MissingFeed, "x");
//! says(sess.run_with(&x, feeds! { x => [1.0f32; 3] }), BadFeed, "(3,)");
//! says(sess.run_with(&x, feeds! { x => [1.0f64; 2] }), BadFeed, "float64");
//! says(sess.run("y:0"), BadFetch, "cannot be interpreted as a tensor");
//! says(sess.run(&v), Uninitialized, "run g.global_variables_initializer() first");
//! sess.close();
//! says(sess.run(&v), Closed, "closed session");
//! # Ok(()) }
//! ```
//!
//! # In the run
//! The error is that of the failing step that comes first in the program, whatever the timing.
//! ```
//! # use sessile::prelude::*;
//! # use sessile::RunOptions;
//! # fn says<T>(result: sessile::Result<T>, kind: sessile::ErrorKind, text: &str) {
//! #     let error = result.map(drop).unwrap_err();
//! #     assert_eq!(error.kind(), kind, "{error}");
//! #     assert!(error.to_string().contains(text), "{error}");
//! # }
//! # use sessile::ErrorKind::*;
//! # fn main() -> sessile::Result<()> {
//! let g = Graph::new();
//! let i = g.named("i", || g.placeholder(DType::I32, shape![?]))?;
//! let sess = Session::new(&g)?;
//! let run = |y: &Tensor, i_is: i32| sess.run_with(y, feeds! { i => [i_is] });
//! says(run(&g.constant([5, 6])?.gather(&i)?, 2), IndexOutOfRange, "indices[0] = 2 is not in [0, 2)");
//! says(run(&g.constant(1)?.floor_div(&i)?, 0), DivisionByZero, "");
//! let boom = g.closure("boom", &[&i], &[(DType::I32, shape![?])], |_| panic!("half way"))?;
//! says(run(&boom[0], 1), Panicked, "half way");
//! let small = RunOptions { memory_budget: Some(1 << 20), ..RunOptions::default() };
//! let large = i.tile([1 << 20])?;
//! let exceeds = sess.run_with_options(&large, feeds! { i => [1, 2] }, &small);
//! says(exceeds, ResourceExhausted, "the memory budget is 1048576 bytes");
//! let hurry = RunOptions { timeout: Some(std::time::Duration::ZERO), ..RunOptions::default() };
//! says(sess.run_with_options(&large, feeds! { i => [1] }, &hurry), DeadlineExceeded, "deadline");
//! # Ok(()) }
//! ```

#[cfg(test)]
mod tests {
    #[test]
    fn every_kind_is_on_the_page() {
        let kinds = include_str!("../../crates/base/src/error.rs")
            .split("pub enum ErrorKind {")
            .nth(1)
            .expect("the kinds are there");
        let kinds = kinds.split('}').next().expect("the kinds end");
        let page = include_str!("errors.rs");
        for kind in kinds.lines().map(str::trim).filter_map(|line| line.strip_suffix(',')) {
            assert!(page.contains(&format!("| `{kind}` |")), "{kind}");
        }
    }
}
