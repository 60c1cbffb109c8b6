"""Reference variables of TF1 that are read behind writes: by aliases that were made before."""
from recorder import *

R = tf.raw_ops
V1 = tf.compat.v1


def variable(name, value):
    return V1.get_variable(name, initializer=tf.constant(value), use_resource=False)


def after(*ops):
    return tf.control_dependencies(list(ops))


def runs(*fetches):
    """The initializer, and twice the same."""
    return steps(initializer(), list(fetches), list(fetches))


def initializer():
    with tf.control_dependencies(None):
        return V1.global_variables_initializer()


def chain_of_assigns():
    """What the second one multiplies is what the first one stored."""
    v = variable("v", 1.)
    with after(V1.assign(v, v * 2.)):
        w = V1.assign(v, v * 3.)
    with after(w):
        return runs(v + 0., tf.identity(v), w)


def sgd_then_clip():
    """The step must not be lost."""
    w, x = variable("w", [[.5, -2.], [3., 1.]]), tf.constant([[1., 2.]])
    loss = tf.reduce_sum(tf.square(tf.matmul(x, w)))
    step = V1.train.GradientDescentOptimizer(.1).minimize(loss)
    with after(step):
        clip = V1.assign(w, tf.clip_by_norm(w, 1.))
    with after(clip):
        return runs(loss, w + 0., tf.norm(w))


def batch_norm():
    """Moving averages, and an inference that waits for them."""
    x = tf.constant([[1., 2.], [3., 6.], [5., 1.]])
    train = V1.layers.batch_normalization(x, training=True, momentum=.5, name="bn")
    updates = V1.get_collection(V1.GraphKeys.UPDATE_OPS)
    with after(*updates):
        infer = V1.layers.batch_normalization(x, training=False, momentum=.5, name="bn", reuse=True)
    return runs(train, infer)


def moving_average():
    """The average follows the weights as the step leaves them, and is read behind that."""
    w = variable("w", [1., 2.])
    average = V1.train.ExponentialMovingAverage(.75)
    step = V1.train.GradientDescentOptimizer(.25).minimize(tf.reduce_sum(tf.square(w)))
    with after(step):
        applied = average.apply([w])
    with after(applied):
        return runs(average.average(w) * 1., w * 1.)


def target_network():
    """The target follows a network that was trained before."""
    online, target = variable("online", [1., 2.]), variable("target", [0., 0.])
    loss = tf.reduce_sum(tf.square(online - 3.))
    step = V1.train.AdamOptimizer(.5).minimize(loss)
    with after(step):
        soft = V1.assign(target, target * .5 + online * .5)
    with after(soft):
        error = tf.reduce_sum(online - target)
    return runs(loss, error, target._ref())


def global_step():
    """A step counts, and whoever waits for it sees the new count."""
    w, count = variable("w", 1.), V1.train.get_or_create_global_step()
    step = V1.train.MomentumOptimizer(.1, .9).minimize(w * w, count)
    with after(step):
        return runs(tf.identity(count), tf.identity(w), V1.train.get_global_step() * 10)


def behind_a_branch(taken):
    """A read behind a branch that may write, and reads in it."""
    v, p = variable("v", 1.), tf.identity(tf.constant(taken))

    def write():
        with after(V1.assign_add(v, 10.)):
            return v * 2.

    branch = tf.cond(p, write, lambda: v * 3.)
    with after(branch):
        return runs(branch, v + 0., tf.identity(v))


def behind_a_loop():
    """Each turn reads what it wrote, and what is behind the loop reads what the last turn wrote."""
    v = variable("v", 1.)

    def body(i, x):
        with after(V1.assign_add(v, 10.)):
            return i + 1, x + v

    i, x = tf.while_loop(lambda i, x: i < 3, body, [0, 0.], parallel_iterations=1)
    with after(x):
        return runs(i, x, v + 0.)


