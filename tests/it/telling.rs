//! What the engine tells `tracing`: spans of runs that were asked for, and a warning.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use sessile::RunOptions;
use sessile::prelude::*;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes down what it is told.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").expect("writing to a string does not fail");
    }
}

impl Log {
    fn push(&self, line: String) -> u64 {
        let mut lines = self.0.lock().expect("nobody panicked");
        lines.push(line);
        lines.len() as u64
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().expect("nobody panicked").clone()
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("sessile")
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields(span.metadata().name().to_owned());
        span.record(&mut fields);
        Id::from_u64(self.push(fields.0))
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(event.metadata().level().to_string());
        event.record(&mut fields);
        self.push(fields.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn steps_open_spans_only_when_asked() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?])?;
    let y = g.named("y", || x.exp())?;
    let sess = Session::with_config(&g, Config { threads: Some(1), ..Config::default() })?;
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || -> sessile::Result<()> {
        sess.run_with(&y, feeds! { x => [1.0f32] })?;
        assert!(log.lines().is_empty());
        let options = RunOptions { trace: true, ..RunOptions::default() };
        sess.run_with_options(&y, feeds! { x => [1.0f32] }, &options)?;
        Ok(())
    })?;
    assert_eq!(log.lines(), ["run steps=1", "step node=\"y\" op=\"Exp\""]);
    Ok(())
}

#[test]
fn a_graph_that_grows_with_each_run_is_told_once() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.constant([1.0f32])?;
    let sess = Session::new(&g)?;
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || -> sessile::Result<()> {
        (0..50).try_for_each(|_| sess.run(&x).map(drop))?;
        assert_eq!(sess.n_growths(), 0);
        (0..150).try_for_each(|_| sess.run(x.exp()?).map(drop))
    })?;
    assert_eq!(sess.n_growths(), 150);
    let lines = log.lines();
    assert!(
        lines.len() == 1 && lines[0].starts_with("WARN") && lines[0].contains("between runs 100 times"),
        "{lines:?}"
    );
    assert!(lines[0].contains("nodes=101"), "{lines:?}");
    Ok(())
}
