"""Reductions, index of the extreme, running sums, the largest k."""
from recorder import *

R = tf.raw_ops
inf, nan = np.inf, np.nan


def cube(dtype):
    """2 x 2 x 3 small numbers of any dtype; their product stays in range of the wider types."""
    if dtype == tf.bool:
        return np.reshape([True, False, True, True, True, True, False, False, False, True, False, False], [2, 2, 3])
    values = [1, 2, 3, 1, 0, 2, 5, 1, 1, 2, 7, 1] if dtype.is_unsigned else [1, -2, 3, 1, 0, 2, 5, -1, 1, 2, 7, -1]
    return np.reshape(values, [2, 2, 3])


AXES = [None, 0, 1, -1, [0, 2], [-1, -3], [0, 1, 2], []]


def reduce():
    numeric = [("sum", tf.reduce_sum), ("mean", tf.reduce_mean), ("prod", tf.reduce_prod), ("max", tf.reduce_max),
            ("min", tf.reduce_min)]
    x = lambda s="same": feed(cube(tf.float32), s)
    for name, f in numeric:
        case(name, lambda: [f(x(), a) for a in AXES] + [f(x(), a, keepdims=True) for a in (None, 1, [0, -1])])
    sweep("dtypes", [f for _, f in numeric] + [lambda t, f=f: f(t, 1) for _, f in numeric], cube)
    case("unknown_dims", lambda: [f(x([None, 2, None]), a, keepdims=k) for _, f in numeric[:2] for a,
            k in [(0, False), (-1, True), (None, False), ([0, 1], False)]] +
            [tf.reduce_sum(x(None), 1), tf.reduce_sum(x(None), [0, 1], keepdims=True), tf.reduce_sum(x(None)),
            R.Sum(input=x(None), axis=[0])])
    case("fed_axis", lambda: [R.Sum(input=x(), axis=i32([1])), R.Max(input=x(), axis=i64([0, -1], [None]),
            keep_dims=True), R.Mean(input=x([None, 2, 3]), axis=i32(2)), R.Sum(input=x(), axis=i32([], [None])),
            R.Min(input=x(), axis=i32(0, None)), R.Prod(input=x(None), axis=i32([1], None))])
    empty = lambda: feed(np.zeros([2, 0, 3]))
    case("empty", lambda: [f(empty(), a) for _, f in numeric for a in (1, None)] +
            [tf.reduce_sum(empty(), 0), tf.reduce_max(empty(), [0, 2])] +
            [f(i32(np.zeros([0, 2])), 0) for name, f in numeric if name != "mean"] +
            [f(feed(3.)) for _, f in numeric] + [tf.reduce_sum(feed(3.), [])])
    case("special", lambda: [f(feed([[1, nan], [inf, -inf], [inf, 1]]), 1) for _, f in numeric[:3]] +
            [f(feed([[1, inf], [-inf, 2], [-inf, -inf]]), 1) for _, f in numeric[3:]])
    case("int_wraps", lambda: [tf.reduce_sum(i32([2**31 - 1, 1])), tf.reduce_prod(i32([2**30, 4])),
            tf.reduce_mean(i32([7, 8])), tf.reduce_mean(i32([-7, -8])), tf.reduce_sum(feed([100, 100],
            dtype=tf.int8))])
    case("tf1_mean_of_uint8_wraps", lambda: tf.reduce_mean(feed([200, 100], dtype=tf.uint8)))
    case("long", lambda: [f(tf.sin(tf.range(1000.))) for f in (tf.reduce_sum, tf.reduce_mean, tf.reduce_max)] +
            [tf.reduce_sum(tf.reshape(tf.sin(tf.range(1200.)), [2, 300, 2]), a) for a in (1, [0, 1], [1, 2])])
    case("middle_axes", lambda: [tf.reduce_sum(ramp(2, 2, 2, 2, 2), a) for a in ([1, 3], [0, 2, 4], [1, 2], [0, 4],
            [2])])
    errors("axis_errors", lambda: [R.Sum(input=x(), axis=i32([3])), R.Sum(input=x(), axis=i32([-4])),
            R.Max(input=x(None), axis=[3])])
    case("all_any", lambda: [f(boolean(cube(tf.bool)), a, keepdims=k) for f in (tf.reduce_all, tf.reduce_any) for a,
            k in [(None, False), (0, False), (-1, True), ([0, 2], False)]] +
            [f(boolean(np.zeros([0, 2]), [None, 2]), a) for f in (tf.reduce_all, tf.reduce_any)
            for a in (0, None, 1)])
    case("logsumexp", lambda: [tf.reduce_logsumexp(x(), a, keepdims=k) for a,
            k in [(None, False), (1, False), ([0, -1], True)]] + [tf.reduce_logsumexp(feed([[1000, 1000],
            [-inf, -inf], [-1000, 0]]), 1), tf.reduce_logsumexp(feed([[1, 2]], [None, 2])),
            tf.reduce_logsumexp(feed([[1, 2]], None))])
    case("moments", lambda: [t for a, k in [([0], False), ([0, 1], True), ([-1], False)]
            for t in tf.nn.moments(x(), a, keep_dims=k)] + list(tf.nn.moments(feed(cube(tf.float16),
            dtype=tf.float16), [0])))


