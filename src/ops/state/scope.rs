//! Variable scopes: variables that are shared by name, as TF1 shares them.
//!
//! `g.variable_scope("s", || g.get_variable("w", shape![2, 3]))` makes `s/w` once; with [`Reuse::Always`] or
//! [`Reuse::Auto`] a later scope of the same name finds it again.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::initial::Initial;
use super::table::VariableData;
use super::variable::{Variable, VariableOptions};
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::{Graph, Tensor};
use crate::ops::init;
use crate::shape::Shape;

/// How a variable gets its initial value: by shape and dtype. See [`init`](crate::ops::init).
pub trait Initializer: std::fmt::Debug + Send + Sync {
    /// Builds the initial value.
    ///
    /// # Errors
    /// `Unsupported` for a dtype that cannot be drawn, `ShapeMismatch` for a shape that it does not fill.
    fn build(&self, g: &Graph, shape: &Shape, dtype: DType) -> Result<Tensor>;
}

/// Whether variables of a scope are new or shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reuse {
    /// As the scope around it; at the root each variable is new.
    #[default]
    Inherit,
    /// Variables must exist.
    Always,
    /// Variables are shared where they exist, and new where they do not.
    Auto,
}

/// A variable scope to be opened.
#[derive(Debug, Clone, Default)]
pub struct VariableScope {
    name: String,
    is_unique: bool,
    from_root: bool,
    reuse: Reuse,
    initializer: Option<Arc<dyn Initializer>>,
}

impl VariableScope {
    /// A scope of this name, whether or not there was one before.
    pub fn new(name: &str) -> VariableScope {
        VariableScope { name: name.to_owned(), ..VariableScope::default() }
    }

    /// A scope that nobody has had: `name`, else `name_1`, `name_2`, ...
    pub fn unique(name: &str) -> VariableScope {
        VariableScope { is_unique: true, ..VariableScope::new(name) }
    }

    /// Names variables by this scope alone, whatever scopes are around: as TF1 does where it is given a scope that was
    /// open before. Ops are still named by the scopes around.
    pub fn from_root(self) -> VariableScope {
        VariableScope { from_root: true, ..self }
    }

    /// Whether variables are new or shared.
    pub fn reuse(self, reuse: Reuse) -> VariableScope {
        VariableScope { reuse, ..self }
    }

    /// What variables of this scope start from, where they do not say.
    pub fn initializer(self, initializer: impl Initializer + 'static) -> VariableScope {
        VariableScope { initializer: Some(Arc::new(initializer)), ..self }
    }
}

/// How [`Graph::get_variable_with`] makes a variable.
#[derive(Debug, Clone)]
pub struct GetVariable {
    /// The dtype.
    pub dtype: DType,
    /// What it starts from: by default the scope's, else `glorot_uniform` for floats and zeros for other dtypes.
    pub initializer: Option<Arc<dyn Initializer>>,
    /// The rest.
    pub options: VariableOptions,
}

impl Default for GetVariable {
    fn default() -> GetVariable {
        GetVariable { dtype: DType::F32, initializer: None, options: VariableOptions::default() }
    }
}

/// The innermost open scope, in the context of building.
#[derive(Debug, Default)]
struct Open {
    /// Without a last slash; empty at the root.
    name: String,
    reuse: Reuse,
    initializer: Option<Arc<dyn Initializer>>,
}

/// What a graph knows of its scopes.
#[derive(Default)]
struct Scopes(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// How often a scope was opened since the scope around it was left.
    opened: HashMap<String, usize>,
    variables: HashMap<String, Arc<VariableData>>,
}

impl Graph {
    /// Opens a variable scope, and a name scope of the same name, for what `build` makes.
    ///
    /// # Errors
    /// `InvalidName`, and the errors of `build`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let w = g.variable_scope("s", || g.get_variable("w", shape![2, 3]))?;
    /// assert_eq!(w.name(), "s/w:0");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.variable_scope")]
    pub fn variable_scope<R>(&self, name: &str, build: impl FnOnce() -> Result<R>) -> Result<R> {
        self.variable_scope_with(VariableScope::new(name), build)
    }

    /// As [`Graph::variable_scope`], with options.
    ///
    /// # Errors
    /// As there; `InvalidArgument` where a scope that nobody has had is to share variables.
    #[doc(alias = "tf.variable_scope")]
    pub fn variable_scope_with<R>(&self, scope: VariableScope, build: impl FnOnce() -> Result<R>) -> Result<R> {
        if scope.is_unique && scope.reuse == Reuse::Always {
            return Err(Error::invalid("variables cannot be reused in a scope that is new: give it a name"));
        }
        let around = self.ambient::<Open>().unwrap_or_default();
        let scopes = self.registry::<Scopes>();
        let name = if scope.is_unique { scopes.unused(&around.name, &scope.name) } else { scope.name };
        let full = if scope.from_root { name.clone() } else { join(&around.name, &name) };
        *scopes.0.lock().opened.entry(full.clone()).or_insert(0) += 1;
        let reuse = if scope.reuse == Reuse::Inherit { around.reuse } else { scope.reuse };
        let initializer = scope.initializer.or_else(|| around.initializer.clone());
        let open = Arc::new(Open { name: full.clone(), reuse, initializer });
        let own = if scope.from_root { name.rsplit('/').next().unwrap_or_default() } else { &name };
        let result = self.with_ambient(open, || match own {
            "" => build(),
            name => self.name_scope(name, |_| build()),
        });
        scopes.leave(&full);
        result
    }

