"""Runs small graphs under real TensorFlow 1.15.5 and writes what it answered as replayable cases.

    with family("array"):                                  # writes array.zip
        case("pad", lambda: tf.pad(feed([1., 2.]), [[1, 0]]))

The format of the zips is in README.md.
"""
import contextlib
import io
import json
import os
import zipfile

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import warnings
warnings.filterwarnings("ignore")
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.FATAL)

FLOATS = [tf.float16, tf.float32, tf.float64]
SIGNED = [tf.int8, tf.int16, tf.int32, tf.int64]
UNSIGNED = [tf.uint8, tf.uint16]
INTS = SIGNED + UNSIGNED
NUMBERS = FLOATS + INTS
ALL = NUMBERS + [tf.bool]
WIDTHS = [tf.bool, tf.uint8, tf.float16, tf.int32, tf.int64]  # for ops that only move elements

OP_DEFS = {op.name: op for op in op_def_registry.get_registered_ops().values()}
HERE = os.path.dirname(os.path.abspath(__file__))
EPOCH = (1980, 1, 1, 0, 0, 0)
_zip = None       # the family that is being written
_names = set()    # its cases
failed = []       # cases of any family that are not as they should be
_values = {}      # of the case that is being built: placeholder name -> value it is fed

_made = {}         # and what feed() made for it
_constants = False # whether that is a default value rather than fed


# ---- what a case is made of


def feed(value, shape="same", dtype=tf.float32):
    """A placeholder and the value it is fed. Shape rules see the value's own shape, or `shape`: None, [None, 3], ...

    Asking for the same value again gives the same placeholder, and another shape a default-valued placeholder on top
    of it that hides what is known: each value is stored once."""
    value = np.asarray(value, dtype.as_numpy_dtype)
    shape = list(value.shape) if shape == "same" else shape
    with tf.name_scope(None), tf.control_dependencies(None):
        plain = _once((value.tobytes(), value.shape, dtype), lambda: _plain(value, dtype))
        if shape == list(value.shape):
            return plain
        return _once((plain.name, str(shape)), lambda: tf.placeholder_with_default(plain, shape, "hidden"))


def _plain(value, dtype):
    if _constants:
        return tf.placeholder_with_default(tf.constant(value, dtype), value.shape, "x")
    placeholder = tf.placeholder(dtype, value.shape, "x%d" % len(_values))
    _values[placeholder.name] = value
    return placeholder


def _once(key, make):
    if key not in _made:
        _made[key] = make()
    return _made[key]


def i32(value, shape="same"):
    return feed(value, shape, tf.int32)


def i64(value, shape="same"):
    return feed(value, shape, tf.int64)


def boolean(value, shape="same"):
    return feed(value, shape, tf.bool)


class Step:
    """One run: what it fetches (tensors) and executes (operations), and which error it must end with."""

    def __init__(self, fetch, feeds=None, fails=None):
        fetch = list(fetch) if isinstance(fetch, (list, tuple)) else [fetch]
        self.fetch = [f._as_graph_element() if isinstance(f, tf.Variable) else f for f in fetch]
        self.feeds = {t.name: np.asarray(v, t.dtype.base_dtype.as_numpy_dtype) for t, v in (feeds or {}).items()}
        self.fails = fails


def steps(*fetches):
    """Several runs of one session, in order; each is a Step, a tensor, an operation or a list of those."""
    return [f if isinstance(f, Step) else Step(f) for f in fetches]


def bad(fetch, feeds=None, error="InvalidArgumentError"):
    """A run that must fail with TensorFlow's exception class `error`."""
    return Step(fetch, feeds, error)


def ramp(*shape, dtype=tf.float32):
    """-3, -2.5, -2, ... in the given shape: small distinct numbers of both signs."""
    return feed(np.arange(int(np.prod(shape))).reshape(shape) * 0.5 - 3, dtype=dtype)


# ---- running and writing


@contextlib.contextmanager
def family(name):
    """Opens `name`.zip for the cases inside."""
    global _zip
    path = os.path.join(HERE, name + ".zip")
    _names.clear()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as _zip:
        yield
    print("%-14s %4d cases %7d bytes" % (name, len(_names), os.path.getsize(path)), flush=True)


def case(name, build, shapes=True):
    """Builds a graph with `build()`, which returns what to fetch (one run) or steps(..), runs it, writes it.

    Without `shapes` those that TensorFlow infers are left out: they contradict what it computes."""
    assert name not in _names, "two cases are named " + name
    _names.add(name)
    try:
        graph_def, runs = record(build, shapes)
    except Exception as e:
        failed.append(name)
        print("FAILED %s: %s: %s" % (name, type(e).__name__, str(e)[:400]), flush=True)
        return
    put(name + "/graph.pb", graph_def)
    keys = ("feeds", "fetches", "targets", "error", "random")
    put(name + "/runs.json", json.dumps([{k: run[k] for k in keys} for run in runs], separators=(",", ":")).encode())
    for k, run in enumerate(runs):
        for kind in ("in", "out"):
            for i, value in enumerate(run[kind]):
                put_value("%s/r%d/%s%d" % (name, k, kind, i), value)


def errors(name, build):
    """A case of one run for each tensor of `build()`, none of which TensorFlow can compute. Nothing is fed."""
    global _constants
    _constants = True
    case(name, lambda: steps(*[bad(t) for t in build()]))
    _constants = False


