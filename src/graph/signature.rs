//! An op's arguments, as TensorFlow's op definitions write them, so that arity, dtypes and the type attributes of files
//! are one line an op: `"value: T, bias: T -> output: T"`.
//!
//! | text | meaning |
//! |---|---|
//! | `x: T` | one tensor; equal letters mean equal dtypes; `T` is also the attribute in files |
//! | `x: int32` | one tensor of this dtype |
//! | `x: N*T` | any number of tensors of one dtype; `N` is an attribute in files |
//! | `x: [Tin]` | any number of tensors of any dtypes; `Tin` is an attribute in files |
//! | `ref: Ref(T)` | a reference to a variable, of either spelling |
//! | `refs: N*Ref(T)` | any number of them |
//! | `handle: object` | a handle to an object of the run, whatever its elements are |

use smallvec::SmallVec;

use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::attrs::AttrValue;
use crate::graph::node::Fact;

/// The parsed form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// What goes in.
    pub inputs: Vec<Arg>,
    /// What comes out.
    pub outputs: Vec<Arg>,
}

/// One argument: one tensor or a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg {
    /// Its name.
    pub name: String,
    /// Its dtype.
    pub ty: ArgType,
    /// The attribute that counts its tensors, where it is a list of one dtype.
    pub count: Option<String>,
    /// Whether it is a reference to a variable.
    pub is_variable: bool,
}

/// The dtype of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArgType {
    /// Always this one.
    Fixed(DType),
    /// That of the attribute; equal for all arguments that name it.
    Attr(String),
    /// A list of dtypes, one a tensor.
    List(String),
    /// Whatever a handle refers to.
    Object,
}

impl Arg {
    fn is_list(&self) -> bool {
        self.count.is_some() || matches!(self.ty, ArgType::List(_))
    }
}

impl Signature {
    /// Parses the text of a row.
    ///
    /// # Panics
    /// The texts are the engine's own; a bad one is a bug that the whole-table tests find.
    pub(crate) fn parse(text: &str) -> Signature {
        let (inputs, outputs) = text.split_once("->").expect("a signature has an arrow");
        Signature { inputs: parse_args(inputs), outputs: parse_args(outputs) }
    }

    /// Checks number and dtypes of the inputs.
    pub(crate) fn check(&self, facts: &[&Fact]) -> Result<()> {
        self.check_count(facts.len())?;
        let mut bound = Bound::new();
        for (arg, facts) in split(&self.inputs, facts) {
            for fact in facts {
                check_one(arg, fact, &mut bound)?;
            }
        }
        Ok(())
    }

    /// The attributes that files hold for the arguments: `T`, `N`, `Tin`.
    pub fn attrs(&self, inputs: &[&Fact], outputs: &[&Fact]) -> Vec<(String, AttrValue)> {
        let mut attrs: Vec<(String, AttrValue)> = Vec::new();
        for (args, facts) in [(&self.inputs, inputs), (&self.outputs, outputs)] {
            for (arg, facts) in split(args, facts) {
                let mut put = |name: &str, value: AttrValue| {
                    if !attrs.iter().any(|(have, _)| have == name) {
                        attrs.push((name.to_owned(), value));
                    }
                };
                if let Some(count) = &arg.count {
                    put(count, AttrValue::Int(facts.len() as i64));
                }
                match &arg.ty {
                    ArgType::Attr(name) => {
                        if let Some(fact) = facts.first() {
                            put(name, AttrValue::Type(fact.dtype));
                        }
                    }
                    ArgType::List(name) => put(name, AttrValue::Types(facts.iter().map(|fact| fact.dtype).collect())),
                    ArgType::Fixed(_) | ArgType::Object => {}
                }
            }
        }
        attrs
    }

    /// The name of input `i`, such as `y` of `add`.
    pub fn input_name(&self, i: usize) -> &str {
        self.input(i).map_or("input", |arg| &arg.name)
    }

