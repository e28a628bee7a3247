"""deploy/kubernetes and deploy/prometheus: valid for the API server, restricted, and at one with their proxy.yaml."""

import copy
import re
import shutil

import jsonschema
import kubernetes_validate
import pytest

from conftest import need
from support import stand_ins
from support.fedfront import REPOSITORY
from support.kubernetes import (
    FOLDER,
    VERSIONS,
    Variant,
    asked_ports,
    believed_ready,
    duration,
    kustomize,
    load,
    program,
    validate,
    violations,
)
from support.recipes import recipe, shell

VARIANTS = [Variant("sidecar"), Variant("standalone")]
ADMIN_PATHS = {"startupProbe": "/startupz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}

each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)


@pytest.fixture(scope="module", autouse=True)
def kubectl():
    need(program("kubectl"))


def secrets(variant):
    """What the commands of deploy/README.md make besides the manifests."""
    for name, files in variant.secrets().items():
        kind = "kubernetes.io/tls" if name == "fedfront-tls" else "Opaque"
        data = {file: "c3RhbmQtaW4=" for file in files}
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind, "data": data}


@each_variant
@pytest.mark.parametrize("version", VERSIONS)
def test_the_api_server_knows_every_field(variant, version):
    for each in [*variant.built.objects, *secrets(variant)]:
        validate(each, version)


