//! Arrays without strides, views or tricks: what an op puts out is said element by element.

use sessile::prelude::*;

use super::interpreter::Stop;

/// Elements of any dtype as `f64`; false is 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Array {
    pub dims: Vec<usize>,
    pub data: Vec<f64>,
}

impl Array {
    /// The array whose element at each index is `f(index)`.
    pub fn new(dims: &[usize], mut f: impl FnMut(&[usize]) -> f64) -> Array {
        let n = dims.iter().product::<usize>();
        let mut index = vec![0; dims.len()];
        let mut data = Vec::with_capacity(n);
        for _ in 0..n {
            data.push(f(&index));
            for axis in (0..dims.len()).rev() {
                index[axis] += 1;
                if index[axis] < dims[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Array { dims: dims.to_vec(), data }
    }

    pub fn at(&self, index: &[usize]) -> f64 {
        self.data[index.iter().zip(&self.dims).fold(0, |offset, (i, n)| offset * n + i)]
    }

    pub fn vector(numbers: &[usize]) -> Array {
        Array { dims: vec![numbers.len()], data: numbers.iter().map(|n| *n as f64).collect() }
    }

    pub fn map(&self, f: impl Fn(f64) -> f64) -> Array {
        Array { dims: self.dims.clone(), data: self.data.iter().map(|x| f(*x)).collect() }
    }

    pub fn ints(&self) -> Vec<i64> {
        self.data.iter().map(|x| *x as i64).collect()
    }

    pub fn sizes(&self) -> Vec<usize> {
        self.data.iter().map(|x| *x as usize).collect()
    }

    /// What `value` holds.
    pub fn of(value: &Value) -> Array {
        let data = match value.dtype() {
            DType::F32 => value.slice::<f32>().unwrap().iter().map(|x| f64::from(*x)).collect(),
            DType::F64 => value.slice::<f64>().unwrap().to_vec(),
            DType::I32 => value.slice::<i32>().unwrap().iter().map(|x| f64::from(*x)).collect(),
            DType::I64 => value.slice::<i64>().unwrap().iter().map(|x| *x as f64).collect(),
            DType::Bool => value.slice::<bool>().unwrap().iter().map(|x| f64::from(u8::from(*x))).collect(),
            other => panic!("programs have no {other}"),
        };
        Array { dims: value.dims().to_vec(), data }
    }

    /// As a value of `dtype`.
    pub fn value(&self, dtype: DType) -> Value {
        let data = self.data.iter();
        match dtype {
            DType::F32 => Value::from_vec(&self.dims, data.map(|x| *x as f32).collect()),
            DType::F64 => Value::from_vec(&self.dims, self.data.clone()),
            DType::I32 => Value::from_vec(&self.dims, data.map(|x| *x as i32).collect()),
            DType::I64 => Value::from_vec(&self.dims, data.map(|x| *x as i64).collect()),
            DType::Bool => Value::from_vec(&self.dims, data.map(|x| *x != 0.0).collect()),
            other => panic!("programs have no {other}"),
        }
        .unwrap()
    }

    fn axis(&self, axis: i64) -> Result<usize, Stop> {
        let from_start = if axis < 0 { axis + self.dims.len() as i64 } else { axis };
        usize::try_from(from_start).ok().filter(|axis| *axis < self.dims.len()).ok_or(Stop::Fails)
    }

    /// Each element is `f` of all those along the axes.
    pub fn reduce(&self, axes: &[i64], keeps: bool, f: impl Fn(&[f64]) -> f64) -> Result<Array, Stop> {
        let axes = axes.iter().map(|axis| self.axis(*axis)).collect::<Result<Vec<_>, _>>()?;
        let dims: Vec<usize> = (0..self.dims.len()).map(|i| if axes.contains(&i) { 1 } else { self.dims[i] }).collect();
        let mut groups = vec![Vec::new(); dims.iter().product()];
        Array::new(&self.dims, |at| {
            let group = at.iter().zip(&dims).fold(0, |offset, (i, n)| offset * n + i.min(&(n - 1)));
            groups[group].push(self.at(at));
            0.0
        });
        // The engine adds up in an order of its own: exact in any order, if the sum of sizes is.
        if groups.iter().any(|group| group.iter().map(|x| x.abs()).sum::<f64>() > 16_777_216.0) {
            return Err(Stop::Grew);
        }
        let data = groups.iter().map(|group| f(group)).collect();
        let kept = (0..dims.len()).filter(|i| keeps || !axes.contains(i)).map(|i| dims[i]).collect();
        Ok(Array { dims: kept, data })
    }

    pub fn arg_max(&self, axis: i64) -> Result<Array, Stop> {
        if self.dims[self.axis(axis)?] == 0 {
            return Err(Stop::Fails);
        }
        self.reduce(&[axis], false, |all| {
            (0..all.len()).fold(0, |best, i| if all[i] > all[best] { i } else { best }) as f64
        })
    }

    /// The product of matrices in the last two axes, each transposed or not; axes before them broadcast.
    pub fn product(&self, turns: bool, other: &Array, turns_other: bool) -> Result<Array, Stop> {
        let rows = if turns { self.turned() } else { self.clone() };
        let columns = if turns_other { other.clone() } else { other.turned() };
        if rows.dims.last() != columns.dims.last() {
            return Err(Stop::Fails);
        }
        let products = broadcast(&rows.expand(-2)?, &columns.expand(-3)?, |a, b| a * b)?;
        products.reduce(&[-1], false, |row| row.iter().sum())
    }

    /// With the last two axes swapped.
    fn turned(&self) -> Array {
        let mut perm: Vec<usize> = (0..self.dims.len()).collect();
        perm.swap(self.dims.len() - 2, self.dims.len() - 1);
        self.transpose(&perm)
    }

    /// To sizes of which one may be -1.
    pub fn reshape(&self, target: &[i64]) -> Result<Array, Stop> {
        let known: i64 = target.iter().filter(|n| **n >= 0).product();
        let n = self.data.len() as i64;
        let hole = if known == 0 { None } else { Some(n / known) };
        let dims: Option<Vec<usize>> =
            target.iter().map(|d| if *d < 0 { hole } else { Some(*d) }.map(|d| d as usize)).collect();
        match dims.filter(|dims| dims.iter().product::<usize>() as i64 == n) {
            Some(dims) => Ok(Array { dims, data: self.data.clone() }),
            None => Err(Stop::Fails),
        }
    }

    /// With a new axis of size 1.
    pub fn expand(&self, axis: i64) -> Result<Array, Stop> {
        let mut dims = self.dims.clone();
        let axis = if axis < 0 { axis + dims.len() as i64 + 1 } else { axis };
        dims.insert(axis as usize, 1);
        Ok(Array { dims, data: self.data.clone() })
    }

    pub fn transpose(&self, perm: &[usize]) -> Array {
        let dims: Vec<usize> = perm.iter().map(|axis| self.dims[*axis]).collect();
        let mut from = vec![0; perm.len()];
        Array::new(&dims, |at| {
            perm.iter().zip(at).for_each(|(axis, i)| from[*axis] = *i);
            self.at(&from)
        })
    }

    pub fn gather(&self, indices: &Array, axis: i64) -> Result<Array, Stop> {
        let (axis, n) = (self.axis(axis)?, indices.dims.len());
        if indices.data.iter().any(|i| *i < 0.0 || *i >= self.dims[axis] as f64) {
            return Err(Stop::Fails);
        }
        let dims = [&self.dims[..axis], &indices.dims, &self.dims[axis + 1..]].concat();
        Ok(Array::new(&dims, |at| {
            let i = indices.at(&at[axis..axis + n]) as usize;
            self.at(&[&at[..axis], &[i], &at[axis + n..]].concat())
        }))
    }

    /// From `begin` on; a size of -1 is the rest.
    pub fn slice(&self, begin: &[i64], size: &[i64]) -> Result<Array, Stop> {
        let rest = |axis: usize| self.dims[axis] as i64 - begin[axis];
        let dims: Vec<i64> =
            (0..begin.len()).map(|axis| if size[axis] < 0 { rest(axis) } else { size[axis] }).collect();
        if (0..begin.len()).any(|axis| rest(axis) < 0 || dims[axis] > rest(axis)) {
            return Err(Stop::Fails);
        }
        let dims: Vec<usize> = dims.iter().map(|n| *n as usize).collect();
        Ok(Array::new(&dims, |at| {
            self.at(&at.iter().zip(begin).map(|(i, begin)| i + *begin as usize).collect::<Vec<_>>())
        }))
    }

    /// `n` equal parts.
    pub fn split(&self, axis: i64, n: usize) -> Result<Vec<Array>, Stop> {
        let axis = self.axis(axis)?;
        if !self.dims[axis].is_multiple_of(n) {
            return Err(Stop::Fails);
        }
        let (mut begin, mut size) = (vec![0; self.dims.len()], vec![-1; self.dims.len()]);
        size[axis] = (self.dims[axis] / n) as i64;
        let part = |k: usize| {
            begin[axis] = k as i64 * size[axis];
            self.slice(&begin, &size)
        };
        (0..n).map(part).collect()
    }
}

/// NumPy's rule.
pub fn broadcast(a: &Array, b: &Array, f: impl Fn(f64, f64) -> f64) -> Result<Array, Stop> {
    let rank = a.dims.len().max(b.dims.len());
    let padded = |x: &Array| [vec![1; rank - x.dims.len()], x.dims.clone()].concat();
    let (a_dims, b_dims) = (padded(a), padded(b));
    let dim = |(a, b): (&usize, &usize)| match (*a, *b) {
        (1, n) | (n, 1) => Ok(n),
        (n, m) if n == m => Ok(n),
        _ => Err(Stop::Fails),
    };
    let dims = a_dims.iter().zip(&b_dims).map(dim).collect::<Result<Vec<_>, _>>()?;
    let of = |x: &Array, padded: &[usize], at: &[usize]| {
        let index: Vec<usize> = at.iter().zip(padded).map(|(i, n)| if *n == 1 { 0 } else { *i }).collect();
        x.at(&index[rank - x.dims.len()..])
    };
    Ok(Array::new(&dims, |at| f(of(a, &a_dims, at), of(b, &b_dims, at))))
}

/// One after the other along an axis.
pub fn join(parts: &[Array], axis: i64) -> Result<Array, Stop> {
    let axis = parts[0].axis(axis)?;
    let without = |x: &Array| [&x.dims[..axis], &x.dims[axis + 1..]].concat();
    if parts.iter().any(|part| part.dims.len() != parts[0].dims.len() || without(part) != without(&parts[0])) {
        return Err(Stop::Fails);
    }
    let mut dims = parts[0].dims.clone();
    dims[axis] = parts.iter().map(|part| part.dims[axis]).sum();
    Ok(Array::new(&dims, |at| {
        let (mut at, mut part) = (at.to_vec(), 0);
        while at[axis] >= parts[part].dims[axis] {
            at[axis] -= parts[part].dims[axis];
            part += 1;
        }
        parts[part].at(&at)
    }))
}
