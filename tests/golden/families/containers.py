"""Arrays and stacks of a run, lists of tensors, optionals: each op alone, and what it refuses."""
from recorder import *
from tensorflow.python.ops import gen_data_flow_ops as raw, gen_dataset_ops as optional, gen_list_ops as lists

F = tf.float32


def hidden(value, dtype=tf.float32):
    """Fed, with a shape that rules do not see."""
    return feed(value, None, dtype)


# ---- arrays


def array(n=3, dtype=F, **more):
    return raw.tensor_array_v3(size=n, dtype=dtype, **more)


def written(values, n=3, **more):
    handle, flow = array(n, **more)
    for i, value in enumerate(values):
        flow = raw.tensor_array_write_v3(handle, i, feed(value), flow)
    return handle, flow


def grad_of(pair, *writes):
    handle, flow = raw.tensor_array_grad_v3(*pair, source="g")
    for i, value in writes:
        flow = raw.tensor_array_write_v3(handle, i, feed(value), flow)
    return handle, flow


def read(pair, i, dtype=F):
    return raw.tensor_array_read_v3(pair[0], i, pair[1], dtype)


def gather(pair, indices, **more):
    return raw.tensor_array_gather_v3(pair[0], indices, pair[1], F, **more)


def concat(pair, **more):
    return list(raw.tensor_array_concat_v3(pair[0], pair[1], F, **more))


def scatter(pair, indices, value):
    return pair[0], raw.tensor_array_scatter_v3(pair[0], indices, value, pair[1])


def split(pair, value, lengths):
    return pair[0], raw.tensor_array_split_v3(pair[0], value, lengths, pair[1])


def size(pair):
    return raw.tensor_array_size_v3(*pair)


def again(first, then):
    with tf.control_dependencies([first]):
        return then()


def class_of(build):
    """The same by tf.TensorArray."""
    return lambda: build(lambda *args, **more: tf.TensorArray(F, *args, **more))


