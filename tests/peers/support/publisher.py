"""An identity provider that publishes one document at every path, and may change it, break, go and come back."""

import http.server
import ssl
import threading

NS = "urn:oasis:names:tc:SAML:2.0:metadata"


def metadata(name, valid_until=None):
    """A document like WSO2's: the role says until when it is valid, if anything does."""
    until = f' validUntil="{valid_until.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}"' if valid_until else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n'
        f'<EntityDescriptor xmlns="{NS}" entityID="{name}">\n'
        f'  <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"{until}>\n'
        '    <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"'
        ' Location="https://idp.example.com/samlsso"/>\n'
        "  </IDPSSODescriptor>\n</EntityDescriptor>\n"
    ).encode()


class Publisher:
    """Listens from `start` to `stop`, always on one port. `asked` has the method, target and headers of each request."""

    def __init__(self, port, tls=None):
        self.port = port
        self.tls = tls
        self.status = 200
        self.content_type = "application/samlmetadata+xml; charset=utf-8"
        self.document = metadata("first")
        self.asked = []
        self._server = None

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def start(self):
        publisher = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                publisher.asked.append((self.command, self.path, self.headers))
                self.send_response(publisher.status)
                self.send_header("Content-Type", publisher.content_type)
                self.send_header("Content-Length", str(len(publisher.document)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(publisher.document)

            do_GET = do_HEAD = do_POST = answer

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            # Whoever keeps a connection alive is cut off when the identity provider goes.
            connections = ()

            def process_request(self, request, address):
                self.connections = (*self.connections, request)
                super().process_request(request, address)

        self._server = Server(("127.0.0.1", self.port), Handler)
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            for connection in self._server.connections:
                try:
                    connection.shutdown(2)
                except OSError:
                    pass
            self._server = None
