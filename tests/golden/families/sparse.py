"""Sparse tensors, sets along the last axis, matrices that are decomposed, and channels that normalize each other."""
from recorder import *

R = tf.raw_ops
RNG = np.random.RandomState(11)


def coo(indices, values, shape, dtype=tf.float32):
    return i64(np.reshape(indices, [-1, len(shape)])), feed(values, dtype=dtype), i64(shape)


def a():
    return coo([[0, 0], [0, 2], [2, 1]], [1, -2, 3], [3, 3])


def b():
    return coo([[0, 0], [1, 1], [2, 1]], [4, 5, -6], [3, 3])


def sets():
    kinds = ["a-b", "b-a", "intersection", "union"]
    one, two = lambda: i32([[1, 5, 1], [2, 2, 3]]), lambda: i32([[5, 7], [4, 3]])
    sparse = lambda: coo([[0, 0], [0, 1], [1, 0]], [5, 2, 3], [2, 2], tf.int32)
    three = lambda t, n=3: list(t)[:n]
    case("dense", lambda: [t for k in kinds for t in three(R.DenseToDenseSetOperation(set1=one(), set2=two(),
            set_operation=k))])
    case("dense_sparse", lambda: [t for k in kinds for t in three(R.DenseToSparseSetOperation(set1=one(),
            set2_indices=sparse()[0], set2_values=sparse()[1], set2_shape=sparse()[2], set_operation=k))])
    other = lambda: coo([[1, 0], [1, 1]], [3, 9], [2, 2], tf.int32)
    case("sparse", lambda: [t for k in kinds for t in three(R.SparseToSparseSetOperation(set1_indices=sparse()[0],
            set1_values=sparse()[1], set1_shape=sparse()[2], set2_indices=other()[0], set2_values=other()[1],
            set2_shape=other()[2], set_operation=k))] + [R.SetSize(set_indices=sparse()[0], set_values=sparse()[1],
            set_shape=sparse()[2])])
    errors("errors", lambda: [R.DenseToDenseSetOperation(set1=feed(one_(), None, tf.int32), set2=feed([[1]], None,
            tf.int32), set_operation="union")[0] for one_ in [lambda: [[1], [2]]]])


def sparse():
    case("reshape", lambda: [t for s in ([9], [-1, 1, 3], [1, 9]) for t in R.SparseReshape(input_indices=a()[0],
            input_shape=a()[2], new_shape=s)])
    errors("reshape_errors", lambda: [R.SparseReshape(input_indices=a()[0], input_shape=a()[2], new_shape=s)[0]
            for s in ([8], [-1, 2], [-1, -1])])
    filled = lambda s: list(R.SparseFillEmptyRows(indices=s[0], values=s[1], dense_shape=s[2], default_value=9.))
    case("fill_empty_rows", lambda: filled(a()) + filled(b()) + filled(coo([[2, 0], [0, 1]], [1, 2], [4, 2])) +
            list(R.SparseFillEmptyRowsGrad(reverse_index_map=i64([2, 0]), grad_values=feed([1, 2, 4, 8]))))
    case("reorder", lambda: list(R.SparseReorder(input_indices=i64([[2, 1], [0, 2], [0, 0]]), input_values=feed([3, 2,
            1]), input_shape=a()[2])))
    joined = lambda d: list(R.SparseConcat(indices=[a()[0], b()[0]], values=[a()[1], b()[1]], shapes=[a()[2], b()[2]],
            concat_dim=d))
    case("concat", lambda: joined(0) + joined(1) + joined(-1))
    case("slice", lambda: list(R.SparseSlice(indices=a()[0], values=a()[1], shape=a()[2], start=[0, 1], size=[2, 9])) +
            [t for part in R.SparseSplit(split_dim=1, indices=a()[0], values=a()[1], shape=a()[2], num_split=2)
            for t in part])
    dense = lambda *s: feed(RNG.randint(1, 9, s))
    case("dense", lambda: [op(sp_indices=a()[0], sp_values=a()[1], sp_shape=a()[2], dense=d) for op in
            (R.SparseDenseCwiseAdd, R.SparseDenseCwiseMul, R.SparseDenseCwiseDiv) for d in (dense(3, 3), dense(3),
            dense(3, 1))] + [R.SparseTensorDenseAdd(a_indices=a()[0], a_values=a()[1], a_shape=a()[2],
            b=dense(3, 3))])
    pair = lambda op, **k: list(op(a_indices=a()[0], a_values=a()[1], a_shape=a()[2], b_indices=b()[0],
            b_values=b()[1], b_shape=b()[2], **k))
    case("pairs", lambda: pair(R.SparseSparseMaximum) + pair(R.SparseSparseMinimum) + pair(R.SparseAdd, thresh=0.) +
            pair(R.SparseAdd, thresh=3.) + list(R.SparseAddGrad(backprop_val_grad=feed([1, 2, 3, 4]),
            a_indices=a()[0], b_indices=b()[0], sum_indices=i64([[0, 0], [0, 2], [1, 1], [2, 1]]))))
    case("softmax", lambda: [R.SparseSoftmax(sp_indices=a()[0], sp_values=a()[1], sp_shape=a()[2])])


