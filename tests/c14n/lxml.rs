//! Canonicalisation as libxml2 does it for Python's lxml, all documents in one process.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::documents::Case;
use crate::{file, skip};

/// Reads cases, a JSON object a line; writes what lxml makes of each, a JSON string a line.
const PROGRAM: &str = r#"
import json, sys
from lxml import etree

# lxml leaves out of a PrefixList what it has never seen as a name or namespace.
etree.fromstring("<e xmlns='#default'/>", etree.XMLParser(recover=True))

with open(sys.argv[1], encoding="utf-8") as cases, open(sys.argv[2], "w", encoding="utf-8") as results:
    for line in cases:
        case = json.loads(line)
        root = etree.fromstring(case["xml"].encode())
        elements = list(root.iter("*"))
        apex = elements[case["apex"]]
        if case["without"] is not None:
            left_out = elements[case["without"]]
            parent, before, tail = left_out.getparent(), left_out.getprevious(), left_out.tail or ""
            if before is not None:
                before.tail = (before.tail or "") + tail
            else:
                parent.text = (parent.text or "") + tail
            parent.remove(left_out)
        canonical = etree.tostring(
            apex,
            method="c14n",
            exclusive=True,
            with_comments=case["with_comments"],
            inclusive_ns_prefixes=case["prefixes"],
            with_tail=False,
        )
        results.write(json.dumps(canonical.decode()) + "\n")
"#;

/// The canonical forms, in order. `None` without a Python that has lxml.
pub fn canonical_all(cases: &[Case]) -> Option<Vec<Vec<u8>>> {
    let Some(python) = python() else {
        skip("no Python with lxml");
        return None;
    };
    let (asked, answered) = (file("lxml-cases"), file("lxml-results"));
    let lines: Vec<String> = cases.iter().map(|case| line(case).to_string()).collect();
    fs::write(&asked, lines.join("\n")).unwrap();
    let done = Command::new(python).arg("-c").arg(PROGRAM).args([&asked, &answered]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let answers = fs::read_to_string(answered).unwrap();
    Some(answers.lines().map(|line| serde_json::from_str::<String>(line).unwrap().into_bytes()).collect())
}

fn line(case: &Case) -> Value {
    json!({
        "xml": case.text(),
        "apex": case.apex,
        "without": case.without,
        "with_comments": case.with_comments,
        "prefixes": case.prefixes,
    })
}

/// The one that the peers' tests install, or the system's.
fn python() -> Option<String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let own = target.join("peers/venv/bin/python").to_string_lossy().into_owned();
    let has_lxml = |python: &String| {
        Command::new(python).args(["-c", "import lxml"]).output().is_ok_and(|output| output.status.success())
    };
    [own, "python3".to_owned()].into_iter().find(has_lxml)
}
