"""deploy/helm: what the chart can be told, what it says of what it cannot use, and the commands to use it."""

import json
import re

import jsonschema
import pytest
import yaml

from conftest import need
from support import helm
from support.fedfront import REPOSITORY
from support.helm import CHART, template
from support.kubernetes import program, run


@pytest.fixture(scope="module", autouse=True)
def programs():
    need(program("helm"), program("kubectl"))


@pytest.mark.parametrize(
    "values, said",
    [
        ("{}", "proxy is missing: give the whole proxy.yaml"),
        ("proxy: 'listen: ['", "proxy is not YAML"),
        ("proxy: { admin: {} }", "listen is missing; write"),
        ("proxy: { listen: [{ address: 0.0.0.0 }] }", "the address 0.0.0.0 has no port; write 0.0.0.0:8443"),
        ("proxy: { listen: [{ address: ':1' }] }", "admin.address is 127.0.0.1:9464, but probes"),
        ("proxy: { listen: [{ address: ':1' }], admin: { address: '[::1]:9464' } }", "write 0.0.0.0:9464"),
        ("proxy: { listen: [{ address: ':1' }], admin: { address: ':9' } }", "write /run/fedfront/admin.sock"),
        (
            "proxy: { listen: [{ address: ':1' }], admin: { address: ':9', socket: admin.sock } }",
            "admin.socket is missing or",
        ),
    ],
)
def test_what_cannot_work_is_said(values, said):
    told = template(values, proxy=False)
    assert told.returncode != 0 and said in told.stderr, told.stderr


@pytest.mark.parametrize(
    "line, said",
    [
        ("limits: { drain: soon }", "soon is no duration; write 250ms, 60s or 30m"),
        ("state: { url: 'unix:/redis' }", "the port of unix:/redis cannot be told; write the URL with its port"),
    ],
)
def test_what_the_chart_cannot_read_of_a_configuration_is_said(line, said):
    proxy = "listen: [{ address: ':1' }]\nadmin: { address: ':9', socket: /run/fedfront/admin.sock }\n" + line
    told = template(yaml.safe_dump({"proxy": proxy}), proxy=False)
    assert told.returncode != 0 and said in told.stderr, told.stderr


def secrets():
    """The path of every key that is a secret, of all that the reference of the configuration has."""
    section, found = "", []
    for line in (REPOSITORY / "deploy/docs/configuration.md").read_text().splitlines():
        if line.startswith("#"):
            section = line.strip("# ")
        elif secret := re.match(r"\| `(\w+)` \| secret \|", line):
            found.append(f"{section}.{secret.group(1)}")
    return found


def configured(path, value):
    """Of all that is missing otherwise, only this key is there: in a map and, of directories, in a list of them."""
    for key in reversed(path.split(".")):
        value = {key: [value] if key == "directory" else value}
    value.setdefault("state", {}).setdefault("url", "redis://redis")
    admin = {"address": ":9", "socket": "/run/fedfront/admin.sock"}
    return template(json.dumps({"proxy": {"listen": [{"address": ":1"}], "admin": admin, **value}}), proxy=False)


HEADERS = ["telemetry.traces.headers.Authorization", "telemetry.traces.headers.uptrace-dsn", "upstream.set_headers.X-Token"]


@pytest.mark.parametrize("path", [*secrets(), *HEADERS])
def test_a_secret_as_text_is_refused_and_no_reference_to_one_is(path):
    for value in ("hunter2", 1234, "$2"):
        told = configured(path, value)
        assert told.returncode != 0 and f"proxy: {path} is a secret as text" in told.stderr, told.stderr
        assert "${NAME}" in told.stderr and str(value) not in told.stderr
        assert (f"{path}_file" in told.stderr) == ("headers" not in path)
    for other, value in ((path, "${SECRET}"), (path, "Bearer ${SECRET}"), (f"{path}_file", "secret")):
        told = configured(other, value)
        refused = other != path and "headers" in path
        assert (told.returncode != 0) == refused, told.stderr


def test_secrets_are_known_and_labels_of_keys_are_none():
    assert {"issuer.signing.pkcs11.pin", "directory.ldap.bind_password", "state.key", "state.password"} <= set(secrets())
    for path in ("issuer.signing.pkcs11.key", "issuer.signing.pkcs11.token", "upstream.set_headers.X-Scope"):
        told = configured(path, "fedfront")
        assert told.returncode == 0, told.stderr


def test_whoever_brings_a_configmap_of_their_own_has_it_only_read():
    values = "existingConfigMap: mine\nproxy: { state: { url: redis://a, password: p }, listen: [{ address: ':1' }],"
    told = template(values + " admin: { address: ':9', socket: /run/fedfront/s } }", proxy=False)
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize(
    "values, said",
    [
        ("imag: { tag: v1 }", "'imag' not allowed"),
        ("image: { tags: v1 }", "'tags' not allowed"),
        ("replicas: two", "/replicas"),
        ("image: { digest: abc }", "/image/digest"),
        ("secrets: fedfront", "/secrets"),
        ("service: { type: Ingress }", "/service/type"),
        (
            "certificate: { enabled: true, dnsNames: [], issuerRef: { kind: Issuer, name: null } }",
            "/certificate/issuerRef",
        ),
    ],
)
def test_what_the_chart_does_not_know_is_said(values, said):
    told = template(values)
    assert told.returncode != 0 and said in told.stderr, told.stderr


def test_a_mode_that_it_does_not_know_is_said():
    told = template(mode="alone")
    assert told.returncode != 0 and "/mode" in told.stderr


