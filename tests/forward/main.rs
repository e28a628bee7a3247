//! The edge and the proxy in one process, between raw sockets.

mod bodies;
mod connections;
mod forwarding;
mod native;
mod servers;
mod support;
mod tls;
