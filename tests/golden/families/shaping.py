"""Ops that rearrange, join, cut and pick elements."""
from recorder import *
from families.array import matrix, one, some

R = tf.raw_ops


def reshape():
    x = lambda shape="same": feed(np.arange(12).reshape(2, 2, 3), shape)
    case("reshape", lambda: [tf.reshape(x(), s) for s in ([12], [3, 4], [-1, 6], [2, -1, 2], [1, 12, 1], [-1])])
    case("reshape_int64", lambda: tf.reshape(x(), np.array([3, -1], np.int64)))
    case("reshape_scalar", lambda: [tf.reshape(feed([5]), []), tf.reshape(feed(5), [1, 1]), tf.reshape(feed(5), [-1])])
    case("reshape_empty", lambda: [tf.reshape(feed(np.zeros([0, 3])), s) for s in ([3, 0], [0], [-1, 3], [0, 7])])
    case("reshape_unknown_dim", lambda: [tf.reshape(x([None, 2, 3]), s) for s in ([-1, 6], [-1], [2, 6], [4, -1])] + [
        tf.reshape(x([None, 2, None]), [-1, 2]), tf.reshape(x(None), [-1, 4])])
    case("reshape_fed_shape", lambda: [tf.reshape(x(), i32([3, 4])), tf.reshape(x(), i32([-1, 4], [None])), tf.reshape(x([None, 2, 3]), i32([4, 3], None))])
    case("reshape_packed_shape", lambda: (lambda t: (lambda s: [
        tf.reshape(t, tf.stack([s[0] * s[1], 3])), tf.reshape(t, [s[0], -1]), tf.reshape(t, tf.concat([[-1], s[2:]], 0)), tf.reshape(t, tf.shape(t)),
        tf.reshape(t, tf.stack([s[0], s[1] * s[2]]))])(tf.shape(t)))(x([None, 2, 3])))
    case("reshape_errors", lambda: steps(
        bad(tf.reshape(x(), i32([5, 2]))), bad(tf.reshape(x(), i32([-1, 5]))), bad(tf.reshape(x(), i32([-1, -1]))),
        bad(tf.reshape(x(), i32([-2, 6]))), bad(tf.reshape(x([None, 2, 3]), [5, -1])), bad(tf.reshape(x(), i32([[12]], None)))))
    case("expand_dims", lambda: [tf.expand_dims(x(), a) for a in (0, 1, 3, -1, -4, -2)] + [tf.expand_dims(feed(3), 0)])
    case("expand_dims_unknown", lambda: [tf.expand_dims(x([None, 2, 3]), 1), tf.expand_dims(x(None), 0), tf.expand_dims(x(), i32(1)),
                                         tf.expand_dims(x(), i64(-1))])
    case("expand_dims_errors", lambda: steps(bad(tf.expand_dims(x(), i32(4))), bad(tf.expand_dims(x(), i32(-5))), bad(tf.expand_dims(x(None), 7))))
    y = lambda shape="same": feed(np.arange(6).reshape(1, 2, 1, 3, 1), shape)
    case("squeeze", lambda: [tf.squeeze(y(), a) for a in (None, [0], [2], [-1], [0, -1], [2, 0], [0, 2, 4])])
    case("squeeze_unknown", lambda: [tf.squeeze(y([None, 2, 1, 3, None])), tf.squeeze(y([None, 2, 1, 3, None]), [0]), tf.squeeze(y(None)), tf.squeeze(y(None), [0])])
    case("squeeze_errors", lambda: steps(bad(tf.squeeze(y([None] * 5), [1])), bad(tf.squeeze(y(None), [5])), bad(tf.squeeze(y(None), [-6]))))
    case("transpose", lambda: [tf.transpose(x()), tf.transpose(x(), [0, 2, 1]), tf.transpose(x(), [2, 0, 1]), tf.transpose(x(), [0, 1, 2]),
                               tf.transpose(feed([1, 2])), tf.transpose(feed(1)), tf.matrix_transpose(x())])
    case("transpose_rank5", lambda: [tf.transpose(ramp(2, 3, 1, 2, 2), p) for p in ([4, 3, 2, 1, 0], [0, 2, 1, 4, 3], [1, 0, 2, 3, 4])])
    case("transpose_unknown", lambda: [tf.transpose(x([None, 2, None]), [2, 0, 1]), tf.transpose(x(None)), tf.transpose(x(None), [1, 0, 2]),
                                       tf.transpose(x(), i32([1, 2, 0])), tf.transpose(x([None, 2, 3]), i64([1, 2, 0], [None]))])
    case("transpose_empty", lambda: tf.transpose(feed(np.zeros([0, 3, 2])), [1, 0, 2]))
    case("transpose_errors", lambda: steps(bad(tf.transpose(x(None), i32([0, 1], None))), bad(tf.transpose(x(), i32([0, 1, 1]))), bad(tf.transpose(x(), i32([0, 1, 3])))))
    case("reverse", lambda: [tf.reverse(x(), a) for a in ([0], [-1], [0, 2], [1, 0, -1], [])])
    case("reverse_fed_axis", lambda: [tf.reverse(x([None, 2, 3]), i32([1])), tf.reverse(x(None), [0]), tf.reverse(x(), i64([-2], [None]))])
    case("reverse_errors", lambda: steps(bad(tf.reverse(x(), i32([3]))), bad(tf.reverse(x(), i32([0, 0])))))
    case("reverse_sequence", lambda: [tf.reverse_sequence(ramp(2, 4), i32([3, 1]), seq_axis=1), tf.reverse_sequence(
        ramp(3, 2, 2), i64([2, 3]), seq_axis=0, batch_axis=1)])
    sweep("dtypes", [lambda t: tf.reshape(t, [3, -1]), tf.transpose, lambda t: tf.reverse(t, [1])], matrix)