A, B = [1., 2.], [3., 4.]
ARRAYS = {
    "read": lambda: [read(written([A, B]), 1), read(written([A, B]), 0)],
    "int_and_bool": lambda: [tf.TensorArray(t, 1).write(0, tf.constant([v], t)).read(0) for t, v in
                             [(tf.int64, 7), (tf.bool, True)]],
    "gather": lambda: gather(written([A, B]), i32([1, 0])),
    "gather_all": lambda: gather(written([A, B], 2), tf.range(2)),
    "gather_none": lambda: gather(array(0), hidden(np.zeros([0]), tf.int32), element_shape=[2, 3]),
    "concat": lambda: concat(written([A, [5.]], 2)),
    "concat_none": lambda: concat(array(0), element_shape_except0=[2]),
    "scatter": lambda: gather(scatter(array(), i32([2, 0, 1]), ramp(3, 2)), [0, 1, 2]),
    "split": lambda: concat(split(array(), ramp(4, 2), i64([1, 0, 3]))),
    "size": lambda: size(array(4)),
    "grows": lambda: [size(scatter(array(0, dynamic_size=True), [4], feed([1.]))), size(array(2, dynamic_size=True))],
    "zeros": lambda: read(array(1, element_shape=[2]), 0),
    "shape_of_read": lambda: read(array(1, element_shape=[2, 3]), 0),
    "read_twice_kept": lambda: [read(p, 0) for p in [written([A], clear_after_read=False)] * 2],
    "grad_adds": lambda: read(grad_of(written([A]), (0, A), (0, B)), 0),
    "grad_zeros": lambda: read(grad_of(written([A])), 0),
    "grad_past_end": lambda: read(grad_of(written([A], element_shape=[2])), 5),
    "grad_with_shape": lambda: read(raw.tensor_array_grad_with_shape(*written([A]), shape_to_prepend=[2], source="g"), 0),
    "program": class_of(lambda new: [new(2).write(0, A).write(1, B).stack(), new(2).unstack(ramp(2, 3)).read(1),
                                     new(2, infer_shape=False).split(ramp(3, 2), [1, 2]).concat(), new(5).size()]),
    "program_hidden": class_of(lambda new: [new(2, infer_shape=False).unstack(hidden([A, B])).stack(),
                                            new(0, dynamic_size=True).scatter([1, 0], hidden([A, B])).gather([1])]),
    "loop": lambda: tf.map_fn(lambda x: x * x, ramp(3, 2)),
    "fold": lambda: [tf.foldl(lambda a, x: a - x, ramp(4)), tf.scan(lambda a, x: a * x, ramp(4))],
    "bad_write_index": lambda: [bad(raw.tensor_array_write_v3(h, hidden(i, tf.int32), 1., f))
                                for i in (3, -1, [0]) for h, f in [array()]],
    "bad_write_twice": lambda: [bad(written([A], 1)[1], {}) for _ in ()] + [bad(raw.tensor_array_write_v3(
        h, 0, 1., f)) for h, f in [written([A])]],
    "bad_dtype": lambda: [bad(raw.tensor_array_write_v3(h, 0, 1, f)) for h, f in [array()]] +
                         [bad(read(written([A]), 0, tf.int32))],
    "bad_shape": lambda: [bad(raw.tensor_array_write_v3(h, 0, hidden([1.]), f)) for h, f in [array(element_shape=[2])]] +
                         [bad(written([A, [1.]], identical_element_shapes=True)[1])],
    "bad_read": lambda: [bad(read(array(), hidden(i, tf.int32))) for i in (0, 3, -1)],
    "bad_read_twice": lambda: [bad(again(read(p, 0), lambda: read(p, 0))) for p in [written([A])]],
    "bad_write_after_read": lambda: [bad(again(read(p, 0), lambda: raw.tensor_array_write_v3(p[0], 0, 1., p[1])))
                                     for p in [written([A])]],
    "bad_gather": lambda: [bad(gather(written([A, [1.]], 2), [0, 1])), bad(gather(written([A]), [0], element_shape=[3])),
                           bad(gather(array(0), hidden(np.zeros([0]), tf.int32)), error="UnimplementedError"),
                           bad(gather(array(), [7]))],
    "bad_scatter": lambda: [bad(scatter(array(), hidden(i, tf.int32), feed([1., 2.]))[1]) for i in
                            ([0, 1, 2], [1, 3], [-1, 0], [1, 1])],
    "bad_split": lambda: [bad(split(array(), hidden([1., 2., 3.]), hidden(n, tf.int64))[1]) for n in ([1, 1, 0], [1, 2])],
    "bad_concat": lambda: [bad(concat(written([1., 2.], 2))[0]), bad(concat(array(0))[0], error="UnimplementedError"),
                           bad(concat(written([[[1.]], [[2., 3.]]], 2))[0])],
    "bad_grad": lambda: [bad(grad_of(written([A]), (0, [1.]))[1]), bad(read(grad_of(written([A])), 1))],
    "bad_size": lambda: [bad(array(hidden(n, tf.int32))[1]) for n in (-1, [1])],
    "bad_closed": lambda: [bad(again(raw.tensor_array_close_v3(h), lambda: read((h, f), 0))) for h, f in [written([A])]],
}


# ---- stacks


def stack(*values, most=-1):
    handle = raw.stack_v2(most, F, stack_name="s")
    last = []
    for value in values:
        with tf.control_dependencies(last):
            last = [raw.stack_push_v2(handle, feed(value))]
    return handle, last


def pops(handle, last, n):
    popped = []
    for _ in range(n):
        with tf.control_dependencies(last + popped[-1:]):
            popped.append(raw.stack_pop_v2(handle, F))
    return popped


STACKS = {
    "stack": lambda: pops(*stack(A, B, [5.]), n=3),
    "stack_passes_on": lambda: [v for h, last in [stack(A)] for v in last + pops(h, last, 1)],
    "bad_stack_empty": lambda: [bad(pops(*stack(A), n=2)[1])],
    "bad_stack_full": lambda: [bad(pops(*stack(A, B, most=1), n=1)[0])],
    "bad_stack_closed": lambda: [bad(again(raw.stack_close_v2(h), lambda: raw.stack_pop_v2(h, F))) for h, _ in [stack()]],
}


# ---- lists


