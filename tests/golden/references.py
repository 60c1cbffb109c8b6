"""Writes reference_programs_1.zip and so on: random programs on TF1's reference variables: python references.py [N [SEED [NAME]]].

A program reads and writes variables, in branches and loops too, by ops that data and control inputs put into an order.
Each read uses an alias of the variable: `v/read`, an identity that was made when the program began or just now, a chain
of them, or what a write passes on. Every two accesses of a variable of which one writes are ordered by edges. A program
counts only where 50 sessions agree, each with four threads, half of them with TensorFlow's graph optimizer.
"""
import random
import sys

from recorder import *

tf.compat.v1.disable_resource_variables()
R = tf.raw_ops
SESSIONS = 50
# How many programs go together.
A_CASE, A_ZIP = 20, 260


class State:
    """What was done to a variable so far: the last write, and the reads since."""

    def __init__(self, ref, aliases):
        self.ref, self.aliases = ref, aliases
        self.write, self.reads = [], []


class Program:
    def __init__(self, rng):
        self.rng = rng
        self.vars = []
        self.outs = []
        self.depth = 0
        for i in range(rng.randint(1, 3)):
            v = tf.compat.v1.get_variable("v%d" % i, initializer=tf.constant([float(i + 1), i + 2.]), use_resource=False)
            aliases = [v.value()] + [self.alias(v.value()) for _ in range(rng.randint(0, 2))]
            self.vars.append(State(v._ref(), aliases))
            self.vars[-1].var = v

    def alias(self, x):
        """Another name of what x shows."""
        pick = self.rng.randrange(6)
        if pick == 0:
            return tf.stop_gradient(x)
        if pick == 1:
            return tf.reshape(tf.reshape(x, [1, 2]), [2])
        if pick == 2:
            return tf.squeeze(tf.expand_dims(x, 0), [0])
        if pick == 3:
            return tf.identity_n([x, x])[self.rng.randrange(2)]
        return tf.identity(x)

    def after(self, ops):
        """Control inputs that put what is made inside behind `ops`, by one of several ways."""
        ops = [op for op in ops if op is not None]
        pick = self.rng.randrange(4)
        if pick == 0 and ops:
            ops = [tf.group(*ops)]
        elif pick == 1 and ops:
            with tf.control_dependencies(ops):
                ops = [tf.identity(tf.constant(0.))]
            if self.rng.random() < .5:
                ops = [ops[0] + 1.]
        return tf.control_dependencies(ops)

    def read(self, n):
        """A value of variable n as it is now."""
        state = self.vars[n]
        with self.after(state.write):
            pick = self.rng.randrange(8)
            if pick == 0:
                source = tf.identity(state.var)
            elif pick == 1:
                source = self.alias(self.rng.choice(state.aliases))
            elif pick == 2:
                source = state.ref
            else:
                source = self.rng.choice(state.aliases)
            value = self.rng.choice([lambda x: x + 1., lambda x: x * .5, lambda x: tf.concat([x[1:], x[:1]], 0),
                                     lambda x: tf.maximum(x, 2.), lambda x: x - tf.reduce_sum(x) * .25])(source)
            if pick in (0, 1) and self.rng.random() < .3:
                state.aliases.append(source)
        # All that touches the buffer: the ops that are made here end in `value`.
        state.reads.append(value.op)
        return value

    def value(self):
        """Something to write."""
        if self.rng.random() < .2:
            return tf.constant([self.rng.randint(-3, 3) * 1., self.rng.randint(-3, 3)])
        value = self.read(self.rng.randrange(len(self.vars)))
        if self.rng.random() < .4:
            value = value + self.read(self.rng.randrange(len(self.vars)))
        return value * .5

    def write(self):
        n = self.rng.randrange(len(self.vars))
        value = self.value()
        state = self.vars[n]
        with self.after(state.write + state.reads):
            pick = self.rng.randrange(6)
            if pick == 0:
                out = tf.compat.v1.assign_add(state.var, value)
            elif pick == 1:
                out = tf.compat.v1.assign_sub(state.var, value)
            elif pick == 2:
                out = tf.compat.v1.scatter_update(state.var, tf.constant([self.rng.randrange(2)]), value[:1])
            elif pick == 3:
                out = R.ApplyGradientDescent(var=state.ref, alpha=tf.constant(.5), delta=value)
            else:
                out = tf.compat.v1.assign(state.var, value)
        state.write, state.reads = [out.op], []
        if self.rng.random() < .3:
            with tf.control_dependencies([out.op]):
                state.aliases.append(tf.identity(out))
        if self.rng.random() < .3:
            with tf.control_dependencies([out.op]):
                value = out * 2.
            state.reads.append(value.op)
            return value
        return None

    def all(self):
        """All accesses that later ones must come behind."""
        return [op for state in self.vars for op in state.write + state.reads]

    def sequence(self, n):
        """n steps; answers values that were seen."""
        values = []
        for _ in range(n):
            pick = self.rng.random()
            if self.depth < 2 and pick < .12:
                values.append(self.cond())
            elif self.depth < 2 and pick < .22:
                values.append(self.loop())
            elif pick < .6:
                values.append(self.write())
            else:
                values.append(self.read(self.rng.randrange(len(self.vars))))
        return [value for value in values if value is not None]

    def inner(self, n):
        """Steps in a branch or a turn, which begins where nothing was done yet; answers a value behind all of them."""
        saved = [(state.write, state.reads, list(state.aliases)) for state in self.vars]
        for state in self.vars:
            state.write, state.reads = [], []
        self.depth += 1
        values = self.sequence(n)
        done = self.all()
        self.depth -= 1
        for state, (write, reads, aliases) in zip(self.vars, saved):
            state.write, state.reads, state.aliases = write, reads, aliases
        with tf.control_dependencies(done):
            result = tf.identity(tf.constant([1., 1.]))
            for value in values[:2]:
                result = result + value
        with tf.control_dependencies([result]):
            return tf.identity(result)

    def behind(self, op):
        """What was inside of `op` was done: it touched all."""
        for state in self.vars:
            state.write, state.reads = [op], []

    def cond(self):
        with tf.control_dependencies(self.all()):
            p = tf.greater(tf.reduce_sum(self.vars[0].aliases[0]), 3.) if self.rng.random() < .5 else tf.constant(self.rng.random() < .5)
            p = tf.identity(p)
        with tf.control_dependencies(self.all() + [p.op]):
            no, yes = self.rng.randint(0, 3), self.rng.randint(1, 3)
            out = tf.cond(p, lambda: self.inner(yes), lambda: self.inner(no))
        self.behind(out.op)
        return out

    def loop(self):
        with tf.control_dependencies(self.all()):
            start = tf.identity(tf.constant([0., 0.]))
            turns, n = self.rng.randint(1, 3), self.rng.randint(1, 3)
            if self.rng.random() < .2:
                start = self.rng.choice(self.vars).aliases[0]
            first = tf.identity(tf.constant(0))

            def body(i, x):
                with tf.control_dependencies([x]):
                    value = self.inner(n)
                with tf.control_dependencies([value]):
                    return i + 1, x * .5 + value

            i, out = tf.while_loop(lambda i, x: i < turns, body, [first, start], parallel_iterations=self.rng.choice([1, 10]))
        with tf.control_dependencies([i, out]):
            out = out + 0.
        self.behind(out.op)
        return out


