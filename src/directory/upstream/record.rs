//! From a user's own record to an [`Entry`].

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::name;
use super::path::Path;
use crate::config::{DirectoryConfig, ImmutableIdEncoding, UpstreamDirectoryConfig};
use crate::directory::OpenError;
use crate::model::{AttributeValue, Attributes, Entry};

/// Knows where what is in a record.
pub(super) struct RecordReader {
    name: Path,
    upn: Path,
    /// The first that there is counts.
    immutable_id: Vec<Path>,
    encoding: ImmutableIdEncoding,
    groups: Path,
    /// By the name that relying parties release it by.
    released: Vec<(String, Path)>,
}

impl RecordReader {
    pub(super) fn new(config: &DirectoryConfig, upstream: &UpstreamDirectoryConfig) -> Result<Self, OpenError> {
        let path = |key: &str, text: &str| {
            Path::parse(text).ok_or_else(|| {
                let problem = format!("{text:?} is no path");
                let help = "write names with dots between, such as name.familyName, and in double quotes those that have a dot";
                OpenError::new(&config.name, format!("upstream.attributes.{key}"), problem, help)
            })
        };
        let mut released = Vec::new();
        for (name, text) in &upstream.named {
            released.push((name.clone(), path(&format!("named.{name}"), text)?));
        }
        for name in &config.released {
            let named = upstream.named.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
            // What is no path is found nowhere, as an attribute that nobody has.
            if let Some(path) = Path::parse(name).filter(|_| !named) {
                released.push((name.clone(), path));
            }
        }
        let ids = config.attributes.immutable_id.iter().map(|text| path("immutable_id", text));
        Ok(Self {
            name: path("name", &upstream.name)?,
            upn: path("upn", &config.attributes.upn)?,
            immutable_id: ids.collect::<Result<_, _>>()?,
            encoding: upstream.immutable_id_encoding,
            groups: path("groups", &config.attributes.groups)?,
            released,
        })
    }

    /// The entry with all that the record says; `None` where it is not the record of who was asked for.
    pub(super) fn entry(&self, asked: &Entry, record: &Value) -> Option<Arc<Entry>> {
        if !self.name.all(record).iter().any(|answered| name::is_about(answered, &asked.bind_name)) {
            return None;
        }
        let mut attributes = Attributes::default();
        for (name, path) in &self.released {
            path.all(record).into_iter().for_each(|value| attributes.add(name, AttributeValue::Text(value)));
        }
        let first = |path: &Path| path.all(record).into_iter().find(|value| !value.is_empty());
        Some(Arc::new(Entry {
            upn: first(&self.upn),
            immutable_id: self.immutable_id.iter().find_map(first).and_then(|id| match self.encoding {
                ImmutableIdEncoding::Text => Some(id),
                ImmutableIdEncoding::Guid => guid(&id).map(|octets| STANDARD.encode(octets)),
            }),
            groups: self.groups.all(record),
            attributes,
            ..asked.clone()
        }))
    }
}

