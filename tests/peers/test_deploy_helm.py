"""deploy/helm: every way to use the chart is valid, restricted and at one with its proxy.yaml."""

import re
import shutil
import tarfile

import pytest
import yaml

from conftest import need
from support import helm, stand_ins
from support.fedfront import REPOSITORY
from support.helm import CHART, render, template
from support.kubernetes import (
    VERSIONS,
    Variant,
    asked_ports,
    believed_ready,
    duration,
    program,
    run,
    validate,
    violations,
)

ALERTS = REPOSITORY / "deploy/prometheus/alerts.yaml"
DATA = REPOSITORY / "tests/peers/data/helm"
EVERYTHING, MONITORED, NOTHING = [
    (DATA / f"{name}.yaml").read_text() for name in ("everything", "monitored", "nothing")
]
# Each way to use the chart, by name: the mode and more values.
WAYS = {
    "alone": ("standalone", "secrets: [fedfront]"),
    "alone, everything": ("standalone", EVERYTHING + MONITORED),
    "alone, nothing": ("standalone", NOTHING),
    "alone, ClusterIP": ("standalone", "service: { type: ClusterIP }"),
    "alone, NodePort": ("standalone", "service: { type: NodePort, externalTrafficPolicy: Cluster }"),
    "alone, whoever may ask": ("standalone", "networkPolicy: { prometheus: [], egress: { enabled: false } }"),
    "alone, configured elsewhere": ("standalone", "existingConfigMap: fedfront-proxy"),
    "beside": ("sidecar", "secrets: [fedfront]"),
    "beside, monitored": ("sidecar", MONITORED + "sidecar: { podLabels: { app: wso2 } }"),
}
each_way = pytest.mark.parametrize("mode, values", WAYS.values(), ids=WAYS.keys())
each_alone = pytest.mark.parametrize(
    "values", [values for mode, values in WAYS.values() if mode == "standalone"], ids=list(WAYS)[:7]
)


@pytest.fixture(scope="module", autouse=True)
def programs():
    need(program("helm"), program("kubectl"))


@each_way
def test_helm_finds_nothing_to_say(mode, values, tmp_path):
    file = tmp_path / "values.yaml"
    file.write_text(values)
    given = ["--values", file, "--set", f"mode={mode}", "--set-file", f"proxy={helm.proxy_file(mode)}"]
    linted = run("helm", "lint", "--strict", CHART, *given)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert re.findall(r"^\[(?!INFO).*", linted.stdout, re.M) == []


@each_way
@pytest.mark.parametrize("version", VERSIONS)
def test_the_api_server_knows_every_field(mode, values, version):
    objects = render(values, mode).objects
    assert objects
    for each in objects:
        validate(each, version)
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "fedfront", each["metadata"]


def test_what_is_made_is_what_was_asked_for():
    alone = ["ConfigMap", "Deployment", "NetworkPolicy", "Pod", "PodDisruptionBudget", "Service"]
    monitored = ["Certificate", "PodMonitor", "PrometheusRule"]
    assert render("secrets: [fedfront]").kinds == alone
    assert render(EVERYTHING + MONITORED).kinds == sorted([*alone, *monitored, "HorizontalPodAutoscaler"])
    assert render(NOTHING).kinds == ["ConfigMap", "Deployment", "Pod"]
    assert render("existingConfigMap: fedfront-proxy").kinds == alone[1:]
    # The pods, and whatever is about them, are the identity provider's.
    assert render("secrets: [fedfront]", "sidecar").kinds == ["ConfigMap", "NetworkPolicy", "Service"]
    assert render(MONITORED, "patch").kinds == ["Deployment"]


@each_alone
def test_pods_are_restricted_and_fedfront_more_so(values):
    made = render(values)
    for pod in (made.pod, made.one("Pod")["spec"]):
        assert violations(pod) == []
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsUser"] == 65532
        resources = container["resources"]
        assert {"cpu", "memory"} <= resources["requests"].keys() and "memory" in resources["limits"]