def join():
    a, b = (lambda s="same": feed([[1, 2], [3, 4]], s)), (lambda s="same": feed([[5, 6]], s))
    case("concat", lambda: [tf.concat([a(), b()], 0), tf.concat([a(), a()], 1), tf.concat([a(), a(), b()], -2), tf.concat([a()], 0),
                            tf.concat([feed([1]), feed([]), feed([2, 3])], 0), tf.concat([feed(np.zeros([2, 0])), a()], 1)])
    case("concat_unknown", lambda: [tf.concat([a([None, 2]), b([None, 2])], 0), tf.concat([a([None, 2]), b([1, None])], 0),
                                    tf.concat([a([None, None]), a([2, None])], 1), tf.concat([a(None), b()], 0), tf.concat([a(None), b(None)], 0),
                                    tf.concat([a(), b()], i32(0)), R.ConcatV2(values=[a(), a()], axis=i64(-1))])
    case("concat_old", lambda: R.Concat(concat_dim=0, values=[a(), b()]))
    case("concat_errors", lambda: steps(bad(tf.concat([a(), feed([[1, 2, 3]], None)], 0)), bad(tf.concat([a(), b()], i32(1))),
                                        bad(tf.concat([a(), a()], i32(2))), bad(tf.concat([a(None), feed([1], None)], 0))))
    case("concat_offset", lambda: R.ConcatOffset(concat_dim=1, shape=[i32([2, 2]), i32([2, 5]), i32([2, 1])]))
    s = lambda shape="same": feed(np.arange(12).reshape(2, 6), shape)
    case("split", lambda: tf.split(s(), 3, 1) + tf.split(s(), 2, 0) + tf.split(s(), 1, -1) + tf.split(s(), 2, -1))
    case("split_unknown", lambda: tf.split(s([None, 6]), 3, 1) + tf.split(s([None, 6]), 2, 0) + tf.split(s(None), 2, 1) + tf.split(s(), 2, i32(1)))
    case("split_errors", lambda: steps(bad(tf.split(s(None), 4, 1)), bad(tf.split(s(), 2, i32(2))), bad(tf.split(s([None, 6]), 3, 0))))
    case("split_v", lambda: tf.split(s(), [1, 5], 1) + tf.split(s(), [2, -1, 1], 1) + tf.split(s(), [0, 2], 0) + tf.split(s(), [6], -1))
    case("split_v_int64", lambda: R.SplitV(value=s(), size_splits=np.array([4, 2]), axis=1, num_split=2))
    case("split_v_unknown", lambda: tf.split(s([None, 6]), [1, -1], 1) + tf.split(s(None), [1, 5], 1) + tf.split(s(), i32([1, 5]), 1, num=2)
         + tf.split(s([None, None]), [1, -1], 0))
    case("split_v_errors", lambda: steps(bad(tf.split(s(), i32([1, 6]), 1, num=2)), bad(tf.split(s(), i32([-1, -1]), 1, num=2)),
                                         bad(tf.split(s(), i32([7, -1]), 1, num=2))))
    case("stack", lambda: [tf.stack([a(), a()], i) for i in (0, 1, 2, -1, -3)] + [tf.stack([feed(1), feed(2), feed(3)]), tf.stack([feed([])])])
    case("stack_unknown", lambda: [tf.stack([a([None, 2]), a([2, None])]), tf.stack([a(None), a()], 1), tf.stack([a(None), a(None)])])
    case("stack_error", lambda: steps(bad(tf.stack([a(None), b(None)]))))
    case("unstack", lambda: tf.unstack(s()) + tf.unstack(s(), axis=1) + tf.unstack(s(), axis=-2) + tf.unstack(feed([1, 2])))
    case("unstack_unknown", lambda: tf.unstack(s([None, 6]), 2) + tf.unstack(s([2, None])) + tf.unstack(s(None), 2))
    case("unstack_none", lambda: R.Unpack(value=feed(np.zeros([2, 0])), num=2, axis=0) + R.Unpack(value=feed(np.zeros([2, 0])), num=0, axis=1)[:0])
    case("unstack_error", lambda: steps(bad(tf.unstack(s([None, 6]), 3))))
    case("tile", lambda: [tf.tile(a(), m) for m in ([1, 1], [2, 1], [1, 3], [2, 2], [0, 2])] + [tf.tile(feed(3), []), tf.tile(ramp(2, 1, 2), [1, 3, 2])])
    case("tile_unknown", lambda: [tf.tile(a([None, 2]), [2, 3]), tf.tile(a(None), [2, 3]), tf.tile(a(), i32([1, 2])), tf.tile(a(None), i64([1, 2], None))])
    case("tile_errors", lambda: steps(bad(tf.tile(a(), i32([2], [None]))), bad(tf.tile(a(), i32([2, -1])))))
    case("pad", lambda: [tf.pad(a(), p) for p in ([[1, 0], [0, 2]], [[0, 0], [0, 0]], [[1, 1], [1, 1]])] + [
        tf.pad(feed([1, 2]), [[2, 1]]), tf.pad(feed(np.zeros([0])), [[1, 1]]), tf.pad(ramp(1, 2, 1, 2), [[0, 1], [1, 0], [0, 1], [0, 0]])])
    case("pad_v2", lambda: [tf.pad(a(), [[1, 0], [0, 2]], constant_values=9), R.PadV2(input=a(), paddings=[[0, 1], [1, 0]], constant_values=feed(-1.))])
    case("pad_unknown", lambda: [tf.pad(a([None, 2]), [[1, 0], [0, 2]]), tf.pad(a(None), [[1, 0], [0, 2]]), tf.pad(a(), i32([[1, 0], [0, 2]])),
                                 tf.pad(a([None, 2]), i64([[1, 0], [0, 2]], [None, 2]), constant_values=3)])
    case("pad_errors", lambda: steps(bad(tf.pad(a(), i32([[-1, 0], [0, 0]]))), bad(tf.pad(a(), i32([[1, 0]], None)))))
    case("mirror_pad", lambda: [tf.pad(ramp(2, 3), [[1, 1], [2, 0]], m) for m in ("REFLECT", "SYMMETRIC")])
    sweep("dtypes", [lambda x: tf.concat([x, x], 1), lambda x: tf.split(x, 3, 1), lambda x: tf.split(x, [1, 2], 1), lambda x: tf.stack([x, x], 1),
                     tf.unstack, lambda x: tf.tile(x, [1, 2]), lambda x: R.Pad(input=x, paddings=[[1, 0], [0, 1]]),
                     lambda x: R.PadV2(input=x, paddings=[[1, 0], [0, 1]], constant_values=x[0, 1])], matrix)


