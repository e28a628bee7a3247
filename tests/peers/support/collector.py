"""A collector of OpenTelemetry traces: takes OTLP over HTTP with protobuf, and keeps what it is sent."""

import http.server
import ssl
import threading
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from . import waiting

SERVER, CLIENT, INTERNAL = 2, 3, 1
ERROR = 2


class Span:
    def __init__(self, span):
        self.trace, self.id, self.parent = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
        self.name, self.kind, self.state = span.name, span.kind, span.trace_state
        self.begin, self.end = span.start_time_unix_nano, span.end_time_unix_nano
        self.failed = span.status.code == ERROR
        self.attributes = {
            each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes
        }

    def __repr__(self):
        return f"{self.name} {self.id} of {self.parent} {self.attributes}"


class Collector:
    """`answer` is the status of every answer; while it is None, there is none at all."""

    def __init__(self, port=0, tls=None):
        self.spans, self.resources, self.headers, self.raw = [], [], [], b""
        self.answer = 200
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                while collector.answer is None and not collector._ended.is_set():
                    time.sleep(0.02)
                status = collector.answer or 503
                if status == 200:
                    named = {name.lower(): value for name, value in self.headers.items()}
                    collector._take(self.path, named, body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self._ended = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*map(str, tls))
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _take(self, path, headers, body):
        assert path.endswith("/v1/traces") and headers["content-type"] == "application/x-protobuf"
        request = ExportTraceServiceRequest.FromString(body)
        self.raw += body
        self.headers.append({"path": path, **headers})
        for resource in request.resource_spans:
            self.resources.append({each.key: each.value.string_value for each in resource.resource.attributes})
            for scope in resource.scope_spans:
                self.spans.extend(Span(span) for span in scope.spans)

    def server_span(self, correlation_id):
        """The span of one request."""

        def found():
            return [s for s in self.spans if s.attributes.get("fedfront.correlation_id") == correlation_id]

        spans = waiting.until(found, f"the span of {correlation_id}")
        assert len(spans) == 1
        return spans[0]

    def below(self, span):
        """The spans whose parent it is, in the order of their beginning."""
        return sorted((one for one in self.spans if one.parent == span.id), key=lambda one: one.begin)

    def stop(self):
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
