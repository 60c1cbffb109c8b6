//! One error type for the whole crate.
//!
//! Leaf code says *what* is wrong (`Error::new(kind, "must be X, but is Y")`); the frame that knows *where* attaches
//! the node once ([`Error::at`]). Nothing here knows of graphs: a site is plain text and a source line.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, by cause and never by op.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A value or attribute that the operation does not accept.
    InvalidArgument,
    /// Shapes that do not fit together.
    ShapeMismatch,
    /// Dtypes that do not fit together.
    DTypeMismatch,
    /// A name that no node, scope or variable can have.
    InvalidName,
    /// Tensors of two graphs, or of a body and the graph around it.
    GraphMismatch,
    /// No such node, variable, symbol or file entry.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// The graph was finalized.
    Finalized,
    /// A placeholder that the fetches need was not fed.
    MissingFeed,
    /// A feed that its tensor cannot take.
    BadFeed,
    /// A fetch that cannot be answered.
    BadFetch,
    /// A variable or a table was read before it was initialized.
    Uninitialized,
    /// A table has other contents already.
    Conflict,
    /// An index outside its dimension.
    IndexOutOfRange,
    /// An integer was divided by zero.
    DivisionByZero,
    /// An `Assert` or `CheckNumerics` of the program failed.
    CheckFailed,
    /// The engine has no such op, dtype or mode.
    Unsupported,
    /// There is no gradient here.
    NotDifferentiable,
    /// The run was cancelled.
    Cancelled,
    /// The run's deadline passed.
    DeadlineExceeded,
    /// The session was closed.
    Closed,
    /// A kernel or a rule of an op panicked; graph and session stay usable.
    Panicked,
    /// Memory or another budget ran out.
    ResourceExhausted,
    /// A run was started where none may start.
    Reentrant,
    /// The input ended: a queue is empty and closed, a sequence has no more elements.
    EndOfSequence,
    /// A file is damaged.
    DataLoss,
    /// The operating system refused.
    Io,
    /// A broken promise inside the engine or inside a user's op.
    Internal,
}

/// TensorFlow's canonical status codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
pub enum Code {
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
}

impl ErrorKind {
    /// The canonical code that TensorFlow gives to this cause.
    pub fn code(self) -> Code {
        use ErrorKind::*;
        match self {
            InvalidArgument | ShapeMismatch | DTypeMismatch | InvalidName | GraphMismatch | MissingFeed | BadFeed
            | BadFetch | IndexOutOfRange | DivisionByZero | CheckFailed => Code::InvalidArgument,
            NotFound => Code::NotFound,
            AlreadyExists => Code::AlreadyExists,
            Finalized | Uninitialized | Conflict | Reentrant => Code::FailedPrecondition,
            Unsupported | NotDifferentiable => Code::Unimplemented,
            Cancelled | Closed => Code::Cancelled,
            DeadlineExceeded => Code::DeadlineExceeded,
            ResourceExhausted => Code::ResourceExhausted,
            EndOfSequence => Code::OutOfRange,
            DataLoss => Code::DataLoss,
            Io => Code::Unavailable,
            Panicked | Internal => Code::Internal,
        }
    }
}

/// Where in a graph an error arose: the node, what went into it, and the user's line that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The node's name.
    pub node: String,
    /// The op's name, as TensorFlow writes it.
    pub op: String,
    /// Dtype and shape of each input, for example `float32 (?, 3)`.
    pub inputs: Vec<String>,
    /// The user's line that made the node; absent for a node read from a file.
    pub location: Option<&'static Location<'static>>,
}

/// What went wrong, where, and from where. Cheap to clone; `Debug` prints the same screen as `Display`, because that
/// is what `fn main() -> sessile::Result<()>` shows.
#[derive(Clone, thiserror::Error)]
#[error("{}", Screen(.0))]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    site: Option<Site>,
    notes: Vec<String>,
    also: Vec<Error>,
    /// Notes and further errors that were left out, by number.
    n_more_notes: usize,
    n_more: usize,
}

