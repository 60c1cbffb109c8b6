"""Ops that run functions of the file: branches, loops, calls; and the same on references to variables."""
from recorder import *
from tensorflow.python.framework import function
from tensorflow.python.ops import functional_ops, gen_control_flow_ops as flow, gen_functional_ops as raw
from tensorflow.python.ops import gen_resource_variable_ops as resources

F, I = tf.float32, tf.int32
HERE = "/job:localhost/replica:0/task:0/device:CPU:0"


def define(*dtypes, **more):
    """A function of the file, from Python's."""
    return function.Defun(*dtypes, **more)


def named(name, dtypes):
    return "_".join([name] + [dtype.name for dtype in dtypes])


def double(*dtypes):
    return define(*dtypes, func_name=named("double", dtypes))(lambda *xs: [x * 2 for x in xs])


def negate(*dtypes):
    return define(*dtypes, func_name=named("negate", dtypes))(lambda *xs: [-x for x in xs])


# ---- branches


def branch(cond, *inputs, op=raw._if, shapes=()):
    dtypes = [x.dtype.base_dtype for x in inputs]
    return list(op(cond=cond, input=list(inputs), Tout=dtypes, then_branch=double(*dtypes), else_branch=negate(*dtypes),
                   output_shapes=list(shapes)))


def pick(index, *inputs, shapes=()):
    dtypes = [x.dtype.base_dtype for x in inputs]
    third = define(*dtypes, func_name=named("third", dtypes))(lambda *xs: [x + 1 for x in xs])
    return list(raw.case(branch_index=index, input=list(inputs), Tout=dtypes, branches=[double(*dtypes), negate(*dtypes), third],
                         output_shapes=list(shapes)))


def both_ways(build, *values):
    """One graph, run for each value of its first input, which has the dtype of the first value."""
    dtype = tf.as_dtype(np.asarray(values[0]).dtype)
    dtype = {tf.float64: F, tf.int64: I}.get(dtype, dtype)
    asked = tf.placeholder(dtype, [])
    out = build(asked)
    return steps(*[Step(out, {asked: v}) for v in values])


BRANCHES = {
    "if": lambda: both_ways(lambda c: branch(c, tf.constant([1., 2.]), tf.constant(3)), True, False),
    "if_of_number": lambda: both_ways(lambda c: branch(c, tf.constant([1., 2.])), 0, 1, -7),
    "if_of_float": lambda: both_ways(lambda c: branch(c, tf.constant([1., 2.])), 0., 0.5, np.nan),
    "if_of_vector": lambda: [t for v in ([], [0], [1, 0]) for t in branch(feed(v, None), ramp(2))],
    "if_of_string": lambda: [t for v in ("", "x") for t in branch(tf.constant(v), ramp(2))],
    "if_stateless": lambda: both_ways(lambda c: branch(c, tf.constant([1., 2.]), op=raw.stateless_if, shapes=[[2]]),
                                      True, False),
    "if_shapes": lambda: [t for s in ([], [[None, 2]], [None])
                          for t in branch(boolean(True), feed([[1, 2]], [None, 2]), shapes=s)],
    "if_of_other_shapes": lambda: both_ways(other_shapes, True, False),
    "if_in_if": lambda: both_ways(nested, 5, -5, 50),
    "if_fails": lambda: both_ways_failing(),
    "case": lambda: both_ways(lambda i: pick(i, tf.constant([1., 2.]), tf.constant(3)), 0, 1, 2, 3, -1),
    "case_shapes": lambda: pick(i32(1), feed([[1, 2]], None), shapes=[[1, None]]),
}


def other_shapes(cond):
    then = define(F)(lambda x: tf.concat([x, x], 0))
    other = define(F)(lambda x: tf.reduce_sum(x))
    return raw._if(cond=cond, input=[ramp(3)], Tout=[F], then_branch=then, else_branch=other)[0]


def nested(x):
    @define(I)
    def inner(x):
        return raw._if(cond=x > 10, input=[x], Tout=[I], then_branch=double(I), else_branch=negate(I))[0]

    @define(I)
    def zero(x):
        return x * 0

    return raw._if(cond=x > 0, input=[x], Tout=[I], then_branch=inner, else_branch=zero)[0]


