"""Biases, soft maxima, losses."""
from recorder import *

R = tf.raw_ops
inf, nan = np.inf, np.nan


def bias():
    sweep("dtypes", lambda x, b: R.BiasAdd(value=x, bias=b), lambda d: [[1, 2, 3], [4, 5, 6]], lambda d: [10, 20, 30],
            dtypes=NUMBERS)
    case("bias_add", lambda: [tf.nn.bias_add(ramp(*s), feed([10, 20])) for s in [(3, 2), (2, 2, 2), (1, 2, 2, 2),
            (1, 1, 2, 1, 2)]] + [tf.nn.bias_add(ramp(*s), feed([10, 20]), data_format="NCHW")
            for s in [(2, 2, 1, 3), (1, 2, 2, 2)]] + [R.BiasAdd(value=ramp(*s), bias=feed([10, 20]),
            data_format="NCHW") for s in [(2, 2, 3), (1, 2, 1, 2, 2)]] + [tf.nn.bias_add(feed(np.zeros([0, 2])),
            feed([3, 4])), tf.nn.bias_add(feed(np.zeros([2, 0])), feed([]))] +
            [tf.nn.bias_add(feed([[1, 2]], [None, 2]), feed([3, 4])), tf.nn.bias_add(feed([[1, 2]], [None, None]),
            feed([3, 4])), tf.nn.bias_add(feed([[1, 2]], None), feed([3, 4])),
            tf.nn.bias_add(feed([[1, 2]], [1, None]), feed([3, 4], [None])),
            tf.nn.bias_add(feed(np.zeros([1, 2, 1, 1]), None), feed([3, 4]), data_format="NCHW"),
            tf.nn.bias_add(feed([[1, 2]], None), feed([3, 4], None)), R.BiasAddV1(value=feed([[1, 2]]),
            bias=feed([3, 4]))])
    errors("errors", lambda: [tf.nn.bias_add(feed([[1, 2, 3]], [None, None]), feed([1, 2])),
            tf.nn.bias_add(feed([1, 2], None), feed([1, 2])), tf.nn.bias_add(ramp(2, 2), feed([[1, 2]], None))])


def softmax():
    x = lambda s="same": feed([[1, 2, 3], [-1, 0, 1000]], s)
    both = [tf.nn.softmax, tf.nn.log_softmax]
    case("softmax", lambda: [f(t) for f in both for t in (x(), ramp(2, 2, 3), feed([1, 2]), feed([[5]]),
            feed(np.zeros([0, 3])), feed(np.zeros([2, 0])))])
    case("axis", lambda: [f(t, a) for f in both for t, a in [(x(), 0), (ramp(2, 3, 2), 1), (ramp(2, 3, 2), -3),
            (x(), -1)]])
    case("unknown", lambda: [f(t) for f in both for t in (x([None, 3]), x([None, None]),
            feed([[[1, 2]]], [None, 1, 2]), x(None))])
    sweep("dtypes", both, lambda d: [[1, 2, 3], [-1, 0, 4]], dtypes=FLOATS)
    case("special", lambda: [f(feed([[-inf, 1, 2], [-inf, -inf, 0], [nan, 1, 2], [-1000, -2000, -1500]]))
            for f in both])


