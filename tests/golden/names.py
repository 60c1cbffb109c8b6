"""Prints the nodes that small TF1 programs make: python names.py > names.txt (needs TensorFlow 1.15.5).

One line a node, in the order of creation:
    program | node name | op type | output dtypes | static output shapes
Several outputs are separated by "; ". Every program starts with an empty graph.
"""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import warnings
warnings.filterwarnings("ignore")
import numpy as np
import tensorflow as tf

tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.FATAL)
PROGRAMS = []


def program(f):
    PROGRAMS.append(f)
    return f


# ---- names and scopes


@program
def repeated_ops():
    a = tf.constant([[1., 2.]])
    tf.matmul(a, a, transpose_b=True)
    tf.matmul(a, a, transpose_b=True)
    tf.matmul(a, a, transpose_b=True, name="product")
    tf.matmul(a, a, transpose_b=True, name="product")
    tf.identity(a)
    tf.identity(a)


@program
def collisions():
    tf.constant(1., name="a")
    tf.constant(1., name="a")
    tf.constant(1., name="A")
    tf.constant(1., name="a_1")
    tf.constant(1., name="x/y")
    tf.constant(1., name="x/y")
    tf.constant(1., name="x")
    tf.constant(1., name="b_1")
    tf.constant(1., name="b")
    tf.constant(1., name="b")


@program
def name_scopes():
    with tf.name_scope("foo"):
        tf.constant(1.)
        tf.constant(1.)
        with tf.name_scope("bar"):
            tf.constant(1., name="c")
        with tf.name_scope("bar"):
            tf.constant(1., name="c")
    with tf.name_scope("foo"):
        tf.constant(1.)
    with tf.name_scope("foo/"):
        tf.constant(1.)
    with tf.name_scope(None):
        tf.constant(1.)
    with tf.name_scope("foo_1"):
        tf.constant(1.)


@program
def name_scope_leaves_and_reenters():
    with tf.name_scope("outer") as outer:
        with tf.name_scope(None):
            tf.constant(1., name="top")
        with tf.name_scope("inner") as inner:
            tf.constant(1.)
    with tf.name_scope(outer):
        tf.constant(2.)
    with tf.name_scope(inner):
        tf.constant(2.)
    with tf.name_scope("Outer"):
        tf.constant(3.)


@program
def name_scope_takes_the_name_of_an_op():
    tf.constant(1., name="foo")
    with tf.name_scope("foo"):
        tf.constant(1.)
    tf.constant(1., name="foo")


@program
def variable_scopes():
    for _ in range(2):
        with tf.variable_scope("s", reuse=tf.AUTO_REUSE):
            w = tf.get_variable("w", [2], initializer=tf.zeros_initializer())
            tf.add(w, 1.)
    with tf.variable_scope("s"):
        tf.get_variable("other", [2], initializer=tf.zeros_initializer())
        with tf.variable_scope("inner"):
            tf.get_variable("w", [], initializer=tf.ones_initializer())
            tf.constant(1.)


@program
def variable_scope_default_names():
    for _ in range(3):
        with tf.variable_scope(None, "d"):
            tf.get_variable("w", [2], initializer=tf.zeros_initializer())
            tf.constant(1.)


@program
def variable_scope_object():
    with tf.variable_scope("a") as scope:
        tf.get_variable("w", [2], initializer=tf.zeros_initializer())
    with tf.variable_scope(scope, reuse=True):
        tf.identity(tf.get_variable("w", [2]))
    with tf.variable_scope("b"):
        with tf.variable_scope(scope):
            tf.get_variable("u", [1], initializer=tf.zeros_initializer())
            tf.constant(1.)


@program
def variables_and_name_scopes():
    with tf.variable_scope("outer"):
        with tf.name_scope("ns"):
            tf.get_variable("k", [2], initializer=tf.zeros_initializer())
            tf.Variable([1., 2.])
            tf.constant(1.)
    with tf.name_scope("plain"):
        tf.get_variable("k", [2], initializer=tf.zeros_initializer())
        tf.Variable(1., name="v")


# ---- variables


@program
def ref_variables():
    v = tf.Variable([1., 2.])
    tf.Variable(tf.constant(3), name="step", trainable=False)
    tf.Variable(lambda: tf.random_normal([2]), name="drawn")
    tf.Variable([5., 6.])
    v + 1.
    tf.assign(v, [3., 4.])
    tf.assign_add(v, [3., 4.])
    tf.assign_sub(v, [3., 4.])
    v.assign([0., 0.])
    v.assign_add([1., 1.])
    v.read_value()
    tf.is_variable_initialized(v)
    tf.global_variables_initializer()
    tf.local_variables_initializer()


@program
def initialized_value():
    tf.Variable([1., 2.]).initialized_value()


@program
def identity_matrices():
    tf.get_variable("a", [2, 3], initializer=tf.initializers.identity())
    tf.get_variable("b", [2, 2], initializer=tf.initializers.identity(gain=0.5), dtype=tf.float64)


@program
def uninitialized_variables():
    tf.Variable(1., name="a")
    tf.Variable([2., 3.], name="b", collections=[tf.GraphKeys.LOCAL_VARIABLES])
    tf.report_uninitialized_variables()
    tf.report_uninitialized_variables([], name="none")


@program
def resource_variables():
    tf.get_variable("m", [2], use_resource=True, initializer=tf.ones_initializer())
    v = tf.Variable([1., 2.], use_resource=True)
    v + 1.
    tf.assign(v, [3., 4.])
    v.assign_add([1., 1.])
    v.assign_sub([1., 1.])
    v.read_value()
    tf.is_variable_initialized(v)
    tf.global_variables_initializer()


