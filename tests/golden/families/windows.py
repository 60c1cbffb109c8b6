"""Windows over images and volumes: convolutions, pools and their gradients."""
from recorder import *

R = tf.raw_ops
RNG = np.random.RandomState(7)


def noise(*shape):
    return feed(np.round(RNG.randn(*shape), 2))


def output(f):
    """What `f` gives for zeros of these shapes: only its shape counts."""
    with tf.Graph().as_default():
        return f().shape.as_list()


def gradients(conv, back_input, back_filter, x, f):
    """A convolution and both of its gradients."""
    y = output(lambda: conv(input=tf.zeros(x), filter=tf.zeros(f)))
    image, kernel, dy = noise(*x), noise(*f), noise(*y)
    return [conv(input=image, filter=kernel), back_input(input_sizes=x, filter=kernel, out_backprop=dy),
            back_filter(input=image, filter_sizes=f, out_backprop=dy)]


def conv2d(x, f, **how):
    how = dict(dict(strides=[1, 1, 1, 1], padding="SAME"), **how)
    bind = lambda op: lambda **k: op(**dict(how, **k))
    return gradients(bind(R.Conv2D), bind(R.Conv2DBackpropInput), bind(R.Conv2DBackpropFilter), x, f)


def conv3d(x, f, **how):
    how = dict(dict(strides=[1, 1, 1, 1, 1], padding="SAME"), **how)
    bind = lambda op: lambda **k: op(**dict(how, **k))
    return gradients(bind(R.Conv3D), bind(R.Conv3DBackpropInputV2), bind(R.Conv3DBackpropFilterV2), x, f)


def depthwise(x, f, **how):
    how = dict(dict(strides=[1, 1, 1, 1], padding="SAME"), **how)
    bind = lambda op: lambda **k: op(**dict(how, **k))
    return gradients(bind(R.DepthwiseConv2dNative), bind(R.DepthwiseConv2dNativeBackpropInput),
            bind(R.DepthwiseConv2dNativeBackpropFilter), x, f)