def empty(shape=(2,), most=-1, dtype=F):
    return lists.empty_tensor_list(np.int32(shape), most, dtype)


def reserve(shape=(2,), n=3, dtype=F):
    return lists.tensor_list_reserve(np.int32(shape), n, dtype)


def pushed(*values, shape=(2,)):
    made = empty(shape)
    for value in values:
        made = lists.tensor_list_push_back(made, feed(value))
    return made


def put(made, i, value):
    return lists.tensor_list_set_item(made, i, feed(value))


def get(made, i, shape=(2,)):
    return lists.tensor_list_get_item(made, i, np.int32(shape), F)


def rows(made, shape=(2,), **more):
    return lists.tensor_list_stack(made, np.int32(shape), F, **more)


def pick(made, indices, shape=(2,)):
    return lists.tensor_list_gather(made, indices, np.int32(shape), F)


def joined(made, shape, leading=()):
    return list(lists.tensor_list_concat_v2(made, np.int32(shape), np.int64(leading), F))


def scattered(indices, n=None):
    if n is None:
        return lists.tensor_list_scatter(ramp(2, 1), indices, [1])
    return lists.tensor_list_scatter_v2(ramp(2, 1), indices, [1], n)


def cut(lengths, value=(1., 2., 3.)):
    return lists.tensor_list_split(feed(value), [-1], lengths)


length = lists.tensor_list_length
some = lambda *values: optional.optional_from_value([feed(v) for v in values])
held = lambda made, shape=(): optional.optional_get_value(made, [F], [list(shape)])

