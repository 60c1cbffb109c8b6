//! `IteratorV2`, `IteratorGetNext` and `IteratorToStringHandle`: iterators, and what graphs ask of them.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, Referent, Role, RunCx, VarHandle};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// The handle of an iterator, which is (container, shared name or else node name), as a variable is.
///
/// Source: TensorFlow's `IteratorV2`; the older `Iterator` differs only in when two of them are one.
#[derive(Debug, Clone)]
pub struct Iterator {
    /// The dtypes of what one step gives.
    pub dtypes: Vec<DType>,
    /// The shapes of what one step gives.
    pub shapes: Vec<Shape>,
    /// A prefix that keeps iterators of one name apart.
    pub container: String,
    /// The iterator's name, where it is not the node's.
    pub shared_name: String,
}

/// The row of [`Iterator`].
pub static ITERATOR: OpKind = OpKind::new("IteratorV2", "-> handle: resource", parse_handle, examples_of_handles)
    .aliases(&["Iterator"])
    .effect(Effect::Variable)
    .not_differentiable(NO_GRADIENT);

/// What the next step of an iterator gives. No iterator here has a dataset: its outputs are there to be fed.
#[derive(Debug, Clone)]
pub struct IteratorGetNext {
    /// The dtypes of the outputs.
    pub dtypes: Vec<DType>,
    /// The shapes of the outputs.
    pub shapes: Vec<Shape>,
}

/// The row of [`IteratorGetNext`].
pub static ITERATOR_GET_NEXT: OpKind =
    OpKind::new("IteratorGetNext", "iterator: iterator -> components: [output_types]", parse_next, examples_of_steps)
        .aliases(&["IteratorGetNextSync"])
        .effect(Effect::Writes)
        .not_differentiable(NO_GRADIENT);

/// A text that stands for an iterator: container and name. TensorFlow's own is a serialized handle; both are opaque.
#[derive(Debug, Clone)]
pub struct IteratorToStringHandle;

/// The row of [`IteratorToStringHandle`].
pub static ITERATOR_TO_STRING_HANDLE: OpKind = OpKind::new(
    "IteratorToStringHandle",
    "resource_handle: iterator -> string_handle: string",
    |_| Ok(Arc::new(IteratorToStringHandle)),
    || vec![Example::new(IteratorToStringHandle, [1.0f32.into_value()])],
)
.effect(Effect::Inspects)
.not_differentiable(NO_GRADIENT);

const NO_GRADIENT: &str = "what an iterator gives is not a function of tensors";

/// The dtypes and shapes of what a step gives.
fn components(attrs: &Attrs) -> Result<(Vec<DType>, Vec<Shape>)> {
    let (dtypes, shapes) = (attrs.types("output_types")?.to_vec(), attrs.shapes("output_shapes")?.to_vec());
    if dtypes.is_empty() || dtypes.len() != shapes.len() {
        let (a, b) = (dtypes.len(), shapes.len());
        let text =
            format!("an iterator must give at least one tensor, with a shape each, but has {a} dtypes, {b} shapes");
        return Err(Error::invalid(text));
    }
    Ok((dtypes, shapes))
}

fn parse_handle(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let (dtypes, shapes) = components(attrs)?;
    let [container, shared_name] = [attrs.str_or("container", "")?, attrs.str_or("shared_name", "")?];
    Ok(Arc::new(Iterator { dtypes, shapes, container, shared_name }))
}

fn parse_next(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let (dtypes, shapes) = components(attrs)?;
    Ok(Arc::new(IteratorGetNext { dtypes, shapes }))
}

fn examples_of_handles() -> Vec<Example> {
    let [container, shared_name] = ["c".to_owned(), "i".to_owned()];
    let shapes = vec![Shape::unknown(), Shape::from([2])];
    vec![Example::new(Iterator { dtypes: vec![DType::F32, DType::String], shapes, container, shared_name }, [])]
}

fn examples_of_steps() -> Vec<Example> {
    let op = IteratorGetNext { dtypes: vec![DType::F32], shapes: vec![Shape::from([2])] };
    vec![Example::new(op, [1.0f32.into_value()])]
}

