//! Every source of service providers' metadata, asked once.

use super::report::Report;
use super::tls_problem::{Verification, explain};
use crate::federation::Trial;
use crate::server::Prepared;

/// Asks each; what it has, and whether it is believed.
pub(super) async fn try_out(prepared: &Prepared, report: &mut Report<'_>) {
    for source in prepared.sources.iter() {
        let step = format!("metadata source {}", source.name());
        match source.try_out(&prepared.parties.wanted_of(source.name())).await {
            Ok(Trial { found, doubts }) => {
                report.fine(&step, found);
                for doubt in doubts {
                    report.warning(&step, doubt, "look at what is there, and at what relying_parties want of it");
                }
            }
            Err(what) => {
                let verification = Verification {
                    ca_file: "ca_file of the source",
                    other_name: "write the name that is in the certificate in the source's address",
                    no_tls: "write http:// in the source's address, or name the TLS port",
                };
                let help = "nobody of it can sign in when the last good copy has ended: see its address, and that \
                            certificate_file is the key's that signs it now";
                match explain(&what, &verification) {
                    Some((meaning, help)) => report.failed(&step, meaning, help),
                    None => report.failed(&step, what, help),
                }
            }
        }
    }
}
