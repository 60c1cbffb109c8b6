//! Whether a file is text or binary.

use std::path::Path;

/// Whether a graph's file holds text. Its content tells, and its name where that could be either.
pub fn is_text(path: &Path, bytes: &[u8]) -> bool {
    starts_as_text(bytes) || is_named_text(path) && !has_control_bytes(bytes)
}

/// Whether a file is to hold text: one whose name ends in `.pbtxt`.
pub(in crate::io) fn is_named_text(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pbtxt"))
}

/// Whether bytes begin with a field of a text, `node {`, behind blanks and comments. A binary graph never does: keys of its
/// fields and lengths of nodes and names may look like blanks, letters and brackets, but nothing in it looks like a word of
/// several letters with a bracket behind it.
fn starts_as_text(bytes: &[u8]) -> bool {
    let word = skip_blanks(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let len = word.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'_').count();
    let (_, rest) = word.split_at(len);
    len > 1 && matches!(skip_blanks(rest).first(), Some(b'{' | b'<' | b':' | b'['))
}

fn skip_blanks(mut bytes: &[u8]) -> &[u8] {
    loop {
        bytes = bytes.trim_ascii_start();
        match bytes.first() {
            Some(b'#') => {
                bytes =
                    bytes.iter().position(|byte| *byte == b'\n').and_then(|end| bytes.get(end..)).unwrap_or_default()
            }
            _ => return bytes,
        }
    }
}

/// Whether there are bytes that only a binary file has.
fn has_control_bytes(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| byte.is_ascii_control() && !matches!(byte, b'\t'..=b'\r' | 0x7f))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::io::GraphDef;

    /// What a graph of one node is read from, under a name that says nothing and one that says text.
    #[track_caller]
    fn check(bytes: &[u8], want: &str) {
        for name in ["graph.pb", "graph.pbtxt"] {
            let folder = std::env::temp_dir().join(format!("sessile-read-{}-{}", std::process::id(), want.len()));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(name), bytes).unwrap();
            let read = GraphDef::read(folder.join(name));
            std::fs::remove_dir_all(&folder).unwrap();
            assert_eq!(read.unwrap().nodes.first().map_or("", |node| node.name.as_str()), want, "{name}");
        }
    }

    #[test]
    fn the_content_tells_text_from_binary() {
        check(b"node { name: 'a' op: 'NoOp' }", "a");
        check(b"\xef\xbb\xbf \r\n# node\n\n\tnode: <name: 'bc' op: 'NoOp'>", "bc");
        check(b"versions\n{ }  node [{ name: 'cde' op: 'NoOp' }]", "cde");
        // Lengths and keys that are blanks, letters and signs of comments in a text.
        for name in [
            "abcd",
            "n",
            "node",
            "node {",
            "x23456789",
            "#",
            "\n#n {",
            &"x".repeat(23),
            &"y".repeat(58),
            &"z".repeat(91),
        ] {
            for op in ["NoOp", "Identity", "ReadVariableOp", "Placeholder"] {
                let def = GraphDef::parse_text(&format!("node {{ name: {name:?} op: '{op}' }}")).unwrap();
                check(&def.to_bytes().unwrap(), name);
            }
        }
        check(&[0x18, 134, 1], "");
    }
}
