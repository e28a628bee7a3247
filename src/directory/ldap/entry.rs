//! From a search result to an [`Entry`].

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ldap3::ResultEntry;
use ldap3::asn1::StructureTag;

use super::{DN, own_count, standing};
use crate::config::{AttributeNames, DirectoryAdapter, DirectoryConfig};
use crate::model::{AttributeValue, Attributes, Entry, EntryId};

/// A search result as it came: no value is yet text or octets.
pub(super) struct RawEntry {
    pub(super) dn: String,
    attributes: Vec<RawAttribute>,
}

struct RawAttribute {
    name: String,
    values: Vec<Vec<u8>>,
    /// The number of the first value that was left out.
    rest: Option<u64>,
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
        for RawAttribute { name, values, .. } in self.attributes {
            values.into_iter().for_each(|value| attributes.add(&name, text_or_octets(value)));
        }
        attributes
    }

    #[cfg(test)]
    pub(super) fn of(dn: &str, values: &[(&str, &str)]) -> Self {
        let attribute = |(name, value): &(&str, &str)| {
            let values = vec![value.as_bytes().to_vec()];
            RawAttribute { name: (*name).to_owned(), values, rest: None }
        };
        Self { dn: dn.to_owned(), attributes: values.iter().map(attribute).collect() }
    }

    /// What to ask for the rest of an attribute by of which only the beginning came; `None`: all came whole.
    pub(super) fn rest(&self) -> Option<String> {
        let unfinished = |attribute: &RawAttribute| Some(format!("{};range={}-*", attribute.name, attribute.rest?));
        self.attributes.iter().find_map(unfinished)
    }

    /// Adds what came of [`RawEntry::rest`]; `false` where it is not the next part of that.
    pub(super) fn continue_with(&mut self, more: Self) -> bool {
        let Some(own) = self.attributes.iter_mut().find(|attribute| attribute.rest.is_some()) else { return false };
        let next =
            |attribute: &RawAttribute| attribute.name.eq_ignore_ascii_case(&own.name) && attribute.rest != own.rest;
        let Some(next) = more.attributes.into_iter().find(next) else { return false };
        own.values.extend(next.values);
        own.rest = next.rest;
        true
    }

    /// The attribute's values.
    pub(super) fn into_values(self, name: &str) -> Vec<Vec<u8>> {
        let named = self.attributes.into_iter().filter(|attribute| attribute.name.eq_ignore_ascii_case(name));
        named.flat_map(|attribute| attribute.values).collect()
    }
}

fn attribute(tag: StructureTag) -> Option<RawAttribute> {
    let mut parts = tag.expect_constructed()?.into_iter();
    let description = text(parts.next()?)?;
    let values = parts.next()?.expect_constructed()?.into_iter().map(StructureTag::expect_primitive);
    let values = values.collect::<Option<Vec<_>>>()?;
    // `memberOf;range=0-1499` is Active Directory's beginning of a long attribute; an option does not rename it.
    let (name, options) = description.split_once(';').unwrap_or((&description, ""));
    let range =
        options.split(';').find_map(|option| option.to_ascii_lowercase().strip_prefix("range=").map(str::to_owned));
    let rest = range.and_then(|range| range.split_once('-')?.1.parse::<u64>().ok()?.checked_add(1));
    Some(RawAttribute { name: name.to_owned(), values, rest })
}

fn text(tag: StructureTag) -> Option<String> {
    String::from_utf8(tag.expect_primitive()?).ok()
}

/// What is asked for whoever it is: what the directory has counted, and whether it has locked the account.
const ALWAYS: [&str; 4] = {
    let [first, second, third] = own_count::ATTRIBUTES;
    [first, second, third, standing::PWD_ACCOUNT_LOCKED_TIME]
};

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
        let bound: Vec<&String> = match &config.adapter {
            DirectoryAdapter::Ldap(ldap) => ldap.bind_as.places().filter(|place| *place != DN).collect(),
            DirectoryAdapter::File { .. } | DirectoryAdapter::Upstream(_) => Vec::new(),
        };
        let usual = [&names.upn].into_iter().chain(&names.immutable_id).chain([&names.groups]);
        let named = usual.chain(&config.released).chain(bound);
        for name in named.map(String::as_str).chain(standing.iter().copied()).chain(ALWAYS) {
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
        for RawAttribute { name, values, .. } in raw.attributes {
            let binary = self.names.is_octets(&name);
            for value in values {
                attributes.add(&name, if binary { AttributeValue::Binary(value) } else { text_or_octets(value) });
            }
        }
        let first_text = |name: &str| attributes.first(name).and_then(AttributeValue::as_text).map(str::to_owned);
        Entry {
            id: EntryId { directory: directory.clone(), entry: raw.dn.to_lowercase().into() },
            bind_name: raw.dn.into(),
            upn: first_text(&self.names.upn),
            immutable_id: self.names.immutable_id.iter().find_map(|name| match self.names.is_octets(name) {
                true => attributes.first(name).map(|value| STANDARD.encode(value.as_bytes())),
                false => first_text(name),
            }),
            groups: attributes.all(&self.names.groups).iter().filter_map(|v| v.as_text().map(str::to_owned)).collect(),
            own_count: own_count::of(&attributes),
            attributes,
        }
    }
}

