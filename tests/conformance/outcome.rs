//! What became of a case, and how a child process tells its parent.

use serde_json::{Value as Json, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Passed,
    Failed,
    Unsupported,
}

#[derive(Debug, Clone)]
pub struct Outcome {
    pub case: String,
    pub status: Status,
    /// Why it failed or was left out.
    pub reason: String,
    /// Unsupported ops.
    pub ops: Vec<String>,
    /// Outputs whose inferred shape contradicts TensorFlow's, says less, says more.
    pub conflicts: usize,
    pub less: usize,
    pub more: usize,
    /// The first of these outputs.
    pub shape_notes: Vec<String>,
}

impl Outcome {
    pub fn new(case: &str) -> Outcome {
        Outcome {
            case: case.to_owned(),
            status: Status::Passed,
            reason: String::new(),
            ops: Vec::new(),
            conflicts: 0,
            less: 0,
            more: 0,
            shape_notes: Vec::new(),
        }
    }

    pub fn failed(case: &str, reason: impl Into<String>) -> Outcome {
        Outcome { status: Status::Failed, reason: reason.into(), ..Outcome::new(case) }
    }

    pub fn unsupported(case: &str, reason: impl Into<String>, ops: Vec<String>) -> Outcome {
        Outcome { status: Status::Unsupported, reason: reason.into(), ops, ..Outcome::new(case) }
    }

    /// The lines of the report; empty where there is nothing to say.
    pub fn notes(&self) -> String {
        let status = match self.status {
            Status::Passed => None,
            Status::Failed => Some(format!("failed: {}", self.reason)),
            Status::Unsupported => Some(format!("unsupported: {} {}", self.ops.join(" "), self.reason)),
        };
        status.into_iter().chain(self.shape_notes.iter().cloned()).collect::<Vec<_>>().join("\n    ")
    }

    pub fn to_json(&self) -> String {
        let status = match self.status {
            Status::Passed => "passed",
            Status::Failed => "failed",
            Status::Unsupported => "unsupported",
        };
        json!({
            "case": self.case, "status": status, "reason": self.reason, "ops": self.ops, "conflicts": self.conflicts,
            "less": self.less, "more": self.more, "shape_notes": self.shape_notes,
        })
        .to_string()
    }

    pub fn from_json(line: &str) -> Option<Outcome> {
        let json: Json = serde_json::from_str(line).ok()?;
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        let texts = |name: &str| {
            let list = json[name].as_array().into_iter().flatten();
            list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
        };
        let number = |name: &str| json[name].as_u64().unwrap_or(0) as usize;
        Some(Outcome {
            case: text("case"),
            status: match json["status"].as_str()? {
                "passed" => Status::Passed,
                "failed" => Status::Failed,
                _ => Status::Unsupported,
            },
            reason: text("reason"),
            ops: texts("ops"),
            conflicts: number("conflicts"),
            less: number("less"),
            more: number("more"),
            shape_notes: texts("shape_notes"),
        })
    }
}
