"""deploy/helm: every way to use the chart is valid, restricted and at one with its proxy.yaml."""

import json
import re
import shutil
import tarfile

import jsonschema
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
    kustomize,
    program,
    run,
    validate,
    violations,
)

ALERTS = REPOSITORY / "deploy/prometheus/alerts.yaml"
SECRETS = {
    "fedfront": ["signing.p12", "signing.p12.password", "ldap-password", "oam-ca.pem", "oid-ca.pem"],
    "fedfront-tls": ["tls.crt", "tls.key"],
}
DIGEST = "sha256:" + "0" * 64

MONITORED = """
podMonitor: { enabled: true, interval: 30s, labels: { release: prometheus } }
prometheusRule: { enabled: true, labels: { release: prometheus } }
certificate: { enabled: true, issuerRef: { kind: Issuer, name: company } }
"""
EVERYTHING = f"""
secrets: [fedfront]
configMaps: [company-ca]
rollOut: true
image: {{ digest: "{DIGEST}" }}
imagePullSecrets: [{{ name: registry }}]
fullnameOverride: sso
commonLabels: {{ team: identity }}
autoscaling: {{ enabled: true }}
podDisruptionBudget: {{ maxUnavailable: 25% }}
terminationGracePeriodSeconds: 120
podLabels: {{ tier: edge }}
podAnnotations: {{ example.com/owner: identity }}
serviceAccountName: fedfront
priorityClassName: system-cluster-critical
nodeSelector: {{ kubernetes.io/os: linux }}
tolerations: [{{ key: edge, operator: Exists, effect: NoSchedule }}]
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - {{ weight: 1, podAffinityTerm: {{ topologyKey: kubernetes.io/hostname, labelSelector: {{ matchLabels: {{ tier: edge }} }} }} }}
hostAliases: [{{ ip: 10.0.0.9, hostnames: [oam.internal] }}]
env: [{{ name: REALM, value: example.com }}]
envFrom: [{{ secretRef: {{ name: fedfront-env }} }}]
extraVolumes: [{{ name: metadata, emptyDir: {{}} }}]
extraVolumeMounts: [{{ name: metadata, mountPath: /var/lib/fedfront }}]
service:
  annotations: {{ service.beta.kubernetes.io/aws-load-balancer-type: nlb }}
  loadBalancerClass: service.k8s.aws/nlb
  loadBalancerSourceRanges: [192.0.2.0/24]
  sessionAffinity: ClientIP
  extraPorts: [{{ name: certificates, port: 49443, targetPort: 49443 }}]
networkPolicy:
  clients: [{{ ipBlock: {{ cidr: 192.0.2.0/24 }} }}]
  extraIngress: [{{ from: [{{ podSelector: {{}} }}], ports: [{{ protocol: TCP, port: 4000 }}] }}]
  egress:
    dns: [{{ namespaceSelector: {{ matchLabels: {{ kubernetes.io/metadata.name: kube-system }} }} }}]
    upstream: [{{ ipBlock: {{ cidr: 10.0.1.0/24 }} }}]
    directory: [{{ ipBlock: {{ cidr: 10.0.2.0/24 }} }}]
    state: [{{ podSelector: {{ matchLabels: {{ app: redis }} }} }}]
    extra: [{{ ports: [{{ protocol: TCP, port: 443 }}] }}]
"""
NOTHING = """
autoscaling: { enabled: false }
podDisruptionBudget: { enabled: false }
networkPolicy: { enabled: false }
service: { enabled: false }
tls: { enabled: false }
spreadOver: []
"""
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


def test_openshift_chooses_users_by_itself():
    (values,) = [block for block in helm.blocks("yaml") if "null" in block]
    made = render(values)
    assert violations(made.pod) == []
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & made.pod["securityContext"].keys()


