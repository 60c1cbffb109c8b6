"""Fake quantization, and cells of recurrent networks that are one node."""
from recorder import *

R = tf.raw_ops


def wave(*shape, seen="same", dtype=tf.float32, scale=1., shift=0.):
    return feed(np.round(np.sin(np.arange(int(np.prod(shape))) * 1.7 + shift).reshape(shape) * scale, 3), seen, dtype)


RANGES = [(-6., 6.), (-1., .7), (0., 3.), (.5, 1.5), (-2., -.5), (-1e-3, 5.)]


def fake_quant():
    x = lambda **how: wave(3, 7, scale=3, **how)
    kinds = [dict(num_bits=3), dict(narrow_range=True), dict(num_bits=16)]
    case("args", lambda: [R.FakeQuantWithMinMaxArgs(inputs=x(), min=a, max=b, **k) for a, b in RANGES for k in kinds[:2]])
    case("args_grad", lambda: [R.FakeQuantWithMinMaxArgsGradient(gradients=wave(3, 7), inputs=x(), min=a, max=b) for a, b in RANGES])
    case("vars", lambda: [R.FakeQuantWithMinMaxVars(inputs=x(), min=feed(a), max=feed(b), **k) for a, b in RANGES[1:4] + [(0., 0.)]
            for k in kinds] + [R.FakeQuantWithMinMaxVars(inputs=x(seen=s), min=feed(-1., None), max=feed(1.)) for s in ([None, 7], None)])
    case("vars_grad", lambda: sum([list(R.FakeQuantWithMinMaxVarsGradient(gradients=wave(3, 7), inputs=x(), min=feed(a), max=feed(b)))
            for a, b in RANGES[1:3] + [(0., 0.)]], []))
    low, high = lambda s="same": feed([-6, -1, 0, .5, -2, 0, -.5], s), lambda s="same": feed([6, .7, 3, 1.5, -.5, 0, .25], s)
    case("channels", lambda: [R.FakeQuantWithMinMaxVarsPerChannel(inputs=x(), min=low(), max=high(), **k) for k in kinds] +
            [R.FakeQuantWithMinMaxVarsPerChannel(inputs=wave(*s, 7, scale=3), min=low(), max=high()) for s in ([], [0], [2, 1, 2])] +
            [R.FakeQuantWithMinMaxVarsPerChannel(inputs=x(seen=s), min=low([None]), max=high(t)) for s in ([None, 7], None) for t in ([7], None)])
    case("channels_grad", lambda: sum([list(R.FakeQuantWithMinMaxVarsPerChannelGradient(gradients=wave(*s, 7, shift=1), inputs=wave(*s, 7,
            scale=3), min=low(), max=high())) for s in ([], [0], [2, 1, 2])], []))
    errors("errors", lambda: [R.FakeQuantWithMinMaxVarsPerChannel(inputs=x(seen=None), min=low(None), max=feed([1., 2.], None)),
            R.FakeQuantWithMinMaxVarsGradient(gradients=feed([1.], None), inputs=feed([1., 2.], None), min=feed(0.), max=feed(1.))])


def lstm(rows, inputs, cells, *steps, dtype=tf.float32, **how):
    shapes = [[*steps, rows, inputs], [rows, cells], [rows, cells], [inputs + cells, 4 * cells], [cells], [cells], [cells], [4 * cells]]
    names = ["x", "cs_prev", "h_prev", "w", "wci", "wcf", "wco", "b"]
    return dict({name: tf.cast(wave(*shape, shift=i), dtype) for i, (name, shape) in enumerate(zip(names, shapes))}, **how)


def before(*steps, **how):
    return dict(lstm(2, 3, 2, *steps, **how), seq_len_max=i64(3))


def flow(i, *shape, dtype=tf.float32):
    return tf.cast(wave(*shape, shift=i + .5), dtype)


def after(n, *steps, dtype=tf.float32):
    """What a cell made: gates and states."""
    return {name: flow(i, *steps, 2, 2, dtype=dtype) for i, name in enumerate(["i", "cs", "f", "o", "ci", "co", "h"][:n])}


HOWS = [dict(cell_clip=0.3), dict(use_peephole=True, cell_clip=-1.)]


def recurrent():
    steps = lambda n, op, steps, **how: op(seq_len_max=i64(n), **lstm(2, 3, 2, steps, **how))
    for dtype in (tf.float32, tf.float16):
        case("lstm_" + dtype.name, lambda: sum([list(R.LSTMBlockCell(**lstm(2, 3, 2, dtype=dtype, **how))) for how in HOWS + [dict(forget_bias=
                -.5)]] + [list(steps(3, op, 3, dtype=dtype, **how)) for op in (R.BlockLSTM, R.BlockLSTMV2) for how in HOWS], []))
    # Beyond the last step TensorFlow leaves memory as it is, but for states and outputs.
    hide = lambda x, name: x if name == "b" else tf.placeholder_with_default(x, None)
    hidden = lambda *how: {name: hide(x, name) for name, x in lstm(2, 3, 2, *how).items()}
    case("lstm_unknown", lambda: sum([[b.cs, b.h] for n in (0, 2) for b in [steps(n, R.BlockLSTM, 3)]], []) + [R.LSTMBlockCell(**hidden()).h,
            R.BlockLSTM(seq_len_max=i64(2), **hidden(3)).h, R.LSTMBlockCell(**lstm(0, 3, 2)).h])
    gru = lambda rows, s="same", **how: dict(x=wave(rows, 3, seen=s), h_prev=wave(rows, 2), w_ru=wave(5, 4, shift=1), w_c=wave(5, 2, shift=2),
            b_ru=wave(4), b_c=wave(2, seen=s))
    case("gru", lambda: sum([list(R.GRUBlockCell(**gru(*how))) for how in ([2], [0], [2, None])], []))
    block = lambda op, peephole: list(op(**before(3), **after(9, 3), cs_grad=flow(1, 3, 2, 2), h_grad=flow(2, 3, 2, 2), use_peephole=peephole))
    cell = lambda dtype: list(R.LSTMBlockCellGrad(**lstm(2, 3, 2, dtype=dtype), **after(6, dtype=dtype), cs_grad=flow(1, 2, 2, dtype=dtype),
            h_grad=flow(2, 2, 2, dtype=dtype), use_peephole=dtype == tf.float32))
    case("lstm_grads", lambda: block(R.BlockLSTMGrad, True) + block(R.BlockLSTMGrad, False) + block(R.BlockLSTMGradV2, True) + cell(tf.float32) +
            cell(tf.float16))
    case("gru_grad", lambda: list(R.GRUBlockCellGrad(**gru(2), **{name: flow(k, 2, 2) for k, name in enumerate(["r", "u", "c", "d_h"])})))
    errors("errors", lambda: [R.GRUBlockCell(**dict(gru(2), h_prev=wave(3, 2, seen=None))).h, R.LSTMBlockCell(**dict(lstm(2, 3, 2), w=wave(5,
            4, seen=None))).h])


CASES = {"fake_quant": fake_quant, "recurrent": recurrent}