@program
def scatter_updates():
    v = tf.Variable([[1., 2.], [3., 4.]])
    tf.scatter_update(v, [0], [[5., 6.]])
    tf.scatter_add(v, [0], [[5., 6.]])
    tf.scatter_sub(v, [0], [[5., 6.]])
    tf.scatter_mul(v, [0], [[5., 6.]])
    tf.scatter_div(v, [0], [[5., 6.]])
    tf.scatter_min(v, [0], [[5., 6.]])
    tf.scatter_max(v, [0], [[5., 6.]])
    tf.scatter_nd_update(v, [[0, 1]], [7.])


@program
def resource_scatter_updates():
    v = tf.Variable([[1., 2.], [3., 4.]], use_resource=True)
    tf.scatter_update(v, [0], [[5., 6.]])
    tf.scatter_add(v, [0], [[5., 6.]])
    tf.scatter_nd_update(v, [[0, 1]], [7.])


@program
def get_variables():
    tf.get_variable("a", [2, 3])
    tf.get_variable("b", initializer=tf.constant([1., 2.]))
    tf.get_variable("c", initializer=[1, 2])
    tf.get_variable("d", [4], initializer=tf.constant_initializer(2.5))
    tf.get_variable("e", [2], tf.int32, tf.zeros_initializer())
    tf.get_variable("f", [2], initializer=tf.random_uniform_initializer(-1., 1.))
    tf.get_variable("g", [2], initializer=tf.random_normal_initializer())
    tf.get_variable("h", [2], initializer=tf.truncated_normal_initializer())
    tf.get_variable("i", [2, 2], initializer=tf.variance_scaling_initializer())
    tf.get_variable("j", [2, 2], initializer=tf.initializers.identity())
    tf.get_variable("k", [2, 2], initializer=tf.glorot_normal_initializer())
    tf.get_variable("l", [2, 2], initializer=tf.initializers.he_uniform())


@program
def get_variable_again():
    with tf.variable_scope("s"):
        tf.get_variable("w", [2], initializer=tf.zeros_initializer())
    with tf.variable_scope("s", reuse=True):
        w = tf.get_variable("w", [2])
        tf.multiply(w, 2.)


@program
def groups():
    a = tf.constant(1.)
    b = tf.constant(2.)
    tf.group(a, b)
    tf.group(a, b, name="both")
    tf.group()
    tf.no_op()
    tf.tuple([a, b])
    tf.tuple([a, None, b], control_inputs=[tf.no_op()], name="both")
    with tf.control_dependencies([a, b]):
        tf.no_op(name="after")


@program
def initializers_of_a_program():
    tf.Variable(1.)
    tf.Variable(2., collections=[tf.GraphKeys.LOCAL_VARIABLES])
    tf.group(tf.global_variables_initializer(), tf.local_variables_initializer())
    tf.global_variables_initializer()


# ---- layers


@program
def dense_rank2():
    x = tf.placeholder(tf.float32, [None, 6])
    tf.layers.dense(x, 10)
    tf.layers.dense(x, 10)


@program
def dense_rank3():
    x = tf.placeholder(tf.float32, [None, 3, 6])
    tf.layers.dense(x, 10)


@program
def dense_rank3_static():
    x = tf.placeholder(tf.float32, [2, 3, 6])
    tf.layers.dense(x, 10)


@program
def dense_rank4():
    x = tf.placeholder(tf.float32, [None, 3, 2, 6])
    tf.layers.dense(x, 10, name="named")


@program
def dense_activations():
    x = tf.placeholder(tf.float32, [2, 6])
    h = tf.layers.dense(x, 4, activation=tf.nn.relu)
    h = tf.layers.dense(h, 4, activation=tf.nn.tanh)
    h = tf.layers.dense(h, 4, activation=tf.sigmoid, use_bias=False)
    tf.layers.dense(h, 4, activation=tf.nn.softmax)


@program
def dense_reused():
    x = tf.placeholder(tf.float32, [2, 6])
    tf.layers.dense(x, 4, name="d")
    tf.layers.dense(x, 4, name="d", reuse=True)


@program
def dense_in_scopes():
    x = tf.placeholder(tf.float32, [2, 6])
    with tf.variable_scope("net"):
        tf.layers.dense(x, 4)
        tf.layers.dense(x, 4)
    with tf.name_scope("ns"):
        tf.layers.dense(x, 4)


@program
def dense_with_initializers():
    x = tf.placeholder(tf.float32, [2, 6])
    tf.layers.dense(x, 4, kernel_initializer=tf.initializers.he_normal(),
                    bias_initializer=tf.constant_initializer(0.1))
    tf.layers.dense(x, 4, kernel_initializer=tf.zeros_initializer(), bias_initializer=tf.ones_initializer())


@program
def flatten():
    tf.layers.flatten(tf.placeholder(tf.float32, [None, 3, 2]))
    tf.layers.flatten(tf.placeholder(tf.float32, [None, None, 2]))
    tf.layers.flatten(tf.placeholder(tf.float32, [2, 3, 2]))
    tf.layers.flatten(tf.placeholder(tf.float32, [None]), name="named")


# ---- operators


@program
def operators_with_numbers():
    x = tf.placeholder(tf.float32, [2])
    x + 1
    1 + x
    x - 1
    1 - x
    x * 2
    2 * x
    x / 2
    2 / x
    x // 2
    2 // x
    x % 2
    2 % x
    x ** 2
    2 ** x
    -x
    abs(x)
    x < 1
    x <= 1
    x > 1
    x >= 1