def both_ways_failing():
    cond = tf.placeholder(tf.bool, [])
    wrong = define(F)(lambda x: tf.check_numerics(x / 0., "wrong"))
    out = raw._if(cond=cond, input=[tf.constant([1.])], Tout=[F], then_branch=wrong, else_branch=negate(F))[0]
    return steps(bad(out, {cond: True}), Step(out, {cond: False}))


# ---- loops


def count(op=raw._while, n=5, shapes=()):
    """Doubles while a number is below n."""
    cond = define(I, F, func_name="below")(lambda i, x: i < n)
    body = define(I, F, func_name="next")(lambda i, x: (i + 1, x * 2.))
    return lambda i, x: list(op(input=[i, x], cond=cond, body=body, output_shapes=list(shapes)))


def grow():
    cond = define(I, F)(lambda i, x: i < 3)
    body = define(I, F)(lambda i, x: (i + 1, tf.concat([x, x], 0)))
    return raw._while(input=[tf.constant(0), feed([1, 2], [None])], cond=cond, body=body)[1]


def reshapes():
    """TensorFlow takes it that a loop keeps the shapes that it starts from."""
    cond = define(I, I, F, func_name="once")(lambda i, s, x: i < 1)
    body = define(I, I, F, func_name="reshape")(lambda i, s, x: (i + 1, s[::-1], tf.reshape(x, s[::-1])))
    return list(raw._while(input=[tf.constant(0), i32([2, 2]), ramp(2, 2)], cond=cond, body=body))


def gives_up():
    cond = define(F)(lambda x: x)
    body = define(F)(lambda x: x - 1.)
    return raw._while(input=[feed(3.)], cond=cond, body=body)[0]


def loop_fails():
    cond = define(I)(lambda i: i < 3)
    body = define(I)(lambda i: i + tf.cast(tf.check_numerics(1. / tf.cast(2 - i, F), "wrong"), I) * 0 + 1)
    return steps(bad(raw._while(input=[i32(0)], cond=cond, body=body)[0]))


def repeat(start, limit, delta, *inputs):
    body = define(I, *[x.dtype.base_dtype for x in inputs])(lambda i, x: x + tf.cast(i, x.dtype))
    return list(raw._for(start=start, limit=limit, delta=delta, input=list(inputs), body=body))


LOOPS = {
    "while": lambda: both_ways(lambda i: count()(i, tf.constant([1., 2.])), 0, 4, 5, 9),
    "while_stateless": lambda: both_ways(lambda i: count(raw.stateless_while)(i, tf.constant([1., 2.])), 0, 5),
    "while_shapes": lambda: [t for s in ("same", [None], None) for t in count()(tf.constant(2), feed([1, 2], s))] +
                            count(shapes=[[], [2]])(tf.constant(2), feed([1, 2])),
    "while_reshapes": reshapes,
    "while_of_number": gives_up,
    "while_fails": loop_fails,
    "for": lambda: [t for args in [(0, 4, 1), (3, 0, -1), (0, 5, 2), (2, 2, 1)] for x in (feed([1, 2]), i32(3))
                    for t in repeat(*map(i32, args), x)],
    "for_unknown": lambda: repeat(i32(0, None), i32(3, None), i32(1, None), feed([1, 2], None)),
    "bad_for": lambda: steps(*[bad(repeat(*[i32(a, None) for a in args], feed(1.)))
                               for args in [(0, 3, 0), (0, 3, -1), (3, 0, 1)]]),
}


# ---- calls


def call(*inputs, op=raw.partitioned_call, f=double):
    dtypes = [x.dtype.base_dtype for x in inputs]
    return list(op(args=list(inputs), Tout=dtypes, f=f(*dtypes)))


def swapped():
    f = define(F, I)(lambda x, n: (n, x, n + 1))
    return list(raw.partitioned_call(args=[ramp(2), i32(3)], Tout=[I, F, I], f=f))


def deep():
    inner = double(F)
    outer = define(F)(lambda x: raw.partitioned_call(args=[x + 1.], Tout=[F], f=inner)[0] * 10.)
    return raw.stateful_partitioned_call(args=[ramp(2)], Tout=[F], f=outer)[0]


def on_variable(op, times):
    """A function that adds one to the variable whose handle it is given."""
    v = tf.Variable([1., 2.], use_resource=True)

    def added(handle):
        with tf.control_dependencies([resources.assign_add_variable_op(handle, tf.constant([1., 10.]))]):
            return resources.read_variable_op(handle, F)

    out = op(args=[v.handle], Tout=[F], f=define(tf.resource)(added))[0]
    return steps(v.initializer, *[out] * times, v.read_value())


