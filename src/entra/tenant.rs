//! What a tenant has, from what Graph or PowerShell printed.

use serde_json::{Map, Value};

/// The federation of a domain as a tenant has it. Everything is as it was read; what is empty or absent is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenant {
    /// Graph's id of the object.
    pub id: Option<String>,
    /// `displayName`.
    pub display_name: Option<String>,
    /// `preferredAuthenticationProtocol`.
    pub preferred_authentication_protocol: Option<String>,
    /// `issuerUri`.
    pub issuer_uri: Option<String>,
    /// `passiveSignInUri`.
    pub passive_sign_in_uri: Option<String>,
    /// `activeSignInUri`.
    pub active_sign_in_uri: Option<String>,
    /// `signOutUri`.
    pub sign_out_uri: Option<String>,
    /// `metadataExchangeUri`.
    pub metadata_exchange_uri: Option<String>,
    /// `signingCertificate`.
    pub signing_certificate: Option<String>,
    /// `nextSigningCertificate`.
    pub next_signing_certificate: Option<String>,
    /// `federatedIdpMfaBehavior`.
    pub federated_idp_mfa_behavior: Option<String>,
    /// `promptLoginBehavior`.
    pub prompt_login_behavior: Option<String>,
    /// `isSignedAuthenticationRequestRequired`.
    pub is_signed_authentication_request_required: bool,
}

/// Why a file does not say what a tenant has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TenantError {
    /// It is no text.
    #[error("is neither UTF-8 nor UTF-16")]
    NotText,
    /// It is not JSON.
    #[error("is not JSON: {0}")]
    NotJson(String),
    /// It is Graph's answer to a request that failed.
    #[error("is an error of Microsoft Graph: {0}")]
    GraphError(String),
    /// It is other JSON.
    #[error("is no federation of a domain: it has no {0}")]
    Other(&'static str),
}

/// Reads every federation in a file: one object of Graph, the `value` of a list of them, or what `ConvertTo-Json` makes of
/// either, which writes names with capital letters and, into a file, UTF-16.
///
/// # Errors
/// It is something else.
pub fn tenants(bytes: &[u8]) -> Result<Vec<Tenant>, TenantError> {
    let text = text(bytes).ok_or(TenantError::NotText)?;
    // What a cmdlet prints of nothing.
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let value: Value = serde_json::from_str(&text).map_err(|error| TenantError::NotJson(error.to_string()))?;
    match value {
        Value::Array(items) => items.iter().map(tenant).collect(),
        Value::Null => Ok(Vec::new()),
        Value::Object(object) => match (folded(&object, "value"), folded(&object, "error")) {
            (Some(Value::Array(items)), _) => items.iter().map(tenant).collect(),
            (_, Some(error)) => {
                let said = error.get("message").and_then(Value::as_str).unwrap_or("without a message");
                Err(TenantError::GraphError(said.to_owned()))
            }
            _ => tenant(&Value::Object(object)).map(|tenant| vec![tenant]),
        },
        _ => Err(TenantError::Other("issuerUri")),
    }
}

fn tenant(value: &Value) -> Result<Tenant, TenantError> {
    let object = value.as_object().ok_or(TenantError::Other("issuerUri"))?;
    let said = |name: &str| {
        let text = folded(object, name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        text.map(str::to_owned)
    };
    // A domain itself, the object around it, is taken for its federation most easily.
    for name in ["issuerUri", "signingCertificate"] {
        if folded(object, name).is_none() {
            return Err(TenantError::Other(name));
        }
    }
    Ok(Tenant {
        id: said("id"),
        display_name: said("displayName"),
        preferred_authentication_protocol: said("preferredAuthenticationProtocol"),
        issuer_uri: said("issuerUri"),
        passive_sign_in_uri: said("passiveSignInUri"),
        active_sign_in_uri: said("activeSignInUri"),
        sign_out_uri: said("signOutUri"),
        metadata_exchange_uri: said("metadataExchangeUri"),
        signing_certificate: said("signingCertificate"),
        next_signing_certificate: said("nextSigningCertificate"),
        federated_idp_mfa_behavior: said("federatedIdpMfaBehavior"),
        prompt_login_behavior: said("promptLoginBehavior"),
        is_signed_authentication_request_required: folded(object, "isSignedAuthenticationRequestRequired")
            .is_some_and(|value| value == &Value::Bool(true)),
    })
}

/// The value of a name in any letter case.
fn folded<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn text(bytes: &[u8]) -> Option<String> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(unit);
        char::decode_utf16(units).collect::<Result<String, _>>().ok()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        other => String::from_utf8(other.to_vec()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAPH: &str = r##"{
        "@odata.type": "#microsoft.graph.internalDomainFederation", "id": "6601d14b", "displayName": "Contoso",
        "issuerUri": "http://contoso.com/adfs/services/trust", "metadataExchangeUri": null, "signingCertificate": "MIIE",
        "passiveSignInUri": "https://sts.contoso.com/adfs/ls", "preferredAuthenticationProtocol": "wsFed",
        "signingCertificateUpdateStatus": { "certificateUpdateResult": "Success" },
        "isSignedAuthenticationRequestRequired": true, "nextSigningCertificate": "", "federatedIdpMfaBehavior": "x"
    }"##;

    #[test]
    fn every_form_that_is_printed_is_read() {
        let powershell = GRAPH.replace("\"issuerUri\"", "\"IssuerUri\"").replace("\"id\"", "\"Id\"");
        let list = format!(r#"{{ "@odata.context": "https://graph", "value": [{GRAPH}] }}"#);
        let array = format!("[{GRAPH}]");
        let utf16: Vec<u8> = "\u{feff}".encode_utf16().chain(GRAPH.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "\u{feff}".encode_utf16().chain(GRAPH.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        let marked = format!("\u{feff}{GRAPH}");
        for bytes in [
            GRAPH.as_bytes(),
            powershell.as_bytes(),
            list.as_bytes(),
            array.as_bytes(),
            &utf16,
            &big,
            marked.as_bytes(),
        ] {
            let [tenant] = tenants(bytes).unwrap().try_into().unwrap();
            assert_eq!(tenant.id.as_deref(), Some("6601d14b"));
            assert_eq!(tenant.issuer_uri.as_deref(), Some("http://contoso.com/adfs/services/trust"));
            assert_eq!((tenant.metadata_exchange_uri, tenant.next_signing_certificate), (None, None));
            assert!(tenant.is_signed_authentication_request_required);
        }
    }

    #[test]
    fn nothing_is_a_domain_that_is_not_federated() {
        for nothing in ["", " \r\n", "null", "[]", r#"{"value": []}"#] {
            assert_eq!(tenants(nothing.as_bytes()), Ok(Vec::new()), "{nothing}");
        }
    }

    #[test]
    fn what_is_something_else_is_told() {
        for (text, expected) in [
            (&b"{\"id\": \"example.com\", \"authenticationType\": \"Federated\"}"[..], "no issuerUri"),
            (b"{\"issuerUri\": \"x\"}", "no signingCertificate"),
            (b"[1]", "no issuerUri"),
            (b"7", "no issuerUri"),
            (b"{\"error\": {\"code\": \"x\", \"message\": \"Insufficient privileges\"}}", "Insufficient privileges"),
            (b"IssuerUri : http://example.com/", "not JSON"),
            (b"\xff", "UTF-8"),
            (b"\xff\xfe\x00\xd8", "UTF-8"),
        ] {
            let error = tenants(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
