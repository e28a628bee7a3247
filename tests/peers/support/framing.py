"""Requests over HTTP/1.1 on which two readers may disagree: where a line, a header, a body or a request ends.

In each, `@` stands for a path that is the case's own, and `!` for one that must never be asked for unless it is logged.
"""

_HOST = "Host: localhost\r\n"
_HIDDEN = f"GET ! HTTP/1.1\r\n{_HOST}\r\n"
_CHUNKS = "5\r\nhello\r\n0\r\n\r\n"


def _post(headers, body=""):
    return f"POST @ HTTP/1.1\r\n{_HOST}{headers}\r\n{body}"


def _get(headers):
    return f"GET @ HTTP/1.1\r\n{_HOST}{headers}\r\n"


def _chunked(body):
    return _post("Transfer-Encoding: chunked\r\n", body)


def _encoding(line):
    """A chunked body under a header that is almost the one that says so, and a request in it for who thinks otherwise."""
    return _post(f"{line}\r\n", _CHUNKS + _HIDDEN)


def _length(value, body="hello"):
    return _post(f"Content-Length:{value}\r\n", body + _HIDDEN)


# Each must be answered with 400, and the connection closed; nothing of it may reach a server.
REFUSED = {
    "both, the length first": _post(f"Content-Length: {len(_CHUNKS)}\r\nTransfer-Encoding: chunked\r\n", _CHUNKS + _HIDDEN),
    "both, the length last": _post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n" + _HIDDEN),
    "both, the length nothing": _post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", _CHUNKS + _HIDDEN),
    "chunked twice": _encoding("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    "chunked, then identity": _encoding("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
    "identity, then chunked": _encoding("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"),
    "chunked, identity": _encoding("Transfer-Encoding: chunked, identity"),
    "identity, chunked": _encoding("Transfer-Encoding: identity, chunked"),
    "gzip, chunked": _encoding("Transfer-Encoding: gzip, chunked"),
    "chunked, chunked": _encoding("Transfer-Encoding: chunked, chunked"),
    "identity": _encoding("Transfer-Encoding: identity"),
    "xchunked": _encoding("Transfer-Encoding: xchunked"),
    "chunkedx": _encoding("Transfer-Encoding: chunkedx"),
    "chunked in quotes": _encoding('Transfer-Encoding: "chunked"'),
    "chunked with a parameter": _encoding("Transfer-Encoding: chunked;q=1"),
    "chunked and a comma": _encoding("Transfer-Encoding: chunked,"),
    "a comma and chunked": _encoding("Transfer-Encoding: ,chunked"),
    "no coding": _encoding("Transfer-Encoding:"),
    "space before the colon of the coding": _encoding("Transfer-Encoding : chunked"),
    "tab before the colon of the coding": _encoding("Transfer-Encoding\t: chunked"),
    "space before the name of the coding": _encoding("X: 1\r\n Transfer-Encoding: chunked"),
    "vertical tab before chunked": _encoding("Transfer-Encoding: \x0bchunked"),
    "vertical tab after chunked": _encoding("Transfer-Encoding: chunked\x0b"),
    "form feed before chunked": _encoding("Transfer-Encoding: \x0cchunked"),
    "NUL after chunked": _encoding("Transfer-Encoding: chunked\0"),
    "no-break space before chunked": _encoding("Transfer-Encoding: \xa0chunked"),
    "coding on the next line": _encoding("Transfer-Encoding:\r\n chunked"),
    "coding folded by a tab": _encoding("Transfer-Encoding:\r\n\tchunked"),
    "coding after a bare LF": _encoding("X: 1\nTransfer-Encoding: chunked"),
    "coding after a bare CR": _encoding("X: 1\rTransfer-Encoding: chunked"),
    "coding ended by a bare LF": _encoding("Transfer-Encoding: chunked\nX: 1"),
    "two equal lengths": _post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello" + _HIDDEN),
    "two lengths": _post("Content-Length: 5\r\nContent-Length: 0\r\n", "hello" + _HIDDEN),
    "two lengths, the other way": _post("Content-Length: 0\r\nContent-Length: 5\r\n", "hello" + _HIDDEN),
    "lengths in a list": _length(" 5, 5"),
    "different lengths in a list": _length(" 5, 0"),
    "length with a plus": _length(" +5"),
    "length with a minus": _length(" -5"),
    "length in hexadecimal": _length(" 0x5"),
    "length in hexadecimal digits": _length(" a", "hellohello"),
    "length with a fraction": _length(" 5.0"),
    "length with an exponent": _length(" 5e0"),
    "length in full-width digits": _length(" \xef\xbc\x95"),
    "length with a space in it": _length(" 5 5"),
    "length in quotes": _length(' "5"'),
    "length that is empty": _length(""),
    "length that overflows": _length(" 18446744073709551621"),
    "length that overflows by far": _length(" " + "9" * 60),
    "length after a vertical tab": _length(" \x0b5"),
    "length before NUL": _length(" 5\0"),
    "space before the colon of the length": _post("Content-Length : 5\r\n", "hello" + _HIDDEN),
    "length on the next line": _post("Content-Length:\r\n 5\r\n", "hello" + _HIDDEN),
    "length after a bare LF": _post("X: 1\nContent-Length: 5\r\n", "hello" + _HIDDEN),
    "HTTP/1.0 in chunks": f"POST @ HTTP/1.0\r\n{_HOST}Transfer-Encoding: chunked\r\n\r\n{_CHUNKS}{_HIDDEN}",
    "HTTP/1.0 in chunks, kept alive": (
        f"POST @ HTTP/1.0\r\n{_HOST}Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n{_CHUNKS}{_HIDDEN}"
    ),
    "HTTP/0.9": f"GET @\r\n{_HIDDEN}",
    "HTTP/0.9 by its name": f"GET @ HTTP/0.9\r\n\r\n{_HIDDEN}",
    "HTTP/1.2": f"GET @ HTTP/1.2\r\n{_HOST}\r\n",
    "HTTP/2.0": f"GET @ HTTP/2.0\r\n{_HOST}\r\n",
    "http in lower case": f"GET @ http/1.1\r\n{_HOST}\r\n",
    "a version of two digits": f"GET @ HTTP/01.1\r\n{_HOST}\r\n",
    "bare LF alone": "GET @ HTTP/1.1\nHost: localhost\n\n",
    "bare LF after the request line": f"GET @ HTTP/1.1\n{_HOST}\r\n",
    "bare LF after a header": "GET @ HTTP/1.1\r\nHost: localhost\nX: 1\r\n\r\n",
    "bare LF at the end of the headers": "GET @ HTTP/1.1\r\nHost: localhost\r\n\n",
    "bare CR after the request line": f"GET @ HTTP/1.1\r{_HOST}\r\n",
    "bare CR in a header": _get("X: a\rb\r\n"),
    "two CR": _get("X: a\r\r\n"),
    "NUL in a header": _get("X: a\0b\r\n"),
    "control character in a header": _get("X: a\x01b\r\n"),
    "delete in a header": _get("X: a\x7fb\r\n"),
    "NUL in a name": _get("X\0: 1\r\n"),
    "NUL in the path": f"GET @\0 HTTP/1.1\r\n{_HOST}\r\n",
    "space in the path": f"GET @ x HTTP/1.1\r\n{_HOST}\r\n",
    "tab for a space": f"GET\t@\tHTTP/1.1\r\n{_HOST}\r\n",
    "two spaces": f"GET  @ HTTP/1.1\r\n{_HOST}\r\n",
    "a space at the end of the line": f"GET @ HTTP/1.1 \r\n{_HOST}\r\n",
    "a space before the line": f" GET @ HTTP/1.1\r\n{_HOST}\r\n",
    "no method": f" @ HTTP/1.1\r\n{_HOST}\r\n",
    "a method that is no token": f"GE(T @ HTTP/1.1\r\n{_HOST}\r\n",
    "a fragment": f"GET @#x HTTP/1.1\r\n{_HOST}\r\n",
    "folded header": _get("X: 1\r\n 2\r\n"),
    "folded first header": f"GET @ HTTP/1.1\r\n {_HOST}\r\n",
    "no colon": _get("nonsense\r\n"),
    "empty name": _get(": 1\r\n"),
    "space in a name": _get("X Y: 1\r\n"),
    "space before a colon": _get("X : 1\r\n"),
    "name in brackets": _get("X[]: 1\r\n"),
    "name beyond ASCII": _get("X\xe9: 1\r\n"),
    "no Host": "GET @ HTTP/1.1\r\n\r\n",
    "two Hosts": _get("Host: localhost\r\n"),
    "two different Hosts": _get("Host: other.example\r\n"),
    "a list of Hosts": "GET @ HTTP/1.1\r\nHost: localhost, other.example\r\n\r\n",
    "a Host with a path": "GET @ HTTP/1.1\r\nHost: localhost/x\r\n\r\n",
    "a Host with a name": "GET @ HTTP/1.1\r\nHost: user@localhost\r\n\r\n",
    "a Host with a space": "GET @ HTTP/1.1\r\nHost: local host\r\n\r\n",
    "another Host than in the target": f"GET http://other.example@ HTTP/1.1\r\n{_HOST}\r\n",
    "CONNECT to a path": f"CONNECT @ HTTP/1.1\r\n{_HOST}\r\n",
    "HTTP/2 over the wrong protocol": f"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{_HIDDEN}",
}

# Each is one request that is clear: it is served, and so is what follows it as a request of its own, if anything.
SERVED = {
    "length": _length(" 5"),
    "length and zeros": _length(" 005"),
    "length of nothing": _length(" 0", ""),
    "chunks": _chunked(_CHUNKS + _HIDDEN),
    "Chunked in capitals": _encoding("TRANSFER-ENCODING: CHUNKED"),
    "chunked and a space": _encoding("Transfer-Encoding: chunked "),
    "chunked after a tab": _encoding("Transfer-Encoding:\tchunked"),
    "chunk sizes with zeros": _chunked("0005\r\nhello\r\n000\r\n\r\n" + _HIDDEN),
    "chunk sizes in capitals": _chunked("A\r\nhellohello\r\n0\r\n\r\n" + _HIDDEN),
    "GET with a body": f"GET @ HTTP/1.1\r\n{_HOST}Content-Length: 5\r\n\r\nhello{_HIDDEN}",
    "GET with a body that is a request": f"GET @ HTTP/1.1\r\n{_HOST}Content-Length: {len(_HIDDEN)}\r\n\r\n{_HIDDEN}",
    "GET in chunks": f"GET @ HTTP/1.1\r\n{_HOST}Transfer-Encoding: chunked\r\n\r\n{_CHUNKS}{_HIDDEN}",
    "HEAD with a body": f"HEAD @ HTTP/1.1\r\n{_HOST}Content-Length: 5\r\n\r\nhello{_HIDDEN}",
    "DELETE with a body": f"DELETE @ HTTP/1.1\r\n{_HOST}Content-Length: 5\r\n\r\nhello{_HIDDEN}",
    "two requests": _get("") + _HIDDEN,
    "empty lines before": "\r\n\r\n" + _get("") + _HIDDEN,
    "upgrade that the server declines": _get("Connection: Upgrade\r\nUpgrade: websocket\r\n") + _HIDDEN,
    "upgrade with a body": _post("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n", "hello" + _HIDDEN),
    "upgrade in chunks": _post("Connection: Upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n", _CHUNKS + _HIDDEN),
    "upgrade to HTTP/2": _get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\n") + _HIDDEN,
    "Connection that names the length": _post("Connection: Content-Length\r\nContent-Length: 5\r\n", "hello" + _HIDDEN),
    "Connection that names the coding": _post("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", _CHUNKS + _HIDDEN),
    "Content_Length beside": _post("Content_Length: 50\r\nContent-Length: 5\r\n", "hello" + _HIDDEN),
    "a body that looks like the end of one": _chunked("5\r\n0\r\n\r\n\r\n0\r\n\r\n" + _HIDDEN),
    "absolute form": f"GET http://localhost@ HTTP/1.1\r\n{_HOST}\r\n{_HIDDEN}",
    "HTTP/1.0": f"GET @ HTTP/1.0\r\n{_HOST}\r\n",
}

# Nothing is asked of the answer: some are cut in the middle of the body. That servers see what is logged is.
DOUBTFUL = {
    "chunk extension": _chunked("5;name=value\r\nhello\r\n0\r\n\r\n" + _HIDDEN),
    "chunk extension with a bare LF": _chunked("5;a\nxx\r\nhello\r\n0\r\n\r\n" + _HIDDEN),
    "chunk extension with a bare CR": _chunked("5;a\rxx\r\nhello\r\n0\r\n\r\n" + _HIDDEN),
    "chunk extension that hides a chunk": _chunked("2;\n\r\nxx\r\n0\r\n\r\n" + _HIDDEN),
    "chunk size and a space": _chunked("5 \r\nhello\r\n0\r\n\r\n" + _HIDDEN),
    "space before a chunk size": _chunked(" 5\r\nhello\r\n0\r\n\r\n" + _HIDDEN),
    "chunk size with 0x": _chunked("0x5\r\nhello\r\n0\r\n\r\n" + _HIDDEN),
    "chunk size with a sign": _chunked("+5\r\nhello\r\n0\r\n\r\n" + _HIDDEN),
    "chunk size that is negative": _chunked("-1\r\nhello\r\n0\r\n\r\n" + _HIDDEN),
    "chunk size that is empty": _chunked("\r\nhello\r\n0\r\n\r\n" + _HIDDEN),
    "chunk size that is no number": _chunked("xyz\r\nhello\r\n0\r\n\r\n" + _HIDDEN),
    "chunk size that overflows": _chunked("10000000000000005\r\nhello\r\n0\r\n\r\n" + _HIDDEN),
    "chunk size that overflows by far": _chunked("f" * 40 + "\r\nhello\r\n0\r\n\r\n" + _HIDDEN),
    "chunk size ended by a bare LF": _chunked("5\nhello\r\n0\r\n\r\n" + _HIDDEN),
    "chunk size ended by a bare CR": _chunked("5\rhello\r\n0\r\n\r\n" + _HIDDEN),
    "chunk ended by a bare LF": _chunked("5\r\nhello\n0\r\n\r\n" + _HIDDEN),
    "chunk without an end": _chunked("5\r\nhello0\r\n\r\n" + _HIDDEN),
    "chunk that is too long": _chunked("5\r\nhello!\r\n0\r\n\r\n" + _HIDDEN),
    "chunk that is too short": _chunked("6\r\nhello\r\n0\r\n\r\n" + _HIDDEN),
    "trailer": _chunked("5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n" + _HIDDEN),
    "trailer that frames": _chunked("5\r\nhello\r\n0\r\nContent-Length: 50\r\n\r\n" + _HIDDEN),
    "trailer that names the host": _chunked("5\r\nhello\r\n0\r\nHost: other.example\r\n\r\n" + _HIDDEN),
    "trailer that is a request": _chunked("5\r\nhello\r\n0\r\n" + _HIDDEN),
    "trailer with a bare LF": _chunked("5\r\nhello\r\n0\r\nX: 1\n\r\n" + _HIDDEN),
    "trailer without an end": _chunked("5\r\nhello\r\n0\r\n\n" + _HIDDEN),
    "last chunk without an end": _chunked("5\r\nhello\r\n0\r\n"),
    "body that is longer than said": _post("Content-Length: 3\r\n", "hello" + _HIDDEN),
    "body that is shorter than said": _post("Content-Length: 500\r\n", "hello" + _HIDDEN),
    "no framing, and a body": _post("", "hello\r\n" + _HIDDEN),
    "a coding in another header": _encoding("Transfer_Encoding: chunked"),
    "a coding in a header's name": _encoding("X-Transfer-Encoding: chunked"),
    "expect, and a body at once": _post("Expect: 100-continue\r\nContent-Length: 5\r\n", "hello" + _HIDDEN),
    "expect something else": _post("Expect: nothing\r\nContent-Length: 5\r\n", "hello" + _HIDDEN),
    "expect without a body": _get("Expect: 100-continue\r\n") + _HIDDEN,
    "closing": _get("Connection: close\r\n") + _HIDDEN,
    "closing with a body": _post("Connection: close\r\nContent-Length: 5\r\n", "hello" + _HIDDEN),
    "HTTP/1.0 with a body": f"POST @ HTTP/1.0\r\n{_HOST}Content-Length: 5\r\n\r\nhello{_HIDDEN}",
    "HTTP/1.0 with no length": f"POST @ HTTP/1.0\r\n{_HOST}\r\nhello{_HIDDEN}",
    "HTTP/1.0 kept alive": f"GET @ HTTP/1.0\r\n{_HOST}Connection: keep-alive\r\n\r\n{_HIDDEN}",
    "HTTP/1.0 without a Host": "GET @ HTTP/1.0\r\n\r\n",
    "an empty Host": "GET @ HTTP/1.1\r\nHost:\r\n\r\n",
    "asterisk": f"OPTIONS * HTTP/1.1\r\n{_HOST}\r\n{_HIDDEN}",
    "TRACE with a body": f"TRACE @ HTTP/1.1\r\n{_HOST}Content-Length: 5\r\n\r\nhello{_HIDDEN}",
    "three hundred headers": _get("".join(f"X-{number}: 1\r\n" for number in range(300))) + _HIDDEN,
    "a length beyond the headers that fit": _post("X: 1\r\n" * 260 + "Content-Length: 5\r\n", "hello" + _HIDDEN),
}

ALL = {**REFUSED, **SERVED, **DOUBTFUL}


def paths(name):
    """The two paths of a case."""
    number = list(ALL).index(name)
    return f"/case-{number}", f"/hidden-{number}"


def message(name):
    """The bytes of a case."""
    own, hidden = paths(name)
    return ALL[name].replace("@localhost", "\ue000").replace("@", own).replace("!", hidden).replace("\ue000", "@localhost").encode("latin-1")