fn text_or_octets(value: Vec<u8>) -> AttributeValue {
    String::from_utf8(value).map_or_else(|e| AttributeValue::Binary(e.into_bytes()), AttributeValue::Text)
}

#[cfg(test)]
mod tests {
    use ldap3::asn1::{PL, TagClass};

    use super::*;

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

    fn reader(immutable_id: &str, binary: Option<bool>) -> EntryReader {
        EntryReader::new(&DirectoryConfig {
            name: "ad".to_owned(),
            adapter: DirectoryAdapter::File { path: "unused".into() },
            attributes: AttributeNames {
                upn: "userPrincipalName".to_owned(),
                immutable_id: immutable_id.split(' ').map(str::to_owned).collect(),
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
                attributes: reader("objectGUID", None).names,
                released: vec!["USERACCOUNTCONTROL".to_owned()],
                domains: Vec::new(),
                standing,
                cached: true,
            };
            EntryReader::new(&config).attributes().join(" ")
        };
        let usual = "userPrincipalName objectGUID memberOf USERACCOUNTCONTROL";
        let counted = own_count::ATTRIBUTES.join(" ");
        assert_eq!(asked(false), format!("{usual} {counted} pwdAccountLockedTime"));
        assert_eq!(asked(true), format!("{usual} accountExpires nsAccountLock pwdAccountLockedTime {counted}"));
    }

    fn read(immutable_id: &str, binary: Option<bool>, attributes: &[(&str, &[&[u8]])]) -> Entry {
        let raw = RawEntry::read(search_result("CN=Ålice,DC=x".as_bytes(), attributes)).unwrap();
        reader(immutable_id, binary).entry(&"ad".into(), raw)
    }

    #[test]
    fn asks_for_each_attribute_once() {
        assert_eq!(
            reader("objectGUID", None).attributes(),
            [&["userPrincipalName", "objectGUID", "memberOf", "mail", "objectSid"][..], &ALWAYS].concat()
        );
    }

    #[test]
    fn an_entry_is_named_by_its_folded_dn() {
        let entry =
            read("objectGUID", None, &[("userprincipalname", &[b"alice@x"]), ("memberOf;range=0-1", &[b"A", b"B"])]);
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
            let entry = read("anchor", Some(binary), &[("anchor", &[value])]);
            assert_eq!(entry.immutable_id.as_deref(), expected, "{binary} {value:?}");
        }
        let entry = read("uid", None, &[("objectSid", &[like_text]), ("mail", &[like_text])]);
        assert!(entry.attributes.first("objectSID").unwrap().as_text().is_none());
        assert!(entry.attributes.first("MAIL").unwrap().as_text().is_some());
    }

    #[test]
    fn the_first_anchor_that_the_entry_has_is_the_immutable_id() {
        let (guid, text): (&[u8], &[u8]) = (b"0123456789abcdef", b"E100");
        for (attributes, id) in [
            (
                &[("objectGUID", &[guid][..]), ("mS-DS-ConsistencyGuid", &[b"bcdefghijklmnopq"])][..],
                Some("YmNkZWZnaGlqa2xtbm9wcQ=="),
            ),
            (&[("employeeNumber", &[text]), ("OBJECTGUID", &[guid])], Some("MDEyMzQ1Njc4OWFiY2RlZg==")),
            (&[("employeeNumber", &[text])], Some("E100")),
            (&[("cn", &[text])], None),
        ] {
            let entry = read("mS-DS-ConsistencyGuid objectGUID employeeNumber", None, attributes);
            assert_eq!(entry.immutable_id.as_deref(), id, "{attributes:?}");
        }
    }

    #[test]
    fn a_range_says_what_is_left_out() {
        for (name, rest) in [
            ("memberOf", None),
            ("memberOf;range=0-1499", Some("memberOf;range=1500-*")),
            ("memberOf;Range=1500-2999", Some("memberOf;range=3000-*")),
            ("memberOf;range=3000-*", None),
            ("memberOf;range=0-18446744073709551615", None),
            ("memberOf;range=x", None),
            ("description;lang-de", None),
            ("description;lang-de;range=0-1", Some("description;range=2-*")),
        ] {
            let raw = RawEntry::read(search_result(b"cn=x", &[(name, &[b"a"])])).unwrap();
            assert_eq!(raw.rest().as_deref(), rest, "{name}");
        }
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
