//! Tests over every row of the table: a new row is checked without a new test.

use std::collections::HashSet;
use std::sync::Arc;

use super::handles::handle_for;
use super::table_run_tests::Built;
use super::words::is_fault;
use super::{OPS, data, lookup};
use crate::graph::signature::ArgType;
use crate::graph::{AttrValue, Attrs, Effect, Example, Flow, Graph, Op, OpKind, run_alone};
use crate::value::Value;

fn rows() -> impl Iterator<Item = &'static OpKind> {
    OPS.iter().flat_map(|family| family.iter().copied())
}

fn examples() -> impl Iterator<Item = (&'static OpKind, Example)> {
    rows().flat_map(|row| (row.examples)().into_iter().map(move |example| (row, example)))
}

/// Builds an example's node on constants (facts fully known) or on placeholders with dim `hidden` unknown.
fn build(example: &Example, hide: impl Fn(usize) -> Option<usize>) -> crate::Result<(Graph, crate::graph::Operation)> {
    let g = Graph::new();
    let mut inputs = Vec::new();
    for (i, value) in example.inputs.iter().enumerate() {
        let handle = example.op.kind().args().input(i).filter(|arg| arg.is_variable);
        inputs.push(match (handle, hide(i)) {
            (Some(arg), _) => handle_for(&g, arg, value, &example.inputs)?.0,
            (None, None) => g.constant(value)?,
            (None, Some(axis)) => {
                let mut dims: Vec<crate::Dim> = value.dims().iter().map(|n| crate::Dim::from(*n)).collect();
                if let Some(dim) = dims.get_mut(axis) {
                    *dim = crate::Dim::unknown();
                }
                g.placeholder(value.dtype(), dims)?
            }
        });
    }
    let name = example.op.kind().name.trim_start_matches('_');
    let operation = g.apply_named(name, example.op.clone(), &inputs.iter().collect::<Vec<_>>())?;
    Ok((g, operation))
}

/// What an example gives, by slot: pure ops by themselves, all others in a session, where handles are no values.
fn run(row: &OpKind, example: &Example) -> Option<Vec<(usize, Value)>> {
    let fail = |error: crate::Error| -> ! { panic!("{}: {error}", row.name) };
    // Tables and iterators are made by other ops: an example cannot hold one. What is destroyed cannot be looked at.
    let of_others = data::OPS.iter().chain(lookup::OPS).any(|other| other.name == row.name);
    let cannot_be_held = of_others || row.name.starts_with("Destroy");
    if row.effect == Effect::Fed || row.flow == Flow::Switch || cannot_be_held {
        return None;
    }
    if row.effect != Effect::Pure {
        let built = Built::of(example, &example.inputs).unwrap_or_else(|error| fail(error));
        return match built.run(1) {
            Ok((values, _)) => Some(values),
            // Objects are made by other ops, and a bare variable has no value yet: an example cannot hold them.
            Err(_) if matches!(row.effect, Effect::Object | Effect::Variable) => None,
            Err(error) => fail(error),
        };
    }
    let (_graph, operation) = build(example, |_| None).unwrap_or_else(|error| fail(error));
    let values = run_alone(operation.node(), &example.inputs).unwrap_or_else(|error| fail(error));
    Some(values.into_iter().enumerate().collect())
}

#[test]
fn names_and_aliases_are_unique() {
    let mut seen = HashSet::new();
    for row in rows() {
        for name in std::iter::once(row.name).chain(row.aliases.iter().copied()) {
            assert!(seen.insert(name), "{name} stands twice in the table");
        }
    }
}

#[test]
fn every_row_has_examples_of_its_own_kind() {
    for row in rows().filter(|row| row.effect != Effect::Fed) {
        let examples = (row.examples)();
        assert!(!examples.is_empty(), "{} has no examples", row.name);
        for example in examples {
            assert_eq!(example.op.kind().name, row.name);
        }
    }
}

#[test]
fn rules_refuse_inputs_that_are_too_few_or_too_many() {
    for (row, example) in examples() {
        let n = example.inputs.len();
        let orders = (0..n).map(|n| (0..n).collect()).chain([(0..n).chain(0..n).collect::<Vec<usize>>()]);
        for order in orders {
            let inputs = order.iter().map(|i: &usize| example.inputs[*i].clone()).collect();
            let other = Example { op: example.op.clone(), inputs };
            if let Err(error) = build(&other, |_| None) {
                assert!(!is_fault(&error), "{} with inputs {order:?}: {error}", row.name);
            }
        }
    }
}

