//! A program from random bytes: each gene adds an op on tensors that are already there. A gene that the builders refuse
//! adds nothing, so that any part of a genome is a genome, and failures shrink.

use std::collections::HashMap;
use std::time::Duration;

use sessile::graph::{Effect, InferCx, Op, OpKind, OutputId, RunCx};
use sessile::ops::math::add_n;
use sessile::prelude::*;

use super::array::Array;

/// Passes its input on, after a while: what does not wait for it overtakes it.
#[derive(Debug)]
struct Slow;

static SLOW: OpKind = OpKind::custom("Slow", "x: T -> y: T").effect(Effect::Outside);

impl Op for Slow {
    fn kind(&self) -> &'static OpKind {
        &SLOW
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> sessile::Result<()> {
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> sessile::Result<()> {
        std::thread::sleep(Duration::from_micros(300));
        let x = cx.take(0);
        cx.output(0, x);
        Ok(())
    }
}

/// Which op, its operands, and a number for sizes and axes.
pub type Gene = [u8; 4];

/// Number of the last one and beyond: what touches variables comes as often as all that moves elements.
const OPS: u8 = 56;

/// A graph with what can be fed, fetched and run.
pub struct Program {
    pub graph: Graph,
    pub init: Operation,
    dtype: DType,
    placeholders: Vec<Tensor>,
    variables: Vec<Variable>,
    tensors: Vec<Tensor>,
    writes: Vec<Operation>,
}

impl Program {
    pub fn grow(genes: &[Gene]) -> sessile::Result<Program> {
        let g = Graph::new();
        let dtype = [DType::F32, DType::I64, DType::F32, DType::F64, DType::I32][genes[0][3] as usize % 5];
        let shapes = [shape![?, 3], shape![?, ?], shape![2, 3], shape![?], Shape::unknown()];
        let placeholders =
            shapes.into_iter().map(|shape| g.placeholder(dtype, shape)).collect::<Result<Vec<_>, _>>()?;
        let row = g.variable(ramp(&[3]).value(dtype))?;
        let table = g.variable(ramp(&[2, 3]).value(dtype))?;
        let second = g.variable(&row)?;
        let init = g.global_variables_initializer()?;
        let variables = vec![row, table, second];
        let tensors = placeholders.clone();
        let mut program = Program { graph: g, init, dtype, placeholders, variables, tensors, writes: Vec::new() };
        for gene in genes {
            let made = program.add(*gene);
            let known = made.into_iter().flatten().filter(|x| x.shape().rank().is_none_or(|rank| rank < 5));
            program.tensors.extend(known);
        }
        Ok(program)
    }

    /// One of the tensors of the program's dtype, later ones more often.
    fn number(&self, byte: u8) -> &Tensor {
        let fitting: Vec<_> = self.tensors.iter().filter(|tensor| tensor.dtype() == self.dtype).collect();
        let n = fitting.len();
        let back = if byte < 128 { byte as usize % n.min(5) } else { byte as usize % n };
        fitting[n - 1 - back]
    }

    fn constant(&self, array: &Array) -> sessile::Result<Tensor> {
        self.graph.constant(array.value(self.dtype))
    }

    fn add(&mut self, gene: Gene) -> sessile::Result<Vec<Tensor>> {
        let [op, a, b, c] = gene;
        let (a, b, n) = (self.number(a).clone(), self.number(b).clone(), c as usize);
        match op % OPS {
            0..18 => self.arithmetic(op % OPS, &a, &b, n).map(|made| vec![made]),
            18..38 => self.movement(op % OPS, &a, &b, n),
            effect => self.effect(effect % 6, &a, &b, n),
        }
    }

    fn arithmetic(&self, op: u8, a: &Tensor, b: &Tensor, n: usize) -> sessile::Result<Tensor> {
        let scalar = |x: f64| self.constant(&Array { dims: vec![], data: vec![x] });
        let axis = || Ok::<_, sessile::Error>(n % a.rank()?.max(1));
        match op {
            0 => a + b,
            1 => a - b,
            2 => a * b,
            3 => a.maximum(b),
            4 => a.minimum(scalar(5.0)?)?.maximum(scalar(-5.0)?),
            5 => a.floor_mod(scalar(7.0)?),
            6 => ((-a)? * scalar(n as f64 % 3.0)?)?.abs(),
            7 => (a.relu()? + scalar(n as f64 % 5.0)?)?.square(),
            8 => a.sign(),
            9 => add_n(&[a, b, a]),
            10 => a.reduce_max(()),
            11 => a.argmax(axis()?)?.cast(self.dtype),
            12 => a.matmul(b),
            13 => a.matmul_t(n.is_multiple_of(2), b, n.is_multiple_of(3)),
            14 => {
                let inner = a.shape().dim(1).known().unwrap_or(3);
                let product = a.matmul(self.constant(&ramp(&[inner, 2]))?)?;
                product.bias_add(self.constant(&ramp(&[2]))?)?.relu()
            }
            15 => a.less(b)?.select(a, b),
            16 => a.greater_equal(b)?.cast(self.dtype),
            _ => a.equal(a.identity()?)?.cast(self.dtype),
        }
    }

