"""What takes the largest, the smallest or a mean: infinities, NaN, ends of integers, and nothing at all."""
from recorder import *

R = tf.raw_ops
inf, nan = np.inf, np.nan
WIDE = FLOATS + [tf.bfloat16]
ENDS = [tf.int32, tf.uint8]
VALUES = [-inf, inf, nan, 1]
PAIRS = np.array([[a, b] for a in VALUES for b in VALUES])
N = len(PAIRS)
COUNT = np.arange(1, 2 * N + 1)


def real(*arrays):
    """The arrays, of ints their ends instead of what only floats have."""
    ends = lambda d, a: np.select([a == -inf, a == inf, np.isnan(a)], [d.min, d.max, 0], a)
    return [lambda d, a=np.asarray(a, float): a if d.is_floating else ends(d, a) for a in arrays]


def extremes(name, ops, *arrays, dtypes=WIDE):
    """As `sweep`; bfloat16, which .npy cannot hold, is recorded as float32."""
    plain = lambda t: tf.cast(t, tf.float32) if t.dtype == tf.bfloat16 else t
    listed = lambda x: list(x) if isinstance(x, (list, tuple)) else [x]
    ops = ops if isinstance(ops, list) else [ops]
    sweep(name, [lambda *x, op=op: [plain(t) for t in listed(op(*x))] for op in ops], *real(*arrays), dtypes=dtypes)


def reductions():
    ops = [tf.reduce_max, tf.reduce_min, tf.reduce_mean, tf.reduce_sum, tf.reduce_prod]
    by_row = [lambda x, f=f: f(x, 1) for f in ops]
    extremes("pairs", by_row, PAIRS)
    extremes("rows", by_row + [lambda x, f=f: f(x, 0) for f in ops[:2]], np.where(np.eye(9), nan, np.arange(9)))
    extremes("alone", by_row, np.reshape(VALUES, [4, 1]))
    # TensorFlow 1 takes the mean of nothing in bfloat16 for 0.
    extremes("nothing", [lambda x, f=f: f(x, 0) for f in ops], np.zeros([0, 2]), dtypes=FLOATS + ENDS)
    extremes("ints", by_row[:2], PAIRS, dtypes=ENDS)
    case("slopes", lambda: [tf.gradients(f(x, 1), x)[0] for x in [feed(PAIRS)] for f in ops[:3] + ops[4:5]])
    case("logsumexp", lambda: [tf.reduce_logsumexp(feed(PAIRS), 1), tf.reduce_logsumexp(feed(np.zeros([0, 2])), 0)])
    case("moments", lambda: list(tf.nn.moments(feed(PAIRS), [1])) + list(tf.nn.moments(feed(np.zeros([0, 2])), [0])))


def of_two():
    a, b = PAIRS[:, 0], PAIRS[:, 1]
    both = [tf.maximum, tf.minimum]
    extremes("of_two", both, a, b)
    extremes("of_two_ints", both, a, b, dtypes=ENDS)
    extremes("with_one", [lambda x, f=f, v=v: f(x, tf.cast(v, x.dtype)) for f in both for v in VALUES] +
            [lambda x, f=f, v=v: f(tf.cast(v, x.dtype), x) for f in both for v in VALUES], VALUES)
    case("slopes_of_two", lambda: [t for f in both for x, y in [(feed(a), feed(b))] for t in tf.gradients(f(x, y), [x, y])])
    extremes("clip", lambda x: [tf.clip_by_value(x, l, h) for l, h in [(0, 1), (-inf, inf), (nan, 1), (0, nan), (2, 1)]],
            VALUES)
    case("raw_clip", lambda: [R.ClipByValue(t=feed(VALUES), clip_value_min=l, clip_value_max=h) for l, h in [(0., 1.), (-inf, inf),
            (nan, 1.), (0., nan), (2., 1.)]])
    case("clip_by_norm", lambda: [f(feed(v), 1.) for v in ([1, nan], [inf, 1], [0, 0], []) for f in (tf.clip_by_norm,
            tf.clip_by_average_norm)] + [t for v in ([1, nan], [inf, 1], [])
            for t in tf.clip_by_global_norm([feed(v), feed([3, 4])], 1.)[0]])
    values = [-inf, inf, nan, -20, -0.5, -0.0, 0.5, 5.5, 20]
    curves = [tf.nn.relu, tf.nn.relu6, tf.nn.elu, tf.nn.selu, tf.nn.softplus, tf.nn.softsign, tf.nn.leaky_relu,
            tf.sigmoid, tf.tanh]
    extremes("curves", curves, values, dtypes=FLOATS)
    extremes("slopes_of_curves", [lambda x, f=f: tf.gradients(f(x), x) for f in curves], values, dtypes=FLOATS)