@program
def operators_with_tensors():
    x = tf.placeholder(tf.float32, [2, 2])
    y = tf.placeholder(tf.float32, [2, 2])
    x + y
    x - y
    x * y
    x / y
    x // y
    x % y
    x ** y
    x < y
    x @ y


@program
def operators_with_lists():
    x = tf.placeholder(tf.float32, [2])
    x + [1., 2.]
    [1., 2.] * x


@program
def operators_of_ints():
    i = tf.placeholder(tf.int32, [2])
    i + 1
    i / 2
    i // 2
    i % 2


@program
def operators_of_bools():
    p = tf.placeholder(tf.bool, [2])
    q = tf.placeholder(tf.bool, [2])
    p & q
    p | q
    p ^ q
    ~p


@program
def slicing():
    x = tf.placeholder(tf.float32, [None, 3, 4])
    i = tf.placeholder(tf.int32, [])
    x[0]
    x[-1, 1]
    x[:, 1:3]
    x[..., ::-1]
    x[:, tf.newaxis]
    x[i]
    x[i:, 1]
    tf.slice(x, [0, 1, 0], [-1, 2, -1])
    tf.strided_slice(x, [0, 0], [1, 2])


# ---- builders


@program
def sources():
    tf.constant(1.)
    tf.constant([[1, 2], [3, 4]])
    tf.constant(0., shape=[2, 3])
    tf.constant("text")
    tf.constant(1., name="named")
    tf.placeholder(tf.float32)
    tf.placeholder(tf.int32, [None, 3])
    tf.placeholder(tf.float32, [], name="x")
    tf.placeholder_with_default([1., 2.], [None])
    tf.zeros([2, 3])
    tf.ones([2, 3])
    tf.zeros([2000])
    tf.ones([])
    tf.fill([2, 3], 7.)
    tf.range(5)
    tf.range(1., 2., 0.5)
    tf.linspace(0., 1., 3)


@program
def copies():
    x = tf.placeholder(tf.float32, [2])
    tf.identity(x)
    tf.identity_n([x, x])
    tf.stop_gradient(x)
    tf.no_op()
    tf.zeros_like(x)
    tf.ones_like(x)
    tf.zeros_like(tf.placeholder(tf.float32, [None]))
    tf.ones_like(tf.placeholder(tf.float32, [None]))


@program
def shapes_static():
    x = tf.placeholder(tf.float32, [2, 3])
    tf.shape(x)
    tf.size(x)
    tf.rank(x)
    tf.shape_n([x, x])


@program
def shapes_dynamic():
    x = tf.placeholder(tf.float32, [None, 3])
    tf.shape(x)
    tf.size(x)
    tf.rank(x)
    tf.rank(tf.placeholder(tf.float32))
    tf.shape(x)[0]
    tf.reshape(x, [tf.shape(x)[0] * 3])
    tf.reshape(x, tf.stack([tf.shape(x)[0], 1, 3]))
    tf.zeros(tf.shape(x))
    tf.ones(tf.stack([tf.shape(x)[0], 2]))


@program
def rearranging():
    x = tf.placeholder(tf.float32, [2, 3])
    tf.reshape(x, [3, 2])
    tf.reshape(x, [-1])
    tf.expand_dims(x, 1)
    tf.expand_dims(x, -1)
    tf.squeeze(tf.placeholder(tf.float32, [1, 2, 1]))
    tf.squeeze(tf.placeholder(tf.float32, [1, 2, 1]), [0])
    tf.transpose(x)
    tf.transpose(x, [1, 0])
    tf.transpose(tf.placeholder(tf.float32, [None, 3]))
    tf.transpose(tf.placeholder(tf.float32))
    tf.matrix_transpose(x)
    tf.reverse(x, [1])
    tf.invert_permutation([1, 0])


@program
def joining_and_splitting():
    x = tf.placeholder(tf.float32, [2, 4])
    tf.concat([x, x], 0)
    tf.concat([x], 0)
    tf.split(x, 2, 1)
    tf.split(x, [1, 3], 1)
    tf.stack([x, x])
    tf.stack([x, x], axis=-1)
    tf.unstack(x)
    tf.tile(x, [2, 1])
    tf.pad(x, [[1, 0], [0, 1]])
    tf.pad(x, [[1, 0], [0, 1]], constant_values=5.)


@program
def picking():
    x = tf.placeholder(tf.float32, [2, 4])
    p = tf.placeholder(tf.bool, [2, 4])
    tf.gather(x, [1, 0])
    tf.gather(x, 0, axis=1)
    tf.gather_nd(x, [[0, 1]])
    tf.where(p)
    tf.where(p, x, x)
    i = tf.placeholder(tf.int32, [2])
    tf.one_hot(i, 3)
    tf.one_hot(i, 3, 5, -1, axis=0)
    tf.boolean_mask(x, tf.placeholder(tf.bool, [2]))
    tf.nn.embedding_lookup(x, [1])
    tf.nn.top_k(x, 2)


@program
def casting():
    x = tf.placeholder(tf.float32, [2])
    tf.cast(x, tf.int32)
    tf.cast(x, tf.float32)
    tf.to_float(tf.constant(1))
    tf.to_int32(x)
    tf.bitcast(x, tf.int32)
    tf.broadcast_to(x, [3, 2])
    tf.saturate_cast(x, tf.uint8)