/// The octets of a UUID in the order that Microsoft's GUIDs have: the first three fields little-endian.
fn guid(text: &str) -> Option<[u8; 16]> {
    let text = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text.trim());
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    if lengths != [8, 4, 4, 4, 12] || !text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        return None;
    }
    let [a, b, c, d, e, f, g, h, rest @ ..] = u128::from_str_radix(&text.replace('-', ""), 16).ok()?.to_be_bytes();
    let [i, j, k, l, m, n, o, p] = rest;
    Some([d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::directory::upstream::testing;
    use crate::model::EntryId;

    fn asked(name: &str) -> Entry {
        Entry {
            id: EntryId { directory: "idp".into(), entry: name::counted(name).into() },
            bind_name: name.into(),
            upn: None,
            immutable_id: None,
            groups: Vec::new(),
            attributes: Attributes::default(),
            own_count: None,
        }
    }

    fn reader(
        change: impl FnOnce(&mut DirectoryConfig, &mut UpstreamDirectoryConfig),
    ) -> Result<RecordReader, OpenError> {
        let (mut config, mut upstream) = testing::config(Vec::new());
        change(&mut config, &mut upstream);
        RecordReader::new(&config, &upstream)
    }

    #[test]
    fn a_record_becomes_an_entry() {
        let record = json!({
            "id": "00112233-4455-6677-8899-aabbccddeeff",
            "userName": "JDBC/Alice",
            "emails": ["alice@example.com", { "type": "home", "value": "a@home.example" }],
            "groups": [{ "display": "O365-Users", "value": "1" }, { "display": "PRIMARY/staff" }],
            "name": { "givenName": "Alice" },
        });
        let reader = reader(|config, upstream| {
            config.attributes.upn = "emails".to_owned();
            config.released = ["mail", "name.givenName", "not a path."].map(str::to_owned).to_vec();
            upstream.named = vec![("mail".to_owned(), "emails".to_owned())];
            upstream.immutable_id_encoding = ImmutableIdEncoding::Guid;
        });
        let entry = reader.unwrap().entry(&asked("alice"), &record).unwrap();
        assert_eq!((&*entry.id.entry, &*entry.bind_name), ("alice", "alice"));
        assert_eq!(entry.upn.as_deref(), Some("alice@example.com"));
        assert_eq!(entry.immutable_id.as_deref(), Some("MyIRAFVEd2aImaq7zN3u/w=="));
        assert_eq!(entry.groups, ["O365-Users", "PRIMARY/staff"]);
        let texts = |name: &str| entry.attributes.all(name).iter().filter_map(|v| v.as_text()).collect::<Vec<_>>();
        assert_eq!(texts("MAIL"), ["alice@example.com", "a@home.example"]);
        assert_eq!(texts("name.givenName"), ["Alice"]);
    }

    #[test]
    fn a_record_of_somebody_else_is_nobodys() {
        let reader = reader(|_, _| ()).unwrap();
        for (record, right) in [
            (json!({ "userName": "alice", "id": "1" }), true),
            (json!({ "userName": "alice@carbon.super" }), true),
            (json!({ "userName": "bob", "id": "1" }), false),
            (json!({ "userName": "alice@example.org" }), false),
            (json!({ "id": "1" }), false),
            (json!({ "userName": null }), false),
        ] {
            assert_eq!(reader.entry(&asked("alice"), &record).is_some(), right, "{record}");
        }
    }

    #[test]
    fn an_immutable_id_is_text_or_the_octets_of_a_guid() {
        let id = |encoding: ImmutableIdEncoding, id: Value| {
            let reader = reader(|_, upstream| upstream.immutable_id_encoding = encoding).unwrap();
            let record = json!({ "userName": "alice", "id": id });
            reader.entry(&asked("alice"), &record).unwrap().immutable_id.clone()
        };
        use ImmutableIdEncoding::{Guid, Text};
        for (encoding, value, expected) in [
            (Text, json!("00112233-4455-6677-8899-aabbccddeeff"), Some("00112233-4455-6677-8899-aabbccddeeff")),
            (Text, json!(""), None),
            (Guid, json!("00112233-4455-6677-8899-AABBCCDDEEFF"), Some("MyIRAFVEd2aImaq7zN3u/w==")),
            (Guid, json!("{00112233-4455-6677-8899-aabbccddeeff}"), Some("MyIRAFVEd2aImaq7zN3u/w==")),
            (Guid, json!("00112233445566778899aabbccddeeff"), None),
            (Guid, json!("00112233-4455-6677-8899-aabbccddeefg"), None),
            (Guid, json!("+0112233-4455-6677-8899-aabbccddeeff"), None),
            (Guid, json!("alice"), None),
        ] {
            assert_eq!(id(encoding, value.clone()).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn paths_are_checked() {
        let error = reader(|config, _| config.attributes.groups = "a..b".to_owned()).err().unwrap();
        assert_eq!(error.key, "upstream.attributes.groups");
        let error = reader(|_, upstream| upstream.named = vec![("mail".into(), ".".into())]).err().unwrap();
        assert_eq!(error.key, "upstream.attributes.named.mail");
    }
}
