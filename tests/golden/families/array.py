"""Constants, placeholders, shapes as values, and ops that move elements about."""
from recorder import *

R = tf.raw_ops


def some(dtype):
    """Six distinct values of any dtype."""
    if dtype == tf.bool:
        return [True, False, False, True, True, False]
    return [0, 1, 2, 3, 100, 7] if dtype.is_unsigned else [0, 1, -2, 3, 100, -7]


def matrix(dtype):
    return np.reshape(some(dtype), [2, 3])


def one(dtype):
    return True if dtype == tf.bool else 1


def source():
    case("const", lambda: [tf.constant(some(d), d) for d in ALL] + [tf.constant(one(d), d) for d in WIDTHS] +
            [tf.constant(one(d), d, [2, 3]) for d in WIDTHS] + [tf.constant([], d)
            for d in (tf.float32, tf.int32, tf.bool)] + [tf.zeros([0, 3])] +
            [tf.constant([np.nan, np.inf, -np.inf, -0.0], d) for d in FLOATS])
    case("const_last_value_repeats", lambda: [tf.constant([1, 2], tf.float32, [2, 3]),
            tf.constant([1, 2, 3], tf.int64, [5])])
    case("const_content", lambda: [tf.constant(np.arange(24).reshape(2, 3, 4), d)
            for d in (tf.float32, tf.int64, tf.float16)])
    case("const_strings", lambda: [tf.constant("one"), tf.constant([["a", ""], ["caf\u00e9", "b\x00c"]])])
    case("const_fed", lambda: (lambda c: steps(c + 1, Step(c + 1, {c: [10, 20]})))(tf.constant([1., 2.])))
    case("placeholder", lambda: [tf.identity(feed([1, 0], [None], d)) for d in WIDTHS])
    case("placeholder_itself", lambda: [feed([1, 2]), i32(3, None)])
    errors("placeholder_missing", lambda: [tf.placeholder(tf.float32, [2, 3]) + 1, tf.placeholder(tf.float32) + 1,
            tf.placeholder(tf.int32, [])])
    case("placeholder_new_shape", lambda: (lambda x: (lambda y: steps(y, Step(y, {x: [[1, 2, 3]]}),
            Step(y, {x: np.ones([0, 3])})))(tf.reduce_sum(x * 2, 0)))(feed([[1, 2, 3], [4, 5, 6]], [None, 3])))
    case("placeholder_with_default", lambda: (lambda p: steps(p, p * 2, Step(p * 3,
            {p: [4, 5, 6]})))(tf.placeholder_with_default([1., 2.], [None])))
    case("placeholder_with_default_scalar", lambda: (lambda p: steps(p, Step(p,
            {p: True})))(tf.placeholder_with_default(False, [])))
    case("identity", lambda: [tf.identity(feed([1, 2])), tf.stop_gradient(feed([3, 4], [None])),
            tf.identity(feed(5, None))])
    case("identity_n", lambda: tf.identity_n([feed([1, 2]), i32([[3]], [None, 1]), boolean(True, None)]))
    case("no_op", lambda: steps(tf.no_op(), tf.group(tf.identity(feed([1]))), [tf.no_op("other"), feed([2])]))
    case("feed_intermediate", lambda: (lambda y: steps(y + 1, Step(y + 1, {y: [5, 5]})))(feed([1, 2]) * 2))
    case("control_dependencies", controlled)


def controlled():
    x = feed([1, 2])
    with tf.control_dependencies([x * 2, tf.no_op()]):
        return [tf.identity(x), tf.constant(3.)]


