//! Programs over tiles: a chain of elementwise functions, one after the other on a few thousand elements in cache.

use std::cell::Cell;
use std::fmt;
use std::thread::LocalKey;

use crate::error::{Error, Result, escape};
use crate::graph::Workspace;
use crate::kernel::Number;
use crate::kernel::vector::{Binary, Map1, Map2, Unary};
use crate::value::ScratchVec;

/// Elements of a tile: with its operands it fits the first-level cache, and each function's call costs little beside it.
pub(super) const TILE: usize = 1024;

/// Elements more than a tile, so that tiles can begin at a multiple of 64 bytes: vectors then never straddle lines.
const SLACK: usize = 16;

/// Most instructions of a program, so that tiles stay in cache.
pub const MAX_STEPS: usize = 32;

/// Most inputs of a program.
pub const MAX_INPUTS: usize = 16;

/// Where an operand comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// An input of the op.
    Input(u8),
    /// What an earlier instruction made.
    Step(u8),
}

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instruction {
    /// A function of one operand.
    One(Unary, Source),
    /// A function of two.
    Two(Binary, Source, Source),
}

impl Instruction {
    /// The operands.
    pub fn sources(&self) -> impl Iterator<Item = Source> {
        let (first, second) = match *self {
            Instruction::One(_, a) => (a, None),
            Instruction::Two(_, a, b) => (a, Some(b)),
        };
        std::iter::once(first).chain(second)
    }

    /// The instruction with other operands.
    pub fn map(&self, change: impl Fn(Source) -> Source) -> Instruction {
        match *self {
            Instruction::One(f, a) => Instruction::One(f, change(a)),
            Instruction::Two(f, a, b) => Instruction::Two(f, change(a), change(b)),
        }
    }
}

/// `Tanh(x0) Mul(t0,x1)`: functions by their names in [`crate::kernel::vector`]; the last instruction makes the result.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Program(pub Vec<Instruction>);

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, instruction) in self.0.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            match instruction {
                Instruction::One(function, a) => write!(f, "{space}{function:?}({a})")?,
                Instruction::Two(function, a, b) => write!(f, "{space}{function:?}({a},{b})")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Input(i) => write!(f, "x{i}"),
            Source::Step(i) => write!(f, "t{i}"),
        }
    }
}

impl Program {
    /// The inverse of `Display`.
    ///
    /// # Errors
    /// `InvalidArgument` for anything else.
    pub fn parse(text: &str) -> Result<Program> {
        let bad = || Error::invalid(format!("'{}' is no program of elementwise functions", escape(text)));
        let mut all = Vec::new();
        for part in text.split_whitespace() {
            let (name, args) = part.strip_suffix(')').and_then(|part| part.split_once('(')).ok_or_else(bad)?;
            let args: Vec<Source> = args.split(',').map(parse_source).collect::<Option<_>>().ok_or_else(bad)?;
            let is_past = |source: &Source| !matches!(source, Source::Step(i) if usize::from(*i) >= all.len());
            let instruction = instruction(name, &args).filter(|_| args.iter().all(is_past)).ok_or_else(bad)?;
            all.push(instruction);
        }
        if all.is_empty() || all.len() > MAX_STEPS { Err(bad()) } else { Ok(Program(all)) }
    }

    /// One more than the largest input.
    pub fn n_inputs(&self) -> usize {
        let place = |source| if let Source::Input(i) = source { usize::from(i) + 1 } else { 0 };
        self.0.iter().flat_map(Instruction::sources).map(place).max().unwrap_or(0)
    }
}

fn parse_source(text: &str) -> Option<Source> {
    match text.split_at_checked(1)? {
        ("x", i) => i.parse().ok().filter(|i| usize::from(*i) < MAX_INPUTS).map(Source::Input),
        ("t", i) => i.parse().ok().map(Source::Step),
        _ => None,
    }
}

fn instruction(name: &str, args: &[Source]) -> Option<Instruction> {
    match *args {
        [a] => Unary::ALL.iter().find(|f| format!("{f:?}") == name).map(|f| Instruction::One(*f, a)),
        [a, b] => Binary::ALL.iter().find(|f| format!("{f:?}") == name).map(|f| Instruction::Two(*f, a, b)),
        _ => None,
    }
}

