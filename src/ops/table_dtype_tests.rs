//! Every row on every dtype that it takes: its examples are cast, and what comes out is compared with what the widest dtype
//! of the same kind gives on the same numbers. Most examples are float32 and int32 alone, and twelve other dtypes are
//! compiled, or go by way of a wider one.

use std::collections::BTreeSet;

use super::array::cast::cast_value;
use super::math::{Unary, UnaryOp};
use super::table_run_tests::{Built, rows};
use super::table_tests::typed_attrs;
use super::testing::run_op;
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::signature::ArgType;
use crate::graph::{AttrValue, Effect, Example, Flow, OpKind};
use crate::value::Value;
use crate::with_type;

/// The dtypes whose kernels are compared, each with a wider one, and what is between two results at most.
const NARROW: &[(DType, DType, f64)] = &[
    (DType::F16, DType::F32, 4e-3),
    (DType::BF16, DType::F32, 4e-2),
    (DType::F32, DType::F64, 1e-4),
    (DType::I8, DType::I64, 0.0),
    (DType::I16, DType::I64, 0.0),
    (DType::I32, DType::I64, 0.0),
    (DType::U8, DType::I64, 0.0),
    (DType::U16, DType::I64, 0.0),
    (DType::U32, DType::I64, 0.0),
    (DType::U64, DType::I64, 0.0),
    (DType::C64, DType::C128, 1e-4),
];

/// Rows whose results depend on the dtype itself, and how.
const DTYPE_MATTERS: &[(&str, &str)] = &[
    ("looks at bits", "Bitcast PopulationCount Invert LeftShift RightShift NextAfter DecodeRaw"),
    ("draws by dtype", "StatelessRandomUniformInt StatelessRandomUniformIntV2"),
    ("prints by dtype", "AsString PrintV2 Print SummarizeValue"),
];

/// The attribute of type that an example is cast along, with the inputs that have it.
fn type_attrs(example: &Example) -> Vec<(String, Vec<usize>)> {
    let args = example.op.kind().args();
    let mut all: Vec<(String, Vec<usize>)> = Vec::new();
    for i in 0..example.inputs.len() {
        let Some(ArgType::Attr(name)) = args.input(i).filter(|arg| !arg.is_variable).map(|arg| &arg.ty) else {
            continue;
        };
        match all.iter_mut().find(|(other, _)| other == name) {
            Some((_, inputs)) => inputs.push(i),
            None => all.push((name.clone(), vec![i])),
        }
    }
    all
}

/// The example with the inputs of one attribute in another dtype; `None` where the row does not take it.
fn cast(row: &OpKind, example: &Example, attr: &str, inputs: &[usize], dtype: DType) -> Option<Example> {
    let mut values = example.inputs.clone();
    for i in inputs {
        let is_unsigned = matches!(dtype, DType::U8 | DType::U16 | DType::U32 | DType::U64);
        let value = if is_unsigned { &without_signs(&values[*i])? } else { &values[*i] };
        values[*i] = cast_value(value, dtype).ok()?;
    }
    let own = example.op.attrs().into_iter().map(|(name, value)| (name.to_owned(), value));
    let typed = typed_attrs(row, example).ok()?;
    let with_dtype = |(name, value): (String, AttrValue)| match name == attr {
        true => (name, AttrValue::Type(dtype)),
        false => (name, value),
    };
    let op = (row.parse)(&typed.into_iter().chain(own).map(with_dtype).collect()).ok()?;
    Some(Example { op, inputs: values })
}

/// The numbers without their signs: a negative one would wrap to a vast one.
fn without_signs(value: &Value) -> Option<Value> {
    run_op(Unary { f: UnaryOp::Abs }, &[cast_value(value, DType::F64).ok()?]).ok().map(|mut values| values.remove(0))
}

/// A wide result in the narrow dtype. The least and the greatest number, which folds of nothing give, stay what they are.
fn narrowed(wide: &Value, dtype: DType) -> Result<Value> {
    let mut out = cast_value(wide, dtype)?;
    if wide.dtype() == DType::I64 {
        with_type!(dtype, T in ints => {
            for (out, wide) in out.make_mut::<T>()?.iter_mut().zip(wide.slice::<i64>()?) {
                match *wide {
                    i64::MIN => *out = T::MIN,
                    i64::MAX => *out = T::MAX,
                    _ => {}
                }
            }
        }, else => {});
    }
    Ok(out)
}

fn run(example: &Example) -> Result<Vec<(usize, Value)>> {
    Built::of(example, &example.inputs)?.run(1).map(|(outputs, _)| outputs)
}

/// Whether two results are the same up to `most` of their size. Both are made complex, which every number fits.
fn is_near(a: &Value, b: &Value, most: f64) -> bool {
    if most == 0.0 || !(a.dtype().is_floating() || a.dtype().is_complex()) {
        return a.same_bits(b);
    }
    let [a, b] = [a, b].map(|value| cast_value(value, DType::C128).expect("a number can be made complex"));
    let [a, b] = [&a, &b].map(|value| value.slice::<num_complex::Complex<f64>>().expect("it was made complex"));
    // Halves that are added up may be rounded at each step: then the largest sums say how much is lost.
    let sizes = b.iter().flat_map(|b| [b.re.abs(), b.im.abs()]).filter(|size| size.is_finite());
    let largest = sizes.fold(1.0, f64::max);
    let part = |a: f64, b: f64| {
        let size = a.abs().max(b.abs()) + largest / 4.0;
        a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= most * size
    };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| part(a.re, b.re) && part(a.im, b.im))
}

/// Says how the narrow kernel differs from the wide one, if it does; `None` where one of them does not take the inputs.
fn difference(
    row: &OpKind,
    example: &Example,
    (attr, inputs): &(String, Vec<usize>),
    types: [DType; 2],
    most: f64,
) -> Option<Result<(), String>> {
    let narrow = cast(row, example, attr, inputs, types[0])?;
    let wide = cast(row, &narrow, attr, inputs, types[1])?;
    let (narrow, wide) = (run(&narrow).ok()?, run(&wide).ok()?);
    for ((_, narrow), (_, wide)) in narrow.iter().zip(&wide).filter(|((_, narrow), _)| narrow.dtype() != DType::Variant)
    {
        let is_same = narrow.dims() == wide.dims()
            && narrowed(wide, narrow.dtype()).is_ok_and(|wide| is_near(narrow, &wide, most));
        if !is_same {
            return Some(Err(format!("{} of {attr} = {}: {narrow}, but {wide} in {}", row.name, types[0], types[1])));
        }
    }
    Some(Ok(()))
}

#[test]
fn every_dtype_gives_what_a_wider_one_gives() {
    let matters = |row: &OpKind| DTYPE_MATTERS.iter().any(|(_, names)| names.split(' ').any(|name| name == row.name));
    let is_asked = |row: &&OpKind| row.effect == Effect::Pure && row.flow != Flow::Switch && !matters(row);
    let (mut compared, mut differ) = (BTreeSet::new(), Vec::new());
    for row in rows().filter(is_asked) {
        for example in (row.examples)() {
            for attr in type_attrs(&example) {
                for (narrow, wide, most) in NARROW {
                    let Some(result) = difference(row, &example, &attr, [*narrow, *wide], *most) else { continue };
                    compared.insert((row.name, *narrow));
                    differ.extend(result.err());
                }
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(compared.len() > 2_300, "only {} pairs of row and dtype were compared", compared.len());
}