/// At most this many further errors and notes are kept with one error, and the rest counted: a million missing feeds
/// are not a screen.
const MAX_ATTACHED: usize = 8;

impl Error {
    /// An error without a place: leaf code says what, the frame says where.
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        let (message, notes, also) = (message.into(), Vec::new(), Vec::new());
        Error(Arc::new(Inner { kind, message, site: None, notes, also, n_more_notes: 0, n_more: 0 }))
    }

    /// An [`ErrorKind::InvalidArgument`].
    #[cold]
    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::InvalidArgument, message)
    }

    /// An [`ErrorKind::ShapeMismatch`].
    #[cold]
    pub fn shape(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::ShapeMismatch, message)
    }

    /// An [`ErrorKind::DTypeMismatch`].
    #[cold]
    pub fn dtype(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::DTypeMismatch, message)
    }

    /// An [`ErrorKind::Unsupported`].
    #[cold]
    pub fn unsupported(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Unsupported, message)
    }

    /// An [`ErrorKind::Internal`]: a promise that the engine or an op broke.
    #[cold]
    pub fn internal(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Internal, message)
    }

    /// What a kernel or a rule said when it panicked. The payload is dropped here, and may panic in that too.
    #[cold]
    #[doc(hidden)]
    pub fn panicked(what: &str, payload: Box<dyn Any + Send>) -> Error {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "no message".to_owned());
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            // Whatever dropping it would do has happened twice by now.
            std::mem::forget(second);
        }
        Error::new(ErrorKind::Panicked, format!("{what} panicked: {}", escape(&text)))
    }

    /// The cause.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// TensorFlow's canonical code for the cause.
    pub fn code(&self) -> Code {
        self.0.kind.code()
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The node in which it arose.
    pub fn node(&self) -> Option<&str> {
        self.0.site.as_ref().map(|site| site.node.as_str())
    }

    /// The place in the graph.
    pub fn site(&self) -> Option<&Site> {
        self.0.site.as_ref()
    }

    /// Further errors of the same call: the first of them, [`Error::n_more`] says how many others there were.
    pub fn also(&self) -> &[Error] {
        &self.0.also
    }

    /// How many further errors of the same call are not in [`Error::also`].
    pub fn n_more(&self) -> usize {
        self.0.n_more
    }

    /// Attaches the place, unless an inner frame has done so.
    #[cold]
    pub fn at(mut self, site: impl FnOnce() -> Site) -> Error {
        if self.0.site.is_none() {
            Arc::make_mut(&mut self.0).site = Some(site());
        }
        self
    }

    /// Adds a line below the place: a cure, or where a value came from.
    #[cold]
    pub fn note(mut self, note: impl Into<String>) -> Error {
        let inner = Arc::make_mut(&mut self.0);
        match inner.notes.len() < MAX_ATTACHED {
            true => inner.notes.push(note.into()),
            false => inner.n_more_notes += 1,
        }
        self
    }

    /// Takes over the lines below the place of an error that this one replaces.
    #[cold]
    #[doc(hidden)]
    pub fn with_notes_of(self, other: &Error) -> Error {
        other.0.notes.iter().fold(self, |error, note| error.note(note))
    }

    /// Attaches further errors of the same call.
    #[cold]
    pub fn with_also(mut self, others: impl IntoIterator<Item = Error>) -> Error {
        let inner = Arc::make_mut(&mut self.0);
        let room = MAX_ATTACHED.saturating_sub(inner.also.len());
        let mut others = others.into_iter();
        inner.also.extend(others.by_ref().take(room));
        inner.n_more += match others.size_hint() {
            // Not made where they can be counted without.
            (n, Some(most)) if n == most => n,
            _ => others.count(),
        };
        self
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error::new(ErrorKind::Io, error.to_string())
    }
}

/// The text that users see first.
struct Screen<'a>(&'a Inner);

