"""deploy/kubernetes and deploy/prometheus: valid for the API server, restricted, and at one with their proxy.yaml."""

import copy
import re
import subprocess

import kubernetes_validate
import pytest

from support import certificates, fedfront
from support.fedfront import REPOSITORY
from support.kubernetes import FOLDER, Variant, duration, load

# The first version with native sidecars, and the newest that the schemas know.
VERSIONS = ["1.29", kubernetes_validate.latest_version()]
VARIANTS = [Variant("sidecar"), Variant("standalone")]
ADMIN_PATHS = {"startupProbe": "/startupz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}

each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)


def generated(variant):
    """What kustomize and the commands of deploy/README.md make besides the manifests."""
    metadata = {"name": variant.kustomization["configMapGenerator"][0]["name"]}
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"proxy.yaml": variant.proxy_file.read_text()},
    }
    for name, files in variant.secrets().items():
        kind = "kubernetes.io/tls" if name == "fedfront-tls" else "Opaque"
        data = {file: "c3RhbmQtaW4=" for file in files}
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind, "data": data}


@each_variant
@pytest.mark.parametrize("version", VERSIONS)
def test_the_api_server_knows_every_field(variant, version):
    for each in [*variant.objects, *generated(variant)]:
        assert kubernetes_validate.validate(each, version, strict=True) == version.rsplit(".0", 1)[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_field_that_it_does_not_know_would_be_found(version):
    broken = copy.deepcopy(VARIANTS[0].deployment)
    broken["spec"]["template"]["spec"]["initContainers"][0]["restartPolicies"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, version, strict=True)


@each_variant
def test_kustomize_takes_every_file_and_names_what_is_there(variant):
    assert set(variant.kustomization) == {"apiVersion", "kind", "resources", "configMapGenerator", "images"}
    (config,) = variant.kustomization["configMapGenerator"]
    named = {"kustomization.yaml", *variant.kustomization["resources"], *config["files"]}
    assert named == {file.name for file in variant.folder.iterdir()}
    (image,) = variant.kustomization["images"]
    assert variant.container("fedfront")["image"].split(":")[0] == image["name"]


def violations(pod):
    """What the Pod Security Standard `restricted` forbids in a pod, of all that these manifests could do wrong."""
    found = []
    whole = pod.get("securityContext", {})
    found += [key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
    allowed = {"name", "configMap", "secret", "projected", "emptyDir", "downwardAPI", "csi", "persistentVolumeClaim"}
    found += [f"volume {volume['name']}" for volume in pod["volumes"] if not volume.keys() <= allowed]
    for container in pod.get("initContainers", []) + pod["containers"]:
        own = container.get("securityContext", {})
        name = container["name"]
        rules = {
            "privileged": not own.get("privileged"),
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
            "capabilities": own.get("capabilities") == {"drop": ["ALL"]},
            "runAsNonRoot": own.get("runAsNonRoot", whole.get("runAsNonRoot")) is True,
            "runAsUser": own.get("runAsUser", whole.get("runAsUser", 1)) != 0,
            "seccompProfile": own.get("seccompProfile", whole.get("seccompProfile")) == {"type": "RuntimeDefault"},
            "hostPort": not any("hostPort" in port for port in container.get("ports", [])),
        }
        found += [f"{rule} of {name}" for rule, kept in rules.items() if not kept]
    return found


@each_variant
def test_pods_are_restricted_and_fedfront_more_so(variant):
    assert violations(variant.pod) == []
    assert variant.pod["automountServiceAccountToken"] is False
    container = variant.container("fedfront")
    own = {**variant.pod["securityContext"], **container["securityContext"]}
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
    pod = copy.deepcopy(VARIANTS[1].pod)
    *way, last = path.split(".")
    place = pod
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    place[last] = value
    assert violations(pod) == [rule]


@each_variant
def test_check_accepts_the_configuration_as_it_is_mounted(variant, site, tmp_path, binary_built):
    text = variant.proxy_file.read_text()
    without_comments = re.sub(r"(?m)^ *#.*", "", text)
    files = set(re.findall(r"_file: ([^\s,}]+)", without_comments))
    assert variant.mounted() == files | {"proxy.yaml"}
    stand_ins(tmp_path, files, site)
    (tmp_path / "proxy.yaml").write_text(text)
    argv = [fedfront.binary(), "check", "-c", tmp_path / "proxy.yaml"]
    checked = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stderr
    assert ": fine" in checked.stdout


def stand_ins(folder, names, site):
    """Files of the kinds that their names say, readable by their owner alone."""
    password = b"stand-in"
    for name in names:
        if name.endswith(".p12"):
            content = certificates.keystore(site.signing, password)
        else:
            sources = {"tls.crt": site.tls[0], "tls.key": site.tls[1]}
            is_ca = name.endswith(".pem")
            content = sources.get(name, site.ca).read_bytes() if is_ca or name in sources else password + b"\n"
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)


@each_variant
def test_ports_probes_and_hooks_are_those_of_the_configuration(variant):
    container = variant.container("fedfront")
    (listen,) = variant.proxy["listen"]
    admin_host, admin_port = variant.proxy["admin"]["address"].split(":")
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"https": int(listen["address"].split(":")[1]), "admin": int(admin_port)}
    assert admin_host == "0.0.0.0", "probes and Prometheus come from outside the pod"
    for probe, path in ADMIN_PATHS.items():
        assert container[probe]["httpGet"] == {"path": path, "port": "admin"}

    (published,) = variant.one("Service")["spec"]["ports"]
    assert (published["port"], published["targetPort"]) == (443, ports["https"])
    assert re.fullmatch(r"https://[^:/]+", variant.proxy["public_url"])

    policy = variant.one("NetworkPolicy")["spec"]
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == set(ports.values())
    for port in policy["ingress"][0]["ports"]:
        assert port["port"] == ports["https"], "only Prometheus comes to the admin port"
    asked = [*variant.proxy["upstream"]["servers"], *variant.proxy["directory"]["ldap"]["urls"]]
    defaults = {"https": 443, "ldaps": 636}
    needed = {int(url.rsplit(":", 1)[1]) if url.count(":") == 2 else defaults[url.split(":")[0]] for url in asked}
    if "Egress" in policy["policyTypes"]:
        assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == needed | {53}


