"""What deploy/ and proxy.yaml tell operators to write and to run, as it stands there."""

import base64
import hashlib
import os
import re
import signal
import subprocess

import pytest
import yaml

from conftest import need
from support import waiting
from support.fedfront import REPOSITORY, binary, configuration, ldap, write
from support.haproxy import Balancer
from support.mellon import entity_attributes
from support.people import ALICE, REDIS_PASSWORD, WRONG
from support.process import Process
from support.recipes import recipe
from support.rst import sign_in, token
from support.wire import Wire

# Of Alice's password, by the command in proxy.yaml.
MADE_BY_ARGON2 = "$argon2id$v=19$m=19456,t=2,p=1$ZDM2NjczMGFmNDljODM5NQ$ECrG4cNXey8MTk6sw7VhigqwRbbz/N4U5DsJ6jVXJzU"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
PAIRWISE_ID = "urn:oasis:names:tc:SAML:attribute:pairwise-id"
# Everything on 127.0.0.0/8 is this machine, so a client can have an address that the balancer has not.
CLIENT = "127.0.0.77"


def run(proxy, script, standard_input=""):
    need("bash", "curl")
    script = re.sub(r"https://s(ts|so)\.example\.com", proxy.url, script)
    environment = {**os.environ, "CURL_CA_BUNDLE": str(proxy.ca), "no_proxy": "localhost"}
    done = subprocess.run(
        ["bash", "-ec", script], input=standard_input, env=environment, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "password, answered", [(ALICE.password, "RequestSecurityTokenResponseCollection"), (WRONG, "FailedAuthentication")]
)
def test_ws_trust(proxy, password, answered):
    assert answered in run(proxy, recipe("RequestSecurityToken", document="deploy/docs/probe.md"), password + "\n")


@pytest.mark.parametrize("password, answered", [(ALICE.password, "status:Success"), (WRONG, "status:AuthnFailed")])
def test_ecp(proxy, password, answered):
    script = recipe("AuthnRequest", document="deploy/docs/probe.md")
    typed = f"-u {ALICE.upn} "
    assert typed in script
    assert answered in run(proxy, script.replace(typed, f"-u '{ALICE.upn}:{password}' "))


def test_the_file_of_users(launch, nginx, tmp_path):
    text = (REPOSITORY / "proxy.yaml").read_text()
    (example,) = re.findall(r"^  #   users:\n(?:  #     .*\n)+", text, re.M)
    users = tmp_path / "users.yaml"
    placeholder = "$argon2id$v=19$m=19456,t=2,p=1$…"
    assert placeholder in example and MADE_BY_ARGON2.startswith(placeholder[:-1]) and "-t 2 -k 19456" in text
    users.write_text(re.sub(r"^  #   ", "", example, flags=re.M).replace(placeholder, MADE_BY_ARGON2))
    users.chmod(0o600)
    (user,) = yaml.safe_load(users.read_text())["users"]
    assert user["upn"] == ALICE.upn
    process = launch({"file": {"path": str(users)}}, nginx.url)
    token(sign_in(process, ALICE))


def test_the_container_listens_where_it_is_published(tmp_path):
    script = recipe("sed -e 's/0")
    folder = tmp_path / "fedfront"
    script = script.replace("/srv/fedfront", str(folder))
    subprocess.run(["bash", "-ec", script], cwd=REPOSITORY, check=True, timeout=30)
    whole = yaml.safe_load((folder / "proxy.yaml").read_text())
    example = yaml.safe_load((REPOSITORY / "deploy/examples/wso2.yaml").read_text())
    assert whole.keys() == example.keys() - {"telemetry"}
    inside = [whole["listen"][0]["address"], whole["admin"]["address"]]
    run = recipe("docker run --detach")
    published = re.findall(r"--publish (?:127\.0\.0\.1:)?\d+:(\d+)", run)
    assert inside == [f"0.0.0.0:{port}" for port in published]
    assert f"--tmpfs {whole['admin']['socket'].rsplit('/', 1)[0]}:uid=65532" in run


