//! The identity provider's own metadata, from memory: quick, and there while the identity provider is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use futures::future::join_all;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::documents::Document;
use super::message::Reply;
use crate::config::{Config, MetadataMode, Upstream};
use crate::federation::{ForwardedMetadata, KeptDocument, MetadataSource, UpstreamClient};
use crate::model::{Clock, Timestamp};
use crate::telemetry::Metrics;

/// The documents of one configuration.
pub struct ForwardedDocuments {
    pages: Arc<[Page]>,
    /// Whose documents they are.
    origin: Origin,
    client: Arc<UpstreamClient>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

/// The servers, and the host and port that they are asked for.
#[derive(Clone, PartialEq, Eq)]
struct Origin {
    upstream: Upstream,
    host: String,
}

/// A path and what is there.
struct Page {
    path: String,
    kept: ArcSwapOption<Kept>,
    /// Whether the identity provider has last said that it has nothing there.
    absent: AtomicBool,
}

/// How many of the documents there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardedStanding {
    /// May be shown.
    pub held: usize,
    /// Those of which the identity provider says that it has none.
    pub absent: usize,
    /// All that are asked for.
    pub of: usize,
}

struct Kept {
    metadata: ForwardedMetadata,
    document: Document,
}

impl ForwardedDocuments {
    /// What a configuration forwards, to be fetched by `client`; with what `before` has of the same identity provider.
    pub fn new(
        config: &Config,
        client: UpstreamClient,
        before: Option<&Self>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let paths = match &config.metadata {
            MetadataMode::Forward { paths } => paths.as_slice(),
            MetadataMode::Own(_) | MetadataMode::Merge(_) => &[],
        };
        let origin = Origin { upstream: config.upstream.clone(), host: host(config.public_authority()).to_owned() };
        Self { pages: pages(paths, &origin, before).into(), origin, client: Arc::new(client), clock, metrics }
    }

    /// Fetches every document, and again ahead of its end, for as long as it is polled. It may outlive this, to no avail.
    pub fn fetch(&self) -> impl Future<Output = ()> + Send + use<> {
        let (pages, client, host) = (self.pages.clone(), self.client.clone(), self.origin.host.clone());
        let (clock, metrics) = (self.clock.clone(), self.metrics.clone());
        async move {
            join_all(pages.iter().map(|page| follow(page, &pages, &client, &host, &clock, &metrics))).await;
        }
    }

    /// Until when they may be shown, the first to end of several, Unix seconds; 0 if none has an end.
    pub fn not_after(&self) -> f64 {
        not_after(&self.pages)
    }

    /// How it stands with them at `now`.
    pub fn standing(&self, now: Timestamp) -> ForwardedStanding {
        let (held, rest): (Vec<_>, Vec<_>) = self.pages.iter().partition(|page| page.may_be_shown(now));
        let absent = rest.iter().filter(|page| page.absent.load(Ordering::Relaxed)).count();
        ForwardedStanding { held: held.len(), absent, of: self.pages.len() }
    }

    /// Whether they are what the identity provider has for all of these hosts, each with its port if it has one. It may have
    /// others for other hosts; then for none, too.
    pub fn are_for<'a>(&self, hosts: impl Iterator<Item = &'a [u8]>) -> bool {
        let own = self.origin.host.as_bytes();
        let mut hosts =
            hosts.map(|asked| asked.strip_suffix(b":443").unwrap_or(asked).eq_ignore_ascii_case(own)).peekable();
        hosts.peek().is_some() && hosts.all(|same| same)
    }

    /// The answer to a request that would be forwarded, if it is for nothing but a document that is here. Its hosts
    /// are left to [`Self::are_for`].
    pub fn reply(&self, method: &Method, path: &[u8], query: &[u8], headers: &HeaderMap) -> Option<Reply> {
        let page = self.pages.iter().find(|page| page.path.as_bytes() == path)?;
        if !super::is_get(method) || !query.is_empty() {
            return None;
        }
        let kept = page.kept.load();
        let kept = kept.as_ref().filter(|kept| kept.metadata.is_valid(self.clock.now()))?;
        Some(kept.document.reply(headers))
    }
}

async fn follow(
    page: &Page,
    pages: &[Page],
    client: &UpstreamClient,
    host: &str,
    clock: &Arc<dyn Clock>,
    metrics: &Arc<Metrics>,
) {
    let shown = page.kept.load().as_ref().map(|kept| kept.metadata.clone());
    let source = MetadataSource { path: page.path.clone(), shown, clock: clock.clone(), metrics: metrics.clone() };
    let show = |metadata| {
        page.show(metadata);
        metrics.metadata_not_after.set(not_after(pages));
        std::future::ready(())
    };
    let fetch = || async {
        let answer = client.get(&page.path, host).await;
        // While it is away, it has what it had.
        if let Ok(fetched) = &answer {
            page.note(fetched.status);
        }
        answer
    };
    source.follow(fetch, ForwardedMetadata::judge, show).await;
}

