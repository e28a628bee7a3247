//! What a request presents for whoever sends it, and whether a token can have been issued for anything else.

use http::header::{AUTHORIZATION, COOKIE};

use crate::handler::NativeRequest;
use crate::soap::{Envelope, WSSE, WSU};
use crate::xml::{Element, Limits};

/// Whether there is one credential alone, so that who has a token for it has shown that it is right. Beside another, or a
/// session, a password may be wrong, and the identity provider not have looked at it.
pub(super) fn is_one_alone(request: &NativeRequest) -> bool {
    let by_http = request.headers.get_all(AUTHORIZATION).iter().count();
    !request.headers.contains_key(COOKIE) && by_http + in_message(&request.body) == 1
}

/// How many there are in security headers, whomever these are for: each thing but a time may be one.
fn in_message(body: &[u8]) -> usize {
    let Ok(envelope) = Envelope::parse(body, &Limits::message(body.len()), |_| true) else { return 0 };
    let blocks = envelope.header().into_iter().flat_map(|header| header.children_named(WSSE.uri, "Security"));
    blocks.flat_map(Element::elements).filter(|found| !found.is(WSU.uri, "Timestamp")).count()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, Method};

    use super::*;
    use crate::model::{ClientAddress, Endpoint};

    const USER: &str = "<o:UsernameToken><o:Username>a</o:Username><o:Password>b</o:Password></o:UsernameToken>";
    const BASIC: (HeaderName, &str) = (AUTHORIZATION, "Basic YTpi");

    /// With security headers that hold these.
    fn asked(headers: &[(HeaderName, &str)], security: &[String]) -> NativeRequest {
        let blocks: String = security.iter().map(|held| format!("<o:Security>{held}</o:Security>")).collect();
        let body = format!(
            "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' xmlns:o='{}' xmlns:u='{}'>\
             <s:Header>{blocks}</s:Header><s:Body><x/></s:Body></s:Envelope>",
            WSSE.uri, WSU.uri
        );
        let values = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
        let mut headers = HeaderMap::new();
        headers.extend(values);
        NativeRequest {
            endpoint: Endpoint::Sts,
            method: Method::POST,
            path: String::new(),
            query: String::new(),
            headers,
            body: body.into(),
            client: ClientAddress([192, 0, 2, 1].into()),
            certificate: None,
            correlation_id: String::new(),
            trace_id: None,
        }
    }

    #[test]
    fn a_password_beside_a_cookie_or_another_credential_is_not_proved_by_a_token() {
        let user = || vec![format!("<u:Timestamp/>{USER}")];
        let cookie = (COOKIE, "JSESSIONID=1");
        for (headers, security, alone) in [
            (vec![], user(), true),
            (vec![BASIC], vec![], true),
            (vec![BASIC], vec!["<u:Timestamp/>".to_owned()], true),
            (vec![], vec![], false),
            (vec![cookie.clone()], user(), false),
            (vec![BASIC, cookie], vec![], false),
            (vec![BASIC, (AUTHORIZATION, "Negotiate YTpi")], vec![], false),
            (vec![BASIC], user(), false),
            (vec![], vec![format!("{USER}{USER}")], false),
            (vec![], vec![USER.to_owned(), USER.to_owned()], false),
            (vec![], vec![format!("{USER}<o:BinarySecurityToken/>")], false),
        ] {
            assert_eq!(is_one_alone(&asked(&headers, &security)), alone, "{headers:?} {security:?}");
        }
    }
}