def cross_entropy():
    x = lambda s="same": feed([[1, 2, 3], [-1, 0, 50]], s)
    y = lambda s="same": feed([[0, 0, 1], [0.2, 0.3, 0.5]], s)
    raw = lambda x, y: list(R.SoftmaxCrossEntropyWithLogits(features=x, labels=y))
    sparse = lambda x, y: list(R.SparseSoftmaxCrossEntropyWithLogits(features=x, labels=y))
    case("softmax", lambda: raw(x(), y()) + raw(x([None, 3]), y([None, None])) + raw(x(None), y()) +
            raw(x(), feed([[0, 1, 0]])))
    case("softmax_empty", lambda: raw(feed(np.zeros([0, 3])), feed(np.zeros([0, 3]))))
    sweep("softmax_dtypes", raw, lambda d: [[1, 2, 3]], lambda d: [[0.25, 0.5, 0.25]], dtypes=FLOATS)
    case("softmax_any_rank", lambda: [f(labels=y(), logits=x()) for f in (tf.nn.softmax_cross_entropy_with_logits,
            tf.nn.softmax_cross_entropy_with_logits_v2)] + [tf.nn.softmax_cross_entropy_with_logits_v2(labels=ramp(2,
            2, 2), logits=ramp(2, 2, 2)), tf.nn.softmax_cross_entropy_with_logits_v2(labels=y(), logits=x(), axis=0),
            tf.nn.softmax_cross_entropy_with_logits_v2(labels=y([None, 3]), logits=x([None, 3]))])
    case("softmax_infinity", lambda: raw(feed([[-inf, 0, 1]]), feed([[0, 1, 0]])))
    errors("softmax_errors", lambda: [raw(x(None), feed([[1, 0]], None))[0],
            raw(x(), feed([[1, 0, 0]] * 3, None))[0]])
    case("sparse", lambda: sparse(x(), i32([2, 0])) + sparse(x([None, 3]), i64([1, 1], [None])) +
            sparse(x(None), i32([2, 2])))
    case("sparse_empty", lambda: sparse(feed(np.zeros([0, 3])), i32([])))
    sweep("sparse_dtypes", lambda x: sparse(x, i32([2])), lambda d: [[1, 2, 3]], dtypes=FLOATS)
    case("sparse_python", lambda: [tf.nn.sparse_softmax_cross_entropy_with_logits(labels=l, logits=t) for l,
            t in [(i32([2, 0]), x()), (i32(1), feed([1, 2, 3])), (i32([[0], [1]]), ramp(2, 1, 2)),
            (i32([2, 0], [None]), x([None, 3]))]])
    errors("sparse_errors", lambda: [sparse(x(), i32([7, 0]))[0], sparse(x(), i32([-1, 0]))[0],
            sparse(x(None), i32([1], None))[0]])
    case("sigmoid", lambda: [tf.nn.sigmoid_cross_entropy_with_logits(labels=l, logits=t) for l,
            t in [(feed([0, 1, 0.3, 1]), feed([5, -5, 0, 100])), (feed([[0, 1]], [None, 2]),
            feed([[-1000, 1000]], [None, 2])), (feed(1), feed(0))]])
    case("weighted", lambda: [tf.nn.weighted_cross_entropy_with_logits(targets=feed([0, 1, 0.3]),
            logits=feed([5, -5, 0]), pos_weight=w) for w in (1., 2.5)] +
            [tf.nn.weighted_cross_entropy_with_logits(targets=feed([0, 1], [None]), logits=feed([5, -5], [None]),
            pos_weight=feed([2, 3]))])


def losses():
    x, y = lambda s="same": feed([[1, 2], [3, -4]], s), lambda s="same": feed([[0, 2], [4, 1]], s)
    sweep("l2_loss", tf.nn.l2_loss, lambda d: [[1, -2], [3, 0.5]], dtypes=FLOATS)
    case("l2_loss_shapes", lambda: [tf.nn.l2_loss(feed(3)), tf.nn.l2_loss(feed([])), tf.nn.l2_loss(x([None, 2])),
            tf.nn.l2_loss(x(None))])
    case("l2_normalize", lambda: [tf.nn.l2_normalize(x(), a) for a in (0, 1, -1, [0, 1])] +
            [tf.nn.l2_normalize(feed([0, 0]), 0), tf.nn.l2_normalize(x([None, 2]), 1, epsilon=100.)])
    case("dropout", lambda: [tf.nn.dropout(tf.ones([20]), rate=0.25, seed=7),
            tf.nn.dropout(feed([[1, 2], [3, 4]], [None, 2]), keep_prob=0.5, seed=8),
            tf.nn.dropout(tf.ones([3, 4]), rate=0.5, noise_shape=[3, 1], seed=9)])


CASES = {"bias": bias, "softmax": softmax, "cross_entropy": cross_entropy, "losses": losses}
