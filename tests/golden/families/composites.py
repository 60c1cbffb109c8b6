"""What Python builds of several ops: moments, norms, losses, dropout, diagonals, complex numbers."""
from tensorflow.python.framework import function
from tensorflow.python.ops import functional_ops

from recorder import *

R = tf.raw_ops


def statistics():
    x = lambda shape="same": feed([[1, 2, 4], [-3, 0.5, 6]], shape)
    names = ["reduce_std", "reduce_variance"]
    case("deviation", lambda: [getattr(tf.math, name)(x(), axis, keepdims) for name in names for axis in (None, 0, [0, 1], -1)
            for keepdims in (False, True)])
    case("moments", lambda: list(tf.nn.moments(x(), [0])) + list(tf.nn.moments(x([None, 3]), [0, 1], keep_dims=True)))
    case("weighted_moments", lambda: list(tf.nn.weighted_moments(x(), [0], feed([[1, 2, 3], [0, 1, 1]]))))
    case("batch_normalization", lambda: [tf.nn.batch_normalization(x(), feed([1, 0, 2]), feed([1, 2, 4]), offset, scale, 1e-3)
            for offset in (None, feed([1, 2, 3])) for scale in (None, feed([2, 1, .5]))])
    case("norms", lambda: [tf.norm(x(), kind, axis) for kind in ("euclidean", 1, 2, np.inf, 3.) for axis in (None, 0, 1)] +
            [tf.norm(x(), keepdims=True), tf.norm(x(), "fro", [0, 1])])
    case("l2_normalize", lambda: [tf.nn.l2_normalize(x(), axis) for axis in (0, 1, [0, 1])] +
            [tf.nn.zero_fraction(feed([0, 1, 0, 0])), tf.nn.l2_loss(x())])
    case("clip", lambda: [tf.clip_by_value(x(), -1., 2.), tf.clip_by_norm(x(), 2.), tf.clip_by_norm(x(), 2., [1]),
            tf.clip_by_average_norm(x(), 0.5), tf.global_norm([x(), feed([3, 4])])] +
            tf.clip_by_global_norm([x(), feed([3, 4])], 2.)[0] + [R.ClipByValue(t=x(), clip_value_min=feed(-1), clip_value_max=feed(1))])
    case("top_of_targets", lambda: [tf.nn.in_top_k(x(), i32([2, 0]), k) for k in (1, 2, 3)] +
            [R.NthElement(input=x(), n=i32(1)), R.NthElement(input=x(), n=i32(0), reverse=True)])


def dropout():
    ones = lambda shape="same": feed(np.arange(12).reshape(3, 4) + 1, shape)
    case("rates", lambda: [tf.nn.dropout(ones(), rate=rate, seed=3) for rate in (0., 0.1, 0.5, 0.9)])
    case("noise_shape", lambda: [tf.nn.dropout(ones(), rate=0.5, noise_shape=[3, 1], seed=5),
            tf.nn.dropout(ones([None, 4]), rate=0.5, seed=7), tf.nn.dropout(ones(), keep_prob=feed(0.25), seed=9)])
    case("layer", lambda: (lambda p: steps(tf.layers.dropout(ones(), 0.4, training=p, seed=2), Step(tf.layers.dropout(
            ones(), 0.4, training=p, seed=2), {p: False})))(boolean(True)))


LOSSES = ["absolute_difference", "hinge_loss", "huber_loss", "log_loss", "mean_squared_error", "mean_pairwise_squared_error"]


def training_losses():
    y, p = lambda: feed([[0, 1], [1, 1]]), lambda shape="same": feed([[.3, .6], [.9, .2]], shape)
    ways = ["none", "weighted_sum", "weighted_mean", "weighted_sum_by_nonzero_weights", "weighted_sum_over_batch_size"]
    for name in LOSSES:
        loss = getattr(tf.losses, name)
        case(name, lambda: [loss(y(), p()), loss(y(), p([None, 2]), feed([[1], [0]]))])
    case("reductions", lambda: [tf.losses.mean_squared_error(y(), p(), w, reduction=way) for way in ways
            for w in (1., feed([[2, 0], [1, 0]]), feed([[0], [0]]))])
    case("softmax_cross_entropy", lambda: [tf.losses.softmax_cross_entropy(y(), p(), w, label_smoothing=s)
            for w in (1., feed([1, 3])) for s in (0, .1)] + [tf.losses.sparse_softmax_cross_entropy(i32([1, 0]), p())])
    case("sigmoid_cross_entropy", lambda: [tf.losses.sigmoid_cross_entropy(y(), p(), label_smoothing=s) for s in (0, .2)] +
            [tf.nn.weighted_cross_entropy_with_logits(y(), p(), 3.), tf.nn.log_poisson_loss(y(), p()),
            tf.nn.log_poisson_loss(feed([[0, 3], [1, 2]]), p(), compute_full_loss=True)])
    case("cosine_distance", lambda: [tf.losses.cosine_distance(y(), p(), axis=1)])
    errors("weights", lambda: [tf.losses.mean_squared_error(y(), p(), feed([[1], [2], [3]], None))])


