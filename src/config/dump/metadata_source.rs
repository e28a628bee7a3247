//! Sources of metadata, as they would be written.

use serde_json::{Value, json};

use super::{object, path};
use crate::config::value::format_duration;
use crate::config::{MetadataPlace, MetadataSourceConfig};

pub(super) fn metadata_source(source: &MetadataSourceConfig) -> Value {
    let (key, place) = match &source.place {
        MetadataPlace::File(file) => ("file", path(file)),
        MetadataPlace::Directory(folder) => ("directory", path(folder)),
        MetadataPlace::Url(url) => ("url", json!(url)),
        MetadataPlace::Mdq(base) => ("mdq", json!(base)),
    };
    object([
        ("name", Some(json!(source.name))),
        (key, Some(place)),
        ("certificate_file", source.certificate_file.as_deref().map(path)),
        ("allow_sha1", Some(json!(source.allow_sha1))),
        (
            "longest_validity",
            Some(source.longest_validity.map_or(json!("off"), |longest| json!(format_duration(longest)))),
        ),
        (
            "refresh",
            Some(json!({
                "shortest": format_duration(source.shortest_refresh),
                "longest": format_duration(source.longest_refresh),
            })),
        ),
        ("ca_file", source.ca_file.as_deref().map(path)),
    ])
}
