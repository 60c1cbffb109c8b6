"""Operands without elements: what is not there is not checked, except where TensorFlow checks it."""
from recorder import *

R = tf.raw_ops
none = lambda *shape, dtype=tf.float32: feed(np.zeros(shape), dtype=dtype)
text = lambda *values: tf.placeholder_with_default(tf.constant(list(values), tf.string), [len(values)])


def integers():
    """Integer functions of two, which refuse some second operands."""
    ops = [R.Div, R.FloorDiv, R.TruncateDiv, R.FloorMod, R.Mod, R.TruncateMod]
    sweep("division", [lambda x, y, op=op: op(x=x, y=y) for op in ops], lambda d: [], lambda d: 0, dtypes=INTS)
    case("division_of_rows", lambda: [op(x=i32([[1], [2]]), y=none(0, dtype=tf.int32)) for op in ops] +
            [op(x=none(2, 0, dtype=tf.int32), y=i32([0])) for op in ops])
    case("powers", lambda: [R.Pow(x=none(0, dtype=d), y=feed(-1, dtype=d)) for d in (tf.int32, tf.int64)])
    case("shifts", lambda: [f(x=none(0, dtype=tf.int32), y=i32(-3)) for f in (R.LeftShift, R.RightShift)])
    case("sparse", lambda: R.SparseDenseCwiseDiv(sp_indices=none(0, 1, dtype=tf.int64), sp_values=none(0, dtype=tf.int32),
            sp_shape=i64([2]), dense=i32([0, 0])))
    scatter = lambda v, updates: R.ScatterDiv(ref=v._ref(), indices=i32([]), updates=updates)
    v = lambda: tf.get_variable("v", initializer=[1, 2], use_resource=False)
    case("scatter", lambda: [steps(v.initializer, scatter(v, i32(0)), scatter(v, none(0, dtype=tf.int32)))
            for v in [v()]][0])


def places():
    """Indices beside nothing to pick or to put."""
    case("places", lambda: [R.GatherV2(params=none(0, 3), indices=i32([5]), axis=1), R.GatherV2(params=none(0, 2),
            indices=i32([]), axis=0), R.GatherNd(params=none(0, 2), indices=none(0, 1, dtype=tf.int32)),
            R.ScatterNd(indices=none(0, 1, dtype=tf.int32), updates=none(0, 2), shape=i32([0, 2])),
            R.TensorScatterUpdate(tensor=none(0, 2), indices=none(0, 1, dtype=tf.int32), updates=none(0, 2)),
            R.UnsortedSegmentSum(data=none(2, 0), segment_ids=i32([0, 7]), num_segments=3),
            R.UnsortedSegmentMax(data=none(2, 0), segment_ids=i32([0, 7]), num_segments=3),
            R.DynamicStitch(indices=[i32([-1])], data=[none(1, 0)]),
            R.CropAndResize(image=none(1, 2, 2, 1), boxes=none(0, 4), box_ind=i32([]), crop_size=i32([2, 2])),
            R.UnravelIndex(indices=i32([]), dims=i32([2, 0])), R.OneHot(indices=i32([-5]), depth=0, on_value=1.,
            off_value=0.), R.InplaceUpdate(x=none(2, 0), i=i32([7]), v=none(1, 0)),
            R.InplaceUpdate(x=none(0, 2), i=i32([]), v=none(0, 2)), R.SparseTensorDenseMatMul(a_indices=i64([[0, 9]]),
            a_values=feed([1]), a_shape=i64([2, 3]), b=none(3, 0)), R.SparseTensorDenseMatMul(a_indices=i64([[9, 0]]),
            a_values=feed([1]), a_shape=i64([2, 3]), b=none(3, 0)), R.MaxPoolGradWithArgmax(input=none(1, 2, 2, 0),
            grad=none(1, 1, 1, 0), argmax=none(1, 1, 1, 0, dtype=tf.int64), ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1],
            padding="VALID")], shapes=False)
    errors("place_errors", lambda: [R.GatherV2(params=none(3, 0), indices=i32([5], None), axis=0),
            R.GatherV2(params=none(0, 2), indices=i32([0], None), axis=0), R.GatherNd(params=none(3, 0),
            indices=i32([[5]])), R.GatherNd(params=none(0, 2), indices=i32([[0]])), R.SegmentSum(data=none(2, 0),
            segment_ids=i32([1, 0])), R.SegmentMax(data=none(2, 0), segment_ids=i32([-2, 0])),
            R.SparseSegmentSum(data=none(2, 0), indices=i32([5]), segment_ids=i32([0])),
            R.SparseSegmentSum(data=none(2, 0), indices=i32([0, 1]), segment_ids=i32([1, 0])),
            R.SparseSegmentSumWithNumSegments(data=none(2, 0), indices=i32([0]), segment_ids=i32([5]), num_segments=2),
            R.SparseSegmentMeanGrad(grad=none(1, 0), indices=i32([5]), segment_ids=i32([0]), output_dim0=2),
            R.DynamicPartition(data=none(2, 0), partitions=i32([0, 5]), num_partitions=2)[0],
            R.ReverseSequence(input=none(2, 3, 0), seq_lengths=i32([9, 1]), seq_dim=1, batch_dim=0),
            R.SparseToDense(sparse_indices=i32([[5]]), output_shape=i32([0]), sparse_values=1., default_value=0.),
            R.Bincount(arr=i32([-1]), size=i32(0), weights=i32([])), R.Range(start=i32(1), limit=i32(1), delta=i32(0)),
            R.TopKV2(input=none(0, 2), k=i32(3))[0], R.NthElement(input=none(0, 2), n=i32(3)),
            R.SparseSoftmaxCrossEntropyWithLogits(features=none(2, 0), labels=i32([0, 1]))[0]])


