//! The edge and the proxy in one process, between raw sockets.

mod bodies;
mod connections;
mod forwarding;
mod native;
mod proxy_protocol;
mod servers;
mod slow;
mod support;
mod tls;
