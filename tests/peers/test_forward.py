"""Everything else goes to the identity provider and back unchanged."""

import concurrent.futures
import subprocess
import time

import pytest
import requests

from conftest import need
from support import waiting
from support.fedfront import ldap
from support.nginx import Nginx
from support.people import ALICE

GIB = 1 << 30


@pytest.fixture
def behind(launch, slapd, origin):
    """A fedfront with the `origin` behind it."""
    return launch(ldap(slapd), origin.url, upstream={"read_timeout": "2s", "connect_timeout": "1s"})


def echoed(answer):
    """What the identity provider's `/headers` says it got."""
    return dict(line.split("=", 1) for line in answer.text.splitlines())


def test_page_with_its_headers(proxy):
    with proxy.wire() as wire:
        wire.send("GET /page HTTP/1.1\r\nHost: sts.example.com\r\n\r\n")
        status, headers, body = wire.answer()
    assert (status, body) == (200, b"a page\n")
    assert headers["x-from-idp"] == "one"


def test_each_set_cookie_arrives(proxy):
    answer = proxy.get("/page")
    assert answer.raw.headers.getlist("Set-Cookie") == ["a=1", "b=2"]


def test_status_of_the_identity_provider(proxy):
    answer = proxy.get("/missing")
    assert (answer.status_code, answer.text) == (404, "no such page\n")


@pytest.mark.parametrize(
    "target", ["/a%2Fb?x=%41&y=%00", "/a//b/./c/../d", "/%E4%BD%A0?q=a+b;c", "/a;v=1/b", "/q?http://x/../y", "/A%5Cb"]
)
def test_path_and_query_arrive_byte_for_byte(proxy, nginx, target):
    with proxy.wire() as wire:
        wire.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        wire.answer()
    waiting.until(lambda: f"GET {target}" in nginx.requests(), target)


def test_host_stays_the_clients_and_the_rest_is_said_in_headers(proxy):
    said = echoed(proxy.get("/headers", headers={"Host": "sts.example.com"}))
    assert said["host"] == "sts.example.com"
    assert said["x-forwarded-for"] == "127.0.0.1"
    assert said["x-forwarded-proto"] == "https"
    assert said["x-forwarded-host"] in ("sts.example.com", "")


SPOOFED = {
    "Forwarded": "for=10.6.6.6",
    "X-Forwarded-For": "10.6.6.6",
    "X-Forwarded-Proto": "spoofed",
    "X-Forwarded-Host": "spoofed.example",
    "X-Real-IP": "10.6.6.6",
    "WL-Proxy-Client-IP": "10.6.6.6",
    "WL-Proxy-SSL": "spoofed",
    "OAM_REMOTE_USER": "spoofed",
    "SSL_CLIENT_CERT": "spoofed",
    "IS_SSL": "spoofed",
}


def test_what_an_untrusted_peer_says_about_itself_is_not_passed_on(proxy):
    answer = proxy.get("/headers", headers=SPOOFED)
    assert "10.6.6.6" not in answer.text and "spoofed" not in answer.text, answer.text


def test_other_case_of_a_spoofed_header(proxy):
    headers = {name.lower().replace("remote", "Remote"): value for name, value in SPOOFED.items()}
    answer = proxy.get("/headers", headers=headers)
    assert "10.6.6.6" not in answer.text and "spoofed" not in answer.text, answer.text


def test_trusted_proxy_is_believed(launch, slapd, nginx):
    trusting = launch(ldap(slapd), nginx.url, trusted_proxies=["127.0.0.0/8"])
    said = echoed(trusting.get("/headers", headers={"X-Forwarded-For": "10.6.6.6, 203.0.113.7"}))
    assert said["x-forwarded-for"].endswith("203.0.113.7, 127.0.0.1")


def test_location_passes_as_it_is(proxy, nginx):
    moved = proxy.get("/moved", allow_redirects=False)
    assert (moved.status_code, moved.headers["Location"]) == (302, nginx.url + "/page?x=1")


def test_location_of_the_server_behind_becomes_ours_when_told_so(launch, slapd, nginx):
    moving = launch(ldap(slapd), nginx.url, upstream={"rewrite_location": True})
    assert moving.get("/moved", allow_redirects=False).headers["Location"] == moving.url + "/page?x=1"
    assert moving.get("/elsewhere", allow_redirects=False).headers["Location"] == "https://other.example/page"


def test_basic_credentials_are_stripped_where_weblogic_would_check_them(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url, upstream={"strip_basic_authorization": ["/headers/oam"]})
    basic = {"auth": (ALICE.upn, "not-a-password")}
    assert echoed(proxy.get("/headers/oam/x", **basic))["authorization"] == ""
    assert echoed(proxy.get("/headers/other", **basic))["authorization"].startswith("Basic ")
    assert echoed(proxy.get("/headers/oam", headers={"Authorization": "Bearer t"}))["authorization"] == "Bearer t"


def test_set_and_removed_headers(launch, slapd, nginx):
    upstream = {"set_headers": {"User-Agent": "fedfront"}, "remove_headers": ["X-Real-*", "Authorization"]}
    proxy = launch(ldap(slapd), nginx.url, upstream=upstream)
    said = echoed(proxy.get("/headers", headers={"Authorization": "Bearer t", "X-Real-IP": "1"}))
    assert (said["user-agent"], said["authorization"]) == ("fedfront", "")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_methods(behind, origin, method):
    answer = behind.http.request(
        method, behind.url + "/echo", data=b"abc" if method in ("POST", "PUT") else None, timeout=30
    )
    assert answer.status_code == 200
    assert origin.heads[-1][0] == method