def linalg():
    matrix = lambda *s: feed(np.round(RNG.randn(*s), 2), dtype=tf.float64)
    case("qr", lambda: [t for s in ((3, 3), (4, 2), (2, 4), (2, 3, 2)) for full in (False, True)
            for t in R.Qr(input=matrix(*s), full_matrices=full)] + list(R.Qr(input=feed([[2, 1], [0, -3]]))))
    complexes = lambda: tf.complex(matrix(3, 3), matrix(3, 3))
    case("complex", lambda: list(R.Qr(input=complexes())) + [R.MatrixInverse(input=complexes()),
            R.MatrixDeterminant(input=complexes())] + list(R.LogMatrixDeterminant(input=complexes())))
    case("square", lambda: [R.Cholesky(input=feed([[[4, 100], [2, 5]], [[9, 0], [3, 2]]])),
            R.MatrixInverse(input=matrix(2, 3, 3)), R.MatrixInverse(input=matrix(3, 3), adjoint=True),
            R.MatrixDeterminant(input=matrix(2, 3, 3)), R.MatrixDeterminant(input=feed([[1, 2], [2, 4]]))] +
            list(R.LogMatrixDeterminant(input=matrix(2, 3, 3))) + list(R.LogMatrixDeterminant(input=feed([[1, 2],
            [2, 4]]))))
    case("solve", lambda: [R.MatrixSolve(matrix=matrix(2, 3, 3), rhs=matrix(2, 3, 2), adjoint=adjoint)
            for adjoint in (False, True)] + [R.MatrixTriangularSolve(matrix=matrix(3, 3), rhs=matrix(3, 2), lower=lower,
            adjoint=adjoint) for lower in (False, True) for adjoint in (False, True)])
    errors("errors", lambda: [R.MatrixInverse(input=feed([[1, 2], [2, 4]])), R.MatrixSolve(matrix=feed([[1, 2],
            [2, 4]]), rhs=feed([[1], [1]])), R.MatrixTriangularSolve(matrix=feed([[0, 0], [1, 1]]), rhs=feed([[1],
            [1]]))])


def normalization():
    image = lambda: feed(np.round(RNG.randn(1, 2, 1, 5), 2))
    how = [dict(depth_radius=1, bias=2., alpha=0.5, beta=0.75), dict(depth_radius=5), dict(depth_radius=0, beta=1.)]
    case("lrn", lambda: [t for k in how for t in (R.LRN(input=image(), **k), R.LRNGrad(input_grads=image(),
            input_image=image(), output_image=image(), **k))])


def rebuilt(matrix, full):
    """The singular values, what the factors give back, and what their columns give: signs are free."""
    s, u, v = R.Svd(input=matrix, full_matrices=full)
    p = s.shape.as_list()[-1]
    product = tf.matmul(u[..., :p] * s[..., None, :], v[..., :p], adjoint_b=True)
    return [s, product, tf.matmul(u, u, adjoint_a=True), tf.matmul(v, v, adjoint_a=True)]


def svd():
    matrix = lambda *s: feed(np.round(np.sin(np.arange(int(np.prod(s))) * 3. + 1), 2).reshape(s), dtype=tf.float64)
    shapes = ((3, 3), (4, 2), (2, 4), (2, 3, 2), (1, 1))
    case("factors", lambda: [t for s in shapes for full in (False, True) for t in rebuilt(matrix(*s), full)])
    case("dtypes", lambda: [t for d in (tf.float32, tf.complex64, tf.complex128)
            for t in rebuilt(tf.cast(matrix(3, 2), d), False)] + rebuilt(tf.complex(matrix(3, 3), matrix(3, 3)), True))
    case("values", lambda: [R.Svd(input=m, compute_uv=False)[0] for m in (matrix(2, 5, 3), feed([[1, 1], [1, 1]]),
            feed(np.zeros([3, 2])), feed([[3e20, 0], [4e20, 1e-20]], dtype=tf.float64), feed([[1, np.nan], [2, 3]]))])
    case("unknown", lambda: list(R.Svd(input=feed([[[2., 0.]]], [None, 1, None])))[:1])