def conv():
    case("conv2d", lambda: conv2d([2, 5, 4, 3], [3, 2, 3, 2]) + conv2d([1, 5, 6, 1], [2, 3, 1, 2], padding="VALID",
            strides=[1, 2, 3, 1]) + conv2d([1, 4, 5, 2], [1, 1, 2, 3], strides=[1, 2, 2, 1]) +
            conv2d([1, 4, 4, 2], [4, 4, 2, 2], padding="VALID"))
    case("conv2d_dilated", lambda: conv2d([1, 7, 6, 2], [3, 2, 2, 1], dilations=[1, 2, 3, 1])[:1] +
            conv2d([1, 7, 6, 1], [2, 2, 1, 2], dilations=[1, 3, 2, 1], padding="VALID")[:1])
    case("conv2d_explicit", lambda: conv2d([1, 4, 5, 2], [3, 2, 2, 2], padding="EXPLICIT",
            explicit_paddings=[0, 0, 2, 1, 0, 3, 0, 0]) + conv2d([1, 4, 5, 1], [2, 2, 1, 1], padding="EXPLICIT",
            strides=[1, 2, 3, 1], explicit_paddings=[0, 0, 1, 2, 3, 0, 0, 0]))
    case("conv2d_python", lambda: [tf.nn.conv2d(noise(1, 4, 4, 2), noise(2, 2, 2, 3), 2, "SAME"),
            tf.nn.conv2d(noise(1, 4, 4, 2), noise(2, 2, 2, 3), strides=[1, 2, 1, 1], padding=[[0, 0], [1, 0], [0, 1],
            [0, 0]]), tf.nn.conv2d_transpose(noise(1, 2, 3, 2), noise(2, 3, 1, 2), [1, 4, 6, 1], 2),
            tf.nn.depthwise_conv2d(noise(1, 4, 4, 2), noise(2, 2, 2, 2), [1, 1, 1, 1], "VALID"),
            tf.nn.conv3d(noise(1, 3, 3, 3, 1), noise(2, 2, 2, 1, 2), [1, 1, 1, 1, 1], "SAME")])
    case("conv3d", lambda: conv3d([1, 3, 4, 3, 2], [2, 3, 2, 2, 2]) + conv3d([1, 4, 3, 5, 1], [2, 2, 3, 1, 1],
            strides=[1, 2, 1, 2, 1], padding="VALID"))
    case("depthwise", lambda: depthwise([1, 4, 5, 2], [3, 2, 2, 2]) + depthwise([2, 5, 5, 3], [2, 3, 3, 1],
            strides=[1, 2, 2, 1], padding="VALID"))
    hidden = lambda *s: feed(np.ones(s), [None] * len(s))
    case("unknown", lambda: [R.Conv2D(input=hidden(1, 4, 4, 2), filter=noise(2, 2, 2, 1), strides=[1, 2, 2, 1],
            padding="SAME"), R.Conv2D(input=hidden(1, 4, 4, 2), filter=hidden(2, 2, 2, 1), strides=[1, 1, 1, 1],
            padding="VALID"), R.Conv2DBackpropInput(input_sizes=i32([1, 4, 4, 2]), filter=hidden(2, 2, 2, 1),
            out_backprop=hidden(1, 4, 4, 1), strides=[1, 1, 1, 1], padding="SAME"),
            R.MaxPool(input=hidden(1, 4, 4, 2), ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID"),
            R.AvgPool(value=feed(np.ones([1, 4, 4, 2]), None), ksize=[1, 2, 2, 1], strides=[1, 1, 1, 1],
            padding="SAME"), R.DepthwiseConv2dNative(input=hidden(1, 4, 4, 2), filter=hidden(2, 2, 2, 1),
            strides=[1, 1, 1, 1], padding="SAME")])
    errors("errors", lambda: [R.Conv2D(input=feed(np.ones([1, 2, 2, 3]), None), filter=feed(np.ones([1, 1, 2, 1])),
            strides=[1, 1, 1, 1], padding="VALID"), R.Conv2D(input=feed(np.ones([2, 2, 1]), None),
            filter=feed(np.ones([1, 1, 1, 1])), strides=[1, 1, 1, 1], padding="VALID")])


def small(*shape):
    """Small integers, so that windows hold equal cells."""
    return feed(RNG.randint(-3, 4, shape))


def max_pools(x, ksize, **how):
    y = output(lambda: R.MaxPool(input=tf.zeros(x), ksize=ksize, **how))
    image, grad = small(*x), noise(*y)
    pool = R.MaxPool(input=image, ksize=ksize, **how)
    return [pool, R.MaxPoolGrad(orig_input=image, orig_output=pool, grad=grad, ksize=ksize, **how),
            R.MaxPoolGradGrad(orig_input=image, orig_output=pool, grad=noise(*x), ksize=ksize, **how),
            R.MaxPoolV2(input=image, ksize=ksize, **how), R.MaxPoolGradV2(orig_input=image, orig_output=pool,
            grad=grad, ksize=ksize, **how), R.MaxPoolGradGradV2(orig_input=image, orig_output=pool, grad=noise(*x),
            ksize=ksize, **how)]


def max_pools_3d(x, ksize, **how):
    y = output(lambda: R.MaxPool3D(input=tf.zeros(x), ksize=ksize, **how))
    image = small(*x)
    pool = R.MaxPool3D(input=image, ksize=ksize, **how)
    return [pool, R.MaxPool3DGrad(orig_input=image, orig_output=pool, grad=noise(*y), ksize=ksize, **how),
            R.MaxPool3DGradGrad(orig_input=image, orig_output=pool, grad=noise(*x), ksize=ksize, **how)]


def argmax(x, ksize, **how):
    values, places = R.MaxPoolWithArgmax(input=small(*x), ksize=ksize, **how)
    return [values, places, R.MaxPoolGradWithArgmax(input=tf.zeros(x), grad=noise(*values.shape.as_list()),
            argmax=places, ksize=ksize, **how)]


def pool():
    two = dict(ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1])
    wide = dict(ksize=[1, 3, 2, 1], strides=[1, 1, 2, 1])
    case("max", lambda: [t for p in ("SAME", "VALID") for w in (two, wide) for t in max_pools([2, 5, 4, 2], padding=p,
            **w)])
    case("max_unknown", lambda: [R.MaxPoolV2(input=small(1, 4, 4, 1), ksize=i32([1, 2, 2, 1]), strides=i32([1, 2, 2,
            1]), padding="SAME"), R.MaxPoolGradV2(orig_input=small(1, 4, 4, 1), orig_output=small(1, 2, 2, 1),
            grad=small(1, 2, 2, 1), ksize=i32([1, 2, 2, 1]), strides=i32([1, 2, 2, 1]), padding="SAME")])
    case("max_3d", lambda: [t for p in ("SAME", "VALID") for t in max_pools_3d([1, 4, 3, 5, 2], [1, 2, 2, 3, 1],
            strides=[1, 2, 1, 2, 1], padding=p)])
    case("argmax", lambda: [t for p in ("SAME", "VALID") for w in (two, wide) for t in argmax([2, 5, 4, 2], padding=p,
            **w)])
    avg = lambda x, op, grad, **how: [op(noise(*x)), grad(x, noise(*output(lambda: op(tf.zeros(x)))))]
    case("avg", lambda: [t for p in ("SAME", "VALID") for w in (two, wide) for t in avg([2, 5, 4, 2],
            lambda x: R.AvgPool(value=x, padding=p, **w),
            lambda s, dy: R.AvgPoolGrad(orig_input_shape=s, grad=dy, padding=p, **w))])
    how = dict(ksize=[1, 2, 2, 3, 1], strides=[1, 2, 1, 2, 1])
    case("avg_3d", lambda: [t for p in ("SAME", "VALID") for t in avg([1, 4, 3, 5, 2],
            lambda x: R.AvgPool3D(input=x, padding=p, **how),
            lambda s, dy: R.AvgPool3DGrad(orig_input_shape=s, grad=dy, padding=p, **how))])
    sweep("max_dtypes", lambda x: R.MaxPool(input=x, padding="VALID", **two), lambda d: [[[[1], [2]], [[5], [3]]]],
            dtypes=NUMBERS)
    sweep("avg_dtypes", lambda x: R.AvgPool(value=x, padding="VALID", **two), lambda d: [[[[1], [2]], [[5], [3]]]],
            dtypes=FLOATS)
    errors("pool_errors", lambda: [R.MaxPool(input=feed(np.ones([1, 2, 1]), None), padding="VALID", **two)])