/// The pages at these paths, with what was there before if it was the same identity provider's.
fn pages(paths: &[String], origin: &Origin, before: Option<&ForwardedDocuments>) -> Vec<Page> {
    let before = before.filter(|before| before.origin == *origin).map_or(&[][..], |before| &before.pages);
    let page = |path: &String| {
        let same = before.iter().find(|page| page.path == *path);
        let absent = same.is_some_and(|page| page.absent.load(Ordering::Relaxed));
        let kept = same.and_then(|page| page.kept.load_full());
        Page { path: path.clone(), kept: ArcSwapOption::new(kept), absent: absent.into() }
    };
    paths.iter().map(page).collect()
}

impl Page {
    fn note(&self, status: StatusCode) {
        self.absent.store(matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE), Ordering::Relaxed);
    }

    fn may_be_shown(&self, now: Timestamp) -> bool {
        self.kept.load().as_ref().is_some_and(|kept| kept.metadata.is_valid(now))
    }

    /// An unchanged document keeps what was made of it.
    fn show(&self, metadata: ForwardedMetadata) {
        let known = self.kept.load();
        let same = known.as_ref().filter(|known| {
            known.metadata.body == metadata.body && known.metadata.content_type == metadata.content_type
        });
        let document = same.map_or_else(|| document(&metadata), |known| known.document.clone());
        self.kept.store(Some(Arc::new(Kept { metadata, document })));
    }
}

fn document(metadata: &ForwardedMetadata) -> Document {
    let usual = || HeaderValue::from_static("application/samlmetadata+xml");
    Document::typed(metadata.content_type.clone().unwrap_or_else(usual), metadata.body.clone())
}

fn not_after(pages: &[Page]) -> f64 {
    let ends = pages.iter().filter_map(|page| page.kept.load().as_ref()?.metadata.valid_until);
    ends.min().map_or(0.0, Timestamp::unix_seconds)
}

