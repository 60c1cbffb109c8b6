//! Which frame each node is in: that of what its inputs put out.

use std::collections::{HashMap, VecDeque};

use super::edge::{Nodes, Part, frame_name, part};
use super::too_deep;
use crate::error::{Error, Result, escape};
use crate::graph::MAX_NESTING;

/// A frame; the first one of a graph is what lies outside of all loops.
pub(super) struct Frame {
    pub(super) name: String,
    pub(super) parent: usize,
    depth: usize,
    /// The nodes that lead to it, in the order of the file.
    pub(super) enters: Vec<usize>,
}

/// The frames of a graph.
pub(super) struct Frames {
    frames: Vec<Frame>,
    /// The frame that the inputs of each node are in; none for a node that nothing leads to.
    home: Vec<Option<usize>>,
    /// The frame that its outputs are in.
    out: Vec<Option<usize>>,
}

impl Frames {
    /// The wanted nodes of each frame, in the order of the file. What nothing leads to counts as outside.
    pub(super) fn members(&self, wanted: &[bool]) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.frames.len()];
        for (place, home) in self.home.iter().enumerate().filter(|(place, _)| wanted.get(*place) == Some(&true)) {
            members.get_mut(home.unwrap_or(0)).into_iter().for_each(|members| members.push(place));
        }
        members
    }

    /// All frames but the outermost, by number, each before the one that it is in.
    pub(super) fn innermost_first(&self) -> Vec<(usize, &Frame)> {
        let mut order: Vec<(usize, &Frame)> = self.frames.iter().enumerate().skip(1).collect();
        order.sort_by_key(|(_, frame)| std::cmp::Reverse(frame.depth));
        order
    }

    fn parent(&self, frame: usize) -> usize {
        self.frames.get(frame).map_or(0, |frame| frame.parent)
    }

    fn home(&self, place: usize) -> Option<usize> {
        self.home.get(place).copied().flatten()
    }

    fn out(&self, place: usize) -> Option<usize> {
        self.out.get(place).copied().flatten()
    }

    fn place(&mut self, place: usize, home: usize, out: usize) {
        self.home.get_mut(place).into_iter().for_each(|place| *place = Some(home));
        self.out.get_mut(place).into_iter().for_each(|place| *place = Some(out));
    }
}

/// Finds the frame of each wanted node.
///
/// # Errors
/// `InvalidArgument` for an `Enter` without a frame, for frames that nest too deep, and for a node with inputs from
/// different frames.
pub(super) fn frames(nodes: &Nodes, wanted: &[bool]) -> Result<Frames> {
    let mut search = Search::new(nodes, wanted);
    while let Some((place, home)) = search.next() {
        search.visit(place, home)?;
    }
    let Search { mut frames, .. } = search;
    frames.frames.iter_mut().for_each(|frame| frame.enters.sort_unstable());
    check(nodes, &frames)?;
    Ok(frames)
}

struct Search<'a> {
    nodes: &'a Nodes,
    frames: Frames,
    by_name: HashMap<(usize, Vec<u8>), usize>,
    /// Who uses each node, and whether it only waits for it.
    users: Vec<Vec<(usize, bool)>>,
    /// Nodes and the frame that an input says: data says it better than what is waited for.
    by_data: VecDeque<(usize, usize)>,
    by_control: VecDeque<(usize, usize)>,
}

impl<'a> Search<'a> {
    fn new(nodes: &'a Nodes, wanted: &[bool]) -> Search<'a> {
        let outside = Frame { name: String::new(), parent: 0, depth: 0, enters: Vec::new() };
        let frames = Frames { frames: vec![outside], home: vec![None; nodes.len()], out: vec![None; nodes.len()] };
        let mut users = vec![Vec::new(); nodes.len()];
        let mut by_data = VecDeque::new();
        for place in (0..nodes.len()).filter(|place| wanted.get(*place) == Some(&true)) {
            let mut is_source = true;
            for (edge, input) in nodes.edges(place) {
                match input {
                    Some(input) => {
                        users.get_mut(input).into_iter().for_each(|users| users.push((place, edge.is_control)))
                    }
                    // Arguments of functions come from outside.
                    None if !edge.is_control => by_data.push_back((place, 0)),
                    None => {}
                }
                is_source &= input.is_none();
            }
            if is_source {
                by_data.push_back((place, 0));
            }
        }
        Search { nodes, frames, by_name: HashMap::new(), users, by_data, by_control: VecDeque::new() }
    }

    /// The next node whose frame is now known.
    fn next(&mut self) -> Option<(usize, usize)> {
        loop {
            let next = self.by_data.pop_front().or_else(|| self.by_control.pop_front())?;
            if self.frames.home(next.0).is_none() {
                return Some(next);
            }
        }
    }

    fn visit(&mut self, place: usize, home: usize) -> Result<()> {
        let out = match self.nodes.get(place).map(|node| part(&node.op)) {
            Some(Part::Enter) => self.enter(place, home)?,
            Some(Part::Exit) => self.frames.parent(home),
            _ => home,
        };
        self.frames.place(place, home, out);
        for (user, is_control) in self.users.get(place).into_iter().flatten() {
            let queue = if *is_control { &mut self.by_control } else { &mut self.by_data };
            queue.push_back((*user, out));
        }
        Ok(())
    }

    /// The frame that an `Enter` leads to.
    fn enter(&mut self, place: usize, parent: usize) -> Result<usize> {
        let Some(node) = self.nodes.get(place) else { return Ok(parent) };
        let nameless = || Error::invalid(format!("'{}' ({}) must have a frame_name", escape(&node.name), node.op));
        let name = frame_name(node).ok_or_else(nameless)?;
        let frames = &mut self.frames.frames;
        let frame = match self.by_name.get(&(parent, name.to_vec())) {
            Some(known) => *known,
            None => {
                let depth = frames.get(parent).map_or(0, |frame| frame.depth) + 1;
                if depth > MAX_NESTING {
                    return Err(too_deep());
                }
                let text = String::from_utf8_lossy(name).into_owned();
                frames.push(Frame { name: text, parent, depth, enters: Vec::new() });
                self.by_name.insert((parent, name.to_vec()), frames.len() - 1);
                frames.len() - 1
            }
        };
        frames.get_mut(frame).into_iter().for_each(|frame| frame.enters.push(place));
        Ok(frame)
    }
}

/// All inputs of a node must be in one frame.
fn check(nodes: &Nodes, frames: &Frames) -> Result<()> {
    for (place, home) in frames.home.iter().enumerate() {
        let (Some(node), Some(home)) = (nodes.get(place), home) else { continue };
        if part(&node.op) == Part::Exit && *home == 0 {
            return Err(Error::invalid(format!("'{}' ({}) is in no loop", escape(&node.name), node.op)));
        }
        for (edge, input) in nodes.edges(place) {
            let Some(other) = input.and_then(|input| frames.out(input)).filter(|out| out != home) else { continue };
            let frame = |frame: usize| frames.frames.get(frame).map(|frame| escape(&frame.name)).unwrap_or_default();
            let text = format!(
                "the node '{}' has inputs from different frames: the input '{}' is in frame '{}', others are in frame '{}'",
                escape(&node.name),
                escape(edge.name),
                frame(other),
                frame(*home)
            );
            return Err(Error::invalid(text));
        }
    }
    Ok(())
}
