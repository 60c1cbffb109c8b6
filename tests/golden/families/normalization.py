"""Normalization by batch, its gradients, and the gradient of a bias."""
from recorder import *

R = tf.raw_ops


def small(*shape, dtype=tf.float32):
    """Small numbers that are exact in sums."""
    return feed(np.arange(int(np.prod(shape))).reshape(shape) * 7 % 11 * 0.5 - 2, dtype=dtype)


def batch_norm():
    x, four = lambda: small(2, 3, 2, 4), lambda *values: feed(values)
    scale, offset = lambda: four(1, 2, 0.5, -1), lambda: four(0, 1, -1, 3)
    mean, variance, none = lambda: four(0.5, 0, 1, -1), lambda: four(1, 2, 0.25, 4), lambda: feed([])
    for op in (R.FusedBatchNorm, R.FusedBatchNormV2, R.FusedBatchNormV3):
        case(op.__name__, lambda: list(op(x=x(), scale=scale(), offset=offset(), mean=none(), variance=none(), epsilon=1e-3))[:3] +
                list(op(x=x(), scale=scale(), offset=offset(), mean=mean(), variance=variance(), is_training=False))[:1])
    case("unknown", lambda: [R.FusedBatchNorm(x=feed(np.ones([1, 2, 2, 4]), shape), scale=scale(), offset=offset(), mean=none(),
            variance=none()).y for shape in ([None, None, None, 4], None)])

    def grad(op, is_training, *more):
        saved = R.FusedBatchNormV3(x=x(), scale=scale(), offset=offset(), mean=none(), variance=none(), epsilon=1e-3)
        args = dict(y_backprop=small(2, 3, 2, 4), x=x(), scale=scale(), epsilon=1e-3, is_training=is_training)
        args["reserve_space_1"] = saved[3] if is_training else mean()
        args["reserve_space_2"] = saved[4] if is_training else variance()
        if op is R.FusedBatchNormGradV3:
            args["reserve_space_3"] = saved[5]
        return list(op(**args))[:3]

    for op in (R.FusedBatchNormGrad, R.FusedBatchNormGradV2, R.FusedBatchNormGradV3):
        case(op.__name__, lambda: grad(op, True) + grad(op, False))
    case("BiasAddGrad", lambda: [R.BiasAddGrad(out_backprop=small(2, 3, 2, 4)), R.BiasAddGrad(out_backprop=small(2, 3)),
            R.BiasAddGrad(out_backprop=small(2, 3, 2, 4), data_format="NCHW")])


CASES = {"batch_norm": batch_norm}
