"""Asks TensorFlow to read what was exported.

    SESSILE_EXPORT=DIR cargo test --features tensorflow --test it export
    python tests/golden/check_export.py DIR [FAMILY ...]      with TensorFlow 1.15 or 2.x

Every graph under DIR/ops must be importable. What a graph under DIR/control computes must be what it has as a constant.
Every graph under DIR/cases must be importable, and the runs that are recorded beside its original in
tests/golden/FAMILY.zip must give the recorded answers. The last line counts, and the exit code is 0 only where nothing
failed.
"""
import io
import json
import os
import re
import sys
import zipfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
tf.logging.set_verbosity(tf.logging.ERROR)
# Known, and not the fault of what is exported: patterns of names.
EXPECTED = {
    "ops/FusedBatchNorm(V2|V3)?_3": "TensorFlow 1.15 does not know the attribute, which is written only where it is not 1",
    "ops/(StackClose|TensorArray.*)(V2|V3|WithShape)_.": "the example feeds the handle as a scalar; 1.15 wants two names",
    "ops/TensorListSetItem_1": "TensorFlow 1.15 does not know the attribute, which is written only where it is true",
    "ops/StatelessCase_.": "TensorFlow has it since 2.2",
    "ops/(ArgMax_3|ArgMin_3|ConcatOffset_1|GatherV2_1|StridedSlice_4)": "TensorFlow 1.15 does not know the dtype",
    "ops/(QuantizeAndDequantizeV.|QuantizeV2)_2": "TensorFlow 1.15 does not know the attribute, which is written only where it says something",
    "ngrams/nothing": "TensorFlow 1.15 leaves memory as it was where there are no n-grams",
    "ops/BiasAdd_1": "we take NCHW for rank 2, as the kernel does",
    "stitch/stitch": "TensorFlow 2.x leaves what no index names as the memory was",
    "binary/mod_by_zero": "Mod is written by its newer name, whose kernel raises another class",
}
# TensorFlow 1.15's optimizer ends the process over a convolution that its kernel refuses with an error.
CONFIG = tf.ConfigProto()
CONFIG.graph_options.rewrite_options.disable_meta_optimizer = True
# Over these TensorFlow 2.x ends the process, in the original as well: a filter of rank 3 is the error that was recorded.
FATAL = {"conv/errors"}
TOLERANCE = {"float64": 1e-9, "complex128": 1e-9, "float16": 1e-2, "bfloat16": 1e-2}


def read_graph(data):
    graph_def = tf.GraphDef()
    graph_def.ParseFromString(data)
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(graph_def, name="")
    return graph


def read_value(archive, stem):
    try:
        return np.load(io.BytesIO(archive.read(stem + ".npy")))
    except KeyError:
        proto = tf.make_tensor_proto(0)
        proto.ParseFromString(archive.read(stem + ".pb"))
        return tf.make_ndarray(proto)


def same(got, want, is_random):
    if np.asarray(got).shape != want.shape:
        return False
    if is_random:
        return True
    if want.dtype.kind in "OS":
        trim = np.vectorize(lambda x: (x if isinstance(x, bytes) else str(x).encode()).rstrip(b"\0"), otypes="O")
        return want.size == 0 or bool((trim(got) == trim(want)).all())
    if want.dtype.kind in "fcV":
        slack = TOLERANCE.get(want.dtype.name, 1e-4)
        got, want = np.asarray(got), np.asarray(want)
        if want.dtype.kind == "V":
            return got.tobytes() == want.tobytes()
        return np.allclose(got, want, rtol=slack, atol=slack / 10 * max(1.0, abs(want).max() if want.size else 0), equal_nan=True)
    return bool((np.asarray(got) == want).all())


def replay(graph, archive, case):
    with tf.Session(graph=graph, config=CONFIG) as session:
        for k, run in enumerate(json.loads(archive.read(case + "/runs.json"))):
            feeds = {name: read_value(archive, "%s/r%d/in%d" % (case, k, i)) for i, name in enumerate(run["feeds"])}
            targets = [graph.get_operation_by_name(name.split(":")[0]) for name in run["targets"]]
            try:
                got = session.run([list(run["fetches"]), targets], feeds)[0]
            except tf.errors.OpError as error:
                if type(error).__name__ != run["error"]:
                    return "run %d: %s" % (k, error.message)
                continue
            if run["error"]:
                return "run %d: %s was expected" % (k, run["error"])
            for i, name in enumerate(run["fetches"]):
                want = read_value(archive, "%s/r%d/out%d" % (case, k, i))
                if not same(got[i], want, run.get("random")):
                    return "run %d: %s is %s, but was %s" % (k, name, str(got[i])[:200], str(want)[:200])
    return None


def check(path, archive, case):
    """What is wrong with an exported graph; None if nothing is."""
    with open(path, "rb") as file:
        graph = read_graph(file.read())
    if os.path.basename(os.path.dirname(path)) == "control":
        with tf.Session(graph=graph, config=CONFIG) as session:
            session.run("init")
            got, want = session.run(["result:0", "want:0"])
        return None if same(got, want, False) else "result is %s, but was %s" % (str(got)[:200], str(want)[:200])
    if archive is None:
        return None
    problem = replay(graph, archive, case)
    # This version may answer otherwise than the one that was recorded: to the original, too.
    return problem and problem != replay(read_graph(archive.read(case + "/graph.pb")), archive, case) and problem


def main(folder, families):
    here = os.path.dirname(os.path.abspath(__file__))
    n = failed = lacking = 0
    for root, _, files in sorted(os.walk(folder)):
        family = os.path.basename(root)
        if families and family not in families:
            continue
        path = os.path.join(here, family + ".zip")
        archive = zipfile.ZipFile(path) if os.path.exists(path) and "cases" in root else None
        for name in sorted(files):
            n += 1
            case = name[: -len(".pb")]
            is_fatal = tf.__version__ >= "2" and family + "/" + case in FATAL
            try:
                problem = check(os.path.join(root, name), None if is_fatal else archive, case)
            except Exception as error:
                problem = "%s: %s" % (type(error).__name__, error)
            # Version 1.15 lacks later ops; 2.x lacks none.
            if problem and tf.__version__ < "2" and "Op type not registered" in problem:
                lacking += 1
            elif problem and not any(re.fullmatch(pattern, family + "/" + case) for pattern in EXPECTED):
                failed += 1
                print("%s/%s: %s" % (family, case, problem.strip().splitlines()[0][:400]))
    print("TensorFlow %s: %d graphs, %d of ops that it lacks, %d failed" % (tf.__version__, n, lacking, failed))
    return 1 if failed or not n else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