def diagonals():
    some = lambda d: [True, False] if d == tf.bool else [3, 4]
    sweep("vectors", [tf.diag, tf.matrix_diag, lambda x: tf.diag_part(tf.diag(x)), lambda x: tf.matrix_diag_part(tf.matrix_diag(x)),
            lambda x: tf.matrix_set_diag(tf.matrix_diag(x), tf.reverse(x, [0])), lambda x: tf.matrix_band_part(tf.matrix_diag(x), 0, 1)],
            some)
    m = lambda shape="same": feed(np.arange(24).reshape(2, 3, 4), shape)
    case("matrices", lambda: [tf.matrix_diag_part(m()), tf.matrix_set_diag(m(), feed([[91, 92, 93], [94, 95, 96]]))] +
            [tf.matrix_band_part(m(), *band) for band in [(0, 0), (1, 0), (-1, 1), (2, -1), (0, -1)]] +
            [tf.diag(feed([[1, 2], [3, 4]])), tf.diag_part(ramp(2, 3, 2, 3)), tf.matrix_diag(m()), tf.trace(m()), tf.eye(2, 3)])
    case("unknown", lambda: [tf.matrix_diag_part(m([None, None, 4])), tf.matrix_diag_part(m(None)), tf.matrix_band_part(m(None), 1, 1),
            tf.matrix_set_diag(m([None, 3, None]), feed(np.ones([2, 3]), None)), tf.matrix_diag(feed([1, 2], [None])),
            tf.diag(feed([1, 2], None)), tf.diag_part(feed([[1, 2], [3, 4]], [None, 2]))])
    v2 = lambda k, **more: [R.MatrixDiagPartV2(input=m(), k=i32(k), padding_value=feed(-1)),
            R.MatrixSetDiagV2(input=m(), diagonal=feed(np.full(more["d"], 50.)), k=i32(k))]
    case("v2", lambda: v2(1, d=[2, 3]) + v2(-2, d=[2, 1]) + v2([-1, 1], d=[2, 3, 3]) + [R.MatrixDiagV2(diagonal=feed([[1, 2], [3, 4]]),
            k=i32(k), num_rows=i32(-1), num_cols=i32(-1), padding_value=feed(9)) for k in (0, 1, -2)])
    errors("errors", lambda: [tf.matrix_set_diag(m(None), feed(np.ones([2, 2]), None)), tf.diag_part(feed([1, 2, 3], None)),
            R.MatrixDiagPartV2(input=m(), k=i32([2, 1], None), padding_value=feed(0))])


def complexes():
    re, im = lambda d=tf.float32: feed([1, -2, 0, 3], dtype=d), lambda d=tf.float32: feed([2, 0, -1, 4], dtype=d)
    for d in (tf.float32, tf.float64):
        z = lambda: tf.complex(re(d), im(d))
        case("parts_" + d.name, lambda: [tf.real(z()), tf.imag(z()), tf.abs(z()), tf.angle(z()), tf.real(tf.conj(z())),
                tf.imag(tf.conj(z()))])
        case("arithmetic_" + d.name, lambda: sum([[tf.real(y), tf.imag(y)] for y in (z() + z(), z() * z(), z() / (z() + 1),
                tf.exp(z()), tf.square(z()), tf.reduce_sum(z()), tf.tanh(z()), tf.sqrt(z()), tf.reciprocal(z() + 1),
                tf.matmul(tf.reshape(z(), [2, 2]), tf.reshape(z(), [2, 2]), adjoint_b=True),
                tf.transpose(tf.reshape(z(), [2, 2]), conjugate=True))], []))


