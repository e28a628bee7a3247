//! What to do about documents of metadata that cannot be had, or are not believed.

use crate::config::{MergedMetadataConfig, MetadataPlace, MetadataSourceConfig};
use crate::federation::Fault;

/// For a source of service providers' metadata.
pub(super) fn of_source(fault: Fault, source: &MetadataSourceConfig) -> &'static str {
    let is_local = matches!(source.place, MetadataPlace::File(_) | MetadataPlace::Directory(_));
    match fault {
        Fault::File => "see that it is there, and that the user fedfront runs as may read it",
        Fault::Unreachable => "see that the source's address is right, and that this machine may reach it",
        Fault::Answer if matches!(source.place, MetadataPlace::Mdq(_)) => {
            "see that mdq is the base of the service: the part of its addresses before entities/"
        }
        Fault::Answer => "see that url is where the document is now",
        Fault::Form if is_local => {
            "put SAML metadata there: an EntityDescriptor or EntitiesDescriptor, whole, without a DTD"
        }
        Fault::Form => "see that there is SAML metadata at the source's address, whole, and no page",
        Fault::Unsigned if is_local => {
            "put the signed document there; or, if you vouch for the file yourself, remove certificate_file"
        }
        Fault::Unsigned => "name the address of the publisher's signed document: what is not signed is not believed",
        Fault::Algorithm if source.allow_sha1 => {
            "have it signed by RSA or ECDSA with SHA-256, and canonicalized exclusively"
        }
        Fault::Algorithm => {
            "have it signed with SHA-256 or better; if it is SHA-1, for a publisher that knows nothing newer, the source's \
             allow_sha1: true takes it, though it can be forged"
        }
        Fault::Signature => {
            "see that certificate_file is the certificate of the key that signs it now, had in a way that you trust"
        }
        Fault::Ended if is_local => "put the present document there",
        Fault::Ended => "see that the address is that of the present document, or have the publisher issue it anew",
        Fault::Older => "see that nobody between keeps an old document in use; the newer one serves until it ends",
        Fault::TooLong => "set longest_validity to how long the publisher's documents are valid",
        Fault::Endless => {
            "ask the publisher for documents with a validUntil; longest_validity: off does without, and then an old one can \
             be kept in use"
        }
        Fault::OtherEntity => "tell whoever runs the service: it answers with another entity than it is asked for",
        Fault::Entity => "tell whoever published it; the others are served",
        Fault::EndedEntity => "ask for their present metadata; the others are served",
        Fault::Twice => "have all but one of them removed",
        Fault::Absent => "write entity_id letter for letter, and name the source that has it",
        Fault::NoEcp => "have an AssertionConsumerService of the PAOS binding added to the service provider's metadata",
    }
}

/// For the identity provider's own metadata, where it is merged with ours.
pub(super) fn of_merged(fault: Fault, merged: &MergedMetadataConfig) -> &'static str {
    match fault {
        Fault::Unsigned => {
            "have the identity provider sign it; or, where it signs none, as WSO2 by default, write metadata.allow_unsigned: \
             true instead of idp_certificate_file, with https in upstream.servers"
        }
        Fault::Algorithm if merged.allow_sha1 => {
            "have it signed by RSA or ECDSA with SHA-256, and canonicalized exclusively"
        }
        Fault::Algorithm => {
            "have it signed with SHA-256; if it is SHA-1, as Oracle's, metadata.allow_sha1: true takes it, though it can be \
             forged"
        }
        Fault::Signature => "see that metadata.idp_certificate_file is the certificate of the key that signs it now",
        Fault::Ended | Fault::Older | Fault::TooLong | Fault::Endless => "have the identity provider issue it anew",
        Fault::OtherEntity => "set issuer.entity_id to the name that the identity provider has in its own metadata",
        Fault::Entity | Fault::EndedEntity | Fault::Twice | Fault::Absent | Fault::NoEcp => {
            "see that metadata.idp_metadata is the path of its SAML 2.0 metadata as an identity provider"
        }
        Fault::Unreachable => "see what is said of the server above",
        Fault::File | Fault::Answer | Fault::Form => {
            "see that metadata.idp_metadata is the path where the identity provider has its own SAML metadata, and no page"
        }
    }
}