fn component_attrs(dtypes: &[DType], shapes: &[Shape]) -> Vec<(&'static str, AttrValue)> {
    vec![("output_types", AttrValue::Types(dtypes.to_vec())), ("output_shapes", AttrValue::Shapes(shapes.to_vec()))]
}

impl Op for Iterator {
    fn kind(&self) -> &'static OpKind {
        &ITERATOR
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output_variable(DType::Resource, Shape::scalar(), Role::Handle(Referent::Iterator));
        Ok(())
    }

    fn run(&self, _: &mut RunCx<'_>) -> Result<()> {
        Err(Error::internal("an iterator's handle is filled in by the plan, it never runs"))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let text = |text: &str| AttrValue::Str(text.as_bytes().to_vec());
        let names = [("container", text(&self.container)), ("shared_name", text(&self.shared_name))];
        names.into_iter().chain(component_attrs(&self.dtypes, &self.shapes)).collect()
    }
}

impl Op for IteratorGetNext {
    fn kind(&self) -> &'static OpKind {
        &ITERATOR_GET_NEXT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        for (dtype, shape) in self.dtypes.iter().zip(&self.shapes) {
            cx.output(*dtype, shape.renew_anonymous());
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let iterator = handle(cx)?;
        let text = format!("iterator '{}' has no dataset: there are none here, feed what it would give", iterator.name);
        Err(Error::new(ErrorKind::Uninitialized, text))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        component_attrs(&self.dtypes, &self.shapes)
    }
}

impl Op for IteratorToStringHandle {
    fn kind(&self) -> &'static OpKind {
        &ITERATOR_TO_STRING_HANDLE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output(DType::String, Shape::scalar());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let name = handle(cx)?.name.as_bytes().to_vec();
        cx.output(0, Value::from_strings(&[], vec![name])?);
        Ok(())
    }
}

/// The iterator that input 0 refers to.
fn handle(cx: &RunCx<'_>) -> Result<Arc<VarHandle>> {
    cx.handle(0, Referent::Iterator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Graph, Tensor};
    use crate::session::Session;
    use crate::{feeds, shape};

    fn iterator(g: &Graph) -> (Tensor, Tensor) {
        let (dtypes, shapes) = (vec![DType::F32], vec![shape![?, 2]]);
        let of = |op: Iterator| g.apply_one(op, &[]).unwrap();
        let [container, shared_name] = [String::new(), String::new()];
        let handle = of(Iterator { dtypes: dtypes.clone(), shapes: shapes.clone(), container, shared_name });
        let next = g.apply_one(IteratorGetNext { dtypes, shapes }, &[&handle]).unwrap();
        (handle, next)
    }

    #[test]
    fn what_an_iterator_would_give_can_be_fed() {
        let g = Graph::new();
        let next = iterator(&g).1;
        assert_eq!(next.shape().to_string(), "(?, 2)");
        let doubled = (&next * 2).unwrap();
        let session = Session::new(&g).unwrap();
        let fed = session.run_with(&doubled, feeds! { next => [[1.0f32, 2.0]] }).unwrap();
        assert_eq!(fed.to_string(), "[[2. 4.]]");
        let error = session.run(&doubled).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Uninitialized);
        assert!(error.message().contains("iterator 'IteratorV2' has no dataset"), "{error}");
    }

    #[test]
    fn a_handle_has_a_text() {
        let g = Graph::new();
        let text = g.apply_one(IteratorToStringHandle, &[&iterator(&g).0]).unwrap();
        assert_eq!(Session::new(&g).unwrap().run(&text).unwrap().to_string(), "b'IteratorV2'");
        let variable = g.variable(1.0f32).unwrap();
        let error = g.apply_one(IteratorToStringHandle, &[&variable.handle()]).unwrap_err();
        assert!(error.message().contains("must be an iterator, but is a variable"), "{error}");
    }

    #[test]
    fn an_iterator_gives_something() {
        let types = ("output_types".to_owned(), AttrValue::Types(Vec::new()));
        let attrs: Attrs = [types, ("output_shapes".to_owned(), AttrValue::Shapes(Vec::new()))].into_iter().collect();
        assert!(parse_handle(&attrs).unwrap_err().message().contains("at least one tensor"));
    }
}