def gradients():
    y, dy = lambda d: [-.75, -.5, 0, .25, .5, .9], lambda d: [1, 2, -3, .5, 4, -1]
    names = ["InvGrad", "ReciprocalGrad", "RsqrtGrad", "SigmoidGrad", "SqrtGrad", "TanhGrad"]
    sweep("of_results", [lambda y, dy, name=name: getattr(R, name)(y=y + 1, dy=dy) for name in names], y, dy, dtypes=FLOATS)
    names = [("EluGrad", "outputs"), ("SeluGrad", "outputs"), ("Relu6Grad", "features"), ("ReluGrad", "features"),
            ("LeakyReluGrad", "features"), ("SoftplusGrad", "features"), ("SoftsignGrad", "features")]
    sweep("of_operands", [lambda x, dy, name=name, of=of: getattr(R, name)(**{of: x * 8, "gradients": dy}) for name, of in names], y, dy,
            dtypes=FLOATS)
    case("strided_slice", lambda: [R.StridedSliceGrad(shape=i32([3, 4]), begin=i32(b), end=i32(e), strides=i32(s), dy=dy)
            for b, e, s, dy in [([0, 1], [2, 3], [1, 1], ramp(2, 2)), ([2, 3], [0, -5], [-1, -2], ramp(2, 2))]] +
            [R.StridedSliceGrad(shape=i32([3, 4]), begin=i32([1, 0]), end=i32([2, 4]), strides=i32([1, 1]), dy=ramp(4),
            shrink_axis_mask=1)])
    case("broadcast", lambda: list(R.BroadcastGradientArgs(s0=i32([2, 1, 3]), s1=i32([4, 1]))) +
            list(R.BroadcastGradientArgs(s0=i64([]), s1=i64([2, 3]))) + list(R.BroadcastGradientArgs(s0=i32([2, 3]), s1=i32([2, 3]))))
    case("concat_offset", lambda: list(R.ConcatOffset(concat_dim=i32(1), shape=[i32([2, 3, 4]), i32([2, 5, 4]), i32([2, 1, 4])])))


def special():
    a, b, x = [.5, 1, 2, 5, 0.1, 3], [1, 2, .5, 3, 0.2, 2], [0, .25, .5, .9, 1, .01]
    sweep("betainc", tf.betainc, lambda d: a, lambda d: b, lambda d: x, dtypes=FLOATS)
    case("lbeta_and_others", lambda: [tf.lbeta(feed([[1, 2, 3], [4, 5, .5]])), tf.math.bessel_i0e(feed([0, 1, -2, 30])),
            tf.math.bessel_i1e(feed([0, 1, -2, 30]))])
    case("mirror_pad", lambda: [tf.pad(feed([[1, 2, 3], [4, 5, 6]]), i32(pads), mode) for mode, pads in
            [("REFLECT", [[1, 1], [2, 0]]), ("SYMMETRIC", [[2, 1], [0, 3]])]])
    case("roll", lambda: [tf.roll(feed([[1, 2, 3], [4, 5, 6]]), shift, axis) for shift, axis in [(1, 0), (-4, 1), ([1, 2], [0, 1]),
            ([1, 1], [1, 1])]] + [tf.roll(feed([1, 2], [None]), 1, 0)])
    case("accumulate", lambda: [tf.accumulate_n([feed([1, 2]), feed([3, 4])])])
    case("confusion_matrix", lambda: tf.confusion_matrix(i32([1, 2]), i32([0, 2])))


def given_gradient():
    """A function that names its gradient, which is another one than it would have by itself."""
    @function.Defun(tf.float32, tf.float32, tf.float32, func_name="backward")
    def backward(x, b, g):
        return g * x * 3., g * 5.

    @function.Defun(tf.float32, tf.float32, func_name="forward", grad_func=backward)
    def forward(x, b):
        return x * x + b

    x, b = feed([2, 3]), feed([1, 1])
    y = forward(x, b)
    return [y] + tf.gradients(y, [x, b])


# Functions that name no gradient: TensorFlow makes it when the graph runs. Not asinh, whose slope it turns upside down,
# nor erf and lgamma, for which it knows none.
OF_ONE = {name: getattr(tf, name) for name in
          "abs negative reciprocal square sqrt rsqrt exp expm1 log log1p sinh cosh tanh sin cos tan asin acos atan "
          "sigmoid sign".split()}
OF_ONE.update({name: getattr(tf.nn, name) for name in "relu relu6 softmax log_softmax".split()})
OF_TWO = {name: getattr(tf, name) for name in "add subtract multiply divide div_no_nan pow maximum minimum "
          "squared_difference".split()}
