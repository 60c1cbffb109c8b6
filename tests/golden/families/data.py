"""Iterators that nobody gave a dataset, which is what graphs hold whose inputs are fed in place of theirs."""
from recorder import *


def fed():
    iterator = tf.data.Iterator.from_structure((tf.float32, tf.string), ([None, 2], []))
    x, name = iterator.get_next()
    out = [x * 2., tf.strings.join([name, "!"])]
    return steps(Step(out, {x: [[1, 2], [3, 4]], name: b"a"}), bad(out, error="FailedPreconditionError"))


def iterators():
    case("fed", fed)


CASES = {"iterators": iterators}
