"""The embedded default and the commands: what someone meets who has just built it."""

import re
import signal
import socket
import subprocess

import pytest
import requests
import yaml

from support import fedfront
from support.process import Process
from support.rst import Rst, fault, send, token


def run(*arguments, cwd=None, timeout=120):
    return subprocess.run(
        [fedfront.binary(), *map(str, arguments)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory, binary_built):
    """The folder and the output of a demo that has ended."""
    folder = tmp_path_factory.mktemp("demo")
    ended = run("demo", "--dir", folder, "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--exit")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == "", "a demonstration that worked has nothing to warn of"
    return folder, ended.stdout


class Running:
    """`fedfront run` on the demo's folder."""

    def __init__(self, folder):
        self.process = Process("fedfront", [fedfront.binary(), "run", "-c", folder / "proxy.yaml"])
        ready = self.process.wait_for_line(r"^ready https://\S+:(\d+)$")
        self.url = f"https://localhost:{ready.group(1)}"
        self.http = requests.Session()
        self.http.verify = str(folder / "ca.pem")
        self.http.trust_env = False

    def post(self, path, data, **options):
        return self.http.post(self.url + path, data=data, timeout=30, **options)


@pytest.fixture(scope="module")
def running(demo):
    folder, _ = demo
    served = Running(folder)
    yield served
    served.process.stop(signal.SIGKILL)
    assert "wonderland" not in served.process.output()


def test_demo_leaves_what_run_and_check_need(demo):
    folder, output = demo
    assert re.search(r"^ready https://localhost:\d+$", output, re.M), output
    for name in ("ca.pem", "signing.crt", "users.yaml", "proxy.yaml"):
        assert (folder / name).is_file(), name
    assert "wonderland" not in (folder / "users.yaml").read_text()
    public_url = yaml.safe_load((folder / "proxy.yaml").read_text())["public_url"]
    assert re.fullmatch(r"https://localhost:\d+", public_url)


def test_check_accepts_the_demo_from_anywhere(demo, tmp_path):
    folder, _ = demo
    checked = run("check", "-c", folder / "proxy.yaml", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout == f"{folder / 'proxy.yaml'}: fine\n"


def test_check_warns_of_folders_that_a_service_manager_may_still_make(demo):
    folder, _ = demo
    file = folder / "absent-folders.yaml"
    text = (folder / "proxy.yaml").read_text()
    file.write_text(text.replace("audit_file: audit.json", "audit_file: absent/audit.json"))
    checked = run("check", "-c", file)
    assert (checked.returncode, checked.stdout) == (0, f"{file}: fine, with 1 warning\n")
    assert re.search(r": warning: telemetry\.audit_file: there is no folder \S+/absent now$", checked.stderr, re.M)


def test_drain_of_nobody_fails_and_names_the_socket_once(demo):
    folder, _ = demo
    file = folder / "socket.yaml"
    text = (folder / "proxy.yaml").read_text()
    file.write_text(re.sub(r"admin: { (.*) }", r"admin: { \1, socket: nobody.sock }", text))
    drained = run("drain", "-c", file)
    assert drained.returncode == 1
    assert drained.stderr.count("nobody.sock") == 1, drained.stderr


def test_demo_serves_until_it_is_told_to_stop(tmp_path, binary_built):
    argv = [fedfront.binary(), "demo", "--dir", tmp_path, "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    process = Process("demo", argv)
    url = process.wait_for_line(r"^ready (https://localhost:\d+)", timeout=60).group(1)
    answer = requests.get(url + "/mex", verify=str(tmp_path / "ca.pem"), timeout=30)
    assert answer.status_code == 200
    # What is to be tried next is what README.md leads with.
    page = process.wait_for_line(r"The status page is (http://127\.0\.0\.1:\d+/)\.").group(1)
    assert "<title>" in requests.get(page, headers={"Accept": "text/html"}, timeout=30).text
    words = process.wait_for_line(r"^  (\S+) probe (--url .+)$")
    tried = subprocess.run(
        [words.group(1), "probe", *words.group(2).split()], input="wonderland\n", capture_output=True, text=True, timeout=60
    )
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert process.stop() == 0, process.output()


@pytest.mark.parametrize("taken", ["--https", "--admin"])
def test_demo_says_what_to_do_where_a_port_is_taken(tmp_path, binary_built, taken):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        addresses = {"--https": "127.0.0.1:0", "--admin": "127.0.0.1:0", taken: address}
        ended = run("demo", "--dir", tmp_path, *(word for pair in addresses.items() for word in pair), "--exit")
    assert ended.returncode != 0
    assert f"{taken[2:]} {address}: Address already in use" in ended.stderr, ended.stderr
    assert "choose another port" in ended.stderr and f"({taken})" in ended.stderr, ended.stderr


def test_run_signs_alice_in(running):
    for user in ("alice@example.com", "alice"):
        issued = token(send(running, Rst(user=user, password="wonderland")))
        assert issued.attributes()["http://schemas.xmlsoap.org/claims", "UPN"] == ["alice@example.com"]


def test_run_refuses_everyone_else_alike(running):
    def refused(user, password):
        answer = send(running, Rst(user=user, password=password, message_id="urn:uuid:same"))
        assert answer.status_code == 500
        assert fault(answer)[:2] == ("Sender", "FailedAuthentication")
        return answer.content

    wrong_group = refused("bob@example.com", "builder")
    assert wrong_group == refused("alice@example.com", "not wonderland") == refused("nobody@example.com", "x")


def test_check_reports_every_error_at_once_with_path_and_line(demo, tmp_path):
    folder, _ = demo
    lines = (folder / "proxy.yaml").read_text().splitlines()
    broken = ["public_url: not-a-url" if line.startswith("public_url:") else line for line in lines] + [
        "no_such_section: 1"
    ]
    file = folder / "broken.yaml"
    file.write_text("\n".join(broken) + "\n")
    checked = run("check", "-c", file, cwd=tmp_path)
    said = checked.stdout + checked.stderr
    assert checked.returncode == 78, said
    for path, line in (("public_url", broken.index("public_url: not-a-url") + 1), ("no_such_section", len(broken))):
        assert re.search(rf"\b{line}\b.*{path}|{path}.*\b{line}\b", said), f"{path} at line {line} in\n{said}"


def test_run_refuses_what_check_refuses(tmp_path, binary_built):
    file = tmp_path / "proxy.yaml"
    file.write_text("public_url: https://sts.example.com\npublic_url: https://twice.example.com\n")
    assert run("check", "-c", file).returncode == 78
    assert run("run", "-c", file).returncode == 78
    assert run("check", "-c", tmp_path / "absent.yaml").returncode == 78


def test_config_default_is_the_documented_file(binary_built):
    default = run("config", "default")
    assert default.returncode == 0
    assert default.stdout == (fedfront.REPOSITORY / "proxy.yaml").read_text()


def test_config_schema_is_json_schema_and_accepts_the_demo(demo):
    folder, _ = demo
    printed = run("config", "schema")
    assert printed.returncode == 0
    schema = yaml.safe_load(printed.stdout)
    sections = yaml.safe_load((folder / "proxy.yaml").read_text())
    assert set(sections) <= set(schema["properties"])


def test_version_and_usage(binary_built):
    version = run("version")
    assert version.returncode == 0
    assert re.search(r"\d+\.\d+\.\d+", version.stdout)
    assert run("no-such-command").returncode == 64
    assert run("run", "--no-such-option").returncode == 64
    assert run("run").returncode == 64


def test_demo_leaves_the_files_of_others_alone(binary_built, tmp_path):
    mine = tmp_path / "proxy.yaml"
    mine.write_text("public_url: https://sts.example.com\n")
    ended = run("demo", "--dir", str(tmp_path), "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--exit")
    assert ended.returncode == 1 and "--dir" in ended.stderr
    assert mine.read_text() == "public_url: https://sts.example.com\n"
