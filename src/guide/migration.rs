//! TF1 programs, line by line: on the right what a TF1 user writes, on the left the same here.
//!
//! Names of nodes, defaults, random numbers and printed screens are TF1's. What differs:
//!
//! - a graph is a value, `g`, where TF1 has a default graph; a session is a value that ends with its last handle;
//! - what can fail returns `Result`, so each call ends in `?`;
//! - `with` blocks are closures: `g.name_scope("a", |_| ..)`;
//! - arrays have a dtype: `array![1.0]` is float64, as in NumPy; `g.constant_as(DType::F32, ..)` converts, and a bare
//!   number takes the dtype of the tensor beside it;
//! - feeds are strict: 2.7 for an integer placeholder is an error, where TF1 feeds 2.
//!
//! # Graph and session
//! ```
//! use sessile::prelude::*;
//!
//! # fn main() -> sessile::Result<()> {
//! let g = Graph::new();                                             // g = tf.Graph()
//! let x = g.placeholder(DType::F32, shape![?, 3])?;                 // x = tf.placeholder(tf.float32, [None, 3])
//! let n = g.named("n", || g.placeholder(DType::I32, shape![]))?;    // n = tf.placeholder(tf.int32, [], name='n')
//! let c = g.constant_as(DType::F32, array![[1, 2, 3]])?;            // c = tf.constant([[1, 2, 3]], tf.float32)
//! let d = g.placeholder_with_default(1.0f32, shape![])?;            // d = tf.placeholder_with_default(1.0, [])
//! println!("{} {}", x.shape(), x.rank()?);                          // print(x.shape, x.shape.ndims)
//! println!("{} {}", x.dtype(), x.name());                           // print(x.dtype.name, x.name)
//! x.set_shape(shape![2, ?])?;                                       // x.set_shape([2, None])
//! let y = (&x + &c * 2.0 - &d)?;                                    // y = x + c * 2 - d
//! let scoped = g.name_scope("a", |_| x.relu())?;                    // with tf.name_scope('a'): tf.nn.relu(x)
//! let op = y.operation();                                           // op = y.op
//! let late = g.control_dependencies(&[op], || x.identity())?;       // with tf.control_dependencies([op]): tf.identity(x)
//! let both = g.group((&y, &late))?;                                 // both = tf.group(y, late)
//! let _ = g.device("/device:CPU:0", || g.no_op())?;                 // with tf.device('/cpu:0'): tf.no_op()
//! let _ = g.tensor_by_name("n:0")?;                                 // g.get_tensor_by_name('n:0')
//! g.add_to_collection("losses", &y)?;                               // tf.add_to_collection('losses', y)
//! let _ = g.collection("losses");                                   // tf.get_collection('losses')
//! g.set_random_seed(1);                                             // tf.set_random_seed(1)
//!
//! let sess = Session::new(&g)?;                                     // sess = tf.Session(graph=g)
//! let rows = array![[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]];           // rows = np.array([[1, 2, 3], [4, 5, 6]], 'f')
//! let out = sess.run_with(&y, feeds! { x => &rows })?;              // out = sess.run(y, {x: rows})
//! let (a, b) = sess.run_with((&y, "n:0"), feeds! { x => &rows, n => 3 })?; // a, b = sess.run([y, 'n:0'], {x: rows, n: 3})
//! sess.run_with(&both, feeds! { x => &rows })?;                     // sess.run(both, {x: rows})
//! let step = sess.prepare(&y, &[&x])?;                              // step = sess.make_callable(y, [x])
//! let again = step.run(&rows)?;                                     // again = step(rows)
//! println!("{out}");                                                // print(out)
//! let array = out.array::<f32>()?;                                  // out: an ndarray either way
//! let number = b.scalar::<i32>()?;                                  // b.item()
//! sess.close();                                                     // sess.close()
//! g.finalize();                                                     // g.finalize()
//! # let _ = (scoped, a, again, array, number);
//! # Ok(()) }
//! ```
//!
//! # Variables
//! ```
//! use sessile::prelude::*;
//!
//! # fn main() -> sessile::Result<()> {
//! let g = Graph::new();
//! let v = g.variable([1.0f32, 2.0])?;                                // v = tf.Variable([1., 2.])
//! let w = g.variable(g.random_normal([2, 3])?)?;                     // w = tf.Variable(tf.random_normal([2, 3]))
//! let s = g.variable_with(0i64, VariableOptions::untrained())?;      // s = tf.Variable(np.int64(0), trainable=False)
//! let k = g.variable_scope("s", || g.get_variable("k", [2, 3]))?;    // with tf.variable_scope('s'): k = tf.get_variable('k', [2, 3])
//! let scope = VariableScope::new("s").reuse(Reuse::Always);             // with tf.variable_scope('s', reuse=True):
//! let same = g.variable_scope_with(scope, || g.get_variable("k", [2, 3]))?; //     same = tf.get_variable('k', [2, 3])
//! let init = g.global_variables_initializer()?;                      // init = tf.global_variables_initializer()
//! let local = g.local_variables_initializer()?;                      // local = tf.local_variables_initializer()
//! let all = g.group((&init, &local))?;                               // all = tf.group(init, local)
//! let set = v.assign(g.constant([3.0f32, 4.0])?)?;                   // set = v.assign([3., 4.])
//! let add = v.assign_add(&v)?;                                       // add = v.assign_add(v)
//! let sub = s.assign_sub(1)?;                                        // sub = s.assign_sub(1)
//! let read = v.read()?;                                              // read = v.read_value()
//! let twice = (&v * 2)?;                                             // twice = v * 2
//! assert_eq!(g.trainable_variables().len(), 3);                      // len(tf.trainable_variables())
//! assert_eq!(g.global_variables().len(), 4);                         // len(tf.global_variables())
//! let sess = Session::new(&g)?;                                      // sess = tf.Session()
//! sess.run(&all)?;                                                   // sess.run(all)
//! sess.run((&set, &sub))?;                                           // sess.run([set, sub])
//! println!("{}", sess.run(&v)?);                                     // print(sess.run(v))
//! # let _ = (w, k, same, add, read, twice);
//! # Ok(()) }
//! ```
//!
//! # Arrays
//! ```
//! use sessile::prelude::*;
//!
//! # fn main() -> sessile::Result<()> {
//! let g = Graph::new();
//! let x = g.placeholder(DType::F32, shape![?, 3, 2])?;
//! let z = g.zeros(DType::F32, [2, 3])?;                              // z = tf.zeros([2, 3])
//! let o = z.ones_like()?;                                            // o = tf.ones_like(z)
//! let f = g.fill([2, 3], 9.0f32)?;                                   // f = tf.fill([2, 3], 9.)
//! let r = g.range(0, 10, 2)?;                                        // r = tf.range(0, 10, 2)
//! let l = g.linspace(0.0, 1.0, 5)?;                                  // l = tf.linspace(0., 1., 5)
//! let i = x.shape_tensor()?;                                         // i = tf.shape(x)
//! let m = x.reshape([-1, 6])?;                                       // m = tf.reshape(x, [-1, 6])
//! let n = x.reshape(sizes![i.index(0)?, 6])?;                        // n = tf.reshape(x, [i[0], 6])
//! let t = x.transpose([1, 0, 2])?;                                   // t = tf.transpose(x, [1, 0, 2])
//! let e = x.expand_dims(0)?;                                         // e = tf.expand_dims(x, 0)
//! let q = e.squeeze_axes(&[0])?;                                     // q = tf.squeeze(e, [0])
//! let part = x.index(index![0, 1.., .., Index::NewAxis])?;           // part = x[0, 1:, :, tf.newaxis]
//! let back = x.index(Index::from(..).by(-1))?;                       // back = x[::-1]
//! let cut = x.slice([0, 1, 0], [-1, 2, 2])?;                         // cut = tf.slice(x, [0, 1, 0], [-1, 2, 2])
//! let joined = concat(&[&x, &x], 1)?;                                // joined = tf.concat([x, x], 1)
//! let stacked = stack(&[&x, &x], 0)?;                                // stacked = tf.stack([x, x])
//! let rows = stacked.unstack(0)?;                                    // rows = tf.unstack(stacked)
//! let halves = x.split(2, 2)?;                                       // halves = tf.split(x, 2, 2)
//! let tiled = x.tile([1, 2, 1])?;                                    // tiled = tf.tile(x, [1, 2, 1])
//! let padded = x.pad(&[[0, 0], [1, 1], [0, 0]])?;                    // padded = tf.pad(x, [[0, 0], [1, 1], [0, 0]])
//! let picked = z.gather(g.constant([1, 0])?)?;                       // picked = tf.gather(z, [1, 0])
//! let hot = r.one_hot(10)?;                                          // hot = tf.one_hot(r, 10)
//! let whole = x.cast(DType::I32)?;                                   // whole = tf.cast(x, tf.int32)
//! let chosen = x.greater(0)?.select(&x, x.zeros_like()?)?;           // chosen = tf.where(x > 0, x, tf.zeros_like(x))
//! let places = x.greater(0)?.where_()?;                              // places = tf.where(x > 0)
//! let mirrored = x.reverse([1])?;                                    // mirrored = tf.reverse(x, [1])
//! let stopped = x.stop_gradient()?;                                  // stopped = tf.stop_gradient(x)
//! let slopes = sessile::gradients(&[&padded], &[&x])?;               // slopes = tf.gradients([padded], [x])
//! # let _ = (o, f, l, m, n, t, q, part, back, cut, joined, rows, halves, tiled, padded, hot, whole, chosen, places);
//! # let _ = (mirrored, stopped, picked, slopes);
//! # Ok(()) }
//! ```
//!
//! # Numbers
//! ```
//! use sessile::prelude::*;
//!
//! # fn main() -> sessile::Result<()> {
//! # use sessile::ops::math::add_n;
//! let g = Graph::new();
//! let (x, deep) = (g.placeholder(DType::F32, shape![?, 3])?, g.placeholder(DType::F32, shape![?, 5, 3])?);
//! let (w, b) = (g.variable(g.random_normal([3, 4])?)?, g.variable(g.zeros(DType::F32, [4])?)?);
//! let y = (x.matmul(&w)? + &b)?;                                     // y = tf.matmul(x, w) + b
//! let t = deep.tensordot(&w, [[2], [0]])?;                           // t = tf.tensordot(deep, w, [[2], [0]])
//! let sum = y.reduce_sum(())?;                                       // sum = tf.reduce_sum(y)
//! let mean = y.reduce_mean_keepdims(-1)?;                            // mean = tf.reduce_mean(y, -1, keepdims=True)
//! let top = y.argmax(1)?;                                            // top = tf.argmax(y, 1)
//! let (values, places) = y.top_k(2)?;                                // values, places = tf.nn.top_k(y, 2)
//! let run = y.cumsum(0, Default::default())?;                        // run = tf.cumsum(y)
//! let all = add_n(&[&y, &y])?;                                       // all = tf.add_n([y, y])
//! let less = y.less(0.5)?;                                           // less = y < 0.5
//! let same = y.equal(&y)?;                                           // same = tf.equal(y, y)
//! let both = (&less & &same)?;                                       // both = less & same
//! let any = both.reduce_any(())?;                                    // any = tf.reduce_any(both)
//! let clipped = y.clip_by_value(-1.0, 1.0)?;                         // clipped = tf.clip_by_value(y, -1., 1.)
//! let larger = y.maximum(0.0)?;                                      // larger = tf.maximum(y, 0.)
//! let square = y.square()?.sqrt()?;                                  // square = tf.sqrt(tf.square(y))
//! let power = y.pow(3.0)?;                                           // power = tf.pow(y, 3.)
//! let floor = y.floor_div(2.0)?;                                     // floor = y // 2.
//! let checked = y.check_numerics("y")?;                              // checked = tf.check_numerics(y, 'y')
//! let shown = y.print(&[&sum], "sum: ")?;                            // shown = tf.Print(y, [sum], 'sum: ')
//! let own = g.closure("own", &[&y], &[(DType::F32, shape![?, 4])], |v| Ok(v.to_vec()))?; // own = tf.py_func(lambda v: v, [y], [tf.float32])
//! # let _ = (t, mean, top, values, places, run, all, any, clipped, larger, square, power, floor, checked, shown, own);
//! # Ok(()) }
//! ```
//!
//! # Branches and loops
//! ```
//! use sessile::prelude::*;
//!
//! # fn main() -> sessile::Result<()> {
//! let g = Graph::new();
//! let x = g.placeholder(DType::F32, shape![?])?;
//! let y = g.cond(x.reduce_sum(())?.less(0.0), || -&x, || Ok(&x))?;   // y = tf.cond(tf.reduce_sum(x) < 0, lambda: -x, lambda: x)
//! let start = (g.constant(0)?, &x);
//! let (n, z) = g.while_loop(start, |(i, _)| i.less(10), |(i, z)| Ok((&i + 1, &z * 2.0)))?; // n, z = tf.while_loop(lambda i, _: i < 10, lambda i, z: (i + 1, z * 2.), (0, x))
//! let rows = g.map_fn(&x, |cell| cell.square())?;                    // rows = tf.map_fn(tf.square, x)
//! let sums = g.scan(&x, |a, cell| a + cell)?;                        // sums = tf.scan(lambda a, cell: a + cell, x)
//! let sum = g.foldl(&x, |a, cell| a + cell)?;                        // sum = tf.foldl(lambda a, cell: a + cell, x)
//! let which = g.switch_case(&n, &[&|| x.exp(), &|| x.log()], None)?; // which = tf.switch_case(n, [lambda: tf.exp(x), lambda: tf.log(x)])
//! let check = x.assert_less(100.0, "too large")?;                    // check = tf.assert_less(x, 100., message='too large')
//! # let _ = (y, z, rows, sums, sum, which, check);
//! # Ok(()) }
//! ```
//!
//! # Networks
//! ```
//! use sessile::prelude::*;
//!
//! # fn main() -> sessile::Result<()> {
//! # use sessile::ops::nn::{Padding, Window};
//! let g = Graph::new();
//! let x = g.placeholder(DType::F32, shape![?, 4])?;
//! let (labels, classes) = (g.placeholder(DType::F32, shape![?, 3])?, g.placeholder(DType::I32, shape![?])?);
//! let images = g.placeholder(DType::F32, shape![?, 28, 28, 1])?;
//! let filter = g.variable(g.random_normal([5, 5, 1, 6])?)?;
//! let h = layers::dense(&x, 8)?.relu()?;                             // h = tf.nn.relu(tf.layers.dense(x, 8))
//! let h = h.bias_add(g.zeros(DType::F32, [8])?)?;                    // h = tf.nn.bias_add(h, tf.zeros([8]))
//! let logits = layers::Dense::new(3).name("out").apply(&h)?;         // logits = tf.layers.Dense(3, name='out')(h)
//! let p = logits.softmax()?;                                         // p = tf.nn.softmax(logits)
//! let loss = logits.softmax_cross_entropy_with_logits_v2(&labels)?;  // loss = tf.nn.softmax_cross_entropy_with_logits_v2(labels, logits)
//! let sparse = logits.sparse_softmax_cross_entropy_with_logits(&classes)?; // sparse = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=classes, logits=logits)
//! let hits = logits.in_top_k(&classes, 1)?;                          // hits = tf.nn.in_top_k(logits, classes, 1)
//! let l2 = h.l2_loss()?;                                             // l2 = tf.nn.l2_loss(h)
//! let unit = h.l2_normalize(1, 1e-12)?;                              // unit = tf.nn.l2_normalize(h, 1)
//! let (mean, variance) = h.moments([0])?;                            // mean, variance = tf.nn.moments(h, [0])
//! let window = Window::new(2, 1, Padding::Same);                     // strides=[1, 1, 1, 1], padding='SAME'
//! let maps = images.conv2d(&filter, window.clone())?;                // maps = tf.nn.conv2d(images, filter, ..)
//! let pooled = maps.max_pool(2, Window::new(2, 2, Padding::Valid))?; // pooled = tf.nn.max_pool(maps, [1, 2, 2, 1], [1, 2, 2, 1], 'VALID')
//! # let _ = (p, loss, sparse, hits, l2, unit, mean, variance, pooled);
//! # Ok(()) }
//! ```
