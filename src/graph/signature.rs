//! An op's arguments, as TensorFlow's op definitions write them, so that arity, dtypes and the type attributes of files
//! are one line an op: `"value: T, bias: T -> output: T"`.
//!
//! | text | meaning |
//! |---|---|
//! | `x: T` | one tensor; equal letters mean equal dtypes; `T` is also the attribute in files |
//! | `x: int32` | one tensor of this dtype |
//! | `x: N*T` | one tensor or more of one dtype; `N` is an attribute in files |
//! | `x: [Tin]` | one tensor or more of any dtypes; `Tin` is an attribute in files |
//! | `x: N*T >= 2`, `x: [Tin] >= 0` | so many at least; one where nothing is said, as in TensorFlow |
//! | `ref: Ref(T)` | a reference to a variable, of either spelling |
//! | `refs: N*Ref(T)` | any number of them |
//! | `handle: table`, `iterator`, `array`, `stack` | a handle to a lookup table, an iterator, a `TensorArray`, a stack |
//! | `handle: object` | a handle to any of these, or to a variable |

use smallvec::SmallVec;

use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::attrs::AttrValue;
use crate::graph::node::{Fact, Referent, Role};

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
    /// How many tensors it has at least: 1 but in lists that say otherwise.
    pub least: usize,
    /// Whether it is a reference to a variable, or another handle.
    pub is_variable: bool,
    /// What it refers to, if it is one.
    pub referent: Referent,
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

    /// Checks number and dtypes of the inputs, and what is a handle. `takes` says what may stand for a value.
    pub(crate) fn check(&self, facts: &[&Fact], takes: impl Fn(Role) -> bool) -> Result<()> {
        self.check_count(facts.len())?;
        let mut bound = Bound::new();
        for (arg, facts) in split(&self.inputs, facts) {
            for fact in facts {
                if arg.is_variable || !takes(fact.role) {
                    check_referent(arg, fact)?;
                }
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

    /// Every list has as many tensors as it needs at least, and several lists have equally many.
    fn check_count(&self, n: usize) -> Result<()> {
        let lists = self.inputs.iter().filter(|arg| arg.is_list());
        let (n_lists, most) = lists.fold((0, 0), |(n, most), arg| (n + 1, arg.least.max(most)));
        let fixed = self.inputs.len() - n_lists;
        let least = fixed + n_lists * most;
        let inputs = if least == 1 { "input" } else { "inputs" };
        let wanted = match n_lists {
            0 if n != fixed => format!("{fixed} {inputs}"),
            _ if n < least => format!("at least {least} {inputs}"),
            2.. if !(n - fixed).is_multiple_of(n_lists) => format!("{n_lists} lists of equally many inputs"),
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::InvalidArgument, format!("the op takes {wanted}, but got {n}")))
    }
}

/// Attributes with their dtypes, and the arguments that gave them.
type Bound<'a> = SmallVec<[(&'a str, DType, &'a str); 4]>;

fn check_one<'a>(arg: &'a Arg, fact: &Fact, bound: &mut Bound<'a>) -> Result<()> {
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

/// A handle refers to what the argument wants, and a value is none.
fn check_referent(arg: &Arg, fact: &Fact) -> Result<()> {
    let wrong = |want: &str, is: &str| {
        let text = format!("argument '{}' must be {want}, but is {is}", arg.name);
        Err(Error::dtype(text))
    };
    match (arg.is_variable, fact.referent()) {
        (true, Some(referent)) if referent.may_be(arg.referent) => Ok(()),
        (true, Some(referent)) => wrong(&arg.referent.to_string(), &referent.to_string()),
        (true, None) => wrong(&arg.referent.to_string(), "a value"),
        (false, Some(_)) if fact.role == Role::Ref => wrong("a value", "a reference to a variable"),
        (false, Some(Referent::Unknown)) => wrong("a value", "a handle"),
        (false, Some(referent)) => wrong("a value", &format!("a handle to {referent}")),
        (false, None) => Ok(()),
    }
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
    let (ty, least) = match ty.split_once(">=") {
        Some((ty, least)) => (ty.trim(), least.trim().parse().expect("what a list has at least is a number")),
        None => (ty.trim(), 1),
    };
    let arg = |ty, referent: Option<Referent>| {
        let (name, is_variable) = (name.trim().to_owned(), referent.is_some());
        Arg { name, ty, count: None, least, is_variable, referent: referent.unwrap_or(Referent::Unknown) }
    };
    if let Some(list) = ty.strip_prefix('[') {
        return arg(ArgType::List(list.trim_end_matches(']').to_owned()), None);
    }
    if let Some((count, ty)) = ty.split_once('*') {
        let one = parse_arg(&format!("{name}: {ty}"));
        return Arg { count: Some(count.trim().to_owned()), least, ..one };
    }
    if let Some(inner) = ty.strip_prefix("Ref(") {
        return arg(parse_type(inner.trim_end_matches(')')), Some(Referent::Variable));
    }
    match parse_object(ty) {
        Some(referent) => arg(ArgType::Object, Some(referent)),
        None => arg(parse_type(ty), None),
    }
}

fn parse_object(text: &str) -> Option<Referent> {
    Some(match text {
        "table" => Referent::Table,
        "iterator" => Referent::Iterator,
        "array" => Referent::Array,
        "stack" => Referent::Stack,
        "object" => Referent::Unknown,
        _ => return None,
    })
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
        let got = Signature::parse(signature).check(&facts.iter().collect::<Vec<_>>(), |role| role == Role::Value);
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
        check("xs: N*T, axis: int32 -> y: T", &[I32], "the op takes at least 2 inputs, but got 1");
        check("xs: N*T -> y: T", &[], "the op takes at least 1 input, but got 0");
        check("xs: N*T >= 2 -> y: T", &[F32], "the op takes at least 2 inputs, but got 1");
        check("xs: [T] >= 0 -> ys: [T] >= 0", &[], "ok");
        check("xs: N*T, ys: N*T -> y: T", &[F32, F32, F32], "the op takes 2 lists of equally many inputs, but got 3");
        check("xs: [Tin] -> ys: [Tout]", &[F32, I32, String], "ok");
    }

    #[test]
    fn what_a_handle_refers_to_is_checked() {
        let of = |role: Role| Fact { role, ..fact(DType::F32) };
        let (stack, table) = (of(Role::Handle(Referent::Stack)), of(Role::Handle(Referent::Table)));
        let check = |signature: &str, fact: &Fact, want: &str| {
            let got = Signature::parse(signature).check(&[fact], |role| role == Role::Value);
            assert_eq!(got.map_or_else(|error| error.message().to_owned(), |()| "ok".to_owned()), want);
        };
        check("handle: table ->", &table, "ok");
        check("handle: object ->", &stack, "ok");
        check("handle: table ->", &of(Role::Handle(Referent::Unknown)), "ok");
        check("handle: table ->", &stack, "argument 'handle' must be a lookup table, but is a stack");
        check("ref: Ref(T) ->", &stack, "argument 'ref' must be a variable, but is a stack");
        check("ref: Ref(T) ->", &of(Role::Ref), "ok");
        check("handle: array ->", &of(Role::Ref), "argument 'handle' must be a tensor array, but is a variable");
        check("handle: stack ->", &of(Role::Value), "argument 'handle' must be a stack, but is a value");
        check("x: T ->", &table, "argument 'x' must be a value, but is a handle to a lookup table");
    }

    #[test]
    fn attributes_of_files_follow() {
        let (float, int) = (fact(DType::F32), fact(DType::I32));
        let attrs = Signature::parse("xs: N*T, axis: Tidx -> y: T").attrs(&[&float, &float, &int], &[&float]);
        assert_eq!(format!("{attrs:?}"), r#"[("N", Int(2)), ("T", Type(F32)), ("Tidx", Type(I32))]"#);
    }
}
