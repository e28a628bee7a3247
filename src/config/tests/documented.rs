//! `proxy.yaml` at the repository's root documents what the table of keys has: no more, no less, with the same defaults.

use super::Folder;
use crate::config::diagnostic::Report;
use crate::config::keys::{Key, Kind, Need, ROOT};
use crate::config::tree::{Node, Value, parse};
use crate::config::{DEFAULT_FILE, EndpointConfig, check, dump, schema};
use crate::model::Endpoint;

/// The file with every example in it: `#` before anything but a space is taken away.
fn uncommented() -> String {
    let mut text = String::new();
    for line in DEFAULT_FILE.lines() {
        let indent = line.len() - line.trim_start().len();
        let (space, rest) = line.split_at(indent);
        let rest = rest.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' ')).unwrap_or(rest);
        text.push_str(space);
        text.push_str(rest);
        text.push('\n');
    }
    text
}

fn tree(text: &str) -> Node {
    parse(text).unwrap_or_else(|error| panic!("{error:?}"))
}

/// Values compare by what they say, not by where they stand.
fn plain(value: &Value) -> String {
    match value {
        Value::Null | Value::Invalid => String::new(),
        Value::Scalar(text) => text.clone(),
        Value::List(items) => format!("[{}]", items.iter().map(|i| plain(&i.value)).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let entries: Vec<_> = entries.iter().map(|e| format!("{}: {}", e.key, plain(&e.node.value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// Calls `found` with every key of the table and the values that the tree has for it, below `nodes` of this kind.
fn visit(kind: &'static Kind, nodes: &[&Node], path: &str, found: &mut dyn FnMut(&str, &'static Key, &[&Node])) {
    match kind {
        Kind::Section(spec) => {
            for key in spec.keys {
                let path = format!("{path}.{}", key.name);
                let values: Vec<_> = nodes.iter().filter_map(|node| node.get(key.name)).collect();
                found(&path, key, &values);
                visit(&key.kind, &values, &path, found);
            }
        }
        Kind::WordOr(_, other) => visit(other, nodes, path, found),
        Kind::List(item) | Kind::OneOrMany(item) => {
            let mut items = Vec::new();
            for node in nodes {
                match &node.value {
                    Value::List(list) => items.extend(list),
                    _ => items.push(*node),
                }
            }
            visit(item, &items, path, found);
        }
        _ => {}
    }
}

fn visit_file(tree: &Node, found: &mut dyn FnMut(&str, &'static Key, &[&Node])) {
    static FILE: Kind = Kind::Section(&ROOT);
    visit(&FILE, &[tree], "", found);
}

/// The path of every key whose value is a secret, in order.
pub(super) fn secrets() -> Vec<String> {
    let mut secrets = Vec::new();
    visit_file(&tree("{}"), &mut |path, key, _| {
        if matches!(key.kind, Kind::Secret) {
            secrets.push(path.to_owned());
        }
    });
    secrets.sort();
    secrets
}

#[test]
fn every_key_is_documented_and_every_documented_key_is_known() {
    let tree = tree(&uncommented());
    let mut report = Report::default();
    check::complete(&tree, &ROOT, &|_| Some("x".to_owned()), &mut report);
    assert!(report.diagnostics.is_empty(), "{:#?}", report.diagnostics);
    // What a party gets over ECP has the keys that it has for WS-Trust, a name identifier those of an attribute, and what is
    // denied those of what is allowed, which are documented there.
    let again = [
        ".relying_parties.ecp.name_identifier.",
        ".relying_parties.ecp.attributes.",
        ".relying_parties.name_identifier.",
        ".relying_parties.access.deny.",
    ];
    visit_file(&tree, &mut |path, _, values| {
        let documented = !values.is_empty() || again.iter().any(|prefix| path.starts_with(prefix));
        assert!(documented, "proxy.yaml does not have {path}");
    });
}

/// Of what is documented below this, all is the default, in comments too.
const DIRECTORY: &str = ".directory.upstream.";

#[test]
fn every_documented_default_is_the_default() {
    let mut compared = 0;
    visit_file(&tree(DEFAULT_FILE), &mut |path, key, values| {
        let Need::Default(default) = key.need else { return };
        let default = plain(&tree(default).value);
        if matches!(key.kind, Kind::Section(_)) || default == "{}" || path == ".relying_parties" {
            return;
        }
        for value in values {
            assert_eq!(plain(&value.value), default, "{path}");
            compared += 1;
        }
        let examples = [
            ".upstream.health.",
            DIRECTORY,
            ".credentials.",
            ".metadata_sources",
            ".state.",
            ".telemetry.audit_syslog.",
            ".telemetry.traces.",
            ".relying_parties.name_identifier.",
            ".relying_parties.attributes.",
            ".relying_parties.delegation.",
            ".relying_parties.entra.",
            ".relying_parties.ecp.",
        ];
        let example = examples.iter().any(|prefix| path.starts_with(prefix));
        assert!(example || !values.is_empty(), "{path} has a default that proxy.yaml does not show");
    });
    assert!(compared > 40, "only {compared} compared");
    // A directory has one adapter, so that the others are examples; this one's are its defaults even so.
    visit_file(&tree(&uncommented()), &mut |path, key, values| match (&key.need, values) {
        (Need::Default(default), [value]) if path.starts_with(DIRECTORY) && !matches!(key.kind, Kind::Section(_)) => {
            assert_eq!(plain(&value.value), plain(&tree(default).value), "{path}");
        }
        _ => {}
    });
}

#[test]
fn the_file_means_the_same_as_its_required_keys_alone() {
    let folder = Folder::new("documented");
    let documented = folder.load(DEFAULT_FILE).unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert!(documented.warnings.is_empty(), "{:?}", documented.warnings);
    let required = "\
public_url: https://sts.example.com
listen: [{address: 0.0.0.0:8443, tls: {certificate_file: tls/tls.crt, private_key_file: tls/tls.key}}]
upstream: {servers: [https://wso2.internal:9443]}
issuer:
  entity_id: https://sts.example.com/oam/fed
  signing: {certificate_file: signing.crt, private_key_file: signing.key}
directory:
  ldap:
    urls: [ldaps://dc1.example.com]
    bind_dn: cn=svc-fedfront,cn=users,dc=example,dc=com
    bind_password_file: ldap-password
    base_dn: dc=example,dc=com
relying_parties: [{name: office365, preset: office365}]
";
    let required = folder.load(required).unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert_eq!(dump(&documented.config), dump(&required.config));
    for (endpoint, config) in &documented.config.endpoints {
        let paths = endpoint.default_paths().iter().map(|path| (*path).to_owned()).collect();
        // metadata.mode is forward by default, and WS-Federation metadata is not offered yet.
        let forwarded = matches!(endpoint, Endpoint::Metadata | Endpoint::FederationMetadata);
        assert_eq!(config, &if forwarded { EndpointConfig::Forward } else { EndpointConfig::Paths(paths) });
    }
}

#[test]
fn without_its_files_only_they_are_missing() {
    let errors = Folder::empty("bare").load(DEFAULT_FILE).err().expect("files are missing");
    assert_eq!(errors.len(), 5, "{errors:#?}");
    assert!(errors.iter().all(|error| error.contains(" is not there\n")), "{errors:#?}");
}

#[test]
fn the_schema_has_every_key() {
    let schema: serde_json::Value = serde_json::from_str(&schema()).expect("JSON");
    assert_eq!(schema.pointer("/additionalProperties"), Some(&serde_json::Value::Bool(false)));
    let text = schema.to_string();
    visit_file(&tree(DEFAULT_FILE), &mut |path, key, _| {
        let name = format!("\"{}\":{{", key.name);
        assert!(text.contains(&name), "the schema does not have {path}");
        assert!(text.contains(&serde_json::Value::from(key.doc).to_string()), "the schema does not explain {path}");
    });
    assert_eq!(schema.pointer("/properties/limits/properties/drain/default"), Some(&"20s".into()));
    assert_eq!(schema.pointer("/properties/faults/properties/bad_password_status/default"), Some(&500.into()));
}
