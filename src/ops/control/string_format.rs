//! `StringFormat` and `PrintV2`: values in a text, and texts written on the way.

use std::panic::Location;
use std::sync::Arc;

use super::summarize::{Ends, summarize_ends};
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Attrs, Effect, Example, Graph, InferCx, Op, OpKind, Operation, RunCx, Tensor};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// A text with values in the places of its placeholders: `(..)* -> ()`.
#[derive(Debug, Clone)]
pub struct StringFormat {
    /// The text.
    pub template: String,
    /// What stands where a value is to be.
    pub placeholder: String,
    /// How many elements are shown at each end of each axis; all where it is negative.
    pub summarize: i64,
}

/// Writes a text to the session's printer, which is standard error if the configuration does not say otherwise.
#[derive(Debug, Clone)]
pub struct PrintV2 {
    /// Where TensorFlow writes; here only kept, files are refused.
    pub output_stream: String,
    /// What the text ends with; the printer takes lines, and one line end is its own.
    pub end: String,
}

/// The row of [`StringFormat`].
pub static STRING_FORMAT: OpKind =
    OpKind::new("StringFormat", "inputs: [T] >= 0 -> output: string", parse_format, examples_format)
        .not_differentiable("texts have no gradient");

/// The row of [`PrintV2`].
pub static PRINT_V2: OpKind = OpKind::new("PrintV2", "input: string ->", parse_print, examples_print)
    .effect(Effect::Outside)
    .not_differentiable("it has no outputs");

impl Graph {
    /// The template with the values of these tensors in the places of its `{}`, a scalar string. Of long axes the first
    /// and the last three elements are shown.
    ///
    /// # Errors
    /// `InvalidArgument` unless there are as many places as tensors.
    ///
    /// Source: TensorFlow's `StringFormat`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let text = g.string_format("x = {}", &[&g.constant([1, 2])?])?;
    /// assert_eq!(Session::new(&g)?.run(&text)?.to_string(), "b'x = [1 2]'");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.strings.format")]
    #[track_caller]
    pub fn string_format(&self, template: &str, tensors: &[&Tensor]) -> Result<Tensor> {
        let op = StringFormat { template: template.to_owned(), placeholder: "{}".to_owned(), summarize: 3 };
        self.apply_one(op, tensors)
    }

    /// An operation that writes the template with the values of these tensors in the places of its `{}` to standard
    /// error, or to where the session's configuration says. Nothing is written unless the operation is run or waited for.
    ///
    /// # Errors
    /// As for [`Graph::string_format`].
    ///
    /// Source: TensorFlow's `tf.print`.
    #[doc(alias = "tf.print")]
    #[track_caller]
    pub fn print_v2(&self, template: &str, tensors: &[&Tensor]) -> Result<Operation> {
        let name = self.take_name("");
        self.at_line(Location::caller(), || {
            // TF1 names both nodes where it is given a name, and neither else.
            let (format, print) = match &*name {
                "" => ("StringFormat".to_owned(), "PrintV2"),
                name => (format!("{name}_format"), name),
            };
            let text = self.named(&format, || self.string_format(template, tensors))?;
            let op = PrintV2 { output_stream: "stderr".to_owned(), end: "\n".to_owned() };
            self.named(print, || self.apply(op, &[&text]))
        })
    }
}

fn parse_format(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let (template, placeholder) = (attrs.str_or("template", "%s")?, attrs.str_or("placeholder", "%s")?);
    Ok(Arc::new(StringFormat { template, placeholder, summarize: attrs.int_or("summarize", 3)? }))
}

fn parse_print(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let (output_stream, end) = (attrs.str_or("output_stream", "stderr")?, attrs.str_or("end", "\n")?);
    if output_stream.starts_with("file://") {
        return Err(Error::unsupported(format!(
            "PrintV2 writes to no files, but is to write to {}",
            escape(&output_stream)
        )));
    }
    Ok(Arc::new(PrintV2 { output_stream, end }))
}

fn examples_format() -> Vec<Example> {
    let of = |template: &str, inputs: Vec<Value>| {
        let op = StringFormat { template: template.to_owned(), placeholder: "%s".to_owned(), summarize: 1 };
        Example::new(op, inputs)
    };
    vec![of("text", vec![]), of("a = %s, b = %s", vec![1.5f32.into_value(), [[1i32, 2, 3]].into_value()])]
}

fn examples_print() -> Vec<Example> {
    vec![Example::new(PrintV2 { output_stream: "stdout".to_owned(), end: "!".to_owned() }, ["text".into_value()])]
}

impl Op for StringFormat {
    fn kind(&self) -> &'static OpKind {
        &STRING_FORMAT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let n = if self.placeholder.is_empty() { 0 } else { self.template.matches(&self.placeholder).count() };
        if n != cx.n_inputs() {
            return Err(Error::invalid(format!(
                "{n} placeholder(s) in template does not match {} tensor(s) provided as input",
                cx.n_inputs()
            )));
        }
        cx.output(DType::String, Shape::scalar());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let mut texts =
            (0..cx.n_inputs()).map(|i| summarize_ends(cx.workspace(), cx.input(i), Ends::of(self.summarize)));
        let mut parts = self.template.split(&self.placeholder);
        let mut text = if self.placeholder.is_empty() { self.template.clone() } else { String::new() };
        if !self.placeholder.is_empty() {
            text.push_str(parts.next().unwrap_or_default());
            for (value, part) in texts.by_ref().zip(parts) {
                text.extend([&value?, part]);
            }
        }
        cx.output(0, text.into_value());
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let text = |text: &str| AttrValue::Str(text.as_bytes().to_vec());
        vec![
            ("template", text(&self.template)),
            ("placeholder", text(&self.placeholder)),
            ("summarize", AttrValue::Int(self.summarize)),
        ]
    }
}

impl Op for PrintV2 {
    fn kind(&self) -> &'static OpKind {
        &PRINT_V2
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(0).with_rank(0)?;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let [text] = cx.input(0).strings()? else {
            return Err(Error::shape(format!(
                "the text to print must be a scalar, but has shape {:?}",
                cx.input(0).dims()
            )));
        };
        let text = format!("{}{}", String::from_utf8_lossy(text), self.end);
        cx.state()?.print(text.strip_suffix('\n').unwrap_or(&text));
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let text = |text: &str| AttrValue::Str(text.as_bytes().to_vec());
        vec![("output_stream", text(&self.output_stream)), ("end", text(&self.end))]
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::session::{Config, Session};

    #[test]
    fn lines_hold_the_values_where_the_template_says() -> Result<()> {
        let g = Graph::new();
        let (a, b) = (g.constant(1)?, g.constant([2.0f32, 3.5])?);
        let print = g.print_v2("a={} b={}.", &[&a, &b])?;
        let named = g.named("shown", || g.print_v2("{}", &[&a]))?;
        assert_eq!((print.name(), named.name()), ("PrintV2", "shown"));
        assert!(g.nodes().any(|node| node.name() == "shown_format"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = lines.clone();
        let config =
            Config { print: Some(Arc::new(move |line: &str| sink.lock().push(line.to_owned()))), ..Config::default() };
        let sess = Session::with_config(&g, config)?;
        sess.run(&print)?;
        sess.run(&named)?;
        assert_eq!(*lines.lock(), ["a=1 b=[2 3.5].", "1"]);
        let error = g.print_v2("{} {}", &[&a]).unwrap_err();
        assert!(error.message().contains("2 placeholder(s) in template does not match 1 tensor(s)"), "{error}");
        Ok(())
    }
}