    fn movement(&self, op: u8, a: &Tensor, b: &Tensor, n: usize) -> sessile::Result<Vec<Tensor>> {
        let (rank, i) = (a.rank().unwrap_or(0), n as i32);
        let axis = n % rank.max(1);
        let size = || a.shape_tensor()?.gather(axis as i32);
        let made = match op {
            // Twins that differ in an attribute only.
            18 => return Ok(vec![a.reduce_sum(axis)?, a.reduce_sum_keepdims(axis)?]),
            19 => return Ok(vec![a.matmul_t(false, a, true)?, a.matmul_t(true, a, false)?]),
            20 => a.reshape([-1]),
            21 => a.reshape([-1, 3]),
            22 => a.reshape(sizes![-1, size()?]),
            23 => a.reshape(b.shape_tensor()?),
            24 => a.transpose((0..rank).rev().collect::<Vec<_>>()),
            25 => a.transpose((0..rank).map(|k| (k + axis) % rank).collect::<Vec<_>>()),
            26 => concat(&[a, b], axis as i32),
            27 => return a.split(1 + n % 3, axis as i32),
            28 => a.gather_along(self.graph.constant([i % 4, 0])?, axis as i32, 0),
            29 => a.gather(i % 3),
            30 => a.expand_dims(axis as i32 - 1),
            31 => stack(&[a, b], -1),
            32 => a.slice(vec![i32::from(n > 100); rank], vec![-1; rank]),
            33 => a.slice(vec![0; rank], vec![2; rank]),
            34 => a.tile((0..rank).map(|k| 1 + (n + k) % 2).collect::<Vec<_>>()),
            35 => a.shape_tensor()?.cast(self.dtype),
            36 => Ok((a.zeros_like()? + a.stop_gradient()?)?),
            _ => self.graph.fill(a.shape_tensor()?, n as f32 % 4.0)?.cast(self.dtype),
        };
        Ok(vec![made?])
    }

    fn effect(&mut self, op: u8, a: &Tensor, b: &Tensor, n: usize) -> sessile::Result<Vec<Tensor>> {
        // Mostly the first: runs that read and write one variable several times show what order they keep.
        let variable = self.variables[[0, 0, 0, 0, 1, 2, 2][n % 7]].clone();
        match op {
            0 => return Ok(vec![variable.value()?]),
            1 => return Ok(vec![variable.read()?]),
            2 => {
                let slow = self.graph.apply(Slow, &[a])?;
                let waits: Vec<_> = self.writes.last().cloned().into_iter().chain([slow]).collect();
                let build = || Ok(vec![(variable.value()? + b)?, b.identity()?]);
                return self.graph.control_dependencies(&waits, build);
            }
            3 => self.writes.push(variable.assign(self.fitting(a, &variable)?)?),
            4 => self.writes.push(variable.assign_add(self.fitting(a, &variable)?)?),
            _ => self.writes.push(variable.assign_sub(self.fitting(b, &variable)?)?),
        }
        Ok(Vec::new())
    }

    /// What may be written to a variable: a tensor of its shape, or what a tensor and the variable give together.
    fn fitting(&self, a: &Tensor, variable: &Variable) -> sessile::Result<Tensor> {
        if a.shape().is_compatible(&variable.shape()) {
            return Ok(a.clone());
        }
        let modulus = |n: f64| self.constant(&Array { dims: vec![], data: vec![n] });
        variable.value()?.floor_mod(modulus(7.0)?)? + a.reduce_sum(())?.floor_mod(modulus(9.0)?)?
    }

    /// Values for every placeholder, and sometimes for a tensor between.
    pub fn feeds(&self, gene: Gene, turn: usize) -> HashMap<OutputId, Array> {
        let n = (gene[1] as usize + turn) % 4;
        let dims = [vec![n, 3], vec![3, n], vec![2, 3], vec![3], vec![n, 3]];
        let fed = self.placeholders.iter().zip(&dims).map(|(tensor, dims)| (tensor.id(), ramp(dims)));
        let mut feeds: HashMap<_, _> = fed.collect();
        let between = &self.tensors[gene[2] as usize % self.tensors.len()];
        if turn == 2
            && let Some(dims) = between.shape().known_dims()
        {
            let whole = between.dtype() == self.dtype;
            feeds.entry(between.id()).or_insert(if whole { ramp(&dims) } else { ramp(&dims).map(|_| 1.0) });
        }
        feeds
    }

    /// Some of the tensors, some of the variables as the run leaves them.
    pub fn some_tensors(&self, gene: Gene, turn: usize) -> Vec<Tensor> {
        let every = 1 + (gene[3] as usize + turn) % 3;
        let tensors = self.tensors.iter().rev().step_by(every).cloned();
        tensors.chain(self.variables.iter().skip(every - 1).map(Variable::handle)).collect()
    }

    /// Some of the writes.
    pub fn some_writes(&self, gene: Gene, turn: usize) -> Vec<Operation> {
        self.writes.iter().skip((gene[0] as usize + turn) % 3).cloned().collect()
    }
}

/// -3, -2, .. in the given shape.
fn ramp(dims: &[usize]) -> Array {
    let mut next = -4.0;
    Array::new(dims, |_| {
        next += 1.0;
        next
    })
}
