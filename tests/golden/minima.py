"""Writes minima.txt: what TensorFlow 1.15.5's op definitions say attributes are at least, numbers or lengths of lists."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from tensorflow.core.framework import op_def_pb2
from tensorflow.python import pywrap_tensorflow


def main():
    ops = op_def_pb2.OpList()
    ops.ParseFromString(pywrap_tensorflow.TF_GetBuffer(pywrap_tensorflow.TF_GetAllOpList()))
    lines = ["# op, attribute, kind, least: written by minima.py"]
    for op in ops.op:
        if op.name.startswith("_"):
            continue
        for attr in op.attr:
            if attr.has_minimum:
                lines.append(f"{op.name} {attr.name} {attr.type} {attr.minimum}")
    with open(os.path.join(os.path.dirname(__file__), "minima.txt"), "w") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
