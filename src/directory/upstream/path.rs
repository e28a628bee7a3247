//! Where a value is in the identity provider's JSON: names with dots between.
//!
//! `emails.value` is the `value` of `emails`. A name that has a dot itself stands in double quotes, as in
//! `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User".department`. Names compare without regard to case (RFC
//! 7643, 2.1). Lists are gone through, one below the other, and where a path ends at an object, its `value` is meant (RFC
//! 7643, 2.4): `emails` finds both `["a@example.com"]` and `[{ "value": "a@example.com" }]`.

use serde_json::Value;

/// What is meant by an object.
const VALUE: &str = "value";

/// The names of a path, each below the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<String>);

impl Path {
    /// Reads a path; `None` where it is none: a name is empty, or a quotation mark is where it cannot be.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (mut names, mut rest) = (Vec::new(), text);
        loop {
            let (name, after) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
            };
            if name.is_empty() || name.contains('"') {
                return None;
            }
            names.push(name.to_owned());
            match after.strip_prefix('.') {
                Some(more) => rest = more,
                None if after.is_empty() => return Some(Self(names)),
                None => return None,
            }
        }
    }

    /// Every value at the path, as text; numbers and booleans as JSON writes them.
    pub(super) fn all(&self, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        gather(value, &self.0, &mut found);
        found
    }
}

fn gather(value: &Value, names: &[String], found: &mut Vec<String>) {
    match (value, names) {
        (Value::Array(items), _) => items.iter().for_each(|item| gather(item, names, found)),
        (Value::Object(_), [name, rest @ ..]) => {
            if let Some(below) = member(value, name) {
                gather(below, rest, found);
            }
        }
        (Value::Object(_), []) => {
            // No object in an object: that would be another attribute's.
            match member(value, VALUE) {
                None | Some(Value::Object(_) | Value::Array(_)) => {}
                Some(plain) => gather(plain, &[], found),
            }
        }
        (Value::String(text), []) => found.push(text.clone()),
        (Value::Number(number), []) => found.push(number.to_string()),
        (Value::Bool(flag), []) => found.push(flag.to_string()),
        (_, _) => {}
    }
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_is_names_with_dots_between() {
        for (text, expected) in [
            ("id", Some(&["id"][..])),
            ("name.familyName", Some(&["name", "familyName"])),
            (r#""urn:x:2.0:User".department"#, Some(&["urn:x:2.0:User", "department"])),
            (r#"a."b.c""#, Some(&["a", "b.c"])),
            (r#""a b""#, Some(&["a b"])),
            ("", None),
            (".", None),
            ("a.", None),
            (".a", None),
            ("a..b", None),
            (r#""a"#, None),
            (r#""""#, None),
            (r#""a"b"#, None),
            (r#"a"b"#, None),
        ] {
            let expected = expected.map(|names| Path(names.iter().map(|name| (*name).to_owned()).collect()));
            assert_eq!(Path::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_at_a_path_is_flat_text() {
        let user = json!({
            "id": "9f0c",
            "userName": "alice",
            "active": true,
            "age": 7,
            "nothing": null,
            "emails": ["a@example.com", { "type": "work", "value": "b@example.com" }],
            "groups": [{ "display": "PRIMARY/staff", "value": "1" }, { "display": "admins" }],
            "deep": [{ "b": [{ "c": "1" }, { "c": ["2", "3"] }] }, "4"],
            "name": { "familyName": "Liddell" },
            "odd": { "value": { "value": "no" } },
            "urn:x:2.0:User": { "department": "tea", "manager": { "displayName": "hatter" } },
        });
        for (path, expected) in [
            ("id", &["9f0c"][..]),
            ("username", &["alice"]),
            ("active", &["true"]),
            ("age", &["7"]),
            ("nothing", &[]),
            ("absent", &[]),
            ("emails", &["a@example.com", "b@example.com"]),
            ("emails.value", &["b@example.com"]),
            ("groups", &["1"]),
            ("groups.display", &["PRIMARY/staff", "admins"]),
            ("deep.b.c", &["1", "2", "3"]),
            ("name", &[]),
            ("odd", &[]),
            ("name.familyName", &["Liddell"]),
            ("name.familyName.more", &[]),
            (r#""urn:x:2.0:User".department"#, &["tea"]),
            (r#""URN:X:2.0:user".manager.displayName"#, &["hatter"]),
        ] {
            assert_eq!(Path::parse(path).unwrap().all(&user), expected, "{path}");
        }
        assert!(Path::parse("id").unwrap().all(&json!("text")).is_empty());
    }
}
