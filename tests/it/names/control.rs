//! Branches and loops, against the nodes of TF1's first control flow: what is inside of bodies comes where TF1 has it,
//! and the frame around it (Switch, Enter, NextIteration and the like) is one node here.

use std::sync::Arc;

use sessile::graph::{AttrValue, Body, Node};
use sessile::prelude::*;

use super::{GOLDEN, Program, fields};

type Built = sessile::Result<()>;

const PROGRAMS: &[(&str, Program)] = &[
    ("control_branches", control_branches),
    ("control_cases", control_cases),
    ("control_loops", control_loops),
    ("control_maps", control_maps),
    ("control_rows", control_rows),
];

pub fn names() -> impl Iterator<Item = &'static str> {
    PROGRAMS.iter().map(|(name, _)| *name)
}

#[test]
fn bodies_have_the_nodes_of_tensorflow_in_its_order() {
    for (name, build) in PROGRAMS {
        let g = Graph::new();
        build(&g).unwrap();
        let mut all = Vec::new();
        g.nodes().for_each(|node| list(node, &mut all));
        let lines: Vec<_> = GOLDEN.lines().map(fields).filter(|line| line[0] == *name).collect();
        let is_frame = frames(lines.iter().map(|line| (line[1], line[2])));
        let without_frames = |nodes: Vec<(String, String)>| -> Vec<String> {
            let kept = nodes.into_iter().filter(|(name, op)| !is_frame(name, op));
            kept.map(|(name, op)| format!("{name} {}", as_here(&op))).collect()
        };
        let want = without_frames(lines.iter().map(|line| (line[1].to_owned(), line[2].to_owned())).collect());
        let (mut got, mut want) = (without_frames(all), want);
        if *name == "control_maps" {
            // The arrays of results are made when the closure has said what they are.
            got.sort();
            want.sort();
        }
        for (got, want) in got.iter().zip(&want) {
            assert_eq!(got, want, "{name}");
        }
        assert_eq!(got.len(), want.len(), "{name}");
    }
}

/// What joins branches, and what a loop leaves, are outputs of one node here.
fn as_here(op: &str) -> &str {
    if ["Merge", "Exit"].contains(&op) { "Identity" } else { sessile::ops::find(op).map_or(op, |row| row.name) }
}

/// Name and op of a node and of what is in its bodies, which comes first.
fn list(node: &Node, all: &mut Vec<(String, String)>) {
    let mut bodies: Vec<Arc<Body>> = Vec::new();
    for (_, attr) in node.op().attrs() {
        match attr {
            AttrValue::Body(body) => bodies.push(body),
            AttrValue::Bodies(more) => bodies.extend(more),
            _ => {}
        }
    }
    bodies.iter().flat_map(|body| body.graph().nodes()).for_each(|node| list(node, all));
    let op = node.op().kind().name;
    if bodies.is_empty() && op != "_Arg" {
        all.push((node.name().to_owned(), op.to_owned()));
    }
}

/// Which nodes of TF1 only make the frame of a branch or a loop.
fn frames<'a>(nodes: impl Iterator<Item = (&'a str, &'a str)>) -> impl Fn(&str, &str) -> bool {
    let loops: Vec<String> = nodes
        .filter(|(_, op)| *op == "LoopCond")
        .map(|(name, _)| name.trim_end_matches("LoopCond").to_owned())
        .collect();
    move |name, op| {
        let (scope, last) = name.split_at(name.rfind('/').map_or(0, |at| at + 1));
        let stem = last.trim_end_matches(|c: char| c == '_' || c.is_ascii_digit());
        let is_loop_var = ["Merge", "Identity"].contains(&stem) && loops.iter().any(|of| of == scope);
        ["Enter", "NextIteration", "LoopCond", "Switch"].contains(&op)
            || ["switch_t", "switch_f", "pred_id"].contains(&last)
            || is_loop_var
            // A text that TF1 makes only to look at its dtype: bodies leave out what nobody needs.
            || name.contains("/cond/Assert") && last == "Const"
    }
}

fn control_branches(g: &Graph) -> Built {
    let (x, p) = (super::x(g, shape![3])?, super::bools(g, shape![])?);
    let _ = g.cond(&p, || &x * 2.0, || &x + 1.0)?;
    let _ = g.named("choose", || g.cond(&p, || Ok((&x, g.constant(1.0))), || Ok((x.square(), g.constant(2.0)))))?;
    let inner = || g.cond(&p, || &x * 2.0, || &x * 3.0);
    let _ = g.cond(&p, inner, || g.random_uniform(shape![3]))?;
    Ok(())
}

fn control_cases(g: &Graph) -> Built {
    let x = super::x(g, shape![])?;
    let (one, two) = (x.less(1.0)?, x.greater(2.0)?);
    let _ = g.case(&[(&one, &|| Ok(x.clone())), (&two, &|| &x * 2.0)], Some(&|| &x * 3.0))?;
    let _ = g.case_exclusive(&[(&one, &|| Ok(x.clone())), (&two, &|| &x * 2.0)], None)?;
    let _ = g.named("alone", || g.case_exclusive(&[(&one, &|| Ok(x.clone()))], Some(&|| &x * 3.0)))?;
    Ok(())
}

fn control_loops(g: &Graph) -> Built {
    let n = super::ints(g, shape![])?;
    let x = super::x(g, shape![2])?;
    let _ = g.while_loop(g.constant(0)?, |i| i.less(&n), |i| &i + 1)?;
    let options = |turns| WhileOptions { maximum_iterations: Some(turns), ..WhileOptions::default() };
    let _ = g.while_loop_with(
        (g.constant(0)?, &x),
        |(i, _)| i.less(&n),
        |(i, y)| Ok((&i + 1, &y * &x)),
        &options(5.into()),
    )?;
    let deeper = |y: &Tensor| g.while_loop(y, |j| j.index(0)?.less(9.0), |j| &j * 2.0);
    let turn = |(i, y): (Tensor, Tensor)| Ok((&i + 1, g.cond(i.less(2), || &y * &x, || deeper(&y))));
    let start = (g.constant(0)?, x.clone());
    let _ = g.named("outer", || g.while_loop_with(start, |(i, _)| i.less(&n), turn, &options((&n).into())))?;
    Ok(())
}

