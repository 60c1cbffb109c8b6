"""Ops that rearrange, join, cut and pick elements."""
from recorder import *
from families.array import matrix, one, some

R = tf.raw_ops


def reshape():
    x = lambda shape="same": feed(np.arange(12).reshape(2, 2, 3), shape)
    case("reshape", lambda: [tf.reshape(x(), s) for s in ([12], [3, 4], [-1, 6], [2, -1, 2], [1, 12, 1], [-1])] +
            [tf.reshape(x(), np.array([3, -1], np.int64))] + [tf.reshape(feed([5]), []), tf.reshape(feed(5), [1, 1]),
            tf.reshape(feed(5), [-1])] + [tf.reshape(feed(np.zeros([0, 3])), s)
            for s in ([3, 0], [0], [-1, 3], [0, 7])])
    case("reshape_unknown_dim", lambda: [tf.reshape(x([None, 2, 3]), s) for s in ([-1, 6], [-1], [2, 6], [4, -1])] +
            [tf.reshape(x([None, 2, None]), [-1, 2]), tf.reshape(x(None), [-1, 4])] +
            [tf.reshape(x(), i32([3, 4])), tf.reshape(x(), i32([-1, 4], [None])),
            tf.reshape(x([None, 2, 3]), i32([4, 3], None))])
    case("reshape_packed_shape", lambda: (lambda t: (lambda s: [tf.reshape(t, tf.stack([s[0] * s[1], 3])),
            tf.reshape(t, [s[0], -1]), tf.reshape(t, tf.concat([[-1], s[2:]], 0)), tf.reshape(t, tf.shape(t)),
            tf.reshape(t, tf.stack([s[0], s[1] * s[2]]))])(tf.shape(t)))(x([None, 2, 3])))
    case("reshape_nothing", lambda: [tf.reshape(feed(np.zeros(dims)), s) for dims, s in (([2, 0], [-1, 0]),
            ([2, 0], [3, -1]), ([0, 3], [-1, 0]), ([2, 0, 3], [0, -1]), ([0, 0], [-1, 0, 0]), ([4, 0], [-1, 0, 8]))])
    errors("reshape_errors", lambda: [tf.reshape(x(), i32([5, 2])), tf.reshape(x(), i32([-1, 5])),
            tf.reshape(x(), i32([-1, -1])), tf.reshape(x(), i32([-2, 6])), tf.reshape(x([None, 2, 3]), [5, -1]),
            tf.reshape(x(), i32([[12]], None))])
    case("expand_dims", lambda: [tf.expand_dims(x(), a) for a in (0, 1, 3, -1, -4, -2)] +
            [tf.expand_dims(feed(3), 0)] + [tf.expand_dims(x([None, 2, 3]), 1), tf.expand_dims(x(None), 0),
            tf.expand_dims(x(), i32(1)), tf.expand_dims(x(), i64(-1))])
    errors("expand_dims_errors", lambda: [tf.expand_dims(x(), i32(4)), tf.expand_dims(x(), i32(-5)),
            tf.expand_dims(x(None), 7)])
    y = lambda shape="same": feed(np.arange(6).reshape(1, 2, 1, 3, 1), shape)
    case("squeeze", lambda: [tf.squeeze(y(), a) for a in (None, [0], [2], [-1], [0, -1], [2, 0], [0, 2, 4])] +
            [tf.squeeze(y([None, 2, 1, 3, None])), tf.squeeze(y([None, 2, 1, 3, None]), [0]), tf.squeeze(y(None)),
            tf.squeeze(y(None), [0])])
    errors("squeeze_errors", lambda: [tf.squeeze(y([None] * 5), [1]), tf.squeeze(y(None), [5]),
            tf.squeeze(y(None), [-6])])
    case("transpose", lambda: [tf.transpose(x()), tf.transpose(x(), [0, 2, 1]), tf.transpose(x(), [2, 0, 1]),
            tf.transpose(x(), [0, 1, 2]), tf.transpose(feed([1, 2])), tf.transpose(feed(1)),
            tf.matrix_transpose(x())] + [tf.transpose(ramp(2, 3, 1, 2, 2), p)
            for p in ([4, 3, 2, 1, 0], [0, 2, 1, 4, 3], [1, 0, 2, 3, 4])] +
            [tf.transpose(x([None, 2, None]), [2, 0, 1]), tf.transpose(x(None)), tf.transpose(x(None), [1, 0, 2]),
            tf.transpose(x(), i32([1, 2, 0])), tf.transpose(x([None, 2, 3]), i64([1, 2, 0], [None]))] +
            [tf.transpose(feed(np.zeros([0, 3, 2])), [1, 0, 2])])
    errors("transpose_errors", lambda: [tf.transpose(x(None), i32([0, 1], None)), tf.transpose(x(), i32([0, 1, 1])),
            tf.transpose(x(), i32([0, 1, 3]))])
    case("reverse", lambda: [tf.reverse(x(), a) for a in ([0], [-1], [0, 2], [1, 0, -1], [])] +
            [tf.reverse(x([None, 2, 3]), i32([1])), tf.reverse(x(None), [0]), tf.reverse(x(), i64([-2], [None]))])
    errors("reverse_errors", lambda: [tf.reverse(x(), i32([3])), tf.reverse(x(), i32([0, 0]))])
    sweep("dtypes", [lambda t: tf.reshape(t, [3, -1]), tf.transpose, lambda t: tf.reverse(t, [1])], matrix,
            dtypes=WIDTHS)