def test_behind_an_ingress_nobody_else_comes():
    (values,) = [block for block in helm.blocks("yaml") if "ingress-nginx" in block]
    made = render("secrets: [fedfront]\n" + values)
    clients = made.one("NetworkPolicy")["spec"]["ingress"][0]
    assert clients["from"] == yaml.safe_load(values)["networkPolicy"]["clients"]
    assert made.one("Service")["spec"]["type"] == "ClusterIP"
    assert [source["name"] for source in secret_sources(made.pod)] == ["fedfront"]


def test_openshift_chooses_users_by_itself():
    (values,) = [block for block in helm.blocks("yaml") if "null" in block]
    made = render(values)
    assert violations(made.pod) == []
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & made.pod["securityContext"].keys()


def test_check_accepts_what_is_mounted(site, tmp_path, binary_built):
    made = render("secrets: [fedfront]")
    text = made.one("ConfigMap")["data"]["proxy.yaml"]
    assert text == helm.proxy_file("standalone").read_text()
    (created,) = re.findall(r"create secret generic (\S+)(.*)", "\n".join(helm.blocks("sh")).replace("\\\n", " "))
    secrets = {created[0]: re.findall(r"--from-file=(\S+)", created[1]), "fedfront-tls": ["tls.crt", "tls.key"]}
    assert made.mounted(secrets) == stand_ins.named(text) | {"proxy.yaml"}
    checked = stand_ins.check(tmp_path, text, site)
    assert checked.returncode == 0 and ": fine" in checked.stdout, checked.stderr
    (tested,) = made.one("Pod")["spec"]["containers"]
    assert tested["args"] == ["check", "-c", "/etc/fedfront/proxy.yaml", "--online"]
    assert made.container("fedfront")["args"] == ["run", "-c", "/etc/fedfront/proxy.yaml"]
    for key in ("image", "volumeMounts", "securityContext"):
        assert tested[key] == made.container("fedfront")[key]
    assert made.one("Pod")["spec"]["volumes"] == made.pod["volumes"]


def test_check_accepts_a_configuration_that_is_a_map(site, tmp_path, binary_built):
    (values,) = [block for block in helm.blocks("yaml") if "proxy:" in block]
    text = render(values, proxy=False).one("ConfigMap")["data"]["proxy.yaml"]
    assert yaml.safe_load(text) == yaml.safe_load(values)["proxy"]
    checked = stand_ins.check(tmp_path, text, site)
    assert checked.returncode == 0 and ": fine" in checked.stdout, checked.stderr


def test_numbers_in_a_map_stay_what_they_are():
    values = (
        "proxy: { listen: [{ address: '0.0.0.0:8443' }], admin: { address: '0.0.0.0:9464', socket: /run/fedfront/s },"
    )
    values += " limits: { rst_body: 104857600, body_rate: 0, drain: 20s }, upstream: { servers: ['https://a:1'] } }"
    text = render(values, proxy=False).one("ConfigMap")["data"]["proxy.yaml"]
    assert "rst_body: 104857600\n" in text and "body_rate: 0\n" in text


@each_way
def test_ports_and_probes_are_those_of_the_configuration(mode, values):
    proxy = yaml.safe_load(helm.proxy_file(mode).read_text())
    made = render(values, mode)
    for service in made.all("Service"):
        published = service["spec"]["ports"][0]
        assert (published["port"], published["targetPort"]) == (443, 8443)
    for policy in made.all("NetworkPolicy"):
        clients, *others = policy["spec"]["ingress"]
        assert [port["port"] for port in clients["ports"]] == [8443]
        assert all(rule["from"] for rule in others), "only some come to other ports"
        if "Egress" in policy["spec"]["policyTypes"]:
            *needed, extra = policy["spec"]["egress"] if "extra:" in values else [*policy["spec"]["egress"], None]
            assert {port["port"] for rule in needed for port in rule["ports"]} == asked_ports(proxy) | {53}
            if extra:
                assert all(rule["to"] for rule in needed)
        else:
            assert "egress" not in policy["spec"]
    if mode == "standalone":
        container = made.container("fedfront")
        assert {port["name"]: port["containerPort"] for port in container["ports"]} == {"https": 8443, "admin": 9464}
        for probe, path in {
            "startupProbe": "/startupz",
            "readinessProbe": "/readyz",
            "livenessProbe": "/livez",
        }.items():
            assert container[probe]["httpGet"] == {"path": path, "port": "admin"}


