"""Rows by group: segments, partitions, stitches, distinct elements, bins."""
from recorder import *

R = tf.raw_ops
ROWS = [[1., 2.], [3., -4.], [5., 6.], [-7., 8.], [9., 10.]]


def segment():
    names = ["SegmentSum", "SegmentMean", "SegmentProd", "SegmentMin", "SegmentMax"]
    sorted_ops = [lambda x, name=name: getattr(R, name)(data=x, segment_ids=i32([0, 0, 2, 3, 3])) for name in names]
    sweep("sorted", sorted_ops, lambda d: np.abs(ROWS) if d.is_unsigned else ROWS, dtypes=NUMBERS)
    raw = lambda name, data, ids: getattr(R, name)(data=data, segment_ids=ids)
    case("sorted_shapes", lambda: [f(*a) for f in (tf.segment_sum, tf.segment_max) for a in [(feed([1, 2, 3]), i64([0, 0, 1])),
            (feed(ROWS, [None, 2]), i32([1, 1, 2, 2, 4], [None])), (feed(ROWS, None), i32([0, 0, 0, 0, 0], None)),
            (ramp(2, 2, 2), i32([0, 1])), (feed(np.zeros([0, 2])), i32(np.zeros([0])))]])
    errors("sorted_errors", lambda: [tf.segment_sum(feed(ROWS), i32(ids, None)) for ids in ([0, 0, 2, 1, 3], [-1, 0, 0, 0, 0],
            [0, 0, 1])])
    names = ["UnsortedSegmentSum", "UnsortedSegmentProd", "UnsortedSegmentMin", "UnsortedSegmentMax"]
    unsorted = [lambda x, name=name: getattr(R, name)(data=x, segment_ids=i32([2, 0, 2, -1, 0]), num_segments=i32(4))
            for name in names]
    sweep("unsorted", unsorted, lambda d: np.abs(ROWS) if d.is_unsigned else ROWS, dtypes=NUMBERS)
    case("unsorted_shapes", lambda: [tf.unsorted_segment_sum(feed(ROWS), i32([[1, 0], [0, 1], [2, 2], [0, 0], [1, 1]]), 3),
            tf.unsorted_segment_sum(feed(ROWS, [None, 2]), i64([0, 1, 1, 0, 5]), i64(6)),
            tf.unsorted_segment_max(feed(ROWS, None), i32([0, 1, 1, 0, 1], [None]), 2),
            tf.unsorted_segment_sum(feed(np.zeros([0, 2])), i32(np.zeros([0])), 2)])
    case("unsorted_composites", lambda: [f(feed(ROWS), i32([2, 0, 2, 2, 0]), 4)
            for f in (tf.unsorted_segment_mean, tf.unsorted_segment_sqrt_n)])
    errors("unsorted_errors", lambda: [tf.unsorted_segment_sum(feed(ROWS), i32([0, 1, 2, 3, 4], None), 3)])
    sparse = [tf.sparse_segment_sum, tf.sparse_segment_mean, tf.sparse_segment_sqrt_n]
    case("sparse", lambda: [f(feed(ROWS), i32([4, 0, 2, 2]), i32([0, 0, 1, 3])) for f in sparse] +
            [f(feed(ROWS), i32([4, 0, 2]), i32([0, 0, 2]), num_segments=4) for f in sparse] +
            [f(feed(ROWS, [None, 2], tf.float64), i32([1, 3]), i32([0, 2])) for f in sparse])
    errors("sparse_errors", lambda: [tf.sparse_segment_sum(feed(ROWS), i32([5, 0], None), i32([0, 0])),
            tf.sparse_segment_sum(feed(ROWS), i32([1, 0]), i32([1, 0], None)),
            tf.sparse_segment_mean(feed(ROWS), i32([1, 0]), i32([0, 3], None), num_segments=2)])