@program
def unary():
    x = tf.placeholder(tf.float32, [2])
    tf.abs(x)
    tf.negative(x)
    tf.sign(x)
    tf.reciprocal(x)
    tf.square(x)
    tf.sqrt(x)
    tf.rsqrt(x)
    tf.exp(x)
    tf.expm1(x)
    tf.log(x)
    tf.log1p(x)
    tf.sin(x)
    tf.cos(x)
    tf.tan(x)
    tf.asin(x)
    tf.acos(x)
    tf.atan(x)
    tf.sinh(x)
    tf.cosh(x)
    tf.tanh(x)
    tf.asinh(x)
    tf.acosh(x)
    tf.atanh(x)
    tf.floor(x)
    tf.ceil(x)
    tf.round(x)
    tf.round(tf.placeholder(tf.int32, [2]))
    tf.rint(x)
    tf.is_nan(x)
    tf.is_inf(x)
    tf.is_finite(x)
    tf.logical_not(tf.placeholder(tf.bool, [2]))
    tf.bitwise.invert(tf.placeholder(tf.int32, [2]))


@program
def activations():
    x = tf.placeholder(tf.float32, [2, 3])
    tf.sigmoid(x)
    tf.nn.softplus(x)
    tf.nn.softsign(x)
    tf.nn.relu(x)
    tf.nn.relu6(x)
    tf.nn.elu(x)
    tf.nn.selu(x)
    tf.nn.leaky_relu(x)
    tf.nn.tanh(x)
    tf.nn.softmax(x)
    tf.nn.log_softmax(x)
    tf.nn.dropout(x, rate=0.5, seed=1)
    tf.nn.dropout(x, keep_prob=0.5, seed=1)
    tf.clip_by_value(x, -1., 1.)


@program
def softmax_other_axis():
    tf.nn.softmax(tf.placeholder(tf.float32, [2, 3]), axis=0)


@program
def softmax_axes():
    x = tf.placeholder(tf.float32, [2, None, 4])
    tf.nn.softmax(x, axis=2)
    tf.nn.softmax(x, axis=1, name="named")
    tf.nn.softmax(x, axis=-3)
    tf.nn.log_softmax(x, axis=0)


@program
def dropout():
    x = tf.placeholder(tf.float32, [2, None])
    tf.nn.dropout(x, rate=tf.placeholder(tf.float32, []))
    tf.nn.dropout(x, rate=0.25, noise_shape=[2, 1], name="named")
    tf.nn.dropout(tf.placeholder(tf.float32), rate=0.25, seed=1)
    tf.nn.dropout(x, rate=0.)


@program
def softmax_unknown_rank():
    tf.nn.softmax(tf.placeholder(tf.float32))
    tf.nn.softmax(tf.placeholder(tf.float32, [None, 2, 3]))


@program
def binary():
    x = tf.placeholder(tf.float32, [2])
    y = tf.placeholder(tf.float32, [2])
    tf.add(x, y)
    tf.subtract(x, y)
    tf.multiply(x, y)
    tf.divide(x, y)
    tf.div(x, y)
    tf.truediv(x, y)
    tf.realdiv(x, y)
    tf.floordiv(x, y)
    tf.floor_div(x, y)
    i = tf.placeholder(tf.int32, [2])
    tf.truncatediv(i, i)
    tf.floormod(x, y)
    tf.mod(x, y)
    tf.truncatemod(x, y)
    tf.pow(x, y)
    tf.maximum(x, y)
    tf.minimum(x, y)
    tf.squared_difference(x, y)
    tf.atan2(x, y)
    tf.div_no_nan(x, y)
    tf.math.multiply_no_nan(x, y)
    tf.math.xdivy(x, y)
    tf.math.xlogy(x, y)
    tf.add_n([x, y])
    tf.add_n([x])


@program
def special_functions():
    x = tf.placeholder(tf.float32, [2])
    y = tf.placeholder(tf.float32, [2])
    tf.erf(x)
    tf.erfc(x)
    tf.lgamma(x)
    tf.digamma(x)
    tf.igamma(x, y)
    tf.igammac(x, y)
    tf.zeta(x, y)
    tf.polygamma(x, y)


@program
def binary_with_numbers():
    x = tf.placeholder(tf.float32, [2])
    tf.add(x, 1.)
    tf.subtract(1., x)
    tf.maximum(x, 0.)
    tf.pow(x, 2.)
    tf.less(x, 1.)


@program
def comparisons():
    x = tf.placeholder(tf.float32, [2])
    p = tf.placeholder(tf.bool, [2])
    i = tf.placeholder(tf.int32, [2])
    tf.equal(x, x)
    tf.not_equal(x, x)
    tf.less(x, x)
    tf.less_equal(x, x)
    tf.greater(x, x)
    tf.greater_equal(x, x)
    tf.raw_ops.ApproximateEqual(x=x, y=x)
    tf.logical_and(p, p)
    tf.logical_or(p, p)
    tf.logical_xor(p, p)
    tf.bitwise.bitwise_and(i, i)
    tf.bitwise.bitwise_or(i, i)
    tf.bitwise.bitwise_xor(i, i)
    tf.bitwise.left_shift(i, i)
    tf.bitwise.right_shift(i, i)


@program
def reductions():
    x = tf.placeholder(tf.float32, [2, 3])
    p = tf.placeholder(tf.bool, [2, 3])
    tf.reduce_sum(x)
    tf.reduce_sum(x, 1)
    tf.reduce_sum(x, [0, -1], keepdims=True)
    tf.reduce_mean(x)
    tf.reduce_prod(x)
    tf.reduce_max(x)
    tf.reduce_min(x)
    tf.reduce_all(p)
    tf.reduce_any(p)
    tf.argmax(x)
    tf.argmin(x, 1)
    tf.cumsum(x)
    tf.cumprod(x, 1)
    tf.nn.l2_loss(x)