LISTS = {
    "push_pop": lambda: [v for l, x in [lists.tensor_list_pop_back(pushed(A, B), [2], F)] for v in (x, length(l), rows(l))],
    "get": lambda: [get(put(reserve([-1]), 1, A), i, [-1]) for i in (0, 1)] + [get(reserve([-1, 3]), 0, [2, -1])],
    "set": lambda: rows(put(put(reserve(), 2, A), 0, B)),
    "stack_unset": lambda: [rows(put(reserve([-1]), 1, A), [-1]), rows(reserve(), num_elements=3), rows(empty(-1), [2, 3])],
    "pick": lambda: [pick(pushed(A, B), i32([1, 0, 1])), pick(reserve(), hidden(np.zeros([0]), tf.int32))],
    "pick_some": lambda: [pick(put(put(reserve(-1), 0, [1.]), 1, A), i, -1) for i in ([0], [1, 1], [2, 1])],
    "from_tensor": lambda: [rows(l, [3]) for l in [lists.tensor_list_from_tensor(ramp(2, 3), [3])]] +
                           [length(lists.tensor_list_from_tensor(ramp(4), np.int32([])))] * 0,
    "scatter_list": lambda: [rows(scattered(i32([3, 0])), [1]), rows(scattered([1, 0], 4), [1]), rows(scattered([0, 1], -1), [1])],
    "scatter_into": lambda: rows(lists.tensor_list_scatter_into_existing_list(reserve([1], 4), ramp(2, 1), [3, 0]), [1]),
    "join_lists": lambda: joined(pushed(A, [5.], shape=[-1]), [-1]) + joined(reserve([-1, 1], 2), [-1, 1], [2, 1]),
    "join_unset": lambda: joined(put(reserve([-1], 2), 1, A), [-1]) + joined(empty([-1, 2]), [-1, 2]),
    "join_leading": lambda: [t for n in ([], [1], [1, 7, 3]) for t in joined(put(reserve([-1]), 1, A), [-1], n)],
    "cut": lambda: joined(cut(i64([1, 2])), [-1]) + [length(cut([3]))],
    "resize": lambda: [rows(lists.tensor_list_resize(pushed(A, B), n)) for n in (3, 1)],
    "two_lists": lambda: rows(lists.tensor_list_concat_lists(reserve(n=1), pushed(A), F)),
    "element_shape": lambda: [lists.tensor_list_element_shape(l, t) for l in (empty(), empty([-1, 2]))
                              for t in (tf.int32, tf.int64)],
    "add": lambda: rows(tf.add_n([reserve(), put(reserve(), 1, A), put(reserve(), 1, B)])),
    "add_shapes": lambda: [rows(tf.add_n([reserve(s), put(reserve([2]), 1, A)]), -1) for s in ([-1], -1)],
    "zeros_of_list": lambda: rows(tf.zeros_like(put(reserve(), 1, A))),
    "batch": lambda: [rows(l, [1]) for l in tf.unstack(lists.tensor_list_push_back_batch(
        tf.stack([empty([1]), empty([1])]), ramp(2, 1)))],
    "bad_push": lambda: [bad(length(lists.tensor_list_push_back(empty(), hidden([1.])))),
                         bad(length(lists.tensor_list_push_back(lists.tensor_list_push_back(empty(most=1), A), A)))],
    "bad_pop": lambda: [bad(lists.tensor_list_pop_back(l, [-1], F)[1]) for l in (empty(), reserve([-1]))],
    "bad_get": lambda: [bad(get(reserve(), hidden(i, tf.int32))) for i in (3, -1)] + [bad(get(reserve([-1]), 0, [-1]))],
    "bad_set": lambda: [bad(length(put(reserve(), hidden(i, tf.int32), A))) for i in (3, -1)] +
                       [bad(length(lists.tensor_list_set_item(reserve(), 0, hidden([1.]))))],
    "bad_stack_list": lambda: [bad(rows(l, [-1])) for l in (reserve([-1]), empty([-1]), pushed(A, [1.], shape=[-1]))] +
                              [bad(rows(reserve(), num_elements=2))],
    "bad_pick": lambda: [bad(pick(reserve(), hidden([i], tf.int32))) for i in (3, -1)] +
                        [bad(pick(put(put(reserve(-1), 0, [1.]), 1, A), i, -1)) for i in ([0, 1], [2])],
    "bad_add_list": lambda: [bad(length(tf.add_n([lists.tensor_list_reserve(hidden(s, tf.int32), n, F), reserve([2])])))
                             for s, n in (([3], 3), ([2], 2))],
    "bad_from": lambda: [bad(length(lists.tensor_list_from_tensor(hidden(v), hidden([3], tf.int32)))) for v in ([A, B], 1.)],
    "bad_scatter_list": lambda: [bad(length(scattered(hidden(i, tf.int32)))) for i in ([-1, 0], [0], [0, 1, 2])] +
                                [bad(length(scattered([3, 0], n))) for n in (2, -2)],
    "bad_join": lambda: [bad(joined(l, s)[0]) for l, s in [(reserve([-1], 2), [-1]), (empty(-1), -1),
                                                           (pushed([A], [[1.]], shape=-1), -1),
                                                           (pushed(A, shape=-1), [3])]],
    "bad_cut": lambda: [bad(length(cut(hidden(n, tf.int64)))) for n in ([2], [2, 2], [-1, 4])] +
                       [bad(length(lists.tensor_list_split(feed(A), hidden(np.zeros([0]), tf.int32), [1, 1])))],
    "bad_two_lists": lambda: [bad(length(lists.tensor_list_concat_lists(
        lists.tensor_list_reserve(hidden([2], tf.int32), 1, F), lists.tensor_list_reserve(hidden([1], tf.int32), 1, F), F)))],
    "bad_resize": lambda: [bad(length(lists.tensor_list_resize(empty(), hidden(-1, tf.int32))))],
    "bad_list": lambda: [bad(length(optional.optional_none())), bad(length(tf.stack([empty(), empty()])))],
    "optional": lambda: held(some(1.)) + held(tf.add_n([some(A), some(B)]), [2]) + held(tf.zeros_like(some(1.))),
    "has_value": lambda: [optional.optional_has_value(o) for o in (some(1.), optional.optional_none())],
    "bad_optional": lambda: [bad(held(optional.optional_none())[0]), bad(held(some(1.), [2])[0]), bad(held(some(1., 2.))[0]),
                             bad(optional.optional_get_value(some(1.), [tf.int32], [[]])[0])],
}


def table(rows):
    return lambda: [case(name, build) for name, build in rows.items()]


CASES = {"tensor_array": table({**ARRAYS, **STACKS}), "tensor_list": table(LISTS)}
