//! The claims that a request asks for: names, and nothing but names.

use super::{malformed, only};
use crate::model::{AttributeRelease, Refusal, RefusalKind, is_claim, quoted};
use crate::saml::AttributeOut;
use crate::wstrust::TrustVersion;
use crate::xml::Element;

/// The namespace of `ClaimType` in both dialects, and the name of one (Identity Metasystem Interoperability 1.0, 3.3).
const IDENTITY: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity";
/// The other, WSO2's.
const WSO2: &str = "http://wso2.org/claims";

/// What a request asks for of all that its relying party may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedClaims(Vec<RequestedClaim>);

/// A claim that is asked for. Its URI is compared whole: WSO2's `{claim|value}`, by which a client chose the value itself, is
/// the name of nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RequestedClaim {
    uri: String,
    /// Whether a token without it is of no use: `Optional="false"`, said outright.
    insisted: bool,
}

impl RequestedClaims {
    /// Reads `wst:Claims`, or where there is none that of `wst:SecondaryParameters`, in which WCF passes on what a relying
    /// party's policy asks for. `None`: nothing in particular is asked for.
    pub(super) fn read(body: &Element, version: TrustVersion) -> Result<Option<Self>, Refusal> {
        let uri = version.ns().uri;
        let secondary = only(body, uri, "SecondaryParameters")?;
        let claims = match (only(body, uri, "Claims")?, secondary) {
            (None, Some(secondary)) => only(secondary, uri, "Claims")?,
            (claims, _) => claims,
        };
        let Some(claims) = claims else { return Ok(None) };
        // The specification's attribute is in no namespace; WSO2's is in that of WS-Trust.
        let dialect = claims.attribute("Dialect").or_else(|| claims.attribute_ns(uri, "Dialect"));
        if let Some(other) = dialect.map(trimmed).filter(|dialect| ![IDENTITY, WSO2].contains(dialect)) {
            let reason = format!("claims of the dialect {}, which is none of ours", quoted(other));
            return Err(Refusal::new(RefusalKind::BadRequest, reason).telling(HOW));
        }
        let asked = claims.elements().map(RequestedClaim::read).collect::<Result<Vec<_>, _>>()?;
        Ok(if asked.is_empty() { None } else { Some(Self(asked)) })
    }

    /// Whether the claim is asked for.
    pub fn has(&self, claim: &AttributeRelease) -> bool {
        self.0.iter().any(|asked| is_claim(claim.namespace.as_deref(), &claim.name, &asked.uri))
    }

    /// A claim that is insisted on and not given.
    pub fn missing(&self, given: &[AttributeOut]) -> Option<&str> {
        let is_given = |uri: &str| {
            let mut given = given.iter().filter(|claim| !claim.values.is_empty());
            given.any(|claim| is_claim(claim.namespace.as_deref(), &claim.name, uri))
        };
        self.0.iter().find(|asked| asked.insisted && !is_given(&asked.uri)).map(|asked| asked.uri.as_str())
    }
}

impl RequestedClaim {
    fn read(element: &Element) -> Result<Self, Refusal> {
        if !element.is(IDENTITY, "ClaimType") {
            // CXF's ClaimValue among them: what a claim says is not the client's to say.
            return Err(not_understood(&format!("{} among the claims", quoted(&element.name.local))));
        }
        let uri = element.attribute("Uri").map(trimmed).filter(|uri| !uri.is_empty());
        let uri = uri.ok_or_else(|| malformed("a ClaimType without a Uri"))?.to_owned();
        let insisted = match element.attribute("Optional").map(trimmed) {
            None | Some("true" | "1") => false,
            Some("false" | "0") => true,
            Some(other) => return Err(malformed(format!("a ClaimType that is Optional={}", quoted(other)))),
        };
        Ok(Self { uri, insisted })
    }
}

/// Without XML's white space around it, as `xs:anyURI` and `xs:boolean` are read; other white space counts.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

fn not_understood(what: &str) -> Refusal {
    Refusal::new(RefusalKind::BadRequest, format!("{what}: only names of claims can be asked for")).telling(HOW)
}