def segments():
    ids = np.arange(2 * N) // 2
    flat = PAIRS.reshape(-1, 1)
    names = ["Max", "Min", "Prod", "Sum", "Mean"]
    by_order = [lambda x, i, name=name: getattr(R, "Segment" + name)(data=x, segment_ids=i) for name in names]
    by_id = [lambda x, i, n, name=name: getattr(R, "UnsortedSegment" + name)(data=x, segment_ids=i, num_segments=n)
            for name in names[:4]]
    fed = lambda fs, *ids: [lambda x, f=f: f(x, *[i32(i) for i in ids]) for f in fs]
    extremes("segments", fed(by_order, ids), flat)
    extremes("segments_gaps", fed(by_order, [1, 3, 4, 6]), VALUES, dtypes=WIDE + ENDS)
    extremes("unsorted", fed(by_id, ids, N + 1), flat)
    extremes("unsorted_gaps", fed(by_id, [5, 3, -1, 0], 6), VALUES, dtypes=WIDE + ENDS)
    x = lambda *shape: feed(np.zeros(shape))
    case("segments_of_nothing", lambda: [t for f in by_order for t in (f(x(0, 2), i32([])), f(x(3, 0), i32([0, 0, 2])))] +
            [t for f in by_id for t in (f(x(0, 2), i32([]), i32(2)), f(x(3, 0), i32([0, 0, 2]), i32(3)),
            f(x(0, 2), i32([]), i32(0)), f(x(2, 0), i32([-1, -1]), i32(0)))])
    case("segments_slopes", lambda: [t for x in [feed(flat)] for f in by_order[:2] + by_order[3:]
            for t in tf.gradients(f(x, i32(ids)), x)])
    case("unsorted_slopes", lambda: [t for x in [feed(flat)] for f in by_id
            for t in tf.gradients(f(x, i32(ids), i32(N + 1)), x)])
    sparse = [tf.sparse_segment_sum, tf.sparse_segment_mean, tf.sparse_segment_sqrt_n]
    case("sparse_segments", lambda: [f(feed(flat), i32(np.arange(2 * N)), i32(ids), **k) for f in sparse
            for k in ({}, {"num_segments": N + 1})] + [f(x(2, 3), i32([]), i32([]), **k) for f in sparse
            for k in ({}, {"num_segments": 2}, {"num_segments": 0})])


def windows(size, spatial):
    """A pool of `size` cells along the last spatial axis."""
    return dict(ksize=[1] * spatial + [size, 1], strides=[1] * (spatial + 2), padding="VALID")