impl fmt::Display for Screen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.0;
        f.write_str(&inner.message)?;
        if let Some(site) = &inner.site {
            write!(f, "\n  in node '{}' ({})", escape(&site.node), escape(&site.op))?;
            if !site.inputs.is_empty() {
                write!(f, " with inputs {}", site.inputs.join(", "))?;
            }
            if let Some(at) = site.location {
                write!(f, "\n  created at {at}")?;
            }
        }
        for note in &inner.notes {
            write!(f, "\n  note: {note}")?;
        }
        if inner.n_more_notes > 0 {
            write!(f, "\n  note: and {} more", inner.n_more_notes)?;
        }
        for other in &inner.also {
            let text = other.to_string().replace('\n', "\n  ");
            write!(f, "\n  also: {text}")?;
        }
        if inner.n_more > 0 {
            write!(f, "\n  and {} more", inner.n_more)?;
        }
        Ok(())
    }
}

/// Calls code of an op, such as its shape rule, and makes an error of a panic in it: an op is no reason for its user's
/// program to end. What the code was building is dropped with the error.
#[doc(hidden)]
pub fn guarded<R>(what: &str, call: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|payload| Err(Error::panicked(what, payload)))
}

/// Control characters as `\u{1b}`, and no more than 200 characters: a hostile name can neither paint the terminal nor
/// fill it.
pub fn escape(name: &str) -> String {
    let mut out = String::with_capacity(name.len().min(MAX_CHARS));
    push_escaped(&mut out, name);
    out
}

/// Characters of a name that are shown.
const MAX_CHARS: usize = 200;

/// Appends what [`escape`] makes of a name.
#[doc(hidden)]
pub fn push_escaped(out: &mut String, name: &str) {
    // Nearly all names: nothing to do.
    if name.len() <= MAX_CHARS && name.is_ascii() && !name.bytes().any(|byte| byte.is_ascii_control()) {
        out.push_str(name);
        return;
    }
    for (n, c) in name.chars().enumerate() {
        if n == MAX_CHARS {
            out.push_str("...");
            break;
        }
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site {
            node: "dense/MatMul".into(),
            op: "MatMul".into(),
            inputs: vec!["float32 (?, 3)".into(), "float32 (5, 1)".into()],
            location: None,
        }
    }

    #[test]
    fn debug_prints_the_screen() {
        let error = Error::shape("dimensions must be equal, but are 3 and 5").at(site).note("try matmul(y, x)");
        let want = "dimensions must be equal, but are 3 and 5\n  in node 'dense/MatMul' (MatMul) with inputs float32 (?, 3), float32 (5, 1)\n  note: try matmul(y, x)";
        assert_eq!(format!("{error:?}"), want);
        assert_eq!(error.code(), Code::InvalidArgument);
    }

    #[test]
    fn the_innermost_site_stays() {
        let outer = || Site { node: "outer".into(), ..site() };
        assert_eq!(Error::invalid("x").at(site).at(outer).node(), Some("dense/MatMul"));
    }

    #[test]
    fn attached_errors_are_capped_and_the_rest_counted() {
        let many = (0..100).map(|n| Error::invalid(n.to_string()));
        let error = Error::invalid("first")
            .with_also(many)
            .with_also((0..9).filter(|n| n % 2 == 0).map(|_| Error::invalid("x")));
        assert_eq!((error.also().len(), error.n_more()), (MAX_ATTACHED, 100 - MAX_ATTACHED + 5));
        assert!(error.to_string().ends_with("\n  also: 7\n  and 97 more"), "{error}");
        let error = (0..10).fold(Error::invalid("first"), |error, n| error.note(n.to_string()));
        assert!(error.to_string().ends_with("\n  note: 7\n  note: and 2 more"), "{error}");
    }

    #[test]
    fn hostile_names_are_escaped() {
        assert_eq!(escape("a\x1b[31m\n"), "a\\u{1b}[31m\\n");
        assert!(escape(&"x".repeat(1 << 20)).len() < 210);
    }
}