def loop_on_variable():
    v = tf.Variable([1., 2.], use_resource=True)
    cond = define(I, tf.resource)(lambda i, handle: i < 3)

    def body(i, handle):
        with tf.control_dependencies([resources.assign_add_variable_op(handle, tf.constant([1., 1.]))]):
            return i + 1, tf.identity(handle)

    out = raw._while(input=[tf.constant(0), v.handle], cond=cond, body=define(I, tf.resource)(body))[0]
    return steps(v.initializer, out, v.read_value())


def effects():
    """Each op calls a function whose result does not need its write: partitioned calls leave it out, the others do not."""
    v = tf.Variable(tf.constant([1, 2]), use_resource=True)

    def five(handle):
        resources.assign_add_variable_op(handle, tf.constant([1, 1]))
        return tf.constant(5)

    def turn(i, handle):
        resources.assign_add_variable_op(handle, tf.constant([1, 1]))
        return i + 1, tf.identity(handle)

    f = define(tf.resource, func_name="five")(five)
    one = dict(args=[v.handle], Tout=[I], f=f)
    runs = [raw.partitioned_call(**one)[0], raw.stateful_partitioned_call(**one)[0], raw.remote_call(target=HERE, **one)[0],
            raw._if(cond=True, input=[v.handle], Tout=[I], then_branch=f, else_branch=f)[0],
            raw.case(branch_index=0, input=[v.handle], Tout=[I], branches=[f, f])[0],
            raw._while(input=[tf.constant(0), v.handle], cond=define(I, tf.resource)(lambda i, h: i < 2),
                       body=define(I, tf.resource)(turn))[0]]
    return steps(v.initializer, *[step for run in runs for step in (run, v.read_value())])


def lowered(run, is_lowered):
    """Which of three writes happen: one that nothing needs, and one for each of two results."""
    handles = [tf.Variable(7., use_resource=True).handle for _ in range(3)]
    init = tf.group(*[resources.assign_variable_op(h, tf.constant(7.)) for h in handles])

    def writes(*handles):
        done = [resources.assign_variable_op(h, tf.constant(float(i))) for i, h in enumerate(handles)]
        results = []
        for i in (1, 2):
            with tf.control_dependencies([done[i]]):
                results.append(tf.constant(1.) + 1.)
        return results

    op, outs = run(writes, handles)
    op._set_attr("_lower_using_switch_merge", tf.AttrValue(b=is_lowered))
    with tf.control_dependencies([op]):
        waits = tf.constant(3.) + 1.
    reads = [resources.read_variable_op(h, F) for h in handles]
    return steps(*[step for run in (tf.identity(outs[0]), tf.identity(outs[1]), waits, op) for step in (init, run, reads)])


def lowered_if(writes, handles):
    f = define(*[tf.resource] * 3, func_name="writes")(writes)
    outs = raw._if(cond=boolean(True), input=handles, Tout=[F, F], then_branch=f, else_branch=f)
    return outs[0].op, outs


def lowered_while(writes, handles):
    kinds = [I, F, F] + [tf.resource] * 3
    cond = define(*kinds, func_name="first")(lambda i, *_: i < 1)
    turn = define(*kinds, func_name="turn")(lambda i, x, y, *h: [i + 1] + writes(*h) + [tf.identity(one) for one in h])
    outs = raw._while(input=[tf.constant(0), tf.constant(0.), tf.constant(0.)] + handles, cond=cond, body=turn)
    return outs[0].op, outs[1:3]


CALLS = {
    "lowered_if": lambda: lowered(lowered_if, True),
    "whole_if": lambda: lowered(lowered_if, False),
    "lowered_while": lambda: lowered(lowered_while, True),
    "whole_while": lambda: lowered(lowered_while, False),
    "call": lambda: [t for op in (raw.partitioned_call, raw.stateful_partitioned_call)
                     for t in call(ramp(2), i32([[3]]), op=op)],
    "call_unknown": lambda: [t for s in ([None], None) for t in call(feed([1, 2], s))],
    "call_swapped": swapped,
    "call_deep": deep,
    "call_variable": lambda: on_variable(raw.stateful_partitioned_call, 2),
    "call_fails": lambda: steps(bad(call(ramp(2), f=lambda *t: define(*t)(lambda x: tf.check_numerics(x / 0., "wrong"))))),
    "remote": lambda: [t for x in (ramp(2), i32(3), feed([1, 2], None)) for t in raw.remote_call(target=HERE, args=[x],
                       Tout=[x.dtype], f=double(x.dtype))],
    "loop_on_variable": loop_on_variable,
    "effects": effects,
}