/// What an input is during one run.
#[derive(Clone, Copy)]
pub(super) enum Input<'a, T> {
    /// Of the common shape.
    Full(&'a [T]),
    /// One row for all, of this length: what [`repeated`] makes.
    Row(usize, &'a [T]),
    /// One element for all.
    One(T),
}

impl<'a, T: Copy> Input<'a, T> {
    /// The elements of a tile.
    fn part(self, start: usize, len: usize) -> Operand<'a, T> {
        match self {
            Input::Full(all) => Operand::Full(&all[start..start + len]),
            Input::Row(width, rows) => Operand::Full(&rows[start % width..][..len]),
            Input::One(one) => Operand::One(one),
        }
    }
}

/// What an input is for one tile.
#[derive(Clone, Copy)]
enum Operand<'a, T> {
    /// As many elements.
    Full(&'a [T]),
    /// One for all.
    One(T),
}

/// A row as often as a tile needs it that starts anywhere in it; `len` elements are computed in all.
pub(super) fn repeated<T: Copy>(work: Workspace<'_>, row: &[T], len: usize) -> Result<ScratchVec<T>> {
    work.collect(row.iter().copied().cycle().take(if row.is_empty() { 0 } else { row.len() + len.min(TILE) }))
}

/// A dtype that programs compute in.
pub(super) trait Lane: Number {
    fn one(f: Unary) -> Map1<Self>;
    fn two(f: Binary) -> Map2<Self>;
    /// The tiles of this thread.
    fn tiles() -> &'static LocalKey<Cell<Tiles<Self>>>;
}

macro_rules! lanes {
    ($($t:ident)*) => { $(
        impl Lane for $t {
            fn one(f: Unary) -> Map1<$t> {
                f.$t()
            }
            fn two(f: Binary) -> Map2<$t> {
                f.$t()
            }
            fn tiles() -> &'static LocalKey<Cell<Tiles<$t>>> {
                thread_local! {
                    static TILES: Cell<Tiles<$t>> = const { Cell::new(Vec::new()) };
                }
                &TILES
            }
        }
    )* };
}
lanes!(f32 f64);

/// Where instructions but the last leave their results.
pub(super) type Tiles<T> = Vec<Box<[T]>>;

/// A program with its functions looked up and its tiles numbered.
#[derive(Clone)]
pub(super) struct Compiled<T> {
    steps: Vec<Step<T>>,
    n_tiles: usize,
}

#[derive(Clone, Copy)]
struct Step<T> {
    f: Function<T>,
    a: Source,
    b: Source,
    /// The tile that the result goes to; the last one's is the caller's.
    out: usize,
}

#[derive(Clone, Copy)]
enum Function<T> {
    One(Map1<T>),
    Two(Map2<T>),
}

impl<T: Lane> Compiled<T> {
    pub(super) fn new(program: &Program) -> Compiled<T> {
        let last_use = last_uses(program);
        let (mut tile_of, mut free) = (Vec::new(), Vec::new());
        // Bounded by the longest program that a pass makes.
        let (mut steps, mut n_tiles) = (Vec::with_capacity(program.0.len()), 0);
        for (at, instruction) in program.0.iter().enumerate() {
            let out = free.pop().unwrap_or_else(|| {
                n_tiles += 1;
                n_tiles - 1
            });
            tile_of.push(out);
            steps.push(Step::new(*instruction, &tile_of, out));
            // No later step reads these: the next one may overwrite them. An operand that comes twice dies once.
            let mut dead: Vec<usize> = instruction.sources().filter_map(step_of).collect();
            dead.dedup();
            free.extend(dead.into_iter().filter(|step| last_use[*step] == at).map(|step| tile_of[step]));
        }
        Compiled { steps, n_tiles }
    }

