"""Tables through their lives. Each case is one session."""
from recorder import *
from tensorflow.python.ops import gen_lookup_ops as tables


def text(value):
    return feed(value, dtype=tf.string)


NONE = np.zeros([0])


def table_programs(keys, values, key_dtype, value_dtype, default, ask):
    """Both kinds of table through their lives."""
    k, v = feed(keys, dtype=key_dtype), feed(values, dtype=value_dtype)
    asked, default = feed(ask, None, key_dtype), tf.constant(default, value_dtype)
    find = lambda t: tables.lookup_table_find_v2(t, asked, default)
    fixed = tables.hash_table_v2(key_dtype, value_dtype, shared_name="fixed")
    size, fill = tables.lookup_table_size_v2(fixed), tables.initialize_table_v2(fixed, k, v)
    more = tables.initialize_table_v2(fixed, k[:1], v[:1])
    lost = "FailedPreconditionError"
    seen = find(fixed)
    mutable = tables.mutable_hash_table_v2(key_dtype, value_dtype)
    count, insert = tables.lookup_table_size_v2(mutable), tables.lookup_table_insert_v2(mutable, k, v)
    one = tables.lookup_table_export_v2(mutable, key_dtype, value_dtype)
    held = find(mutable)
    return steps(size, bad(seen, error=lost), fill, [seen, size], fill, bad(more, error=lost),
                 bad(tables.lookup_table_insert_v2(fixed, k, v), error="UnimplementedError"), [held, count], list(one),
                 insert, [held, count], tables.lookup_table_remove_v2(mutable, asked), [held, count],
                 tables.lookup_table_import_v2(mutable, k[:1], v[:1]), [held, count], list(one),
                 bad(tables.initialize_table_v2(mutable, k, v)))


def twice():
    t = tables.hash_table_v2(tf.int64, tf.int64)
    size = tables.lookup_table_size_v2(t)
    return steps(bad(tables.initialize_table_v2(t, i64([1, 1]), i64([3, 4])), error="FailedPreconditionError"), size,
                 bad(tables.initialize_table_v2(t, i64(NONE), i64(NONE))), size,
                 tables.lookup_table_import_v2(t, i64([1, 2]), i64([3, 4])), size)


def wrong_dtypes():
    t = tables.hash_table_v2(tf.int64, tf.int64)
    finds = [tables.lookup_table_find_v2(t, i32([1]), i64(0)), tables.lookup_table_find_v2(t, i64([1]), feed(0))]
    return steps(*[bad(find) for find in finds])


def wrong_default():
    t = tables.hash_table_v2(tf.int64, tf.int64)
    return steps(tables.initialize_table_v2(t, i64([1]), i64([3])),
                 bad(tables.lookup_table_find_v2(t, i64([1]), i64([0, 0]))))


def shared():
    a, b = [tables.hash_table_v2(tf.int64, tf.string, shared_name="x") for _ in range(2)]
    return steps(tables.initialize_table_v2(a, i64([1]), text(["one"])),
                 tables.lookup_table_find_v2(b, i64([1, 2]), "none"))


def older():
    """References in the place of handles."""
    t = tables.hash_table(tf.string, tf.int64)
    m = tables.mutable_hash_table(tf.string, tf.float32)
    return steps(tables.initialize_table(t, text(["a", "b"]), i64([1, 2])), tables.lookup_table_size(t),
                 tables.lookup_table_find(t, text(["b", "c"]), i64(-1)),
                 tables.lookup_table_insert(m, text(["a"]), feed([2])),
                 tables.lookup_table_find(m, text(["a"]), feed(0)),
                 list(tables.lookup_table_export(m, tf.string, tf.float32)))


def of_tensors():
    t = tables.mutable_hash_table_of_tensors_v2(tf.string, tf.float32, value_shape=[2])
    find = tables.lookup_table_find_v2(t, text(["a", "x"]), feed([-1, -2]))
    return steps(find, tables.lookup_table_insert_v2(t, text(["a", "b"]), feed([[1, 2], [3, 4]])), find,
                 tables.lookup_table_size_v2(t), tables.lookup_table_remove_v2(t, text(["b", "z"])),
                 list(tables.lookup_table_export_v2(t, tf.string, tf.float32)))


def lookup():
    words, numbers = ["a", "b", "longer"], [5, -7, 2 ** 31 - 1]
    case("string_int64", lambda: table_programs(words, [1, 2, 3], tf.string, tf.int64, -1, ["b", "x"]))
    case("int64_string", lambda: table_programs(numbers, words, tf.int64, tf.string, "none", [5, 6]))
    case("string_float", lambda: table_programs(words, [1, 2, .5], tf.string, tf.float32, -1, "longer"))
    case("int64_float", lambda: table_programs(numbers, [1, 2, .5], tf.int64, tf.float32, np.nan, [[-7, 1]]))
    for program in (twice, wrong_dtypes, wrong_default, shared, older, of_tensors):
        case(program.__name__, program)


CASES = {"lookup": lookup}