@program
def reductions_of_unknown_rank():
    x = tf.placeholder(tf.float32)
    tf.reduce_sum(x)
    tf.reduce_mean(x, 0)
    tf.reduce_max(tf.placeholder(tf.float32, [None, 2]))


@program
def composed_reductions():
    x = tf.placeholder(tf.float32, [2, 3])
    tf.reduce_logsumexp(x)
    tf.reduce_logsumexp(x, 1, keepdims=True)
    tf.nn.moments(x, [0])
    tf.nn.l2_normalize(x, 1)
    tf.norm(x)
    tf.count_nonzero(x)
    tf.math.reduce_std(x)


@program
def log_sum_exp():
    tf.reduce_logsumexp(tf.placeholder(tf.float32, [None, 3]), [0])
    tf.reduce_logsumexp(tf.placeholder(tf.float32))
    tf.reduce_logsumexp(tf.placeholder(tf.float32), 0, keepdims=True, name="named")


@program
def norms():
    x = tf.placeholder(tf.float32, [None, 3])
    tf.norm(x, axis=1)
    tf.norm(x, axis=[0, 1], keepdims=True)
    tf.norm(x, 1, axis=0)
    tf.norm(x, 1, axis=[0, 1])
    tf.norm(x, np.inf)
    tf.norm(x, np.inf, axis=[0, 1])
    tf.norm(x, 3, axis=-1)
    tf.norm(tf.placeholder(tf.complex64, [2]))


@program
def normalizations():
    x = tf.placeholder(tf.float32, [None, 3])
    v = tf.placeholder(tf.float32, [3])
    h = tf.placeholder(tf.float16, [2, 3])
    tf.nn.moments(x, [0, 1], keep_dims=True)
    tf.nn.moments(tf.placeholder(tf.float32), [0])
    tf.nn.moments(h, [1])
    tf.nn.weighted_moments(x, [0], x)
    tf.nn.sufficient_statistics(x, [1])
    tf.nn.sufficient_statistics(x, [0, 1], shift=v, keep_dims=True)
    tf.nn.normalize_moments(v, v, v, None)
    tf.nn.normalize_moments(v, v, v, v, name="named")
    tf.nn.batch_normalization(x, v, v, v, v, 0.001)
    tf.nn.batch_normalization(x, v, v, None, None, 0.001)
    tf.nn.batch_normalization(h, v, v, v, None, 0.001, name="named")
    tf.nn.l2_normalize(x, [0, 1], 0.5)


@program
def complex_products():
    a = tf.placeholder(tf.complex64, [2, 3])
    c = tf.placeholder(tf.complex64, [5, 2, 3])
    tf.matmul(a, a, transpose_a=True)
    tf.matmul(a, a, adjoint_b=True)
    tf.matmul(c, c, transpose_a=True, name="named")
    tf.matmul(c, c, adjoint_b=True)
    tf.matmul(tf.placeholder(tf.float32, [2, 3]), tf.placeholder(tf.float32, [2, 3]), adjoint_a=True)


@program
def products():
    a = tf.placeholder(tf.float32, [2, 3])
    b = tf.placeholder(tf.float32, [3, 4])
    c = tf.placeholder(tf.float32, [5, 2, 3])
    d = tf.placeholder(tf.float32, [5, 3, 4])
    tf.matmul(a, b)
    tf.matmul(a, a, transpose_b=True)
    tf.matmul(c, d)
    tf.matmul(c, b)
    tf.matmul([[1., 2.]], [[3.], [4.]])
    tf.nn.bias_add(a, [1., 2., 3.])
    tf.nn.bias_add(tf.placeholder(tf.float32, [1, 3, 2, 2]), [1., 2., 3.], data_format="NCHW")
    tf.nn.xw_plus_b(a, b, [1., 2., 3., 4.])


@program
def tensordot_static():
    a = tf.placeholder(tf.float32, [2, 3, 4])
    b = tf.placeholder(tf.float32, [4, 10])
    tf.tensordot(a, b, [[2], [0]])


@program
def tensordot_static_number():
    a = tf.placeholder(tf.float32, [2, 3, 4])
    b = tf.placeholder(tf.float32, [4, 10])
    tf.tensordot(a, b, 1)


@program
def tensordot_partly_known():
    a = tf.placeholder(tf.float32, [None, 3, 4])
    b = tf.placeholder(tf.float32, [4, 10])
    tf.tensordot(a, b, [[2], [0]])


@program
def tensordot_both_partly_known():
    a = tf.placeholder(tf.float32, [None, 3, 4])
    b = tf.placeholder(tf.float32, [4, None])
    tf.tensordot(a, b, [[-1], [0]])


@program
def tensordot_unknown_rank():
    a = tf.placeholder(tf.float32)
    b = tf.placeholder(tf.float32, [4, 10])
    tf.tensordot(a, b, [[2], [0]])


@program
def tensordot_unknown_rank_number():
    a = tf.placeholder(tf.float32)
    b = tf.placeholder(tf.float32)
    tf.tensordot(a, b, 1)


@program
def tensordot_unknown_rank_right():
    a = tf.placeholder(tf.float32, [4, 10])
    b = tf.placeholder(tf.float32)
    tf.tensordot(a, b, 1)


