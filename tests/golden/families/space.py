"""Cells of space moved to the batch, to channels or into patches, and sequences reversed."""
from recorder import *

R = tf.raw_ops


def cells(*shape, seen="same", dtype=tf.float32):
    """Distinct numbers, of which shape rules see `seen`."""
    return feed(np.arange(int(np.prod(shape))).reshape(shape), seen, dtype)


def wide(dtype):
    """1 x 4 x 4 x 1 for a sweep."""
    values = np.arange(16).reshape([1, 4, 4, 1])
    return values % 3 == 0 if dtype == tf.bool else values


def to_batch(x, block, paddings, **more):
    return R.SpaceToBatchND(input=x, block_shape=block, paddings=paddings, **more)


def from_batch(x, block, crops, **more):
    return R.BatchToSpaceND(input=x, block_shape=block, crops=crops, **more)


NONE, UNEVEN = [[0, 0], [0, 0]], [[1, 2], [0, 2]]
UNKNOWN = [[None, 4, None, 2], [None] * 4, None]


def batches():
    case("space_to_batch", lambda: [op(cells(*s), pads, block_size=n) for op in (tf.space_to_batch,
            lambda x, pads, block_size: R.SpaceToBatch(input=x, paddings=pads, block_size=block_size))
            for s, pads, n in [([1, 4, 4, 1], NONE, 2), ([2, 3, 4, 2], UNEVEN, 3), ([1, 2, 2, 3], NONE, 2),
            ([1, 0, 2, 1], [[2, 0], [0, 0]], 2), ([0, 2, 2, 1], NONE, 2)]])
    case("space_to_batch_unknown", lambda: [R.SpaceToBatch(input=cells(1, 4, 6, 2, seen=s), paddings=pads, block_size=2)
            for s in UNKNOWN for pads in (NONE, i64([[0, 2], [1, 1]], [2, 2]), i32(NONE, None))])
    case("space_to_batch_nd", lambda: [to_batch(cells(*s), block, pads) for s, block, pads in [
            ([1, 4, 6, 1], [2, 3], NONE), ([2, 3, 2], [2], [[1, 0]]), ([1, 2, 4, 2, 3], [1, 2, 2], [[0, 0]] * 3),
            ([1, 4, 3, 2, 1], [2, 1, 2], [[0, 0], [1, 1], [0, 0]]), ([2, 5], [3], [[0, 1]]), ([2, 3], [1], [[0, 0]]),
            ([1, 3, 2, 2], [4, 1], [[3, 2], [0, 0]]), ([3, 0, 2], [2], [[2, 2]])]])
    case("space_to_batch_nd_unknown", lambda: [to_batch(cells(1, 4, 6, 2, seen=s), block, pads) for s in UNKNOWN
            for block, pads in ([i32([2, 2], [2]), NONE], [i64([2, 3]), i64(NONE)], [i32([2]), i32([[1, 1]], None)])])
    case("batch_to_space", lambda: [op(cells(*s), crops, n) for op in (lambda x, crops, n: tf.batch_to_space(x, crops, n),
            lambda x, crops, n: R.BatchToSpace(input=x, crops=crops, block_size=n)) for s, crops, n in [
            ([4, 2, 2, 1], NONE, 2), ([9, 2, 1, 2], UNEVEN[:1] + [[1, 1]], 3), ([8, 1, 1, 2], [[1, 0], [0, 1]], 2),
            ([4, 1, 3, 1], [[1, 1], [0, 0]], 2), ([0, 2, 2, 1], NONE, 2)]])
    case("batch_to_space_unknown", lambda: [R.BatchToSpace(input=cells(4, 4, 2, 2, seen=s), crops=crops, block_size=2)
            for s in UNKNOWN for crops in (NONE, i64([[0, 2], [1, 1]], [2, 2]), i32(NONE, None))])
    case("batch_to_space_nd", lambda: [from_batch(cells(*s), block, crops) for s, block, crops in [
            ([6, 2, 2, 1], [2, 3], NONE), ([4, 2, 2], [2], [[1, 0]]), ([4, 2, 1, 2, 1], [1, 2, 2], [[0, 1], [0, 0], [1, 0]]),
            ([6, 2], [3], [[2, 1]]), ([2, 3], [1], [[1, 1]]), ([2, 1, 3], [2], [[1, 1]])]])
    case("batch_to_space_nd_unknown", lambda: [from_batch(cells(12, 4, 1, 2, seen=s), block, crops) for s in UNKNOWN
            for block, crops in ([i32([2, 2], [2]), NONE], [i64([2, 3]), i64(NONE)], [i32([2]), i32([[1, 1]], None)])])
    sweep("batch_dtypes", [lambda x: R.SpaceToBatch(input=x, paddings=NONE, block_size=2),
            lambda x: from_batch(tf.reshape(x, [4, 2, 2, 1]), [2], [[0, 1]])], wide, dtypes=WIDTHS)
    x = lambda: cells(1, 4, 4, 1, seen=None)
    errors("space_to_batch_errors", lambda: [to_batch(x(), i32(b), i32(p, None)) for b, p in [([3, 2], NONE),
            ([2, 2], [[0, 1], [0, 0]]), ([2, 2], [[-1, 1], [0, 0]]), ([0, 2], NONE), ([-2, 2], NONE), ([2], NONE),
            ([2, 2], [0, 0]), ([2, 2, 1, 1], [[0, 0]] * 4)]])
    errors("batch_to_space_errors", lambda: [from_batch(cells(4, 2, 2, 1, seen=None), i32(b), i32(p, None))
            for b, p in [([3, 1], NONE), ([2, 2], [[3, 2], [0, 0]]), ([2, 2], [[-1, 1], [0, 0]]), ([0, 2], NONE),
            ([2], NONE)]])


