//! Whom Entra would take the subject for: name identifier, ImmutableID, UPN, and the issuer of their domain.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::expected::Expected;
use super::super::finding::Findings;
use crate::answers::Assertion;
use crate::saml::SamlVersion;
use crate::saml::names::{NAMEID_PERSISTENT, NAMEID_UNSPECIFIED};

/// The user's UPN, in WS-Trust.
const UPN: &str = "http://schemas.xmlsoap.org/claims/UPN";
/// The same in ECP.
const IDP_EMAIL: &str = "IDPEmail";
/// The user's ImmutableID, in WS-Trust.
const IMMUTABLE_ID: &str = "http://schemas.microsoft.com/LiveID/Federation/2008/05/ImmutableID";
/// Characters of the longest ImmutableID.
const LONGEST: usize = 64;
/// AD FS's issuer of a domain begins so.
const ADFS_ISSUER: &str = "/adfs/services/trust/";

pub(super) fn judge(assertion: &Assertion, expected: &Expected, findings: &mut Findings) {
    name(assertion, findings);
    let upn = upn(assertion, findings);
    if let Some(name) = immutable_id(assertion) {
        form(name, findings);
    }
    let domain = upn.and_then(|upn| Some(upn.rsplit_once('@')?.1.to_ascii_lowercase()));
    if let Some((wanted, domain)) = expected.domain.as_ref().zip(domain.as_ref())
        && wanted != domain
    {
        findings.refused(
            "upn_domain",
            format!("the UPN's domain is {domain}, and not {wanted}"),
            "have the server tell the user's UPN of that domain (in fedfront: directory.ldap.attributes.upn)",
        );
    }
    issuer(assertion, expected, upn, domain.as_deref(), findings);
}

/// That both protocols name the same user, in a domain of the same issuer.
pub(super) fn judge_both(first: &Assertion, second: &Assertion, findings: &mut Findings) {
    if let Some((one, other)) = immutable_id(first).zip(immutable_id(second))
        && one != other
    {
        findings.refused(
            "immutable_id_differs",
            format!(
                "the ImmutableID is {one:?} by one protocol, and {other:?} by another: Entra takes them for two users"
            ),
            "have every protocol tell the same attribute in the same encoding",
        );
    }
    if let Some((one, other)) = first.issuer.as_ref().zip(second.issuer.as_ref())
        && one != other
    {
        findings.refused(
            "issuer_differs",
            format!("the issuer is {one} by one protocol, and {other} by another: Entra knows one for a domain"),
            "have every protocol say the domain's issuerUri",
        );
    }
}

/// What Entra looks the user up by.
fn immutable_id(assertion: &Assertion) -> Option<&str> {
    assertion.name.as_ref().map(|name| name.value.as_str())
}

fn name(assertion: &Assertion, findings: &mut Findings) {
    let (format, spelled) = match assertion.version {
        SamlVersion::V11 => (NAMEID_UNSPECIFIED, "unspecified"),
        SamlVersion::V20 => (NAMEID_PERSISTENT, "persistent"),
    };
    let Some(name) = &assertion.name else {
        findings.refused("name_identifier", "there is no name identifier, which must be the ImmutableID", NAME);
        return;
    };
    if name.format.as_deref() != Some(format) {
        let is = name.format.as_deref().unwrap_or("absent");
        let help = format!("have the name identifier written with the format {format}");
        findings.refused("name_format", format!("the name identifier's format is {is}, and must be {spelled}"), help);
    }
    if assertion.version == SamlVersion::V20 {
        return;
    }
    match assertion.values(IMMUTABLE_ID).next() {
        None => findings.refused("immutable_id", "there is no attribute ImmutableID", NAME),
        Some(value) if value != name.value => findings.refused(
            "name_identifier",
            format!("the name identifier is {:?}, and the ImmutableID {value:?}: they must be the same", name.value),
            NAME,
        ),
        Some(_) => {}
    }
}

const NAME: &str = "have the ImmutableID issued as attribute and as name identifier (in fedfront: preset: office365, and \
                    directory.ldap.attributes.immutable_id)";

fn upn<'a>(assertion: &'a Assertion, findings: &mut Findings) -> Option<&'a str> {
    let (attribute, called) = match assertion.version {
        SamlVersion::V11 => (UPN, "UPN"),
        SamlVersion::V20 => (IDP_EMAIL, "IDPEmail"),
    };
    let found = assertion.values(attribute).next();
    let help = format!("have {attribute} issued with the UPN that the user has in Entra");
    match found {
        None => findings.refused("upn", format!("there is no attribute {called}"), help),
        Some(upn) if !upn.contains('@') => {
            findings.refused("upn", format!("{called} is {upn:?}, which has no domain"), help);
        }
        Some(_) => {}
    }
    found
}