    /// The variable of this name in the present variable scope; name scopes do not count. float32, and trained.
    ///
    /// # Errors
    /// `AlreadyExists` where it exists and the scope does not share; `NotFound` where it does not exist and the scope
    /// only shares; `ShapeMismatch` where it exists with another shape, or the shape is not fully known.
    #[doc(alias = "tf.get_variable")]
    #[track_caller]
    pub fn get_variable(&self, name: &str, shape: impl Into<Shape>) -> Result<Variable> {
        self.get_variable_with(name, shape, GetVariable::default())
    }

    /// As [`Graph::get_variable`], with options.
    ///
    /// # Errors
    /// As there; `DTypeMismatch` where it exists with another dtype.
    #[doc(alias = "tf.get_variable")]
    #[track_caller]
    pub fn get_variable_with(&self, name: &str, shape: impl Into<Shape>, how: GetVariable) -> Result<Variable> {
        let shape = shape.into();
        let scope = self.ambient::<Open>().unwrap_or_default();
        let full = join(&scope.name, name);
        if let Some(known) = self.find_variable(&full, &scope)? {
            return check_shared(known, &full, &shape, how.dtype);
        }
        if !shape.is_fully_known() {
            let text = format!("the shape of a new variable ({}) must be fully known, but is {shape}", escape(&full));
            return Err(Error::shape(text));
        }
        let initializer = how.initializer.or_else(|| scope.initializer.clone());
        let initializer = initializer.unwrap_or_else(|| init::default_for(how.dtype));
        let initial = |g: &Graph| g.name_scope("Initializer", |_| initializer.build(g, &shape, how.dtype));
        self.new_named(&full, initial, how.options)
    }

    /// As [`Graph::get_variable`], with an initial value that gives dtype and shape.
    ///
    /// # Errors
    /// As there.
    #[doc(alias = "tf.get_variable")]
    #[track_caller]
    pub fn get_variable_from(&self, name: &str, initial: impl Initial, options: VariableOptions) -> Result<Variable> {
        let scope = self.ambient::<Open>().unwrap_or_default();
        let full = join(&scope.name, name);
        match self.find_variable(&full, &scope)? {
            Some(known) => Ok(known),
            None => self.new_named(&full, |g| g.named("initial_value", || initial.initial(g)), options),
        }
    }

    #[track_caller]
    fn new_named(
        &self,
        full: &str,
        initial: impl FnOnce(&Graph) -> Result<Tensor>,
        options: VariableOptions,
    ) -> Result<Variable> {
        let caller = std::panic::Location::caller();
        let build = || self.at_root_scope(|| self.named(full, || self.variable_from("Variable", initial, options)));
        let variable = self.at_line(caller, build)?;
        self.registry::<Scopes>().0.lock().variables.insert(full.to_owned(), variable.data().clone());
        Ok(variable)
    }

    /// The variable if it exists and may be shared.
    fn find_variable(&self, full: &str, scope: &Open) -> Result<Option<Variable>> {
        let known = self.registry::<Scopes>().0.lock().variables.get(full).cloned();
        match (known, scope.reuse) {
            (Some(known), Reuse::Always | Reuse::Auto) => Ok(Some(Variable::from_data(self.root(), known))),
            (None, Reuse::Inherit | Reuse::Auto) => Ok(None),
            (None, Reuse::Always) => Err(missing(full)),
            (Some(known), Reuse::Inherit) => Err(exists(full, &Variable::from_data(self.root(), known))),
        }
    }
}

impl Scopes {
    /// A name below `around` that was not opened since `around` was.
    fn unused(&self, around: &str, name: &str) -> String {
        let known = self.0.lock();
        let is_free = |name: &String| known.opened.get(&join(around, name)).is_none_or(|n| *n == 0);
        let mut names = std::iter::once(name.to_owned()).chain((1..).map(|n: usize| format!("{name}_{n}")));
        names.find(is_free).expect("fewer scopes than numbers")
    }

    /// Scopes inside one that is left may be opened anew.
    fn leave(&self, full: &str) {
        let inside = format!("{full}/");
        self.0.lock().opened.retain(|name, _| full.is_empty() || !name.starts_with(&inside));
    }
}

fn join(scope: &str, name: &str) -> String {
    match (scope, name) {
        ("", name) => name.to_owned(),
        (scope, "") => scope.to_owned(),
        (scope, name) => format!("{scope}/{name}"),
    }
}

