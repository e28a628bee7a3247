"""nginx as the identity provider behind: pages, an echo of headers, and a record of every path that reached it."""

import os
import signal

from . import waiting
from .process import Process
from .slapd import binary

_CONFIGURATION = """\
daemon off;
master_process off;
{user}
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 2048; }}
http {{
  log_format requests '$request_method $request_uri';
  access_log {directory}/requests.log requests;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  default_type text/plain;
  keepalive_timeout 60s;
  keepalive_requests 100000;
  merge_slashes off;
  underscores_in_headers on;
  client_max_body_size 0;
  server {{
    listen 127.0.0.1:{port};
    root {directory}/site;
    error_page 404 = @other;
    location / {{ try_files $uri @other; }}
    location @other {{ return 200 "the identity provider at $request_uri\\n"; }}
    location /slow/ {{ limit_rate 100k; }}
    location = /page {{ add_header X-From-IdP one; add_header Set-Cookie a=1; add_header Set-Cookie b=2; return 200 "a page\\n"; }}
    location = /moved {{ return 302 http://127.0.0.1:{port}/page?x=1; }}
    location = /elsewhere {{ return 302 https://other.example/page; }}
    location = /missing {{ return 404 "no such page\\n"; }}
    location /headers {{
      return 200 "host=$http_host\\nforwarded=$http_forwarded\\nx-forwarded-for=$http_x_forwarded_for\\nx-forwarded-proto=$http_x_forwarded_proto\\nx-forwarded-host=$http_x_forwarded_host\\nx-real-ip=$http_x_real_ip\\nwl-proxy-client-ip=$http_wl_proxy_client_ip\\nwl-proxy-ssl=$http_wl_proxy_ssl\\noam_remote_user=$http_oam_remote_user\\nssl_client_cert=$http_ssl_client_cert\\nis_ssl=$http_is_ssl\\nauthorization=$http_authorization\\nuser-agent=$http_user_agent\\n";
    }}
  }}
}}
"""


class Nginx:
    """Serves `directory/site`, answers every other path, and logs each as it came."""

    def __init__(self, directory):
        self.directory = directory
        self.port = waiting.free_port()
        (directory / "site/slow").mkdir(parents=True)
        (directory / "site/slow/file").write_bytes(bytes(40_000))
        directory.chmod(0o755)
        user = "user root;" if os.geteuid() == 0 else ""
        self._configuration = directory / "nginx.conf"
        self._configuration.write_text(_CONFIGURATION.format(directory=directory, port=self.port, user=user))
        self._log = directory / "requests.log"
        self._process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        argv = [binary("nginx"), "-p", self.directory, "-c", self._configuration]
        self._process = Process("nginx", argv)
        waiting.listening(self.port, "nginx", self._process.alive)

    def stop(self):
        if self._process:
            self._process.stop(signal.SIGTERM)
            self._process = None

    def requests(self):
        """`METHOD /path?query` of each request so far, as sent to nginx."""
        return self._log.read_text().splitlines() if self._log.exists() else []

    def sparse_file(self, name, size):
        """A page of `size` zero bytes that takes no room on the disk."""
        with open(self.directory / "site" / name, "wb") as page:
            page.truncate(size)
        return f"/{name}"