def condition_reads():
    """The condition of a loop reads what the turn before wrote."""
    v = variable("v", 1.)

    def body(i):
        with after(V1.assign(v, v * 2.)):
            return tf.identity(i + 1)

    def cond(i):
        with after(i):
            return v < 20.

    i = tf.while_loop(cond, body, [0], parallel_iterations=1)
    with after(i):
        return runs(i, v + 0.)


def loop_that_starts_with_it(passes_on):
    """A loop variable shows the variable in the first turn; as long as it is passed on, in all."""
    v = variable("v", 1.)

    def body(i, x):
        with after(V1.assign_add(v, 10.)):
            return i + 1, tf.identity(x) if passes_on else x + .5

    i, x = tf.while_loop(lambda i, x: i < 3, body, [0, v], parallel_iterations=1)
    return runs(i, x + 0.)


def loop_in_a_loop():
    v = variable("v", 1.)

    def inner(j, x):
        with after(V1.assign_add(v, x)):
            return j + 1, v * 1.

    def outer(i, x):
        j, y = tf.while_loop(lambda j, y: j < 2, inner, [0, x], parallel_iterations=1)
        with after(y):
            return i + 1, V1.assign(v, v * .5) + y

    i, x = tf.while_loop(lambda i, x: i < 3, outer, [0, 1.], parallel_iterations=1)
    with after(x):
        return runs(x, v + 0.)


def branch_into_a_loop(taken):
    """What goes into the loop is the variable, or a value of the other branch."""
    v, p = variable("v", [1., 2.]), tf.identity(tf.constant(taken))
    x = tf.cond(p, lambda: v, lambda: v * 100.)

    def body(i, y):
        with after(V1.assign_add(v, [10., 20.])):
            return i + 1, y + x + tf.reshape(tf.reshape(v, [2, 1]), [2])

    i, y = tf.while_loop(lambda i, y: i < 3, body, [0, tf.zeros(2)], parallel_iterations=1)
    return runs(i, y)


def forms_in_a_loop():
    """Other forms of the variable that were made before the loop."""
    v = variable("v", [1., 2.])
    forms = [tf.reshape(v, [2, 1]), tf.expand_dims(v, 0), tf.bitcast(v, tf.int32), tf.identity_n([v, v])[1]]

    def body(i, total):
        with after(V1.assign_add(v, [10., 20.])):
            back = tf.bitcast(forms[2] + 0, tf.float32)
            return i + 1, total + tf.squeeze(tf.matmul(forms[1], forms[0])) + tf.reduce_sum(back) + forms[3][0]

    i, total = tf.while_loop(lambda i, total: i < 3, body, [0, 0.], parallel_iterations=1)
    return runs(i, total)


def switch_and_merge(taken):
    """References through `RefSwitch` and `RefMerge`, and values through `Switch` and `Merge`."""
    v, p = variable("v", 1.), tf.identity(tf.constant(taken))
    no, yes = R.RefSwitch(data=v._ref(), pred=p)
    value = R.Switch(data=v.value(), pred=p)
    joined = R.RefMerge(inputs=[no, V1.assign(yes, 5.)])
    both = R.Merge(inputs=[value.output_false, value.output_true])
    with after(joined.output):
        return runs(joined.output * 2., joined.value_index, v * 1., both.output + 0., tf.identity(both.output))


def select(index):
    """`RefSelect` gives one of two references, which is written and read."""
    v, u = variable("v", 1.), variable("u", 2.)
    read = v.value(), u.value()
    one = R.RefSelect(index=tf.identity(tf.constant(index)), inputs=[v._ref(), u._ref()])
    with after(V1.assign(one, 5.)):
        return runs(read[0] * 1., read[1] * 1., one * 1.)


