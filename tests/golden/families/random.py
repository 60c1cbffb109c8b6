"""Random numbers, all from fixed seeds: comparable to the last bit or nearly so."""
from recorder import *


def draw(shape=(5,), dtype=tf.float32, seed=7):
    """One of each distribution."""
    return [f(shape, dtype=dtype, seed=seed) for f in (tf.random_uniform, tf.random_normal, tf.truncated_normal)]


def seeds():
    def seeded(graph, op):
        def build():
            if graph is not None:
                tf.set_random_seed(graph)
            return draw(seed=op)
        return build

    # With neither seed the numbers differ from run to run, so there is no such case.
    for graph, op in [(None, 7), (None, 0), (3, None), (3, 7), (0, 7), (0, 0), (7, None), (3, 2**31 - 1), (None,
         2**40)]:
        case("graph_%s_op_%s" % (graph, op), seeded(graph, op))

    def graph_seed_counts_ops():
        tf.set_random_seed(3)
        first, other = tf.random_uniform([3]), tf.constant(1.)
        return steps([first, tf.random_uniform([3]) + other, tf.random_uniform([3], seed=7)])

    case("graph_seed_counts_ops", graph_seed_counts_ops)


def random():
    u, n, t = tf.random_uniform, tf.random_normal, tf.truncated_normal
    for f, name in [(u, "uniform"), (n, "normal"), (t, "truncated")]:
        case(name + "_1000", lambda: f([10, 100], seed=1))
    case("dtypes", lambda: [x for d in FLOATS for x in draw([7], d)])
    case("sizes", lambda: [x for shape in ([0], [1], [2], [3], [4], [5], [17], [], [2, 0], [2, 3])
            for x in draw(shape)])
    case("runs", lambda: (lambda x: steps(x, x, x))(pack(draw([3]))))
    case("fed_shape", lambda: (lambda s: (lambda x: steps(x, Step(x, {s: [1, 2]}), x))(draw(s)))(i32([2, 1], [None])))
    case("double_30", lambda: draw([30], tf.float64))
    case("half_60", lambda: draw([60], tf.float16))
    case("uniform_limits", lambda: [u([6], -2., 5., seed=1), u([6], feed(1), feed(1.5), seed=1)])
    case("normal_limits", lambda: [n([6], 10., 0.5, seed=1), t([6], -10., 2., seed=1)])
    case("integers", lambda: [u([9], lo, hi, d, seed=1) for d in (tf.int32, tf.int64) for lo,
            hi in [(0, 10), (-5, 5), (0, 1), (-2**31, 2**31 - 1)]])
    case("integers_wide", lambda: u([9], -2**63, 2**63 - 1, tf.int64, seed=1))
    case("integers_1000", lambda: [u([1000], 0, 7, tf.int32, seed=1), u([1000], 0, 7, tf.int64, seed=1)])
    case("integers_runs", lambda: (lambda x: steps(x, x))(u([3], 0, 100, tf.int32, seed=2)))
    case("integers_fed_limits", lambda: u([4], i32(3), i32(8), tf.int32, seed=2))
    errors("integers_empty_range", lambda: [u([3], i32(5), i32(5), tf.int32, seed=1),
            u([3], i32(5), i32(4), tf.int32, seed=1)])
    errors("bad_shape", lambda: [u(i32([-1, 2]), seed=1), n(i32([[1]], None), seed=1)])
    case("same_seed_twice", lambda: [u([3], seed=4), u([3], seed=4), n([3], seed=4)])
    case("counters_apart", lambda: (lambda x, y: steps(x, [x, y], y, x))(u([2], seed=5), n([2], seed=6)))
    s = tf.random
    for d in FLOATS:
        case("stateless_" + d.name, lambda: [f([17], [12, -34], dtype=d) for f in (s.stateless_uniform,
                s.stateless_normal, s.stateless_truncated_normal)])
    case("stateless_integers", lambda: [s.stateless_uniform([9], [12, -34], lo, hi, d) for d in (tf.int32, tf.int64)
            for lo, hi in [(0, 10), (-5, 5), (-2**31, 2**31 - 1)]] + [s.stateless_uniform([2, 0], [1, 2], 5, 5,
            tf.int32)])
    case("stateless_fed", lambda: [s.stateless_uniform(i32([2, 2], [None]), i64([1, 2], None))])
    errors("stateless_errors", lambda: [s.stateless_uniform([3], i32([1, 2, 3], None)), s.stateless_uniform([3], [1, 2],
            i32(5), i32(5), tf.int32)])
    case("shuffle", lambda: (lambda x: steps(x, x))(tf.random_shuffle(ramp(6, 1), seed=5)))
    case("multinomial", lambda: (lambda x: steps(x, x))(tf.multinomial(feed([[0, 1, 2], [5, 0, 0]]), 6, seed=5)))
    case("dropout", lambda: (lambda x: steps(x, x))(tf.nn.dropout(tf.ones([2, 4]), rate=0.5, seed=3)))


CASES = {"seeds": seeds, "random": random}
