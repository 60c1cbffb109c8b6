//! What is done to an example.

use std::fmt::Write;

use sessile::graph::signature::ArgType;
use sessile::graph::{AttrValue, Referent};
use sessile::prelude::*;

use super::case::{Input, Subject};

/// One change, and a text that says which.
#[derive(Debug, Clone)]
pub struct Mutation {
    pub what: String,
    pub change: Change,
}

#[derive(Debug, Clone)]
pub enum Change {
    /// Other values for some inputs.
    Values(Vec<(usize, Value)>),
    /// Another value for an attribute.
    Attr(String, AttrValue),
    /// The inputs in another order: some may be left out or come twice.
    Order(Vec<usize>),
    /// A handle of another kind.
    Handle(usize, Referent),
}

/// Dims that no memory has room for.
const VAST: [usize; 2] = [1 << 33, 1 << 40];

/// Integers at the ends of what files hold.
const INTS: [i64; 10] =
    [0, -1, 1, i32::MIN as i64, i32::MAX as i64, 1 << 31, i64::MIN, i64::MAX, 1 << 40, (1 << 16) + 1];

const FLOATS: [f64; 6] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0, 3e38];

/// Elements of an input that are changed one by one.
const MAX_ELEMENTS: usize = 4;

/// The mutations that found most faults.
pub fn core(subject: &Subject) -> Vec<Mutation> {
    let mut all = Vec::new();
    vast_dims(subject, &VAST[1..], &mut all);
    attrs(subject, true, &mut all);
    all
}

/// All of them.
pub fn all(subject: &Subject) -> Vec<Mutation> {
    let mut all = Vec::new();
    vast_dims(subject, &VAST, &mut all);
    attrs(subject, false, &mut all);
    elements(subject, &mut all);
    ranks(subject, &mut all);
    dtypes(subject, &mut all);
    orders(subject, &mut all);
    handles(subject, &mut all);
    all
}

fn values(subject: &Subject) -> impl Iterator<Item = (usize, &Value)> {
    subject.inputs.iter().enumerate().map(|(i, input)| (i, input.value()))
}

fn push_values(all: &mut Vec<Mutation>, what: &str, changed: Vec<(usize, Value)>) {
    if changed.is_empty() {
        return;
    }
    let mut text = what.to_owned();
    for (i, value) in &changed {
        let _ = write!(text, " input {i} = {} {:?}", value.dtype(), value.dims());
        if (1..=8).contains(&value.len()) {
            let _ = write!(text, " {value:?}");
        }
    }
    all.push(Mutation { what: text, change: Change::Values(changed) });
}

/// A dim of 0 and another vast, in one input or in all of the same rank.
fn vast_dims(subject: &Subject, vast: &[usize], all: &mut Vec<Mutation>) {
    let most_axes = values(subject).map(|(_, value)| value.rank()).max().unwrap_or(0);
    for zero in 0..most_axes {
        for at in (0..most_axes).filter(|at| *at != zero || most_axes == 1) {
            for size in vast {
                let changed = |i: usize, value: &Value| {
                    let mut dims = value.dims().to_vec();
                    *dims.get_mut(at)? = *size;
                    *dims.get_mut(zero)? = 0;
                    Some((i, Value::zeros(value.dtype(), &dims).ok()?))
                };
                for rank in 1..=most_axes {
                    let alike = values(subject).filter(|(_, value)| value.rank() == rank);
                    push_values(all, "vast", alike.filter_map(|(i, value)| changed(i, value)).collect());
                }
                push_values(all, "vast", values(subject).filter_map(|(i, value)| changed(i, value)).collect());
                for (i, value) in values(subject) {
                    push_values(all, "vast", changed(i, value).into_iter().collect());
                }
            }
        }
    }
    // Vast where the example has no second axis.
    for (i, value) in values(subject).filter(|(_, value)| value.rank() <= 1) {
        for dims in [[0, 1 << 40], [1 << 40, 0]] {
            push_values(all, "vast", Value::zeros(value.dtype(), &dims).map(|value| (i, value)).into_iter().collect());
        }
    }
}

