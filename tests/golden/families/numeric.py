"""Sums by equations, running logarithms, cross products, neighbours of numbers, layouts, and what only passes on."""
from recorder import *

R = tf.raw_ops
inf, nan = np.inf, np.nan


def noise(*shape, seen="same", dtype=tf.float32):
    return feed(np.round(np.sin(np.arange(int(np.prod(shape))) + 1.).reshape(shape), 3), seen, dtype)


EQUATIONS = [("ij,jk->ik", [2, 3], [3, 4]), ("ij,kj->ki", [2, 3], [4, 3]), ("bij,bjk->bik", [2, 2, 3], [2, 3, 2]),
             ("i,j->ij", [2], [3]), ("i,i->", [3], [3]), ("ij,ij->j", [2, 3], [2, 3]), ("abc,cd->adb", [2, 3, 2], [2, 2]),
             ("bij,jk->bik", [2, 2, 3], [3, 2]), ("ij,j->i", [0, 3], [3]), ("ij,jk->ik", [2, 0], [0, 3])]
DOTS = [("...ij,...jk->...ik", [2, 2, 3], [3, 2]), ("...ij,...jk->...ik", [2, 1, 2, 3], [2, 3, 2]),
        ("...i,i->...", [2, 3], [3]), ("i...,ij->j...", [2, 3], [2, 2])]
ONES = [("ij->ji", [2, 3]), ("ij->i", [2, 3]), ("ij->", [2, 3]), ("ijk->kij", [2, 1, 3]), ("ii->i", [3, 3]), ("ii->", [2, 2]),
        ("i...->...i", [2, 3, 1]), ("iji->ij", [2, 3, 2])]


def einsums():
    op = lambda equation, *inputs: R.Einsum(inputs=list(inputs), equation=equation)
    case("Einsum", lambda: [op(e, noise(*a), noise(*b)) for e, a, b in EQUATIONS + DOTS] + [op(e, noise(*a)) for e, a in ONES])
    case("Einsum_unknown", lambda: [op(e, noise(*a, seen=s(a)), noise(*b, seen=s(b))) for e, a, b in EQUATIONS[:4] + DOTS[:2]
            for s in (lambda dims: [None] * len(dims), lambda dims: None)] + [op("ij->ji", noise(2, 3, seen=None)),
            op("ii->i", noise(2, 2, seen=[None, None]))])
    case("Einsum_dtypes", lambda: [op("ij,kj->ik", noise(2, 3, dtype=d), noise(2, 3, dtype=d)) for d in (tf.float64,
            tf.complex64)])
    errors("Einsum_errors", lambda: [op("ij,jk->ik", noise(2, 3, seen=None), noise(2, 3, seen=None)), op("ij->i",
            noise(3, seen=None)), op("ii->i", noise(2, 3, seen=None)), op("...ij,...jk->...ik", noise(2, 1, 1, seen=None),
            noise(3, 1, 1, seen=None))])
    case("einsum_of_python", lambda: [tf.einsum(e, noise(*a), noise(*b)) for e, a, b in EQUATIONS[:8]] +
            [tf.einsum("ij,jk", noise(2, 3), noise(3, 2)), tf.einsum("ij,jk,kl->il", noise(1, 2), noise(2, 3), noise(3, 2)),
            tf.einsum("ij->ji", noise(2, 3)), tf.einsum("ij->", noise(2, 3)), tf.einsum("bi,bi->b",
            noise(2, 3, seen=[None, 3]), noise(2, 3, seen=[None, 3]))])


def running():
    # What stands for the sum of nothing is the lowest number in TensorFlow 1, and minus infinity in 2.
    op = lambda x, axis=0, **how: tf.maximum(R.CumulativeLogsumexp(x=x, axis=axis, **how), -6e4)
    hows = [dict(), dict(exclusive=True), dict(reverse=True), dict(exclusive=True, reverse=True)]
    case("logsumexp", lambda: [op(noise(2, 3), a, **how) for a in (0, -1) for how in hows] + [op(feed(v), **how) for how in hows
            for v in ([], [5], [1000, 1000, -1000], [-inf, -inf, 0], [inf, 1, -inf])] + [op(noise(2, 2, seen=s),
            i64(1, n)) for s in ([None, 2], None) for n in ([], None)])
    case("logsumexp_dtypes", lambda: [op(noise(4, dtype=d)) for d in (tf.float64, tf.float16)])
    errors("logsumexp_errors", lambda: [op(noise(2, 2), i32(a, None)) for a in (2, -3)])