    /// The argument that input `i` belongs to, where no list stands before others.
    pub fn input(&self, i: usize) -> Option<&Arg> {
        self.inputs.get(i).or(self.inputs.last())
    }

    /// The output of this place in the argument of this name, among `n` outputs. Older files give a number for the name;
    /// where there is one argument, its name does not matter.
    pub fn output_slot(&self, name: &str, index: usize, n: usize) -> Option<usize> {
        let lists = self.outputs.iter().filter(|arg| arg.is_list()).count();
        let each = n.saturating_sub(self.outputs.len() - lists).checked_div(lists).unwrap_or(0);
        let mut first = 0;
        for arg in &self.outputs {
            let len = if arg.is_list() { each } else { 1 };
            if arg.name == name {
                return (index < len).then_some(first + index);
            }
            first += len;
        }
        name.parse().ok().or((self.outputs.len() == 1).then_some(index))
    }

    /// The argument that output `slot` of `n` belongs to, and its place there: the inverse of
    /// [`Signature::output_slot`].
    pub fn output_place(&self, slot: usize, n: usize) -> Option<(String, usize)> {
        let lists = self.outputs.iter().filter(|arg| arg.is_list()).count();
        let each = n.saturating_sub(self.outputs.len() - lists).checked_div(lists).unwrap_or(0);
        let mut first = 0;
        for arg in &self.outputs {
            let len = if arg.is_list() { each } else { 1 };
            if slot < first + len {
                return Some((arg.name.clone(), slot - first));
            }
            first += len;
        }
        None
    }

    fn check_count(&self, n: usize) -> Result<()> {
        let fixed = self.inputs.iter().filter(|arg| !arg.is_list()).count();
        let has_list = fixed < self.inputs.len();
        if n == fixed || (has_list && n >= fixed) {
            return Ok(());
        }
        let at_least = if has_list { "at least " } else { "" };
        Err(Error::new(ErrorKind::InvalidArgument, format!("the op takes {at_least}{fixed} inputs, but got {n}")))
    }
}

/// Attributes with their dtypes, and the arguments that gave them.
type Bound<'a> = SmallVec<[(&'a str, DType, &'a str); 4]>;

fn check_one<'a>(arg: &'a Arg, fact: &Fact, bound: &mut Bound<'a>) -> Result<()> {
    if arg.is_variable && !fact.is_variable() {
        let what = if arg.ty == ArgType::Object { "handle" } else { "variable" };
        return Err(Error::dtype(format!("argument '{}' must be a {what}, but is a value", arg.name)));
    }
    match &arg.ty {
        ArgType::Fixed(want) if *want != fact.dtype => return Err(wrong_dtype(arg, *want, fact.dtype)),
        ArgType::Attr(attr) => match bound.iter().find(|(name, ..)| name == attr) {
            Some((_, dtype, first)) if *dtype != fact.dtype => {
                return Err(unequal_dtypes(arg, fact.dtype, first, *dtype));
            }
            Some(_) => {}
            None => bound.push((attr, fact.dtype, &arg.name)),
        },
        _ => {}
    }
    Ok(())
}

/// Gives each argument its tensors. With several lists they share evenly, as all ops with two lists have lists of
/// one length.
fn split<'a, 'f>(args: &'a [Arg], facts: &'f [&'f Fact]) -> impl Iterator<Item = (&'a Arg, &'f [&'f Fact])> {
    let lists = args.iter().filter(|arg| arg.is_list()).count();
    let in_lists = facts.len().saturating_sub(args.len() - lists);
    let each = in_lists.checked_div(lists).unwrap_or(0);
    let mut rest = facts;
    args.iter().map(move |arg| {
        let n = if arg.is_list() { each } else { 1 }.min(rest.len());
        let (mine, others) = rest.split_at(n);
        rest = others;
        (arg, mine)
    })
}