# ---- references


def held(value=(1., 2.), dtype=F):
    return tf.Variable(tf.constant(value, dtype), use_resource=False)


def old_variable():
    ref = tf.raw_ops.Variable(shape=[2], dtype=F)
    return steps(bad(ref, error="FailedPreconditionError"), tf.assign(ref, [1., 2.]), ref,
                 tf.assign_add(ref, feed([1, 1])), ref * 2)


def passed_on():
    v = held()
    ref = flow_identity(v._ref())
    return steps(v.initializer, ref, tf.assign_add(ref, feed([1, 1])), v, ref + 1)


def flow_identity(ref):
    return tf.raw_ops.RefIdentity(input=ref)


def switched():
    """The branch that is taken adds one; the references join again."""
    v, cond = held(), tf.placeholder(tf.bool, [])
    no, yes = flow.ref_switch(v._ref(), cond)
    merged, index = flow.ref_merge([no, tf.assign_add(yes, [1., 1.])])
    return steps(v.initializer, Step([merged, index], {cond: True}), Step([merged, index], {cond: False}), v)


def ref_loop():
    """A loop that holds a reference and adds to what is behind it."""
    v, i = held(), tf.constant(0)
    enters = [flow.enter(i, "w"), flow.ref_enter(v._ref(), "w")]
    n, ref = flow.merge([enters[0]] * 2)[0], flow.ref_merge([enters[1]] * 2)[0]
    go = flow.loop_cond(n < flow.enter(tf.constant(3), "w", is_constant=True))
    done, n_again = flow.switch(n, go)
    ref_done, ref_again = flow.ref_switch(ref, go)
    one, step = [flow.enter(tf.constant(c), "w", is_constant=True) for c in (1, [1., 10.])]
    n.op._update_input(1, flow.next_iteration(n_again + one))
    ref.op._update_input(1, flow.ref_next_iteration(tf.assign_add(ref_again, step)))
    return steps(v.initializer, [flow._exit(done), flow.ref_exit(ref_done)], v)


def counts(dtype, resource):
    v = tf.Variable(tf.constant(1, dtype), use_resource=resource)
    op = (lambda n: tf.raw_ops.ResourceCountUpTo(resource=v.handle, limit=n, T=dtype)) if resource else lambda n: tf.count_up_to(v, n)
    three, one = op(3), op(1)
    return steps(v.initializer, bad(one, error="OutOfRangeError"), three, three,
                 bad(three, error="OutOfRangeError"), v)


def shape_of_variable(value):
    v = tf.Variable(tf.constant(value), use_resource=True)
    shapes = [tf.raw_ops.VariableShape(input=v.handle, out_type=d) for d in (I, tf.int64)]
    return steps(v.initializer, shapes)


def gathered():
    v = tf.Variable(tf.constant([[1., 2.], [3., 4.], [5., 6.]]), use_resource=True)
    get = lambda i: resources.resource_gather_nd(v.handle, i, F)
    outs = [get(i) for i in (i32([[2], [0]]), i64([[1, 1], [0, 1]]), i32([[[2]]], None), i32([1, 0]), i32(np.zeros([0, 2])))]
    wrong = [get(i32(i, None)) for i in ([[3]], [[-1]], [[0, 2]], [[0, 0, 0]])]
    return steps(v.initializer, outs, *[bad(t) for t in wrong], tf.scatter_nd_update(v, [[0]], [[9., 9.]]), outs[1])


REFERENCES = {
    "old_variable": old_variable,
    "ref_identity": passed_on,
    "ref_switch_and_merge": switched,
    "ref_loop": ref_loop,
    "count_up_to": lambda: counts(I, False),
    "count_up_to_int64": lambda: counts(tf.int64, False),
    "resource_count_up_to": lambda: counts(I, True),
    "variable_shape": lambda: shape_of_variable([[1., 2., 3.]]),
    "variable_shape_of_scalar": lambda: shape_of_variable(1),
    "resource_gather_nd": gathered,
}


def table(rows):
    return lambda: [case(name, build) for name, build in rows.items()]


CASES = {"functions": table({**BRANCHES, **LOOPS, **CALLS}), "references": table(REFERENCES)}
