"""Matrix products."""
from recorder import *

R = tf.raw_ops


def product():
    a, b = lambda s="same": feed([[1, 2, 3], [4, 5, 6]], s), lambda s="same": feed([[1, 0], [2, -1], [0.5, 3]], s)
    at, bt = lambda: feed([[1, 4], [2, 5], [3, 6]]), lambda: feed([[1, 2, 0.5], [0, -1, 3]])
    case("matmul", lambda: [tf.matmul(a(), b()), tf.matmul(at(), b(), transpose_a=True),
            tf.matmul(a(), bt(), transpose_b=True), tf.matmul(at(), bt(), transpose_a=True, transpose_b=True)] +
            [tf.matmul(a([None, 3]), b()), tf.matmul(a(), b([None, None])), tf.matmul(a(None), b()),
            R.MatMul(a=a(None), b=b()), R.MatMul(a=a([None, 3]), b=b(None))] +
            [tf.matmul(feed(np.zeros([2, 0])), feed(np.zeros([0, 3]))), tf.matmul(feed(np.zeros([0, 3])), b()),
            tf.matmul(a(), feed(np.zeros([3, 0])))] + [tf.matmul(feed([[np.nan, 0], [np.inf, 1]]),
            feed([[1, 0], [0, 1]]))] + [tf.matmul(i32([[2**30, 2**30]]), i32([[2], [2]]))])
    sweep("dtypes", [lambda x: R.MatMul(a=x, b=x, transpose_b=True), lambda x: R.BatchMatMulV2(x=x[None], y=x[None],
            adj_x=True)], lambda d: [[1, 2, 3], [4, 5, 6]], dtypes=NUMBERS)
    case("sizes", lambda: [tf.matmul(tf.sin(tf.reshape(tf.range(float(m * k)), [m, k])),
            tf.cos(tf.reshape(tf.range(float(k * n)), [k, n]))) for m, k,
            n in [(1, 1, 1), (1, 17, 1), (7, 1, 3), (1, 9, 13), (13, 9, 1), (5, 33, 9), (16, 8, 16)]])
    case("transposed_sizes", lambda: [tf.matmul(tf.sin(tf.reshape(tf.range(63.), [9, 7] if ta else [7, 9])),
            tf.cos(tf.reshape(tf.range(99.), [11, 9] if tb else [9, 11])), ta, tb) for ta in (False, True)
            for tb in (False, True)])
    errors("errors", lambda: [tf.matmul(a([None, None]), a([None, None])),
            R.MatMul(a=a(None), b=feed([1, 2, 3], None)), R.BatchMatMulV2(x=ramp(2, 2, 2),
            y=feed(np.ones([3, 2, 2]), None)), R.BatchMatMul(x=ramp(2, 2, 2), y=feed(np.ones([1, 2, 2]), None))])
    case("rank3_by_rank2", lambda: tf.matmul(ramp(2, 2, 3), b()))
    for name, op in [("batch", R.BatchMatMul), ("batch_v2", R.BatchMatMulV2)]:
        x, y = lambda s="same": ramp(2, 2, 3), lambda s="same": feed(np.arange(12).reshape(2, 3, 2), s)
        case(name, lambda: [op(x=x(), y=y()), op(x=x(), y=x(), adj_y=True), op(x=x(), y=x(), adj_x=True),
                op(x=x(), y=y(), adj_x=True, adj_y=True)])
        case(name + "_unknown", lambda: [op(x=x(), y=y([None, 3, None])), op(x=x(), y=y(None)),
                op(x=y(None), y=y(None), adj_y=True), op(x=y([None, None, 2]), y=y([2, None, None]), adj_x=True)])
        case(name + "_empty", lambda: [op(x=feed(np.zeros([0, 2, 3])), y=feed(np.zeros([0, 3, 1]))),
                op(x=feed(np.zeros([2, 2, 0])), y=feed(np.zeros([2, 0, 1])))])
    case("batch_broadcast", lambda: [R.BatchMatMulV2(x=ramp(*s), y=ramp(*t)) for s,
            t in [((1, 2, 3), (2, 3, 2)), ((2, 1, 2, 3), (3, 3, 1)), ((2, 3), (2, 3, 2)),
            ((2, 1, 1, 2), (1, 3, 2, 1)), ((2, 2, 1), (1, 2))]] + [R.BatchMatMulV2(x=feed(np.ones([1, 2, 3]),
            [None, 2, 3]), y=ramp(2, 3, 2)), R.BatchMatMulV2(x=feed(np.ones([1, 2, 3]), None), y=ramp(3, 1))])