def depth():
    images = [[1, 4, 6, 1], [2, 2, 2, 3], [1, 0, 2, 1]]
    case("space_to_depth", lambda: [tf.space_to_depth(cells(*s), 2) for s in images] + [tf.space_to_depth(
            cells(1, 3, 6, 2), 3)] + [tf.space_to_depth(cells(1, 4, 6, 2, seen=s), 2) for s in UNKNOWN])
    case("depth_to_space", lambda: [tf.depth_to_space(cells(*s), 2) for s in ([1, 1, 2, 4], [2, 2, 1, 8], [0, 1, 1, 4])] +
            [tf.depth_to_space(cells(1, 1, 2, 9), 3)] + [tf.depth_to_space(cells(1, 4, 1, 8, seen=s), 2)
            for s in ([None, 4, None, 8], [None] * 4, None)])
    sweep("depth_dtypes", [lambda x: tf.space_to_depth(x, 2), lambda x: tf.depth_to_space(tf.reshape(x, [1, 2, 2, 4]), 2)],
            wide, dtypes=WIDTHS)
    errors("depth_errors", lambda: [tf.space_to_depth(cells(1, 3, 4, 1, seen=None), 2), tf.space_to_depth(cells(1, 4, 3, 1,
            seen=None), 2), tf.depth_to_space(cells(1, 1, 1, 6, seen=None), 2), tf.space_to_depth(cells(4, 4, 1, seen=None),
            2), tf.depth_to_space(cells(2, 2, seen=None), 2)])


def turned(x, lengths, seq, batch=0):
    return tf.reverse_sequence(x, lengths, seq_axis=seq, batch_axis=batch)


def sequences():
    case("reverse_sequence", lambda: [turned(cells(*s), i64(n), seq, batch) for s, n, seq, batch in [([2, 4], [3, 0], 1, 0),
            ([4, 2], [4, 2], 0, 1), ([2, 3, 2], [1, 3], 1, 0), ([2, 3, 2], [3, 2], 1, 2), ([2, 3, 4], [2, 4], 2, 0),
            ([3, 1, 2, 2], [3, 2], 0, 3), ([0, 3], [], 1, 0), ([2, 0], [0, 0], 1, 0)]])
    case("reverse_sequence_unknown", lambda: [turned(cells(2, 4, 2, seen=s), i32([3, 4], n), 1) for s in ([None, 4, None],
            [None] * 3, None) for n in ([2], [None], None)])
    sweep("reverse_sequence_dtypes", lambda x: turned(tf.reshape(x, [4, 4]), i32([1, 2, 3, 4]), 1), wide, dtypes=WIDTHS)
    errors("reverse_sequence_errors", lambda: [turned(cells(2, 3, seen=None), i32(n, None), seq, batch) for n, seq, batch in
            [([4, 1], 1, 0), ([-1, 1], 1, 0), ([1], 1, 0), ([1, 1, 1, 1], 1, 0), ([1, 1], 2, 0), ([[1, 1]], 1, 0)]])


def patches():
    cut = lambda x, k, s, r, padding: tf.image.extract_image_patches(x, [1, *k, 1], [1, *s, 1], [1, *r, 1], padding)
    hows = [([2, 2], [1, 1], [1, 1]), ([3, 2], [2, 1], [1, 2]), ([1, 1], [2, 2], [1, 1]), ([2, 3], [1, 3], [2, 1])]
    case("patches", lambda: [cut(cells(1, 4, 5, 2), *how, padding) for how in hows for padding in ("SAME", "VALID")] +
            [cut(cells(0, 4, 4, 1), *hows[0], "SAME"), cut(cells(2, 2, 2, 1), [3, 3], [1, 1], [1, 1], "SAME")])
    case("patches_unknown", lambda: [cut(cells(1, 4, 5, 2, seen=s), *hows[1], p) for s in UNKNOWN[1:] + [[1, None, 5, 2]]
            for p in ("SAME", "VALID")])
    sweep("patches_dtypes", lambda x: cut(x, [2, 2], [2, 2], [1, 1], "VALID"), wide, dtypes=NUMBERS)
    errors("patches_errors", lambda: [cut(cells(4, 4, 1, seen=None), *hows[0], "SAME")])


def space():
    for part in (batches, depth, sequences, patches):
        part()


CASES = {"space": space}