fn parse_args(text: &str) -> Vec<Arg> {
    text.split(',').map(str::trim).filter(|arg| !arg.is_empty()).map(parse_arg).collect()
}

fn parse_arg(text: &str) -> Arg {
    let (name, ty) = text.split_once(':').expect("an argument is `name: type`");
    let (name, ty) = (name.trim().to_owned(), ty.trim());
    if let Some(list) = ty.strip_prefix('[') {
        let list = list.trim_end_matches(']').to_owned();
        return Arg { name, ty: ArgType::List(list), count: None, is_variable: false };
    }
    if let Some(inner) = ty.strip_prefix("Ref(").filter(|_| !ty.contains('*')) {
        return Arg { name, ty: parse_type(inner.trim_end_matches(')')), count: None, is_variable: true };
    }
    if ty == "object" {
        return Arg { name, ty: ArgType::Object, count: None, is_variable: true };
    }
    match ty.split_once('*') {
        Some((count, ty)) => {
            let one = parse_arg(&format!("{name}: {ty}"));
            Arg { count: Some(count.trim().to_owned()), ..one }
        }
        None => Arg { name, ty: parse_type(ty), count: None, is_variable: false },
    }
}

fn parse_type(text: &str) -> ArgType {
    let fixed = DType::ALL.into_iter().find(|dtype| dtype.name() == text);
    fixed.map_or_else(|| ArgType::Attr(text.to_owned()), ArgType::Fixed)
}

#[cold]
fn wrong_dtype(arg: &Arg, want: DType, got: DType) -> Error {
    Error::dtype(format!("input '{}' must be {want}, but is {got}", arg.name))
}

#[cold]
fn unequal_dtypes(arg: &Arg, got: DType, first: &str, want: DType) -> Error {
    let error = if arg.name == first {
        Error::dtype(format!("the tensors of '{first}' must have one dtype, but are {want} and {got}"))
    } else {
        Error::dtype(format!("input '{}' is {got}, which does not match {want} of argument '{first}'", arg.name))
    };
    error.note(format!("convert one of them: .cast(DType::{want:?}), or g.constant_as(DType::{want:?}, ..)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shape;

    fn fact(dtype: DType) -> Fact {
        Fact::new(dtype, Shape::unknown())
    }

    #[track_caller]
    fn check(signature: &str, dtypes: &[DType], want: &str) {
        let facts: Vec<_> = dtypes.iter().map(|dtype| fact(*dtype)).collect();
        let got = Signature::parse(signature).check(&facts.iter().collect::<Vec<_>>());
        assert_eq!(got.map_or_else(|error| error.message().to_owned(), |()| "ok".to_owned()), want);
    }

    #[test]
    fn number_and_dtypes_are_checked() {
        use DType::*;
        check("a: T, b: T -> c: T", &[F32, F32], "ok");
        check("a: T, b: T -> c: T", &[F32], "the op takes 2 inputs, but got 1");
        check("a: T, b: T -> c: T", &[F32, I32], "input 'b' is int32, which does not match float32 of argument 'a'");
        check("x: T, axis: int32 -> y: T", &[F32, I64], "input 'axis' must be int32, but is int64");
        check("xs: N*T, axis: int32 -> y: T", &[F32, F32, I32], "ok");
        check("xs: N*T, axis: int32 -> y: T", &[], "the op takes at least 1 inputs, but got 0");
        check("xs: [Tin] -> ys: [Tout]", &[F32, I32, String], "ok");
    }

    #[test]
    fn attributes_of_files_follow() {
        let (float, int) = (fact(DType::F32), fact(DType::I32));
        let attrs = Signature::parse("xs: N*T, axis: Tidx -> y: T").attrs(&[&float, &float, &int], &[&float]);
        assert_eq!(format!("{attrs:?}"), r#"[("N", Int(2)), ("T", Type(F32)), ("Tidx", Type(I32))]"#);
    }
}
