"""Initializers with seeds: called for a tensor, and through a variable."""
from recorder import *


def initializers():
    I = tf.initializers
    shape = [3, 4]
    table = [("zeros", I.zeros()), ("ones", I.ones()), ("constant", I.constant(2.5)),
            ("constant_list", I.constant(list(range(12)))), ("identity", I.identity(2.)),
            ("uniform", I.random_uniform(-0.5, 0.5, seed=1)), ("normal", I.random_normal(1., 2., seed=1)),
            ("truncated", I.truncated_normal(0., 0.3, seed=1)), ("glorot_uniform", I.glorot_uniform(seed=1)),
            ("glorot_normal", I.glorot_normal(seed=1)), ("he_uniform", I.he_uniform(seed=1)),
            ("he_normal", I.he_normal(seed=1)), ("lecun_uniform", I.lecun_uniform(seed=1)),
            ("lecun_normal", I.lecun_normal(seed=1)), ("uniform_unit", I.uniform_unit_scaling(seed=1))]
    case("fixed", lambda: [initializer(shape, tf.float32) for name, initializer in table[:5]])
    for name, initializer in table[5:]:
        case(name, lambda: initializer(shape, tf.float32))
    for mode in ("fan_in", "fan_out", "fan_avg"):
        case("scaling_" + mode, lambda: [I.variance_scaling(2., mode, d, seed=1)(shape, tf.float32)
                for d in ("uniform", "truncated_normal", "untruncated_normal")])
    case("scaling_shapes", lambda: [I.variance_scaling(seed=1)(s, tf.float32)
            for s in ([], [5], [2, 2, 2], [2, 1, 2, 2])])
    case("identity_wide", lambda: [I.identity()(s, tf.float32) for s in ([2, 3], [3, 2], [2, 2])])
    case("dtypes", lambda: [I.zeros()([2], tf.int32), I.ones()([2], tf.bool), I.constant(3)([2], tf.int64),
            I.random_uniform(seed=1)([3], tf.float64), I.glorot_uniform(seed=1)([2, 2], tf.float64),
            I.random_normal(seed=1)([3], tf.float16), I.random_uniform(0, 9, seed=1, dtype=tf.int32)([5])])
    case("variables", lambda: variables(I))


def variables(I):
    tf.set_random_seed(11)
    made = [tf.get_variable("v%d" % i, [2, 3], initializer=init) for i, init in enumerate([None, I.random_normal(),
            I.he_normal(), I.ones()])]
    return steps(tf.global_variables_initializer(), made)


CASES = {"initializers": initializers}