def shape():
    x = lambda shape: feed(np.zeros([2, 0, 3]), shape)
    for name, shape in [("static", [2, 0, 3]), ("partly", [None, 0, None]), ("unknown", None)]:
        case("shape_" + name, lambda: [f(input=x(shape), out_type=d) for f in (R.Shape, R.Size)
                for d in (tf.int32, tf.int64)] + [R.Rank(input=x(shape))] + R.ShapeN(input=[x(shape), feed(1.)]) +
                R.ShapeN(input=[x(shape)], out_type=tf.int64))
    case("shape_of_scalar", lambda: [R.Shape(input=feed(1)), R.Size(input=feed(1)), R.Rank(input=feed(1))] +
            [tf.shape(ramp(2, 3)), tf.size(ramp(2, 3)), tf.rank(ramp(2, 3))])
    case("shape_dim", lambda: (lambda s: [s[0], s[1:], s[-1], s[0] * s[1],
            tf.stack([s[0], s[1] * s[2]])])(tf.shape(feed(np.zeros([2, 3, 4]), [None, 3, 4]))))
    case("index_vectors", lambda: [tf.broadcast_dynamic_shape(i32([2, 1, 3]), i32([4, 1])),
            R.BroadcastArgs(s0=i64([3]), s1=i64([]))] + [tf.invert_permutation(i32([2, 0, 1])),
            tf.invert_permutation(i64([3, 1, 0, 2], [None])), tf.invert_permutation(i32([]))])
    errors("broadcast_args_mismatch", lambda: [R.BroadcastArgs(s0=i32([2, 3]), s1=i32([2]))])
    for d in (tf.int32, tf.int64):
        case("range_" + d.name, lambda: [tf.range(*[tf.constant(v, d) for v in vs])
                for vs in [(0, 5), (3, 3), (2, 11, 3), (5, 0, -2), (0, -4, -1), (5, 2)][:5]])
        case("range_fed_" + d.name, lambda: tf.range(feed(1, dtype=d), feed(8, dtype=d), feed(3, dtype=d)))
    case("range_float", lambda: [tf.range(0., 1., 0.25), tf.range(feed(1), feed(0), feed(-0.3)),
            tf.range(0., 0.9, 0.3), tf.range(feed(0, dtype=tf.float64), feed(1, dtype=tf.float64),
            feed(0.4, dtype=tf.float64))])
    errors("range_errors", lambda: [tf.range(i32(0), i32(5), i32(0)), tf.range(i32(5), i32(0), i32(1)),
            tf.range(i32(0), i32(5), i32(-1))])
    case("linspace", lambda: [tf.linspace(feed(0), feed(1), 5), tf.linspace(1., -1., 3), tf.linspace(2., 5., 1),
            tf.linspace(tf.constant(0., tf.float64), tf.constant(10., tf.float64), 4),
            tf.linspace(feed(0), feed(3), i32(4)), R.LinSpace(start=0., stop=1., num=i64(3))])
    errors("linspace_none", lambda: [tf.linspace(0., 1., i32(0))])
    case("fill", lambda: [tf.fill([2, 3], feed(7)), tf.fill([], 1.), tf.fill([0, 2], 5), tf.fill(i32([1, 2]), True),
            tf.fill(i64([2]), 3), tf.fill(i32([2], [None]), 1.), tf.fill(i32([2], None), 1.)])
    case("fill_dtypes", lambda: [tf.fill([2], tf.constant(one(d), d)) for d in WIDTHS])
    errors("fill_errors", lambda: [tf.fill(i32([-1, 2]), 1.), tf.fill(i32([[1]], None), 1.), tf.fill([2], feed([1, 2], None))])
    sweep("likes_dtypes", [tf.identity, tf.stop_gradient, lambda x: R.ZerosLike(x=x), lambda x: R.OnesLike(x=x),
            lambda x: tf.broadcast_to(x, [2, 6])], some)
    case("likes", lambda: [f(feed([[1, 2]], s)) for s in ([1, 2], [None, 2], None)
            for f in (tf.zeros_like, tf.ones_like)] + [tf.zeros([2, 3]), tf.ones([0]), tf.zeros([]), tf.zeros([1001]),
            tf.ones(i32([2, 1])), tf.zeros([2], tf.bool), tf.ones([2], tf.int64)])
    case("broadcast_to", lambda: [tf.broadcast_to(feed(v), s) for v, s in [([1, 2, 3], [2, 3]), (5, [2, 2]),
            ([[1], [2]], [2, 3]), ([[1], [2]], [2, 2, 3]), ([1], [0]), (5, [])]] +
            [tf.broadcast_to(feed([1, 2], None), i32([3, 2])), tf.broadcast_to(feed([1, 2]), i64([1, 2], [None]))])
    errors("broadcast_to_error", lambda: [tf.broadcast_to(feed([1, 2, 3]), i32([2, 2])),
            tf.broadcast_to(feed([[1, 2, 3]], None), i32([3]))])
    errors("invert_permutation_errors", lambda: [tf.invert_permutation(i32([0, 0])),
            tf.invert_permutation(i32([0, 5])), tf.invert_permutation(i32([0, -1]))])