def dense_products():
    wave = lambda *shape, dtype=tf.float32: tf.cast(feed(np.round(np.sin(np.arange(int(np.prod(shape))) + 1.).reshape(shape), 3)), dtype)
    at = lambda i: feed([[0, 1], [2, 0], [2, 3], [1, 1]], dtype=i)
    op = lambda b, adjoint_a=False, adjoint_b=False, dtype=tf.float32, i=tf.int64: R.SparseTensorDenseMatMul(a_indices=at(i), a_values=wave(4,
            dtype=dtype), a_shape=i64([3, 4]), b=wave(*b, dtype=dtype), adjoint_a=adjoint_a, adjoint_b=adjoint_b)
    case("matmul", lambda: [op(*how) for how in [([4, 2],), ([2, 4], False, True), ([3, 2], True), ([2, 3], True, True), ([4, 0],)]] +
            [op([4, 1], dtype=d) for d in (tf.float64, tf.int32)] + [op([4, 1], i=tf.int32)])
    # TensorFlow 1.15 forgets to conjugate the left side, 2 does not.
    turn = lambda x: tf.complex(x, x * 2 - 1)
    case("matmul_complex", lambda: [R.SparseTensorDenseMatMul(a_indices=at(tf.int64), a_values=turn(wave(4)), a_shape=tf.constant([3, 4],
            tf.int64), b=turn(wave(*b)), adjoint_a=x, adjoint_b=y) for b, x, y in [([4, 2], False, False), ([2, 4], False, True)]])
    errors("matmul_errors", lambda: [R.SparseTensorDenseMatMul(a_indices=i64(i, None), a_values=feed([1], None), a_shape=i64([2, 2], None), b=feed(
            np.ones([k, 1]), None)) for i, k in [([[0, 2]], 2), ([[0, 1]], 3), ([[-1, 1]], 2)]])
    reduce = lambda op, axes, keep=False, values=[-1.5, 2, -.5], s=lambda: i64([3, 2, 2]): op(input_indices=i64([[0, 1, 0], [1, 0, 1], [1, 1, 1]]),
            input_values=feed(values), input_shape=s(), reduction_axes=axes, keep_dims=keep)
    case("reduce", lambda: [reduce(op, i32(axes), keep) for op in (R.SparseReduceSum, R.SparseReduceMax) for axes in ([0], [1, 2], [-1, 0], [0, 1,
            2], []) for keep in (False, True)] + [reduce(R.SparseReduceSum, tf.constant([1]), keep, s=lambda: tf.constant([3, 2, 2], tf.int64)) for
            keep in (False, True)])


def sequences():
    text = lambda values: tf.constant(values)
    guess = lambda v, n=3: dict(hypothesis_indices=i64([[0, 0], [1, 0], [1, 1], [1, 2]]), hypothesis_values=v, hypothesis_shape=i64([n, 3]))
    truth = lambda v, n=4: dict(truth_indices=i64([[0, 0], [0, 1], [1, 1], [3, 0], [3, 2]]), truth_values=v, truth_shape=i64([n, 4]))
    case("edit_distance", lambda: [R.EditDistance(**guess(g), **truth(t), normalize=n) for n in (True, False) for g, t in [(text(list("abcd")), text(
            list("bacde"))), (i32([1, 2, 3, 4]), i32([1, 3, 4, 5, 6]))]] + [R.EditDistance(**dict(guess(i32([1, 2, 3, 4])),
            hypothesis_shape=tf.constant([5, 3], tf.int64)), **dict(truth(i32([1, 3, 4, 5, 6])), truth_shape=tf.constant([4, 4], tf.int64)))])
    logits = lambda s="same", d=tf.float32: feed(np.round(np.sin(np.arange(36.) ** 2).reshape(6, 2, 3), 2), s, d)
    case("ctc_greedy", lambda: sum([list(R.CTCGreedyDecoder(inputs=logits(s), sequence_length=i32(n), merge_repeated=m)) for m in (False, True) for
            n, s in [([6, 4], "same"), ([0, 5], [None, None, 3]), ([3, 3], None)]], []))


CASES = {"sets": sets, "sparse": sparse, "linalg": linalg, "channels": normalization, "svd": svd, "sparse_dense": dense_products, "sequences": sequences}
