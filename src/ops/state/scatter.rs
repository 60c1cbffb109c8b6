//! `ScatterUpdate`, `ScatterAdd` and their kin: change rows of a variable in place.

use std::sync::Arc;

use super::assign::pass_on;
use super::handle::Spelling;
use super::read::uninitialized;
use super::variable::Variable;
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Attrs, Effect, Example, InferCx, Ints, Op, OpKind, Operation, Role, RunCx};
use crate::kernel::change::{Change, Formula};
use crate::ops::IntoTensor;
use crate::ops::array::cells::{Cell, cells, cells_mut, copy_cells};
use crate::ops::parts::bytes_mut;
use crate::shape::Shape;
use crate::value::variant::Variant;
use crate::value::{IntoValue, ScratchVec, Value};

/// Elements between two looks at the limits of the run.
const PART: usize = 1 << 16;

/// What a scatter does with an old element and its update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScatterRule {
    /// The update replaces the element.
    Update,
    /// Their sum.
    Add,
    /// Their difference.
    Sub,
    /// Their product.
    Mul,
    /// Their quotient; of integers rounded towards zero.
    Div,
    /// The smaller one.
    Min,
    /// The larger one.
    Max,
}

/// Changes the rows that `indices` name: `(n, ..), i.., (i.., ..) -> (n, ..)`. Repeated indices apply one after the
/// other, in order. Updates may be one scalar for all. An index out of range leaves the variable as it was.
#[derive(Debug, Clone)]
pub struct Scatter {
    /// How the variable is given; a reference is passed on as output, a handle is not.
    pub spelling: Spelling,
    /// What becomes of the old elements.
    pub rule: ScatterRule,
}

macro_rules! rows {
    ($($row:ident $resource_row:ident $rule:ident $name:literal $resource_name:literal;)*) => {
        $(
            #[doc = concat!("The row of `", $name, "`.")]
            pub static $row: OpKind = row(
                $name,
                "ref: Ref(T), indices: Tindices, updates: T -> output_ref: Ref(T)",
                |attrs| parse(attrs, Scatter { spelling: Spelling::Ref, rule: ScatterRule::$rule }),
                || examples(Scatter { spelling: Spelling::Ref, rule: ScatterRule::$rule }),
            );
            #[doc = concat!("The row of `", $resource_name, "`.")]
            pub static $resource_row: OpKind = row(
                $resource_name,
                "resource: Ref(dtype), indices: Tindices, updates: dtype ->",
                |attrs| parse(attrs, Scatter { spelling: Spelling::Resource, rule: ScatterRule::$rule }),
                || examples(Scatter { spelling: Spelling::Resource, rule: ScatterRule::$rule }),
            );
        )*

        /// The rows of this file.
        pub(in crate::ops) static OPS: &[&OpKind] = &[$(&$row, &$resource_row),*];

        fn kind_of(scatter: &Scatter) -> &'static OpKind {
            match (scatter.spelling, scatter.rule) {
                $(
                    (Spelling::Ref, ScatterRule::$rule) => &$row,
                    (Spelling::Resource, ScatterRule::$rule) => &$resource_row,
                )*
            }
        }
    };
}
rows! {
    SCATTER_UPDATE RESOURCE_SCATTER_UPDATE Update "ScatterUpdate" "ResourceScatterUpdate";
    SCATTER_ADD RESOURCE_SCATTER_ADD Add "ScatterAdd" "ResourceScatterAdd";
    SCATTER_SUB RESOURCE_SCATTER_SUB Sub "ScatterSub" "ResourceScatterSub";
    SCATTER_MUL RESOURCE_SCATTER_MUL Mul "ScatterMul" "ResourceScatterMul";
    SCATTER_DIV RESOURCE_SCATTER_DIV Div "ScatterDiv" "ResourceScatterDiv";
    SCATTER_MIN RESOURCE_SCATTER_MIN Min "ScatterMin" "ResourceScatterMin";
    SCATTER_MAX RESOURCE_SCATTER_MAX Max "ScatterMax" "ResourceScatterMax";
}

const fn row(
    name: &'static str,
    signature: &'static str,
    parse: fn(&Attrs) -> Result<Arc<dyn Op>>,
    examples: fn() -> Vec<Example>,
) -> OpKind {
    OpKind::new(name, signature, parse, examples)
        .effect(Effect::Writes)
        .not_differentiable("a variable that is changed in place has no gradient")
}

fn parse(attrs: &Attrs, op: Scatter) -> Result<Arc<dyn Op>> {
    attrs.bool_or("use_locking", false)?;
    Ok(Arc::new(op))
}

