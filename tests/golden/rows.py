"""Lists the ops that the engine reads from files and no golden case has: python rows.py (needs TensorFlow 1.15.5).

An op counts if its name stands as a text in src/ops or src/io/frames and TensorFlow 1.15.5 has it.
"""
import glob
import os
import re
import zipfile

from recorder import HERE, OP_DEFS, tf

ROOT = os.path.join(HERE, "..", "..", "src")
KNOWN = {
    "PyFunc", "PyFuncStateless",  # their functions are those of a running Python
    "MaxPoolGradGradWithArgmax",  # has a kernel on the GPU alone
}


def names():
    for folder in ("ops", "io/frames"):
        for path in glob.glob(os.path.join(ROOT, folder, "**", "*.rs"), recursive=True):
            if not path.endswith(("tests.rs", "testing.rs")):
                with open(path) as file:
                    yield from re.findall(r'"([A-Z]\w+)"', file.read().split("\nmod tests {")[0])


def recorded():
    for path in glob.glob(os.path.join(HERE, "*.zip")):
        with zipfile.ZipFile(path) as cases:
            for name in cases.namelist():
                if name.endswith("/graph.pb"):
                    graph = tf.GraphDef.FromString(cases.read(name))
                    yield from (node.op for node in graph.node)
                    yield from (node.op for function in graph.library.function for node in function.node_def)


for name in sorted((set(names()) & set(OP_DEFS)) - set(recorded()) - KNOWN):
    print(name)