    /// Bytes beside those of the struct.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.steps)
    }

    /// How many functions it calls a tile.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Computes the elements from `start` on: `out.len()` of them, at most a tile.
    pub(super) fn run(&self, inputs: &[Input<'_, T>], start: usize, out: &mut [T]) {
        T::tiles().with(|cell| {
            // Taken while in use.
            let mut tiles = cell.take();
            while tiles.len() < self.n_tiles {
                // Bounded by the length of the program.
                tiles.push(vec![T::ZERO; TILE + SLACK].into());
            }
            self.run_on(&mut tiles, inputs, start, out);
            cell.set(tiles);
        });
    }

    fn run_on(&self, tiles: &mut Tiles<T>, inputs: &[Input<'_, T>], start: usize, out: &mut [T]) {
        let len = out.len();
        let Some((last, steps)) = self.steps.split_last() else { return };
        for step in steps {
            let mut tile = std::mem::take(&mut tiles[step.out]);
            let skip = skip(&tile);
            step.run(tiles, inputs, start, &mut tile[skip..][..len]);
            tiles[step.out] = tile;
        }
        last.run(tiles, inputs, start, out);
    }
}

/// For each instruction the last one that reads what it made.
fn last_uses(program: &Program) -> Vec<usize> {
    // Bounded by the length of the program.
    let mut last = vec![0; program.0.len()];
    for (at, instruction) in program.0.iter().enumerate() {
        instruction.sources().filter_map(step_of).for_each(|step| last[step] = at);
    }
    last
}

fn step_of(source: Source) -> Option<usize> {
    if let Source::Step(i) = source { Some(usize::from(i)) } else { None }
}

impl<T: Lane> Step<T> {
    /// The step of an instruction; its operands are numbered by tile from here on.
    fn new(instruction: Instruction, tile_of: &[usize], out: usize) -> Step<T> {
        let placed = instruction.map(|source| match source {
            Source::Step(i) => Source::Step(tile_of[usize::from(i)] as u8),
            input => input,
        });
        match placed {
            Instruction::One(f, a) => Step { f: Function::One(T::one(f)), a, b: a, out },
            Instruction::Two(f, a, b) => Step { f: Function::Two(T::two(f)), a, b, out },
        }
    }

    fn run(&self, tiles: &Tiles<T>, inputs: &[Input<'_, T>], start: usize, out: &mut [T]) {
        let len = out.len();
        let operand = |source: Source| match source {
            Source::Input(i) => inputs[usize::from(i)].part(start, len),
            Source::Step(i) => {
                let tile = &tiles[usize::from(i)];
                Operand::Full(&tile[skip(tile)..][..len])
            }
        };
        match (&self.f, operand(self.a), operand(self.b)) {
            (Function::One(f), Operand::Full(a), _) => f.out(a, out),
            (Function::One(f), Operand::One(a), _) => {
                out.fill(a);
                f.in_place(out);
            }
            (Function::Two(f), Operand::Full(a), Operand::Full(b)) => f.out(a, b, out),
            (Function::Two(f), Operand::Full(a), Operand::One(b)) => f.scalar_right(a, b, out),
            (Function::Two(f), Operand::One(a), Operand::Full(b)) => f.scalar_left(a, b, out),
            (Function::Two(f), Operand::One(a), Operand::One(b)) => {
                out.fill(a);
                f.over_left_scalar(out, b);
            }
        }
    }
}

/// Elements before the first one at a multiple of 64 bytes.
fn skip<T>(tile: &[T]) -> usize {
    // `align_offset` may answer anything; in practice it is at most the slack.
    tile.as_ptr().align_offset(64).min(SLACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_a_program_and_back() {
        let text = "Tanh(x0) Sigmoid(x0) Mul(t0,t1) Sub(x1,t2)";
        let program = Program::parse(text).unwrap();
        assert_eq!((program.to_string().as_str(), program.n_inputs()), (text, 2));
        for bad in ["", "Tanh", "Tanh(x0", "Tanh(t0)", "Nope(x0)", "Tanh(x0,x0)", "Mul(x0)", "Tanh(x300)", "Tanh(x16)"]
        {
            assert!(Program::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tiles_are_used_again_and_never_for_two_things() {
        let program = Program::parse("Abs(x0) Mul(t0,t0) Add(t1,x1) Sub(x1,t0) Mul(t2,t3) Max(t4,x1)").unwrap();
        let compiled = Compiled::<f32>::new(&program);
        assert!(compiled.n_tiles <= 4, "{}", compiled.n_tiles);
        let x: Vec<f32> = (0..TILE).map(|i| i as f32 - 1000.0).collect();
        let mut out = vec![0.0; 100];
        compiled.run(&[Input::Full(&x), Input::One(3.0)], 900, &mut out);
        for (x, out) in x[900..].iter().zip(out) {
            let a = x.abs();
            assert_eq!(out, ((a * a + 3.0) * (3.0 - a)).max(3.0));
        }
    }
}