@pytest.mark.parametrize(
    "mode, values, said, unsaid",
    [
        (
            "standalone",
            "",
            ["deployment/fedfront", "up to 4 wrong passwords", "sso.example.com"],
            ["lame_duck", "patch"],
        ),
        ("standalone", "autoscaling: { enabled: true }", ["up to 12 wrong passwords"], []),
        ("standalone", "rollOut: true", ["replaces the pods one by one"], ["without a restart"]),
        ("sidecar", "", ["patch deployment wso2is", "sts.example.com", "guard.threshold, 2,"], ["helm -n sso test"]),
    ],
)
def test_what_to_do_next_is_said(mode, values, said, unsaid):
    options = ["--namespace", "sso", "--dry-run=client", "--set", f"mode={mode}", "--values", "-"]
    options += ["--set-file", f"proxy={helm.proxy_file(mode)}"]
    told = run("helm", "install", "fedfront", CHART, *options, input=values or "{}")
    assert told.returncode == 0, told.stderr
    notes = told.stdout.partition("NOTES:")[2]
    assert [words for words in said if words not in notes] == [], notes
    assert [words for words in unsaid if words in notes] == [], notes


@pytest.mark.parametrize("kind", ["a map", "text"])
def test_a_proxy_is_taken_without_a_warning(kind):
    """Of a map Helm said `skipped value for fedfront.proxy: Not a table.`"""
    text = helm.proxy_file("standalone").read_text()
    values = {"proxy": yaml.safe_load(text) if kind == "a map" else text}
    told = template(yaml.safe_dump(values), proxy=False)
    assert told.returncode == 0 and "warning" not in told.stderr.lower(), told.stderr


@pytest.mark.parametrize("mode", ["standalone", "sidecar"])
@pytest.mark.parametrize(
    "values, said",
    [
        ("", True),
        ("secrets: [fedfront]", False),
        ("configMaps: [fedfront]", False),
        ("existingConfigMap: fedfront", False),
        ("extraVolumeMounts: [{ name: keys, mountPath: /keys }]", False),
    ],
)
def test_files_that_nothing_mounts_are_told(mode, values, said):
    """`secrets` forgotten, the pods could not start, and nothing had said so."""
    options = ["--namespace", "sso", "--dry-run=client", "--set", f"mode={mode}", "--values", "-"]
    options += ["--set-file", f"proxy={helm.proxy_file(mode)}"]
    told = run("helm", "install", "fedfront", CHART, *options, input=values or "{}")
    assert told.returncode == 0, told.stderr
    line = [line for line in told.stdout.splitlines() if line.startswith("No Secret is named for")]
    assert bool(line) is said, told.stdout
    if said:
        named = line[0].partition(": ")[2].partition(". ")[0].split(", ")
        assert {"signing.p12", "signing.p12.password", "ldap-password"} <= set(named), named
        assert not {"tls.crt", "tls.key"} & set(named), named


def test_shared_state_and_a_short_lame_duck_are_noticed():
    text = (
        helm.proxy_file("standalone")
        .read_text()
        .replace("#state:", "state:")
        .replace("lame_duck: 30s", "lame_duck: 5s")
    )
    told = run(
        "helm", "install", "fedfront", CHART, "--dry-run=client", "-f", "-", input=yaml.safe_dump({"proxy": text})
    )
    assert told.returncode == 0, told.stderr
    notes = told.stdout.partition("NOTES:")[2]
    assert "limits.lame_duck is 5 s" in notes and "wrong passwords" not in notes


def test_the_schema_has_each_value_and_no_other():
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)

    def compare(known, given, path):
        if "properties" not in known or path == ".certificate.issuerRef":
            return
        assert known["additionalProperties"] is False, path
        # These two are what Helm itself passes to a chart that another one depends on.
        names = known["properties"].keys() - ({"global", "enabled"} if path == "" else set())
        assert names == given.keys(), path
        for name in names:
            compare(known["properties"][name], given[name], f"{path}.{name}")

    compare(schema, helm.values(), "")
    jsonschema.validate(helm.values(), schema)


def test_commands_that_are_written_down_are_understood():
    """Each option of kubectl and helm exists, and what the chart is told by helm makes something."""
    rendered = 0
    for document in (helm.README, REPOSITORY / "deploy/README.md"):
        for words in helm.commands("\n".join(helm.blocks("sh", document))):
            if words[:3] not in (["helm", "-n", "sso"], ["kubectl", "-n", "sso"]):
                continue
            verb = words[3:6] if words[3:5] == ["create", "secret"] else words[3:4]
            known = run(words[0], *verb, "--help").stdout
            own = words[4 : words.index("--") if "--" in words else None]
            for option in {word.split("=")[0] for word in own if word.startswith("--")}:
                assert re.search(rf"^ .*{option}\b", known, re.M), words
            if "deploy/helm/fedfront" in words:
                given = [word for word in words if word.startswith(("mode=", "secrets=", "image."))]
                (mode,) = [word.removeprefix("mode=") for word in given if word.startswith("mode=")] or ["standalone"]
                argv = [argument for value in given for argument in ("--set", value)]
                made = run(
                    "helm",
                    "template",
                    words[words.index("deploy/helm/fedfront") - 1],
                    CHART,
                    *argv,
                    "--set-file",
                    f"proxy={helm.proxy_file(mode)}",
                )
                assert made.returncode == 0 and made.stdout, made.stderr
                rendered += 1
    assert rendered >= 4
