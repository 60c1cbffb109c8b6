"""Ops that find places in tensors, or write to places of them: scatters, searches, buckets, targets, matches."""
from recorder import *

R = tf.raw_ops
inf, nan = np.inf, np.nan
START = [[1., 2.], [3., 4.], [5., 6.]]
UPDATES = [R.TensorScatterUpdate, R.TensorScatterAdd, R.TensorScatterSub]
OTHERS = [lambda tensor, indices, updates: R.ScatterNdNonAliasingAdd(input=tensor, indices=indices, updates=updates)]


def scatters():
    start = lambda s="same": feed(START, s)
    where = [([[2], [0]], [[7, 8], [9, 10]]), ([[1, 1], [0, 1]], [7, 8]), ([[0, 0]], [5]), ([[[1, 0]], [[2, 1]]], [[3], [4]]),
             (np.zeros([0, 2]), np.zeros([0])), ([[1], [1], [1]], [[1, 2], [3, 5], [10, 20]])]
    ops = UPDATES + OTHERS
    case("scatters", lambda: [op(tensor=start(), indices=i32(i), updates=feed(u)) for op in ops for i, u in where] +
            [op(tensor=feed([1, 2, 3]), indices=i32([[2], [0]]), updates=feed([8, 9])) for op in ops])
    case("scatters_unknown", lambda: [op(tensor=start(s), indices=i64([[1]], n), updates=feed([[7, 8]], u)) for op in ops
            for s, n, u in [([None, 2], [None, 1], [1, 2]), (None, None, None), ([3, None], [1, 1], [None, None])]])
    errors("scatters_errors", lambda: [op(tensor=start(None), indices=i32(i, None), updates=feed(u, None)) for op in ops
            for i, u in [([[3]], [[1, 1]]), ([[-1]], [[1, 1]]), ([[0, 2]], [1]), ([[0]], [[1, 2, 3]]), ([[0], [1]], [[1, 1]]),
            ([[0, 0, 0]], [1])]])
    values = lambda d: [True, False, True, False] if d == tf.bool else [1, 2, 3, 100]
    put = lambda x, op: op(tensor=x, indices=[[2], [0]], updates=x[1:3])
    sweep("scatter_dtypes", [lambda x, op=op: put(x, op) for op in UPDATES + OTHERS], values, dtypes=ALL)


def searches():
    rows = lambda s="same", d=tf.float32: feed([[1, 3, 3, 7], [-5, 0, 2, 2]], s, d)
    asked = lambda s="same", d=tf.float32: feed([[0, 3, 8], [2, -5, 1]], s, d)
    both = [R.LowerBound, R.UpperBound]
    case("bounds", lambda: [op(sorted_inputs=rows(d=d), values=asked(d=d), out_type=o) for op in both for d in (tf.float32,
            tf.int32, tf.float64) for o in (tf.int32, tf.int64)] + [op(sorted_inputs=feed(np.zeros([2, 0])), values=asked())
            for op in both] + [op(sorted_inputs=rows(), values=feed(np.zeros([2, 0]))) for op in both] +
            [op(sorted_inputs=rows(s), values=asked(s)) for op in both for s in ([None, None], None)])
    case("searchsorted", lambda: [tf.searchsorted(feed([1, 3, 3, 7]), feed([3, 0, 9, 5]), side=side) for side in ("left",
            "right")] + [tf.searchsorted(rows(), asked(), "right", tf.int64)])
    errors("bounds_errors", lambda: [op(sorted_inputs=rows(None), values=feed([[1]], None)) for op in both])
    bounds = [-1., 0., 2.5, 2.5, 100.]
    case("bucketize", lambda: [R.Bucketize(input=x, boundaries=bounds) for x in (feed([-2, -1, 0, 2.5, 3, 1000, inf, -inf]),
            i32([[-1, 0], [2, 3]]), i64([100, 99]), feed(0.5, dtype=tf.float64), feed([], [None]), feed([[2]], None))] +
            [R.Bucketize(input=feed([1]), boundaries=[])])
    errors("bucketize_errors", lambda: [R.Bucketize(input=feed([1]), boundaries=[2., 1.])])


