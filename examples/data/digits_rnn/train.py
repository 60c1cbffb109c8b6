"""Trains the model of this folder with real TensorFlow 1.15.5, and records what TensorFlow answers.

    python train.py        (tensorflow==1.15.5; half a minute on one core)

An image of 8x8 is read row by row, as a sequence of eight steps, by an LSTM in `tf.nn.dynamic_rnn`: the frozen graph
holds a TF1 loop (`Enter Merge Switch LoopCond NextIteration Exit`) with TensorArrays. The images are those of
`../digits` (1,797 digits, public domain); the first 1,500 are trained on, the rest is recorded in `cases.npz`.
"""

import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf

HERE = os.path.dirname(os.path.abspath(__file__))
N_TRAIN, N_UNITS, N_STEPS = 1500, 64, 1500


def build():
    images = tf.placeholder(tf.float32, [None, 8, 8], name="images")
    labels = tf.placeholder(tf.int32, [None], name="labels")
    cell = tf.nn.rnn_cell.LSTMCell(N_UNITS, name="lstm")
    _, state = tf.nn.dynamic_rnn(cell, images, dtype=tf.float32)
    logits = tf.identity(tf.layers.dense(state.h, 10, name="out"), name="logits")
    tf.argmax(logits, axis=1, output_type=tf.int32, name="digit")
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    return images, labels, logits, tf.train.AdamOptimizer(3e-3).minimize(loss)


def main():
    tf.logging.set_verbosity(tf.logging.ERROR)
    x, y = (np.load(os.path.join(HERE, "..", "digits", name)) for name in ("images.npy", "labels.npy"))
    tf.set_random_seed(7)
    draw = np.random.RandomState(7)
    images, labels, logits, train = build()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(N_STEPS):
            batch = draw.randint(0, N_TRAIN, 100)
            sess.run(train, {images: x[batch], labels: y[batch]})
        out, digit = sess.run([logits, "digit:0"], {images: x[N_TRAIN:]})
        frozen = tf.graph_util.convert_variables_to_constants(sess, sess.graph_def, ["logits", "digit"])
    with open(os.path.join(HERE, "frozen.pb"), "wb") as file:
        file.write(frozen.SerializeToString())
    np.savez_compressed(
        os.path.join(HERE, "cases.npz"),
        **{"in:images:0": x[N_TRAIN:], "out:logits:0": out, "out:digit:0": digit},
    )
    accuracy = float((digit == y[N_TRAIN:]).mean())
    meta = {"name": "digits_rnn", "tensorflow": tf.__version__, "accuracy": accuracy, "tolerance": 1e-5}
    with open(os.path.join(HERE, "meta.json"), "w") as file:
        json.dump(meta, file, indent=1)
        file.write("\n")
    print("accuracy on %d unseen images: %.4f" % (len(digit), accuracy))


if __name__ == "__main__":
    main()
