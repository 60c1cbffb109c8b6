"""Lists the builders that no program of names.py has a counterpart for: python3 builders.py (needs no TensorFlow).

A builder says in its documentation which function of TF1 it is: `#[doc(alias = "tf.matmul")]`.
"""
import os
import re

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
# Builders without a program of their own, and why.
KNOWN = {
    "TF1 makes Switch, Merge, Enter and Exit of these, here they are one node":
        "cond case case_exclusive switch_case while_loop while_loop_with switch merge",
    "the node holds a function of the host's language": "closure pure_closure",
    "the same nodes as another builder's": "assert_showing print_with string_format constant_as",
    "no builder of TF1 makes the bare op": "prevent_gradient mat_mul_raw nth_element fused_batch_norm "
        "softmax_cross_entropy_raw sparse_softmax_cross_entropy_raw",
    "the variable has no shape, which a program cannot say yet": "assign_any_shape",
    "makes the op of TensorFlow 2, where TF1 makes transpositions and products": "einsum",
    "makes no nodes": "global_variables local_variables trainable_variables",
}


def files(*folder):
    for path, _, names in os.walk(os.path.join(ROOT, *folder)):
        for name in sorted(names):
            if name.endswith(".rs"):
                with open(os.path.join(path, name)) as file:
                    yield file.read()


def builders(text):
    """The functions with a name in TF1."""
    is_named = False
    for line in map(str.strip, text.split("\n")):
        function = re.match(r"pub fn (\w+)", line)
        if function and is_named:
            yield function.group(1)
        if line.startswith('#[doc(alias = "tf.'):
            is_named = True
        elif not line.startswith(("#", "/")):
            is_named = False


programs = "".join(files("tests", "it", "names"))
known = set(" ".join(KNOWN.values()).split())
for name in sorted({name for text in files("src", "ops") for name in builders(text)} - known):
    if not re.search(r"\b%s\b" % name, programs):
        print(name)