def join():
    a, b = (lambda s="same": feed([[1, 2], [3, 4]], s)), (lambda s="same": feed([[5, 6]], s))
    case("concat", lambda: [tf.concat([a(), b()], 0), tf.concat([a(), a()], 1), tf.concat([a(), a(), b()], -2),
            tf.concat([a()], 0), tf.concat([feed([1]), feed([]), feed([2, 3])], 0),
            tf.concat([feed(np.zeros([2, 0])), a()], 1)] + [tf.concat([a([None, 2]), b([None, 2])], 0),
            tf.concat([a([None, 2]), b([1, None])], 0), tf.concat([a([None, None]), a([2, None])], 1),
            tf.concat([a(None), b()], 0), tf.concat([a(None), b(None)], 0), tf.concat([a(), b()], i32(0)),
            R.ConcatV2(values=[a(), a()], axis=i64(-1))])
    errors("concat_errors", lambda: [tf.concat([a(), feed([[1, 2, 3]], None)], 0), tf.concat([a(), b()], i32(1)),
            tf.concat([a(), a()], i32(2)), tf.concat([a(None), feed([1], None)], 0)])
    s = lambda shape="same": feed(np.arange(12).reshape(2, 6), shape)
    case("split", lambda: tf.split(s(), 3, 1) + tf.split(s(), 2, 0) + tf.split(s(), 1, -1) + tf.split(s(), 2, -1) +
            tf.split(s([None, 6]), 3, 1) + tf.split(s([None, 6]), 2, 0) + tf.split(s(None), 2, 1) +
            tf.split(s(), 2, i32(1)))
    errors("split_errors", lambda: [tf.split(s(None), 4, 1), tf.split(s(), 2, i32(2)), tf.split(s([None, 6]), 3, 0)])
    case("split_v", lambda: tf.split(s(), [1, 5], 1) + tf.split(s(), [2, -1, 1], 1) + tf.split(s(), [0, 2], 0) +
            tf.split(s(), [6], -1) + R.SplitV(value=s(), size_splits=np.array([4, 2]), axis=1, num_split=2) +
            tf.split(s([None, 6]), [1, -1], 1) + tf.split(s(None), [1, 5], 1) + tf.split(s(), i32([1, 5]), 1, num=2) +
            tf.split(s([None, None]), [1, -1], 0))
    errors("split_v_errors", lambda: [tf.split(s(), i32([1, 6]), 1, num=2), tf.split(s(), i32([-1, -1]), 1, num=2),
            tf.split(s(), i32([7, -1]), 1, num=2)])
    case("stack", lambda: [tf.stack([a(), a()], i) for i in (0, 1, 2, -1, -3)] +
            [tf.stack([feed(1), feed(2), feed(3)]), tf.stack([feed([])])] +
            [tf.stack([a([None, 2]), a([2, None])]), tf.stack([a(None), a()], 1), tf.stack([a(None), a(None)])])
    errors("stack_error", lambda: [tf.stack([a(None), b(None)])])
    case("unstack", lambda: tf.unstack(s()) + tf.unstack(s(), axis=1) + tf.unstack(s(), axis=-2) +
            tf.unstack(feed([1, 2])) + tf.unstack(s([None, 6]), 2) + tf.unstack(s([2, None])) +
            tf.unstack(s(None), 2))
    errors("unstack_error", lambda: [tf.unstack(s([None, 6]), 3)])
    case("tile", lambda: [tf.tile(a(), m) for m in ([1, 1], [2, 1], [1, 3], [2, 2], [0, 2])] +
            [tf.tile(feed(3), []), tf.tile(ramp(2, 1, 2), [1, 3, 2])] + [tf.tile(a([None, 2]), [2, 3]),
            tf.tile(a(None), [2, 3]), tf.tile(a(), i32([1, 2])), tf.tile(a(None), i64([1, 2], None))])
    errors("tile_errors", lambda: [tf.tile(a(), i32([2], [None])), tf.tile(a(), i32([2, -1]))])
    case("pad", lambda: [tf.pad(a(), p) for p in ([[1, 0], [0, 2]], [[0, 0], [0, 0]], [[1, 1], [1, 1]])] +
            [tf.pad(feed([1, 2]), [[2, 1]]), tf.pad(feed(np.zeros([0])), [[1, 1]]),
            tf.pad(ramp(1, 2, 1, 2), [[0, 1], [1, 0], [0, 1], [0, 0]])] +
            [tf.pad(a(), [[1, 0], [0, 2]], constant_values=9), R.PadV2(input=a(), paddings=[[0, 1], [1, 0]],
            constant_values=feed(-1.))] + [tf.pad(a([None, 2]), [[1, 0], [0, 2]]), tf.pad(a(None), [[1, 0], [0, 2]]),
            tf.pad(a(), i32([[1, 0], [0, 2]])), tf.pad(a([None, 2]), i64([[1, 0], [0, 2]], [None, 2]),
            constant_values=3)])
    errors("pad_errors", lambda: [tf.pad(a(), i32([[-1, 0], [0, 0]])), tf.pad(a(), i32([[1, 0]], None))])
    sweep("dtypes", [lambda x: tf.concat([x, x], 1), lambda x: tf.split(x, 3, 1), lambda x: tf.split(x, [1, 2], 1),
            lambda x: tf.stack([x, x], 1), tf.unstack, lambda x: tf.tile(x, [1, 2]),
            lambda x: R.Pad(input=x, paddings=[[1, 0], [0, 1]]), lambda x: R.PadV2(input=x, paddings=[[1, 0], [0, 1]],
            constant_values=x[0, 1])], matrix, dtypes=WIDTHS)