def test_whatever_the_configuration_says_the_manifests_say():
    values = """
proxy: |
  public_url: https://login.example.org:8443/
  listen:
    - address: "[::]:9443"
    - address: 0.0.0.0:49443
  admin: { address: 0.0.0.0:9000, socket: /tmp/fedfront/admin.sock }
  upstream: { servers: [https://a.internal, https://b.internal:9443/] }
  directory:
    - ldap: { urls: [ldaps://dc1.example.org, "ldap://dc2.example.org:3268"] }
    - upstream: { url: "https://scim.internal:9444" }
  state: { url: rediss://redis.example.org }
  metadata_sources:
    - { name: incommon, mdq: https://mdq.example.org/ }
    - { name: federation, url: "https://metadata.example.org:8080/entities/urn:oid:1/all" }
    - { name: campus, file: campus.xml }
    - { name: elsewhere, url: "${FEDERATION_URL}" }
  telemetry:
    audit_syslog: { server: udp://syslog.example.org }
    traces: { endpoint: "http://collector.monitoring:4318" }
  cache: { folder: /var/cache/fedfront }
  limits: { lame_duck: 500ms, drain: 2m }
certificate: { enabled: true }
service: { extraPorts: [{ name: certificates, port: 49443, targetPort: 49443 }] }
"""
    made = render(values, proxy=False)
    container = made.container("fedfront")
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"https": 9443, "listen-2": 49443, "admin": 9000}
    assert [port["targetPort"] for port in made.one("Service")["spec"]["ports"]] == [9443, 49443]
    policy = made.one("NetworkPolicy")["spec"]
    assert [[port["port"] for port in rule["ports"]] for rule in policy["ingress"]] == [[9443, 49443], [9000]]
    egress = [[port["port"] for port in rule["ports"]] for rule in policy["egress"]]
    assert egress == [[53, 53], [443, 9443, 9444], [636, 3268], [6379], [443, 8080], [514, 4318]]
    assert [port["protocol"] for port in policy["egress"][-1]["ports"]] == ["UDP", "TCP"]
    assert made.pod["terminationGracePeriodSeconds"] == 1 + 120 + 10
    for path in ("/tmp/fedfront", "/var/cache/fedfront"):
        assert "emptyDir" in made.volume(path)[0]
    assert made.one("Certificate")["spec"]["dnsNames"] == ["login.example.org"]
    for each in made.objects:
        validate(each, VERSIONS[0])


def test_alone_it_has_time_to_end():
    made = render("secrets: [fedfront]")
    limits = {key: duration(value) for key, value in Variant("standalone").proxy["limits"].items()}
    assert believed_ready(made.container("fedfront")) >= limits["lame_duck"]
    assert made.pod["terminationGracePeriodSeconds"] == limits["lame_duck"] + limits["drain"] + 10
    # SIGTERM itself begins the lame duck.
    assert "lifecycle" not in made.container("fedfront")
    assert render(EVERYTHING + MONITORED).pod["terminationGracePeriodSeconds"] == 120


@each_way
def test_selectors_find_the_pods_and_nothing_else(mode, values):
    made = render(values, mode)
    if mode == "standalone":
        labels = made.deployment["spec"]["template"]["metadata"]["labels"]
        tested = made.one("Pod")["metadata"]["labels"]
    else:
        labels = yaml.safe_load(values).get("sidecar", {"podLabels": {"app.kubernetes.io/name": "wso2is"}})["podLabels"]
        tested = {}
    selectors = [
        each["spec"]["selector"]["matchLabels"]
        for kind in ("Deployment", "PodDisruptionBudget", "PodMonitor")
        for each in made.all(kind)
    ]
    selectors += [each["spec"]["selector"] for each in made.all("Service")]
    selectors += [each["spec"]["podSelector"]["matchLabels"] for each in made.all("NetworkPolicy")]
    if mode == "standalone":
        selectors += [each["labelSelector"]["matchLabels"] for each in made.pod.get("topologySpreadConstraints", [])]
    assert selectors
    for selector in selectors:
        assert selector and selector.items() <= labels.items()
        assert not selector.items() <= tested.items()
    for scaler in made.all("HorizontalPodAutoscaler"):
        assert scaler["spec"]["scaleTargetRef"]["name"] == made.deployment["metadata"]["name"]
        assert "replicas" not in made.deployment["spec"]
    for certificate in made.all("Certificate"):
        mounted = [each["name"] for each in ([] if mode == "sidecar" else secret_sources(made.pod))]
        assert mode == "sidecar" or certificate["spec"]["secretName"] in mounted


