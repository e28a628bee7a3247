//! What is published.

use serde_json::{Value, json};

use super::{object, path};
use crate::config::{Config, MetadataMode, Published};

pub(super) fn metadata(config: &Config) -> Value {
    let location = |location: &Option<String>| location.as_ref().map(|location| json!(location));
    let mode = match &config.metadata {
        MetadataMode::Forward { .. } => object([("mode", Some(json!("forward")))]),
        MetadataMode::Own(own) => object([
            ("mode", Some(json!("own"))),
            ("sso_redirect", location(&own.sso_redirect)),
            ("sso_post", location(&own.sso_post)),
            ("slo_redirect", location(&own.slo_redirect)),
            ("slo_post", location(&own.slo_post)),
            ("name_id_formats", Some(json!(own.name_id_formats))),
        ]),
        MetadataMode::Merge(merged) => object([
            ("mode", Some(json!("merge"))),
            ("idp_metadata", Some(json!(merged.path))),
            ("idp_certificate_file", merged.certificate_file.as_deref().map(path)),
            ("allow_unsigned", Some(json!(merged.certificate_file.is_none()))),
            ("allow_sha1", Some(json!(merged.allow_sha1))),
            ("move", Some(merged.moves.from.iter().map(ToString::to_string).collect())),
        ]),
    };
    let Published { passive, idp_certificates, current_ids, next_ids, .. } = &config.published;
    let published = object([
        ("passive", location(passive)),
        ("idp_certificates", Some(idp_certificates.iter().map(|file| path(file)).collect())),
        ("certificate_ids", Some(json!({ "current": current_ids, "next": next_ids }))),
    ]);
    let entries = [mode, published].into_iter().filter_map(|part| part.as_object().cloned());
    entries.flatten().collect::<serde_json::Map<_, _>>().into()
}