fn attrs(subject: &Subject, is_core: bool, all: &mut Vec<Mutation>) {
    for (name, value) in &subject.attrs {
        for value in others(value, is_core) {
            let mut text = format!("{value:?}");
            text.truncate(200);
            let change = Change::Attr(name.clone(), value);
            all.push(Mutation { what: format!("attr {name} = {text}"), change });
        }
    }
}

fn others(value: &AttrValue, is_core: bool) -> Vec<AttrValue> {
    match value {
        AttrValue::Int(_) => INTS.iter().map(|n| AttrValue::Int(*n)).collect(),
        AttrValue::Ints(ints) => int_lists(ints).into_iter().map(AttrValue::Ints).collect(),
        _ if is_core => Vec::new(),
        AttrValue::Float(_) => FLOATS.iter().map(|x| AttrValue::Float(*x as f32)).collect(),
        AttrValue::Floats(list) => {
            let filled = FLOATS.iter().map(|x| AttrValue::Floats(vec![*x as f32; list.len()]));
            filled.chain([AttrValue::Empty]).collect()
        }
        AttrValue::Bool(is) => vec![AttrValue::Bool(!is)],
        AttrValue::Str(_) => ["", "x", "NCHW", "SAME", "\u{fc}"].map(|text| AttrValue::Str(text.into())).to_vec(),
        AttrValue::Strs(_) => vec![AttrValue::Empty, AttrValue::Strs(vec![b"x".to_vec(); 3])],
        AttrValue::Type(_) => DType::ALL.map(AttrValue::Type).to_vec(),
        AttrValue::Types(list) => {
            let filled = DType::ALL.map(|dtype| AttrValue::Types(vec![dtype; list.len()]));
            filled.into_iter().chain([AttrValue::Empty, AttrValue::Types(vec![DType::F32; 7])]).collect()
        }
        AttrValue::Shape(_) => shapes().map(AttrValue::Shape).collect(),
        AttrValue::Shapes(list) => {
            shapes().map(|shape| AttrValue::Shapes(vec![shape; list.len()])).chain([AttrValue::Empty]).collect()
        }
        _ => Vec::new(),
    }
}

fn shapes() -> impl Iterator<Item = Shape> {
    let known: [&[usize]; 6] = [&[], &[0], &[0, 1 << 40], &[1 << 40, 0], &[1 << 40], &[1 << 31, 1 << 31, 2]];
    known.into_iter().map(Shape::from).chain([Shape::unknown(), Shape::from(vec![Dim::unknown(); 2])])
}

/// An empty list, longer ones, and each extreme in each place and in all.
fn int_lists(ints: &[i64]) -> Vec<Vec<i64>> {
    let mut lists = vec![Vec::new(), vec![1], vec![0; 9], [ints, ints].concat()];
    for n in INTS {
        lists.push(vec![n; ints.len()]);
        for at in 0..ints.len() {
            let mut one = ints.to_vec();
            one[at] = n;
            lists.push(one);
        }
    }
    lists
}

/// Extreme elements, one by one and in all places.
fn elements(subject: &Subject, all: &mut Vec<Mutation>) {
    for (i, value) in values(subject).filter(|(_, value)| !value.is_empty()) {
        let places = (0..value.len().min(MAX_ELEMENTS)).map(Some).chain([None]);
        for place in places {
            for n in INTS.iter().map(|n| *n as f64).chain(FLOATS) {
                let exact = INTS.iter().find(|int| **int as f64 == n).copied();
                push_values(
                    all,
                    "elements",
                    with_element(value, place, n, exact).map(|v| (i, v)).into_iter().collect(),
                );
            }
        }
    }
}

