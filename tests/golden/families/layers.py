"""tf.layers.dense, whose variables are initialized from seeds."""
from recorder import *


def layers():
    def dense(x, units=3, **more):
        tf.set_random_seed(5)
        y = tf.layers.dense(x, units, **more)
        return steps(tf.global_variables_initializer(), [y] + pack([tf.reshape(v, [-1])
                for v in tf.trainable_variables()]))

    x = lambda *shape: ramp(*shape)
    case("rank2", lambda: dense(x(2, 4)))
    case("rank3", lambda: dense(x(2, 2, 4)))
    case("rank4", lambda: dense(x(1, 2, 2, 4)))
    hidden = lambda shape: feed(np.arange(8).reshape(2, 1, 4) * 0.5 - 2, shape)
    case("rank2_unknown", lambda: dense(feed([[1, 2]], [None, 2])))
    case("rank3_unknown", lambda: dense(hidden([None, 1, 4])))
    case("rank3_two_unknown", lambda: dense(hidden([None, None, 4])))
    for name in ("relu", "sigmoid", "softmax"):
        case(name, lambda: dense(x(2, 2), activation=getattr(tf.nn, name)))
    case("rank3_relu", lambda: dense(hidden([None, 1, 4]), activation=tf.nn.relu))
    case("no_bias", lambda: dense(x(2, 4), use_bias=False))
    case("no_bias_rank3", lambda: dense(x(2, 1, 4), use_bias=False))
    case("double", lambda: dense(ramp(2, 2, dtype=tf.float64)))
    case("half", lambda: dense(ramp(2, 2, dtype=tf.float16)))
    case("own_initializers", lambda: dense(x(2, 4), kernel_initializer=tf.initializers.he_normal(seed=1),
            bias_initializer=tf.initializers.constant(0.5)))
    case("empty_batch", lambda: dense(feed(np.zeros([0, 4]), [None, 4])))
    case("two_layers", lambda: dense(tf.layers.dense(x(2, 3), 4, activation=tf.nn.relu,
            kernel_initializer=tf.initializers.ones(), name="hidden")))

    def shared():
        tf.set_random_seed(5)
        a, b = tf.layers.dense(x(2, 3), 2, name="d"), tf.layers.dense(feed([[1, 0, 0]]), 2, name="d", reuse=True)
        return steps(tf.global_variables_initializer(), [a, b], tf.global_variables())

    case("shared", shared)
    case("resource", lambda: resource(dense, x))
    case("flatten", lambda: [tf.layers.flatten(x(2, 2, 3)), tf.layers.flatten(hidden([None, 1, 4])),
            tf.layers.flatten(hidden([None, None, 4]))])


def resource(dense, x):
    with tf.variable_scope("", use_resource=True):
        return dense(x(2, 4))


CASES = {"layers": layers}
