"""Variables of both kinds, assignments, sparse updates. Each case is one session."""
from recorder import *

KINDS = [("ref", False), ("resource", True)]
UNINITIALIZED = "FailedPreconditionError"
START = [[1., 2.], [3., 4.], [5., 6.]]


def variable(value, resource, dtype=tf.float32, **more):
    return tf.Variable(tf.constant(value, dtype), use_resource=resource, **more)


# ---- programs with one variable, which holds [1, 2]


def initialize(v):
    return steps(tf.global_variables_initializer(), v, v + 1, v.initializer, [v, v * 2])


def assign(v):
    x = feed([10, 20])
    return steps(v.initializer, v.assign([3., 4.]), v, v.assign_add(x), v, v.assign_sub([1., 1.]), v,
                 Step(v.assign(x), {x: [7, 8]}), v)


def count(v):
    add = v.assign_add([1., -1.])
    return steps(v.initializer, add, add, add, v)


def order_by_control(v):
    with tf.control_dependencies([v.assign_add([10., 10.])]):
        after = v.read_value()
    with tf.control_dependencies([after]):
        second = v.assign_add([1., 1.])
    with tf.control_dependencies([second]):
        last = v.read_value()
    return steps(v.initializer, last, v)


def uninitialized(v):
    return steps(bad(v.read_value(), error=UNINITIALIZED), bad(v + 1, error=UNINITIALIZED), v.initializer, v + 1)


def is_initialized(v):
    asked = tf.is_variable_initialized(v)
    return steps(asked, v.initializer, asked)


def report(v):
    names = tf.report_uninitialized_variables()
    return steps(names, v.initializer, names)


def initialized_value(v):
    w = tf.Variable(v.initialized_value() * 3)
    return steps(v.initializer, w.initializer, w)


def gather(v):
    return steps(v.initializer, [tf.gather(v, [1, 0]), tf.nn.embedding_lookup(v, i32([1])), v[1]])


def read_in_ops(v):
    return steps(v.initializer, v * v + tf.reduce_sum(v), [tf.shape(v), -v, v > 1])


ONE_VARIABLE = [initialize, assign, count, order_by_control, uninitialized, is_initialized, report, initialized_value,
                gather, read_in_ops]


# ---- others


def of_every_dtype(resource):
    numbers = [variable([1, 0], resource, d) for d in FLOATS + [tf.int32, tf.int64]]
    others = [variable([1, 0], resource, d) for d in (tf.int8, tf.uint8)] + [variable([True, False], resource, tf.bool)]
    values = [v.read_value() for v in numbers + others]
    added = tf.group(*[v.assign_add(tf.constant([5, 6], v.dtype.base_dtype)) for v in numbers])
    return steps(tf.global_variables_initializer(), values, added, values[:5])


def from_random(resource):
    v = tf.Variable(tf.random_normal([3], seed=1), use_resource=resource)
    return steps(v.initializer, v, v, v.initializer, v)


def other_shape():
    v = variable([1., 2.], False, validate_shape=False)
    return steps(v.initializer, tf.assign(v, feed([[1, 2, 3]]), validate_shape=False), v)


def unknown_shape():
    v = tf.Variable(feed([1, 2, 3], [None]), validate_shape=False, use_resource=False)
    return steps(v.initializer, v, tf.assign(v, [5.], validate_shape=False), v)


def slices(v):
    return steps(v.initializer, v[0, 1:].assign([7., 8.]), v, v[:, ::-2].assign([[1., 2.], [3., 4.]]), v,
                 v[1, 2].assign(9.), v)


def assignments():
    for kind, resource in KINDS:
        for program in ONE_VARIABLE:
            case(kind + "_" + program.__name__, lambda: program(variable([1., 2.], resource)))
        case(kind + "_dtypes", lambda: of_every_dtype(resource))
        case(kind + "_from_random", lambda: from_random(resource))
        case(kind + "_slices", lambda: slices(variable(np.arange(6.).reshape(2, 3), resource)))
    case("ref_add_uninitialized", lambda: steps(bad(variable([1.], False).assign_add([1.]), error=UNINITIALIZED)))
    case("ref_other_shape", other_shape)
    case("ref_unknown_shape", unknown_shape)
    errors("ref_shape", lambda: [tf.assign(variable([1., 2.], False), feed([1, 2, 3], None))])


# ---- updates of some rows of a variable that holds START


def repeated(v):
    return steps(v.initializer, tf.scatter_add(v, i64([1, 1, 1]), feed([[1, 1], [2, 2], [3, 3]])), v)


def matrix_of_indices(v):
    return steps(v.initializer, tf.scatter_sub(v, [[0], [2]], feed([[[1, 1]], [[2, 2]]])), v)


def scalar_update(v):
    return steps(v.initializer, tf.scatter_update(v, [0, 2], feed(9.)), v)


def out_of_range(v):
    wrong = [f(v, i32([i]), feed([[1, 1]])) for f in (tf.scatter_update, tf.scatter_add) for i in (3, -1)]
    return steps(v.initializer, *[bad(op) for op in wrong], v)


