pub struct Options{pub dir:std::path::PathBuf,pub https:std::net::SocketAddr,pub admin:std::net::SocketAddr,pub exit:bool} pub fn run(_o:&Options)->Result<(),String>{Ok(())}