fn examples(op: Scatter) -> Vec<Example> {
    let var = || [[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]].into_value();
    vec![
        Example::new(op.clone(), [var(), [2i32, 0].into_value(), [[2.0f32, 3.0], [4.0, 5.0]].into_value()]),
        Example::new(op, [var(), [0i64].into_value(), 9.0f32.into_value()]),
    ]
}

macro_rules! methods {
    ($($(#[$doc:meta])* $method:ident $rule:ident $name:literal;)*) => {
        /// Changes of rows; nothing happens before a session runs them. See [`Scatter`].
        impl Variable { $(
            $(#[$doc])*
            #[doc = concat!("\n\n# Errors\n`ShapeMismatch`, `DTypeMismatch`; a run fails with `IndexOutOfRange`.")]
            #[track_caller]
            pub fn $method(&self, indices: impl IntoTensor, updates: impl IntoTensor) -> Result<Operation> {
                scatter(self, $name, ScatterRule::$rule, &indices, &updates)
            }
        )* }
    };
}
methods! {
    /// Replaces the rows that `indices` name.
    scatter_update Update "ScatterUpdate";
    /// Adds to the rows that `indices` name.
    scatter_add Add "ScatterAdd";
    /// Subtracts from the rows that `indices` name.
    scatter_sub Sub "ScatterSub";
    /// Multiplies the rows that `indices` name.
    scatter_mul Mul "ScatterMul";
    /// Divides the rows that `indices` name.
    scatter_div Div "ScatterDiv";
    /// Keeps the smaller of old and new elements in the rows that `indices` name.
    scatter_min Min "ScatterMin";
    /// Keeps the larger of old and new elements in the rows that `indices` name.
    scatter_max Max "ScatterMax";
}

#[track_caller]
fn scatter(
    var: &Variable,
    name: &str,
    rule: ScatterRule,
    indices: &dyn IntoTensor,
    updates: &dyn IntoTensor,
) -> Result<Operation> {
    let (g, handle) = (var.graph(), var.handle());
    g.composite(name, |scope| {
        let indices = g.named("indices", || indices.tensor(None))?;
        let updates = g.named("updates", || updates.tensor(Some(&handle)))?;
        g.named(scope, || g.apply(Scatter { spelling: Spelling::Ref, rule }, &[&handle, &indices, &updates]))
    })
}

impl Op for Scatter {
    fn kind(&self) -> &'static OpKind {
        kind_of(self)
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index(cx.dtype(1))?;
        let (var, indices, updates) = (cx.shape(0).with_rank_at_least(1)?, cx.shape(1), cx.shape(2));
        if updates.rank() != Some(0) && var.rank().is_some() {
            updates.merge(&indices.concat(&var.slice(1..)?)?)?;
        }
        if self.spelling == Spelling::Ref {
            cx.output_variable(cx.dtype(0), var, Role::Ref);
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let var = cx.variable(0)?;
        let rule = self.rule;
        cx.state()?.update(&var, &mut |old| {
            let old = old.ok_or_else(|| uninitialized(&var))?;
            let (indices, updates) = (cx.input(1), cx.input(2));
            let places = row_places(cx, old.dims(), indices, updates.dims())?;
            let row_len = old.dims()[1..].iter().product();
            apply(cx, rule, old, &places, row_len, updates)
        })?;
        pass_on(cx);
        Ok(())
    }
}

/// The first element of each row that is named.
fn row_places(cx: &RunCx<'_>, var: &[usize], indices: &Value, updates: &[usize]) -> Result<ScratchVec<usize>> {
    if var.is_empty() {
        return Err(Error::shape("the variable must have rank 1 or more, but is a scalar"));
    }
    if !updates.is_empty() && (*updates != [indices.dims(), &var[1..]].concat()) {
        let [updates, indices, var] = [updates, indices.dims(), var].map(Shape::from);
        return Err(Error::shape(format!(
            "must have updates.shape = indices.shape + params.shape[1:] or updates.shape = [], got updates.shape \
             {updates}, indices.shape {indices}, params.shape {var}"
        )));
    }
    let row_len: usize = var[1..].iter().product();
    let (numbers, mut pace) = (Ints::of(indices)?, cx.pace());
    let mut places = cx.list(numbers.len())?;
    for (i, index) in numbers.iter().enumerate() {
        pace.spend(2)?;
        match usize::try_from(index).ok().filter(|index| *index < var[0]) {
            Some(index) => places.push(index * row_len)?,
            None => return Err(out_of_range(i, index, var[0])),
        }
    }
    Ok(places)
}

/// Applies the updates to runs of `run_len` elements, each starting at its place. Places are in range.
pub(in crate::ops) fn apply(
    cx: &RunCx<'_>,
    rule: ScatterRule,
    old: Value,
    places: &[usize],
    run_len: usize,
    updates: &Value,
) -> Result<Value> {
    let dtype = old.dtype();
    match (rule, dtype) {
        (ScatterRule::Update, DType::String) => return replace::<Vec<u8>>(cx, old, places, run_len, updates),
        (ScatterRule::Update, DType::Variant) => return replace::<Variant>(cx, old, places, run_len, updates),
        _ => {}
    }
    let change = Change::of(rule.formula(), dtype).filter(|_| updates.dtype() == dtype);
    let change = change.ok_or_else(|| unsupported(rule, dtype))?;
    // A scalar that goes nowhere divides nothing.
    if rule == ScatterRule::Div && dtype.is_integer() && !places.is_empty() {
        check_divisors(cx, updates.bytes()?, change.size())?;
    }
    let mut old = cx.unshared(old)?;
    // SAFETY: what is written are numbers, or elements of the same dtype.
    let cells = unsafe { bytes_mut(&mut old)? };
    change_runs(cx, &change, cells, places, run_len, (updates.bytes()?, updates.rank() == 0))?;
    Ok(old)
}

/// Changes runs of cells by runs of updates that follow each other, or by one update for all.
fn change_runs(
    cx: &RunCx<'_>,
    change: &Change,
    cells: &mut [u8],
    places: &[usize],
    run_len: usize,
    (updates, is_one_for_all): (&[u8], bool),
) -> Result<()> {
    let (size, mut pace) = (change.size(), cx.pace());
    for (i, place) in places.iter().enumerate() {
        for from in (0..run_len).step_by(PART) {
            let n = PART.min(run_len - from);
            pace.spend(4 + n)?;
            let run = &mut cells[(*place + from) * size..][..n * size];
            let updates = if is_one_for_all { updates } else { &updates[(i * run_len + from) * size..][..n * size] };
            change.run(run, updates);
        }
    }
    Ok(())
}

impl ScatterRule {
    fn formula(self) -> Formula {
        match self {
            ScatterRule::Update => Formula::Replace,
            ScatterRule::Add => Formula::Add,
            ScatterRule::Sub => Formula::Sub,
            ScatterRule::Mul => Formula::Mul,
            ScatterRule::Div => Formula::Div,
            ScatterRule::Min => Formula::Smaller,
            ScatterRule::Max => Formula::Larger,
        }
    }
}

#[cold]
fn unsupported(rule: ScatterRule, dtype: DType) -> Error {
    let how = if rule == ScatterRule::Div { "divided" } else { "scattered into" };
    Error::unsupported(format!("a variable of {dtype} cannot be {how} so"))
}

/// Refuses integers that are zero.
fn check_divisors(cx: &RunCx<'_>, divisors: &[u8], size: usize) -> Result<()> {
    let mut pace = cx.pace();
    for part in divisors.chunks(PART * size) {
        pace.spend(part.len())?;
        if part.chunks_exact(size).any(|divisor| divisor.iter().all(|byte| *byte == 0)) {
            return Err(Error::new(ErrorKind::DivisionByZero, "integer division by zero"));
        }
    }
    Ok(())
}

/// Puts updates in the place of what is not plain bytes.
fn replace<E: Cell>(cx: &RunCx<'_>, old: Value, places: &[usize], run_len: usize, updates: &Value) -> Result<Value> {
    let (is_one_for_all, mut pace) = (updates.rank() == 0, cx.pace());
    let times = if is_one_for_all { places.len().saturating_mul(run_len) } else { 1 };
    let updates = cells::<E>(updates)?;
    cx.check_room(E::contents(updates).saturating_mul(times))?;
    let mut old = cx.unshared(old)?;
    let out = cells_mut::<E>(&mut old)?;
    if run_len == 0 {
        return Ok(old);
    }
    for (i, place) in places.iter().enumerate() {
        let run = &mut out[*place..*place + run_len];
        match is_one_for_all {
            true => run.iter_mut().try_for_each(|cell| copy_cells(&mut pace, updates, std::slice::from_mut(cell)))?,
            false => copy_cells(&mut pace, &updates[i * run_len..(i + 1) * run_len], run)?,
        }
    }
    Ok(old)
}

/// Refuses an index of another dtype than int32 and int64.
pub(super) fn check_index(dtype: DType) -> Result<()> {
    if matches!(dtype, DType::I32 | DType::I64) {
        return Ok(());
    }
    Err(Error::dtype(format!("indices must be int32 or int64, but are {dtype}")))
}

#[cold]
pub(super) fn out_of_range(i: usize, index: i64, size: usize) -> Error {
    Error::new(ErrorKind::IndexOutOfRange, format!("indices[{i}] = {index} is not in [0, {size})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::session::Session;

    /// Runs one scatter on [[1, 2], [3, 4], [5, 6]].
    fn scatter(rule: ScatterRule, indices: Value, updates: Value) -> Result<Vec<i32>> {
        let g = Graph::new();
        let v = g.variable([[1i32, 2], [3, 4], [5, 6]])?;
        let (indices, updates) = (g.constant(indices)?, g.constant(updates)?);
        let op = Scatter { spelling: Spelling::Ref, rule };
        let op = g.apply(op, &[&v.handle(), &indices, &updates])?;
        let sess = Session::new(&g)?;
        sess.run(v.initializer())?;
        let result = sess.run(&op);
        let after = sess.run(&v)?.slice::<i32>()?.to_vec();
        match result {
            Ok(()) => Ok(after),
            Err(error) => {
                assert_eq!(after, [1, 2, 3, 4, 5, 6], "a failed run changes nothing");
                Err(error)
            }
        }
    }

    #[track_caller]
    fn check(rule: ScatterRule, indices: impl IntoValue, updates: impl IntoValue, want: [i32; 6]) {
        let got = scatter(rule, indices.into_value(), updates.into_value());
        assert_eq!(got.unwrap_or_else(|error| panic!("{error}")), want);
    }

    #[track_caller]
    fn refused(rule: ScatterRule, indices: impl IntoValue, updates: impl IntoValue, want: &str) {
        let error = scatter(rule, indices.into_value(), updates.into_value()).unwrap_err();
        assert!(error.message().contains(want), "{error}");
    }

    /// By TensorFlow 1.15.5.
    #[test]
    fn rows_change_in_order() {
        use ScatterRule::*;
        check(Update, [2i32, 0], [[7, 8], [9, 10]], [9, 10, 3, 4, 7, 8]);
        check(Update, 1i32, [7, 8], [1, 2, 7, 8, 5, 6]);
        check(Update, [0i64, 2], 9, [9, 9, 3, 4, 9, 9]);
        check(Add, [1i64, 1, 1], [[1, 1], [2, 2], [3, 3]], [1, 2, 9, 10, 5, 6]);
        check(Sub, [[0i32], [2]], [[[1, 1]], [[2, 2]]], [0, 1, 3, 4, 3, 4]);
        check(Mul, [0i32], [[5, 5]], [5, 10, 3, 4, 5, 6]);
        check(Div, [2i32], [[2, -4]], [1, 2, 3, 4, 2, -1]);
        check(Min, [1i32], [[9, 0]], [1, 2, 3, 0, 5, 6]);
        check(Max, [1i32], [[9, 0]], [1, 2, 9, 4, 5, 6]);
    }

    #[test]
    fn rows_of_a_variable_of_lists_are_replaced() -> Result<()> {
        use crate::ops::container::{EmptyTensorList, TensorListLength, TensorListReserve};
        let g = Graph::new();
        let of = |n: i32| {
            let op = TensorListReserve { element_dtype: DType::F32 };
            g.apply_one(op, &[&g.constant([1])?, &g.constant(n)?])
        };
        let (two, five) = (of(2)?, of(5)?);
        let empty = EmptyTensorList { element_dtype: DType::F32 };
        let empty = g.apply_one(empty, &[&g.constant([1])?, &g.constant(-1)?])?;
        let v = g.variable(crate::ops::array::stack(&[&two, &five, &two], 0)?)?;
        let updates = crate::ops::array::stack(&[&five, &empty], 0)?;
        let op = Scatter { spelling: Spelling::Ref, rule: ScatterRule::Update };
        let scattered = g.apply(op, &[&v.handle(), &g.constant([2i32, 0])?, &updates])?;
        let rows = v.value()?.unstack(0)?;
        let lens = rows.iter().map(|row| g.apply_one(TensorListLength, &[row])).collect::<Result<Vec<_>>>()?;
        let sess = Session::new(&g)?;
        sess.run(v.initializer())?;
        sess.run(&scattered)?;
        let lens = sess.run(&lens)?;
        assert_eq!(lens.iter().map(ToString::to_string).collect::<Vec<_>>(), ["0", "5", "5"]);
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        use ScatterRule::*;
        refused(Update, [3i32], [[1, 1]], "indices[0] = 3 is not in [0, 3)");
        refused(Add, [0i32, -1], [[1, 1], [1, 1]], "indices[1] = -1 is not in [0, 3)");
        refused(Add, [0i32], [[1, 1, 1]], "must be equal, but are 3 and 2");
        refused(Div, [0i32], [[1, 0]], "integer division by zero");
        refused(Add, [0.5f32], [[1, 1]], "indices must be int32 or int64, but are float32");
    }
}