def slicing():
    x = lambda s="same": feed(np.arange(24).reshape(2, 3, 4), s)
    case("slice", lambda: [tf.slice(x(), b, n) for b, n in [
        ([0, 0, 0], [2, 3, 4]), ([1, 0, 2], [1, 2, 2]), ([0, 1, 0], [-1, -1, -1]), ([1, 3, 0], [1, 0, 4]), ([0, 0, 1], [2, -1, 2])]])
    case("slice_rank1", lambda: [tf.slice(feed([1, 2, 3]), [1], [2]), tf.slice(i32([1, 2, 3]), [0], [-1])])
    case("slice_unknown", lambda: [tf.slice(x([None, 3, None]), [0, 1, 0], [1, 2, -1]), tf.slice(x([None, 3, None]), [0, 0, 0], [-1, -1, -1]),
                                   tf.slice(x(None), [0, 0, 1], [1, 2, -1]), tf.slice(x(), i32([0, 1, 0]), [1, 2, -1]),
                                   tf.slice(x(), [0, 1, 0], i32([1, 2, -1])), tf.slice(x(), i64([0, 1, 0]), i64([1, 2, -1])), tf.slice(x(None), i32([0, 1, 0], None), i32([1, 2, -1], None))])
    case("slice_errors", lambda: steps(bad(tf.slice(x(), i32([0, 0, 0]), [3, 3, 4])), bad(tf.slice(x(), i32([0, 4, 0]), [1, 0, 1])),
                                       bad(tf.slice(x(), i32([-1, 0, 0]), [1, 1, 1])), bad(tf.slice(x(), [0, 0, 0], i32([1, -2, 1]))), bad(tf.slice(x(None), [0, 0], [1, 1]))))
    n = tf.newaxis
    keys = [(np.s_[0], "int"), (np.s_[-1], "negative_int"), (np.s_[1, 2, 3], "all_ints"), (np.s_[:, 1], "column"), (np.s_[0:1], "range"), (np.s_[:, 1:3, ::2], "stride"),
            (np.s_[::-1], "reversed"), (np.s_[:, ::-1, ::-2], "negative_strides"), (np.s_[..., 0], "ellipsis_end"), (np.s_[1, ...], "ellipsis_start"),
            (np.s_[0, ..., 1:3], "ellipsis_middle"), (np.s_[n], "new_axis"), (np.s_[:, n, 1, n], "new_axes"), (np.s_[..., n, ::-1], "ellipsis_new_axis"), (np.s_[:, 2:1], "empty"),
            (np.s_[:, -100:100], "clamped"), (np.s_[:, 100:-100:-1], "clamped_backwards"), (np.s_[:, :, 3:0:-2], "backwards"), (np.s_[:, :, -1:-5:-1], "backwards_all"),
            (np.s_[-2:, -2:-1, :-3], "negative_ends"), (np.s_[5:], "past_the_end"), (np.s_[...], "ellipsis_alone"), (np.s_[:, :, 10:20:3], "beyond"), (np.s_[1:, ..., n, 2], "mixed")]
    for i in range(0, len(keys), 4):
        case("strided_" + keys[i][1], lambda: [x()[key] for key, _ in keys[i:i + 4]])
        case("strided_unknown_dims_" + keys[i][1], lambda: [x([None, 3, None])[key] for key, _ in keys[i:i + 4]])
    case("strided_unknown_rank", lambda: [x(None)[key] for key in (np.s_[0], np.s_[:, 1:3, ::2], np.s_[..., 0], np.s_[n], np.s_[1:, ..., n, 2])])
    for m in ("begin_mask", "end_mask", "shrink_axis_mask", "new_axis_mask"):
        case("strided_" + m, lambda: [R.StridedSlice(input=x(), begin=[1, 1, 1], end=[2, 2, 3], strides=[1, 1, 1], **{m: mask}) for mask in range(8)])
    case("strided_ellipsis_masks", lambda: [R.StridedSlice(input=x(), begin=[1, 1], end=[2, 2], strides=[1, 1], ellipsis_mask=m) for m in (1, 2)])
    case("strided_all_masks", lambda: R.StridedSlice(input=x(), begin=[9, 0, 9, 1, 1], end=[9, 0, 9, 2, 9], strides=[1, 1, 1, 1, -1], begin_mask=1, end_mask=17,
                                                     ellipsis_mask=2, new_axis_mask=4, shrink_axis_mask=8))
    case("strided_fed", lambda: [R.StridedSlice(input=x(), begin=i32([0, 1]), end=i32([2, 3]), strides=[1, 1]), R.StridedSlice(
        input=x(), begin=i32([0, 1], [None]), end=i32([2, 3], [None]), strides=i32([1, 1], [None])), R.StridedSlice(
        input=x([None, 3, 4]), begin=i64([1, 0]), end=i64([2, 3]), strides=np.array([1, 2]), shrink_axis_mask=1), x()[i32(1)], x()[i32(0):i32(1), 1], x()[:, i32(2):], x()[..., i32(-1)]])
    case("strided_of_rank1", lambda: (lambda v: [v[0], v[-1], v[1:], v[:-1], v[::2], v[::-1], v[n], v[:, n]])(feed([1, 2, 3, 4], [None])))
    case("strided_of_scalar", lambda: [feed(3)[n], feed(3)[...]])
    case("strided_empty_input", lambda: [feed(np.zeros([0, 3]))[:, 1], feed(np.zeros([2, 0]))[1:, ::-1]])
    case("strided_errors", lambda: steps(bad(x([None, 3, 4])[2]), bad(x([None, 3, 4])[-3]), bad(x()[i32(5)]), bad(x()[::i32(0)]), bad(x(None)[0, 0, 0, 0]), bad(feed(1, None)[0])))
    sweep("dtypes", [lambda t: tf.slice(t, [0, 1], [2, 2]), lambda t: t[:, ::-2]], matrix)


