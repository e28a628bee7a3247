//! The WS-Security header of a request: Timestamp and UsernameToken (WSS SOAP Message Security 1.0, UsernameToken
//! Profile 1.0).

use super::envelope::is_for_us;
use super::{Envelope, WSSE, WSU};
use crate::model::{MAX_AGE, MAX_SKEW, Password, Refusal, RefusalKind, Timestamp, Username, quoted};
use crate::xml::Element;

const PASSWORD_TEXT: &str = "#PasswordText";
const PASSWORD_DIGEST: &str = "#PasswordDigest";

/// What a security header holds.
pub struct SecurityHeader {
    /// `wsu:Timestamp`.
    pub timestamp: Option<SecurityTimestamp>,
    /// `wsse:UsernameToken` with a password in the clear.
    pub username_token: UsernameToken,
}

/// When a message was made and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecurityTimestamp {
    /// `wsu:Created`.
    pub created: Timestamp,
    /// `wsu:Expires`.
    pub expires: Option<Timestamp>,
}

/// A name and a password.
pub struct UsernameToken {
    /// `wsse:Username`.
    pub username: Username,
    /// `wsse:Password`, the clear text.
    pub password: Password,
    /// `wsse:Nonce`, which no Microsoft client sends; where it is, it is good once.
    pub nonce: Option<String>,
    /// `wsu:Created` of the token.
    pub created: Option<Timestamp>,
}

impl SecurityHeader {
    /// Reads the security header of a message: of several the one for us, for each receiver may have its own (WSS 1.0, 5).
    ///
    /// # Errors
    /// [`RefusalKind::Security`] if it is not there or not readable, [`RefusalKind::UnsupportedToken`] for credentials
    /// other than a password in the clear.
    pub fn read(envelope: &Envelope) -> Result<Self, Refusal> {
        let header = envelope.header().ok_or_else(|| security("no wsse:Security header"))?;
        let mut blocks = header.children_named(WSSE.uri, "Security").filter(|block| is_for_us(block, envelope.version));
        let block = blocks.next().ok_or_else(|| security("no wsse:Security header"))?;
        if blocks.next().is_some() {
            return Err(security("more than one wsse:Security header"));
        }
        let timestamp = one(block, WSU.uri, "Timestamp")?.map(read_timestamp).transpose()?;
        let token = one(block, WSSE.uri, "UsernameToken")?.ok_or_else(|| {
            let found: Vec<&str> = block.elements().map(|element| element.name.local.as_str()).take(8).collect();
            unsupported(format!("no wsse:UsernameToken, but {}", quoted(&found.join(" "))))
        })?;
        Ok(Self { timestamp, username_token: read_username_token(token)? })
    }

    /// Checks every time in the header against ours.
    ///
    /// # Errors
    /// [`RefusalKind::Security`] without a Timestamp, [`RefusalKind::Clock`] for one too old, too new or ended.
    pub fn check_times(&self, now: Timestamp) -> Result<(), Refusal> {
        let timestamp = self.timestamp.ok_or_else(|| security("no wsu:Timestamp"))?;
        let clock = |what: &str| Refusal::new(RefusalKind::Clock, format!("{what}; our clock says {now}"));
        for created in [Some(timestamp.created), self.username_token.created].into_iter().flatten() {
            if created > now.plus(MAX_SKEW) {
                return Err(clock(&format!("created in the future, at {created}")));
            }
            if created < now.minus(MAX_AGE + MAX_SKEW) {
                return Err(clock(&format!("created too long ago, at {created}")));
            }
        }
        match timestamp.expires {
            Some(expires) if expires <= timestamp.created => Err(clock("it ends before it begins")),
            Some(expires) if expires < now.minus(MAX_SKEW) => Err(clock(&format!("ended at {expires}"))),
            _ => Ok(()),
        }
    }
}

fn read_timestamp(element: &Element) -> Result<SecurityTimestamp, Refusal> {
    let time = |name| one(element, WSU.uri, name).and_then(|found| found.map(read_time).transpose());
    let created = time("Created")?.ok_or_else(|| security("a Timestamp without Created"))?;
    Ok(SecurityTimestamp { created, expires: time("Expires")? })
}

fn read_username_token(token: &Element) -> Result<UsernameToken, Refusal> {
    let text = |name| Ok::<_, Refusal>(one(token, WSSE.uri, name)?.map(|element| (element, element.text())));
    let Some((_, Some(username))) = text("Username")? else {
        return Err(security("a UsernameToken without a Username"));
    };
    let Some((element, Some(password))) = text("Password")? else {
        return Err(security("a UsernameToken without a Password"));
    };
    // Microsoft's clients leave the type out; absent means text (UsernameToken Profile 3.1).
    match element.attribute("Type").map(str::trim) {
        None => {}
        Some(kind) if kind.ends_with(PASSWORD_TEXT) => {}
        Some(kind) if kind.ends_with(PASSWORD_DIGEST) => {
            return Err(unsupported("a PasswordDigest, which a directory's bind cannot check".to_owned()));
        }
        Some(_) => return Err(unsupported("a Password that is no PasswordText".to_owned())),
    }
    let nonce = one(token, WSSE.uri, "Nonce")?.and_then(Element::trimmed_text).map(str::to_owned);
    let created = one(token, WSU.uri, "Created")?.map(read_time).transpose()?;
    Ok(UsernameToken {
        username: Username::new(username.trim()),
        password: Password::new(password),
        nonce: nonce.filter(|nonce| !nonce.is_empty()),
        created,
    })
}

fn read_time(element: &Element) -> Result<Timestamp, Refusal> {
    let name = &element.name.local;
    let text = element.trimmed_text().ok_or_else(|| security(&format!("{name} is not text")))?;
    Timestamp::parse(text).map_err(|error| security(&format!("{name} is {error}")))
}