def cast():
    def values(source, to):
        if source == tf.bool:
            return [True, False, True]
        signed = not source.is_unsigned and not (to.is_unsigned and source.is_floating)
        return [0, 1, 3, 7, 100] + [-1, -5] * signed + [2.5, 0.3] * source.is_floating + [-2.5,
                -0.7] * (source.is_floating and signed)

    # Every source dtype to every other, packed by the dtype they are cast to.
    case("pairs", lambda: [R.Cast(x=feed(values(source, to), dtype=source), DstT=to) for to in ALL for source in ALL])
    case("special_to_int", lambda: [tf.cast(feed(v, dtype=s), t) for s, v in [(tf.float32,
            [np.nan, np.inf, -np.inf, 3e9, -3e9, 1e20]), (tf.float64, [np.nan, np.inf, -np.inf, 3e9, -3e9, 1e20])]
            for t in (tf.int32, tf.int64)] + [tf.cast(feed([np.nan, np.inf, -np.inf, -0.0, 1e30, 70000, 1e-8, 1e-40],
            dtype=s), t) for s in (tf.float32, tf.float64) for t in FLOATS] +
            [tf.cast(feed([np.nan, np.inf, 0, -0.0, 1e-30], dtype=s), tf.bool) for s in (tf.float32, tf.float64)])
    case("wide_int_to_narrow", lambda: [tf.cast(feed([300, -1, 65536, 2**31 - 1, -2**31, 128], dtype=s), t)
            for s in (tf.int32, tf.int64) for t in INTS + FLOATS] + [tf.cast(i64([2**53 + 1, 2**24 + 1, 2**63 - 1,
            -2**63, 2**40]), t) for t in FLOATS + [tf.int32]] + [tf.cast(feed([2049, 2051, 1.00048828125, 65519,
            65520, 6e-8, 2.9e-8]), tf.float16)] + [R.Cast(x=feed([1.00048828125, 2049, 2051], dtype=tf.float32),
            DstT=tf.float16, Truncate=True)] + [tf.cast(feed([1.5], None), tf.int32),
            tf.cast(feed([[1.5]], [None, 1]), tf.int32)])
    case("bitcast", lambda: [tf.bitcast(feed([1, -2.5]), tf.int32), tf.bitcast(i64([1, -1]), tf.float64),
            tf.bitcast(i32([1, 258]), tf.uint8), tf.bitcast(feed([[1, 0, 0, 0], [2, 1, 0, 0]], dtype=tf.uint8),
            tf.int32), tf.bitcast(feed([1.5], dtype=tf.float16), tf.int16),
            tf.bitcast(feed([1, 2], [None]), tf.uint16), tf.bitcast(feed([[1, 2]], None), tf.int32),
            tf.bitcast(i32([[7, 8]], [None, 2]), tf.int64)])


QUANTIZED = [tf.qint8, tf.quint8, tf.qint16, tf.quint16, tf.qint32]


