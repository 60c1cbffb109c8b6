//! Which cases there are: single mutations in order, then random combinations, each found by its number.

use std::cell::RefCell;

use sessile::graph::{Effect, OpKind};
use sessile::ops::OPS;

use super::case::{Case, Known, Subject};
use super::mutation::{self, Mutation};
use super::random::Random;

pub struct Series {
    subjects: Vec<Subject>,
    /// The number of the first case of each subject.
    first: Vec<usize>,
    /// The cases with one mutation.
    n_single: usize,
    /// How many cases were asked for; those that found most otherwise.
    count: Option<usize>,
    /// The mutations of the subject that was asked for last.
    last: RefCell<(usize, Vec<Mutation>)>,
}

impl Series {
    /// The cases of the ops whose names are among these words, or of all.
    pub fn of(words: &[String], count: Option<usize>) -> Series {
        let is_wanted = |row: &&&OpKind| {
            row.effect != Effect::Fed && (words.is_empty() || words.iter().any(|word| row.name == word))
        };
        let rows = OPS.iter().flat_map(|family| family.iter()).filter(is_wanted);
        let subjects: Vec<Subject> = rows.flat_map(|row| Subject::all_of(row)).collect();
        let mut series =
            Series { subjects, first: Vec::new(), n_single: 0, count, last: RefCell::new((usize::MAX, Vec::new())) };
        for i in 0..series.subjects.len() {
            series.first.push(series.n_single);
            series.n_single += series.mutations(i).len();
        }
        series
    }

    pub fn len(&self) -> usize {
        self.count.unwrap_or(self.n_single)
    }

    pub fn n_examples(&self) -> usize {
        self.subjects.len()
    }

    fn mutations(&self, i: usize) -> Vec<Mutation> {
        match self.count {
            None => mutation::core(&self.subjects[i]),
            Some(_) => mutation::all(&self.subjects[i]),
        }
    }

    /// What `pick` takes of the mutations of a subject.
    fn with<R>(&self, subject: usize, pick: impl FnOnce(&[Mutation]) -> R) -> R {
        let mut last = self.last.borrow_mut();
        if last.0 != subject {
            *last = (subject, self.mutations(subject));
        }
        pick(&last.1)
    }

    /// The case of a number.
    pub fn case(&self, n: usize) -> Case {
        let mut random = Random::new(n as u64);
        let known = [Known::All, Known::Shape, Known::DType, Known::DType];
        let mut choose = || known[random.below(4)];
        if n < self.n_single {
            let i = self.first.partition_point(|first| *first <= n) - 1;
            let mutations = self.with(i, |all| vec![all[n - self.first[i]].clone()]);
            let known = vec![choose()];
            return Case { subject: self.subjects[i].clone(), mutations, known, with_gradient: random.below(8) == 0 };
        }
        let known = (0..4).map(|_| choose()).collect();
        let i = random.below(self.subjects.len());
        let n_mutations = 1 + random.below(3);
        let pick = |all: &[Mutation]| match all.len() {
            0 => Vec::new(),
            len => (0..n_mutations).map(|_| all[random.below(len)].clone()).collect(),
        };
        let mutations = self.with(i, pick);
        Case { subject: self.subjects[i].clone(), mutations, known, with_gradient: random.below(8) == 0 }
    }
}
