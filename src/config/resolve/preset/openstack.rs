//! OpenStack's keystone behind mod_auth_mellon or Shibboleth, whose mapping sees attributes by these names: those that keystone
//! itself writes as an identity provider (`keystone/federation/idp.py`).

use super::{Preset, of_saml, release};
use crate::model::{AttributeRelease, NameIdentifierRule, Pattern, ValueRule};
use crate::saml::names::{ATTRNAME_BASIC, NAMEID_EMAIL, NAMEID_UNSPECIFIED};

/// The common name of a DN, and what is none as it is.
const COMMON_NAME: &str = r"(?:(?i:cn)=((?:[^,\\]|\\.)+)(?:,.*)?|([^=]+))";

/// The user by UPN, with groups and mail; keystone's mapping says what becomes of them.
pub(in crate::config::resolve) fn openstack() -> Preset {
    let basic = |name: &str, from: &str, required: bool| AttributeRelease {
        name_format: Some(ATTRNAME_BASIC.to_owned()),
        required,
        ..release(name, from, None)
    };
    let mut groups = basic("openstack_groups", "groups", false);
    groups.rule.pattern = Pattern::compile(COMMON_NAME, Some("{1}{2}")).ok();
    let names = vec![
        NameIdentifierRule::Upn { format: NAMEID_UNSPECIFIED.to_owned() },
        NameIdentifierRule::Transient,
        NameIdentifierRule::Rule { rule: ValueRule::attribute("mail"), format: NAMEID_EMAIL.to_owned() },
    ];
    of_saml(names, vec![basic("openstack_user", "upn", true), groups, basic("mail", "mail", false)])
}