def tensordot():
    x = lambda s="same": feed(np.arange(12).reshape(2, 2, 3), s)
    y = lambda s="same": feed([[1, 0], [2, -1], [0.5, 3]], s)
    axes = [[[2], [0]], 1, [[-1], [-2]], [2, 0]]
    for name, shape, other in [("static", [2, 2, 3], [3, 2]), ("partly", [None, 2, 3], [3, 2]), ("unknown_dims",
         [None] * 3, [None, 2]), ("unknown_rank", None, [3, 2])]:
        case(name, lambda: [tf.tensordot(x(shape), y(other), a) for a in axes])
    case("both_unknown_rank", lambda: [tf.tensordot(x(None), y(None), a) for a in axes[:2]])
    case("outer", lambda: [tf.tensordot(feed([1, 2]), feed([3, 4, 5]), 0),
            tf.tensordot(feed([1, 2], [None]), feed([3, 4, 5]), 0)] + [tf.tensordot(feed([1, 2, 3]), feed([4, 5, 6]),
            1), tf.tensordot(feed([1, 2, 3], [None]), feed([4, 5, 6], [None]), [[0], [0]])])
    case("two_axes", lambda: [tf.tensordot(x(), ramp(3, 2, 2), a) for a in ([[2, 1], [0, 1]], [[1, 2], [2, 0]])] +
            [tf.tensordot(x([None, 2, 3]), ramp(3, 2, 2), [[2, 1], [0, 1]]), tf.tensordot(x(), ramp(2, 3, 1), 2)] +
            [tf.tensordot(x(), ramp(2, 2), [[0], [1]]), tf.tensordot(y(), x(), [[0], [2]]),
            tf.tensordot(x([None, 2, 3]), feed([[1, 2]] * 2, [None, 2]), [[0], [0]])] +
            [tf.tensordot(x(), x(), [[0, 1, 2], [0, 1, 2]])] + [tf.tensordot(x(), y(), i32([[2], [0]]))])
    case("dtypes", lambda: [tf.tensordot(feed([[1, 2], [3, 4]], dtype=d), feed([5, 6], dtype=d), 1)
            for d in FLOATS + [tf.int32]])
    errors("error", lambda: [tf.tensordot(x([None, None, None]), feed([[1, 2]], [None, None]), [[2], [0]])])


def halves():
    x, y = lambda s="same": feed([[1, 0, -2], [0, 3, .5]], s), lambda s="same": feed([[0, 4, 0], [7, 0, 1.5]], s)
    short = lambda t: tf.cast(t, tf.bfloat16)
    op = lambda a, b, ta=False, tb=False: tf.raw_ops.SparseMatMul(a=a, b=b, transpose_a=ta, transpose_b=tb, a_is_sparse=True)
    case("SparseMatMul", lambda: [op(x(), y(), False, True), op(x(), y(), True), op(short(x()), y(), False, True), op(short(x()), short(y()),
            True), op(x([None, 3]), y([2, None]), False, True), op(x(None), y(), True)])
    errors("SparseMatMul_errors", lambda: [op(x(None), y(None)), op(feed([1.], None), y(None))])


CASES = {"matmul": product, "tensordot": tensordot, "halves": halves}