def test_check_accepts_what_is_mounted(site, tmp_path, binary_built):
    made = render("secrets: [fedfront]")
    text = made.one("ConfigMap")["data"]["proxy.yaml"]
    assert text == helm.proxy_file("standalone").read_text()
    assert made.mounted(SECRETS) == stand_ins.named(text) | {"proxy.yaml"}
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
    values = "proxy: { listen: [{ address: '0.0.0.0:8443' }], admin: { address: '0.0.0.0:9464', socket: /run/fedfront/s },"
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
        for probe, path in {"startupProbe": "/startupz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}.items():
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
    assert egress == [[53, 53], [443, 9443, 9444], [636, 3268], [6379]]
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
    selectors = [each["spec"]["selector"]["matchLabels"] for kind in ("Deployment", "PodDisruptionBudget", "PodMonitor") for each in made.all(kind)]
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
    assert made.container("fedfront")["image"] == f"registry.example.com/fedfront@{DIGEST}"


def test_a_changed_configuration_replaces_pods_only_if_told_to():
    def annotations(values):
        return render(values).deployment["spec"]["template"]["metadata"].get("annotations")

    changed = helm.proxy_file("standalone").read_text().replace("lame_duck: 30s", "lame_duck: 31s")
    changed = yaml.safe_dump({"proxy": changed})
    assert annotations("") is None
    assert annotations("rollOut: true") == render("rollOut: true\n").deployment["spec"]["template"]["metadata"]["annotations"]
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
    with tarfile.open(file) as archive:
        inside = {each.name.removeprefix("fedfront/"): archive.extractfile(each).read() for each in archive}
    here = {str(each.relative_to(CHART)): each.read_bytes() for each in CHART.rglob("*") if each.is_file()}
    # Of this one the comments are lost.
    assert inside.pop("Chart.yaml") and here.pop("Chart.yaml") and here.pop(".helmignore")
    inside.pop(".helmignore", None)
    assert inside == here and inside["files/alerts.yaml"] == ALERTS.read_bytes()
    assert render(EVERYTHING + MONITORED, chart=file).objects == render(EVERYTHING + MONITORED).objects


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
        ("proxy: { listen: [{ address: ':1' }], admin: { address: ':9', socket: admin.sock } }", "admin.socket is missing or"),
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


@pytest.mark.parametrize(
    "values, said",
    [
        ("imag: { tag: v1 }", "'imag' not allowed"),
        ("image: { tags: v1 }", "'tags' not allowed"),
        ("replicas: two", "/replicas"),
        ("image: { digest: abc }", "/image/digest"),
        ("secrets: fedfront", "/secrets"),
        ("service: { type: Ingress }", "/service/type"),
        ("certificate: { enabled: true, dnsNames: [], issuerRef: { kind: Issuer, name: null } }", "/certificate/issuerRef"),
    ],
)
def test_what_the_chart_does_not_know_is_said(values, said):
    told = template(values)
    assert told.returncode != 0 and said in told.stderr, told.stderr


def test_a_mode_that_it_does_not_know_is_said():
    told = template(mode="alone")
    assert told.returncode != 0 and "/mode" in told.stderr


def test_a_dashboard_that_is_not_among_the_charts_files_is_said(tmp_path):
    values = "dashboard: { enabled: true, annotations: { grafana_folder: Identity } }"
    shutil.copytree(CHART, tmp_path / "fedfront")
    file = tmp_path / "fedfront/files/fedfront.json"
    file.unlink(missing_ok=True)
    told = template(values, chart=tmp_path / "fedfront")
    assert told.returncode != 0 and "this chart has no files/fedfront.json" in told.stderr
    file.write_text('{ "title": "{{ $labels }}" }')
    (_, dashboard) = sorted(render(values, chart=tmp_path / "fedfront").all("ConfigMap"), key=lambda each: len(each["metadata"]["name"]))
    assert dashboard["data"] == {"fedfront.json": file.read_text()}
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["metadata"]["annotations"] == {"grafana_folder": "Identity"}


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


WSO2 = """
apiVersion: apps/v1
kind: {kind}
metadata: {{ name: wso2is }}
spec:
  {extra}
  selector: {{ matchLabels: {{ app.kubernetes.io/name: wso2is }} }}
  template:
    metadata: {{ labels: {{ app.kubernetes.io/name: wso2is }} }}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 30
      securityContext: {{ runAsNonRoot: true, seccompProfile: {{ type: RuntimeDefault }} }}
      initContainers:
        - {{ name: migrate, image: "docker.io/wso2/wso2is:7.0.0", securityContext: &own {{ runAsUser: 802, allowPrivilegeEscalation: false, capabilities: {{ drop: [ALL] }} }} }}
      containers:
        - {{ name: wso2is, image: "docker.io/wso2/wso2is:7.0.0", securityContext: *own, ports: [{{ containerPort: 9443 }}] }}
      volumes: [{{ name: data, emptyDir: {{}} }}]
"""


@pytest.mark.parametrize(
    "way, kind, sleep_by, version",
    [
        ("kubectl", "Deployment", "exec", VERSIONS[0]),
        ("kustomize", "Deployment", "exec", VERSIONS[0]),
        ("kustomize", "StatefulSet", "exec", VERSIONS[0]),
        # From Kubernetes 1.30 on.
        ("kubectl", "Deployment", "kubelet", VERSIONS[1]),
        ("kustomize", "StatefulSet", "kubelet", VERSIONS[1]),
    ],
)
def test_the_patch_puts_fedfront_beside_an_identity_provider(way, kind, sleep_by, version, tmp_path):
    values = f"secrets: [fedfront]\nimagePullSecrets: [{{ name: registry }}]\nsidecar: {{ kind: {kind}, sleepBy: {sleep_by} }}"
    extra = "serviceName: wso2is" if kind == "StatefulSet" else "replicas: 2"
    patched = apply(way, WSO2.format(kind=kind, extra=extra), render(values, "patch").text, tmp_path)
    (object,) = patched
    validate(object, version)
    pod = object["spec"]["template"]["spec"]
    assert violations(pod) == []
    containers = {each["name"]: each for each in pod["initContainers"] + pod["containers"]}
    assert containers.keys() == {"migrate", "fedfront", "wso2is"}
    sidecar = containers["fedfront"]
    assert sidecar["restartPolicy"] == "Always" and sidecar["securityContext"]["runAsUser"] == 65532
    assert sidecar["lifecycle"]["preStop"]["exec"]["command"] == ["/fedfront", "drain", *sidecar["args"][1:]]
    sleeps = {"exec": {"exec": {"command": ["sleep", "30"]}}, "kubelet": {"sleep": {"seconds": 30}}}
    assert containers["wso2is"]["lifecycle"]["preStop"] == sleeps[sleep_by]
    assert containers["wso2is"]["ports"] and containers["wso2is"]["image"].startswith("docker.io/")
    # Its sleep, its end, the drain of fedfront, and some.
    assert pod["terminationGracePeriodSeconds"] == 30 + 30 + 20 + 10
    assert believed_ready(sidecar) >= 30
    assert [volume["name"] for volume in pod["volumes"] if volume["name"] == "data"] == ["data"]
    configured = render(values, "sidecar").one("ConfigMap")["metadata"]["name"]
    assert {"configMap": {"name": configured}} in [
        source for volume in pod["volumes"] for source in volume.get("projected", {}).get("sources", [])
    ]
    selector = render(values, "sidecar").one("Service")["spec"]["selector"]
    assert selector.items() <= object["spec"]["template"]["metadata"]["labels"].items()


def apply(way, manifest, patch, folder):
    (folder / "wso2.yaml").write_text(manifest)
    (folder / "patch.yaml").write_text(patch)
    if way == "kustomize":
        kustomization = {"resources": ["wso2.yaml"], "patches": [{"path": "patch.yaml"}]}
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return kustomize(folder).objects
    argv = ["patch", "--local", "-f", folder / "wso2.yaml", "--patch-file", folder / "patch.yaml", "-o", "yaml"]
    patched = run("kubectl", *argv)
    assert patched.returncode == 0, patched.stderr
    return [yaml.safe_load(patched.stdout)]


def test_the_patch_and_the_manifests_have_the_same_sidecar():
    ours = Variant("sidecar").built
    patched = render("secrets: [fedfront]\nresources: { requests: { cpu: 100m } }", "patch")
    mine, theirs = ours.container("fedfront"), patched.container("fedfront")
    assert theirs.pop("imagePullPolicy") == "IfNotPresent"
    assert theirs == mine
    assert patched.pod["terminationGracePeriodSeconds"] == ours.pod["terminationGracePeriodSeconds"]
    lifecycles = [each.container("wso2is")["lifecycle"] for each in (patched, ours)]
    assert lifecycles[0] == lifecycles[1]


def test_standing_alone_is_the_same_by_chart_and_by_manifests():
    ours, theirs = Variant("standalone").built, render("secrets: [fedfront]")
    container = theirs.container("fedfront")
    assert container.pop("imagePullPolicy") == "IfNotPresent"
    mine = ours.container("fedfront")
    for mount in mine["volumeMounts"]:
        mount["name"] = {"run": "fedfront-run"}.get(mount["name"], mount["name"])
    assert container == mine
    for key in ("securityContext", "terminationGracePeriodSeconds", "automountServiceAccountToken"):
        assert theirs.pod[key] == ours.pod[key]
    scaled = render("autoscaling: { enabled: true }").one("HorizontalPodAutoscaler")["spec"]
    by_hand = yaml.safe_load((REPOSITORY / "deploy/kubernetes/standalone/autoscaling/autoscaler.yaml").read_text())["spec"]
    assert scaled == by_hand


def test_a_chart_of_ones_own_includes_the_parts(tmp_path):
    (template_,) = [block for block in helm.blocks("yaml") if ".Subcharts" in block]
    parent = tmp_path / "wso2"
    (parent / "templates").mkdir(parents=True)
    (parent / "charts").mkdir()
    (parent / "charts/fedfront").symlink_to(CHART)
    dependency = {"name": "fedfront", "version": "0.1.0", "repository": ""}
    chart = {"apiVersion": "v2", "name": "wso2", "version": "1.0.0", "dependencies": [dependency]}
    (parent / "Chart.yaml").write_text(yaml.safe_dump(chart))
    proxy = helm.proxy_file("sidecar").read_text()
    (parent / "values.yaml").write_text(yaml.safe_dump({"fedfront": {"mode": "sidecar", "proxy": proxy, "secrets": ["fedfront"]}}))
    (parent / "templates/pod.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: { name: wso2is }\n" + template_)
    made = run("helm", "template", "sso", parent)
    assert made.returncode == 0, made.stderr
    objects = {each["kind"]: each for each in yaml.safe_load_all(made.stdout) if each}
    assert objects.keys() == {"Pod", "ConfigMap", "Service", "NetworkPolicy"}
    patched = render("secrets: [fedfront]", "patch")
    (sidecar,) = objects["Pod"]["spec"]["initContainers"]
    assert sidecar == patched.container("fedfront")
    assert objects["Pod"]["spec"]["terminationGracePeriodSeconds"] == 90
    for each in objects.values():
        if each["kind"] == "Pod":
            each["spec"]["containers"][0]["image"] = "wso2is"
        validate(each, VERSIONS[0])


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
                made = run("helm", "template", words[words.index("deploy/helm/fedfront") - 1], CHART, *argv, "--set-file", f"proxy={helm.proxy_file(mode)}")
                assert made.returncode == 0 and made.stdout, made.stderr
                rendered += 1
    assert rendered >= 4
