//! Every source of service providers' metadata, asked once.

use super::report::Report;
use super::tls_problem::{Verification, explain};
use crate::federation::{Objection, Trial};
use crate::server::{Prepared, remedies};

/// Where TLS is configured of a source.
const VERIFICATION: Verification<'_> = Verification {
    ca_file: "ca_file of the source",
    other_name: "write the name that is in the certificate in the source's address",
    no_tls: "write http:// in the source's address, or name the TLS port",
};

/// Asks each; what it has, and whether it is believed.
pub(super) async fn try_out(prepared: &Prepared, report: &mut Report<'_>) {
    for source in prepared.sources.iter() {
        let step = format!("metadata source {}", source.name());
        let help = |objection: &Objection| remedies::of_source(objection.fault, source.config());
        let trial = source.try_out(&prepared.parties.wanted_of(source.name())).await;
        let Trial { found, doubts, failures } =
            trial.unwrap_or_else(|failure| Trial { failures: vec![failure], ..Trial::default() });
        found.iter().for_each(|found| report.fine(&step, found));
        doubts.iter().for_each(|doubt| report.warning(&step, &doubt.what, help(doubt)));
        for failure in &failures {
            match explain(&failure.what, &VERIFICATION) {
                Some((meaning, help)) => report.failed(&step, format!("cannot be fetched: {meaning}"), help),
                None => {
                    let end = "nobody of it can sign in once the last good copy has ended";
                    report.failed(&step, &failure.what, format!("{}; {end}", help(failure)));
                }
            }
        }
    }
}