OF_ARRAYS = {
    "sum": lambda x: tf.reduce_sum(x, [0]),
    "sum_kept": lambda x: tf.reduce_sum(x, [1], keepdims=True),
    "mean": lambda x: tf.reduce_mean(x),
    "max": lambda x: tf.reduce_max(x, 1),
    "min": lambda x: tf.reduce_min(x, [0, 1]),
    "reshape": lambda x: tf.reshape(x, [3, -1]) ** 2.,
    "transpose": lambda x: tf.transpose(x, [1, 0]),
    "expand_dims": lambda x: tf.squeeze(tf.expand_dims(x, 1), [1]) * x,
    "stack": lambda x: tf.stack([x, x * x, x], 1),
    "concat": lambda x: tf.concat([x, x * 2.], -1),
    "split": lambda x: tf.split(x, 3, 1)[1],
    "unstack": lambda x: tf.unstack(x, 3, 1)[2],
    "slice": lambda x: tf.slice(x, [0, 1], [2, 1]),
    "strided_slice": lambda x: x[::-1, 1:],
    "fill": lambda x: tf.fill([2, 2], tf.reduce_max(x)),
    "where": lambda x: tf.where(x > 0.5, x * 3., -x),
    "stopped": lambda x: tf.stop_gradient(x) * x,
    "constant": lambda x: x * 0. + tf.zeros_like(x),
}


def made_gradient(of, *values):
    """The function `of` of the values, and its gradients, as `SymbolicGradient` answers them for what flows in."""
    dtypes = [tf.float32] * len(values)
    forward = function.Defun(*dtypes, func_name="forward")(lambda *xs: of(*xs))
    xs = [feed(value) for value in values]
    y = forward(*xs)
    n = int(np.prod(y.shape.as_list() or [1])) if y.shape.rank is not None else None
    dy = tf.ones_like(y) * 0.5 if n is None else tf.reshape(tf.sin(tf.range(n, dtype=tf.float32)), y.shape)
    return [y] + functional_ops.symbolic_gradient(input=xs + [dy], Tout=dtypes, f=forward)


def function_gradients():
    case("given_gradient", given_gradient)
    x, positive = [[.2, .9, .4], [.7, .3, .6]], [[1.5, 2., .5], [3., .25, 1.]]
    for name, of in sorted({**OF_ONE, **OF_ARRAYS}.items()):
        case("of_" + name, lambda: made_gradient(of, x))
    for name, of in sorted(OF_TWO.items()):
        case("of_" + name, lambda: made_gradient(of, x, positive))
        case("of_broadcast_" + name, lambda: made_gradient(of, x, [2., .5, 1.]))
    for a, b in [(False, False), (False, True), (True, False), (True, True)]:
        left, right = (np.transpose(x) if a else x), (positive if b else np.transpose(positive))
        case("of_matmul_%d%d" % (a, b), lambda: made_gradient(lambda p, q: tf.matmul(p, q, a, b), left, right))
        case("of_batch_matmul_%d%d" % (a, b), lambda: made_gradient(
            lambda p, q: R.BatchMatMul(x=p, y=q, adj_x=a, adj_y=b), [left, left], [right, right]))
    image, filters = np.sin(np.arange(32)).reshape(1, 4, 4, 2), np.cos(np.arange(36)).reshape(3, 3, 2, 2)
    case("of_conv", lambda: made_gradient(lambda p, q: tf.nn.conv2d(p, q, [1, 2, 2, 1], "SAME"), image, filters))
    case("of_pools", lambda: made_gradient(lambda p: tf.nn.max_pool(p, [1, 2, 2, 1], [1, 2, 2, 1], "VALID") *
                                           tf.nn.avg_pool(p, [1, 3, 3, 1], [1, 2, 2, 1], "SAME"), image))
    inner = function.Defun(tf.float32, func_name="inner")(lambda p: tf.tanh(p) * p)
    case("of_call", lambda: made_gradient(lambda p: inner(p) + inner(p * 2.), x))
    case("of_numbers", lambda: made_gradient(lambda p: tf.cast(tf.cast(p, tf.int32), tf.float32) + p, x))


CASES = {"statistics": statistics, "dropout": dropout, "training_losses": training_losses, "diagonals": diagonals,
         "complexes": complexes, "gradients": gradients, "special": special, "function_gradients": function_gradients}