fn check_shared(known: Variable, full: &str, shape: &Shape, dtype: DType) -> Result<Variable> {
    let full = escape(full);
    if !known.shape().is_compatible(shape) {
        let text =
            format!("trying to share variable {full}, but specified shape {shape} and found shape {}", known.shape());
        return Err(Error::shape(text));
    }
    if known.dtype() != dtype {
        let text =
            format!("trying to share variable {full}, but specified dtype {dtype} and found dtype {}", known.dtype());
        return Err(Error::dtype(text));
    }
    Ok(known)
}

#[cold]
fn missing(full: &str) -> Error {
    let text = format!("variable {} does not exist, or was not created with get_variable", escape(full));
    Error::new(ErrorKind::NotFound, text).note("did you mean to set Reuse::Auto in the variable scope?")
}

#[cold]
fn exists(full: &str, known: &Variable) -> Error {
    let text = format!("variable {} already exists, disallowed", escape(full));
    let error = Error::new(ErrorKind::AlreadyExists, text)
        .note("did you mean to set Reuse::Always or Reuse::Auto in the variable scope?");
    match known.operation().node().location() {
        Some(line) => error.note(format!("originally defined at {line}")),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape;

    fn constant(g: &Graph) -> Result<String> {
        Ok(g.constant(1.0)?.node().name().to_owned())
    }

    fn zeros(g: &Graph, name: &str) -> Result<Variable> {
        g.get_variable_with(
            name,
            shape![2],
            GetVariable { initializer: Some(Arc::new(init::Zeros)), ..Default::default() },
        )
    }

    /// By TensorFlow 1.15.5.
    #[test]
    fn names_are_those_of_tensorflow() -> Result<()> {
        let g = Graph::new();
        let both = || Ok((zeros(&g, "w")?.name(), constant(&g)?));
        let inner = || g.variable_scope("b", both);
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        g.variable_scope("a", || {
            assert_eq!(both()?, pair("a/w:0", "a/Const"));
            assert_eq!(inner()?, pair("a/b/w:0", "a/b/Const"));
            Ok(())
        })?;
        assert_eq!(g.variable_scope("a", || constant(&g))?, "a_1/Const");
        for (variable, op) in [("d/w:0", "d/Const"), ("d_1/w:0", "d_1/Const")] {
            assert_eq!(g.variable_scope_with(VariableScope::unique("d"), both)?, pair(variable, op));
        }
        g.name_scope("ns", |_| {
            let (w, op) = g.variable_scope_with(VariableScope::new("a").reuse(Reuse::Always), both)?;
            assert_eq!((w, op), pair("a/w:0", "ns/a/Const"));
            assert_eq!(g.variable(1.0)?.name(), "ns/Variable:0");
            assert_eq!(g.variable_scope("z", || g.variable(1.0))?.name(), "ns/z/Variable:0");
            assert_eq!(zeros(&g, "k")?.name(), "k:0");
            Ok(())
        })?;
        g.variable_scope("a", || {
            assert_eq!(g.variable_scope_with(VariableScope::unique("d"), both)?, pair("a/d/w:0", "a_2/d/Const"));
            assert_eq!(g.variable_scope_with(VariableScope::unique("d"), both)?, pair("a/d_1/w:0", "a_2/d_1/Const"));
            Ok(())
        })
    }

    #[test]
    fn errors_say_what_exists_and_where() -> Result<()> {
        let g = Graph::new();
        let w = zeros(&g, "w")?;
        let error = zeros(&g, "w").unwrap_err();
        assert_eq!(error.message(), "variable w already exists, disallowed");
        assert!(error.to_string().contains("originally defined at src/ops/state/scope.rs"), "{error}");
        let shared = |shape: Shape, dtype: DType| {
            let how = GetVariable { dtype, ..Default::default() };
            let auto = VariableScope::new("").reuse(Reuse::Auto);
            g.variable_scope_with(auto, || g.get_variable_with("w", shape.clone(), how))
        };
        assert_eq!(shared(shape![2], DType::F32)?, w);
        let error = shared(shape![3], DType::F32).unwrap_err();
        assert_eq!(error.message(), "trying to share variable w, but specified shape (3,) and found shape (2,)");
        let error = shared(shape![2], DType::F64).unwrap_err();
        assert_eq!(error.message(), "trying to share variable w, but specified dtype float64 and found dtype float32");
        let always = VariableScope::new("s").reuse(Reuse::Always);
        let error = g.variable_scope_with(always, || zeros(&g, "nope")).unwrap_err();
        assert_eq!(error.message(), "variable s/nope does not exist, or was not created with get_variable");
        assert_eq!(g.get_variable("u", shape![?, 2]).unwrap_err().kind(), ErrorKind::ShapeMismatch);
        Ok(())
    }

    #[test]
    fn initializers_and_reuse_are_inherited() -> Result<()> {
        let g = Graph::new();
        let build = || g.variable_scope("t", || g.get_variable("w", shape![2]));
        let w = g.variable_scope_with(VariableScope::new("s").initializer(init::Ones), build)?;
        assert_eq!(w.initial_value().name(), "s/t/w/Initializer/ones:0");
        assert_eq!(g.variable_scope_with(VariableScope::new("s").reuse(Reuse::Always), build)?, w);
        Ok(())
    }
}