def stitch():
    widths = lambda d: [True, False, True, True, False] if d == tf.bool else [1, 2, 3, 4, 5]
    sweep("partition", lambda x: [tf.concat(tf.dynamic_partition(x, i32([1, 0, 2, 1, 0]), 4), 0)], widths, dtypes=WIDTHS)
    case("partition_shapes", lambda: tf.dynamic_partition(feed(ROWS), i32([1, 0, 0, 1, 1]), 2) +
            tf.dynamic_partition(ramp(2, 2, 2), i32([[1, 0], [0, 0]]), 3) + tf.dynamic_partition(feed(3), i32(1), 2) +
            tf.dynamic_partition(feed(ROWS, [None, 2]), i32([0, 0, 0, 0, 1], [None]), 2))
    errors("partition_errors", lambda: [tf.dynamic_partition(feed(ROWS), i32([0, 1, 2, 0, 0], None), 2)[0],
            tf.dynamic_partition(feed(ROWS), i32([0, 1, 0, 0, -1], None), 2)[0],
            tf.dynamic_partition(feed(ROWS, None), i32([0, 1], None), 2)[0]])
    both = [tf.dynamic_stitch, lambda i, d: R.ParallelDynamicStitch(indices=i, data=d)]
    case("stitch", lambda: [f([i32(5), i32([[0, 2], [1, 3]]), i32([4])], [feed([50, 51]), ramp(2, 2, 2),
            feed([[40, 41]])]) for f in both] + [f([i32([0, 1], [None]), i32([2], None)], [feed([1, 2], [None]),
            feed([3], None)]) for f in both] + [tf.dynamic_stitch([i32([0, 1]), i32([1])], [feed([1, 2]), feed([3])]),
            tf.dynamic_stitch([tf.constant([0, 3])], [feed([1, 2])])])
    errors("stitch_errors", lambda: [tf.dynamic_stitch([i32([0, -1], None)], [feed([1, 2])])])


def distinct():
    numbers = [7, 2, 7, 0, 2, 2, 9]
    both = [lambda x: list(tf.unique(x)), lambda x: list(tf.unique_with_counts(x))]
    sweep("dtypes", both, lambda d: [bool(n % 2) for n in numbers] if d == tf.bool else numbers)
    case("out_idx", lambda: list(tf.unique(feed(numbers, [None]), tf.int64)) + list(tf.unique_with_counts(feed([]), tf.int64)) +
            list(tf.unique(tf.constant(["b", "a", "b"]))))
    case("nan_and_zeros", lambda: list(tf.unique(feed([0., -0.0, 1., 0.]))))
    case("axis", lambda: steps(list(R.UniqueV2(x=feed([[1, 2], [3, 4], [1, 2]]), axis=i64([0]))) +
            list(R.UniqueWithCountsV2(x=feed([[1, 2, 1], [3, 4, 3]]), axis=i64([1]))) +
            list(R.UniqueV2(x=feed([3, 1, 3]), axis=i64([])))), shapes=False)
    case("listdiff", lambda: list(tf.setdiff1d(i32([1, 2, 3, 4, 2, 2]), i32([1, 3]))) +
            list(tf.setdiff1d(feed([1, 2], [None]), feed([], [None]), tf.int64)) +
            list(tf.setdiff1d(tf.constant(["a", "b"]), tf.constant(["b"]))))
    case("fixed_width", lambda: [R.HistogramFixedWidth(values=feed(v, dtype=d), value_range=feed(r, dtype=d), nbins=n, dtype=o)
            for d in (tf.float32, tf.float64, tf.int32, tf.int64) for o in (tf.int32, tf.int64)
            for v, r, n in [([-1, 0, 1.5, 2, 5, 15], [0, 5], 5), ([[1, 2], [7, 3]], [-2, 8], 3), ([], [0, 1], 2)]])
    errors("bad_fixed_width", lambda: [R.HistogramFixedWidth(values=feed([1.]), value_range=feed(r, None), nbins=i32(n, None))
                                     for r, n in [([1., 1.], 2), ([0., 1.], 0), ([0., 1., 2.], 2)]])
    case("bincount", lambda: [tf.bincount(i32([1, 1, 4, 2])), tf.bincount(i32([1, 1, 4]), minlength=7),
            tf.bincount(i32([1, 1, 4]), maxlength=3), tf.bincount(i32([[1, 2], [0, 2]]), weights=feed([[1, .5], [2, 3]])),
            tf.bincount(i32(np.zeros([0]))), tf.bincount(i32([1, 0]), dtype=tf.int64),
            tf.bincount(i32([2, 2]), weights=feed([1, 2], dtype=tf.float64))])
    case("histogram", lambda: [R.Bincount(arr=i32([5, 1, 1, 9], None), size=i32(6), weights=i32([])),
            R.Bincount(arr=i32([0, 1]), size=i32(0), weights=feed([]))])
    errors("bincount_errors", lambda: [R.Bincount(arr=i32([1, -1], None), size=i32(3), weights=i32([]))])


CASES = {"segment": segment, "stitch": stitch, "distinct": distinct}
