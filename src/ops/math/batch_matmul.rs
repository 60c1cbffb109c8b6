//! `BatchMatMul` and `BatchMatMulV2`: a matrix product for each combination of the leading axes; the second broadcasts.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::index;
use crate::kernel::Number;
use crate::kernel::product::{Epilogue, batch_matmul};
use crate::ops::array::BroadcastGradientArgs;
use crate::ops::array::cast::cast_for;
use crate::shape::{Dims, Shape, broadcast_dims, element_count};
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// `(.., n, k) x (.., k, m) -> (.., n, m)` with equal leading axes.
#[derive(Debug, Clone, Default)]
pub struct BatchMatMul {
    /// The left matrices are given as adjoints: transposed, and conjugated where complex.
    pub adj_x: bool,
    /// The right matrices are given as adjoints.
    pub adj_y: bool,
}

/// As [`BatchMatMul`], with leading axes that broadcast.
#[derive(Debug, Clone, Default)]
pub struct BatchMatMulV2 {
    /// The left matrices are given as adjoints: transposed, and conjugated where complex.
    pub adj_x: bool,
    /// The right matrices are given as adjoints.
    pub adj_y: bool,
}

/// As [`BatchMatMulV2`], of matrices of two dtypes in a third one.
#[derive(Debug, Clone)]
pub struct BatchMatMulV3 {
    /// The left matrices are given as adjoints: transposed, and conjugated where complex.
    pub adj_x: bool,
    /// The right matrices are given as adjoints.
    pub adj_y: bool,
    /// The dtype that both are cast to, and that of the result.
    pub dtype: DType,
}

/// The row of [`BatchMatMul`].
pub static BATCH_MAT_MUL: OpKind = OpKind::new("BatchMatMul", "x: T, y: T -> output: T", parse_v1, examples_v1);

/// The row of [`BatchMatMulV2`].
pub static BATCH_MAT_MUL_V2: OpKind = OpKind::new("BatchMatMulV2", "x: T, y: T -> output: T", parse_v2, examples_v2);

/// The row of [`BatchMatMulV3`].
pub static BATCH_MAT_MUL_V3: OpKind =
    OpKind::new("BatchMatMulV3", "x: Ta, y: Tb -> output: Tout", parse_v3, examples_v3);

/// Refuses the dtypes of which TensorFlow multiplies no matrices.
pub(super) fn product_dtype(dtype: DType) -> Result<()> {
    let refused = || Error::dtype(format!("matrix products are for {PRODUCTS}, not for {dtype}"));
    with_type!(dtype, _T in products => Ok(()), else => Err(refused()))
}

const PRODUCTS: &str = "bfloat16, float16, float32, float64, int32, int64, complex64 and complex128";

/// Which matrices are given as adjoints.
type Adjoints = (bool, bool);

fn parse_adjoints(attrs: &Attrs) -> Result<Adjoints> {
    Ok((attrs.bool_or("adj_x", false)?, attrs.bool_or("adj_y", false)?))
}

fn parse_v1(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let (adj_x, adj_y) = parse_adjoints(attrs)?;
    Ok(Arc::new(BatchMatMul { adj_x, adj_y }))
}

fn parse_v2(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let (adj_x, adj_y) = parse_adjoints(attrs)?;
    Ok(Arc::new(BatchMatMulV2 { adj_x, adj_y }))
}

fn parse_v3(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let (adj_x, adj_y) = parse_adjoints(attrs)?;
    attrs.bool_or("grad_x", false)?;
    attrs.bool_or("grad_y", false)?;
    Ok(Arc::new(BatchMatMulV3 { adj_x, adj_y, dtype: attrs.dtype("Tout")? }))
}

fn examples_v3() -> Vec<Example> {
    let x = || [[[1i8, 2, 3]], [[4, 5, 6]]].into_value();
    let op = |adj_y| BatchMatMulV3 { adj_x: false, adj_y, dtype: DType::I32 };
    vec![Example::new(op(true), [x(), x()]), Example::new(op(false), [x(), [[1u8], [0], [2]].into_value()])]
}

fn examples_v1() -> Vec<Example> {
    let x = || [[[1.0f32, 2.0, 3.0]], [[4.0, 5.0, 6.0]]].into_value();
    vec![
        Example::new(BatchMatMul { adj_x: true, adj_y: false }, [x(), x()]),
        Example::new(BatchMatMul { adj_x: false, adj_y: true }, [x(), x()]),
    ]
}