/// What browsers have for a Host header.
pub(super) fn host(authority: &str) -> &str {
    authority.strip_suffix(":443").unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};

    use super::*;
    use crate::config::{UpstreamServer, UpstreamTls};
    use crate::model::Timestamp;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_millis(self.0)
        }
    }

    fn origin(host: &str) -> Origin {
        let second = std::time::Duration::from_secs(1);
        let upstream = Upstream {
            servers: vec![UpstreamServer { host: host.to_owned(), port: 9443, https: true }],
            tls: UpstreamTls::default(),
            health: None,
            set_headers: Vec::new(),
            remove_headers: Vec::new(),
            rewrite_location: false,
            strip_basic_authorization: Vec::new(),
            connect_timeout: second,
            read_timeout: second,
            idle_timeout: second,
        };
        Origin { upstream, host: "sts.example.com".to_owned() }
    }

    fn documents(paths: &[&str], origin: Origin, before: Option<&ForwardedDocuments>) -> ForwardedDocuments {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let pages = pages(&paths, &origin, before).into();
        let (clock, metrics) = (Arc::new(At(1000)), Arc::new(Metrics::new().unwrap()));
        let client = Arc::new(UpstreamClient::new(&origin.upstream).unwrap());
        ForwardedDocuments { pages, origin, client, clock, metrics }
    }

    fn metadata(body: &'static str, valid_until: Option<i64>) -> ForwardedMetadata {
        ForwardedMetadata {
            body: Bytes::from_static(body.as_bytes()),
            content_type: Some(HeaderValue::from_static("application/xml")),
            valid_until: valid_until.map(Timestamp::from_unix_millis),
        }
    }

    fn get(documents: &ForwardedDocuments, path: &str) -> Option<Reply> {
        documents.reply(&Method::GET, path.as_bytes(), b"", &HeaderMap::new())
    }

    #[test]
    fn only_a_request_for_the_document_itself_is_answered() {
        let documents = documents(&["/idp/metadata", "/other"], origin("idp"), None);
        documents.pages[0].show(metadata("kept", None));
        for (method, path, query, answered) in [
            (Method::GET, "/idp/metadata", "", true),
            (Method::HEAD, "/idp/metadata", "", true),
            (Method::POST, "/idp/metadata", "", false),
            (Method::OPTIONS, "/idp/metadata", "", false),
            (Method::GET, "/idp/metadata", "partner=sp", false),
            (Method::GET, "/idp/metadata/", "", false),
            (Method::GET, "/IDP/metadata", "", false),
            (Method::GET, "/idp/%6detadata", "", false),
            (Method::GET, "/other", "", false),
            (Method::GET, "/", "", false),
        ] {
            let reply = documents.reply(&method, path.as_bytes(), query.as_bytes(), &HeaderMap::new());
            assert_eq!(reply.is_some(), answered, "{method} {path} {query}");
        }
    }

    #[test]
    fn a_document_is_answered_as_it_was_sent_and_once() {
        let documents = documents(&["/idp/metadata"], origin("idp"), None);
        documents.pages[0].show(metadata("first", None));
        let first = get(&documents, "/idp/metadata").unwrap();
        assert_eq!((first.status, &first.body[..]), (StatusCode::OK, &b"first"[..]));
        assert_eq!(first.headers[CONTENT_TYPE], "application/xml");
        let known = HeaderMap::from_iter([(IF_NONE_MATCH, first.headers[ETAG].clone())]);
        let again = |documents: &ForwardedDocuments| {
            documents.reply(&Method::GET, b"/idp/metadata", b"", &known).unwrap().status
        };
        documents.pages[0].show(metadata("first", Some(2000)));
        assert_eq!(again(&documents), StatusCode::NOT_MODIFIED);
        documents.pages[0].show(metadata("second", None));
        assert_eq!(again(&documents), StatusCode::OK);
        let untyped = ForwardedMetadata { content_type: None, ..metadata("second", None) };
        documents.pages[0].show(untyped);
        assert_eq!(get(&documents, "/idp/metadata").unwrap().headers[CONTENT_TYPE], "application/samlmetadata+xml");
    }

    #[test]
    fn what_has_ended_is_left_to_the_identity_provider() {
        for (valid_until, answered) in [(None, true), (Some(1001), true), (Some(1000), false), (Some(999), false)] {
            let documents = documents(&["/a", "/b"], origin("idp"), None);
            documents.pages[0].show(metadata("kept", valid_until));
            assert_eq!(get(&documents, "/a").is_some(), answered, "{valid_until:?}");
            let standing = documents.standing(documents.clock.now());
            assert_eq!(standing, ForwardedStanding { held: usize::from(answered), absent: 0, of: 2 });
            documents.pages[1].show(metadata("kept", Some(5000)));
            assert_eq!(not_after(&documents.pages), valid_until.unwrap_or(5000) as f64 / 1000.0);
        }
    }

    #[test]
    fn a_document_that_the_identity_provider_does_not_have_is_not_one_that_fails() {
        for (status, absent) in [(404, 1), (410, 1), (200, 0), (302, 0), (503, 0)] {
            let documents = documents(&["/a"], origin("idp"), None);
            documents.pages[0].note(StatusCode::from_u16(status).unwrap());
            let now = documents.clock.now();
            assert_eq!(documents.standing(now), ForwardedStanding { held: 0, absent, of: 1 }, "{status}");
            let after = self::documents(&["/a"], origin("idp"), Some(&documents));
            assert_eq!(after.standing(now).absent, absent, "a reload does not forget it");
            documents.pages[0].show(metadata("kept", None));
            assert_eq!(documents.standing(now), ForwardedStanding { held: 1, absent: 0, of: 1 }, "{status}");
        }
    }

    #[test]
    fn another_configuration_takes_over_what_is_the_same_identity_providers() {
        let before = documents(&["/a", "/b"], origin("idp"), None);
        before.pages[0].show(metadata("kept", None));
        for (paths, host, answered) in
            [(["/b", "/a"], "idp", true), (["/b", "/c"], "idp", false), (["/a", "/b"], "another", false)]
        {
            let after = documents(&paths, origin(host), Some(&before));
            assert_eq!(get(&after, "/a").is_some(), answered, "{paths:?} {host}");
        }
    }

    #[test]
    fn the_documents_are_for_the_host_that_they_were_fetched_for() {
        for (own, asked, expected) in [
            ("sts.example.com", ["sts.example.com"].as_slice(), true),
            ("sts.example.com", &["STS.Example.COM"], true),
            ("sts.example.com", &["sts.example.com:443"], true),
            ("sts.example.com", &["sts.example.com:443", "Sts.example.com"], true),
            ("STS.example.com", &["sts.example.com"], true),
            ("sts.example.com:8443", &["sts.example.com:8443"], true),
            ("[::1]:8443", &["[::1]:8443"], true),
            ("sts.example.com", &[], false),
            ("sts.example.com", &[""], false),
            ("sts.example.com", &["other.example.com"], false),
            ("sts.example.com", &["sts.example.com", "other.example.com"], false),
            ("sts.example.com", &["other.example.com", "sts.example.com"], false),
            ("sts.example.com", &["a.sts.example.com"], false),
            ("sts.example.com", &["sts.example.com."], false),
            ("sts.example.com", &["sts.example.com:8443"], false),
            ("sts.example.com", &["sts.example.com, sts.example.com"], false),
            ("sts.example.com:8443", &["sts.example.com"], false),
            ("sts.example.com:8443", &["sts.example.com:443"], false),
        ] {
            let documents = documents(&[], Origin { host: own.to_owned(), ..origin("idp") }, None);
            assert_eq!(documents.are_for(asked.iter().map(|host| host.as_bytes())), expected, "{own} {asked:?}");
        }
    }

    #[test]
    fn the_identity_provider_is_asked_for_the_host_that_browsers_ask_for() {
        for (authority, expected) in [
            ("sts.example.com", "sts.example.com"),
            ("sts.example.com:443", "sts.example.com"),
            ("sts.example.com:8443", "sts.example.com:8443"),
            ("[::1]:8443", "[::1]:8443"),
        ] {
            assert_eq!(host(authority), expected);
        }
    }
}