@program
def tensordot_axes_of_a_run():
    a = tf.placeholder(tf.float32, [2, 3])
    b = tf.placeholder(tf.float32, [3, None])
    tf.tensordot(a, b, tf.placeholder(tf.int32, [2, 1]))


@program
def tensordot_twice():
    a = tf.placeholder(tf.float32, [2, 2])
    b = tf.placeholder(tf.float32, [2, 2])
    tf.tensordot(a, b, 1)
    tf.tensordot(a, b, 1, name="named")
    tf.tensordot(a, b, 0)
    tf.tensordot(a, b, 2)


@program
def cross_entropies():
    x = tf.placeholder(tf.float32, [2, 3])
    y = tf.placeholder(tf.float32, [2, 3])
    tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x)
    tf.nn.weighted_cross_entropy_with_logits(y, x, 2.)
    tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0, 1], logits=x)


@program
def cross_entropies_of_unknown_shapes():
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.placeholder(tf.float32, [None, 3])
    tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x, name="named")
    tf.nn.weighted_cross_entropy_with_logits(y, x, tf.placeholder(tf.float32, []))


@program
def softmax_cross_entropy():
    x = tf.placeholder(tf.float32, [2, 3])
    y = tf.placeholder(tf.float32, [2, 3])
    tf.nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=x)


@program
def softmax_cross_entropy_unknown_batch():
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.placeholder(tf.float32, [None, 3])
    tf.nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=x)


@program
def softmax_cross_entropy_old():
    x = tf.placeholder(tf.float32, [2, 3])
    tf.nn.softmax_cross_entropy_with_logits(labels=x, logits=x)


@program
def softmax_cross_entropy_axes():
    x = tf.placeholder(tf.float32, [2, None, 4])
    y = tf.placeholder(tf.float32, [2, None, 4])
    tf.nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=x, axis=1)
    tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=x, dim=0, name="named")


@program
def softmax_cross_entropy_unknown_rank():
    x = tf.placeholder(tf.float32)
    tf.nn.softmax_cross_entropy_with_logits_v2(labels=x, logits=x)


@program
def softmax_cross_entropy_of_halves():
    x = tf.placeholder(tf.float16, [2, 3])
    tf.nn.softmax_cross_entropy_with_logits_v2(labels=tf.placeholder(tf.float64, [2, 3]), logits=x)
    tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.placeholder(tf.int64, [2]), logits=x)


@program
def sparse_softmax_cross_entropy_rank1():
    x = tf.placeholder(tf.float32, [3])
    tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.placeholder(tf.int32, []), logits=x, name="named")


@program
def sparse_softmax_cross_entropy_unknown_batch():
    x = tf.placeholder(tf.float32, [None, 3])
    tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.placeholder(tf.int32, [None]), logits=x)


@program
def sparse_softmax_cross_entropy_rank3():
    x = tf.placeholder(tf.float32, [2, 4, 3])
    tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.placeholder(tf.int32, [2, 4]), logits=x)


@program
def losses():
    x = tf.placeholder(tf.float32, [2, 3])
    tf.reduce_mean(tf.square(x - x))


@program
def mean_squared_error():
    x = tf.placeholder(tf.float32, [2, 3])
    tf.losses.mean_squared_error(x, x)


@program
def random_numbers():
    tf.random_uniform([2])
    tf.random_normal([2])
    tf.truncated_normal([2])
    tf.random_uniform([2], 1., 5., seed=1)
    tf.random_uniform([2], 0, 5, tf.int32)
    tf.random_normal([2], 1., 2., name="drawn")
    tf.random_shuffle([1., 2.])
    tf.random_uniform(tf.placeholder(tf.int32, [2]))


@program
def multinomial():
    tf.multinomial([[1., 2.]], 3)


@program
def checks():
    x = tf.placeholder(tf.float32, [2])
    tf.Print(x, [x], "message")
    tf.check_numerics(x, "message")
    tf.verify_tensor_all_finite(x, "message")


@program
def assertions():
    x = tf.placeholder(tf.float32, [2])
    p = tf.placeholder(tf.bool, [])
    tf.Assert(p, [x])
    tf.Assert(p, ["message", x], name="sure")
    tf.assert_equal(x, x)


@program
def print_v2():
    tf.print(tf.placeholder(tf.float32, [2]))


@program
def training():
    x = tf.placeholder(tf.float32, [None, 2])
    w = tf.Variable([[1.], [2.]], name="w")
    loss = tf.reduce_mean(tf.square(tf.matmul(x, w)), name="loss")
    tf.gradients(loss, [w])
    tf.train.GradientDescentOptimizer(0.1).minimize(loss)


@program
def training_adam():
    x = tf.placeholder(tf.float32, [2, 2])
    w = tf.Variable([[1.], [2.]], name="w")
    step = tf.train.get_or_create_global_step()
    loss = tf.reduce_sum(tf.matmul(x, w))
    tf.train.AdamOptimizer(0.1).minimize(loss, global_step=step)
    tf.global_variables_initializer()


@program
def saver():
    tf.Variable(1., name="a")
    tf.Variable([2., 3.], name="b")
    tf.train.Saver()


# ---- control flow


@program
def control_branches():
    x = tf.placeholder(tf.float32, [3])
    p = tf.placeholder(tf.bool, [])
    tf.cond(p, lambda: x * 2., lambda: x + 1.)
    tf.cond(p, lambda: (x, tf.constant(1.)), lambda: (tf.square(x), tf.constant(2.)), name="choose")
    tf.cond(p, lambda: tf.cond(p, lambda: x * 2., lambda: x * 3.), lambda: tf.random.uniform([3]))