fn examples_v2() -> Vec<Example> {
    let x = || [[[1i32, 2, 3]], [[4, 5, 6]]].into_value();
    let y = || [[1i32], [0], [-1]].into_value();
    vec![
        Example::new(BatchMatMulV2 { adj_x: false, adj_y: true }, [x(), x()]),
        Example::new(BatchMatMulV2::default(), [x(), y()]),
    ]
}

impl Op for BatchMatMul {
    fn kind(&self) -> &'static OpKind {
        &BATCH_MAT_MUL
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx, (self.adj_x, self.adj_y), Shape::merge)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        check_batches(cx.input(0).dims(), cx.input(1).dims())?;
        run(cx, (self.adj_x, self.adj_y))
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let both = grads(cx, (self.adj_x, self.adj_y))?;
        Ok(both.map(Some).into())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("adj_x", AttrValue::Bool(self.adj_x)), ("adj_y", AttrValue::Bool(self.adj_y))]
    }
}

impl Op for BatchMatMulV2 {
    fn kind(&self) -> &'static OpKind {
        &BATCH_MAT_MUL_V2
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx, (self.adj_x, self.adj_y), Shape::broadcast)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        run(cx, (self.adj_x, self.adj_y))
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let both = grads(cx, (self.adj_x, self.adj_y))?;
        unbroadcast(cx, both)
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("adj_x", AttrValue::Bool(self.adj_x)), ("adj_y", AttrValue::Bool(self.adj_y))]
    }
}

impl Op for BatchMatMulV3 {
    fn kind(&self) -> &'static OpKind {
        &BATCH_MAT_MUL_V3
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let [x, y] = [0, 1].map(|i| cx.dtype(i));
        if !multiplies([x, y], self.dtype) {
            return Err(Error::dtype(format!("products of {x} and {y} cannot be {}", self.dtype)));
        }
        infer_as(cx, self.dtype, (self.adj_x, self.adj_y), Shape::broadcast)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let [x, y] = [0, 1].map(|i| cast_for(cx, cx.input(i), self.dtype));
        run_on(cx, [&x?, &y?], (self.adj_x, self.adj_y))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![
            ("adj_x", AttrValue::Bool(self.adj_x)),
            ("adj_y", AttrValue::Bool(self.adj_y)),
            ("Tout", AttrValue::Type(self.dtype)),
        ]
    }
}

/// The gradients of both matrices, over the leading axes of the product.
fn grads(cx: &GradCx<'_>, (adj_x, adj_y): Adjoints) -> Result<[Tensor; 2]> {
    let (x, y, dy) = (&cx.input(0), &cx.input(1), cx.dy()?);
    let product = |a: &Tensor, adj_x, b: &Tensor, adj_y| cx.graph().apply_one(BatchMatMulV2 { adj_x, adj_y }, &[a, b]);
    let dx = if adj_x { product(y, adj_y, dy, true)? } else { product(dy, false, y, !adj_y)? };
    let dy = if adj_y { product(dy, true, x, adj_x)? } else { product(x, !adj_x, dy, false)? };
    Ok([dx, dy])
}

/// Summed over the leading axes along which an operand was broadcast, in the operand's own shape.
fn unbroadcast(cx: &GradCx<'_>, grads: [Tensor; 2]) -> Result<Vec<Option<Tensor>>> {
    let inputs = [cx.input(0), cx.input(1)];
    let batch = |x: &Tensor| x.shape().known_dims().map(|dims| dims[..dims.len().saturating_sub(2)].to_vec());
    if batch(&inputs[0]).is_some_and(|first| batch(&inputs[1]) == Some(first)) {
        return Ok(grads.map(Some).into());
    }
    let shapes = [inputs[0].shape_tensor()?, inputs[1].shape_tensor()?];
    let batches = [shapes[0].index(index![..-2])?, shapes[1].index(index![..-2])?];
    let axes = cx.graph().apply(BroadcastGradientArgs, &[&batches[0], &batches[1]])?;
    let own = |(i, grad): (usize, Tensor)| grad.reduce_sum(axes.output(i)?)?.reshape(&shapes[i]).map(Some);
    grads.into_iter().enumerate().map(own).collect()
}