def dilations(x, f, strides=[1, 1], rates=[1, 1], dtype=tf.float32, **how):
    """A dilation and both of its gradients, on numbers of which some are equal."""
    how = dict(how, strides=[1] + strides + [1], rates=[1] + rates + [1])
    numbers = lambda s, by: tf.cast(feed((np.arange(np.prod(s)) * by % 11 - 5).reshape(s)), dtype)
    image, kernel = numbers(x, 7), numbers(f, 3)
    grad = numbers(output(lambda: R.Dilation2D(input=tf.zeros(x), filter=tf.zeros(f), **how)), 5)
    both = dict(input=image, filter=kernel, out_backprop=grad)
    return [R.Dilation2D(input=image, filter=kernel, **how), R.Dilation2DBackpropInput(**dict(both, **how)),
            R.Dilation2DBackpropFilter(**dict(both, **how))]


def morphology():
    case("dilation", lambda: [t for p in ("SAME", "VALID") for t in dilations([2, 5, 4, 3], [3, 2, 3], padding=p) +
            dilations([1, 7, 6, 1], [2, 3, 1], [2, 3], padding=p) + dilations([1, 7, 6, 2], [2, 2, 2], [1, 2], [3, 2],
            padding=p)])
    case("dtypes", lambda: [t for d in (tf.float64, tf.half, tf.int32, tf.uint8) for t in dilations([1, 3, 3, 1],
            [2, 2, 1], padding="VALID", dtype=d)])
    case("python", lambda: [f(ramp(1, 4, 4, 2), ramp(2, 2, 2), [1, 1, 2, 1], [1, 1, 1, 1], "SAME")
            for f in (tf.nn.dilation2d, tf.nn.erosion2d)])
    case("unknown", lambda: [R.Dilation2D(input=feed(np.ones([1, 4, 4, 2]), [None, 4, None, None]),
            filter=feed(np.ones([2, 2, 2]), [None, 2, 2]), strides=[1, 1, 1, 1], rates=[1, 1, 1, 1], padding=p)
            for p in ("SAME", "VALID")])
    case("gap", lambda: dilations([1, 3, 3, 1], [2, 2, 1], rates=[5, 5], padding="SAME"))


CASES = {"conv": conv, "pool": pool, "morphology": morphology}