def arg():
    x = lambda s="same": feed([[3, 1, 3], [0, 5, 5]], s)
    sweep("dtypes", [lambda t: tf.argmax(t, 1), lambda t: tf.argmin(t, 1)], lambda d: [[3, 1, 3], [0, 5, 5]],
            dtypes=NUMBERS)
    case("arg", lambda: [t for f in (tf.argmax, tf.argmin) for t in [f(x(), a) for a in (0, 1, -1, -2)] +
            [f(x(), 1, output_type=tf.int32), f(feed([2, 9, 9, 1]))]])
    case("unknown", lambda: [tf.argmax(x([None, 3]), 1), tf.argmax(x([None, 3]), 0), tf.argmax(x(None), 1),
            tf.argmax(x(), i32(1)), tf.argmax(x([None, None]), i64(-1))])
    case("nan_and_infinity", lambda: [f(feed([[1, nan, 3], [nan, 1, 2], [inf, 1, inf], [-inf, -inf, -inf]]), 1)
            for f in (tf.argmax, tf.argmin)])
    case("rank3", lambda: [tf.argmax(feed(cube(tf.float32)), a) for a in (0, 1, 2)])
    case("empty", lambda: [tf.argmax(feed(np.zeros([0, 3])), 1), tf.argmin(feed(np.zeros([2, 0, 3])), 0)])
    errors("errors", lambda: [tf.argmax(feed(np.zeros([0, 3])), 0), tf.argmax(x(), i32(2)), tf.argmin(x(), i32(-3)),
            tf.argmax(feed(1., None), 0)])


def scan():
    x = lambda s="same": feed([[1, 2, 3], [4, -5, 0.5]], s)
    sweep("dtypes", [lambda t: tf.cumsum(t, 1), lambda t: tf.cumprod(t, 1)], lambda d: [[3, 1, 2], [0, 5, 5]],
            dtypes=NUMBERS)
    both = [tf.cumsum, tf.cumprod]
    case("scan", lambda: [f(x(), a, exclusive=e, reverse=r) for f in both for a in (0, 1, -1) for e in (False, True)
            for r in (False, True)])
    case("unknown", lambda: [t for f in both for t in [f(x([None, 3]), 1), f(x(None), 0), f(x(), i32(1))]])
    case("shapes", lambda: [t for f in both for t in [f(feed(np.zeros([0, 2]))), f(feed([1, nan, 2])),
            f(ramp(2, 2, 2), 1)]])
    errors("errors", lambda: [f(x(), i32(a)) for f in both for a in (2, -3)])


def top_k():
    x = lambda s="same": feed([[1, 5, 3, 5], [2, 2, -1, 7]], s)
    case("top_k", lambda: [t for k in (0, 1, 2, 4) for t in tf.nn.top_k(x(), k)])
    case("rank", lambda: list(tf.nn.top_k(feed([3, 1, 2]), 2)) + list(tf.nn.top_k(ramp(2, 2, 3), 2)) +
            list(tf.nn.top_k(x(), 2, sorted=False)))
    case("unknown", lambda: list(tf.nn.top_k(x([None, 4]), 2)) + list(tf.nn.top_k(x(), i32(3))) +
            list(tf.nn.top_k(x(None), 1)))
    sweep("dtypes", lambda t: tf.nn.top_k(t, 2), lambda d: [[1, 5, 3, 5], [2, 2, 0, 7]], dtypes=NUMBERS)
    errors("errors", lambda: [tf.nn.top_k(x(), i32(5))[0], tf.nn.top_k(x(), i32(-1))[0],
            tf.nn.top_k(feed(1., None), 1)[0]])


CASES = {"reduce": reduce, "arg": arg, "scan": scan, "top_k": top_k}