def test_operators_know_every_field():
    for file in ("kubernetes/certificate.yaml", "prometheus/podmonitor.yaml"):
        validate(load(REPOSITORY / "deploy" / file), VERSIONS[0])
    rules = load(REPOSITORY / "deploy/prometheus/alerts.yaml")
    rule = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "fedfront"}}
    validate({**rule, "spec": rules}, VERSIONS[0])
    with pytest.raises(jsonschema.ValidationError):
        validate({**rule, "spec": {**rules, "rules": []}}, VERSIONS[0])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_field_that_it_does_not_know_would_be_found(version):
    broken = copy.deepcopy(VARIANTS[0].built.deployment)
    broken["spec"]["template"]["spec"]["initContainers"][0]["restartPolicies"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(broken, version)


@each_variant
def test_kustomize_takes_every_file_and_names_the_configuration_by_its_content(variant):
    expected = ["ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service"]
    assert variant.built.kinds == expected
    named = {"kustomization.yaml", *re.findall(r"[a-z-]+\.yaml", (variant.folder / "kustomization.yaml").read_text())}
    assert named == {file.name for file in variant.folder.iterdir() if file.is_file()}
    config = variant.built.one("ConfigMap")
    assert config["data"] == {"proxy.yaml": variant.proxy_file.read_text()}
    assert re.fullmatch(r"fedfront-[a-z0-9]{10}", config["metadata"]["name"])
    assert variant.built.mounted(variant.secrets()) == stand_ins.named(variant.proxy_file.read_text()) | {"proxy.yaml"}


def test_a_copy_of_the_manifests_is_as_good(tmp_path):
    (tmp_path / "deploy").symlink_to(REPOSITORY / "deploy")
    shell(recipe("cp -r deploy/kubernetes/sidecar sso"), tmp_path)
    assert kustomize(tmp_path / "sso").objects == Variant("sidecar").built.objects


def test_a_changed_configuration_is_a_rollout(tmp_path):
    variant = VARIANTS[1]
    shutil.copytree(variant.folder, tmp_path / "sso")
    (tmp_path / "sso/proxy.yaml").write_text(variant.proxy_file.read_text().replace("lame_duck: 30s", "lame_duck: 31s"))
    changed = kustomize(tmp_path / "sso")
    assert changed.one("ConfigMap")["metadata"]["name"] != variant.built.one("ConfigMap")["metadata"]["name"]
    assert changed.pod["volumes"] != variant.built.pod["volumes"]


@pytest.mark.parametrize("version", VERSIONS)
def test_scaled_by_load_it_has_no_number_of_its_own(version, tmp_path):
    shutil.copytree(VARIANTS[1].folder, tmp_path / "sso")
    file = tmp_path / "sso/kustomization.yaml"
    commented = file.read_text()
    file.write_text(commented.replace("#components:", "components:"))
    assert file.read_text() != commented
    scaled = kustomize(tmp_path / "sso")
    (scaler,) = scaled.all("HorizontalPodAutoscaler")
    validate(scaler, version)
    target = scaler["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", scaled.deployment["metadata"]["name"])
    assert (
        "replicas" not in scaled.deployment["spec"] and "cpu" in scaled.container("fedfront")["resources"]["requests"]
    )


@each_variant
def test_pods_are_restricted_and_fedfront_more_so(variant):
    assert violations(variant.built.pod) == []
    assert variant.built.pod["automountServiceAccountToken"] is False
    container = variant.built.container("fedfront")
    own = {**variant.built.pod["securityContext"], **container["securityContext"]}
    assert own["readOnlyRootFilesystem"] is True
    # The user of the image, whose group the files of the Secrets get.
    assert own["runAsUser"] == own["runAsGroup"] == own["fsGroup"] == 65532
    resources = container["resources"]
    assert {"cpu", "memory"} <= resources["requests"].keys() and "memory" in resources["limits"]


@pytest.mark.parametrize(
    "path, value, rule",
    [
        ("hostNetwork", True, "hostNetwork"),
        ("securityContext.runAsNonRoot", False, "runAsNonRoot of fedfront"),
        ("securityContext.runAsUser", 0, "runAsUser of fedfront"),
        ("securityContext.seccompProfile", {"type": "Unconfined"}, "seccompProfile of fedfront"),
        ("containers.0.securityContext.privileged", True, "privileged of fedfront"),
        ("containers.0.securityContext.allowPrivilegeEscalation", True, "allowPrivilegeEscalation of fedfront"),
        ("containers.0.securityContext.capabilities", {"drop": ["ALL"], "add": ["KILL"]}, "capabilities of fedfront"),
        ("containers.0.ports.0.hostPort", 443, "hostPort of fedfront"),
        ("volumes.0.hostPath", {"path": "/etc"}, "volume fedfront"),
    ],
)
def test_what_is_not_restricted_is_found(path, value, rule):
    pod = copy.deepcopy(VARIANTS[1].built.pod)
    *way, last = path.split(".")
    place = pod
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    place[last] = value
    assert violations(pod) == [rule]


@each_variant
def test_check_accepts_the_configuration_as_it_is_mounted(variant, site, tmp_path, binary_built):
    checked = stand_ins.check(tmp_path, variant.built.one("ConfigMap")["data"]["proxy.yaml"], site)
    assert checked.returncode == 0, checked.stderr
    assert ": fine" in checked.stdout


@each_variant
def test_ports_probes_and_hooks_are_those_of_the_configuration(variant):
    container = variant.built.container("fedfront")
    (listen,) = variant.proxy["listen"]
    admin_host, admin_port = variant.proxy["admin"]["address"].split(":")
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"https": int(listen["address"].split(":")[1]), "admin": int(admin_port)}
    assert admin_host == "0.0.0.0", "probes and Prometheus come from outside the pod"
    for probe, path in ADMIN_PATHS.items():
        assert container[probe]["httpGet"] == {"path": path, "port": "admin"}

    (published,) = variant.built.one("Service")["spec"]["ports"]
    assert (published["port"], published["targetPort"]) == (443, ports["https"])
    assert re.fullmatch(r"https://[^:/]+", variant.proxy["public_url"])

    policy = variant.built.one("NetworkPolicy")["spec"]
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == set(ports.values())
    for port in policy["ingress"][0]["ports"]:
        assert port["port"] == ports["https"], "only Prometheus comes to the admin port"
    if "Egress" in policy["policyTypes"]:
        assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == asked_ports(variant.proxy) | {
            53
        }


@each_variant
def test_the_configuration_is_a_directory_and_only_the_socket_is_written(variant):
    container = variant.built.container("fedfront")
    argv = ["run", "-c", "/etc/fedfront/proxy.yaml"]
    assert container["args"] == argv and "command" not in container
    volume, mount = variant.built.volume("/etc/fedfront")
    # With subPath a changed Secret would never be seen.
    assert mount["readOnly"] is True and "subPath" not in mount
    assert volume["projected"]["defaultMode"] == 0o440
    socket = variant.proxy["admin"]["socket"]
    volume, _ = variant.built.volume(socket.rsplit("/", 1)[0])
    assert "emptyDir" in volume
    assert len(container["volumeMounts"]) == 2 and "audit_file" not in variant.proxy_file.read_text()