/// How claims are asked for.
const HOW: &str = "Claims are asked for by ClaimType elements of http://schemas.xmlsoap.org/ws/2005/05/identity; the Dialect is \
                   the same, or http://wso2.org/claims.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ValueRule;
    use crate::xml::{Limits, parse};

    fn read(version: TrustVersion, children: &str) -> Result<Option<RequestedClaims>, Refusal> {
        let uri = version.ns().uri;
        let names = format!("xmlns='{uri}' xmlns:t='{uri}' xmlns:ic='{IDENTITY}'");
        let start = ["<", "RequestSecurityToken ", &names, ">"].concat();
        let xml = [start.as_str(), children, "</RequestSecurityToken>"].concat();
        RequestedClaims::read(&parse(xml.as_bytes(), &Limits::message(65536)).unwrap().root, version)
    }

    fn rule(namespace: Option<&str>, name: &str) -> AttributeRelease {
        AttributeRelease {
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
            name_format: None,
            friendly_name: None,
            rule: ValueRule::attribute("mail"),
            required: false,
            released_to: Vec::new(),
        }
    }

    #[test]
    fn both_dialects_and_none_are_read() {
        for version in TrustVersion::ALL {
            for dialect in
                ["", "Dialect='http://schemas.xmlsoap.org/ws/2005/05/identity'", "t:Dialect='http://wso2.org/claims'"]
            {
                let claims = format!("<Claims {dialect}><ic:ClaimType Uri=' urn:x/y '/></Claims>");
                for children in [claims.clone(), format!("<SecondaryParameters>{claims}</SecondaryParameters>")] {
                    let asked = read(version, &children).unwrap().unwrap();
                    assert!(asked.has(&rule(None, "urn:x/y")) && asked.has(&rule(Some("urn:x"), "y")), "{children}");
                    assert!(!asked.has(&rule(None, "y")) && !asked.has(&rule(Some("urn:x/y"), "")), "{children}");
                }
            }
        }
    }

    #[test]
    fn nothing_asked_for_is_no_filter_and_the_request_itself_comes_first() {
        let version = TrustVersion::V13;
        assert_eq!(read(version, ""), Ok(None));
        assert_eq!(read(version, "<Claims Dialect='http://wso2.org/claims'/>"), Ok(None));
        let both = "<SecondaryParameters><Claims><ic:ClaimType Uri='b'/></Claims></SecondaryParameters>\
                    <Claims><ic:ClaimType Uri='a'/></Claims>";
        let asked = read(version, both).unwrap().unwrap();
        assert!(asked.has(&rule(None, "a")) && !asked.has(&rule(None, "b")));
    }

    #[test]
    fn only_what_is_said_to_be_insisted_on_is() {
        let optional = |optional: &str| {
            let claims = format!("<Claims><ic:ClaimType Uri='urn:n/a' {optional}/></Claims>");
            read(TrustVersion::V13, &claims).map(|asked| asked.unwrap())
        };
        let given = |values: &[&str]| AttributeOut {
            name: "a".to_owned(),
            namespace: Some("urn:n/".to_owned()),
            name_format: None,
            friendly_name: None,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        for word in ["", "Optional='true'", "Optional='1'"] {
            assert_eq!(optional(word).unwrap().missing(&[]), None);
        }
        for word in ["Optional='false'", "Optional=' 0 '"] {
            assert_eq!(optional(word).unwrap().missing(&[given(&[])]), Some("urn:n/a"));
            assert_eq!(optional(word).unwrap().missing(&[given(&["v"])]), None);
        }
        assert_eq!(optional("Optional='no'").unwrap_err().kind, RefusalKind::Malformed);
    }

    #[test]
    fn names_are_asked_for_and_never_values() {
        for (children, kind) in [
            ("<Claims Dialect='urn:xacml'><ic:ClaimType Uri='a'/></Claims>", RefusalKind::BadRequest),
            (
                "<Claims><ic:ClaimValue Uri='a'><ic:Value>admin</ic:Value></ic:ClaimValue></Claims>",
                RefusalKind::BadRequest,
            ),
            ("<Claims><ClaimType Uri='a'/></Claims>", RefusalKind::BadRequest),
            ("<Claims><ic:ClaimType/></Claims>", RefusalKind::Malformed),
            ("<Claims><ic:ClaimType Uri=' '/></Claims>", RefusalKind::Malformed),
            ("<Claims/><Claims/>", RefusalKind::Malformed),
        ] {
            assert_eq!(read(TrustVersion::V13, children).unwrap_err().kind, kind, "{children}");
        }
        let other =
            read(TrustVersion::V13, "<Claims Dialect='urn:xacml'><ic:ClaimType Uri='a'/></Claims>").unwrap_err();
        let told = other.told.unwrap();
        assert!(told.contains(IDENTITY) && told.contains(WSO2) && other.reason.contains("urn:xacml"), "{told}");
        let literal = "<Claims><ic:ClaimType Uri='{urn:role|admin}'/></Claims>";
        let asked = read(TrustVersion::V13, literal).unwrap().unwrap();
        assert!(!asked.has(&rule(None, "urn:role")) && !asked.has(&rule(Some("urn"), "role")));
    }
}