/// What TensorFlow's op definitions say: `tests/golden/minima.py` has written it.
#[test]
fn lists_and_numbers_are_at_least_what_tensorflow_says() {
    let minima = include_str!("../../tests/golden/minima.txt").lines().filter(|line| !line.starts_with('#'));
    for line in minima {
        let words: Vec<&str> = line.split(' ').collect();
        let &[op, attr, kind, least] = words.as_slice() else { panic!("{line}") };
        let Ok(row) = super::find(op) else { continue };
        let least: i64 = least.parse().unwrap();
        let args = row.args();
        let counted =
            args.inputs.iter().chain(&args.outputs).filter(|arg| {
                arg.count.as_deref() == Some(attr) || matches!(&arg.ty, ArgType::List(name) if name == attr)
            });
        let counts: Vec<usize> = counted.map(|arg| arg.least).collect();
        // Aliases are older names, or names of TensorFlow 2, some of which differ in this.
        if !counts.is_empty() && row.name == op {
            assert!(counts.iter().all(|count| *count as i64 == least), "{line}: {}", row.signature);
        }
        if least > 0 && counts.is_empty() {
            let less = match kind {
                "int" => AttrValue::Int(least - 1),
                "list(int)" => AttrValue::Ints(vec![1; least as usize - 1]),
                _ => continue,
            };
            for example in (row.examples)() {
                refuses(row, &example, attr, &less);
            }
        }
    }
}

/// An attribute that is less than it may be is refused by `parse` or by the shape rule.
fn refuses(row: &OpKind, example: &Example, attr: &str, less: &AttrValue) {
    let own = example.op.attrs();
    if !own.iter().any(|(name, _)| *name == attr) {
        return;
    }
    let own = own.into_iter().map(|(name, value)| {
        let value = if name == attr { less.clone() } else { value };
        (name.to_owned(), value)
    });
    let typed = typed_attrs(row, example).unwrap_or_else(|error| panic!("{}: {error}", row.name));
    let Ok(op) = (row.parse)(&typed.into_iter().chain(own).collect()) else { return };
    let other = Example { op, inputs: example.inputs.clone() };
    assert!(build(&other, |_| None).is_err(), "{} takes {attr} = {less:?}", row.name);
}

/// The attributes that a file holds for the inputs and outputs of an example.
pub(super) fn typed_attrs(row: &OpKind, example: &Example) -> crate::Result<Vec<(String, AttrValue)>> {
    let (g, operation) = build(example, |_| None)?;
    let node = operation.node();
    let inputs: Vec<_> = node.inputs().iter().map(|id| g.fact(*id)).collect();
    Ok(row.args().attrs(&inputs.iter().collect::<Vec<_>>(), &node.outputs().iter().collect::<Vec<_>>()))
}

#[test]
fn parse_is_the_inverse_of_attrs() {
    for (row, example) in examples() {
        let typed = typed_attrs(row, &example).unwrap_or_else(|error| panic!("{}: {error}", row.name));
        let own = example.op.attrs().into_iter().map(|(name, value)| (name.to_owned(), value));
        let attrs: Attrs = typed.into_iter().chain(own).collect();
        let parsed: Arc<dyn Op> = (row.parse)(&attrs).unwrap_or_else(|error| panic!("{}: {error}", row.name));
        let (before, after) = (example.op.attrs(), parsed.attrs());
        assert_eq!(before.len(), after.len(), "{}", row.name);
        for ((name, a), (other, b)) in before.iter().zip(&after) {
            assert!(name == other && AttrValue::same(a, b), "{}: {name} {a:?} became {other} {b:?}", row.name);
        }
    }
}

#[test]
fn inferred_shapes_hold_what_the_kernel_makes() {
    for (row, example) in examples() {
        let Some(outputs) = run(row, &example) else { continue };
        let most_axes = example.inputs.iter().map(Value::rank).max().unwrap_or(0);
        for axis in 0..=most_axes {
            for hidden_input in 0..=example.inputs.len() {
                let hide = |i: usize| (i == hidden_input).then_some(axis);
                // A rule may refuse an input whose value it must know; it must not be wrong.
                let Ok((_graph, operation)) = build(&example, hide) else { continue };
                for (slot, value) in &outputs {
                    let fact = &operation.node().outputs()[*slot];
                    assert_eq!(fact.dtype, value.dtype(), "{}", row.name);
                    assert!(
                        fact.shape.is_compatible_with(value.dims()),
                        "{}: inferred {}, but the kernel made {:?} (input {hidden_input}, axis {axis} hidden)",
                        row.name,
                        fact.shape,
                        value.dims()
                    );
                }
            }
        }
    }
}

#[test]
fn sizes_agree_with_the_values() {
    for (row, example) in examples() {
        let Some(outputs) = run(row, &example) else { continue };
        let Ok((_graph, operation)) = build(&example, |_| None) else { continue };
        for (slot, value) in &outputs {
            let Some(sizes) = &operation.node().outputs()[*slot].sizes else { continue };
            let ints = crate::graph::to_ints(value).expect("sizes are integers");
            assert_eq!(sizes.len(), ints.len(), "{}", row.name);
            for (size, int) in sizes.iter().zip(ints) {
                assert!(size.as_i64().is_none_or(|known| known == int), "{}: {size} is {int}", row.name);
            }
        }
    }
}