def pick():
    x = lambda s="same": feed(np.arange(12).reshape(2, 2, 3), s)
    case("gather", lambda: [tf.gather(x(), i, axis=a) for i, a in [(1, 0), ([1, 0, 1], 0), ([[0, 1], [1, 1]], 0), ([2, 0], 2), ([2, 0], -1), ([[1]], 1), (2, -1), (np.zeros([0], np.int32), 0)]])
    case("gather_fed", lambda: [tf.gather(x(), i32([1, 0])), tf.gather(x(), i64([[1], [0]]), axis=1), tf.gather(x(), i32([1]), axis=i32(1)), tf.gather(x(), i32(1), axis=i64(-1))])
    case("gather_unknown", lambda: [tf.gather(x([None, 2, 3]), i32([1, 0], [None])), tf.gather(x([None, None, 3]), i32([1], [None]), axis=1), tf.gather(x(None), [1, 0]), tf.gather(x(), i32([1], None)),
                                    tf.gather(x(None), i32([1], None), axis=1), tf.gather(x([None, 2, 3]), i32(1, []), axis=2)])
    case("gather_old", lambda: R.Gather(params=x(), indices=[1, 0]))
    case("gather_batch_dims", lambda: [R.GatherV2(params=x(), indices=i32([[1, 0], [2, 2]]), axis=2, batch_dims=1), R.GatherV2(params=x(), indices=i32([[1, 0], [0, 0]]), axis=1, batch_dims=1),
                                       R.GatherV2(params=x(), indices=i32([[[1, 0], [0, 0]], [[2, 1], [2, 2]]]), axis=2, batch_dims=2), R.GatherV2(params=x([None, 2, 3]), indices=i32([[1], [0]], [None, 1]), axis=1, batch_dims=1),
                                       R.GatherV2(params=x(), indices=i32([[[1], [0]], [[2], [2]]]), axis=2, batch_dims=-2)])
    case("gather_batch_dims_python", lambda: tf.gather(x(), i32([[1, 0], [2, 2]]), axis=2, batch_dims=1))
    case("gather_empty_params", lambda: tf.gather(feed(np.zeros([2, 0])), [1, 0, 1]))
    case("gather_errors", lambda: steps(bad(tf.gather(x(), i32([5]))), bad(tf.gather(x(), i32([-1]))), bad(tf.gather(x(), [0], axis=i32(3))), bad(tf.gather(feed(np.zeros([0, 2])), i32([0])))))
    case("gather_nd", lambda: [tf.gather_nd(x(), i) for i in ([[0, 1, 2], [1, 0, 0]], [[1, 0]], [[1], [0]], [1, 1], [[[0, 0, 0]], [[1, 1, 1]]])])
    case("gather_nd_fed", lambda: [tf.gather_nd(x(), i64([[1, 0]])), tf.gather_nd(x([None, 2, 3]), i32([[1, 0]], [None, 2])), tf.gather_nd(x(None), i32([[1, 0]])), tf.gather_nd(x(), i32([[1, 0]], None)),
                                   tf.gather_nd(x(), np.zeros([2, 0], np.int32)), tf.gather_nd(x(), np.zeros([0, 2], np.int32))])
    case("gather_nd_errors", lambda: steps(bad(tf.gather_nd(x(), i32([[2, 0, 0]]))), bad(tf.gather_nd(x(), i32([[0, -1]]))), bad(tf.gather_nd(x(), i32([[0, 0, 0, 0]], None)))))
    case("batch_gather", lambda: tf.batch_gather(ramp(2, 3), i32([[2], [0]])))
    case("where_index", lambda: [tf.where(boolean(v)) for v in ([True, False, True], [[False, True], [True, True]], [[[True, False]]], [False, False])])
    case("where_index_unknown", lambda: [tf.where(boolean([[True, False]], [None, 2])), tf.where(boolean([True], None)), tf.where(boolean(np.zeros([0, 2])))])
    case("boolean_mask", lambda: [tf.boolean_mask(feed([[1, 2], [3, 4], [5, 6]]), boolean([True, False, True])), tf.boolean_mask(ramp(2, 2), boolean([[True, False], [True, True]]))])
    c = lambda v, s="same": boolean(v, s)
    case("select", lambda: [tf.where(c([True, False, True]), feed([1, 2, 3]), feed([4, 5, 6])), tf.where(c([[True, False]]), feed([[1, 2]]), feed([[3, 4]])),
                            tf.where(c(True), feed([1, 2]), feed([3, 4])), tf.where(c([True, False]), feed([[1, 2], [3, 4]]), feed([[5, 6], [7, 8]])),
                            tf.where(c(False), feed(1.), feed(2.)), tf.where(c([]), feed([]), feed([])), tf.where(c([True, False]), ramp(2, 2, 2), -ramp(2, 2, 2))])
    case("select_unknown", lambda: [tf.where(c([True, False], [None]), feed([1, 2], [None]), feed([3, 4])), tf.where(c([True, False], [None]), feed([[1, 2], [3, 4]], [None, 2]), feed([[5, 6], [7, 8]], [2, None])),
                                    tf.where(c([True], None), feed([1], None), feed([2])), tf.where(c(True, None), feed([1], None), feed([2], None)), tf.where(c([True], [None]), feed([1], None), feed([2], None))])
    case("select_picks_past_nan", lambda: tf.where(c([True, False]), feed([1, np.nan]), feed([np.nan, 2])))
    case("select_errors", lambda: steps(bad(tf.where(c([True, False], None), feed([1, 2, 3], None), feed([1, 2, 3], None))), bad(tf.where(c([True], None), feed([1, 2], None), feed([1], None))),
                                        bad(tf.where(c([[True, False]], None), feed([[1, 2], [3, 4]], None), feed([[1, 2], [3, 4]], None)))))
    case("select_v2", lambda: [R.SelectV2(condition=c([[True], [False]]), t=feed([1, 2]), e=feed(9)), R.SelectV2(condition=c(True), t=feed([1, 2], [None]), e=feed([[3], [4]], [None, 1])),
                               R.SelectV2(condition=c([True, False], None), t=feed([1, 2]), e=feed([3, 4]))])
    case("one_hot", lambda: [tf.one_hot(i32([0, 2, 1]), 3), tf.one_hot(i32([[0], [2]]), 3), tf.one_hot(i32(1), 3), tf.one_hot(i32([0, 1]), 2, axis=0), tf.one_hot(i32([[0, 1]]), 2, axis=1),
                             tf.one_hot(i32([0, 3, -1, 5]), 3), tf.one_hot(i32([0, 1]), 2, on_value=5., off_value=-1.), tf.one_hot(i32([]), 3), tf.one_hot(i32([0]), 0)])
    case("one_hot_indices", lambda: [tf.one_hot(feed([0, 1], dtype=d), 2) for d in (tf.uint8, tf.int32, tf.int64)])
    case("one_hot_dtypes", lambda: [tf.one_hot(i32([0, 1]), 2, tf.constant(one(d), d), tf.zeros([], d)) for d in ALL])
    case("one_hot_unknown", lambda: [tf.one_hot(i32([0, 1], [None]), 2), tf.one_hot(i32([0, 1], None), 2), tf.one_hot(i32([0, 1]), i32(2)), tf.one_hot(i32([[0, 1]], [None, None]), i32(2), axis=1)])
    case("one_hot_errors", lambda: steps(bad(tf.one_hot(i32([0]), i32(-1))), bad(tf.one_hot(i32([0]), i32([2], None))), bad(tf.one_hot(i32([0], None), 2, axis=2))))
    case("unique", lambda: list(tf.unique(i32([3, 1, 3, 2, 1]))) + list(tf.unique_with_counts(feed([1, 1, 2], [None]))))
    sweep("dtypes", [lambda t: tf.gather(t, [1, 1, 0]), lambda t: tf.gather_nd(t, [[1, 1], [0, 2]]), lambda t: R.Where(condition=t),
                     lambda t: tf.where(tf.constant([True, False]), t, t[::-1])], matrix)


CASES = {"reshape": reshape, "join": join, "slicing": slicing, "pick": pick}
