//! `Print`: passes a tensor on and writes a line on the way.

use std::sync::Arc;

use super::summarize::summarize;
use crate::error::Result;
use crate::graph::{AttrValue, Attrs, Effect, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::value::IntoValue;

/// Passes the first input on, and writes the message and the other inputs to the session's printer.
#[derive(Debug, Clone)]
pub struct Print {
    /// What the line begins with.
    pub message: String,
    /// How many runs of a session write a line; all where it is negative.
    pub first_n: i64,
    /// How many elements of each tensor are shown.
    pub summarize: i64,
}

impl Default for Print {
    fn default() -> Print {
        Print { message: String::new(), first_n: -1, summarize: 3 }
    }
}

/// The row of [`Print`].
pub static PRINT: OpKind =
    OpKind::new("Print", "input: T, data: [U] >= 0 -> output: T", parse, examples).effect(Effect::Outside);

impl Tensor {
    /// The same tensor; a run that computes it writes `message` and the first elements of `data` to standard error, or
    /// to where the session's configuration says.
    #[doc(alias = "tf.Print")]
    #[track_caller]
    pub fn print(&self, data: &[&Tensor], message: &str) -> Result<Tensor> {
        self.print_with(data, Print { message: message.to_owned(), ..Print::default() })
    }

    /// As [`Tensor::print`], with options.
    #[doc(alias = "tf.Print")]
    #[track_caller]
    pub fn print_with(&self, data: &[&Tensor], print: Print) -> Result<Tensor> {
        let inputs: Vec<&Tensor> = std::iter::once(self).chain(data.iter().copied()).collect();
        self.graph().apply_one(print, &inputs)
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let message = attrs.str_or("message", "")?;
    let (first_n, summarize) = (attrs.int_or("first_n", -1)?, attrs.int_or("summarize", 3)?);
    Ok(Arc::new(Print { message, first_n, summarize }))
}

fn examples() -> Vec<Example> {
    let print = Print { message: "x = ".to_owned(), first_n: 2, summarize: 5 };
    vec![Example::new(print, [1.0f32.into_value(), [1i32, 2].into_value(), "text".into_value()])]
}

impl Op for Print {
    fn kind(&self) -> &'static OpKind {
        &PRINT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let state = cx.state()?;
        // The node draws no random numbers, so its counter counts its lines.
        let is_due = self.first_n < 0 || state.reserve_random(cx.origin(), 1) < self.first_n as u128;
        if is_due {
            let one = |i| Ok(format!("[{}]", summarize(cx.workspace(), cx.input(i), self.summarize)?));
            let data = (1..cx.n_inputs()).map(one).collect::<Result<String>>()?;
            state.print(&format!("{}{data}", self.message));
        }
        let value = cx.take(0);
        cx.output(0, value);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let mut grads = vec![None; cx.n_inputs()];
        grads[0] = Some(cx.dy()?.clone());
        Ok(grads)
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![
            ("message", AttrValue::Str(self.message.as_bytes().to_vec())),
            ("first_n", AttrValue::Int(self.first_n)),
            ("summarize", AttrValue::Int(self.summarize)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::graph::Graph;
    use crate::session::{Config, Session};

    #[test]
    fn lines_go_to_the_sessions_printer_as_often_as_asked() -> Result<()> {
        let g = Graph::new();
        let data = g.constant([1i32, 2, 3, 4])?;
        let print = Print { message: "m: ".to_owned(), first_n: 2, summarize: 2 };
        let x = g.constant(1.0)?.print_with(&[&data, &g.constant("a")?], print)?.print(&[&data], "")?;
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = lines.clone();
        let config =
            Config { print: Some(Arc::new(move |line: &str| sink.lock().push(line.to_owned()))), ..Config::default() };
        let sess = Session::with_config(&g, config)?;
        for _ in 0..3 {
            assert_eq!(sess.run(&x)?.scalar::<f32>()?, 1.0);
        }
        assert_eq!(*lines.lock(), ["m: [1 2...][a]", "[1 2 3...]", "m: [1 2...][a]", "[1 2 3...]", "[1 2 3...]"]);
        Ok(())
    }
}
