//! From a search result to an [`Entry`].

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ldap3::ResultEntry;
use ldap3::asn1::StructureTag;

use super::{own_count, standing};
use crate::config::{AttributeNames, DirectoryConfig, OCTET_ATTRIBUTES};
use crate::model::{AttributeValue, Attributes, Entry, EntryId};

/// A search result as it came: no value is yet text or octets.
pub(super) struct RawEntry {
    pub(super) dn: String,
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl RawEntry {
    /// Reads a SearchResultEntry (RFC 4511, 4.5.2); `None` where it is malformed or names nobody. ldap3's own reader panics
    /// on such, and loses which values were text.
    pub(super) fn read(entry: ResultEntry) -> Option<Self> {
        Self::read_any(entry).filter(|entry| !entry.dn.is_empty())
    }

    /// The same of any entry: the server's root has no name.
    pub(super) fn read_any(entry: ResultEntry) -> Option<Self> {
        let mut parts = entry.0.match_id(4)?.expect_constructed()?.into_iter();
        let dn = text(parts.next()?)?;
        let attributes = parts.next()?.expect_constructed()?.into_iter().map(attribute).collect::<Option<_>>()?;
        Some(Self { dn, attributes })
    }

    /// The attributes, each value as text where it can be.
    pub(super) fn into_attributes(self) -> Attributes {
        let mut attributes = Attributes::default();
        for (name, values) in self.attributes {
            values.into_iter().for_each(|value| attributes.add(&name, text_or_octets(value)));
        }
        attributes
    }

    #[cfg(test)]
    pub(super) fn of(dn: &str, values: &[(&str, &str)]) -> Self {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), vec![value.as_bytes().to_vec()]));
        Self { dn: dn.to_owned(), attributes: values.collect() }
    }
}

fn attribute(tag: StructureTag) -> Option<(String, Vec<Vec<u8>>)> {
    let mut parts = tag.expect_constructed()?.into_iter();
    let mut name = text(parts.next()?)?;
    // `memberOf;range=0-1499` is Active Directory's beginning of a long attribute; an option does not rename it.
    if let Some(end) = name.find(';') {
        name.truncate(end);
    }
    let values = parts.next()?.expect_constructed()?.into_iter().map(StructureTag::expect_primitive);
    Some((name, values.collect::<Option<_>>()?))
}

fn text(tag: StructureTag) -> Option<String> {
    String::from_utf8(tag.expect_primitive()?).ok()
}

/// Knows which attributes to ask for and what they are.
pub(super) struct EntryReader {
    names: AttributeNames,
    attributes: Vec<String>,
}

impl EntryReader {
    pub(super) fn new(config: &DirectoryConfig) -> Self {
        let names = config.attributes.clone();
        let mut attributes: Vec<String> = Vec::new();
        let standing: &[&str] = if config.standing { &standing::ATTRIBUTES } else { &[] };
        let named = [&names.upn, &names.immutable_id, &names.groups].into_iter().chain(&config.released);
        for name in named.map(String::as_str).chain(standing.iter().copied()).chain(own_count::ATTRIBUTES) {
            if !name.is_empty() && !attributes.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                attributes.push(name.to_owned());
            }
        }
        Self { names, attributes }
    }

    /// The attributes to ask for.
    pub(super) fn attributes(&self) -> &[String] {
        &self.attributes
    }

    /// The entry, with its direct groups.
    pub(super) fn entry(&self, directory: &Arc<str>, raw: RawEntry) -> Entry {
        let mut attributes = Attributes::default();
        for (name, values) in raw.attributes {
            let binary = self.is_binary(&name);
            for value in values {
                attributes.add(&name, if binary { AttributeValue::Binary(value) } else { text_or_octets(value) });
            }
        }
        let first_text = |name: &str| attributes.first(name).and_then(AttributeValue::as_text).map(str::to_owned);
        Entry {
            id: EntryId { directory: directory.clone(), entry: raw.dn.to_lowercase().into() },
            bind_name: raw.dn.into(),
            upn: first_text(&self.names.upn),
            immutable_id: if self.is_binary(&self.names.immutable_id) {
                attributes.first(&self.names.immutable_id).map(|value| STANDARD.encode(value.as_bytes()))
            } else {
                first_text(&self.names.immutable_id)
            },
            groups: attributes.all(&self.names.groups).iter().filter_map(|v| v.as_text().map(str::to_owned)).collect(),
            own_count: own_count::of(&attributes),
            attributes,
        }
    }

    fn is_binary(&self, name: &str) -> bool {
        if name.eq_ignore_ascii_case(&self.names.immutable_id) {
            return self.names.immutable_id_binary;
        }
        OCTET_ATTRIBUTES.iter().any(|octets| octets.eq_ignore_ascii_case(name))
    }
}

fn text_or_octets(value: Vec<u8>) -> AttributeValue {
    String::from_utf8(value).map_or_else(|e| AttributeValue::Binary(e.into_bytes()), AttributeValue::Text)
}

#[cfg(test)]
mod tests {
    use ldap3::asn1::{PL, TagClass};

    use super::*;
    use crate::config::DirectoryAdapter;

    fn tag(id: u64, payload: PL) -> StructureTag {
        StructureTag { class: TagClass::Universal, id, payload }
    }

