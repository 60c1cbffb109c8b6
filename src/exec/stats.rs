//! What a traced run did, step by step, and its export for trace viewers.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

/// One step of a traced run.
#[derive(Debug, Clone)]
pub struct StepRecord {
    /// The node.
    pub node: String,
    /// The op.
    pub op: &'static str,
    /// When the step began, counted from the start of the run.
    pub start: Duration,
    /// How long it took.
    pub duration: Duration,
    /// Bytes of its outputs.
    pub output_bytes: usize,
    /// Dtypes and shapes of its outputs.
    pub outputs: String,
    /// The thread that ran it; 0 is the caller's.
    pub thread: usize,
}

/// What a traced run did.
#[derive(Debug, Clone, Default)]
pub struct RunMetadata {
    /// The steps, in the order in which they ended.
    pub steps: Vec<StepRecord>,
    /// The whole run, planning included.
    pub duration: Duration,
}

impl RunMetadata {
    /// The trace event format that Perfetto and Chrome's tracing page open: one lane a thread, times in microseconds.
    pub fn chrome_trace(&self) -> String {
        let threads: BTreeSet<usize> = self.steps.iter().map(|step| step.thread).collect();
        let events: Vec<String> =
            self.steps.iter().map(step_event).chain(threads.into_iter().map(name_event)).collect();
        format!("{{\"traceEvents\":[\n{}\n]}}\n", events.join(",\n"))
    }
}

fn step_event(step: &StepRecord) -> String {
    let micros = |time: Duration| time.as_nanos() as f64 / 1e3;
    format!(
        "{{\"name\":\"{}\",\"cat\":\"{}\",\"ph\":\"X\",\"pid\":1,\"tid\":{},\"ts\":{:.3},\"dur\":{:.3},\
         \"args\":{{\"outputs\":\"{}\",\"bytes\":{}}}}}",
        json(&step.node),
        json(step.op),
        step.thread,
        micros(step.start),
        micros(step.duration),
        json(&step.outputs),
        step.output_bytes,
    )
}

/// What a thread's lane is called.
fn name_event(thread: usize) -> String {
    let name = if thread == 0 { "caller".to_owned() } else { format!("worker {thread}") };
    format!("{{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":1,\"tid\":{thread},\"args\":{{\"name\":\"{name}\"}}}}")
}

/// A string inside of JSON quotes.
fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => write!(out, "\\u{:04x}", c as u32).expect("writing to a string does not fail"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_inside_their_quotes() {
        let step = StepRecord {
            node: "a\"b\n\\".into(),
            op: "Add",
            start: Duration::from_nanos(1500),
            duration: Duration::from_micros(2),
            output_bytes: 4,
            outputs: "float32 ()".into(),
            thread: 1,
        };
        let trace = RunMetadata { steps: vec![step], duration: Duration::ZERO }.chrome_trace();
        assert!(trace.contains(r#""name":"a\"b\u000a\\","cat":"Add","ph":"X","pid":1,"tid":1,"ts":1.500,"dur":2.000"#));
    }
}