def test_connect_is_no_tunnel(behind, origin):
    with behind.wire() as wire:
        wire.send("CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert wire.head()[0] >= 400
    assert not origin.heads


def test_chunked_both_ways(behind, origin):
    answer = behind.post("/chunked", iter([b"one", b"two" * 1000, b"three"]))
    assert answer.text == "hello world"
    assert origin.received[-1] == 3 + 3000 + 5


def test_expect_100_continue_is_the_servers_to_answer(behind, origin):
    with behind.wire() as wire:
        wire.send("POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert wire.head()[0] == 100
        wire.send("hello")
        status, _, body = wire.answer()
    assert (status, body) == (200, b"POST /upload 5\n")
    with behind.wire() as wire:
        wire.send("POST /unwanted HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert wire.head()[0] == 417


def test_answer_streams(behind, origin):
    with behind.wire() as wire:
        wire.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, headers = wire.head()
        assert wire.raw(5) == b"first"
        origin.release.set()
        assert (status, wire.raw(5)) == (200, b"+last")


def test_websocket_becomes_a_pipe(behind):
    with behind.wire() as wire:
        wire.send(
            "GET /socket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        status, headers = wire.head()
        assert status == 101 and headers["upgrade"] == "websocket"
        for message in (b"\x81\x85\x00\x00\x00\x00hello", b"\x00" * 70_000, b"bye"):
            wire.send(message)
            assert wire.raw(len(message)) == message


def test_downloads_a_gibibyte_in_little_memory(proxy, nginx):
    path = nginx.sparse_file("gibibyte", GIB)
    proxy.forget_peak_memory()
    before = proxy.memory()
    arguments = ["-o", "/dev/null", "-w", "%{http_code} %{size_download}"]
    assert curl(proxy, path, *arguments) == f"200 {GIB}"
    assert proxy.memory("VmHWM") - before < 64 << 20


def test_uploads_a_gibibyte_in_little_memory(launch, slapd, origin, tmp_path):
    proxy = launch(ldap(slapd), origin.url)
    file = tmp_path / "gibibyte"
    with open(file, "wb") as sparse:
        sparse.truncate(GIB)
    assert proxy.get("/warm").status_code == 200
    proxy.forget_peak_memory()
    before = proxy.memory()
    assert curl(proxy, "/upload", "-T", str(file), "-w", " %{http_code}") == f"PUT /upload {GIB}\n 200"
    assert proxy.memory("VmHWM") - before < 64 << 20


def curl(proxy, path, *arguments):
    need("curl")
    ran = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", "--cacert", str(proxy.ca), "--max-time", "120", *arguments, proxy.url + path],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_http_2(proxy):
    need("curl")
    if "HTTP2" not in subprocess.run(["curl", "--version"], capture_output=True, text=True).stdout:
        pytest.skip("this curl has no HTTP/2")
    assert curl(proxy, "/page", "--http2", "-w", "%{http_version}") == "a page\n2"
    assert curl(proxy, "/mex", "--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}") == "2 200"


def test_server_that_is_down_is_a_502_with_a_correlation_id(launch, slapd):
    proxy = launch(ldap(slapd), f"http://127.0.0.1:{waiting.free_port()}", upstream={"connect_timeout": "1s"})
    answer = proxy.get("/page")
    assert answer.status_code == 502
    identifier = answer.headers["X-Correlation-Id"]
    assert identifier and identifier in answer.text
    assert proxy.get("/mex").status_code == 200
    waiting.until(lambda: proxy.metric("upstream_errors_total", kind="connect") >= 1, "the counter")
    assert requests.get(proxy.admin + "/readyz", timeout=10).status_code == 200


def test_server_that_hangs_is_a_504(behind):
    started = time.monotonic()
    answer = behind.get("/silent")
    assert answer.status_code == 504
    assert 1.5 < time.monotonic() - started < 15
    waiting.until(lambda: behind.metric("upstream_errors_total", kind="timeout") >= 1, "the counter")


def test_answer_that_is_cut_is_cut_for_the_client(behind):
    with behind.wire() as wire:
        wire.send("GET /cut HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, headers = wire.head()
        assert status in (200, 502)
        if status == 200:
            assert len(wire.rest()) < 1000


def test_second_server_takes_over(launch, slapd, nginx):
    proxy = launch(
        ldap(slapd),
        nginx.url,
        upstream={"servers": [f"http://127.0.0.1:{waiting.free_port()}", nginx.url], "connect_timeout": "1s"},
    )
    for _ in range(4):
        assert proxy.get("/page").text == "a page\n"


def test_server_that_comes_later_is_found(launch, slapd, tmp_path_factory):
    need("nginx")
    late = Nginx(tmp_path_factory.mktemp("late"))
    proxy = launch(ldap(slapd), late.url)
    assert proxy.get("/page").status_code == 502
    late.start()
    try:
        waiting.until(lambda: proxy.get("/page").status_code == 200, "the page after the server came")
    finally:
        late.stop()


def test_many_at_once(proxy):
    def fetch(_):
        session = requests.Session()
        session.verify, session.trust_env = str(proxy.ca), False
        return [session.get(proxy.url + "/page", timeout=30).text for _ in range(20)]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        pages = [page for fetched in pool.map(fetch, range(16)) for page in fetched]
    assert pages == ["a page\n"] * 320
