//! What compiles, and what does not and why: each refused form beside the one to write.
//!
//! # Operators
//! An operator answers a `Result`. A `Result` may stand beside a tensor, but not beside another `Result`, not beside a
//! number, and not behind a minus: Rust lets nobody add operators to a type of the standard library. So *every
//! parenthesis and every product on the right gets its `?`*; a chain that leans left needs one.
//! ```
//! # use sessile::prelude::*;
//! # fn f(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> sessile::Result<()> {
//! let chain = (&a + &b * &c - &d)?;
//! let sum = ((&a * &b)? + (&c * &d)?)?;
//! let scaled = (2.0 * (&a + &b)?)?;
//! let shifted = ((&a + &b)? + 1.0)?;
//! let negative = (-(&a + &b)?)?;
//! # let _ = (chain, sum, scaled, shifted, negative);
//! # Ok(()) }
//! ```
//! ```compile_fail,E0369
//! # use sessile::prelude::*;
//! # fn f(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> sessile::Result<Tensor> {
//! (&a * &b) + (&c * &d)
//! # }
//! ```
//! ```compile_fail,E0277
//! # use sessile::prelude::*;
//! # fn f(a: Tensor, b: Tensor) -> sessile::Result<Tensor> {
//! 2.0 * (&a + &b)
//! # }
//! ```
//! ```compile_fail,E0369
//! # use sessile::prelude::*;
//! # fn f(a: Tensor, b: Tensor) -> sessile::Result<Tensor> {
//! (&a + &b) + 1.0
//! # }
//! ```
//! ```compile_fail,E0600
//! # use sessile::prelude::*;
//! # fn f(a: Tensor, b: Tensor) -> sessile::Result<Tensor> {
//! -(&a + &b)
//! # }
//! ```
//!
//! # Numbers beside tensors
//! A bare number takes the tensor's dtype, whatever its own is; on the left it must be a bare literal (`f64` or `i32`).
//! ```
//! # use sessile::prelude::*;
//! # fn f(x: Tensor) -> sessile::Result<()> {
//! let y = (2.0 * &x)?;
//! let z = (&x * 2.0f32)?;
//! # let _ = (y, z);
//! # Ok(()) }
//! ```
//! ```compile_fail,E0277
//! # use sessile::prelude::*;
//! # fn f(x: Tensor) -> sessile::Result<Tensor> {
//! 2.0f32 * &x
//! # }
//! ```
//!
//! # Shapes
//! A size that is not known is `?` or a name; `-1` belongs to `reshape` only. Sizes are `usize`.
//! ```
//! # use sessile::prelude::*;
//! # fn f(n: i32) -> sessile::Result<()> {
//! let g = Graph::new();
//! let x = g.placeholder(DType::F32, shape![?, "width", n as usize])?;
//! let y = x.reshape([-1, n])?;
//! # let _ = y;
//! # Ok(()) }
//! ```
//! ```compile_fail,E0277
//! # use sessile::prelude::*;
//! let shape = shape![-1, 3];
//! ```
//! ```compile_fail,E0277
//! # use sessile::prelude::*;
//! # fn f(n: i32) {
//! let shape = shape![n, 3];
//! # }
//! ```
//!
//! # Values that are kept
//! `view` borrows the value; what a run returned is gone at the end of its statement. `array` and `scalar` own.
//! ```
//! # use sessile::prelude::*;
//! # fn f(sess: Session, f: Tensor) -> sessile::Result<()> {
//! let kept = sess.run(&f)?.array::<f32>()?;
//! let value = sess.run(&f)?;
//! let view = value.view::<f32>()?;
//! println!("{}", sess.run(&f)?.view::<f32>()?);
//! # let _ = (kept, view);
//! # Ok(()) }
//! ```
//! ```compile_fail,E0716
//! # use sessile::prelude::*;
//! # fn f(sess: Session, f: Tensor) -> sessile::Result<()> {
//! let view = sess.run(&f)?.view::<f32>()?;
//! println!("{view}");
//! # Ok(()) }
//! ```
//!
//! # Fetches
//! Things of one type make lists, things of several make tuples; nothing at all is `()`.
//! ```
//! # use sessile::prelude::*;
//! # fn f(sess: Session, y: Tensor, step: Operation) -> sessile::Result<()> {
//! let (value, ()) = sess.run((&y, &step))?;
//! let values = sess.run([&y, &y])?;
//! sess.run(())?;
//! # let _ = (value, values);
//! # Ok(()) }
//! ```
//! ```compile_fail,E0308
//! # use sessile::prelude::*;
//! # fn f(sess: Session, y: Tensor, step: Operation) -> sessile::Result<()> {
//! let both = sess.run(vec![&y, &step])?;
//! # Ok(()) }
//! ```
//! ```compile_fail,E0282
//! # use sessile::prelude::*;
//! # fn f(sess: Session) -> sessile::Result<()> {
//! sess.run(&[])?;
//! # Ok(()) }
//! ```
//!
//! # Axes of `tensordot`
//! Two lists of one length may stand in brackets, as in TF1; lists of two lengths are a tuple.
//! ```
//! # use sessile::prelude::*;
//! # fn f(a: Tensor, b: Tensor) -> sessile::Result<()> {
//! let y = a.tensordot(&b, [[2], [0]])?;
//! let z = a.tensordot(&b, ([0, 1], [0]));
//! assert!(z.is_err(), "it compiles; as many axes on each side are needed all the same");
//! # let _ = y;
//! # Ok(()) }
//! ```
//! ```compile_fail,E0308
//! # use sessile::prelude::*;
//! # fn f(a: Tensor, b: Tensor) -> sessile::Result<Tensor> {
//! a.tensordot(&b, [[0, 1], [0]])
//! # }
//! ```
//!
//! # Tensors hold no numbers
//! A tensor is a promise: its numbers come from a run, and its shape is read with `shape()`, not compared with `==`.
//! ```
//! # use sessile::prelude::*;
//! # fn f(sess: Session, a: Tensor, b: Tensor) -> sessile::Result<()> {
//! let are_equal = sess.run(a.equal(&b)?.reduce_all(())?)?.scalar::<bool>()?;
//! let is_one_handle = a == b;
//! # let _ = (are_equal, is_one_handle);
//! # Ok(()) }
//! ```
//! ```compile_fail,E0599
//! # use sessile::prelude::*;
//! # fn f(a: Tensor) -> sessile::Result<f32> {
//! a.scalar::<f32>()
//! # }
//! ```