def slicing():
    x = lambda s="same": feed(np.arange(24).reshape(2, 3, 4), s)
    case("slice", lambda: [tf.slice(x(), b, n) for b, n in [([0, 0, 0], [2, 3, 4]), ([1, 0, 2], [1, 2, 2]),
            ([0, 1, 0], [-1, -1, -1]), ([1, 3, 0], [1, 0, 4]), ([0, 0, 1], [2, -1, 2])]] +
            [tf.slice(feed([1, 2, 3]), [1], [2]), tf.slice(i32([1, 2, 3]), [0], [-1])] +
            [tf.slice(x([None, 3, None]), [0, 1, 0], [1, 2, -1]), tf.slice(x([None, 3, None]), [0, 0, 0],
            [-1, -1, -1]), tf.slice(x(None), [0, 0, 1], [1, 2, -1]), tf.slice(x(), i32([0, 1, 0]), [1, 2, -1]),
            tf.slice(x(), [0, 1, 0], i32([1, 2, -1])), tf.slice(x(), i64([0, 1, 0]), i64([1, 2, -1])),
            tf.slice(x(None), i32([0, 1, 0], None), i32([1, 2, -1], None))])
    errors("slice_errors", lambda: [tf.slice(x(), i32([0, 0, 0]), [3, 3, 4]),
            tf.slice(x(), i32([0, 4, 0]), [1, 0, 1]), tf.slice(x(), i32([-1, 0, 0]), [1, 1, 1]),
            tf.slice(x(), [0, 0, 0], i32([1, -2, 1])), tf.slice(x(None), [0, 0], [1, 1])])
    n = tf.newaxis
    keys = [(np.s_[0], "int"), (np.s_[-1], "negative_int"), (np.s_[1, 2, 3], "all_ints"), (np.s_[:, 1], "column"),
            (np.s_[0:1], "range"), (np.s_[:, 1:3, ::2], "stride"), (np.s_[::-1], "reversed"),
            (np.s_[:, ::-1, ::-2], "negative_strides"), (np.s_[..., 0], "ellipsis_end"),
            (np.s_[1, ...], "ellipsis_start"), (np.s_[0, ..., 1:3], "ellipsis_middle"), (np.s_[n], "new_axis"),
            (np.s_[:, n, 1, n], "new_axes"), (np.s_[..., n, ::-1], "ellipsis_new_axis"), (np.s_[:, 2:1], "empty"),
            (np.s_[:, -100:100], "clamped"), (np.s_[:, 100:-100:-1], "clamped_backwards"),
            (np.s_[:, :, 3:0:-2], "backwards"), (np.s_[:, :, -1:-5:-1], "backwards_all"),
            (np.s_[-2:, -2:-1, :-3], "negative_ends"), (np.s_[5:], "past_the_end"), (np.s_[...], "ellipsis_alone"),
            (np.s_[:, :, 10:20:3], "beyond"), (np.s_[1:, ..., n, 2], "mixed")]
    for i in range(0, len(keys), 4):
        case("at_" + keys[i][1], lambda: [x(shape)[key] for shape in ("same", [None, 3, None]) for key,
                _ in keys[i:i + 4]])
    case("at_unknown_rank", lambda: [x(None)[key] for key in (np.s_[0], np.s_[:, 1:3, ::2], np.s_[..., 0], np.s_[n],
            np.s_[1:, ..., n, 2])])
    for m in ("begin_mask", "end_mask", "shrink_axis_mask", "new_axis_mask"):
        case("at_" + m, lambda: [R.StridedSlice(input=x(), begin=[1, 1, 1], end=[2, 2, 3], strides=[1, 1, 1],
                **{m: mask}) for mask in range(8)])
    case("at_ellipsis_masks", lambda: [R.StridedSlice(input=x(), begin=[1, 1], end=[2, 2], strides=[1, 1],
            ellipsis_mask=m) for m in (1, 2)])
    case("at_all_masks", lambda: R.StridedSlice(input=x(), begin=[9, 0, 9, 1, 1], end=[9, 0, 9, 2, 9],
            strides=[1, 1, 1, 1, -1], begin_mask=1, end_mask=17, ellipsis_mask=2, new_axis_mask=4,
            shrink_axis_mask=8))
    case("at_fed", lambda: [R.StridedSlice(input=x(), begin=i32([0, 1]), end=i32([2, 3]), strides=[1, 1]),
            R.StridedSlice(input=x(), begin=i32([0, 1], [None]), end=i32([2, 3], [None]),
            strides=i32([1, 1], [None])), R.StridedSlice(input=x([None, 3, 4]), begin=i64([1, 0]), end=i64([2, 3]),
            strides=np.array([1, 2]), shrink_axis_mask=1), x()[i32(1)], x()[i32(0):i32(1), 1], x()[:, i32(2):],
            x()[..., i32(-1)]])
    case("at_of_rank1", lambda: (lambda v: [v[0], v[-1], v[1:], v[:-1], v[::2], v[::-1], v[n],
            v[:, n]])(feed([1, 2, 3, 4], [None])) + [feed(3)[n], feed(3)[...]] +
            [feed(np.zeros([0, 3]))[:, 1], feed(np.zeros([2, 0]))[1:, ::-1]])
    case("update", lambda: [R.TensorStridedSliceUpdate(input=x(), begin=[0, 1], end=[2, 3], strides=[1, 1],
            value=feed(np.ones([2, 2, 4]))), R.TensorStridedSliceUpdate(input=x(), begin=[1], end=[2], strides=[1],
            value=feed(np.ones([3, 4])), shrink_axis_mask=1), R.TensorStridedSliceUpdate(input=x([None, 3, 4]),
            begin=[0, 0, 3], end=[1, 2, 0], strides=[1, 1, -2], value=feed([[[8, 9], [6, 7]]]))])
    case("unravel", lambda: [tf.unravel_index(i32([22, 41, 37]), [7, 6]), tf.unravel_index(i64([0, 7], [None]),
            i64([2, 2, 3])), tf.unravel_index(i32(22), i32([7, 6]))])
    m = lambda: feed(np.arange(20).reshape(4, 5))
    case("mirror_pad_grad", lambda: [R.MirrorPadGrad(input=m(), paddings=p, mode=mode) for p in ([[1, 0], [1, 1]],
            [[0, 1], [0, 2]]) for mode in ("REFLECT", "SYMMETRIC")] + [R.MirrorPadGrad(input=m(), paddings=i64([[0, 1],
            [1, 0]]), mode="SYMMETRIC")])
    errors("at_errors", lambda: [x([None, 3, 4])[2], x([None, 3, 4])[-3], x()[i32(5)], x()[::i32(0)],
            x(None)[0, 0, 0, 0], feed(1, None)[0]])
    sweep("dtypes", [lambda t: tf.slice(t, [0, 1], [2, 2]), lambda t: t[:, ::-2]], matrix, dtypes=WIDTHS)