def names_of_an_alias():
    """What shares the variable's buffer shows what is stored when it is used; what copies does not."""
    v = variable("v", [[1., 2.]])
    x = v.value()
    aliases = [tf.identity(tf.identity(x)), tf.stop_gradient(x), R.PreventGradient(input=x), tf.identity_n([x, x])[1],
               tf.reshape(x, [2]), tf.expand_dims(x, 0), tf.squeeze(x), tf.bitcast(tf.bitcast(x, tf.int32), tf.float32),
               tf.ensure_shape(x, [1, 2]), tf.check_numerics(x, "x"), tf.placeholder_with_default(x, [1, 2]),
               R.Switch(data=x, pred=tf.constant(True)).output_true, V1.Print(x, [], summarize=0, first_n=0)]
    copies = [x * 1., tf.nn.relu(x), tf.gather(x, [0]), tf.concat([x, x], 0)]
    with after(*aliases + copies):
        write = V1.assign(v, [[7., 8.]])
    with after(write):
        return runs(*[x + 0. for x in aliases] + copies)


def fetched():
    """A fetched alias shows what the run leaves, as a reference does; what was computed before a write stays."""
    v = variable("v", 1.)
    read, before = tf.identity(v), v + 0.5
    with after(read, before):
        write = V1.assign_add(v, 1.)
    return runs(read, tf.identity(read), v, before, write, v.value())


def fed():
    """What is fed for an alias takes its place for all users, in loops too."""
    v = variable("v", 1.)
    read = v.value()

    def body(i, x):
        with after(V1.assign_add(v, 10.)):
            return i + 1, x + v

    with after(V1.assign(v, v * 2.)):
        i, x = tf.while_loop(lambda i, x: i < 3, body, [0, 0.], parallel_iterations=1)
    with after(x):
        out, now = v + 0., tf.identity(v._ref())
    return steps(initializer(), Step([x, out, now]), Step([x, out, now], {read: 100.}))


def scattered():
    v = variable("v", [1., 2., 3.])
    with after(V1.scatter_update(v, [0, 2], [5., 6.])):
        add = V1.scatter_add(v, [1], v[:1])
    with after(add):
        return runs(v * 1., tf.gather(v, [2, 1]))


def strings():
    v = variable("v", "a")
    with after(V1.assign(v, tf.strings.join([v, "b"]))):
        return runs(tf.strings.join([v, "c"]), tf.identity(v))


def shape_that_changes():
    v = V1.get_variable("v", initializer=tf.constant([1., 2.]), use_resource=False, validate_shape=False)
    read = v.value()
    with after(read):
        write = V1.assign(v, [[7., 8.]], validate_shape=False)
    with after(write):
        return runs(read * 1., tf.shape(read))


def groups_without_order():
    """Writes of other variables, and waits that lead through them, put nothing in another order."""
    v, u = variable("v", 1.), variable("u", 2.)
    first = V1.assign(u, v + u)
    with after(tf.group(first)):
        gate = tf.no_op()
    with after(gate):
        second = V1.assign(v, v + u)
    with after(second):
        total = u + v
    with after(total):
        return runs(total, V1.assign_sub(u, v) + 0.)


def table(cases):
    return lambda: [case(name, build) for name, build in cases.items()]


CASES = {"aliases": table({
    "chain_of_assigns": chain_of_assigns, "sgd_then_clip": sgd_then_clip, "batch_norm": batch_norm,
    "moving_average": moving_average, "target_network": target_network, "global_step": global_step,
    "branch_that_writes": lambda: behind_a_branch(True), "branch_that_does_not": lambda: behind_a_branch(False),
    "behind_a_loop": behind_a_loop, "condition_reads": condition_reads,
    "loop_variable": lambda: loop_that_starts_with_it(False), "loop_variable_passed_on": lambda: loop_that_starts_with_it(True),
    "loop_in_a_loop": loop_in_a_loop, "forms_in_a_loop": forms_in_a_loop,
    "branch_into_a_loop": lambda: branch_into_a_loop(True), "other_branch_into_a_loop": lambda: branch_into_a_loop(False), "switch_and_merge": lambda: switch_and_merge(True),
    "switch_and_merge_not": lambda: switch_and_merge(False), "select_first": lambda: select(0), "select_second": lambda: select(1),
    "names_of_an_alias": names_of_an_alias, "fetched": fetched, "fed": fed, "scattered": scattered, "strings": strings,
    "shape_that_changes": shape_that_changes, "groups_without_order": groups_without_order})}