/// The value with another number in a place, or in all of them.
fn with_element(value: &Value, place: Option<usize>, n: f64, exact: Option<i64>) -> Option<Value> {
    let mut value = value.clone();
    macro_rules! set {
        ($t:ty, $n:expr) => {{
            let items = value.make_mut::<$t>().ok()?;
            match place {
                Some(at) => items[at] = $n,
                None => items.fill($n),
            }
        }};
    }
    match value.dtype() {
        DType::I8 => set!(i8, exact? as i8),
        DType::I16 => set!(i16, exact? as i16),
        DType::I32 => set!(i32, i32::try_from(exact?).ok()?),
        DType::I64 => set!(i64, exact?),
        DType::U8 => set!(u8, exact? as u8),
        DType::U64 => set!(u64, exact? as u64),
        DType::F32 => set!(f32, n as f32),
        DType::F64 => set!(f64, n),
        DType::Bool => set!(bool, n == 0.0),
        DType::String => {
            let strings = ["", "\u{0}", "-9223372036854775808", "nan", "%d{}\\1", "(((((", "\u{1f600}", "a b c"];
            let text = strings[exact?.unsigned_abs() as usize % strings.len()].as_bytes().to_vec();
            let items = value.strings_mut().ok()?;
            match place {
                Some(at) => items[at] = text,
                None => items.fill(text),
            }
        }
        _ => return None,
    }
    Some(value)
}

/// Scalars for vectors, an axis more, none of something.
fn ranks(subject: &Subject, all: &mut Vec<Mutation>) {
    for (i, value) in values(subject) {
        let scalar = value.clone().reshaped(&[]).or_else(|_| Value::zeros(value.dtype(), &[]));
        let dims = value.dims();
        let wider = value.clone().reshaped(&[&[1], dims].concat());
        let flat = value.clone().reshaped(&[value.len()]);
        let longer: Vec<usize> = dims.iter().map(|n| n + 1).collect();
        let none = vec![0; dims.len()];
        let others = [scalar, wider, flat, Value::zeros(value.dtype(), &longer), Value::zeros(value.dtype(), &none)];
        let deep = Value::zeros(value.dtype(), &[1; 255]);
        for other in others.into_iter().chain([deep]).flatten() {
            push_values(all, "rank", vec![(i, other)]);
        }
    }
}

/// Each input of each dtype, and all inputs of a letter together.
fn dtypes(subject: &Subject, all: &mut Vec<Mutation>) {
    for dtype in DType::ALL {
        for (i, value) in values(subject) {
            push_values(all, "dtype", vec![(i, cast(value, dtype))]);
        }
        for arg in &subject.row.args().inputs {
            let ArgType::Attr(letter) = &arg.ty else { continue };
            let alike = values(subject).filter(|(i, _)| {
                subject.row.args().input(*i).is_some_and(|arg| arg.ty == ArgType::Attr(letter.clone()))
            });
            let changed: Vec<_> = alike.map(|(i, value)| (i, cast(value, dtype))).collect();
            push_values(all, "dtype", changed);
        }
    }
}

/// The same elements where a cast keeps them, else zeros.
fn cast(value: &Value, dtype: DType) -> Value {
    value.weak_cast(dtype).or_else(|_| Value::zeros(dtype, value.dims())).unwrap_or_else(|_| value.clone())
}

/// None, one less, one twice, two exchanged.
fn orders(subject: &Subject, all: &mut Vec<Mutation>) {
    let n = subject.inputs.len();
    let mut push = |order: Vec<usize>| {
        all.push(Mutation { what: format!("inputs {order:?}"), change: Change::Order(order) });
    };
    if n == 0 {
        return;
    }
    push(Vec::new());
    for i in 0..n {
        push((0..n).filter(|j| *j != i).collect());
        push((0..n).chain([i]).collect());
        push(vec![i; n]);
        for j in 0..i {
            let mut order: Vec<usize> = (0..n).collect();
            order.swap(i, j);
            push(order);
        }
    }
}

fn handles(subject: &Subject, all: &mut Vec<Mutation>) {
    let referents = [Referent::Variable, Referent::Table, Referent::Iterator, Referent::Array, Referent::Stack];
    for (i, input) in subject.inputs.iter().enumerate() {
        for referent in referents {
            if !matches!(input, Input::Handle(own, _) if *own == referent) {
                all.push(Mutation { what: format!("input {i} = {referent}"), change: Change::Handle(i, referent) });
            }
        }
    }
}