def best():
    x = lambda s="same": feed([[0.1, 0.5, 0.4, 0.5], [1, 2, 3, 4], [nan, 1, 0, 2], [5, inf, 1, 0], [1, 1, 1, 1]], s)
    old = lambda x, t, k: R.InTopK(predictions=x, targets=t, k=k)
    new = lambda x, t, k: R.InTopKV2(predictions=x, targets=t, k=k)
    case("in_top_k", lambda: [op(x(s), f(t, n), k) for op in (old, new) for f in (i32, i64) for t, k in [([1, 3, 3, 1, 0], 1),
            ([2, 1, 1, 0, 3], 2), ([0, 0, 0, 2, 2], 4)] for s, n in [("same", "same"), (None, None)]] +
            [old(feed(np.zeros([0, 3])), i32([]), 2)])
    case("in_top_k_outside", lambda: [old(x(), i32([4, -1, 0, 1, 2]), 2), old(x(), i32([0, 1, 2, 3, 0]), 0),
            old(x(), i32([0, 1, 2, 3, 0]), 9)])
    errors("in_top_k_errors", lambda: [old(x(None), i32([1, 2], None), 1), old(feed([1, 2], None), i32([0, 1]), 1),
            old(x(), i32([[1]], None), 1)])


def sparse():
    dense = lambda i, shape, v, d=0., check=True, t=tf.int32, seen="same": R.SparseToDense(sparse_indices=feed(i, seen, t),
            output_shape=feed(shape, dtype=t), sparse_values=feed(v), default_value=feed(d), validate_indices=check)
    case("sparse_to_dense", lambda: [dense([[0, 1], [2, 0]], [3, 2], [5, 6]), dense([[0, 1], [2, 0]], [3, 2], 7, -1),
            dense([1, 3], [4], [5, 6], t=tf.int64), dense(2, [4], 9), dense(np.zeros([0, 2]), [2, 2], []),
            dense([[2, 0], [0, 1], [2, 0]], [3, 2], [5, 6, 7], check=False), dense([1], [3], [4], seen=[None]),
            dense([[0, 1]], [2, 2], [5], seen=None, t=tf.int64), tf.sparse_to_dense(i32([0, 2]), [3], True, False)])
    errors("sparse_to_dense_errors", lambda: [dense(i, s, v, seen=None) for i, s, v in [([[0, 2]], [2, 2], [1]), ([[-1, 0]],
            [2, 2], [1]), ([[1, 0], [0, 1]], [2, 2], [1, 2]), ([[0, 1], [0, 1]], [2, 2], [1, 2]), ([[0, 1]], [2, 2], [1, 2]),
            ([[0, 1, 1]], [2, 2], [1])]])
    hits = lambda t, c: list(R.ComputeAccidentalHits(true_classes=i64(t), sampled_candidates=i64(c), num_true=len(t[0]) if t
            else 1))
    case("accidental_hits", lambda: steps(hits([[1, 2], [3, 1]], [1, 4, 3]) + hits([[7]], [7, 7]) + hits([[1]], [2, 3])))
    errors("accidental_hits_errors", lambda: [R.ComputeAccidentalHits(true_classes=i64([[1, 2, 3]], None),
            sampled_candidates=i64([1]), num_true=2)[0]])


def inplace():
    """TensorFlow changes the memory of the input: each op gets a copy."""
    ops = [R.InplaceUpdate, R.InplaceAdd, R.InplaceSub]
    copy = lambda d, s="same": R.DeepCopy(x=feed(START, s, dtype=d))
    case("inplace", lambda: [op(x=copy(d, s), i=i32(i), v=feed(v, dtype=d)) for op in ops for d in (tf.float32, tf.int64)
         for s, i, v in [("same", [2, 0], [[7, 8], [9, 10]]), ([None, 2], [-1, 4, 1], [[1, 2], [3, 4], [5, 6]]),
                         ("same", np.zeros([0]), np.zeros([0, 2]))]])
    case("empty", lambda: [R.Empty(shape=i32([2, 3], s), dtype=d, init=True) for s in ("same", [2], None)
                           for d in (tf.float32, tf.int64, tf.string)])
    case("deep_copy", lambda: [R.DeepCopy(x=x) for x in (feed([1, 2], [None]), i32([[1]]), tf.constant(["a"]))])
    errors("inplace_errors", lambda: [op(x=copy(tf.float32), i=i32(i, None), v=feed(v, None)) for op in ops
           for i, v in [([0], [[1, 2], [3, 4]]), ([0], [[1, 2, 3]]), ([0], [1, 2])]])


def places():
    for part in (scatters, searches, best, sparse, inplace):
        part()


CASES = {"places": places}