/// TensorFlow's kernels: of one dtype, of bytes in int32, and of bytes and bfloat16.
fn multiplies(from: [DType; 2], to: DType) -> bool {
    let are = |kinds: &[DType]| from.iter().all(|dtype| kinds.contains(dtype));
    match to {
        DType::I32 if are(&[DType::I8, DType::U8]) => true,
        DType::BF16 => are(&[DType::I8, DType::U8, DType::BF16]) && from.contains(&DType::BF16),
        to => are(&[to]),
    }
}

/// `join` says what becomes of the leading axes.
fn infer(cx: &mut InferCx<'_>, adjoints: Adjoints, join: fn(&Shape, &Shape) -> Result<Shape>) -> Result<()> {
    infer_as(cx, cx.dtype(0), adjoints, join)
}

fn infer_as(
    cx: &mut InferCx<'_>,
    dtype: DType,
    adjoints: Adjoints,
    join: fn(&Shape, &Shape) -> Result<Shape>,
) -> Result<()> {
    product_dtype(dtype)?;
    let (x_batch, [rows, inner_x]) = split(cx.shape(0), adjoints.0)?;
    let (y_batch, [inner_y, columns]) = split(cx.shape(1), adjoints.1)?;
    let batch = join(&x_batch, &y_batch)?;
    inner_x.merge(&inner_y)?;
    let matrix = Shape::new([rows, columns]);
    let output = if batch.rank().is_some() { batch.concat(&matrix)? } else { Shape::unknown() };
    cx.output(dtype, output);
    Ok(())
}

/// The leading axes, and rows and columns after taking the adjoint.
fn split(shape: &Shape, adjoint: bool) -> Result<(Shape, [crate::shape::Dim; 2])> {
    let shape = shape.with_rank_at_least(2)?;
    let Some(rank) = shape.rank() else {
        return Ok((Shape::unknown(), std::array::from_fn(|_| crate::shape::Dim::unknown())));
    };
    let (row, column) = (shape.dim(rank - 2), shape.dim(rank - 1));
    Ok((shape.slice(..rank - 2)?, if adjoint { [column, row] } else { [row, column] }))
}

/// The first version takes equal leading axes alone.
fn check_batches(x: &[usize], y: &[usize]) -> Result<()> {
    if x.len() != y.len() {
        return Err(Error::shape(format!("in[0] and in[1] must have equal ranks: {x:?} vs. {y:?}")));
    }
    match (0..x.len().saturating_sub(2)).find(|axis| x[*axis] != y[*axis]) {
        Some(axis) => {
            Err(Error::shape(format!("in[0].dim({axis}) and in[1].dim({axis}) must be the same: {x:?} vs {y:?}")))
        }
        None => Ok(()),
    }
}

/// What the products of a batch are made of.
struct Batch {
    /// Rows, inner size, columns.
    sizes: [usize; 3],
    /// The leading axes of the result.
    dims: Dims,
    x_offsets: ScratchVec<usize>,
    y_offsets: ScratchVec<usize>,
}

fn run(cx: &mut RunCx<'_>, adjoints: Adjoints) -> Result<()> {
    let [x, y] = [0, 1].map(|i| cx.input(i).clone());
    run_on(cx, [&x, &y], adjoints)
}

fn run_on(cx: &mut RunCx<'_>, [x, y]: [&Value; 2], adjoints: Adjoints) -> Result<()> {
    let dtype = x.dtype();
    let batch = batch(cx, x.dims(), y.dims(), adjoints)?;
    let mut dims = batch.dims.clone();
    dims.extend([batch.sizes[0], batch.sizes[2]]);
    let mut output = cx.alloc(dtype, &dims)?;
    with_type!(dtype, T in products => multiply::<T>(cx, &batch, [x, y], adjoints, &mut output)?, else => {
        return product_dtype(dtype);
    });
    cx.output(0, output);
    Ok(())
}