def test_certbots_certificate_comes_to_the_service(tmp_path):
    hook = REPOSITORY / "deploy/systemd/certbot-hook"
    assert os.access(hook, os.X_OK)
    lineage, there, told = tmp_path / "live", tmp_path / "etc", tmp_path / "told"
    for folder in (lineage, there):
        folder.mkdir()
    for name in ("fullchain.pem", "privkey.pem"):
        (lineage / name).write_text(name)
    stand_in = tmp_path / "systemctl"
    stand_in.write_text(f'#!/bin/sh\necho "$@" > {told}\n')
    stand_in.chmod(0o755)
    owners = " -o root -g fedfront "
    assert hook.read_text().count(owners) == 2
    script = hook.read_text().replace(owners, " ").replace("/etc/fedfront", str(there))
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "RENEWED_LINEAGE": str(lineage)}
    subprocess.run(["sh", "-c", script], env=environment, check=True, timeout=30)
    found = {file.name: (file.read_text(), file.stat().st_mode & 0o777) for file in there.iterdir()}
    tls = yaml.safe_load((REPOSITORY / "deploy/examples/wso2.yaml").read_text())["listen"][0]["tls"]
    assert found == {
        tls["certificate_file"]: ("fullchain.pem", 0o640),
        tls["private_key_file"]: ("privkey.pem", 0o640),
    }
    assert told.read_text() == "try-reload-or-restart fedfront.service\n"