    fn octets(value: &[u8]) -> StructureTag {
        tag(4, PL::P(value.to_vec()))
    }

    fn search_result(dn: &[u8], attributes: &[(&str, &[&[u8]])]) -> ResultEntry {
        let attributes = attributes.iter().map(|(name, values)| {
            let values = values.iter().map(|value| octets(value)).collect();
            tag(16, PL::C(vec![octets(name.as_bytes()), tag(17, PL::C(values))]))
        });
        ResultEntry::new(tag(4, PL::C(vec![octets(dn), tag(16, PL::C(attributes.collect()))])))
    }

    fn reader(immutable_id: &str, binary: bool) -> EntryReader {
        EntryReader::new(&DirectoryConfig {
            name: "ad".to_owned(),
            adapter: DirectoryAdapter::File { path: "unused".into() },
            attributes: AttributeNames {
                upn: "userPrincipalName".to_owned(),
                immutable_id: immutable_id.to_owned(),
                immutable_id_binary: binary,
                groups: "memberOf".to_owned(),
            },
            released: vec!["mail".to_owned(), "MEMBEROF".to_owned(), "objectSid".to_owned()],
            domains: Vec::new(),
            standing: false,
            cached: true,
        })
    }

    #[test]
    fn what_tells_of_disabled_accounts_is_read_where_nobody_binds() {
        let asked = |standing| {
            let config = DirectoryConfig {
                name: "ad".to_owned(),
                adapter: DirectoryAdapter::File { path: "unused".into() },
                attributes: reader("objectGUID", true).names,
                released: vec!["USERACCOUNTCONTROL".to_owned()],
                domains: Vec::new(),
                standing,
                cached: true,
            };
            EntryReader::new(&config).attributes().join(" ")
        };
        let usual = "userPrincipalName objectGUID memberOf USERACCOUNTCONTROL";
        let counted = own_count::ATTRIBUTES.join(" ");
        assert_eq!(asked(false), format!("{usual} {counted}"));
        assert_eq!(asked(true), format!("{usual} accountExpires nsAccountLock pwdAccountLockedTime {counted}"));
    }

    fn read(immutable_id: &str, binary: bool, attributes: &[(&str, &[&[u8]])]) -> Entry {
        let raw = RawEntry::read(search_result("CN=Ålice,DC=x".as_bytes(), attributes)).unwrap();
        reader(immutable_id, binary).entry(&"ad".into(), raw)
    }

    #[test]
    fn asks_for_each_attribute_once() {
        assert_eq!(
            reader("objectGUID", true).attributes(),
            [&["userPrincipalName", "objectGUID", "memberOf", "mail", "objectSid"][..], &own_count::ATTRIBUTES]
                .concat()
        );
    }

    #[test]
    fn an_entry_is_named_by_its_folded_dn() {
        let entry =
            read("objectGUID", true, &[("userprincipalname", &[b"alice@x"]), ("memberOf;range=0-1", &[b"A", b"B"])]);
        assert_eq!(&*entry.id.entry, "cn=ålice,dc=x");
        assert_eq!(&*entry.bind_name, "CN=Ålice,DC=x");
        assert_eq!(entry.upn.as_deref(), Some("alice@x"));
        assert_eq!(entry.groups, ["A", "B"]);
        assert_eq!(entry.immutable_id, None);
    }

    #[test]
    fn the_schema_decides_what_is_binary() {
        let not_text: &[u8] = b"\xff\xfe\x00\x01456789abcdef";
        let like_text: &[u8] = b"0123456789abcdef";
        for (binary, value, expected) in [
            (true, not_text, Some("//4AATQ1Njc4OWFiY2RlZg==")),
            (true, like_text, Some("MDEyMzQ1Njc4OWFiY2RlZg==")),
            (false, like_text, Some("0123456789abcdef")),
            (false, not_text, None),
        ] {
            let entry = read("anchor", binary, &[("anchor", &[value])]);
            assert_eq!(entry.immutable_id.as_deref(), expected, "{binary} {value:?}");
        }
        let entry = read("uid", false, &[("objectSid", &[like_text]), ("mail", &[like_text])]);
        assert!(entry.attributes.first("objectSID").unwrap().as_text().is_none());
        assert!(entry.attributes.first("MAIL").unwrap().as_text().is_some());
    }

    #[test]
    fn a_malformed_entry_is_not_read() {
        for broken in [
            tag(5, PL::P(Vec::new())),
            tag(4, PL::P(Vec::new())),
            tag(4, PL::C(Vec::new())),
            tag(4, PL::C(vec![octets(b"cn=x")])),
            tag(4, PL::C(vec![octets(b"\xff"), tag(16, PL::C(Vec::new()))])),
            tag(4, PL::C(vec![octets(b""), tag(16, PL::C(Vec::new()))])),
            tag(4, PL::C(vec![octets(b"cn=x"), tag(16, PL::C(vec![octets(b"mail")]))])),
            tag(4, PL::C(vec![octets(b"cn=x"), tag(16, PL::C(vec![tag(16, PL::C(vec![octets(b"mail")]))]))])),
        ] {
            assert!(RawEntry::read(ResultEntry::new(broken.clone())).is_none(), "{broken:?}");
        }
    }
}
