//! The status page: one document that asks for nothing but `status.json`, and shows health and certificates without a script,
//! too. Its script and style are allowed by their digests, and nothing else is.

mod plain;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, StatusCode};
use openssl::sha::sha256;

use super::report::Report;
use super::routes::{Answer, text};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = concat!(
    "'use strict';\n(() => {\n",
    include_str!("dom.js"),
    include_str!("words.js"),
    include_str!("charts.js"),
    include_str!("frame.js"),
    include_str!("activity.js"),
    include_str!("health.js"),
    include_str!("parties.js"),
    include_str!("entra.js"),
    include_str!("page.js"),
    "})();\n"
);
const TEMPLATE: &str = include_str!("page.html");

/// What is the same in every page.
static PAGE: LazyLock<Page> = LazyLock::new(Page::new);

struct Page {
    /// Up to the state without a script, from there to the state for it, and the rest.
    pieces: [String; 3],
    policy: HeaderValue,
}

impl Page {
    fn new() -> Self {
        let whole = TEMPLATE.replacen("{{style}}", STYLE, 1).replacen("{{script}}", SCRIPT, 1);
        let (before, rest) = whole.split_once("{{plain}}").unwrap_or((&whole, ""));
        let (between, after) = rest.split_once("{{status}}").unwrap_or((rest, ""));
        let digest = |text: &str| STANDARD.encode(sha256(text.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
             trusted-types 'none'",
            digest(STYLE),
            digest(SCRIPT)
        );
        Self {
            pieces: [before, between, after].map(str::to_owned),
            // Of a strict policy nothing would be shown; without a valid one neither.
            policy: HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'")),
        }
    }
}

/// Whether whoever asks reads HTML, as browsers say that they do, and scripts, probes and curl do not.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(http::header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges =
        accepted.flat_map(|value| value.split(',')).map(|range| range.split(';').next().unwrap_or_default());
    ranges.any(|range| range.trim().eq_ignore_ascii_case("text/html"))
}

/// The page.
pub(super) fn page(report: &Report) -> Answer {
    let Page { pieces: [before, between, after], policy } = &*PAGE;
    let json = String::from_utf8(report.json()).unwrap_or_default();
    // Nothing in it ends the element that it is in.
    let status = json.replace('<', "\\u003c");
    let whole = [before, plain::plain(report).as_str(), between, &status, after].concat();
    let mut answer = guarded(text(StatusCode::OK, whole), "text/html; charset=utf-8");
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    answer
}

/// `/status.json`.
pub(super) fn json(report: &Report) -> Answer {
    guarded(text(StatusCode::OK, report.json()), "application/json")
}

fn guarded(mut answer: Answer, content_type: &'static str) -> Answer {
    const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    answer
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use http_body_util::BodyExt;

    use super::*;
    use crate::admin::report::tests::{facts, report};
    use crate::runtime::Phase;

    fn body(answer: Answer) -> String {
        let body = answer.into_body().collect().now_or_never().unwrap().unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[test]
    fn what_is_in_the_page_is_all_that_it_needs() {
        let report = report(facts(), Phase::Serving, true);
        let answer = page(&report);
        let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
        let body = body(answer);
        assert!(!body.contains("{{"), "every place is filled");
        for (element, end) in [("<style>", "</style>"), ("<script>", "</script>")] {
            let (_, rest) = body.split_once(element).unwrap();
            let (content, _) = rest.split_once(end).unwrap();
            let digest = STANDARD.encode(sha256(content.as_bytes()));
            assert!(policy.contains(&format!("'sha256-{digest}'")), "{element}");
        }
        for word in [" src=", " onclick=", " style=", "http-equiv", "@import", "url(", "innerHTML", "document.cookie"] {
            assert!(!body.contains(word), "{word}");
        }
    }

    #[test]
    fn what_is_in_the_page_does_not_end_its_element() {
        let report = report(facts(), Phase::Serving, true);
        let body = body(page(&report));
        let (_, rest) = body.split_once("id=\"status\">").unwrap();
        let (status, _) = rest.split_once("</script>").unwrap();
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(status), read(std::str::from_utf8(&report.json()).unwrap()));
        assert_eq!(read(status)["entra"][0]["federation"]["signingCertificate"], "MIIC</script><!--");
    }

    #[test]
    fn browsers_read_the_page_and_others_text() {
        for (accept, wanted) in [
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), true),
            (Some("application/json, Text/HTML;q=0.5"), true),
            (Some("*/*"), false),
            (Some("text/plain"), false),
            (None, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(http::header::ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(is_wanted(&headers), wanted, "{accept:?}");
        }
    }
}