def nd(v):
    return steps(v.initializer, tf.scatter_nd_update(v, [[2], [0]], feed([[2, 3], [4, 5]])),
                 tf.scatter_nd_update(v, [[1, 1], [0, 0]], feed([7, 8])), v,
                 tf.scatter_nd_add(v, [[1, 1], [1, 1]], feed([7, 8])), tf.scatter_nd_sub(v, [[0]], feed([[1, 1]])), v)


def nd_out_of_range(v):
    return steps(v.initializer, bad(tf.scatter_nd_update(v, i32([[3]]), feed([[1, 1]]))), v)


SCATTERS = [tf.scatter_update, tf.scatter_add, tf.scatter_sub, tf.scatter_mul, tf.scatter_div, tf.scatter_min,
            tf.scatter_max]


def each(ops, resource, dtypes=[tf.float32]):
    """Every op on a variable of its own, for a vector of indices and for one."""
    made, first, second = [], [], []
    for dtype in dtypes:
        for op in ops:
            v = variable(np.array(START), resource, dtype)
            made.append(v.read_value())
            first.append(op(v, [2, 0], tf.constant([[2, 3], [4, 5]], dtype)))
            second.append(op(v, i32(1), tf.constant([2, 9], dtype)))
    made = pack(made)
    return steps(tf.global_variables_initializer(), tf.group(*first), made, tf.group(*second), made)


def scatter():
    for kind, resource in KINDS:
        case(kind + "_each", lambda: each(SCATTERS, resource))
        case(kind + "_each_dtype", lambda: each(SCATTERS[:2], resource, [tf.float64, tf.int32, tf.int64, tf.uint8]))
        for program in (repeated, matrix_of_indices, scalar_update, out_of_range, nd, nd_out_of_range):
            case(kind + "_" + program.__name__, lambda: program(variable(START, resource)))
    case("scatter_nd", lambda: [
        tf.scatter_nd([[4], [1], [4]], feed([9, 10, 11]), [6]), tf.scatter_nd([[0]], feed([[1, 2]]), [2, 2]),
        tf.scatter_nd(i32([[1, 1]], [None, 2]), feed([5]), i32([2, 2])), tf.scatter_nd(i64([[1]]), i64([3]), i64([3]))])
    errors("scatter_nd_errors", lambda: [
        tf.scatter_nd(i32([[6]]), feed([9]), [6]), tf.scatter_nd(i32([[-1]]), feed([9]), [6]),
        tf.scatter_nd(i32([[1]]), feed([9, 8], None), [6])])


# ---- variables of one run


def temporary_name():
    # Its own, so that no other program's takes part of it.
    return tf.get_default_graph().unique_name("temporary")


def temporary(value, dtype=tf.float32):
    name, value = temporary_name(), tf.constant(value, dtype)
    ref = tf.raw_ops.TemporaryVariable(shape=value.shape, dtype=dtype, var_name=name)
    return name, tf.assign(ref, value)


def sum_up(dtype):
    name, ref = temporary([10, 12], dtype)
    total = tf.raw_ops.DestroyTemporaryVariable(ref=tf.assign_add(ref, tf.constant([2, 3], dtype)), var_name=name)
    return steps(total, total, total * 2)


def twice():
    make = lambda: tf.raw_ops.TemporaryVariable(shape=[2], dtype=tf.float32, var_name="v")
    both = tf.identity(tf.assign(make(), [1., 2.])) + tf.identity(tf.assign(make(), [3., 4.]))
    return steps(bad(both, error="AlreadyExistsError"))


def again():
    make = lambda: tf.assign(tf.raw_ops.TemporaryVariable(shape=[2], dtype=tf.float32, var_name="v"), [1., 2.])
    first = tf.raw_ops.DestroyTemporaryVariable(ref=make(), var_name="v")
    with tf.control_dependencies([first]):
        return steps(tf.raw_ops.DestroyTemporaryVariable(ref=tf.assign_add(make(), first), var_name="v"))


def destroy_other():
    _, ref = temporary([1, 2])
    return steps(bad(tf.raw_ops.DestroyTemporaryVariable(ref=ref, var_name="other"), error="NotFoundError"))


def destroy_resource():
    v = variable([1., 2.], True)
    destroy = lambda ignore: tf.raw_ops.DestroyResourceOp(resource=v.handle, ignore_lookup_error=ignore)
    gently, strictly = destroy(True), destroy(False)
    return steps(gently, bad(strictly, error="NotFoundError"), v.initializer, v.read_value(), strictly,
                 bad(v.read_value(), error=UNINITIALIZED), v.initializer, v.read_value())


def temporaries():
    for dtype in (tf.float32, tf.int64):
        case("sum_" + dtype.name, lambda: sum_up(dtype))
    for program in (twice, again, destroy_other, destroy_resource):
        case(program.__name__, program)


CASES = {"assign": assignments, "scatter": scatter, "temporary": temporaries}
