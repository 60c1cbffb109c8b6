"""Arrays, stacks and lists by the ops of older programs, whose handles are strings or references to them."""
from recorder import *
from tensorflow.python.ops import gen_data_flow_ops as raw, gen_list_ops as lists
from families.older import of

R, F = tf.raw_ops, tf.float32
A, B = [1., 2.], [3., 4.]


class Arrays:
    """The ops of one version; each op gives the array with the flow after it."""

    def __init__(self, version):
        self.version = version

    def op(self, name, *inputs, **attrs):
        return getattr(raw, "tensor_array" + name + self.version)(*inputs, **attrs)

    def new(self, n=3, dtype=F, **more):
        return self.op("", size=n, dtype=dtype, **more), tf.zeros([])

    def write(self, array, i, value):
        return array[0], self.op("_write", array[0], i, value, array[1])

    def written(self, *values, n=3, **more):
        array = self.new(n, **more)
        for i, value in enumerate(values):
            array = self.write(array, i, feed(value))
        return array

    def read(self, array, i, dtype=F):
        return self.op("_read", array[0], i, array[1], dtype)

    def gather(self, array, indices, **more):
        return self.op("_gather", array[0], indices, array[1], F, **more)

    def scatter(self, array, indices, value):
        return array[0], self.op("_scatter", array[0], indices, value, array[1])

    def split(self, array, value, lengths):
        return array[0], self.op("_split", array[0], value, lengths, array[1])

    def concat(self, array, **more):
        return list(self.op("_concat", array[0], array[1], F, **more))

    def size(self, array):
        return self.op("_size", *array)

    def gradient(self, array):
        return self.op("_grad", *array, source="g"), array[1]

    def closed(self, array):
        with tf.control_dependencies([self.op("_close", array[0])]):
            return self.read(array, 0)


def hidden(value, dtype=F):
    return feed(value, None, dtype)


def programs(to):
    scattered = lambda: to.scatter(to.new(), i32([2, 0, 1]), ramp(3, 2))
    return {
        "read": lambda: [to.read(to.written(A, B), i) for i in (1, 0)],
        "zeros": lambda: [to.read(to.new(1, element_shape=[2]), 0)],
        "gather": lambda: [to.gather(scattered(), i32([1, 0])), to.gather(to.new(0), i32([]), element_shape=[2, 3])],
        "split": lambda: to.concat(to.split(to.new(), ramp(4, 2), i64([1, 0, 3]))),
        "concat_none": lambda: to.concat(to.new(0), element_shape_except0=[2]),
        "size": lambda: [to.size(to.new(4)), to.size(to.scatter(to.new(0, dynamic_size=True), i32([4]), feed([1.])))],
        "gradient": lambda: [to.read(to.write(to.write(to.gradient(to.written(A)), 0, feed(A)), 0, feed(B)), 0)],
        "int64": lambda: [to.read(to.write(to.new(1, tf.int64), 0, tf.constant([7], tf.int64)), 0, tf.int64)],
        "errors": lambda: [bad(t) for t in [to.write(to.new(), hidden(3, tf.int32), feed(1.))[1], to.read(to.new(), 0),
                to.write(to.written(A), 0, feed(B))[1], to.read(to.written(A), 0, tf.int32), to.closed(to.written(A)),
                to.split(to.new(), hidden([1., 2.]), hidden([1, 0, 0], tf.int64))[1]]],
    }


def packed(to):
    def unpacked():
        new, flow = to.new(2)
        return new, raw.tensor_array_unpack(new, ramp(2, 3), flow)

    return [raw.tensor_array_pack(*unpacked(), F), raw.tensor_array_pack(*to.new(0), F, element_shape=[2]),
            to.gather(unpacked(), i32([1]))]


def bad_pack(to):
    new, flow = to.written([1.], n=2)
    other, begun = to.new(2)
    return steps(bad(raw.tensor_array_pack(new, flow, F)), bad(raw.tensor_array_unpack(other, hidden(np.ones([3, 1])), begun)))


def arrays():
    for version, producer in [("", 15), ("_v2", 25)]:
        to = Arrays(version)
        for name, build in programs(to).items():
            case("array" + version + "_" + name, of(producer, build))
    case("array_pack", of(15, lambda: packed(Arrays(""))))
    case("bad_array_pack", of(15, lambda: bad_pack(Arrays(""))))


# ---- stacks


def stack(*values, dtype=F):
    handle, last = R.Stack(elem_type=dtype, stack_name="s"), []
    for value in values:
        with tf.control_dependencies(last):
            last = [R.StackPush(handle=handle, elem=feed(value, dtype=dtype))]
    return handle, last


def pops(handle, last, n, dtype=F):
    popped = []
    for _ in range(n):
        with tf.control_dependencies(last + popped[-1:]):
            popped.append(R.StackPop(handle=handle, elem_type=dtype))
    return popped


def closed():
    handle, _ = stack()
    with tf.control_dependencies([R.StackClose(handle=handle)]):
        return R.StackPop(handle=handle, elem_type=F)


def joined(made, **more):
    return list(lists.tensor_list_concat(made, F, **more))


def pushed(*values, shape=(-1,)):
    made = lists.empty_tensor_list(np.int32(shape), -1, F)
    for value in values:
        made = lists.tensor_list_push_back(made, feed(value))
    return made


def others():
    case("stack", lambda: pops(*stack(A, B, [5.]), n=3))
    case("stack_int64", lambda: pops(*stack([1], [2], dtype=tf.int64), n=2, dtype=tf.int64))
    case("stack_passes_on", lambda: [t for handle, last in [stack(A)] for t in last + pops(handle, last, 1)])
    case("bad_stack", lambda: [bad(pops(*stack(A), n=2)[1]), bad(closed())])
    case("list_concat", lambda: joined(pushed(A, [5.])) + joined(pushed([A, B], [A], shape=[-1, 2]), element_shape=[None, 2]) +
            joined(pushed(shape=[-1, 2]), element_shape=[None, 2]) + joined(pushed(A, B, shape=[2]), element_shape=[2]))
    case("bad_list_concat", lambda: [bad(joined(pushed(shape=-1))[0]), bad(joined(pushed([A], [[1.]], shape=-1))[0]),
            bad(joined(pushed([A], shape=-1), element_shape=[None, 3])[0])])


def older_containers():
    arrays()
    others()


CASES = {"older_containers": older_containers}