def pick():
    x = lambda s="same": feed(np.arange(12).reshape(2, 2, 3), s)
    case("gather", lambda: [tf.gather(x(), i, axis=a) for i, a in [(1, 0), ([1, 0, 1], 0), ([[0, 1], [1, 1]], 0),
            ([2, 0], 2), ([2, 0], -1), ([[1]], 1), (2, -1), (np.zeros([0], np.int32), 0)]] +
            [tf.gather(x(), i32([1, 0])), tf.gather(x(), i64([[1], [0]]), axis=1),
            tf.gather(x(), i32([1]), axis=i32(1)), tf.gather(x(), i32(1), axis=i64(-1))] +
            [tf.gather(x([None, 2, 3]), i32([1, 0], [None])), tf.gather(x([None, None, 3]), i32([1], [None]), axis=1),
            tf.gather(x(None), [1, 0]), tf.gather(x(), i32([1], None)), tf.gather(x(None), i32([1], None), axis=1),
            tf.gather(x([None, 2, 3]), i32(1, []), axis=2)] + [tf.gather(feed(np.zeros([2, 0])), [1, 0, 1])])
    case("gather_batch_dims", lambda: [R.GatherV2(params=x(), indices=i32([[1, 0], [2, 2]]), axis=2, batch_dims=1),
            R.GatherV2(params=x(), indices=i32([[1, 0], [0, 0]]), axis=1, batch_dims=1),
            R.GatherV2(params=x(), indices=i32([[[1, 0], [0, 0]], [[2, 1], [2, 2]]]), axis=2, batch_dims=2),
            R.GatherV2(params=x([None, 2, 3]), indices=i32([[1], [0]], [None, 1]), axis=1, batch_dims=1),
            R.GatherV2(params=x(), indices=i32([[[1], [0]], [[2], [2]]]), axis=2, batch_dims=-2)])
    errors("gather_errors", lambda: [tf.gather(x(), i32([5])), tf.gather(x(), i32([-1])),
            tf.gather(x(), [0], axis=i32(3)), tf.gather(feed(np.zeros([0, 2])), i32([0]))])
    case("gather_nd", lambda: [tf.gather_nd(x(), i) for i in ([[0, 1, 2], [1, 0, 0]], [[1, 0]], [[1], [0]], [1, 1],
            [[[0, 0, 0]], [[1, 1, 1]]])] + [tf.gather_nd(x(), i64([[1, 0]])),
            tf.gather_nd(x([None, 2, 3]), i32([[1, 0]], [None, 2])), tf.gather_nd(x(None), i32([[1, 0]])),
            tf.gather_nd(x(), i32([[1, 0]], None)), tf.gather_nd(x(), np.zeros([2, 0], np.int32)),
            tf.gather_nd(x(), np.zeros([0, 2], np.int32))])
    errors("gather_nd_errors", lambda: [tf.gather_nd(x(), i32([[2, 0, 0]])), tf.gather_nd(x(), i32([[0, -1]])),
            tf.gather_nd(x(), i32([[0, 0, 0, 0]], None))])
    case("where_index", lambda: [tf.where(boolean(v)) for v in ([True, False, True], [[False, True], [True, True]],
            [[[True, False]]], [False, False])] + [tf.where(boolean([[True, False]], [None, 2])),
            tf.where(boolean([True], None)), tf.where(boolean(np.zeros([0, 2])))])
    c = lambda v, s="same": boolean(v, s)
    case("select", lambda: [tf.where(c([True, False, True]), feed([1, 2, 3]), feed([4, 5, 6])),
            tf.where(c([[True, False]]), feed([[1, 2]]), feed([[3, 4]])),
            tf.where(c(True), feed([1, 2]), feed([3, 4])), tf.where(c([True, False]), feed([[1, 2], [3, 4]]),
            feed([[5, 6], [7, 8]])), tf.where(c(False), feed(1.), feed(2.)), tf.where(c([]), feed([]), feed([])),
            tf.where(c([True, False]), ramp(2, 2, 2), -ramp(2, 2, 2))] + [tf.where(c([True, False], [None]),
            feed([1, 2], [None]), feed([3, 4])), tf.where(c([True, False], [None]), feed([[1, 2], [3, 4]], [None, 2]),
            feed([[5, 6], [7, 8]], [2, None])), tf.where(c([True], None), feed([1], None), feed([2])),
            tf.where(c(True, None), feed([1], None), feed([2], None)), tf.where(c([True], [None]), feed([1], None),
            feed([2], None))] + [tf.where(c([True, False]), feed([1, np.nan]), feed([np.nan, 2]))])
    errors("select_errors", lambda: [tf.where(c([True, False], None), feed([1, 2, 3], None), feed([1, 2, 3], None)),
            tf.where(c([True], None), feed([1, 2], None), feed([1], None)),
            tf.where(c([[True, False]], None), feed([[1, 2], [3, 4]], None), feed([[1, 2], [3, 4]], None))])
    case("select_v2", lambda: [R.SelectV2(condition=c([[True], [False]]), t=feed([1, 2]), e=feed(9)),
            R.SelectV2(condition=c(True), t=feed([1, 2], [None]), e=feed([[3], [4]], [None, 1])),
            R.SelectV2(condition=c([True, False], None), t=feed([1, 2]), e=feed([3, 4]))])
    case("one_hot", lambda: [tf.one_hot(i32([0, 2, 1]), 3), tf.one_hot(i32([[0], [2]]), 3), tf.one_hot(i32(1), 3),
            tf.one_hot(i32([0, 1]), 2, axis=0), tf.one_hot(i32([[0, 1]]), 2, axis=1),
            tf.one_hot(i32([0, 3, -1, 5]), 3), tf.one_hot(i32([0, 1]), 2, on_value=5., off_value=-1.),
            tf.one_hot(i32([]), 3), tf.one_hot(i32([0]), 0)] + [tf.one_hot(feed([0, 1], dtype=d), 2)
            for d in (tf.uint8, tf.int32, tf.int64)] + [tf.one_hot(i32([0, 1], [None]), 2),
            tf.one_hot(i32([0, 1], None), 2), tf.one_hot(i32([0, 1]), i32(2)),
            tf.one_hot(i32([[0, 1]], [None, None]), i32(2), axis=1)])
    case("one_hot_dtypes", lambda: [tf.one_hot(i32([0, 1]), 2, tf.constant(one(d), d), tf.zeros([], d))
            for d in WIDTHS])
    errors("one_hot_errors", lambda: [tf.one_hot(i32([0]), i32(-1)), tf.one_hot(i32([0]), i32([2], None)),
            tf.one_hot(i32([0], None), 2, axis=2)])
    sweep("dtypes", [lambda t: tf.gather(t, [1, 1, 0]), lambda t: tf.gather_nd(t, [[1, 1], [0, 2]]),
            lambda t: R.Where(condition=t), lambda t: tf.where(tf.constant([True, False]), t, t[::-1])], matrix,
            dtypes=WIDTHS)


CASES = {"reshape": reshape, "join": join, "slicing": slicing, "pick": pick}