def pools():
    image, volume = PAIRS.reshape(N, 1, 2, 1), PAIRS.reshape(N, 1, 1, 2, 1)
    two, three = windows(2, 2), windows(2, 3)
    dy, dy3 = COUNT[:N].reshape(N, 1, 1, 1), COUNT[:N].reshape(N, 1, 1, 1, 1)
    largest = [lambda x: R.MaxPool(input=x, **two), lambda x: R.MaxPoolV2(input=x, **two),
            lambda x: R.MaxPoolWithArgmax(input=x, **two)]
    extremes("pool", largest, image)
    extremes("pool_of_more", largest, np.repeat(image, 9, 3), dtypes=[tf.float32])
    extremes("pool_of_ints", largest[:1], image, dtypes=ENDS)
    extremes("pool_of_nothing", largest + [lambda x: R.AvgPool(value=x, **two)], np.zeros([0, 1, 2, 1]), dtypes=FLOATS)
    extremes("pool_mean", lambda x: R.AvgPool(value=x, **two), image, dtypes=FLOATS)
    extremes("tf1_pool_slopes", lambda x, dy: R.MaxPoolGrad(orig_input=x, orig_output=R.MaxPool(input=x, **two), grad=dy,
            **two), image, dy)
    extremes("pool_slopes_of_slopes", lambda x, dy: R.MaxPoolGradGrad(orig_input=x, orig_output=R.MaxPool(input=x, **two),
            grad=dy, **two), image, COUNT.reshape(N, 1, 2, 1))
    extremes("pool_mean_slopes", lambda dy: R.AvgPoolGrad(orig_input_shape=[N, 1, 2, 1], grad=dy, **two),
            np.resize(VALUES, [N, 1, 1, 1]), dtypes=FLOATS)
    single = dict(dtypes=[tf.float32])
    extremes("tf1_volumes", [lambda x: R.MaxPool3D(input=x, **three), lambda x: R.AvgPool3D(input=x, **three)], volume,
            **single)
    extremes("tf1_volumes_of_more", lambda x: R.MaxPool3D(input=x, **three), np.repeat(volume, 9, 4), **single)
    near = np.array([[1, 1], [1, 1 + 1e-6], [1, 1 + 9e-6], [1, 1 + 1.1e-5], [1, 1.001], [-3, -3], [0, 0], [2, 1]])
    slopes = lambda x, dy: R.MaxPool3DGrad(orig_input=x, orig_output=R.MaxPool3D(input=x, **three), grad=dy, **three)
    extremes("tf1_volume_slopes", slopes, volume, dy3, **single)
    extremes("tf1_volume_slopes_of_near_cells", slopes, near.reshape(8, 1, 1, 2, 1), dy3[:8], **single)
    extremes("tf1_volume_slopes_of_slopes", lambda x, dy: R.MaxPool3DGradGrad(orig_input=x,
            orig_output=R.MaxPool3D(input=x, **three), grad=dy, **three), volume, COUNT.reshape(N, 1, 1, 2, 1), **single)
    depth = lambda n: dict(ksize=[1, 1, 1, n], strides=[1, 1, 1, n], padding="VALID")
    extremes("channels", lambda x: R.MaxPool(input=x, **depth(2)), PAIRS.reshape(N, 1, 1, 2))
    # Of float32 and float64 the answer depends on the place of NaN in TensorFlow's vectors.
    extremes("more_channels", lambda x: R.MaxPool(input=x, **depth(8)),
            np.where(np.eye(8), nan, np.arange(8)).reshape(8, 1, 1, 8), dtypes=[tf.float16, tf.bfloat16])
    flat = np.zeros([1, 2, 1])
    step = dict(strides=[1] * 4, rates=[1] * 4, padding="VALID")
    extremes("dilation", lambda x, f: R.Dilation2D(input=x, filter=f, **step), image, flat, dtypes=WIDE + ENDS)
    back = [R.Dilation2DBackpropInput, R.Dilation2DBackpropFilter]
    extremes("dilation_slopes", [lambda x, f, dy, op=op: op(input=x, filter=f, out_backprop=dy, **step) for op in back],
            image, flat, dy)
    case("erosion", lambda: tf.nn.erosion2d(feed(image), feed(flat), [1] * 4, [1] * 4, "VALID"))


def ranks():
    extremes("arg", [lambda x, f=f: f(x, 1) for f in (tf.argmax, tf.argmin)], PAIRS)
    places = np.where(np.eye(9), nan, np.arange(9))
    extremes("arg_of_more", [lambda x, f=f, a=a: f(x, a) for f in (tf.argmax, tf.argmin) for a in (0, 1)], places)
    extremes("arg_of_one", [lambda x, f=f: f(x, 1) for f in (tf.argmax, tf.argmin)], np.reshape(VALUES, [4, 1]))
    extremes("arg_of_ints", [lambda x, f=f: f(x, 1) for f in (tf.argmax, tf.argmin)], PAIRS, dtypes=ENDS)
    mixed = [[-inf, inf, 1, 0], [inf, -inf, -inf, inf], [-inf] * 4, [inf] * 4]
    extremes("top", [lambda x, k=k: tf.nn.top_k(x, k) for k in (0, 1, 3, 4)], mixed, dtypes=FLOATS)
    extremes("nth", [lambda x, r=r: R.NthElement(input=x, n=1, reverse=r) for r in (False, True)], mixed)
    extremes("top_of_ints", lambda x: tf.nn.top_k(x, 3), mixed, dtypes=ENDS)
    extremes("top_of_nothing", [lambda x, k=k: tf.nn.top_k(x, k) for k in (0, 2)], np.zeros([0, 2]))
    extremes("sorted", [lambda x, d=d: tf.sort(x, direction=d) for d in ("ASCENDING", "DESCENDING")], mixed, dtypes=FLOATS)
    case("in_top", lambda: [tf.nn.in_top_k(feed(x), i32(t), k) for k in (1, 2) for t in ([0, 0, 0, 0], [1, 1, 1, 1],
            [2, 2, 2, 2], [-1, 4, 5, -3]) for x in (mixed, [[nan, 1, 2], [1, nan, 2], [inf, 1, nan], [-inf, nan, nan]])])
    values = [-inf, -1, 0, 1, 2.5, inf]
    case("bins", lambda: [R.HistogramFixedWidth(values=feed(values, dtype=d), value_range=feed(r, dtype=d), nbins=3)
            for d in (tf.float32, tf.float64) for r in ([0, 2], [-1, 3])])
    case("counts", lambda: [R.Bincount(arr=i32([0, 1, 1, 2]), size=i32(4), weights=feed([inf, -inf, inf, nan], dtype=d))
            for d in (tf.float32, tf.float64)] + [R.Bincount(arr=i32([]), size=i32(2), weights=feed([]))])
    case("buckets", lambda: [R.Bucketize(input=feed([-inf, inf, nan, 0.5, 1], dtype=d), boundaries=b)
            for d in (tf.float32, tf.float64) for b in ([], [0, 1], [-inf, inf])])
    case("places", lambda: [tf.searchsorted(feed([[-inf, 0, 1, inf]]), feed([[-inf, inf, nan, 0.5]]), side=s)
            for s in ("left", "right")])
    case("softmax", lambda: [t for f in (tf.nn.softmax, tf.nn.log_softmax) for x in (feed(PAIRS), feed(np.zeros([0, 2])),
            feed(np.zeros([2, 0]))) for t in [f(x)] + tf.gradients(f(x), x)])
    labels = np.tile([0.25, 0.75], [N, 1])
    case("softmax_loss", lambda: [t for x in [feed(PAIRS)] for t in R.SoftmaxCrossEntropyWithLogits(features=x,
            labels=feed(labels))] + [t for x in [feed(PAIRS)]
            for t in R.SparseSoftmaxCrossEntropyWithLogits(features=x, labels=i32(np.arange(N) % 2))])


