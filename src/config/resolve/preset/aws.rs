//! Amazon Web Services, as their guide to SAML attributes wants it
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html>).

use std::time::Duration;

use super::{Preset, of_saml, release};
use crate::config::PartyMetadata;
use crate::config::files::Files;
use crate::config::section::{Section, duration, text_map};
use crate::model::{AttributeRelease, EcpRelease, NameIdentifierRule, Pattern, ValueRule, ValueSource};
use crate::saml::names::{AWS, NAMEID_PERSISTENT};

const ROLE: &str = "https://aws.amazon.com/SAML/Attributes/Role";
const SESSION_NAME: &str = "https://aws.amazon.com/SAML/Attributes/RoleSessionName";
const SESSION_DURATION: &str = "https://aws.amazon.com/SAML/Attributes/SessionDuration";
/// What AWS takes as a session's name.
const SESSION_NAMES: &str = "[A-Za-z0-9_+=,.@-]{2,64}";
/// What AWS takes as a session's duration.
const DURATIONS: [Duration; 2] = [Duration::from_secs(15 * 60), Duration::from_secs(12 * 3600)];

/// A session named by the UPN, with the roles of the user's groups. Clients post the answer where a browser would: AWS lists no
/// consumer service for ECP, and takes what comes there.
pub(in crate::config::resolve) fn aws(
    section: &Section<'_>,
    own: &[AttributeRelease],
    files: &mut Files<'_>,
) -> Option<Preset> {
    let mut session_name = release(SESSION_NAME, "upn", None);
    session_name.rule.pattern = Pattern::compile(SESSION_NAMES, None).ok();
    let mut attributes = vec![session_name];
    let details = section.section("aws");
    let roles = details.as_ref().filter(|details| details.has("roles"));
    match roles {
        Some(details) => {
            let roles = details.get("roles", text_map)?;
            for (group, role) in &roles {
                check_role(&format!("{}.{group}", details.path("roles")), role, files);
            }
            let rule = ValueRule::plain(ValueSource::Roles(roles));
            attributes.push(AttributeRelease { rule, ..release(ROLE, "groups", None) });
        }
        None if own.iter().any(|attribute| attribute.name == ROLE) => {}
        None => {
            let help =
                format!("add aws.roles, by group the ARNs of a role and of the provider, or an attribute {ROLE}");
            files.report.error(&section.path("preset"), "does not say who has which role", help);
        }
    }
    if let Some(details) = details.filter(|details| details.has("session_duration")) {
        let lasts = details.get("session_duration", duration)?;
        if lasts < DURATIONS[0] || lasts > DURATIONS[1] {
            let help = "write 15m to 12h, and no more than the roles allow";
            files.report.error(&details.path("session_duration"), "is no duration that AWS takes", help);
        }
        let seconds = ValueSource::Constant(vec![lasts.as_secs().to_string()]);
        attributes
            .push(AttributeRelease { rule: ValueRule::plain(seconds), ..release(SESSION_DURATION, "groups", None) });
    }
    let names = vec![NameIdentifierRule::Upn { format: NAMEID_PERSISTENT.to_owned() }, NameIdentifierRule::Transient];
    let preset = of_saml(names, attributes);
    let ecp = preset.ecp.map(|ecp| EcpRelease { entity_id: AWS.to_owned(), ..ecp });
    Some(Preset { ecp, metadata: Some(PartyMetadata::Aws), ..preset })
}

/// Keys of this preset, of a party that has another.
pub(in crate::config::resolve) fn is_idle(section: &Section<'_>, files: &mut Files<'_>) {
    if section.has("aws") {
        files.report.error(&section.path("aws"), "is of the preset aws alone", "write preset: aws, or remove it");
    }
}

/// `arn:aws:iam::123456789012:role/Name,arn:aws:iam::123456789012:saml-provider/Name`, in either order.
fn check_role(path: &str, role: &str, files: &mut Files<'_>) {
    let arn = |kind: &str| role.split(',').filter(|arn| is_arn(arn.trim(), kind)).count() == 1;
    if role.split(',').count() != 2 || !arn("role/") || !arn("saml-provider/") {
        let help = "write arn:aws:iam::ACCOUNT:role/ROLE,arn:aws:iam::ACCOUNT:saml-provider/PROVIDER";
        files.report.error(path, format!("`{role}` is not the ARN of a role and that of a provider"), help);
    }
}

fn is_arn(arn: &str, kind: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "iam", "", account, resource] => {
            partition.starts_with("aws")
                && account.len() == 12
                && account.bytes().all(|digit| digit.is_ascii_digit())
                && resource.strip_prefix(kind).is_some_and(|name| !name.is_empty())
        }
        _ => false,
    }
}
