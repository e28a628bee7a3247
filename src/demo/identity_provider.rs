//! The stand-in identity provider: a page, so that there is something to forward.

use std::convert::Infallible;
use std::net::TcpListener;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

/// The page's title, by which the tour knows it.
pub(super) const TITLE: &str = "The identity provider behind";

/// Serves on the current runtime for as long as that lives.
pub(super) fn serve(listener: TcpListener) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let answering = http1::Builder::new().serve_connection(TokioIo::new(connection), service_fn(page));
            // A connection that breaks is the proxy's to notice.
            tokio::spawn(async move { drop(answering.await) });
        }
    });
    Ok(())
}

/// Says what reached it, so that one can see what the proxy did.
async fn page(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut text = format!("{TITLE}\n\n{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        text.push_str(&format!("{name}: {}\n", value.to_str().unwrap_or("(not text)")));
    }
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(response)
}