def others():
    """What else looks at elements."""
    case("text", lambda: [R.Substr(input=text("abc"), pos=none(0, dtype=tf.int32), len=none(0, dtype=tf.int32)),
            R.Substr(input=text(), pos=i32([9]), len=i32([1])), R.Substr(input=text(), pos=i32(9), len=i32(-1)),
            R.Equal(x=text("a", "b"), y=tf.reshape(text(), [0, 1])), R.NotEqual(x=text(), y=text("a")),
            R.Equal(x=tf.reshape(text(), [0, 2]), y=text("a", "b")), R.Add(x=text(), y=text("a")), R.AsString(input=none(0)),
            R.DecodeRaw(bytes=text(), out_type=tf.int32)])
    case("range_of_random", lambda: [R.RandomUniformInt(shape=i32([0]), minval=i32(5), maxval=i32(2), seed=1),
            R.StatelessRandomUniformInt(shape=i32([0]), seed=i32([1, 2]), minval=i32(5), maxval=i32(2))])
    case("fake_quant", lambda: R.FakeQuantWithMinMaxVars(inputs=none(0), min=feed(1), max=feed(0)))
    case("matrices", lambda: [R.MatrixInverse(input=none(0, 2, 2)), R.Cholesky(input=none(0, 2, 2))])
    loss = lambda x, y: [tf.losses.mean_squared_error(y, x)] + tf.gradients(tf.losses.mean_squared_error(y, x), x)
    case("loss", lambda: loss(feed(.25), feed(.75)) + loss(none(0, 2), none(0, 2)))
    sparse = lambda x, y: [tf.losses.sparse_softmax_cross_entropy(y, x)] + tf.gradients(
            tf.losses.sparse_softmax_cross_entropy(y, x), x)
    case("sparse_loss", lambda: sparse(feed([[1, 2, 0]]), i32([1])) + sparse(none(0, 3), i32([])))
    whole = [tf.reduce_sum, tf.reduce_mean, tf.reduce_max, tf.reduce_prod]
    case("whole_scalars", lambda: [t for x in [feed(2.5)] for f in whole for t in [f(x)] + tf.gradients(f(x), x)], shapes=False)


def batch_norm():
    """In training of no images the moments are NaN, and nothing flows; where they are given they are not written."""
    vectors = lambda: dict(scale=feed([1, 2, 3]), offset=feed([0, 1, 2]), mean=feed([]), variance=feed([]))
    back = lambda x: dict(y_backprop=x, x=x, scale=feed([1, 2, 3]), reserve_space_1=feed([0, 1, 2]),
            reserve_space_2=feed([3, 2, 1]))
    shapes = ([0, 3, 4, 3], [2, 0, 4, 3])
    case("batch_norm", lambda: [t for f in (R.FusedBatchNorm, R.FusedBatchNormV2, R.FusedBatchNormV3) for s in shapes
            for t in list(f(x=none(*s), **vectors()))[:5]] +
            list(R.FusedBatchNormV3(x=none(*shapes[0], dtype=tf.float16), **vectors()))[:5])
    case("batch_norm_slopes", lambda: [t for f, more in ((R.FusedBatchNormGrad, {}), (R.FusedBatchNormGradV3,
            {"reserve_space_3": feed([])})) for s in shapes for train in (True, False)
            for t in list(f(is_training=train, **back(none(*s)), **more))[:3]])


def everything():
    for cases in (integers, places, others, batch_norm):
        cases()


CASES = {"nothing": everything}