@each_variant
def test_the_configuration_is_a_directory_and_only_the_socket_is_written(variant):
    container = variant.container("fedfront")
    argv = ["run", "-c", "/etc/fedfront/proxy.yaml"]
    assert container["args"] == argv and "command" not in container
    volume, mount = variant.volume("/etc/fedfront")
    # With subPath a changed Secret would never be seen.
    assert mount["readOnly"] is True and "subPath" not in mount
    assert volume["projected"]["defaultMode"] == 0o440
    socket = variant.proxy["admin"]["socket"]
    volume, _ = variant.volume(socket.rsplit("/", 1)[0])
    assert "emptyDir" in volume
    assert len(container["volumeMounts"]) == 2 and "audit_file" not in variant.proxy_file.read_text()


def test_alone_it_has_time_to_end():
    variant = VARIANTS[1]
    limits = {key: duration(value) for key, value in variant.proxy["limits"].items()}
    assert limits["lame_duck"] >= 30, "nothing else waits for balancers to turn away"
    assert believed_ready(variant) >= limits["lame_duck"]
    assert variant.pod["terminationGracePeriodSeconds"] >= limits["lame_duck"] + limits["drain"] + 5
    assert "lifecycle" not in variant.container("fedfront")


def test_beside_wso2_it_starts_first_and_ends_last():
    variant = VARIANTS[0]
    (sidecar,) = variant.pod["initContainers"]
    assert sidecar["name"] == "fedfront" and sidecar["restartPolicy"] == "Always"
    assert sidecar["lifecycle"]["preStop"]["exec"]["command"] == ["/fedfront", "drain", *sidecar["args"][1:]]
    command, seconds = variant.container("wso2is")["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    limits = {key: duration(value) for key, value in variant.proxy["limits"].items()}
    assert int(seconds) >= max(30, limits["lame_duck"])
    assert believed_ready(variant) >= int(seconds)
    own_end = 30
    assert variant.pod["terminationGracePeriodSeconds"] >= int(seconds) + own_end + limits["drain"] + 5
    (upstream,) = variant.proxy["upstream"]["servers"]
    assert upstream == f"https://127.0.0.1:{variant.container('wso2is')['ports'][0]['containerPort']}"


def believed_ready(variant):
    """For how many seconds at least the pod counts as ready after readyz began to say no."""
    probe = variant.container("fedfront")["readinessProbe"]
    return probe["periodSeconds"] * (probe["failureThreshold"] - 1)


@each_variant
def test_nobody_is_without_a_pod_in_a_rollout(variant):
    spec = variant.deployment["spec"]
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    # Active Directory's lockout threshold is commonly 5 or 10.
    assert spec["replicas"] >= 2 and spec["replicas"] * variant.proxy["guard"]["threshold"] < 5


@each_variant
def test_selectors_find_the_pods(variant):
    labels = variant.deployment["spec"]["template"]["metadata"]["labels"]
    selectors = [variant.deployment["spec"]["selector"]["matchLabels"], variant.one("Service")["spec"]["selector"]]
    selectors.append(variant.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"])
    selectors.append(variant.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"])
    if variant.name == "standalone":
        selectors += [each["labelSelector"]["matchLabels"] for each in variant.pod["topologySpreadConstraints"]]
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
    container = variant.container("fedfront")
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
        assert variant.container("fedfront")["image"] == f"fedfront:{version}"
    for file in ("deploy/README.md", "deploy/Dockerfile"):
        said = re.findall(r"fedfront:(\d+\.\d+\.\d+)|version=\"([^\"]+)\"", (REPOSITORY / file).read_text())
        assert said and all(version in pair for pair in said), file