def build(seed):
    """The steps of one program: its initializer, and twice what it computes."""
    rng = random.Random(seed)
    with tf.compat.v1.variable_scope("p%d" % seed):
        program = Program(rng)
        init = tf.compat.v1.variables_initializer([state.var for state in program.vars])
        outs = program.sequence(rng.randint(2, 7))
        with tf.control_dependencies(program.all()):
            outs += [state.aliases[0] + 0. for state in program.vars]
        fetched = [rng.choice(rng.choice(program.vars).aliases)] if rng.random() < .3 else []
        outs = [tf.stack(outs[:4] + outs[-3:], name="outs")]
    return steps(init, *[outs + fetched] * 2)


def config(optimize):
    options = plain_config()
    options.inter_op_parallelism_threads = 4
    if optimize:
        options = tf.compat.v1.ConfigProto(inter_op_parallelism_threads=4, intra_op_parallelism_threads=1)
    return options


def agrees(graph, todo):
    """Whether all sessions give the same numbers."""
    first = None
    for i in range(SESSIONS):
        with tf.compat.v1.Session(graph=graph, config=config(i % 2)) as session:
            answers = []
            for step in todo:
                answers.append(session.run([graph.as_graph_element(f.name) for f in step.fetch]))
        flat = [np.asarray(x).tolist() for answer in answers for x in answer if x is not None]
        if first is not None and flat != first:
            return False
        first = flat
    return all(np.all(np.isfinite(x)) for x in first)


def is_kept(seed):
    with tf.Graph().as_default() as graph:
        return agrees(graph, build(seed))


def main():
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    name = sys.argv[3] if len(sys.argv) > 3 else "reference_programs"
    kept, first = [], seed
    while len(kept) < wanted:
        seed += 1
        kept += [seed] if is_kept(seed) else []
    write(name, kept)
    print("of %d programs %d are kept; the sessions of the others differ" % (seed - first, len(kept)))
    sys.exit("%d cases failed" % len(failed) if failed else 0)


def write(name, seeds):
    """Several programs are one case: what they have in common is then stored once."""
    for number, zipped in enumerate(parts(seeds, A_ZIP)):
        with family("%s_%d" % (name, number + 1)):
            for some in parts(zipped, A_CASE):
                case("programs_%d" % some[0], lambda: [step for seed in some for step in build(seed)], shapes=False)


def parts(seeds, n):
    return [seeds[i:i + n] for i in range(0, len(seeds), n)]


if __name__ == "__main__":
    main()