fn form(name: &str, findings: &mut Findings) {
    let help = "have the value written that Entra has as the user's onPremisesImmutableId";
    if name.trim().is_empty() {
        findings.refused("immutable_id_form", "the ImmutableID is empty", help);
    } else if name.trim() != name {
        findings.refused("immutable_id_form", "the ImmutableID has white space around it", help);
    } else if name.chars().count() > LONGEST {
        let what = format!("the ImmutableID has {} characters, and Entra takes {LONGEST}", name.chars().count());
        findings.refused("immutable_id_form", what, help);
    } else if is_guid(name) {
        let what = "the ImmutableID is a GUID as text: Entra Connect has the base64 of its 16 bytes";
        findings.warning("immutable_id_form", what, GUID);
    } else if name.contains('@') {
        let what = "the ImmutableID looks like a user name or an address, which changes when people do";
        findings.warning("immutable_id_form", what, help);
    } else if STANDARD.decode(name).is_ok_and(|octets| octets.len() != 16) && name.ends_with('=') {
        let what = "the ImmutableID is base64, but not of 16 bytes, as GUIDs have";
        findings.warning("immutable_id_form", what, help);
    }
}

const GUID: &str = "compare it with the user's onPremisesImmutableId: Entra takes this text if it is the same there. If base64 stands there, \
                    have the octets sent: in fedfront, directory.ldap.attributes.immutable_id must name an attribute that holds \
                    octets, such as objectGUID (a text such as OpenLDAP's entryUUID stays as it is, so that it is to be written to \
                    onPremisesImmutableId); behind directory.upstream, set attributes.immutable_id_encoding: guid; in a users \
                    file, write the base64";

/// `8-4-4-4-12` hexadecimal digits, in braces or not.
fn is_guid(text: &str) -> bool {
    let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let parts: Vec<&str> = text.split('-').collect();
    let hexadecimal = |part: &&str| part.chars().all(|c| c.is_ascii_hexdigit());
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(hexadecimal)
}

fn issuer(
    assertion: &Assertion,
    expected: &Expected,
    upn: Option<&str>,
    domain: Option<&str>,
    findings: &mut Findings,
) {
    let help = "have the server say the domain's issuerUri, letter for letter (in fedfront: issuer.domains with issuer: by_domain, \
                or issuer.entity_id), or give the domain this one in Entra";
    let Some(issuer) = assertion.issuer.as_deref().filter(|issuer| !issuer.is_empty()) else {
        findings.refused("issuer", "the assertion has no issuer", help);
        return;
    };
    if let Some((wanted, who)) = expected.issuer_for(upn.unwrap_or_default()) {
        if wanted != issuer {
            let what = format!("the issuer is {issuer}, and {who} is {wanted}: Entra answers AADSTS50107");
            findings.refused("issuer", what, help);
        }
        return;
    }
    let of_domain = issuer.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
    let of_domain = of_domain.filter(|(_, path)| ADFS_ISSUER.strip_prefix('/') == Some(path)).map(|(host, _)| host);
    if let Some((host, domain)) = of_domain.zip(domain)
        && host != domain
        && !domain.ends_with(&format!(".{host}"))
    {
        let what = format!("the issuer {issuer} is that of the domain {host}, and the user's is {domain}");
        findings.warning("issuer", what, "give --entra or -c to have it compared with what is registered");
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::step::StepName;
    use super::*;

    #[test]
    fn forms_of_an_immutable_id() {
        for (name, weight) in [
            ("AAECAwQFBgcICQoLDA0ODw==", None),
            ("2848cfc7f6914af2a550c024bcbf0c6e", None),
            ("alice", None),
            ("AAECAwQFBgcICQoLDA0ODxA=", Some("warning")),
            ("2848cfc7-f691-4af2-a550-c024bcbf0c6e", Some("warning")),
            ("{2848CFC7-F691-4AF2-A550-C024BCBF0C6E}", Some("warning")),
            ("alice@example.com", Some("warning")),
            ("", Some("refused")),
            (" AAECAwQFBgcICQoLDA0ODw==", Some("refused")),
            (&"a".repeat(65), Some("refused")),
            (&"a".repeat(64), None),
        ] {
            let mut findings = Findings::of(StepName::Trust13);
            form(name, &mut findings);
            assert_eq!(findings.found.first().map(|finding| finding.weight.label()), weight, "{name:?}");
        }
    }
}
