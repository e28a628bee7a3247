//! Channel bindings: that the client's TLS connection to the SP is the one that the SP sees.

use super::SecondLevelStatus;
use crate::saml::names::CB;
use crate::xml::Element;

/// A `cb:ChannelBindings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelBindings {
    /// Its `Type`.
    pub kind: Option<String>,
    /// Its content, base64, without the space around it.
    pub value: String,
}

impl ChannelBindings {
    /// Those among the children of a SOAP Header or of a request's Extensions. One that cannot be read is there all the same,
    /// with an empty value.
    pub fn among(parent: &Element) -> Vec<Self> {
        parent
            .children_named(CB.uri, "ChannelBindings")
            .map(|element| Self {
                kind: element.attribute("Type").map(str::to_owned),
                value: element.trimmed_text().unwrap_or_default().to_owned(),
            })
            .collect()
    }
}

/// Compares what the SP wrote into its request with what the client wrote into the SOAP Header. `None` if neither did.
/// To agree means something only where the request's signature was verified.
///
/// # Errors
/// [`SecondLevelStatus::ChannelBindings`] if only one did, or they have none in common.
pub fn match_channel_bindings<'a>(
    request: &'a [ChannelBindings],
    header: &[ChannelBindings],
) -> Result<Option<&'a ChannelBindings>, SecondLevelStatus> {
    if request.is_empty() && header.is_empty() {
        return Ok(None);
    }
    let agreed = request.iter().find(|bindings| !bindings.value.is_empty() && header.contains(bindings));
    agreed.map(Some).ok_or(SecondLevelStatus::ChannelBindings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Limits, parse};

    #[test]
    fn both_sides_must_agree() {
        let read = |inside: &str| {
            let xml = ["<e xmlns:cb='", CB.uri, "'>", inside, "</e>"].concat();
            ChannelBindings::among(&parse(xml.as_bytes(), &Limits::message(4096)).unwrap().root)
        };
        let one = "<cb:ChannelBindings Type='tls-server-end-point'> AAEC\n</cb:ChannelBindings>";
        let untyped = "<cb:ChannelBindings>AAEC</cb:ChannelBindings>";
        let other = "<cb:ChannelBindings Type='tls-server-end-point'>BBBB</cb:ChannelBindings>";
        let empty = "<cb:ChannelBindings Type='tls-server-end-point'/>";
        let broken = "<cb:ChannelBindings Type='tls-server-end-point'>AA<!-- -->EC</cb:ChannelBindings>";
        let both = format!("{other}{one}");
        for (request, header, agrees) in [
            ("", "", true),
            (one, one, true),
            (one, both.as_str(), true),
            (one, "", false),
            ("", one, false),
            (one, untyped, false),
            (one, other, false),
            (empty, empty, false),
            (broken, "", false),
            ("", empty, false),
            (one, broken, false),
        ] {
            let (request, header) = (read(request), read(header));
            let matched = match_channel_bindings(&request, &header);
            assert_eq!(matched.is_ok(), agrees);
            assert_eq!(matched.is_ok_and(|found| found.is_none()), request.is_empty() && header.is_empty());
        }
    }
}
