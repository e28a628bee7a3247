//! SOAP faults.

use std::borrow::Cow;

use super::addressing::Addressing;
use super::envelope::SoapVersion;
use crate::xml::{Ns, UNQUALIFIED, Writer, XML};

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultCode {
    /// The client's.
    Sender,
    /// Ours, or a dependency's.
    Receiver,
    /// A header that was to be understood.
    MustUnderstand,
    /// Another SOAP.
    VersionMismatch,
}

/// A fault, in no SOAP version yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whose.
    pub code: FaultCode,
    /// What exactly: namespace and local name. MSAL for Python crashes where there is none, MSAL for Java and ADAL for
    /// Python where it has no prefix.
    pub subcode: (&'static Ns, &'static str),
    /// One English sentence, always there: MSAL.NET shows an empty error without it.
    pub reason: Cow<'static, str>,
}

impl Fault {
    /// The whole envelope.
    pub fn render(&self, version: SoapVersion, addressing: Option<&Addressing>) -> String {
        let mut w = Writer::with_capacity(1024);
        let action = addressing.map_or("", |addressing| addressing.version.fault_action());
        version.open(&mut w, addressing, action);
        version.body(&mut w);
        let ns = version.ns();
        w.start(ns, "Fault", &[]);
        match version {
            SoapVersion::V12 => self.render_12(&mut w, ns),
            SoapVersion::V11 => self.render_11(&mut w),
        }
        w.finish()
    }

    fn render_12(&self, w: &mut Writer, ns: &'static Ns) {
        w.start(ns, "Code", &[]);
        w.leaf(ns, "Value", &format!("{}:{}", ns.prefix, self.code.name(SoapVersion::V12)));
        let (subcode, local) = self.subcode;
        w.start(ns, "Subcode", &[]);
        w.start_with(ns, "Value", &[subcode], Vec::new());
        w.text(&format!("{}:{local}", subcode.prefix));
        w.end();
        w.end();
        w.end();
        w.start(ns, "Reason", &[]);
        w.start_with(ns, "Text", &[], vec![(Some(&XML), "lang", "en-US")]);
        w.text(&self.reason);
    }

    fn render_11(&self, w: &mut Writer) {
        // SOAP 1.1 has one code: WS-Security and WS-Trust put theirs there, but not for what SOAP itself finds.
        let (ns, local) = match self.code {
            FaultCode::Sender | FaultCode::Receiver => self.subcode,
            FaultCode::MustUnderstand | FaultCode::VersionMismatch => {
                (SoapVersion::V11.ns(), self.code.name(SoapVersion::V11))
            }
        };
        w.start_with(&UNQUALIFIED, "faultcode", &[ns], Vec::new());
        w.text(&format!("{}:{local}", ns.prefix));
        w.end();
        w.leaf(&UNQUALIFIED, "faultstring", &self.reason);
    }
}

impl FaultCode {
    const fn name(self, version: SoapVersion) -> &'static str {
        match (self, version) {
            (Self::Sender, SoapVersion::V12) => "Sender",
            (Self::Sender, SoapVersion::V11) => "Client",
            (Self::Receiver, SoapVersion::V12) => "Receiver",
            (Self::Receiver, SoapVersion::V11) => "Server",
            (Self::MustUnderstand, _) => "MustUnderstand",
            (Self::VersionMismatch, _) => "VersionMismatch",
        }
    }
}