def scattered():
    a, b = PAIRS[:, 0], PAIRS[:, 1]

    def variable(name, dtype, use_resource):
        return tf.get_variable(name + dtype.name, initializer=tf.constant(a, dtype), use_resource=use_resource)

    def ref(name, dtype):
        v = variable(name, dtype, False)
        return [v.initializer, getattr(R, "Scatter" + name)(ref=v._ref(), indices=i32(np.arange(N)),
                updates=feed(b, dtype=dtype))]

    def resource(name, dtype):
        v = variable(name, dtype, True)
        return [v.initializer, getattr(R, "ResourceScatter" + name)(resource=v.handle, indices=i32(np.arange(N)),
                updates=feed(b, dtype=dtype)), v.read_value()]

    both = [(name, dtype) for name in ("Max", "Min") for dtype in (tf.float16, tf.float32)]
    case("scatter", lambda: steps(*sum([ref(*how) for how in both], [])))
    case("resource_scatter", lambda: steps(*sum([resource(*how) for how in both], [])))
    indices = [[i // 2, i % 2] for i in range(2 * N)]
    one = [[0, 0], [2, 1], [3, 0], [5, 1]]
    sp = lambda f, x, i, s, axes: f(input_indices=i64(i), input_values=x, input_shape=i64(s), reduction_axes=axes)
    both = [R.SparseReduceMax, R.SparseReduceSum]
    extremes("sparse", [lambda x, f=f: sp(f, x, indices, [N + 1, 2], [1]) for f in both], PAIRS.ravel())
    extremes("sparse_alone", [lambda x, f=f, a=a: sp(f, x, one, [6, 2], a) for f in both for a in ([1], [0, 1])], VALUES,
            dtypes=WIDE + [tf.int32])
    case("sparse_of_nothing", lambda: [sp(f, feed([]), np.zeros([0, 2]), [3, 2], a) for f in both
            for a in ([0], [1], [0, 1], [])])
    both = [R.SparseSparseMaximum, R.SparseSparseMinimum]
    at = lambda n: i64(np.arange(n).reshape(n, 1))
    extremes("sparse_of_two", [lambda x, y, f=f: f(a_indices=at(N), a_values=x, a_shape=i64([N + 1]), b_indices=at(N),
            b_values=y, b_shape=i64([N + 1]))[1] for f in both], a, b)
    extremes("sparse_with_zero", [lambda x, f=f: f(a_indices=at(4), a_values=x, a_shape=i64([8]), b_indices=i64([[4]]),
            b_values=tf.cast([1], x.dtype), b_shape=i64([8]))[1] for f in both], VALUES)
    case("sparse_softmax", lambda: R.SparseSoftmax(sp_indices=i64(indices), sp_values=feed(PAIRS.ravel()),
            sp_shape=i64([N, 2])))


def everything():
    for cases in (reductions, of_two, segments, pools, ranks, scattered):
        cases()


CASES = {"extremes": everything}