/// The only child of that name.
fn one<'e>(parent: &'e Element, namespace: &str, local: &'static str) -> Result<Option<&'e Element>, Refusal> {
    parent.only_child(namespace, local).map_err(|duplicate| security(&duplicate.to_string()))
}

fn security(reason: &str) -> Refusal {
    Refusal::new(RefusalKind::Security, reason)
}

fn unsupported(reason: String) -> Refusal {
    Refusal::new(RefusalKind::UnsupportedToken, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::understood_by_wstrust;
    use crate::xml::Limits;

    fn read(security: &str) -> Result<SecurityHeader, Refusal> {
        let xml = format!(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' xmlns:o='{}' xmlns:u='{}'><s:Header>{security}\
             </s:Header><s:Body><x/></s:Body></s:Envelope>",
            WSSE.uri, WSU.uri
        );
        SecurityHeader::read(&Envelope::parse(xml.as_bytes(), &Limits::message(65536), understood_by_wstrust)?)
    }

    fn token(inner: &str) -> String {
        format!(
            "<o:Security><u:Timestamp><u:Created>2026-01-01T00:00:00Z</u:Created><u:Expires>2026-01-01T00:10:00Z</u:Expires>\
             </u:Timestamp><o:UsernameToken>{inner}</o:UsernameToken></o:Security>"
        )
    }

    #[test]
    fn a_password_keeps_every_character() {
        let header =
            read(&token("<o:Username> alice\n</o:Username><o:Password> p&amp;w&#13;\t</o:Password>")).ok().unwrap();
        assert_eq!(header.username_token.username.as_str(), "alice");
        assert_eq!(header.username_token.password.expose(), " p&w\r\t");
    }

    #[test]
    fn refuses_what_a_bind_cannot_check() {
        let profile = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";
        let typed =
            |kind| token(&format!("<o:Username>a</o:Username><o:Password Type='{profile}{kind}'>p</o:Password>"));
        assert!(read(&typed("#PasswordText")).is_ok());
        for (xml, kind) in [
            (typed("#PasswordDigest"), RefusalKind::UnsupportedToken),
            (typed("#Other"), RefusalKind::UnsupportedToken),
            ("<o:Security/>".to_owned(), RefusalKind::UnsupportedToken),
            (String::new(), RefusalKind::Security),
            (token("<o:Username>a</o:Username>"), RefusalKind::Security),
            (
                token("<o:Username>a</o:Username><o:Username>b</o:Username><o:Password>p</o:Password>"),
                RefusalKind::Security,
            ),
            (token("<o:Username>a<!---->b</o:Username><o:Password>p</o:Password>"), RefusalKind::Security),
            ("<o:Security/><o:Security/>".to_owned(), RefusalKind::Security),
        ] {
            assert_eq!(read(&xml).err().map(|refusal| refusal.kind), Some(kind), "{xml}");
        }
    }

    #[test]
    fn the_security_header_of_another_receiver_is_passed_over() {
        let ours = token("<o:Username>a</o:Username><o:Password>p</o:Password>");
        let others = "<o:Security s:actor='urn:another'/>";
        for both in [format!("{ours}{others}"), format!("{others}{ours}")] {
            assert_eq!(
                read(&both).map(|header| header.username_token.username.as_str().to_owned()).ok().as_deref(),
                Some("a")
            );
        }
        let next = ours.replace("<o:Security>", "<o:Security s:actor='http://schemas.xmlsoap.org/soap/actor/next'>");
        for refused in [others.to_owned(), format!("{ours}{next}")] {
            assert_eq!(read(&refused).err().map(|refusal| refusal.kind), Some(RefusalKind::Security), "{refused}");
        }
    }

    #[test]
    fn no_part_of_a_password_is_in_a_reason() {
        let token = |inside: &str| token(&format!("<o:Username>a</o:Username>{inside}"));
        for between in [
            "p<canary>q",
            "p<canary",
            "p<canary ",
            "p<canary='>q",
            "p<canary a=canary>q",
            "p<canary a='1' a='2'/>q",
            "p<c:canary/>q",
            "p<1canary/>q",
            "p</canary>q",
            "p<canary/>q",
            "p<!canary>q",
            "p<!--canary--canary-->q",
            "p<![CDATA[canary",
            "p<?canary?>q",
            "p<?xml canary='1'?>q",
            "p&canary",
            "p&canary;q",
            "p&#canary;q",
            "p]]>canary",
        ] {
            let refusal = read(&token(&format!("<o:Password>{between}</o:Password>"))).err().expect(between);
            assert!(!refusal.reason.contains("canary"), "{between}: {}", refusal.reason);
        }
        for inside in
            ["<o:Password Type='canary'>p</o:Password>", "<o:Password>p</o:Password><u:Created>canary</u:Created>"]
        {
            let refusal = read(&token(inside)).err().expect(inside);
            assert!(!refusal.reason.contains("canary"), "{inside}: {}", refusal.reason);
        }
    }

    #[test]
    fn times_must_be_near_ours() {
        let header = read(&token("<o:Username>a</o:Username><o:Password>p</o:Password>")).ok().unwrap();
        for (now, fine) in [
            ("2026-01-01T00:00:00Z", true),
            ("2025-12-31T23:55:00Z", true),
            ("2025-12-31T23:54:59Z", false),
            ("2026-01-01T00:15:00Z", true),
            ("2026-01-01T00:15:01Z", false),
        ] {
            assert_eq!(header.check_times(Timestamp::parse(now).unwrap()).is_ok(), fine, "{now}");
        }
    }
}