def test_alerts_become_a_rule_of_the_operator():
    script = recipe("PrometheusRule").split("\n", 1)[1].split(" | kubectl")[0]
    made = subprocess.run(["bash", "-ec", script], cwd=REPOSITORY, check=True, capture_output=True, timeout=30)
    rule = yaml.safe_load(made.stdout)
    alerts = yaml.safe_load((REPOSITORY / "deploy/prometheus/alerts.yaml").read_text())
    assert (rule["apiVersion"], rule["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert rule["metadata"] == {"name": "fedfront"} and rule["spec"] == alerts


def test_haproxy_passes_bytes_on_and_turns_away_from_who_leaves(launch, slapd, nginx, tmp_path):
    need("haproxy")
    told = yaml.safe_load(recipe("proxy_protocol: required", "yaml"))
    (listener,) = told["listen"]
    listen = [{"proxy_protocol": listener["proxy_protocol"]}]
    block = recipe("option httpchk", "haproxy")
    servers = []
    for number, address in enumerate(re.findall(r"(10\.0\.0\.\d+:\d+) send", block)):
        admin = {"socket": str(tmp_path / f"{number}.sock")}
        servers.append(launch(ldap(slapd), nginx.url, listen=listen, trusted_proxies=["127.0.0.1"], admin=admin))
        admin_port = servers[-1].admin.rsplit(":", 1)[1]
        block, changed = re.subn(
            rf"{re.escape(address)} (.*) port 9464", rf"127.0.0.1:{servers[-1].port} \1 port {admin_port}", block
        )
        assert changed == 1 and address.endswith(listener["address"].rsplit(":", 1)[1])
    assert "  bind :443\n" in block and told["admin"]["address"].endswith(":9464")
    port = waiting.free_port()
    balancer = Balancer(tmp_path, block.replace("bind :443", f"bind 127.0.0.1:{port}"), [port])
    try:
        who = served_by(port, servers)
        waiting.until(lambda: served_by(port, servers) != who, "both serving in turn")
        leaving, staying = servers
        subprocess.run([binary(), "drain", "-c", leaving.file], check=True, timeout=30)
        waiting.until(lambda: "ff1 is DOWN" in balancer.output(), "the balancer noticing")
        assert [served_by(port, servers) for _ in range(6)] == [staying] * 6
    finally:
        balancer.stop()


def test_redis_as_it_is_configured_there_lets_replicas_share(slapd, site, tmp_path):
    need("redis-server")
    password, (certificate, key) = tmp_path / "redis-password", site.authority.server("redis", "localhost", "127.0.0.1")
    password.write_text(REDIS_PASSWORD + "\n")
    password.chmod(0o600)
    files = {"tls.crt": certificate, "tls.key": key, "ca.crt": site.authority.file}
    told, port = recipe("maxmemory-policy", "text", "deploy/docs/replicas.md"), waiting.free_port()
    for name, file in files.items():
        assert f"/etc/redis/{name}\n" in told
        told = told.replace(f"/etc/redis/{name}", str(file))
    for documented, here in [("tls-port 6379\n", f"tls-port {port}\n"), (">PASSWORD ", f">{REDIS_PASSWORD} ")]:
        assert documented in told
        told = told.replace(documented, here)
    (tmp_path / "redis.conf").write_text(f"{told}bind 127.0.0.1\ndir {tmp_path}\n")
    state = yaml.safe_load(recipe("state: {", "yaml", "deploy/docs/replicas.md"))["state"]
    assert state["url"].endswith(":6379")
    state |= {"url": f"rediss://localhost:{port}", "password_file": str(password), "ca_file": str(site.authority.file)}
    whole = configuration(443, 9464, site, ldap(slapd), "http://127.0.0.1:1", state=state)
    command = [binary(), "check", "-c", write(tmp_path / "proxy.yaml", whole), "--online"]
    server = Process("redis-server", ["redis-server", tmp_path / "redis.conf"])
    try:
        server.wait_for_line("Ready to accept connections")
        said = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    finally:
        server.stop(signal.SIGTERM)
    (line,) = [line for line in said.splitlines() if line[9:].startswith("state,")]
    assert line.startswith("ok "), said


def test_names_that_shibboleth_computed_stay_by_their_recipe(slapd, site, sp, tmp_path):
    told = yaml.safe_load(recipe("algorithm: shibboleth", "yaml", "deploy/docs/saml.md"))
    (party,) = told["relying_parties"]
    asking = entity_attributes(subject_id=["pairwise-id"]) + "<md:SPSSODescriptor"
    metadata = sp.metadata_file.read_text().replace("<md:SPSSODescriptor", asking)
    (tmp_path / party["metadata_file"]).write_text(metadata)
    salt = "a salt of Shibboleth's, with = and !"
    issuer = {key: told["issuer"][key] for key in ("scope", "name_salt_file")}
    (tmp_path / issuer["name_salt_file"]).write_text(salt + "\n")
    nobody = "http://127.0.0.1:1"
    whole = configuration(443, 9464, site, ldap(slapd), nobody, relying_parties=[party], issuer=issuer)
    command = [binary(), "check", "-c", write(tmp_path / "proxy.yaml", whole), "--user", ALICE.upn]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    name = base64.b32encode(hashlib.sha1(f"{sp.entity_id}!{ALICE.login}!{salt}".encode()).digest()).decode()
    assert f"asking for {PERSISTENT}: name identifier {name}\n" in said, said
    assert f"claim {PAIRWISE_ID}: {name}@{issuer['scope']}\n" in said and said.count(PAIRWISE_ID) == 1, said


def served_by(port, servers):
    """Which of them answered a request through the balancer, as the client's own address."""
    with Wire(port, servers[0].ca, source=CLIENT) as wire:
        wire.send("GET /headers HTTP/1.1\r\nHost: localhost\r\n\r\n")
        _, headers, body = wire.answer()
    assert f"x-forwarded-for={CLIENT}\n".encode() in body, body
    request = headers["x-correlation-id"]

    def logged():
        return [each for each in servers if any(line["correlation_id"] == request for line in each.access())]

    (served,) = waiting.until(logged, "a line of the access log")
    return served
