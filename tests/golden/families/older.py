"""Ops of older programs, which newer ones have replaced: files still hold them."""
from recorder import *

R = tf.raw_ops


def of(producer, build):
    """What a TensorFlow whose graphs had the version `producer` could build: newer ones refuse some ops."""
    def older():
        tf.import_graph_def(tf.GraphDef(versions=tf.GraphDef().versions.__class__(producer=producer)), name="")
        return build()
    return older


def old_case(name, producer, build):
    case(name, of(producer, build))


def widths(dtype):
    values = np.arange(12).reshape([2, 3, 2])
    return values % 3 == 0 if dtype == tf.bool else values


def older():
    x = lambda s="same": feed([[1, 2, 3], [4, 5, 6]], s)
    case("gather", lambda: [R.Gather(params=x(), indices=i) for i in (i32([1, 0, 1]), i64([[0, 1]]), i32(1), i32([]))] +
            [R.Gather(params=x(s), indices=i32([1, 0], n), validate_indices=v) for s, n, v in [([None, 3], [2], True),
            (None, [None], True), ([2, None], None, False), (None, None, True)]] +
            [R.Gather(params=feed(np.zeros([0, 2])), indices=i32([]))])
    case("concat", lambda: [R.Concat(concat_dim=a, values=[x(), x(), feed([[7, 8, 9], [0, 0, 0]])]) for a in (0, 1, i32(-1))] +
            [R.Concat(concat_dim=1, values=[x([None, 3]), feed(np.zeros([2, 0]), [2, None])]), R.Concat(concat_dim=0,
            values=[feed([1], None), feed([2, 3], None)]), R.Concat(concat_dim=i32(0, None), values=[x(None), x(None)])])
    sweep("dtypes", [lambda t: R.Gather(params=t, indices=[1, 1]), lambda t: R.Concat(concat_dim=2, values=[t, t])], widths,
            dtypes=WIDTHS)
    errors("gather_errors", lambda: [R.Gather(params=x(), indices=i32([i])) for i in (2, -1)] + [R.Gather(params=feed(1, None),
            indices=i32([0]))])
    errors("concat_errors", lambda: [R.Concat(concat_dim=i32(a, None), values=[x(None), feed(v, None)]) for a, v in [(2, [[1]]),
            (0, [[1, 2]]), (-3, [[1, 2, 3]]), (0, [1, 2, 3]), ([0, 1], [[1, 2, 3]])]])
    old_case("there_and_back", 21, lambda: pack([R.QuantizeAndDequantize(input=feed([-7, -1, -0.5, 0.25, 0.5, 2.5, 7], dtype=d),
            signed_input=n, num_bits=b, range_given=g, input_min=-2., input_max=3.) for d in (tf.float32, tf.float64)
            for n in (True, False) for b in (2, 8) for g in (True, False)]))
    old_case("tf1_top_k", 6, lambda: [t for k, s in [(2, True), (3, True), (1, False), (0, True)] for t in R.TopK(input=x(), k=k,
            sorted=s)] + [t for t in R.TopK(input=feed([2, 2, 1], [None], tf.float64), k=2)] +
            [t for t in R.TopK(input=i32([[[3, -1], [5, 5]]], None), k=1)])
    case("top_k_error", of(6, lambda: steps(bad(R.TopK(input=x(None), k=4)[0]))))
    old_case("diagonals", 13, lambda: [f(d) for d in (tf.float32, tf.int64) for f in (
            lambda d: R.BatchMatrixDiag(diagonal=feed([[1, 2], [3, 4]], dtype=d)),
            lambda d: R.BatchMatrixDiagPart(input=feed([[1, 2, 3], [4, 5, 6]], [None, 3], d)),
            lambda d: R.BatchMatrixSetDiag(input=feed([[1, 2, 3], [4, 5, 6]], None, d), diagonal=feed([7, 8], None, d)),
            lambda d: R.BatchMatrixBandPart(input=feed([[[1, 2, 3], [4, 5, 6]]], dtype=d), num_lower=i64(0), num_upper=i64(1)))])
    case("diagonals_errors", of(13, lambda: steps(bad(R.BatchMatrixDiag(diagonal=feed(1, None))), bad(R.BatchMatrixDiagPart(
            input=feed([1], None))), bad(R.BatchMatrixSetDiag(input=feed([[1, 2]], None), diagonal=feed([1, 2], None))))))
    batch_norm()
    old_case("placeholder_v2", 22, placeholders)


def placeholders():
    made = [R.PlaceholderV2(dtype=d, shape=s) for d, s in [(tf.float32, [None, 2]), (tf.int64, None), (tf.float32, [])]]
    twice = [x * 2 for x in made]
    return steps(Step(twice, dict(zip(made, ([[1, 2], [3, 4]], [[5]], 3)))), Step(twice[1], {made[1]: 7}),
            Step(made[0], {made[0]: [[5, 6]]}), bad(twice[2]))


def batch_norm():
    parts = lambda: [feed(v) for v in ([1, 2], [4, 0.25], [0.5, -1], [2, 3])]
    image = lambda s="same": feed(np.arange(12).reshape([1, 2, 3, 2]) % 5, s)
    how = lambda eps, scale: dict(variance_epsilon=eps, scale_after_normalization=scale)

    def forward(x, m, v, beta, gamma, **how):
        return R.BatchNormWithGlobalNormalization(t=x, m=m, v=v, beta=beta, gamma=gamma, **how)

    def backward(x, m, v, beta, gamma, **how):
        return list(R.BatchNormWithGlobalNormalizationGrad(t=x, m=m, v=v, gamma=gamma, backprop=feed(
                np.arange(12).reshape([1, 2, 3, 2]) % 7 - 3), **how))

    hows = [(0.001, True), (0.5, False)]
    old_case("batch_norm", 8, lambda: [forward(image(s), *parts(), **how(*h)) for s in ("same", [None, None, None, 2], None)
            for h in hows])
    old_case("batch_norm_grad", 8, lambda: [t for s in ("same", None) for h in hows for t in backward(image(s), *parts(),
            **how(*h))])
    old_case("batch_norm_error", 8, lambda: steps(bad(forward(feed([[1, 2]], None), *parts(), **how(1., True)))))


CASES = {"older": older}