def sweep(name, ops, *columns, dtypes=ALL):
    """One case: each op(*inputs) of a list, for each dtype that has a kernel on the CPU.

    A column is a function dtype -> values. They are fed in the widest dtype of their kind and cast, which keeps the
    zips small, as does packing the answers."""
    ops = ops if isinstance(ops, list) else [ops]

    def one(dtype, op):
        inputs = [feed(column(dtype), dtype=widest(dtype)) for column in columns]
        with tf.name_scope(dtype.name):
            out = op(*[tf.cast(x, dtype) for x in inputs])
        return list(out) if isinstance(out, (list, tuple)) else [out]

    good = [(dtype, [op for op in ops if has_kernel(lambda: one(dtype, op))]) for dtype in dtypes]
    case(name, lambda: sum([pack(sum([one(dtype, op) for op in able], [])) for dtype, able in good if able], []))


def widest(dtype):
    return dtype if dtype == tf.bool else tf.float64 if dtype.is_floating else tf.int64


def pack(tensors):
    """The same numbers in fewer tensors: an entry in a zip costs more than its few numbers.

    Tensors of one dtype are stacked if their shapes are equal and else joined end to end. Where shapes are not known
    before the run, all of those shapes are one more answer."""
    known = [t for t in tensors if t.shape.is_fully_defined()]
    hidden = [t for t in tensors if not t.shape.is_fully_defined()]
    if len(hidden) < 3:
        return pack_dtypes(known) + hidden
    return pack_dtypes(known) + pack_dtypes(hidden) + [tf.concat([tf.shape(t) for t in hidden], 0, name="shapes")]


def pack_dtypes(tensors):
    out = []
    for dtype in sorted({t.dtype for t in tensors}, key=lambda d: d.name):
        same = [t for t in tensors if t.dtype == dtype]
        if len(same) == 1:
            out += same
        elif len({str(t.shape) for t in same}) == 1 and same[0].shape.is_fully_defined():
            out.append(tf.stack(same, name="packed"))
        else:
            flat = tf.constant([-1], name="flat")
            out.append(tf.concat([t if t.shape.ndims == 1 else tf.reshape(t, flat, "flat") for t in same], 0,
                 name="packed"))
    return out


def has_kernel(build):
    try:
        record(build)
        return True
    except (TypeError, tf.errors.NotFoundError, tf.errors.UnimplementedError):
        return False
    except tf.errors.InvalidArgumentError as e:
        if "Cannot assign a device" in e.message or "No OpKernel" in e.message:
            return False
        raise


def record(build, shapes=True):
    """The graph with the shapes that TensorFlow infers on import, and the runs with what went in and came out."""
    _values.clear()
    _made.clear()
    with tf.Graph().as_default() as built:
        todo = build()
        if not isinstance(todo, list) or not isinstance(todo[0], Step):
            plain = isinstance(todo, list) and all(isinstance(t, tf.Tensor) for t in todo)
            todo = steps(pack(todo) if plain else todo)
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(built.as_graph_def(), name="")
    # The wheel has an XLA device too; without a device TensorFlow would run there what has no kernel on the CPU.
    with tf.Graph().as_default() as graph, tf.device("/device:CPU:0"):
        tf.import_graph_def(built.as_graph_def(), name="")
    with tf.Session(graph=graph, config=plain_config()) as session:
        runs = [run(session, step) for step in todo]
    return serialized(imported.as_graph_def(add_shapes=shapes)), runs


def serialized(graph_def):
    """The graph as TensorFlow writes it for others to read: without attributes that have their default value."""
    # A call of a function has the function's name.
    for node in [node for node in graph_def.node if node.op in OP_DEFS]:
        for attr in OP_DEFS[node.op].attr:
            if attr.HasField("default_value") and attr.name in node.attr and node.attr[attr.name] == attr.default_value:
                del node.attr[attr.name]
    return graph_def.SerializeToString(deterministic=True)


def run(session, step):
    names = [getattr(f, "name", f) for f in step.fetch]
    graph = session.graph
    feeds = {name: _values[name] for name in needed(graph, names) if name in _values}
    feeds.update(step.feeds)
    tensors = [n for n in names if ":" in n]
    error, out = None, []
    try:
        out = session.run([graph.as_graph_element(n) for n in names], feeds)
        out = [np.asarray(v) for v, n in zip(out, names) if ":" in n]
    except tf.errors.OpError as e:
        error = type(e).__name__
        if error != step.fails:
            raise
    assert error == step.fails, "%s must fail with %s" % (names, step.fails)
    return {"feeds": list(feeds), "fetches": tensors, "targets": [n for n in names if ":" not in n],
            "error": error, "random": False, "in": list(feeds.values()), "out": out}


def needed(graph, names):
    """The names of the first outputs of all ops that the fetches depend on, in graph order."""
    stack = [graph.as_graph_element(n) for n in names]
    stack = [getattr(x, "op", x) for x in stack]
    seen = set()
    while stack:
        op = stack.pop()
        if op.name not in seen:
            seen.add(op.name)
            stack += [t.op for t in op.inputs] + list(op.control_inputs)
    return [op.outputs[0].name for op in graph.get_operations() if op.name in seen and op.outputs]


def plain_config():
    """The kernels as they are: no graph optimizer between the program and them."""
    config = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.graph_options.optimizer_options.opt_level = tf.OptimizerOptions.L0
    return config


def put_value(stem, value):
    if value.dtype.kind in "OSU":
        put(stem + ".pb", tf.make_tensor_proto(value, dtype=tf.string).SerializeToString())
    else:
        data = io.BytesIO()
        np.save(data, np.asarray(value, order="C"), allow_pickle=False)
        put(stem + ".npy", data.getvalue())


def put(name, data):
    _zip.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_DEFLATED, 9)