def products():
    a, b = lambda s="same", d=tf.float32: feed([[1, 2, 3], [0, 1, 0]], s, d), lambda s="same", d=tf.float32: feed([[4, 5, 6],
            [0, 0, 1]], s, d)
    case("cross", lambda: [tf.cross(feed([1, 0, 0]), feed([0, 1, 0])), tf.cross(a(), b()), tf.cross(feed(np.zeros([0, 3])),
            feed(np.zeros([0, 3])))] + [tf.cross(a(s), b(t)) for s, t in [([None, 3], [2, None]), (None, None)]])
    sweep("cross_dtypes", tf.cross, lambda d: [4, 5, 6], lambda d: [1, 2, 1], dtypes=NUMBERS)
    errors("cross_errors", lambda: [tf.cross(a(None), feed([1, 2, 3], None)), tf.cross(feed(1, None), feed(1, None))])
    values = [0, 1, -1, 1e30, inf, -inf, nan, 1e-45, 1.5]
    case("next_after", lambda: [R.NextAfter(x1=feed(values, dtype=d), x2=feed(to, dtype=d)) for d in (tf.float32, tf.float64)
            for to in (2, -inf, nan, values[::-1])] + [R.NextAfter(x1=feed([[1], [2]], [None, 1]), x2=feed([3, 0])),
            R.NextAfter(x1=feed([], None), x2=feed(1))])


def layouts():
    case("dim_map", lambda: [R.DataFormatDimMap(x=x, src_format=s, dst_format=t) for s, t in [("NHWC", "NCHW"), ("NCHW", "NHWC"),
            ("NHWC", "HWNC"), ("HWNC", "NHWC"), ("NHWC", "NHWC")] for x in (i32([0, 1, 2, 3, -1, -2, -3, -4]), i64([[1, 3]], None),
            i32(2))])
    case("vec_permute", lambda: [R.DataFormatVecPermute(x=x, src_format=s, dst_format=t) for s, t in [("NHWC", "NCHW"), ("NCHW",
            "NHWC"), ("NHWC", "NHWC"), ("NHWC", "HWNC")] for x in (i32([1, 5, 6, 3]), i64([[1, 2], [3, 4], [5, 6], [7, 8]]),
            i32([4, 3, 2, 1], [None]))])
    errors("vec_permute_errors", lambda: [R.DataFormatVecPermute(x=i32([1, 2, 3], None)), R.DataFormatVecPermute(x=i32(
            [[1, 2, 3]] * 4, None)), R.DataFormatVecPermute(x=i32([[[1]]], None))])


def passing():
    case("passes_on", lambda: [op(input=feed(v, s)) for op in (R.GuaranteeConst, R.PreventGradient) for v, s in [([1, 2], "same"),
            ([[1]], [None, 1]), (3, None)]])
    sweep("passes_dtypes", [lambda x: R.GuaranteeConst(input=x), lambda x: R.PreventGradient(input=x, message="no")],
            lambda d: [True, False] if d == tf.bool else [1, 0], dtypes=WIDTHS)
    case("control_trigger", lambda: steps(R.ControlTrigger(), after(R.ControlTrigger())))
    case("parallel_concat", lambda: [R.ParallelConcat(values=[feed([[1, 2]]), feed([[3, 4]])], shape=[2, 2]),
            tf.parallel_stack([feed([1, 2]), feed([3, 4]), feed([5, 6])]), tf.parallel_stack([i32([[1]])])])
    sweep("parallel_concat_dtypes", lambda x: tf.parallel_stack([x, x]), lambda d: [True, False] if d == tf.bool else [1, 0],
            dtypes=WIDTHS)


def after(op):
    with tf.control_dependencies([op]):
        return tf.identity(feed([1, 2]))


def numeric():
    for part in (einsums, running, products, layouts, passing):
        part()


CASES = {"numeric": numeric}
