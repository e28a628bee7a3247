//! How a service provider is answered over ECP, besides what it gets.

use super::token::content_encryption;
use crate::config::files::Files;
use crate::config::section::{Section, flag, text};
use crate::model::{EcpSwitches, EncryptAssertions};

/// The switches of an `ecp` section; `base` is what holds where it says nothing.
pub(super) fn of(section: &Section<'_>, base: EcpSwitches, files: &mut Files<'_>) -> Option<EcpSwitches> {
    let encrypt = match section.maybe("encrypt", text)?.as_deref() {
        Some("auto") => EncryptAssertions::Auto,
        Some("off") => EncryptAssertions::Off,
        Some(_) => EncryptAssertions::Required,
        None => base.encrypt,
    };
    let content = section.maybe("content_encryption", text)?;
    let content_encryption =
        content.as_deref().and_then(|with| content_encryption(section, "content_encryption", with, files));
    if content_encryption.is_some() && encrypt == EncryptAssertions::Off {
        let help = "remove it, or encrypt: off";
        files.report.warning(&section.path("content_encryption"), "is of no use where nothing is encrypted", help);
    }
    let accept_sha1 = section.get("accept_sha1", flag)?;
    if accept_sha1 {
        let message = "SHA-1 is broken; requests signed with it can be forged";
        files.report.warning(
            &section.path("accept_sha1"),
            message,
            "remove it as soon as the party signs with SHA-256",
        );
    }
    Some(EcpSwitches {
        encrypt,
        content_encryption,
        sign_response: section.get("sign_response", flag)?,
        request_authenticated: section.get("request_authenticated", flag)?,
        accept_sha1,
    })
}