fn batch(cx: &RunCx<'_>, x: &[usize], y: &[usize], (adj_x, adj_y): Adjoints) -> Result<Batch> {
    for (i, dims) in [x, y].into_iter().enumerate() {
        if dims.len() < 2 {
            return Err(Error::shape(format!("in[{i}] must have rank 2 or more, but has shape {dims:?}")));
        }
    }
    let ((x_batch, x_matrix), (y_batch, y_matrix)) = (x.split_at(x.len() - 2), y.split_at(y.len() - 2));
    let [m, inner_x] = oriented(x_matrix, adj_x);
    let [inner_y, n] = oriented(y_matrix, adj_y);
    if inner_x != inner_y {
        return Err(Error::shape(format!("in[0] mismatch in[1] shape: {inner_x} vs. {inner_y}: {x:?} {y:?}")));
    }
    let dims = broadcast_dims(x_batch, y_batch)
        .map_err(|_| Error::shape(format!("in[0] and in[1] must have compatible batch dimensions: {x:?} vs. {y:?}")))?;
    if element_count(&[&dims[..], &[m, n]].concat())? == 0 {
        // The leading axes may be as long as they like.
        return Ok(Batch { sizes: [m, inner_x, n], dims, x_offsets: cx.list(0)?, y_offsets: cx.list(0)? });
    }
    let x_offsets = offsets(cx, &dims, x_batch, m * inner_x)?;
    let y_offsets = offsets(cx, &dims, y_batch, inner_y * n)?;
    Ok(Batch { sizes: [m, inner_x, n], dims, x_offsets, y_offsets })
}

fn oriented(matrix: &[usize], adjoint: bool) -> [usize; 2] {
    if adjoint { [matrix[1], matrix[0]] } else { [matrix[0], matrix[1]] }
}

/// Where the matrix of each product starts in an operand whose leading axes `own` broadcast to `dims`.
fn offsets(cx: &RunCx<'_>, dims: &[usize], own: &[usize], matrix: usize) -> Result<ScratchVec<usize>> {
    let (mut offsets, mut pace) = (cx.scratch::<usize>(element_count(dims)?)?, cx.pace());
    let (mut inner, mut stride) = (1, matrix);
    for (axis, &size) in dims.iter().enumerate().rev() {
        let own_size = (axis + own.len()).checked_sub(dims.len()).map_or(1, |axis| own[axis]);
        if own_size > 1 {
            for (i, offset) in offsets.iter_mut().enumerate() {
                pace.spend(8)?;
                *offset += i / inner % size * stride;
            }
        }
        inner *= size;
        stride *= own_size;
    }
    Ok(offsets)
}

fn multiply<T: Number>(
    cx: &RunCx<'_>,
    batch: &Batch,
    [x, y]: [&Value; 2],
    (adj_x, adj_y): Adjoints,
    output: &mut Value,
) -> Result<()> {
    let [m, k, n] = batch.sizes;
    let x = conjugated(cx, x, adj_x)?;
    let y = conjugated(cx, y, adj_y)?;
    let (x, y, output) = (x.slice()?, y.slice()?, output.make_mut::<T>()?);
    if k == 0 || output.is_empty() {
        output.fill(T::ZERO);
        return Ok(());
    }
    let (x_offsets, y_offsets) = (&batch.x_offsets, &batch.y_offsets);
    batch_matmul(cx.threads(), m, k, n, x, adj_x, x_offsets, y, adj_y, y_offsets, output, &Epilogue::NONE)
}

/// The operand as the kernel takes it: the kernel transposes, but does not conjugate.
fn conjugated(cx: &RunCx<'_>, value: &Value, adjoint: bool) -> Result<Value> {
    match value.dtype() {
        DType::C64 if adjoint => conjugate::<f32>(cx, value),
        DType::C128 if adjoint => conjugate::<f64>(cx, value),
        _ => Ok(value.clone()),
    }
}

