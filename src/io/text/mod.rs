//! Protobuf's text format (`.pbtxt`), for graphs.
//!
//! Text and wire format are converted into each other by a table of TensorFlow's messages ([`schema`]), field by field,
//! so nothing that the table names is lost between them. Both ways nest at most [`MAX_DEPTH`] deep.

mod detect;
mod lex;
mod parse;
mod schema;
mod write;

use prost::bytes::Bytes;

pub(super) use self::detect::is_named_text;
pub use self::detect::is_text;
use crate::error::Result;

/// How deep messages may nest, as in protobuf's own parsers.
const MAX_DEPTH: usize = 100;

/// A binary `GraphDef` as text.
///
/// # Errors
/// `DataLoss` for damaged bytes; `ResourceExhausted` for bytes whose text would be out of all proportion.
pub fn graph_to_text(bytes: &[u8]) -> Result<String> {
    write::write(&schema::GRAPH_DEF, &Bytes::copy_from_slice(bytes))
}

/// A `GraphDef` in text as binary.
///
/// # Errors
/// `DataLoss` with line and column.
pub fn graph_from_text(text: &str) -> Result<Vec<u8>> {
    parse::parse(&schema::GRAPH_DEF, text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::io::{ExportOptions, GraphDef, export_graph_def};
    use crate::io::{ImportOptions, load_graph_def};
    use crate::prelude::*;

    #[track_caller]
    fn refused(text: &str, want: &str) {
        let error = graph_from_text(text).unwrap_err();
        assert!(error.message().contains(want), "{error}");
    }

    #[test]
    fn a_graph_is_written_as_tensorflow_writes_it() {
        let g = Graph::new();
        let x = g.named("x", || g.placeholder(DType::F32, shape![?, 3])).unwrap();
        let _ = g.named("y", || x.relu()).unwrap();
        let def = export_graph_def(&g, &ExportOptions { output_shapes: false }).unwrap();
        let want = r#"node {
  name: "x"
  op: "Placeholder"
  attr {
    key: "dtype"
    value {
      type: DT_FLOAT
    }
  }
  attr {
    key: "shape"
    value {
      shape {
        dim {
          size: -1
        }
        dim {
          size: 3
        }
      }
    }
  }
}
node {
  name: "y"
  op: "Relu"
  input: "x"
  attr {
    key: "T"
    value {
      type: DT_FLOAT
    }
  }
}
versions {
  producer: 134
}
"#;
        assert_eq!(def.to_text().unwrap(), want);
        assert_eq!(graph_from_text(want).unwrap(), def.to_bytes().unwrap());
    }

    #[test]
    fn other_spellings_mean_the_same() {
        let text = r#"
            # A comment; commas, semicolons and angle brackets are as good as what TensorFlow writes.
            node: < name: 'c', op: "Con" "st"; attr { key: "dtype" value { type: 1 } }
              attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 0x3 } }
                float_val: [1.5, -2e0f, -inf] } } } >
            versions { producer: 0206 }"#;
        let def = GraphDef::parse_text(text).unwrap();
        assert_eq!(def.versions.producer, 134);
        let (g, _) = load_graph_def(&def, &ImportOptions::default()).unwrap();
        let got = Session::new(&g).unwrap().run("c:0").unwrap();
        assert_eq!(got.to_string(), "[ 1.5 -2.  -inf]");
    }

    #[test]
    fn texts_escape_and_numbers_keep_their_bits() {
        let text = r#"node { name: "a" attr { key: "s" value { s: "\000\377\n\"\\\x41\?\u00e9" } }
            attr { key: "f" value { f: 1.1754944e-38 } } attr { key: "i" value { i: -9223372036854775808 } }
            attr { key: "l" value { list { f: 0.1 f: nan b: [true, f, 1] type: [DT_HALF, DT_INT32_REF] } } } }"#;
        let bytes = graph_from_text(text).unwrap();
        let again = graph_to_text(&bytes).unwrap();
        assert!(again.contains(r#"s: "\000\377\n\"\\A?\303\251""#), "{again}");
        assert!(again.contains("type: DT_INT32_REF"), "{again}");
        assert_eq!(graph_from_text(&again).unwrap(), bytes);
    }

    #[test]
    fn errors_say_line_and_column() {
        refused("node {\n  nam: \"x\"\n}", "2:3: a NodeDef has no field 'nam'; its nearest is 'name'");
        refused("node { name: 5 }", "1:14: field 'name' must be a string, but is '5'");
        refused("node {\n name: \"x\"", "2:11: the text ends inside of NodeDef");
        refused("node { name: \"x }", "1:14: the string has no end");
        refused("node { name: \"\\q\" }", "1:14: the string has the escape '\\q'");
        refused("versions { producer: 3000000000 }", "1:22: 3000000000 is no int32");
        refused("versions { producer: 1 producer: 2 }", "1:24: field 'producer' stands twice");
        refused("node { attr { value { i: 1 f: 2 } } }", "1:28: an AttrValue has one value, but 'f' is its second");
        refused("node { attr { value { type: DT_FLAOT } } }", "1:29: there is no DataType 'DT_FLAOT'");
        refused("node { attr { value { b: yes } } }", "1:26: field 'b' must be true or false");
        refused("node [", "1:7: field 'node' must be a message in braces, but the text ends");
        refused("}", "1:1: ");
        refused("node { name: \"\\377\" }", "1:14: field 'name' must be UTF-8");
        refused("node { name: [\"x\"] }", "1:14: field 'name' takes one value, not a list");
        let deep = format!("node {{ {}", "attr { value { func { ".repeat(60));
        refused(&deep, "messages nest at most 100 deep");
    }

    #[test]
    fn damaged_bytes_are_refused_by_the_writer() {
        let bytes = graph_from_text("node { name: \"x\" op: \"NoOp\" }").unwrap();
        assert!((1..bytes.len()).all(|len| graph_to_text(bytes.get(..len).unwrap()).is_err()));
        // A number where a message should be.
        assert!(graph_to_text(&[8, 1]).unwrap_err().message().contains("at byte 0"));
        // A field that the table does not have is passed over.
        assert_eq!(graph_to_text(&[0x98, 0x06, 1]).unwrap(), "");
    }
}