def test_alone_it_has_time_to_end():
    variant = VARIANTS[1]
    limits = {key: duration(value) for key, value in variant.proxy["limits"].items()}
    assert limits["lame_duck"] >= 30, "nothing else waits for balancers to turn away"
    assert believed_ready(variant.built.container("fedfront")) >= limits["lame_duck"]
    assert variant.built.pod["terminationGracePeriodSeconds"] >= limits["lame_duck"] + limits["drain"] + 5
    assert "lifecycle" not in variant.built.container("fedfront")


def test_beside_wso2_it_starts_first_and_ends_last():
    variant = VARIANTS[0]
    (sidecar,) = variant.built.pod["initContainers"]
    assert sidecar["name"] == "fedfront" and sidecar["restartPolicy"] == "Always"
    assert sidecar["lifecycle"]["preStop"]["exec"]["command"] == ["/fedfront", "drain", *sidecar["args"][1:]]
    command, seconds = variant.built.container("wso2is")["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    limits = {key: duration(value) for key, value in variant.proxy["limits"].items()}
    assert int(seconds) >= max(30, limits["lame_duck"])
    assert believed_ready(variant.built.container("fedfront")) >= int(seconds)
    own_end = 30
    assert variant.built.pod["terminationGracePeriodSeconds"] >= int(seconds) + own_end + limits["drain"] + 5
    (upstream,) = variant.proxy["upstream"]["servers"]
    assert upstream == f"https://127.0.0.1:{variant.built.container('wso2is')['ports'][0]['containerPort']}"


@each_variant
def test_nobody_is_without_a_pod_in_a_rollout(variant):
    spec = variant.built.deployment["spec"]
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    # Active Directory's lockout threshold is commonly 5 or 10.
    assert spec["replicas"] >= 2 and spec["replicas"] * variant.proxy["guard"]["threshold"] < 5


@each_variant
def test_selectors_find_the_pods(variant):
    labels = variant.built.deployment["spec"]["template"]["metadata"]["labels"]
    selectors = [
        variant.built.deployment["spec"]["selector"]["matchLabels"],
        variant.built.one("Service")["spec"]["selector"],
    ]
    selectors.append(variant.built.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"])
    selectors.append(variant.built.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"])
    if variant.name == "standalone":
        selectors += [each["labelSelector"]["matchLabels"] for each in variant.built.pod["topologySpreadConstraints"]]
    assert all(selector == labels for selector in selectors), selectors

    monitor = load(REPOSITORY / "deploy/prometheus/podmonitor.yaml")["spec"]
    (expression,) = monitor["selector"]["matchExpressions"]
    assert expression["operator"] == "In" and labels[expression["key"]] in expression["values"]
    (job,) = load(REPOSITORY / "deploy/prometheus/kubernetes.yaml")["scrape_configs"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    named = [{"targetLabel": "job", "replacement": job["job_name"]}]
    assert endpoint == {"port": "admin", "path": "/metrics", "relabelings": named}
    assert f'absent(up{{job="{job["job_name"]}"}})' in (REPOSITORY / "deploy/prometheus/alerts.yaml").read_text()
    keep = job["relabel_configs"][0]
    container = variant.built.container("fedfront")
    values = {
        "__meta_kubernetes_pod_container_name": container["name"],
        "__meta_kubernetes_pod_container_port_name": "admin",
    }
    assert keep["action"] == "keep"
    assert re.fullmatch(keep["regex"], ";".join(values[label] for label in keep["source_labels"]))


def test_cert_manager_fills_the_secret_that_is_mounted():
    certificate = load(FOLDER / "certificate.yaml")["spec"]
    assert certificate["secretName"] in VARIANTS[0].secrets()
    assert f"https://{certificate['dnsNames'][0]}" == VARIANTS[0].proxy["public_url"]


def test_versions_are_that_of_the_package():
    version = re.search(r'^version = "(.*)"', (REPOSITORY / "Cargo.toml").read_text(), re.M).group(1)
    for variant in VARIANTS:
        assert variant.built.container("fedfront")["image"] == f"registry.example.com/fedfront:{version}"
    for file in ("deploy/README.md", "deploy/Dockerfile"):
        said = re.findall(r"fedfront:(\d+\.\d+\.\d+)|version=\"([^\"]+)\"", (REPOSITORY / file).read_text())
        assert said and all(version in pair for pair in said), file