@program
def control_cases():
    x = tf.placeholder(tf.float32, [])
    one, two = tf.less(x, 1.), tf.greater(x, 2.)
    tf.case([(one, lambda: x), (two, lambda: x * 2.)], default=lambda: x * 3.)
    tf.case([(one, lambda: x), (two, lambda: x * 2.)], exclusive=True)
    tf.case([(one, lambda: x)], default=lambda: x * 3., exclusive=True, name="alone")


@program
def control_loops():
    n = tf.placeholder(tf.int32, [])
    x = tf.placeholder(tf.float32, [2])
    tf.while_loop(lambda i: i < n, lambda i: i + 1, [tf.constant(0)])
    tf.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, y * x), (tf.constant(0), x), maximum_iterations=5)
    tf.while_loop(lambda i, y: i < n, lambda i, y: (
        i + 1, tf.cond(i < 2, lambda: y * x, lambda: tf.while_loop(lambda j: j[0] < 9., lambda j: j * 2., [y]))),
        (tf.constant(0), x), maximum_iterations=n, name="outer")


@program
def control_maps():
    x = tf.placeholder(tf.float32, [None, 3])
    k = tf.placeholder(tf.int32, [4, 2])
    tf.map_fn(lambda row: row * 2., x)
    tf.map_fn(lambda rows: (rows[0] * 2, rows[1] + 1), (k, k), name="two")


@program
def control_rows():
    x = tf.placeholder(tf.float32, [None, 3])
    k = tf.placeholder(tf.int32, [4, 2])
    start = tf.constant([0., 0., 0.])
    tf.foldl(lambda a, row: a + row, x)
    tf.foldl(lambda a, row: a + row, k)
    tf.foldl(lambda a, row: a + row, x, initializer=start)
    tf.foldr(lambda a, row: a + row, x)
    tf.foldr(lambda a, row: a + row, k)
    tf.foldr(lambda a, row: a + row, x, initializer=start)
    tf.scan(lambda a, row: a + row, x)
    tf.scan(lambda a, row: a + row, k)
    tf.scan(lambda a, row: a + row, x, initializer=start)
    tf.scan(lambda a, row: a + row, x, reverse=True)
    tf.scan(lambda a, row: a + row, k, reverse=True)
    tf.scan(lambda a, row: a + row, x, initializer=start, reverse=True)


@program
def tensor_arrays():
    ta = tf.TensorArray(tf.float32, size=3)
    x = tf.placeholder(tf.float32, [None])
    ta = ta.write(0, x)
    ta = ta.write(tf.constant(1), tf.constant([1., 2.]))
    ta.read(0)
    ta.stack()
    ta.size()
    ta.gather([0, 1])
    ta.concat()
    ta.identity()
    ta.close()
    ta.read(1, name="one")
    ta.stack(name="all")
    ta.write(2, x, name="put")
    ta.gather([1], name="some")


@program
def tensor_arrays_whole():
    x = tf.placeholder(tf.float32, [None, 3])
    ta = tf.TensorArray(tf.float32, size=tf.constant(2), dynamic_size=True, clear_after_read=False, infer_shape=False,
                        element_shape=[3], tensor_array_name="a", name="named")
    ta.unstack(x).stack()
    ta.unstack(tf.placeholder(tf.float32, [2, 3]), name="rows")
    ta.scatter([0, 1], x)
    ta.scatter([0, 1], x, name="spread")
    ta = tf.TensorArray(tf.float32, size=2)
    ta.split(x, [1, 1]).concat()
    ta.split(x, tf.constant([1, 2]))
    ta.split(x, tf.constant([1, 2], tf.int64), name="parts")


# ---- what else one call makes


@program
def diagonals():
    x, v = tf.placeholder(tf.float32, [2, 3]), tf.placeholder(tf.float32, [2])
    tf.matrix_band_part(x, 1, -1)
    tf.matrix_diag(x)
    tf.matrix_diag_part(x)
    tf.matrix_set_diag(x, v)
    tf.diag(v)
    tf.diag_part(tf.placeholder(tf.float32, [2, 2]))
    tf.eye(2, 3)


@program
def distinct():
    x = tf.placeholder(tf.float32, [4])
    tf.unique(x)
    tf.unique_with_counts(x)
    tf.setdiff1d(x, x)


@program
def parts_and_stitches():
    x, i = tf.placeholder(tf.float32, [4]), tf.placeholder(tf.int32, [4])
    tf.dynamic_partition(x, i, 2)
    tf.dynamic_stitch([i, i], [x, x])
    tf.scatter_nd(tf.placeholder(tf.int32, [4, 1]), x, [6])
    tf.bincount(i)
    tf.bincount(i, minlength=3, maxlength=5)
    tf.histogram_fixed_width(i, [0, 5], 10)


@program
def rearranging_more():
    x, c = tf.placeholder(tf.float32, [2, 3]), tf.placeholder(tf.bool, [3])
    tf.pad(x, [[1, 0], [0, 1]], "REFLECT")
    tf.ensure_shape(x, [2, None])
    tf.roll(x, [1, 2], [0, 1])
    tf.where_v2(c, x, x)
    tf.transpose(tf.placeholder(tf.complex64, [2, 3]), [1, 0], conjugate=True)
    tf.shape(tf.placeholder(tf.float32, [None, 3]), out_type=tf.int64)
    tf.boolean_mask(x, c, axis=1)
    tf.argmax(x, 1, output_type=tf.int32)
    tf.argmin(x, 0, output_type=tf.int32)
    tf.broadcast_dynamic_shape(tf.placeholder(tf.int32, [2]), tf.placeholder(tf.int32, [2]))