def quantized():
    numbers = lambda d: tf.cast(feed([1.5, -2.5, 300, 0, 77, 6]), d)
    case("cast", lambda: [t for d in QUANTIZED for t in (numbers(d), tf.cast(numbers(d), tf.float32),
            tf.cast(numbers(d), tf.int64))])
    # TensorFlow has few kernels for the 16-bit ones.
    some = QUANTIZED[:2] + QUANTIZED[4:]
    case("constant", lambda: [tf.constant(np.array(v), d) for d in some for v in ([1, 2, 3], [7] * 5, 4)])
    case("moved", lambda: [t for d in some for x in [tf.reshape(numbers(d), [2, 3])] for t in (tf.identity(x),
            tf.concat([x, x], 0), tf.expand_dims(x, 0), tf.shape(x), tf.gather(x, [1, 0]))])
    case("bitcast", lambda: [tf.bitcast(feed([1, -2, 300], dtype=tf.int32), d) for d in QUANTIZED] +
            [tf.bitcast(numbers(tf.qint8), tf.int8), tf.bitcast(numbers(tf.quint16), tf.uint16)])
    how = [dict(mode=m) for m in ("MIN_COMBINED", "MIN_FIRST", "SCALED")] + [dict(mode="SCALED",
            round_mode="HALF_TO_EVEN")]
    ranges = [(-0.5, 6.), (-3., 3.), (0., 0.), (1., 2.), (-2., -1.)]
    quantize = lambda low, high, d, k: R.QuantizeV2(input=feed([-7, -1, -0.5, 0, 0.25, 0.5, 2.5, 7]), min_range=low,
            max_range=high, T=d, **k)
    case("quantize", lambda: pack([t for d in QUANTIZED[:4] for k in how for r in ranges
            for x, low, high in [quantize(*r, d, k)] for t in (tf.cast(x, tf.int32), low, high)]))
    errors("quantize_errors", lambda: [R.QuantizeV2(input=feed([1, 2]), min_range=feed(2.), max_range=feed(1.),
            T=tf.qint8)[0]])
    x = lambda d: feed([[-7, -1, -0.5, 0], [0.25, 0.5, 2.5, 7]], dtype=d)
    ends = lambda d, r: dict(input_min=feed(r[0], dtype=d), input_max=feed(r[1], dtype=d))
    kinds = [(d, s, b) for d in (tf.float32, tf.float64) for s in (True, False) for b in (2, 8, 20)]
    case("there_and_back_v2", lambda: pack([R.QuantizeAndDequantizeV2(input=x(d), signed_input=s, num_bits=b, range_given=g,
            round_mode=m, narrow_range=n, **ends(d, r)) for d, s, b in kinds for g in (True, False)
            for m in ("HALF_TO_EVEN", "HALF_UP") for n in (True, False) for r in ranges]))
    case("there_and_back_v3", lambda: pack([R.QuantizeAndDequantizeV3(input=x(d), signed_input=s, num_bits=i32(b),
            range_given=g, narrow_range=n, **ends(d, r)) for d, s, b in kinds for g in (True, False)
            for n in (True, False) for r in ranges]))
    errors("there_and_back_errors", lambda: [R.QuantizeAndDequantizeV2(input=x(tf.float32), range_given=True,
            **ends(tf.float32, (2., 1.))), R.QuantizeAndDequantizeV3(input=x(tf.float32), num_bits=i32(0, None),
            **ends(tf.float32, (1., 2.)))])
    stored = lambda d: tf.cast(feed([-128, -127, -1, 0, 1, 77, 127, 255]), d)
    case("dequantize", lambda: pack([R.Dequantize(input=stored(d), min_range=r[0], max_range=r[1], mode=m)
            for d in QUANTIZED[:4] for m in ("MIN_COMBINED", "MIN_FIRST", "SCALED") for r in ranges]))


CASES = {"source": source, "shape": shape, "cast": cast, "quantized": quantized}
