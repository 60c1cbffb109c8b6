"""Ops that check or print, and otherwise pass on."""
from recorder import *


def then(check, x):
    with tf.control_dependencies([check]):
        return tf.identity(x)


def checks():
    c = lambda value=False: boolean(value)
    case("assert", lambda: (lambda p: (lambda y: steps(y, bad(y, {p: False}),
            y))(then(tf.Assert(p, ["is wrong", feed([1, 2])]), feed(5))))(c(True)))
    case("assert_alone", lambda: (lambda p: (lambda op: steps(op, bad(op, {p: False})))(tf.Assert(p, [p])))(c(True)))
    case("assert_unknown_rank", lambda: steps(then(tf.Assert(boolean(True, None), ["no"]), feed(5))))
    errors("assert_vector", lambda: [tf.Assert(boolean([True, True], None), ["no"])])
    case("print", lambda: [tf.Print(feed([1, 2]), [feed([1, 2]), tf.constant("text")], "message: ", summarize=1,
            first_n=1), tf.Print(feed(3, None), [])])
    case("print_v2", lambda: steps(tf.print("value", feed([1, 2]), summarize=2)))
    sweep("check_numerics", lambda x: tf.check_numerics(x, "fine"), lambda d: [1, -2, 0], dtypes=FLOATS)
    case("check_numerics_shapes", lambda: [tf.check_numerics(feed([[1]], [None, 1]), "fine"),
            tf.check_numerics(feed(1, None), "fine"), tf.check_numerics(feed(np.zeros([0])), "fine")])
    errors("check_numerics_errors", lambda: [tf.check_numerics(feed([1, v]), "bad")
            for v in (np.inf, -np.inf, np.nan)] + [tf.check_numerics(feed([np.nan, np.inf], dtype=tf.float64),
            "bad")])
    case("verify_finite", lambda: tf.verify_tensor_all_finite(feed([1, 2]), "fine"))
    case("ensure_shape", lambda: tf.ensure_shape(feed([[1, 2]], None), [None, 2]))
    errors("ensure_shape_error", lambda: [tf.ensure_shape(feed([[1, 2]], None), [None, 3])])


CASES = {"checks": checks}