fn conjugate<R>(cx: &RunCx<'_>, value: &Value) -> Result<Value>
where
    R: Clone + num_traits::Num + std::ops::Neg<Output = R>,
    num_complex::Complex<R>: crate::dtype::Plain,
{
    let numbers = value.slice::<num_complex::Complex<R>>()?;
    let mut out = cx.alloc(value.dtype(), value.dims())?;
    let cells = out.make_mut::<num_complex::Complex<R>>()?.iter_mut().zip(numbers);
    cells.for_each(|(out, x)| *out = x.conj());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op, run_within};

    fn ramp(dims: &[usize]) -> Value {
        let n: usize = dims.iter().product();
        Value::from_vec(dims, (0..n).map(|i| i as i32).collect()).unwrap()
    }

    #[test]
    fn leading_axes_must_be_equal_in_the_first_version() {
        let op = BatchMatMul::default();
        infer_ok(&op, "(2,2,3);(2,3,4)", "(2,2,4)");
        infer_ok(&op, "<unknown>;(4,3,4)", "(4,?,4)");
        infer_err(&op, "(2,2,3);(1,3,4)", "dimension 0 in both shapes must be equal, but are 2 and 1");
        infer_err(&op, "(2,2,3);(3,4)", "shapes must be equal rank, but are 1 and 0");
        infer_err(&op, "(2,2,3);(2,4,4)", "dimensions must be equal, but are 3 and 4");
        infer_err(&op, "(1);(2,4,4)", "shape must be at least rank 2 but is rank 1");
    }

    #[test]
    fn leading_axes_broadcast_for_the_second() {
        let op = BatchMatMulV2::default();
        infer_ok(&op, "(2,2,3);(3,4)", "(2,2,4)");
        infer_ok(&op, "(?,1,2,3);(5,3,4)", "(?,5,2,4)");
        infer_ok(&op, "<unknown>;(4,3,4)", "<unknown>");
        infer_ok(&BatchMatMulV2 { adj_x: true, adj_y: true }, "(7,3,2);(4,3)", "(7,2,4)");
        infer_err(&op, "(2,2,3);(3,3,4)", "dimensions must be equal, but are 2 and 3");
    }

    /// Expected numbers by hand: each row of the result is a row of `x` times the columns of `y`.
    #[test]
    fn operands_are_repeated_where_they_broadcast() {
        let got = &run_op(BatchMatMulV2::default(), &[ramp(&[2, 1, 1, 2]), ramp(&[1, 3, 2, 1])]).unwrap()[0];
        assert_eq!(got.dims(), [2, 3, 1, 1]);
        assert_eq!(got.slice::<i32>().unwrap(), [1, 3, 5, 3, 13, 23]);
    }

    /// By hand: bytes would wrap.
    #[test]
    fn products_are_made_in_the_dtype_of_the_result() {
        let op = BatchMatMulV3 { adj_x: false, adj_y: false, dtype: DType::I32 };
        let inputs = [[[[100i8, -100]]].into_value(), [[[100u8], [200]]].into_value()];
        assert_eq!(run_op(op.clone(), &inputs).unwrap()[0].slice::<i32>().unwrap(), [-10000]);
        infer_ok(&op, "int8(2,2,3);uint8(3,4)", "(2,2,4)");
        infer_err(&op, "bfloat16(2,2,3);int8(3,4)", "products of bfloat16 and int8 cannot be int32");
        let op = BatchMatMulV3 { adj_x: false, adj_y: false, dtype: DType::BF16 };
        infer_ok(&op, "bfloat16(2,2,3);int8(3,4)", "(2,2,4)");
        infer_err(&op, "uint8(2,2,3);int8(3,4)", "products of uint8 and int8 cannot be bfloat16");
    }

    #[test]
    fn adjoints_are_conjugated() {
        let i = num_complex::Complex::new(0.0f32, 1.0);
        let x = Value::from_vec(&[1, 1, 1], vec![i]).unwrap();
        let got = &run_op(BatchMatMul { adj_x: true, adj_y: false }, &[x.clone(), x]).unwrap()[0];
        assert_eq!(got.slice::<num_complex::Complex<f32>>().unwrap(), [1.0f32.into()]);
    }

    #[test]
    fn vast_batches_of_nothing_are_too_many_products() {
        let empty = |dims: &[usize]| Value::zeros(DType::I32, dims).unwrap();
        let inputs = [empty(&[1 << 40, 1, 0]), empty(&[1 << 40, 1, 0])];
        let error = run_within(BatchMatMulV2 { adj_x: false, adj_y: true }, &inputs, usize::MAX, u64::MAX).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::ResourceExhausted);
        let inputs = [empty(&[1 << 40, 0, 1]), empty(&[1, 1])];
        let got = run_within(BatchMatMulV2::default(), &inputs, 1 << 20, u64::MAX).unwrap();
        assert_eq!(got[0].dims(), [1 << 40, 0, 1]);
    }
}
