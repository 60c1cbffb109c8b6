//! The attributes of a node of a file by name: a map that has no room for more, because files have nodes by the million.

use std::collections::BTreeMap;

use super::proto::AttrProto;

/// Attributes in the order of their names.
#[derive(Debug, Clone, Default)]
pub(super) struct AttrMap(Box<[(String, AttrProto)]>);

impl AttrMap {
    pub(super) fn get(&self, name: &str) -> Option<&AttrProto> {
        let place = self.0.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        self.0.get(place).map(|(_, attr)| attr)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &AttrProto)> {
        self.0.iter().map(|(name, attr)| (name, attr))
    }

    /// Keeps those attributes whose names fit.
    pub(super) fn retain(&mut self, fits: impl Fn(&str) -> bool) {
        let all = std::mem::take(&mut self.0).into_vec();
        self.0 = all.into_iter().filter(|(name, _)| fits(name)).collect();
    }
}

impl From<BTreeMap<String, AttrProto>> for AttrMap {
    fn from(map: BTreeMap<String, AttrProto>) -> AttrMap {
        AttrMap(map.into_iter().collect())
    }
}

impl From<AttrMap> for BTreeMap<String, AttrProto> {
    fn from(map: AttrMap) -> BTreeMap<String, AttrProto> {
        map.0.into_iter().collect()
    }
}