fn control_maps(g: &Graph) -> Built {
    let (x, k) = (super::x(g, shape![?, 3])?, super::ints(g, shape![4, 2])?);
    let _ = g.map_fn(&x, |row| &row * 2.0)?;
    let _ = g.named("two", || g.map_fn((&k, &k), |(a, b)| Ok((&a * 2, &b + 1))))?;
    Ok(())
}

fn control_rows(g: &Graph) -> Built {
    let (x, k) = (super::x(g, shape![?, 3])?, super::ints(g, shape![4, 2])?);
    let start = g.constant([0.0f32; 3])?;
    let add = |a: Tensor, row: Tensor| a + row;
    let _ = (g.foldl(&x, add)?, g.foldl(&k, add)?, g.foldl_from(&start, &x, add)?);
    let _ = (g.foldr(&x, add)?, g.foldr(&k, add)?, g.foldr_from(&start, &x, add)?);
    let _ = (g.scan(&x, add)?, g.scan(&k, add)?, g.scan_from(&start, &x, add)?);
    let _ = (g.scan_reversed(&x, add)?, g.scan_reversed(&k, add)?, g.scan_reversed_from(&start, &x, add)?);
    Ok(())
}

/// The op seeds of random ops depend on how many nodes were made before: frames count, too.
#[test]
fn streams_are_those_of_tensorflow_in_bodies_and_after_them() {
    let g = Graph::new();
    g.set_random_seed(7);
    seeded(&g).unwrap();
    let mut seeds = Vec::new();
    g.nodes().for_each(|node| seeds_of(node, &mut seeds));
    // Run on TensorFlow 1.15.5.
    let want = [
        ("cond/random_uniform/RandomUniform", 17),
        ("cond/random_uniform_1/RandomUniform", 25),
        ("random_uniform/RandomUniform", 35),
        ("cond_1/cond/random_uniform/RandomUniform", 51),
        ("random_uniform_1/RandomUniform", 69),
        ("while/random_uniform/RandomUniform", 92),
        ("random_uniform_2/RandomUniform", 106),
        ("while_1/cond/random_uniform/RandomUniform", 143),
        ("while_1/cond/random_uniform_1/RandomUniform", 152),
        ("random_uniform_3/RandomUniform", 169),
        ("foldl/while/random_uniform/RandomUniform", 216),
        ("random_uniform_4/RandomUniform", 232),
        ("scan/while/random_uniform/RandomUniform", 287),
        ("random_uniform_5/RandomUniform", 312),
        ("map/while/random_uniform/RandomUniform", 358),
        ("random_uniform_6/RandomUniform", 381),
        ("switch_case/indexed_case/random_uniform/RandomUniform", 3),
        ("random_uniform_7/RandomUniform", 390),
        ("random_uniform_8/RandomUniform", 408),
    ];
    assert_eq!(seeds.iter().map(|(name, seed)| (name.as_str(), *seed)).collect::<Vec<_>>(), want);
}

fn seeds_of(node: &Node, all: &mut Vec<(String, i64)>) {
    for (name, attr) in node.op().attrs() {
        match attr {
            AttrValue::Body(body) => body.graph().nodes().for_each(|node| seeds_of(node, all)),
            AttrValue::Bodies(bodies) => {
                bodies.iter().for_each(|body| body.graph().nodes().for_each(|node| seeds_of(node, all)))
            }
            AttrValue::Int(seed) if name == "seed2" => all.push((node.name().to_owned(), seed)),
            _ => {}
        }
    }
}

fn seeded(g: &Graph) -> Built {
    let random = || g.random_uniform(shape![2]);
    let one = || g.random_uniform(shape![]);
    let (x, p, n) = (super::x(g, shape![2])?, super::bools(g, shape![])?, super::ints(g, shape![])?);
    let v = g.variable([1.0f32, 2.0])?;
    let _ = g.cond(&p, || &x * 2.0 + random()?, || random()? + &x)?;
    let _ = random()?;
    let _ = g.cond(&p, || g.cond(&p, || random()? + &v, || Ok(&x)), || &v * &v + &x)?;
    let _ = random()?;
    let _ =
        g.while_loop((g.constant(0)?, &x), |(i, _)| i.less(&n), |(i, y)| Ok((&i + 1, &y * &x + (random()? * &v)?)))?;
    let _ = random()?;
    let options = WhileOptions { maximum_iterations: Some(4.into()), ..WhileOptions::default() };
    let start = (g.constant(0)?, x.clone());
    let turn = |(i, y): (Tensor, Tensor)| Ok((&i + 1, g.cond(&p, || &y + random()?, || random()? * &x)));
    let _ = g.while_loop_with(start, |(i, _)| i.less(&n), turn, &options)?;
    let _ = random()?;
    let _ = (g.foldl(&x, |a, row| &a * &row + one()?)?, random()?);
    let _ = (g.scan_reversed(&x, |a, row| &a * &row + one()?)?, random()?);
    let _ = (g.map_fn(&x, |row| &row * one()?)?, random()?);
    let _ = (g.switch_case(&n, &[&|| random(), &|| Ok(x.clone())], None)?, random()?);
    let _ = (g.cond(&p, || v.assign(&x), || g.no_op())?, random()?);
    Ok(())
}