def secret_sources(pod):
    (volume,) = [each for each in pod["volumes"] if each["name"] == "fedfront"]
    return [source["secret"] for source in volume["projected"]["sources"] if "secret" in source]


def test_an_image_is_named_by_tag_or_digest():
    version = re.search(r'^version = "(.*)"', (REPOSITORY / "Cargo.toml").read_text(), re.M).group(1)
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (version, version)
    images = {"": version, "image: { tag: v9 }": "v9"}
    for values, tag in images.items():
        assert render(values).container("fedfront")["image"] == f"registry.example.com/fedfront:{tag}"
    made = render(EVERYTHING + MONITORED)
    assert made.container("fedfront")["image"] == "registry.example.com/fedfront@sha256:" + "0" * 64


def test_a_changed_configuration_replaces_pods_only_if_told_to():
    def annotations(values):
        return render(values).deployment["spec"]["template"]["metadata"].get("annotations")

    changed = helm.proxy_file("standalone").read_text().replace("lame_duck: 30s", "lame_duck: 31s")
    changed = yaml.safe_dump({"proxy": changed})
    assert annotations("") is None
    assert (
        annotations("rollOut: true")
        == render("rollOut: true\n").deployment["spec"]["template"]["metadata"]["annotations"]
    )
    other = render(changed + "rollOut: true", proxy=False).deployment["spec"]["template"]["metadata"]["annotations"]
    assert annotations("rollOut: true") != other
    # It is mounted whole, so that a running one sees it change.
    _, mount = render("").volume("/etc/fedfront")
    assert "subPath" not in mount


def test_the_alerts_are_those_of_prometheus():
    spec = render(EVERYTHING + MONITORED).one("PrometheusRule")["spec"]
    assert spec == yaml.safe_load(ALERTS.read_text())
    (endpoint,) = render(EVERYTHING + MONITORED).one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": "fedfront"}]
    assert 'absent(up{job="fedfront"})' in ALERTS.read_text()


def test_a_package_is_the_same_as_the_folder(tmp_path):
    packed = run("helm", "package", CHART, "--destination", tmp_path, home=tmp_path)
    assert packed.returncode == 0, packed.stderr
    (file,) = tmp_path.glob("*.tgz")
    assert f"helm push {file.name} " in helm.README.read_text()
    with tarfile.open(file) as archive:
        inside = {each.name.removeprefix("fedfront/"): archive.extractfile(each).read() for each in archive}
    here = {str(each.relative_to(CHART)): each.read_bytes() for each in CHART.rglob("*") if each.is_file()}
    # Of this one the comments are lost.
    assert inside.pop("Chart.yaml") and here.pop("Chart.yaml") and here.pop(".helmignore")
    inside.pop(".helmignore", None)
    assert inside == here and inside["files/alerts.yaml"] == ALERTS.read_bytes()
    assert render(EVERYTHING + MONITORED, chart=file).objects == render(EVERYTHING + MONITORED).objects


def test_a_dashboard_that_is_not_among_the_charts_files_is_said(tmp_path):
    values = "dashboard: { enabled: true, annotations: { grafana_folder: Identity } }"
    shutil.copytree(CHART, tmp_path / "fedfront")
    file = tmp_path / "fedfront/files/fedfront.json"
    file.unlink(missing_ok=True)
    told = template(values, chart=tmp_path / "fedfront")
    assert told.returncode != 0 and "this chart has no files/fedfront.json" in told.stderr
    file.write_text('{ "title": "{{ $labels }}" }')
    (_, dashboard) = sorted(
        render(values, chart=tmp_path / "fedfront").all("ConfigMap"), key=lambda each: len(each["metadata"]["name"])
    )
    assert dashboard["data"] == {"fedfront.json": file.read_text()}
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["metadata"]["annotations"] == {"grafana_folder": "Identity"}
