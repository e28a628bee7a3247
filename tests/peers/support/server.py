"""A server of a test's own, a thread for each connection."""

import socketserver
import threading


class ThreadedServer:
    """Listens on a free `port` of the loopback address; each connection is a `handler`, which finds its server's owner in `attributes`."""

    def __init__(self, handler, **attributes):
        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 256

        self._server = Server(("127.0.0.1", 0), type(handler.__name__, (handler,), attributes))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