@program
def complex_numbers():
    x = tf.placeholder(tf.float32, [2])
    z = tf.complex(x, x)
    for f in (tf.real, tf.imag, tf.angle, tf.conj, tf.abs):
        f(z)


@program
def more_functions():
    x = tf.placeholder(tf.float32, [2])
    tf.betainc(x, x, x)
    tf.math.bessel_i0e(x)
    tf.math.bessel_i1e(x)
    tf.scalar_mul(2., x)
    tf.norm(x, 1, keepdims=True)
    tf.nn.weighted_moments(x, [0], x, keep_dims=True)


@program
def windows():
    x, f = tf.placeholder(tf.float32, [None, 8, 8, 2]), tf.placeholder(tf.float32, [3, 3, 2, 4])
    tf.nn.conv2d(x, f, strides=[1, 2, 2, 1], padding="SAME")
    tf.nn.depthwise_conv2d_native(x, f, strides=[1, 1, 1, 1], padding="VALID")
    tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
    tf.nn.avg_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "VALID")
    tf.nn.max_pool_with_argmax(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
    tf.nn.conv3d(tf.placeholder(tf.float32, [1, 4, 4, 4, 2]), tf.placeholder(tf.float32, [2, 2, 2, 2, 3]),
                 strides=[1, 1, 1, 1, 1], padding="SAME")


@program
def images():
    x, boxes, of = (tf.placeholder(*a) for a in [(tf.float32, [1, 4, 5, 2]), (tf.float32, [3, 4]), (tf.int32, [3])])
    for resize in (tf.image.resize_bilinear, tf.image.resize_nearest_neighbor, tf.image.resize_bicubic,
                   tf.image.resize_area):
        resize(x, [2, 2])
    tf.image.crop_and_resize(x, boxes, of, [2, 2])
    tf.image.non_max_suppression(boxes, tf.placeholder(tf.float32, [3]), 2)


@program
def targets_among_the_best():
    tf.nn.in_top_k(tf.placeholder(tf.float32, [2, 3]), tf.placeholder(tf.int32, [2]), 2)


@program
def variables_more():
    n, v = tf.Variable(3), tf.Variable([1., 2., 3.])
    tf.count_up_to(n, 10)
    i, x = tf.placeholder(tf.int32, [2, 1]), tf.placeholder(tf.float32, [2])
    tf.scatter_nd_add(v, i, x)
    tf.scatter_nd_sub(v, i, x)
    tf.truncated_normal([2], mean=1., stddev=2.)
    tf.variables_initializer([n, v], name="some")


@program
def morphology():
    x, f = tf.placeholder(tf.float32, [1, 4, 4, 2]), tf.placeholder(tf.float32, [2, 2, 2])
    tf.nn.dilation2d(x, f, [1, 1, 1, 1], [1, 1, 1, 1], "SAME")
    tf.nn.erosion2d(x, f, [1, 1, 1, 1], [1, 1, 1, 1], "VALID")


@program
def decompositions():
    x = tf.placeholder(tf.float32, [2, 4, 3])
    tf.linalg.svd(x)
    tf.linalg.svd(x, compute_uv=False)
    tf.linalg.svd(tf.cast(x, tf.complex64), compute_uv=False)
    tf.quantization.quantize(x, 0., 6., tf.quint8)


@program
def total_loss():
    x = tf.placeholder(tf.float32, [2, 3])
    tf.losses.mean_squared_error(x, x)
    tf.losses.absolute_difference(x, x)
    tf.losses.get_total_loss()


# ---- space, sequences, places, matrices


@program
def space_and_sequences():
    x = tf.placeholder(tf.float32, [4, 4, 4, 4])
    tf.space_to_batch_nd(x, [2, 2], [[0, 0], [1, 1]])
    tf.batch_to_space_nd(x, [2, 2], [[0, 0], [1, 1]])
    tf.space_to_depth(x, 2)
    tf.depth_to_space(x, 2)
    tf.extract_image_patches(x, [1, 2, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1], "VALID")
    tf.nn.lrn(x)
    tf.reverse_sequence(x, tf.placeholder(tf.int32, [4]), seq_axis=1, batch_axis=0)


@program
def places():
    x, i = tf.placeholder(tf.float32, [2, 3]), tf.placeholder(tf.int32, [2, 1])
    tf.cross(x, x)
    tf.searchsorted(x, tf.placeholder(tf.float32, [2, 4]))
    tf.searchsorted(x, tf.placeholder(tf.float32, [2, 4]), side="right")
    tf.sparse_to_dense(i, [5], tf.placeholder(tf.float32, [2]))
    tf.math.cumulative_logsumexp(x, 1)


@program
def square_matrices():
    m = tf.placeholder(tf.float32, [2, 3, 3])
    tf.linalg.det(m)
    tf.linalg.inv(m)
    tf.linalg.cholesky(m)
    tf.linalg.solve(m, m)
    tf.linalg.triangular_solve(m, m)
    tf.linalg.triangular_solve(m, m, lower=False)
    tf.linalg.qr(m)
    tf.linalg.slogdet(m)


def line(name, op):
    dtypes = "; ".join(t.dtype.name for t in op.outputs)
    shapes = "; ".join(str(t.shape) for t in op.outputs)
    return " | ".join([name, op.name, op.type, dtypes, shapes]).rstrip()


for build in PROGRAMS:
    with tf.Graph().as_default() as graph:
        build()
    for op in graph.get_operations():
        print(line(build.__name__, op))
